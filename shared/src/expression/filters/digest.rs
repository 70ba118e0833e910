//! Digests, for vendors that match people by them.

use super::OfText;
use crate::digest;

pub(super) const OF_TEXT: &[(&str, OfText)] = &[("sha256", |text| Ok(digest::hex(text.as_bytes())))];
