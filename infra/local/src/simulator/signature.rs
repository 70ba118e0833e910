//! The receiver's side of Standard Webhooks: whether a signature fits.

use axum::http::HeaderMap;
use ring::hmac;

/// How far a timestamp may be from now, in seconds: five minutes, as in Standard Webhooks' own libraries.
const TOLERANCE: i64 = 300;

/// Verifies signatures.
///
/// Written from the specification, on purpose apart from the code in `shared` that signs: one shared mistake would sign
/// and verify happily.
#[derive(Debug)]
pub struct Verifier(hmac::Key);

impl Verifier {
    /// For a secret: `whsec_` and base64.
    pub fn new(secret: &str) -> Result<Self, String> {
        let encoded = secret.strip_prefix("whsec_").ok_or("a webhook's secret begins with whsec_")?;
        let bytes =
            base64_simd::STANDARD.decode_to_vec(encoded).map_err(|_| "a webhook's secret is base64 behind whsec_")?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// Whether a request's signature fits; `now` in seconds since 1970.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8], now: i64) -> Result<(), &'static str> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let id = header("webhook-id").filter(|id| !id.is_empty()).ok_or("there is no webhook-id")?;
        let timestamp = header("webhook-timestamp").ok_or("there is no webhook-timestamp")?;
        let signatures = header("webhook-signature").ok_or("there is no webhook-signature")?;
        let at: i64 = timestamp.parse().map_err(|_| "webhook-timestamp is no number of seconds")?;
        if (now - at).abs() > TOLERANCE {
            return Err("webhook-timestamp is too far from now");
        }
        if id.contains('.') {
            return Err("webhook-id has a full stop in it");
        }
        let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
        let matches = |signature: &str| {
            let base64 = signature.strip_prefix("v1,")?;
            let tag = base64_simd::STANDARD.decode_to_vec(base64).ok()?;
            // Compares in constant time.
            hmac::verify(&self.0, &signed, &tag).ok()
        };
        if signatures.split(' ').any(|signature| matches(signature).is_some()) {
            Ok(())
        } else {
            Err("no signature fits")
        }
    }
}
