//! Variables of a deployed stack that the local one checks and takes no further notice of.

use super::{Variables, arn};

/// What CloudWatch takes ("`PutRetentionPolicy`", CloudWatch Logs API reference).
const RETENTIONS: [u32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// What is wrong with them.
pub(super) fn problems(variables: &Variables, problems: &mut Vec<String>) {
    if let Some(architecture) = &variables.architecture
        && !["arm64", "x86_64"].contains(&architecture.as_str())
    {
        problems.push(format!("architecture is \"{architecture}\"; Lambda has arm64 and x86_64"));
    }
    if let Some(key) = &variables.kms_key_arn
        && !arn::is(key, "kms", "key/")
    {
        problems.push(format!(
            "kms_key_arn is \"{key}\", which is no ARN of a key; it looks like \
             arn:aws:kms:<region>:<account>:key/<id>"
        ));
    }
    if let Some(boundary) = &variables.permissions_boundary_arn
        && !is_policy(boundary)
    {
        problems.push(format!(
            "permissions_boundary_arn is \"{boundary}\", which is no ARN of a policy; it looks like \
             arn:aws:iam::<account>:policy/<name>"
        ));
    }
    if let Some(days) = variables.log_retention_days
        && !RETENTIONS.contains(&days)
    {
        let days_before = RETENTIONS[..21].iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
        problems.push(format!("log_retention_days is {days}; CloudWatch takes {days_before} or {}", RETENTIONS[21]));
    }
    if let Some(topic) = &variables.alarm_topic_arn
        && (!arn::is(topic, "sns", "") || topic.rsplit('.').next() == Some("fifo"))
    {
        problems.push(format!(
            "alarm_topic_arn is \"{topic}\", which is no ARN of a topic that alarms can go to; it looks like \
             arn:aws:sns:<region>:<account>:<name>, and is not FIFO"
        ));
    }
}

/// An ARN of IAM has no region; AWS's own policies have `aws` in the account's place.
fn is_policy(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [arn, partition, "iam", "", account, resource] = parts[..] else { return false };
    arn == "arn"
        && !partition.is_empty()
        && (account == "aws" || arn::is_account(account))
        && resource.strip_prefix("policy/").is_some_and(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_and_topics_are_told_by_their_arns() {
        let of = |boundary: &str, topic: &str| {
            let text = format!(
                "name = \"a\"\nregion = \"b\"\nsources = {{}}\ndestinations = {{}}\npermissions_boundary_arn = \"{boundary}\"\n\
                 alarm_topic_arn = \"{topic}\"\n"
            );
            let mut found = Vec::new();
            problems(&hcl::from_str(&text).unwrap(), &mut found);
            found
        };
        let (policy, topic) = ("arn:aws:iam::123456789012:policy/b", "arn:aws:sns:eu-central-1:123456789012:alarms");
        assert_eq!(of(policy, topic), Vec::<String>::new());
        assert_eq!(of("arn:aws:iam::aws:policy/PowerUserAccess", topic), Vec::<String>::new());
        let both = of("arn:aws:iam::123456789012:role/b", "arn:aws:sns:eu-central-1:123456789012:alarms.fifo");
        assert_eq!(both.len(), 2);
        assert!(both[0].starts_with("permissions_boundary_arn is \"arn:aws:iam::123456789012:role/b\", which is no"));
        assert!(both[1].ends_with("and is not FIFO"), "{}", both[1]);
    }
}
