//! What nobody can guess.

use base64_simd::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom as _, SystemRandom};

/// The system gives no random bytes: nothing that depends on them can be done safely.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoRandom;

/// So many random bytes.
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandom> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandom)?;
    Ok(bytes)
}

/// So many random bytes, as text for an address or a header.
pub fn text<const N: usize>() -> Result<String, NoRandom> {
    bytes::<N>().map(|bytes| URL_SAFE_NO_PAD.encode_to_string(bytes))
}
