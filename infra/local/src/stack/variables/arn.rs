//! ARNs, as far as a mistake in one can be seen.

/// Whether a text is an ARN of a service, with a region, an account of twelve digits, and behind it what begins like
/// this and goes on.
pub(super) fn is(text: &str, service: &str, begins: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, partition, of, region, account, resource] = parts[..] else { return false };
    let rest = resource.strip_prefix(begins).unwrap_or_default();
    arn == "arn"
        && !partition.is_empty()
        && of == service
        && !region.is_empty()
        && is_account(account)
        && !rest.is_empty()
        && !rest.contains('*')
}

/// Whether a text is the number of an account.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::is;

    #[test]
    fn each_part_has_to_be_there() {
        assert!(is("arn:aws:kms:eu-central-1:123456789012:key/a", "kms", "key/"));
        for wrong in [
            "",
            "arn",
            "arn:aws:kms:eu-central-1:123456789012:key/",
            "arn:aws:kms:eu-central-1:123456789012:alias/a",
            "arn:aws:kms:eu-central-1:1234:key/a",
            "arn:aws:kms::123456789012:key/a",
            "arn:aws:s3:eu-central-1:123456789012:key/a",
            "arn:aws:kms:eu-central-1:123456789012:key/*",
        ] {
            assert!(!is(wrong, "kms", "key/"), "{wrong}");
        }
    }
}
