//! Texts.

use minijinja::{Environment, Error, value::Value as EngineValue};

use super::{OfText, text_of, wrong};

/// How much longer than its input `replace` may make a text, in bytes.
const MOST_BYTES: usize = 400_000;

pub(super) const OF_TEXT: &[(&str, OfText)] = &[
    ("string", |text| Ok(text.to_owned())),
    ("lower", |text| Ok(text.to_lowercase())),
    ("upper", |text| Ok(text.to_uppercase())),
    ("trim", |text| Ok(text.trim().to_owned())),
    ("title", |text| Ok(title(text))),
    ("slug", |text| Ok(slug(text))),
    ("redact", |text| Ok(redact(text))),
];

pub(super) fn add_to(engine: &mut Environment<'_>) {
    engine.add_filter("truncate", truncate);
    engine.add_filter("replace", replace);
    engine.add_filter("split", split);
}

/// Each word with a capital first, the rest small.
fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut begins = true;
    for letter in text.chars() {
        if begins {
            titled.extend(letter.to_uppercase());
        } else {
            titled.extend(letter.to_lowercase());
        }
        begins = !(letter.is_alphanumeric() || letter == '\'');
    }
    titled
}

/// Small letters and digits, with one dash for whatever stands between.
fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for letter in text.chars().flat_map(char::to_lowercase) {
        if letter.is_alphanumeric() {
            slug.push(letter);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

/// At most so many characters; what is cut off is told by `end` at the end, which counts.
fn truncate(value: &EngineValue, most: usize, end: Option<&str>) -> Result<EngineValue, Error> {
    let Some(text) = text_of(value, "truncate")? else { return Ok(EngineValue::from(())) };
    if text.chars().count() <= most {
        return Ok(EngineValue::from(text.into_owned()));
    }
    let end = end.unwrap_or("…");
    let kept = most.saturating_sub(end.chars().count());
    Ok(EngineValue::from(text.chars().take(kept).chain(end.chars()).take(most).collect::<String>()))
}

fn replace(value: &EngineValue, from: &str, to: &str) -> Result<EngineValue, Error> {
    let Some(text) = text_of(value, "replace")? else { return Ok(EngineValue::from(())) };
    if from.is_empty() {
        return Err(wrong("`replace` needs a text to look for, such as replace('-', '')"));
    }
    let more = to.len().saturating_sub(from.len());
    if text.matches(from).count().saturating_mul(more) > MOST_BYTES {
        return Err(wrong("`replace` would make a text that is too large to be sent"));
    }
    Ok(EngineValue::from(text.replace(from, to)))
}

/// The parts between a separator; between stretches of white space without one.
fn split(value: &EngineValue, separator: Option<&str>) -> Result<EngineValue, Error> {
    let Some(text) = text_of(value, "split")? else { return Ok(EngineValue::from(())) };
    let parts: Vec<EngineValue> = match separator {
        None => text.split_whitespace().map(EngineValue::from).collect(),
        Some("") => return Err(wrong("`split` needs a separator, such as split(',')")),
        Some(separator) => text.split(separator).map(EngineValue::from).collect(),
    };
    Ok(EngineValue::from(parts))
}

/// Of an address its first character and its host; of another text its last four characters, where it has eight or more.
fn redact(text: &str) -> String {
    if let Some((name, host)) = text.rsplit_once('@') {
        return format!("{}***@{host}", name.chars().take(1).collect::<String>());
    }
    let count = text.chars().count();
    let shown = if count < 8 { 0 } else { 4 };
    format!("***{}", text.chars().skip(count - shown).collect::<String>())
}
