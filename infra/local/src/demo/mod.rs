//! The demo: the life of an online store runs through the local stack, a person sees it happen, and an independent
//! check says at the end whether everything arrived, in order.
//!
//! - [`store`] tells the life, [`writer`] writes it to the [`sources`].
//! - [`check`] compares what was written with what the destinations received, by its own [`expectation`].
//! - [`view`] shows it.
//! - [`run`] holds it together.

pub mod check;
pub mod expectation;
pub mod item;
mod received;
mod run;
mod simulator_logs;
pub mod sources;
pub mod store;
mod summary;
mod values;
pub mod view;
pub mod writer;

use std::{
    collections::{BTreeSet, HashMap},
    future::Future,
};

pub use self::{
    received::{Received, Sent},
    run::run,
    simulator_logs::SimulatorLogs,
    summary::Tally,
    values::Values,
};

/// What the demo is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many changes are written at [`Options::rate`].
    pub changes: u64,
    /// End when all is accounted for; otherwise a trickle of changes goes on until Ctrl-C.
    pub exit: bool,
    /// Which story is told.
    pub seed: u64,
    /// How many changes are written a second, at least one.
    pub rate: u32,
    /// Which faults the stack injects, as they were asked for; only shown.
    pub faults: String,
    /// The destination that goes to a person's own endpoint. What it receives cannot be seen, so it is shown and not
    /// checked.
    pub own_endpoint: Option<String>,
    /// The destination whose vendor answers nobody until [`Options::changes`] are written.
    pub down: Option<String>,
}

impl Options {
    /// How many changes a second are written where nobody asks for another number.
    pub const RATE: u32 = 200;
}

/// What the demo needs of the stack that runs beside it.
pub trait World: Sync {
    /// A client for the tables that [`sources::create`] made.
    fn dynamodb(&self) -> &aws_sdk_dynamodb::Client;

    /// A client for the stream that [`sources::create`] made.
    fn kinesis(&self) -> &aws_sdk_kinesis::Client;

    /// What a destination has received so far, in order, without the first `from`.
    fn received(&self, destination: &str, from: usize) -> Vec<Received>;

    /// What a simulated destination has counted; `None` where it is not simulated.
    fn tally(&self, destination: &str) -> Option<Tally>;

    /// Makes a simulated destination answer nobody, or answer again.
    fn set_down(&self, destination: &str, down: bool);

    /// Where a person can look into the destinations: name and URL.
    fn pages(&self) -> Vec<(String, String)>;

    /// The messages to people that alerts have sent, by their subjects, without the first `from`.
    fn messages(&self, _from: usize) -> Vec<String> {
        Vec::new()
    }

    /// The destinations of which a person has changed what they receive: what the check expects of them is not so any
    /// more.
    fn touched(&self) -> impl Future<Output = anyhow::Result<BTreeSet<String>>> + Send {
        async { Ok(BTreeSet::new()) }
    }

    /// What the stack itself has counted; shown, and not believed by the check.
    fn counts(&self) -> impl Future<Output = anyhow::Result<Counts>> + Send;

    /// Whether nothing is under way: every stream read to its end, every queue empty. It only shortens the wait at
    /// the end where a value recurs (a contact went from A to B and back to A, and the one A that arrived may have
    /// been the first); the verdict does not depend on it.
    fn is_idle(&self) -> impl Future<Output = anyhow::Result<bool>> + Send;
}

/// What the stack itself has counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Change events captured, by source.
    pub captured: HashMap<String, u64>,
    /// Failures that a person has to see to, by pipeline.
    pub failed: HashMap<String, u64>,
}
