//! The symmetric signature of Standard Webhooks (specification 1.0.0, "Signature scheme" and "Webhook headers").

use ring::hmac;

use super::Message;
use crate::digest;

/// `webhook-id`, `webhook-timestamp` (seconds) and `webhook-signature`.
///
/// A secret is `whsec_` and base64. Several, with blanks between, sign with each: so a receiver's secret can be changed
/// without a gap.
pub fn sign(secret: &str, message: &Message<'_>) -> Result<Vec<(String, String)>, String> {
    let id = message_id(message.ids);
    let timestamp = message.at.seconds().to_string();
    let signatures = secret
        .split_whitespace()
        .map(|secret| Ok(signature(&key(secret)?, &id, &timestamp, message.body)))
        .collect::<Result<Vec<_>, String>>()?;
    Ok(vec![
        ("webhook-id".to_owned(), id),
        ("webhook-timestamp".to_owned(), timestamp),
        ("webhook-signature".to_owned(), signatures.join(" ")),
    ])
}

/// The same on every attempt of the same deliveries. The specification forbids a full stop in it, since one parts it
/// from the timestamp in what is signed; the ids of deliveries may have some, so it is a digest of them.
fn message_id(ids: &[&str]) -> String {
    let digest = digest::hex(ids.join("\n").as_bytes());
    format!("msg_{}", &digest[..32])
}

fn key(secret: &str) -> Result<hmac::Key, String> {
    let base64 = secret.strip_prefix("whsec_").unwrap_or(secret);
    let bytes = base64_simd::STANDARD.decode_to_vec(base64).map_err(|_| {
        "is no Standard Webhooks secret; set `whsec_` and the base64 of 24 to 64 random bytes, as from \
         `echo whsec_$(openssl rand -base64 32)`"
            .to_owned()
    })?;
    if (24..=64).contains(&bytes.len()) {
        Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
    } else {
        Err(format!("has {} bytes, and Standard Webhooks asks for 24 to 64; set a new one", bytes.len()))
    }
}

fn signature(key: &hmac::Key, id: &str, timestamp: &str, body: &str) -> String {
    let tag = hmac::sign(key, format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", base64_simd::STANDARD.encode_to_string(tag.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn the_published_vector() {
        // standard-webhooks/standard-webhooks, libraries/go/webhook_test.go, TestWebhookSign.
        let signature =
            signature(&key(SECRET).unwrap(), "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", r#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_prefix_may_be_missing() {
        // As in that file's TestWebhookPrefix.
        let message = Message { ids: &["a"], body: "{}", at: Timestamp::from_millis(1_614_265_330_999) };
        assert_eq!(sign(SECRET, &message), sign(SECRET.strip_prefix("whsec_").unwrap(), &message));
    }

    #[test]
    fn two_secrets_make_two_signatures() {
        let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let message = Message { ids: &["a"], body: "{}", at: Timestamp::from_millis(0) };
        let of = |secret: &str| sign(secret, &message).unwrap().pop().unwrap().1;
        assert_eq!(of(&format!("{SECRET} {other}")), format!("{} {}", of(SECRET), of(other)));
    }

    #[test]
    fn a_message_id_has_no_full_stop_and_depends_on_every_delivery() {
        assert!(!message_id(&["p/orders/1/77.3"]).contains('.'));
        assert_ne!(message_id(&["a", "b"]), message_id(&["b", "a"]));
        assert_ne!(message_id(&["a"]), message_id(&["a", "b"]));
    }

    #[test]
    fn what_is_no_secret_says_how_to_make_one() {
        assert!(key("whsec_***").unwrap_err().contains("openssl"));
        assert!(key("whsec_c2hvcnQ=").unwrap_err().contains("5 bytes"));
    }
}
