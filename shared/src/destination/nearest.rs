//! What a person may have meant.

use crate::expression::suggestion;

/// "did you mean `…`?" with the known name nearest to a mistyped one, where one is near.
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    suggestion(name, known.into_iter()).strip_prefix("; ").map(str::to_owned)
}
