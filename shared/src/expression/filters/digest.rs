//! Digests, for vendors that match people by them.

use minijinja::Environment;

use super::of_text;
use crate::digest;

pub(super) fn add_to(engine: &mut Environment<'_>) {
    engine.add_filter("sha256", of_text("sha256", |text| Ok(digest::hex(text.as_bytes()))));
}
