//! Answers in a vendor's shape: its example, with what is told of these records at the places where the connector's file
//! says that it is read.

use std::time::Duration;

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use shared::{
    destination::{Connector, IndexReading, JobReading, Reading, ResetAs, TraceReading},
    time::{Clock as _, SystemClock},
    value::{Number, Object, Value},
};

use super::{catalogue::Endpoint, examples::Example};

/// What becomes of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// By what the vendor tells its row.
    pub key: Option<String>,
    /// The trace that it was sent with.
    pub trace: Option<String>,
    /// What was done, or why nothing.
    pub ended: Result<Done, Failure>,
}

/// A record that was applied.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Done {
    /// The vendor's own id of the row.
    pub id: Option<String>,
    /// The row is new.
    pub created: bool,
    /// The fields that the vendor tells back.
    pub fields: Object,
}

/// A record that was not.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The vendor's words.
    pub reason: String,
    /// The same record may be taken the next time.
    pub passing: bool,
}

/// Whether an answer to this request can tell of some records that they failed, while the others are done.
pub const fn tells_apart(endpoint: &Endpoint) -> bool {
    match endpoint.request.answer {
        Reading::Trace(_) | Reading::Job(_) => true,
        Reading::Index(_) => endpoint.examples.partial.is_some(),
        Reading::Status | Reading::Flag(_) | Reading::Key(_) => false,
    }
}

/// Whether an answer that rejects a whole request names every record that is to blame.
pub const fn names_all(endpoint: &Endpoint) -> bool {
    matches!(endpoint.request.answer, Reading::Index(_))
}

/// The kind of failure that passes, where the vendor tells one.
pub fn passing_kind(endpoint: &Endpoint) -> Option<&str> {
    match &endpoint.request.answer {
        // The last: in HubSpot's file INTERNAL_ERROR, behind RATE_LIMITS.
        Reading::Trace(paths) => paths.retry_kinds.last().map(String::as_str),
        Reading::Job(job) => job.errors.retry_kinds.last().map(String::as_str),
        Reading::Status | Reading::Index(_) | Reading::Flag(_) | Reading::Key(_) => None,
    }
}

/// The answer to a request of which something was done.
pub fn applied(endpoint: &Endpoint, verdicts: &[Verdict]) -> Response {
    let examples = &endpoint.examples;
    let is_partial = verdicts.iter().any(|verdict| verdict.ended.is_err());
    let is_new = verdicts.iter().any(|verdict| verdict.ended.as_ref().is_ok_and(|done| done.created));
    let mut example = match &examples.partial {
        Some(partial) if is_partial => partial.clone(),
        _ if is_new => examples.created.clone(),
        _ => examples.done.clone(),
    };
    match &endpoint.request.answer {
        // What becomes of a job's records is not told at once.
        Reading::Status | Reading::Job(_) => {}
        Reading::Flag(paths) => set(&mut example.body, &paths.flag, Value::Bool(true)),
        Reading::Key(paths) => {
            let id = verdicts.first().and_then(|verdict| verdict.ended.as_ref().ok()?.id.clone());
            set(&mut example.body, &paths.key, id.map_or(Value::Null, Value::String));
        }
        Reading::Index(paths) => {
            without_counts(&mut example);
            if is_partial {
                name_by_index(&mut example, paths, verdicts);
            }
        }
        Reading::Trace(paths) => {
            without_counts(&mut example);
            tell_by_trace(endpoint, &mut example, paths, verdicts, is_partial);
        }
    }
    response(example)
}

/// The answer to a request whose work is done later, in this job.
pub fn taken(endpoint: &Endpoint, reading: &JobReading, id: &str) -> Response {
    let mut example = endpoint.examples.done.clone();
    set(&mut example.body, &reading.id, Value::from(id));
    response(example)
}

/// How a job is going: what became of its records, or nothing where it goes on.
pub fn state(endpoint: &Endpoint, reading: &JobReading, ended: Option<&[Verdict]>) -> Response {
    let mut example = endpoint.examples.state.clone();
    let states = if ended.is_some() { &reading.status.done } else { &reading.status.waiting };
    let state = states.last().map_or(Value::Null, |state| Value::from(state.get_ref().as_str()));
    set(&mut example.body, &reading.status.state, state);
    if let Some(path) = &reading.status.failures {
        let failures = ended.map(|verdicts| verdicts.iter().filter(|verdict| verdict.ended.is_err()).count());
        let count = failures.and_then(|count| u64::try_from(count).ok());
        set(&mut example.body, path, count.map_or(Value::Null, |count| Value::Number(Number::from(count))));
    }
    if let (None, Some(verdicts)) = (&reading.errors.url, ended) {
        list_errors(&mut example, endpoint, reading, verdicts);
    }
    response(example)
}

/// What failed in a job: all of it on one page.
pub fn errors(endpoint: &Endpoint, reading: &JobReading, verdicts: &[Verdict]) -> Response {
    let mut example = endpoint.examples.errors.clone();
    list_errors(&mut example, endpoint, reading, verdicts);
    if let Some(path) = &reading.errors.next {
        set(&mut example.body, path, Value::Null);
    }
    response(example)
}

/// Each error names its record in every way in which the example does.
fn list_errors(example: &mut Example, endpoint: &Endpoint, reading: &JobReading, verdicts: &[Verdict]) {
    let paths = &reading.errors;
    let list = paths.list.get_ref();
    let form = get(&endpoint.examples.errors.body, list).and_then(|errors| get(errors, "0")).cloned();
    let form = form.unwrap_or_default();
    let failures = verdicts.iter().enumerate().filter_map(|(index, verdict)| {
        let failure = verdict.ended.as_ref().err()?;
        let mut error = form.clone();
        for path in paths.matches.iter().map(toml::Spanned::get_ref).filter(|path| get(&form, path).is_some()) {
            set(&mut error, path, verdict.key.clone().map_or(Value::Null, Value::String));
        }
        if let Some(path) = &paths.index {
            set(&mut error, path, place(index, &paths.before));
        }
        set(&mut error, &paths.message, Value::from(failure.reason.as_str()));
        if let Some(kind) = passing_kind(endpoint).filter(|_| failure.passing) {
            set(&mut error, &paths.kind, Value::from(kind));
        }
        Some(error)
    });
    let errors = failures.collect();
    set(&mut example.body, list, Value::Array(errors));
}

/// A place in a request: a number, or a text that has it.
fn place(index: usize, before: &str) -> Value {
    if before.is_empty() {
        Value::Number(Number::from(u64::try_from(index).unwrap_or(u64::MAX)))
    } else {
        Value::String(format!("{before}{index}"))
    }
}

/// The answer to a request of which nothing was done for the sake of some records, each named if the vendor names any.
pub fn rejected(endpoint: &Endpoint, connector: &Connector, verdicts: &[Verdict]) -> Response {
    let mut example = endpoint.examples.rejected.clone();
    let words = verdicts.iter().find_map(|verdict| verdict.ended.as_ref().err()).map(|failure| failure.reason.clone());
    if let Reading::Index(paths) = &endpoint.request.answer {
        name_by_index(&mut example, paths, verdicts);
    }
    say(&mut example, connector, &words.unwrap_or_default());
    response(example)
}

/// The answer to a request that is refused whole, whatever is in it.
pub fn refused(endpoint: Option<&Endpoint>, connector: &Connector, status: u16, words: &str) -> Response {
    let mut example = endpoint.map_or(Example::bare(status), |endpoint| endpoint.examples.rejected.clone());
    match endpoint.map(|endpoint| &endpoint.request.answer) {
        // The status is the same whatever is wrong.
        Some(Reading::Flag(_)) => {}
        Some(Reading::Index(paths)) => {
            example.status = status;
            // Nobody is to blame.
            name_by_index(&mut example, paths, &[]);
        }
        _ => example.status = status,
    }
    say(&mut example, connector, words);
    response(example)
}

/// The answer to wrong credentials.
pub fn unauthorised(endpoint: &Endpoint) -> Response {
    response(endpoint.examples.unauthorised.clone())
}

/// The answer to credentials that are tried, and right.
pub fn accepted(connector: &Connector) -> Response {
    let mut body = Value::Object(Object::new());
    if let Some(flag) = connector.check.as_ref().and_then(|check| check.flag.as_deref()) {
        set(&mut body, flag, Value::Bool(true));
    }
    ([(header::CONTENT_TYPE, "application/json")], body.to_json()).into_response()
}

/// The answer to one request too many: nothing is taken for so long. How that is told is the example's way; whole
/// seconds, at least one.
pub fn throttled(endpoint: &Endpoint, connector: &Connector, wait: Duration) -> Response {
    let mut example = endpoint.examples.throttled.clone();
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let seconds = seconds.max(1);
    for (name, value) in &mut example.headers {
        if name == "retry-after" {
            *value = seconds.to_string();
        }
        let mut resets = connector.limits.iter().filter_map(|limit| limit.reset.as_ref());
        if let Some(reset) = resets.find(|reset| reset.header == *name) {
            let until = SystemClock.now().seconds() + i64::try_from(seconds).unwrap_or(i64::MAX);
            *value = match reset.written {
                ResetAs::EpochSeconds => until.to_string(),
                ResetAs::Seconds => seconds.to_string(),
            };
        }
    }
    response(example)
}

/// Lists what failed, each by its place in the request.
fn name_by_index(example: &mut Example, paths: &IndexReading, verdicts: &[Verdict]) {
    let body = &mut example.body;
    let form = get(body, &paths.errors).and_then(|errors| get(errors, "0")).cloned().unwrap_or_default();
    let failures = verdicts.iter().enumerate().filter_map(|(index, verdict)| {
        let failure = verdict.ended.as_ref().err()?;
        let mut error = form.clone();
        set(&mut error, &paths.index, place(index, &paths.before));
        set(&mut error, &paths.message, Value::from(failure.reason.as_str()));
        Some(error)
    });
    let errors = failures.collect();
    set(body, &paths.errors, Value::Array(errors));
}

/// Lists what was done and what failed, each by its trace.
fn tell_by_trace(
    endpoint: &Endpoint,
    example: &mut Example,
    paths: &TraceReading,
    verdicts: &[Verdict],
    is_partial: bool,
) {
    let body = &mut example.body;
    let first = |body: &Value, path: &str| get(body, path).and_then(|list| get(list, "0")).cloned().unwrap_or_default();
    let (result_form, error_form) = (first(body, &paths.results), first(body, &paths.errors));
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for Verdict { trace, ended, .. } in verdicts {
        let trace = trace.clone().map_or(Value::Null, Value::String);
        match ended {
            Ok(done) => {
                let mut result = result_form.clone();
                set(&mut result, &paths.result_key, done.id.clone().map_or(Value::Null, Value::String));
                set(&mut result, &paths.result_fields, Value::Object(done.fields.clone()));
                if let Some(path) = &paths.result_created {
                    set(&mut result, path, Value::Bool(done.created));
                }
                // Some answers leave it out: HubSpot's documentation, "Multi-status errors".
                if get(&result_form, &paths.result_trace).is_some() {
                    set(&mut result, &paths.result_trace, trace);
                }
                results.push(result);
            }
            Err(failure) => {
                let mut error = error_form.clone();
                set(&mut error, &paths.error_traces, Value::Array(vec![trace]));
                set(&mut error, &paths.error_message, Value::from(failure.reason.as_str()));
                if let Some(kind) = passing_kind(endpoint).filter(|_| failure.passing) {
                    set(&mut error, &paths.error_kind, Value::from(kind));
                }
                errors.push(error);
            }
        }
    }
    // Nobody promises an order; the last first shows who relies on one.
    results.reverse();
    set(body, &paths.results, Value::Array(results));
    if is_partial {
        set(body, &paths.errors, Value::Array(errors));
    }
}

/// Numbers at the top of an example count its own records.
fn without_counts(example: &mut Example) {
    if let Value::Object(members) = &mut example.body {
        members.retain(|_, value| !matches!(value, Value::Number(_)));
    }
}

/// The vendor's words, where the connector's file says that they are read; without such a place they are the body.
fn say(example: &mut Example, connector: &Connector, words: &str) {
    match &connector.statuses.message {
        // A reason by its name: the vendor's own, of its example.
        _ if example.status < 300 => {}
        Some(path) => set(&mut example.body, path, Value::from(words)),
        None => example.body = Value::from(words),
    }
}

fn response(Example { status, headers, body }: Example) -> Response {
    let mut response = match body {
        Value::Null => Response::default(),
        Value::String(text) => text.into_response(),
        json => ([(header::CONTENT_TYPE, "application/json")], json.to_json()).into_response(),
    };
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// The value at a path of names with dots between; of a list, a number is a place from 0.
pub fn get<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, name| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => value.get(name),
    })
}

/// Puts a value at such a path, and makes what is missing on the way.
fn set(place: &mut Value, path: &str, value: Value) {
    let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
    let next = match place {
        Value::Array(items) => {
            let index = name.parse::<usize>().unwrap_or(0);
            if items.len() <= index {
                items.resize(index + 1, Value::Null);
            }
            &mut items[index]
        }
        other => {
            if !matches!(other, Value::Object(_)) {
                *other = Value::Object(Object::new());
            }
            let Value::Object(members) = other else { return };
            members.entry(name.into()).or_default()
        }
    };
    match rest {
        Some(rest) => set(next, rest, value),
        None => *next = value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_put_at_its_path() {
        let mut value = Value::from_json(br#"{"errors":[{"id":"1"}],"n":1}"#).unwrap();
        set(&mut value, "errors.0.detail", Value::from("a"));
        set(&mut value, "errors.1.source.pointer", Value::from("b"));
        set(&mut value, "n.x", Value::Null);
        let wanted = r#"{"errors":[{"id":"1","detail":"a"},{"source":{"pointer":"b"}}],"n":{"x":null}}"#;
        assert_eq!(value.to_json(), wanted);
        assert_eq!(get(&value, "errors.1.source.pointer"), Some(&Value::from("b")));
        assert_eq!(get(&value, "errors.2"), None);
    }
}
