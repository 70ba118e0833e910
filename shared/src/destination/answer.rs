//! What a vendor's answer means for each delivery of a request.

use std::collections::HashMap;

use super::{
    descriptor::{Connector, FlagReading, IndexReading, JobReading, KeyReading, Reading, TraceReading},
    operation::{Operation, Parcel, trace_of},
    status::{Class, classify, later, of_status},
    template::text_of,
};
use crate::{
    delivery::{Outcome, Told},
    failure::Answer,
    ports::{HttpError, HttpResponse},
    time::Timestamp,
    value::Value,
};

/// What an answer says about one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It ended so.
    Ended(Outcome),
    /// The vendor rejected the request as a whole, did nothing of it, and does not say for whose sake: its two halves are
    /// sent apart, and so on, until those that are wrong stand alone. One among a hundred costs some fourteen requests.
    Split,
    /// The vendor did some of the request and does not say which: each delivery is sent in a request of its own, so that
    /// what was done is done once more at most.
    SendAlone,
    /// The vendor did nothing of the request for the sake of others, which it names: this delivery is sent again with
    /// what is left.
    SendAgain,
    /// The vendor has taken the request into this job, and does it later.
    Taken(String),
    /// The vendor's job goes on.
    Waits,
    /// The vendor's job has ended without it, or will not be asked after any more.
    Undone {
        /// Why.
        reason: String,
        /// The vendor says that it was not done; otherwise that is not known.
        certain: bool,
    },
}

/// What happens to every delivery of a request that got no answer.
///
/// Whether the vendor has applied it is not known. A repeat is harmless for upserts; for appends it carries the same
/// ids.
pub fn unanswered(error: &HttpError) -> Outcome {
    Outcome::Retry { reason: error.to_string() }
}

pub(super) fn read(
    operation: &Operation<'_>,
    parcels: &[Parcel<'_>],
    response: &HttpResponse,
    now: Timestamp,
) -> Vec<Answered> {
    let connector = operation.destination.connector;
    let all = |answered: Answered| vec![answered; parcels.len()];
    match classify(&connector.statuses, &connector.limits, response, now) {
        Class::Success => match &operation.prepared.request.answer {
            Reading::Status => all(Answered::Ended(Outcome::Delivered(Told::default()))),
            Reading::Trace(paths) => by_trace(operation, parcels, response, paths),
            Reading::Flag(paths) => by_flag(operation, parcels, response, now, paths),
            Reading::Key(path) => by_key(operation, parcels, response, path),
            Reading::Index(paths) => by_index(operation, parcels, response, paths),
            Reading::Job(paths) => all(taken(operation, response, paths)),
        },
        Class::Rejected if parcels.len() > 1 => match &operation.prepared.request.answer {
            Reading::Index(paths) => rejected_by_index(operation, parcels, response, paths),
            Reading::Status | Reading::Trace(_) | Reading::Flag(_) | Reading::Key(_) | Reading::Job(_) => {
                all(Answered::Split)
            }
        },
        class => of_all(class, reason(connector, response), parcels, response),
    }
}

/// What the vendor answered instead of a success, in words.
pub(super) fn reason(connector: &Connector, response: &HttpResponse) -> String {
    let text = String::from_utf8_lossy(&response.body);
    let words = connector.statuses.message.as_deref().and_then(|path| {
        let body = Value::from_json(&response.body).ok()?;
        at(&body, path)?.as_str().map(str::to_owned)
    });
    let words = words.unwrap_or_else(|| text.trim().chars().take(200).collect());
    let moved = if (300..400).contains(&response.status) {
        "; redirects are not followed: set the address that it points to"
    } else {
        ""
    };
    let colon = if words.is_empty() { "" } else { ": " };
    format!("{} answered {}{colon}{words}{moved}", connector.name, response.status)
}

/// What a reading of the answer as a whole means for each parcel.
fn of_all(class: Class, reason: String, parcels: &[Parcel<'_>], response: &HttpResponse) -> Vec<Answered> {
    let answered = match class {
        Class::Success => Answered::Ended(Outcome::Delivered(Told::default())),
        Class::Retry => Answered::Ended(Outcome::Retry { reason }),
        Class::Throttled(until) => Answered::Ended(Outcome::Throttled { until, reason }),
        Class::Unauthorised => Answered::Ended(Outcome::Unauthorised { reason }),
        Class::Rejected if parcels.len() > 1 => Answered::Split,
        Class::Rejected => {
            let answer = Answer::new(response.status, &String::from_utf8_lossy(&response.body));
            Answered::Ended(Outcome::Rejected { reason, answer: Some(answer) })
        }
    };
    vec![answered; parcels.len()]
}

/// Reads the flag by which a success by its status may say that it is none.
fn by_flag(
    operation: &Operation<'_>,
    parcels: &[Parcel<'_>],
    response: &HttpResponse,
    now: Timestamp,
    paths: &FlagReading,
) -> Vec<Answered> {
    let connector = operation.destination.connector;
    let (vendor, status) = (&connector.name, response.status);
    let body = Value::from_json(&response.body).unwrap_or_default();
    let (class, reason) = match at(&body, &paths.flag) {
        Some(Value::Bool(true)) => (Class::Success, String::new()),
        Some(Value::Bool(false)) => {
            let why = at(&body, &paths.reason).and_then(text_of).unwrap_or_default();
            let class = if paths.unauthorised.contains(&why) {
                Class::Unauthorised
            } else if paths.retry.contains(&why) {
                later(&connector.limits, response, now)
            } else {
                Class::Rejected
            };
            (class, format!("{vendor} answered {status}, and that it was not done: {why}"))
        }
        // Whoever answered, it was not the vendor's API.
        _ => (Class::Retry, format!("{vendor} answered {status} and does not say whether it was done")),
    };
    of_all(class, reason, parcels, response)
}

/// The object that a success has to be, or what happens to each parcel where it is none: whoever answered, it was not
/// the vendor's API.
pub(super) fn object(operation: &Operation<'_>, response: &HttpResponse) -> Result<Value, Answered> {
    if let Ok(body @ Value::Object(_)) = Value::from_json(&response.body) {
        return Ok(body);
    }
    let vendor = &operation.destination.connector.name;
    let reason = format!("{vendor} answered {} with what is no JSON object", response.status);
    Err(Answered::Ended(Outcome::Retry { reason }))
}

/// Reads the id of the one row.
fn by_key(
    operation: &Operation<'_>,
    parcels: &[Parcel<'_>],
    response: &HttpResponse,
    path: &KeyReading,
) -> Vec<Answered> {
    let answered = object(operation, response).map_or_else(
        |retry| retry,
        |body| {
            let destination_key = at(&body, &path.key).and_then(text_of).filter(|key| !key.is_empty());
            let created = path.created.map(|status| response.status == status);
            Answered::Ended(Outcome::Delivered(Told { destination_key, created }))
        },
    );
    vec![answered; parcels.len()]
}

/// Reads the job into which the vendor has taken the request.
fn taken(operation: &Operation<'_>, response: &HttpResponse, paths: &JobReading) -> Answered {
    let body = match object(operation, response) {
        Ok(body) => body,
        Err(retry) => return retry,
    };
    // An id of dots would be a step on the way of an address.
    let id = at(&body, &paths.id).and_then(text_of).filter(|id| id.chars().any(|character| character != '.'));
    id.map_or_else(
        || {
            let vendor = &operation.destination.connector.name;
            let reason = format!("{vendor} answered {} and names no job", response.status);
            Answered::Ended(Outcome::Retry { reason })
        },
        Answered::Taken,
    )
}

/// The place in the request that an error names: a number, or a text that has one behind `before`.
pub(super) fn place_in(error: &Value, path: &str, before: &str) -> Option<usize> {
    let text = at(error, path).and_then(text_of)?;
    let behind = text.strip_prefix(before)?;
    let digits = behind.find(|character: char| !character.is_ascii_digit()).unwrap_or(behind.len());
    behind[..digits].parse().ok()
}

/// The errors of an answer, by the place in the request that each names; behind them those that name none.
fn errors_by_index<'v>(
    body: &'v Value,
    parcels: &[Parcel<'_>],
    paths: &IndexReading,
) -> (HashMap<usize, Vec<&'v Value>>, Vec<&'v Value>) {
    let (mut named, mut nameless) = (HashMap::<usize, Vec<&Value>>::new(), Vec::new());
    for error in list(body, &paths.errors) {
        match place_in(error, &paths.index, &paths.before).filter(|index| *index < parcels.len()) {
            Some(index) => named.entry(index).or_default().push(error),
            None => nameless.push(error),
        }
    }
    (named, nameless)
}

/// Reads a success that lists what failed. What it does not list is done.
fn by_index(
    operation: &Operation<'_>,
    parcels: &[Parcel<'_>],
    response: &HttpResponse,
    paths: &IndexReading,
) -> Vec<Answered> {
    let delivered = || Answered::Ended(Outcome::Delivered(Told::default()));
    if response.body.trim_ascii().is_empty() {
        return vec![delivered(); parcels.len()];
    }
    let body = match object(operation, response) {
        Ok(body) => body,
        Err(retry) => return vec![retry; parcels.len()],
    };
    let (named, nameless) = errors_by_index(&body, parcels, paths);
    let rest = match (nameless.as_slice(), parcels) {
        ([], _) => delivered(),
        (errors, [_]) => rejected(operation, errors, response, paths),
        // Of each it has to be known. What was done is done once more, which an upsert does not mind; an event that
        // stands twice is the lesser evil beside one that is lost.
        _ => Answered::SendAlone,
    };
    (0..parcels.len())
        .map(|index| {
            named.get(&index).map_or_else(|| rest.clone(), |errors| rejected(operation, errors, response, paths))
        })
        .collect()
}

/// Reads a rejection of several parcels. Where it names some of them, they are rejected and the others sent again.
fn rejected_by_index(
    operation: &Operation<'_>,
    parcels: &[Parcel<'_>],
    response: &HttpResponse,
    paths: &IndexReading,
) -> Vec<Answered> {
    let body = Value::from_json(&response.body).unwrap_or_default();
    let (named, _) = errors_by_index(&body, parcels, paths);
    let rest = if named.is_empty() { Answered::Split } else { Answered::SendAgain };
    (0..parcels.len())
        .map(|index| {
            named.get(&index).map_or_else(|| rest.clone(), |errors| rejected(operation, errors, response, paths))
        })
        .collect()
}

/// A parcel with errors of its own.
fn rejected(operation: &Operation<'_>, errors: &[&Value], response: &HttpResponse, paths: &IndexReading) -> Answered {
    let words = |error: &&Value| at(error, &paths.message).and_then(text_of).unwrap_or_else(|| error.to_json());
    let words = errors.iter().map(words).collect::<Vec<_>>().join("; ");
    let reason =
        format!("{} answered {} for this record: {words}", operation.destination.connector.name, response.status);
    let errors = Value::Array(errors.iter().map(|error| (*error).clone()).collect());
    Answered::Ended(Outcome::Rejected { reason, answer: Some(Answer::new(response.status, &errors.to_json())) })
}

/// Reads lists of results and errors. Each parcel looks for its error, then for its result by trace, then by the match
/// field's value, since vendors leave the trace out of results (HubSpot's documentation, "Multi-status errors").
fn by_trace(
    operation: &Operation<'_>,
    parcels: &[Parcel<'_>],
    response: &HttpResponse,
    paths: &TraceReading,
) -> Vec<Answered> {
    let vendor = &operation.destination.connector.name;
    let retry = |reason: String| Answered::Ended(Outcome::Retry { reason });
    let body = match object(operation, response) {
        Ok(body) => body,
        Err(retry) => return vec![retry; parcels.len()],
    };
    let results = list(&body, &paths.results);
    let errors = list(&body, &paths.errors);

    let mut failed: HashMap<&str, &Value> = HashMap::new();
    let mut nameless = Vec::new();
    for error in errors {
        let mut named = false;
        for trace in list(error, &paths.error_traces).iter().filter_map(Value::as_str) {
            failed.insert(trace, error);
            named = true;
        }
        if !named {
            nameless.push(error);
        }
    }
    if let ([_], [result], []) = (parcels, results, errors) {
        return vec![Answered::Ended(delivered(result, paths))];
    }
    let done = Done::of(operation, results, paths);
    let mut untold = results.len();
    let found: Vec<_> = parcels
        .iter()
        .map(|parcel| {
            if let Some(error) = failed.get(trace_of(parcel.delivery).as_str()) {
                return Some(Answered::Ended(of_error(operation, error, response, paths)));
            }
            let outcome = done.find(operation, parcel)?;
            untold = untold.saturating_sub(1);
            Some(Answered::Ended(outcome))
        })
        .collect();

    // What is left has neither an error nor a result of its own.
    let left = found.iter().filter(|answered| answered.is_none()).count();
    let rest = if let [error, ..] = nameless.as_slice() {
        // The vendor tells of failures, but not whose.
        if parcels.len() == 1 {
            Answered::Ended(of_error(operation, error, response, paths))
        } else {
            Answered::SendAlone
        }
    } else if failed.is_empty() && untold >= left {
        // As many results as parcels and no error: all is done, but which result is whose cannot be told.
        Answered::Ended(Outcome::Delivered(Told::default()))
    } else {
        // Seen at HubSpot: a 2xx that lists neither results nor errors. Nothing was done, and nothing is wrong with the
        // record, so it is tried again; an upsert that was done after all is harmless to repeat.
        retry(format!("{vendor} answered {} and says nothing about this delivery", response.status))
    };
    found.into_iter().map(|answered| answered.unwrap_or_else(|| rest.clone())).collect()
}

/// What was done, by trace and by the match field's value.
struct Done {
    by_trace: HashMap<String, Outcome>,
    by_match: HashMap<String, Outcome>,
}

impl Done {
    fn of(operation: &Operation<'_>, results: &[Value], paths: &TraceReading) -> Self {
        let mut done = Self { by_trace: HashMap::new(), by_match: HashMap::new() };
        for result in results {
            if let Some(trace) = at(result, &paths.result_trace).and_then(Value::as_str) {
                done.by_trace.insert(trace.to_owned(), delivered(result, paths));
            }
            let matched = operation.prepared.match_field.as_deref().and_then(|name| {
                at(result, &paths.result_fields).and_then(|fields| fields.get(name)).and_then(text_of)
            });
            if let Some(text) = matched {
                done.by_match.insert(fold(&text), delivered(result, paths));
            }
        }
        done
    }

    fn find(&self, operation: &Operation<'_>, parcel: &Parcel<'_>) -> Option<Outcome> {
        let by_match = || self.by_match.get(&fold(&operation.matched(parcel)?));
        self.by_trace.get(&trace_of(parcel.delivery)).or_else(by_match).cloned()
    }
}

fn delivered(result: &Value, paths: &TraceReading) -> Outcome {
    let created = paths.result_created.as_deref().and_then(|path| match at(result, path) {
        Some(Value::Bool(created)) => Some(*created),
        _ => None,
    });
    Outcome::Delivered(Told { destination_key: at(result, &paths.result_key).and_then(text_of), created })
}

/// Vendors give values back in their own spelling: HubSpot stores e-mail addresses in lower case.
pub(super) fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

fn of_error(operation: &Operation<'_>, error: &Value, response: &HttpResponse, paths: &TraceReading) -> Outcome {
    let connector = operation.destination.connector;
    let text = |path: &str| at(error, path).and_then(text_of).unwrap_or_default();
    let (kind, words) = (text(&paths.error_kind), text(&paths.error_message));
    let reason = format!("{} answered {} for this record: {kind}: {words}", connector.name, response.status);
    let class = match text(&paths.error_status).parse::<u16>() {
        Ok(status) if status >= 400 => of_status(&connector.statuses, status),
        _ if paths.retry_kinds.contains(&kind) => Class::Retry,
        _ => Class::Rejected,
    };
    match class {
        Class::Unauthorised => Outcome::Unauthorised { reason },
        Class::Rejected => Outcome::Rejected { reason, answer: Some(Answer::new(response.status, &error.to_json())) },
        Class::Success | Class::Retry | Class::Throttled(_) => Outcome::Retry { reason },
    }
}

/// The value at a path of names with dots between; of a list, a number is a place from 0.
pub(super) fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').try_fold(value, |value, name| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => value.get(name),
    })
}

/// The list at a path; empty where there is none.
pub(super) fn list<'v>(value: &'v Value, path: &str) -> &'v [Value] {
    match at(value, path) {
        Some(Value::Array(items)) => items,
        _ => &[],
    }
}
