//! Addresses and telephone numbers.

use minijinja::{Environment, Error, value::Value as EngineValue};
use phonelib::PhoneNumber;

use super::{OfText, begin_of, text_of, wrong};

/// How long an address may be, in bytes: 64 before the `@` and 255 behind it (RFC 5321, 4.5.3.1).
const LONGEST_ADDRESS: usize = 320;

pub(super) const OF_TEXT: &[(&str, OfText)] = &[("email", email)];

pub(super) fn add_to(engine: &mut Environment<'_>) {
    engine.add_filter("phone", phone);
}

/// In small letters, without white space around it; with one `@`, and a host with a dot.
fn email(text: &str) -> Result<String, Error> {
    let address = text.trim().to_lowercase();
    let is_good = address.split_once('@').is_some_and(|(name, host)| {
        let is_host = host.split('.').count() > 1 && host.split('.').all(|part| !part.is_empty());
        address.len() <= LONGEST_ADDRESS
            && !name.is_empty()
            && is_host
            && !host.contains('@')
            && !address.contains(char::is_whitespace)
    });
    if is_good {
        Ok(address)
    } else {
        Err(wrong("the text is no e-mail address; mend it at the source, or filter such rows out with `when`"))
    }
}

/// In E.164 (ITU-T): a plus, the country's code and the number, such as +41446681800. A number that does not begin with
/// `+` or `00` is of the country.
fn phone(value: &EngineValue, country: Option<&str>) -> Result<EngineValue, Error> {
    let Some(text) = text_of(value, "phone")? else { return Ok(EngineValue::from(())) };
    let text = text.trim();
    let international = text.strip_prefix("00").map(|rest| format!("+{rest}"));
    let text = international.as_deref().unwrap_or(text);
    let number = if text.starts_with('+') {
        PhoneNumber::parse(text)
    } else {
        let Some(country) = country else {
            return Err(wrong(
                "the telephone number has no country; say which with its two letters, such as phone('CH')",
            ));
        };
        if phonelib::country_by_code(country).is_none() {
            return Err(wrong(format!(
                "`{}` is no country; write its two letters (ISO 3166-1), such as phone('CH')",
                begin_of(country)
            )));
        }
        PhoneNumber::parse_with_country(text, country)
    };
    match number {
        Some(number) => Ok(EngineValue::from(number.e164())),
        None => {
            Err(wrong("the text is no telephone number; mend it at the source, or filter such rows out with `when`"))
        }
    }
}
