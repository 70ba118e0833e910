//! Dates and times.

use jiff::{
    Timestamp, civil,
    fmt::strtime,
    tz::{self, TimeZone},
};
use minijinja::{Environment, Error, value::Value as EngineValue};

use super::{begin_of, text_of, wrong};
use crate::nearest::suggestion;

/// A number at or above this is of milliseconds: as seconds it would be the year 5138.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// How long a format may be, in bytes. One letter of it can stand for 255.
const LONGEST_FORMAT: usize = 200;

pub(super) fn add_to(engine: &mut Environment<'_>) {
    engine.add_filter("parse_date", parse_date);
    engine.add_filter("format_date", format_date);
    engine.add_filter("epoch_seconds", epoch_seconds);
    engine.add_filter("epoch_millis", epoch_millis);
}

/// A moment as RFC 3339 in UTC, from a text in a format of its own and in a time zone.
fn parse_date(value: &EngineValue, format: Option<&str>, zone: Option<&str>) -> Result<EngineValue, Error> {
    moment(value, "parse_date", format, zone).map(|moment| match moment {
        None => EngineValue::from(()),
        Some(moment) => EngineValue::from(moment.to_string()),
    })
}

fn format_date(value: &EngineValue, format: &str, zone: Option<&str>) -> Result<EngineValue, Error> {
    let (format, zone) = (short(format)?, zone_of(zone)?);
    let Some(moment) = moment(value, "format_date", None, None)? else { return Ok(EngineValue::from(())) };
    let text = strtime::format(format, &moment.to_zoned(zone)).map_err(|error| {
        wrong(format!("`{format}` is no format of a date ({error}); such as format_date('%d.%m.%Y %H:%M')"))
    })?;
    Ok(EngineValue::from(text))
}

fn epoch_seconds(value: &EngineValue) -> Result<EngineValue, Error> {
    let moment = moment(value, "epoch_seconds", None, None)?;
    Ok(moment.map_or_else(|| EngineValue::from(()), |moment| EngineValue::from(moment.as_second())))
}

fn epoch_millis(value: &EngineValue) -> Result<EngineValue, Error> {
    let moment = moment(value, "epoch_millis", None, None)?;
    Ok(moment.map_or_else(|| EngineValue::from(()), |moment| EngineValue::from(moment.as_millisecond())))
}

/// A moment out of seconds or milliseconds since 1970, RFC 3339, a date (its beginning), a date with a time, or a text in
/// a format. What has no offset of its own is of the time zone; UTC unless told.
fn moment(
    value: &EngineValue,
    filter: &str,
    format: Option<&str>,
    zone: Option<&str>,
) -> Result<Option<Timestamp>, Error> {
    let zone = zone_of(zone)?;
    let Some(text) = text_of(value, filter)? else { return Ok(None) };
    let text = text.trim();
    let no_date = || {
        wrong(format!(
            "`{filter}` takes a date, such as 2026-07-01, 2026-07-01T09:30:00Z or 1782898200; for another form write it \
             down, such as parse_date('%d.%m.%Y')"
        ))
    };
    if let Some(format) = format {
        let format = short(format)?;
        let parsed = strtime::parse(format, text)
            .map_err(|_| wrong(format!("the text is no date in the form `{format}`, such as {}", example(format))))?;
        if let Ok(moment) = parsed.to_timestamp() {
            return Ok(Some(moment));
        }
        let date = parsed.to_datetime().or_else(|_| parsed.to_date().map(civil::DateTime::from));
        let zoned = date.and_then(|date| date.to_zoned(zone)).map_err(|_| no_date())?;
        return Ok(Some(zoned.timestamp()));
    }
    if let Ok(number) = text.parse::<i64>() {
        let is_millis = number.unsigned_abs() >= MILLISECONDS_FROM.unsigned_abs();
        let moment = if is_millis { Timestamp::from_millisecond(number) } else { Timestamp::from_second(number) };
        return moment.map(Some).map_err(|_| no_date());
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(Some(moment));
    }
    let date = text.parse::<civil::DateTime>().or_else(|_| text.parse::<civil::Date>().map(civil::DateTime::from));
    let zoned = date.and_then(|date| date.to_zoned(zone)).map_err(|_| no_date())?;
    Ok(Some(zoned.timestamp()))
}

fn short(format: &str) -> Result<&str, Error> {
    if format.len() <= LONGEST_FORMAT {
        return Ok(format);
    }
    Err(wrong(format!("the format of a date is {} bytes long; at most {LONGEST_FORMAT} are allowed", format.len())))
}

/// A date in the format, so that a person sees what it means.
fn example(format: &str) -> String {
    strtime::format(format, civil::date(2026, 7, 31).at(9, 30, 0, 0)).unwrap_or_else(|_| "31.07.2026".to_owned())
}

fn zone_of(name: Option<&str>) -> Result<TimeZone, Error> {
    let Some(name) = name else { return Ok(TimeZone::UTC) };
    let database = tz::db();
    database.get(name).map_err(|_| {
        let names: Vec<String> = database.available().map(|known| known.to_string()).collect();
        let hint = suggestion(name, names.iter().map(String::as_str));
        wrong(format!("`{}` is no time zone{hint}; write one such as Europe/Zurich", begin_of(name)))
    })
}
