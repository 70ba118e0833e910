//! What the simulated destinations received, as the check is told it.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use shared::value::{Object, Value};

use super::{Received, Sent, Values};
use crate::simulator::{Simulator, What};

/// Reads simulators' logs, each entry once.
#[derive(Debug, Default)]
pub struct SimulatorLogs(Mutex<HashMap<String, Log>>);

#[derive(Debug, Default)]
struct Log {
    /// So many entries of the simulator's log were taken over.
    entries: usize,
    received: Vec<Received>,
}

impl SimulatorLogs {
    /// What a simulator has received so far, in order, without the first `from`.
    pub fn received(&self, simulator: &Simulator, from: usize) -> Vec<Received> {
        let mut logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let log = logs.entry(simulator.name().to_owned()).or_default();
        take_over(simulator, log);
        log.received.get(from..).unwrap_or_default().to_vec()
    }
}

fn take_over(simulator: &Simulator, log: &mut Log) {
    let new = simulator.received_since(log.entries);
    log.entries += new.len();
    log.received.extend(new.into_iter().filter_map(|entry| {
        let (accepted, sent) = match entry.what {
            What::Upsert { key, fields, .. } => (true, Sent::Upsert { key, values: values(fields) }),
            What::Remove { key: Some(key), .. } => (true, Sent::Remove { key }),
            What::Event { id, fields, .. } => (true, Sent::Append { id, values: values(fields) }),
            What::RecordRefused { key: Some(key), fields, passing: false, .. } => {
                (false, Sent::Upsert { key, values: values(fields) })
            }
            What::RecordRefused { key: None, id, fields, passing: false, .. } => {
                (false, Sent::Append { id, values: values(fields) })
            }
            What::Remove { key: None, .. }
            | What::RecordRefused { .. }
            | What::Refused { .. }
            | What::Throttled { .. }
            | What::Fault(_) => return None,
        };
        Some(Received { at_ms: entry.at_millis, accepted, sent })
    }));
}

fn values(fields: Object) -> Values {
    let json = Value::Object(fields).to_json();
    Values::of(serde_json::from_str(&json).unwrap_or_default())
}
