//! Runs the tests of a pipeline.

use super::{
    Body, Case, Expectation, Expected, ExpectedRequest, Given, Verdict,
    mismatch::{self, Mismatch},
    same::same,
};
use crate::{
    delivery::Delivery,
    destination::{self, Check, Connector, Destination, Parcel},
    event::ChangeEvent,
    expression::Scope,
    failure::Sent,
    pipeline::{Evaluation, Known, Pipeline},
    value::{Object, Value},
};

/// A pipeline on which its tests are run.
#[derive(Debug)]
pub struct Bench<'a> {
    pipeline: &'a Pipeline,
    connector: &'static Connector,
    settings: Object,
}

/// What became of an event.
#[derive(Debug)]
enum Outcome {
    Filtered,
    Delivery(Box<Delivery>),
    Failed(String),
}

impl Outcome {
    fn describe(&self) -> String {
        match self {
            Self::Filtered => Verdict::Filtered.as_str().to_owned(),
            Self::Delivery(delivery) => delivery.step.as_str().to_owned(),
            Self::Failed(reason) => format!("a failure: {reason}"),
        }
    }
}

impl<'a> Bench<'a> {
    /// For a pipeline that was checked against what is known; its destination has the settings known.
    pub fn new(pipeline: &'a Pipeline, known: &Known) -> Result<Self, String> {
        let destination = known.destination(&pipeline.destination);
        let destination = destination.ok_or_else(|| format!("there is no destination `{}`", pipeline.destination))?;
        let connector = destination::connector(&destination.connector).map_err(|error| error.to_string())?;
        Ok(Self { pipeline, connector, settings: destination.settings.clone().unwrap_or_default() })
    }

    /// Runs a test: everything that is not as it expects. `events` reads the events of the file that it may name.
    pub fn run(&self, case: &Case, events: impl FnOnce(&str) -> Result<Vec<ChangeEvent>, String>) -> Vec<Mismatch> {
        let events = match &case.given {
            Given::Event(event) => Ok(vec![(**event).clone()]),
            Given::File(file) => events(file),
        };
        let mut events = match events {
            Ok(events) => events,
            Err(reason) => return vec![Mismatch::Undecided(reason)],
        };
        // A file may have the events of several sources; as everywhere, a pipeline sees its own.
        events.retain(|event| event.source == self.pipeline.source);
        let destination = self.destination(case);
        let outcomes: Vec<_> = events.iter().map(|event| self.outcome(case, event, &destination)).collect();
        match &case.expected {
            Expected::Outcome(expected) => match &outcomes[..] {
                [outcome] => compare(case, None, expected, outcome, &destination),
                outcomes => vec![Mismatch::Undecided(format!(
                    "the file has {} events of the source {}, and the test expects the outcome of one; write \
                     deliveries = [ … ]",
                    outcomes.len(),
                    self.pipeline.source
                ))],
            },
            Expected::Deliveries(expected) => {
                let sent: Vec<_> = outcomes.iter().filter(|outcome| !matches!(outcome, Outcome::Filtered)).collect();
                if sent.len() != expected.len() {
                    let actual = sent.into_iter().map(Outcome::describe).collect();
                    return vec![Mismatch::Count { expected: expected.len(), actual }];
                }
                let pairs = (1..).zip(expected.iter().zip(sent));
                let compared = pairs
                    .flat_map(|(place, (expected, sent))| compare(case, Some(place), expected, sent, &destination));
                compared.collect()
            }
        }
    }

    /// The destination with the settings of the stack, and over them the test's.
    fn destination(&self, case: &Case) -> Result<Destination, String> {
        let mut settings = self.settings.clone();
        settings.extend(case.settings.clone());
        self.connector.configure(&self.pipeline.destination, &settings).map_err(|problems| {
            let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
            format!("the destination's settings are wrong: {}; give the test settings = {{ … }}", problems.join(", "))
        })
    }

    fn outcome(&self, case: &Case, event: &ChangeEvent, destination: &Result<Destination, String>) -> Outcome {
        let delivery = match self.pipeline.evaluate(event, &Scope::of(event), &case.rows()) {
            Ok(Evaluation::Filtered) => return Outcome::Filtered,
            Ok(Evaluation::Deliver(delivery)) => delivery,
            Err(error) => return Outcome::Failed(error.message),
        };
        // What the destination can never take is a failure, too, a step later.
        let rejected = destination.as_ref().ok().and_then(|destination| {
            let operation = destination.operation(&delivery.action, delivery.step).ok()?;
            match operation.check(&parcel(case, &delivery)) {
                Check::Reject(reason) => Some(reason),
                Check::Send | Check::Nothing => None,
            }
        });
        rejected.map_or(Outcome::Delivery(delivery), Outcome::Failed)
    }
}

fn parcel<'p>(case: &'p Case, delivery: &'p Delivery) -> Parcel<'p> {
    Parcel { delivery, destination_key: case.destination_key.as_deref() }
}

fn compare(
    case: &Case,
    place: Option<usize>,
    expected: &Expectation,
    outcome: &Outcome,
    destination: &Result<Destination, String>,
) -> Vec<Mismatch> {
    let differs = |expected: String| vec![Mismatch::Outcome { delivery: place, expected, actual: outcome.describe() }];
    if let Some(error) = &expected.error {
        return match outcome {
            Outcome::Failed(reason) if reason.contains(error) => Vec::new(),
            _ => differs(format!("a failure that says {error:?}")),
        };
    }
    let delivery = match (outcome, expected.verdict) {
        (Outcome::Filtered, Some(Verdict::Filtered)) => return Vec::new(),
        (Outcome::Delivery(delivery), None) => delivery,
        (Outcome::Delivery(delivery), Some(Verdict::Deliver(step))) if delivery.step == step => delivery,
        (_, verdict) => return differs(verdict.map_or("a delivery", Verdict::as_str).to_owned()),
    };
    let mut mismatches = Vec::new();
    if let Some(wanted) = &expected.fields {
        let fields = mismatch::fields(wanted, &delivery.fields);
        if !fields.is_empty() {
            mismatches.push(Mismatch::Fields { delivery: place, fields });
        }
    }
    if let Some(wanted) = &expected.request {
        match request(case, delivery, destination) {
            Ok(sent) => mismatches.extend(of_request(place, wanted, &sent)),
            Err(reason) => mismatches.push(Mismatch::Undecided(reason)),
        }
    }
    mismatches
}

/// The request of a delivery alone, without what proves who sends it.
fn request(case: &Case, delivery: &Delivery, destination: &Result<Destination, String>) -> Result<Sent, String> {
    let destination = destination.as_ref().map_err(Clone::clone)?;
    let operation = destination.operation(&delivery.action, delivery.step)?;
    let parcel = parcel(case, delivery);
    if operation.check(&parcel) == Check::Nothing {
        return Err("nothing is sent, since the vendor's id of the row is not known; give the test one: \
                    destination_key = \"…\""
            .to_owned());
    }
    operation.alone(&parcel).ok_or_else(|| "the request cannot be made".to_owned())
}

fn of_request(delivery: Option<usize>, expected: &ExpectedRequest, sent: &Sent) -> Vec<Mismatch> {
    let path = sent.url.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..])).unwrap_or("/");
    let parts = [
        ("method", &expected.method, sent.method.as_str()),
        ("url", &expected.url, sent.url.as_str()),
        ("path", &expected.path, path),
    ];
    let mut mismatches = Vec::new();
    for (part, expected, actual) in parts {
        if let Some(expected) = expected.as_ref().filter(|expected| *expected != actual) {
            let (expected, actual) = (expected.clone(), actual.to_owned());
            mismatches.push(Mismatch::Request { delivery, part, expected, actual });
        }
    }
    let actual = Value::from_json(sent.body.as_bytes());
    let differs = match (&expected.body, &actual) {
        (None, _) => None,
        (Some(Body::Text(expected)), _) => (*expected != sent.body).then(|| expected.clone()),
        (Some(Body::Json(expected)), Ok(actual)) => (!same(expected, actual)).then(|| pretty(expected)),
        (Some(Body::Json(expected)), Err(_)) => Some(pretty(expected)),
    };
    if let Some(expected) = differs {
        let actual = actual.map_or_else(|_| sent.body.clone(), |value| pretty(&value));
        mismatches.push(Mismatch::Body { delivery, expected, actual });
    }
    mismatches
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
