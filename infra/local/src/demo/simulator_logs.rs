//! What the simulated destinations received, as the check is told it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
};

use serde_json::{Map, Value};

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
            What::Upsert { key, properties, .. } => (true, Sent::Upsert { key, values: text_values(properties) }),
            What::Archive { key: Some(key), .. } => (true, Sent::Remove { key }),
            What::Event { id, data, .. } => {
                let fields: Map<String, Value> = serde_json::from_str(&data).unwrap_or_default();
                (true, Sent::Append { id, values: Values::of(fields) })
            }
            What::RecordRefused { key, properties, passing: false, .. } => {
                (false, Sent::Upsert { key, values: text_values(properties) })
            }
            What::Archive { key: None, .. } | What::RecordRefused { .. } | What::Refused { .. } | What::Fault(_) => {
                return None;
            }
        };
        Some(Received { at_ms: entry.at_millis, accepted, sent })
    }));
}

fn text_values(properties: BTreeMap<String, String>) -> Values {
    Values::of(properties.into_iter().map(|(name, value)| (name, Value::String(value))).collect())
}
