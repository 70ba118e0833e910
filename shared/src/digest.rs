//! SHA-256, as text.

use std::fmt::Write as _;

/// SHA-256 of the bytes, in 64 hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    digits(&ring::digest::digest(&ring::digest::SHA256, bytes))
}

/// A finished digest in hexadecimal digits.
pub fn digits(digest: &ring::digest::Digest) -> String {
    digest.as_ref().iter().fold(String::with_capacity(64), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_empty_text_has_its_known_digest() {
        // FIPS 180-4, example of the empty message.
        assert_eq!(super::hex(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
