//! What data cannot say, as named code. A connector's file names a codec; each is small and has its own tests.

mod standard_webhooks;

use serde::Deserialize;

use crate::time::Timestamp;

/// A way to sign requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    /// HMAC-SHA256 by the Standard Webhooks specification, version 1.
    StandardWebhooks,
}

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The ids of the deliveries in the request, in their order.
    pub ids: &'a [&'a str],
    /// The body.
    pub body: &'a str,
    /// When the attempt is made.
    pub at: Timestamp,
}

impl Codec {
    /// The headers that carry the signature, or what is wrong with the secret.
    pub fn sign(self, secret: &str, message: &Message<'_>) -> Result<Vec<(String, String)>, String> {
        match self {
            Self::StandardWebhooks => standard_webhooks::sign(secret, message),
        }
    }
}
