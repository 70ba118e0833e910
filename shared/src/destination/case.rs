//! A connector's own tests, as its file has them: deliveries in, exact request out; answer in, outcomes out.
//!
//! `shared/tests/destinations.rs` runs them. They are examples, too: the documentation shows them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::scalar::Scalar;
use crate::{delivery::Step, event::Op};

/// One test.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// The destination's settings.
    #[serde(default)]
    pub settings: BTreeMap<String, Scalar>,
    /// The secret.
    pub secret: Option<String>,
    /// The time, in seconds since 1970.
    pub now: i64,
    /// The action.
    pub action: String,
    /// The step.
    #[serde(default = "apply")]
    pub step: Step,
    /// The deliveries of one request.
    pub deliveries: Vec<CaseDelivery>,
    /// The request that they make.
    pub request: Option<CaseRequest>,
    /// The vendor's answer.
    pub response: Option<CaseResponse>,
    /// The job that the deliveries are in, where it is asked after.
    pub job: Option<CaseJob>,
    /// Each time that the job is asked after, in order; the last answer decides.
    #[serde(default)]
    pub polls: Vec<CasePoll>,
    /// What becomes of each delivery.
    #[serde(default)]
    pub outcomes: Vec<CaseOutcome>,
}

const fn apply() -> Step {
    Step::Apply
}

/// One delivery.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseDelivery {
    /// Its id.
    pub id: String,
    /// The source.
    pub source: String,
    /// What happened to the row.
    pub op: Op,
    /// When, in milliseconds since 1970.
    #[serde(default)]
    pub occurred_at: i64,
    /// The mapped fields, as JSON.
    pub fields: String,
    /// The vendor's id of the row, from the ledger.
    pub destination_key: Option<String>,
}

/// The request expected: all of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseRequest {
    /// The method.
    pub method: String,
    /// The address.
    pub url: String,
    /// All headers.
    pub headers: BTreeMap<String, String>,
    /// The body, byte for byte.
    #[serde(default)]
    pub body: String,
}

/// A job of the vendor's that has a test's deliveries, in their order.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseJob {
    /// The vendor's id of it.
    pub id: String,
    /// When it was made, in seconds since 1970.
    pub since: i64,
    /// How many deliveries were in its request, where the test's are only the first of them.
    pub of: Option<usize>,
}

/// One time that a job is asked after.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CasePoll {
    /// The request expected.
    pub request: Option<CaseRequest>,
    /// The vendor's answer.
    pub response: CaseResponse,
}

/// The vendor's answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseResponse {
    /// The status.
    pub status: u16,
    /// Headers, names in lower case.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body.
    #[serde(default)]
    pub body: String,
}

/// What becomes of one delivery.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaseOutcome {
    /// Which kind.
    pub is: Kind,
    /// For [`Kind::Delivered`]: the vendor's id.
    pub destination_key: Option<String>,
    /// For [`Kind::Delivered`]: whether the row is new, where the test cares.
    pub created: Option<bool>,
    /// For [`Kind::Throttled`]: until when, in seconds since 1970.
    pub until: Option<i64>,
    /// A part of the reason, where there is one; for [`Kind::Taken`] the job.
    pub says: Option<String>,
}

/// Kinds of outcomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The vendor has it.
    Delivered,
    /// Later.
    Retry,
    /// Later, at a time told.
    Throttled,
    /// The destination pauses.
    Unauthorised,
    /// Never; by the vendor.
    Rejected,
    /// In a half of its request.
    Split,
    /// In a request of its own.
    SendAlone,
    /// With what is left of its request.
    SendAgain,
    /// The vendor does it later, in a job.
    Taken,
    /// The job goes on.
    Waits,
    /// The job has come to nothing, and what it did is not known.
    Lost,
    /// The job has not done it, and may the next time.
    Undone,
    /// Never; it is not even sent.
    Unsendable,
    /// There is nothing to do at the vendor.
    Nothing,
}
