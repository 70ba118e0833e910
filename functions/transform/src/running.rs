//! The pipelines, each in the versions that what arrives may need.

use std::{collections::BTreeMap, time::Duration};

use shared::{
    pipeline::{Known, Outline, Pipeline, state::PipelineState, timeline::Applies},
    ports::{Pipelines, PortError, StoredPipeline},
    time::Timestamp,
};

use crate::read::Arrival;

/// The pipelines of one revision.
#[derive(Debug, Default)]
pub struct Set {
    /// By name.
    pub pipelines: Vec<Stood>,
}

/// A pipeline as it stands.
#[derive(Debug)]
pub struct Stood {
    /// Its name.
    pub name: String,
    /// At this edit it was read: a change of it is conditional on that.
    pub edit: u64,
    /// Its newest version.
    pub newest: u64,
    /// What applies when.
    pub state: PipelineState,
    /// The versions that may still apply.
    pub versions: BTreeMap<u64, Result<Pipeline, Broken>>,
}

/// A version that cannot run any more: what it names is gone from the stack.
#[derive(Debug)]
pub struct Broken {
    /// Its source, where the document still tells.
    pub source: Option<String>,
    /// What is wrong with it.
    pub reason: String,
}

/// So long after its arrival at most an event comes again: a stream's mapping gives a record up after half of it.
const NEEDED: Duration = Duration::from_hours(24);

impl Set {
    /// Reads the versions and checks them.
    pub async fn load<P: Pipelines>(
        store: &P,
        stored: Vec<StoredPipeline>,
        known: &Known,
        now: Timestamp,
    ) -> Result<Self, PortError> {
        let mut set = Self::default();
        for pipeline in stored {
            let timeline = pipeline.state.timeline.since(now - NEEDED);
            let replayed = pipeline.state.replay.as_ref().map(|replay| replay.version);
            let mut versions = BTreeMap::new();
            for version in timeline.versions().chain(replayed) {
                let document = if version == pipeline.version {
                    Some(pipeline.document.clone())
                } else {
                    store.document(&pipeline.name, version).await?
                };
                versions.insert(version, checked(&pipeline.name, version, document.as_deref(), known));
            }
            let StoredPipeline { name, edit, version: newest, state, .. } = pipeline;
            set.pipelines.push(Stood { name, edit, newest, state, versions });
        }
        tracing::info!(pipelines = set.pipelines.len(), "pipelines loaded");
        Ok(set)
    }

    /// The pipelines of an event's source, each in the version that applies to its arrival, where that one runs.
    pub fn applying(&self, arrival: &Arrival) -> Vec<&Pipeline> {
        let applying = self.pipelines.iter().filter_map(|stood| match stood.state.timeline.at(arrival.arrived_at) {
            Some(Applies::Version(version)) => stood.versions.get(&version)?.as_ref().ok(),
            _ => None,
        });
        applying.filter(|pipeline| pipeline.source == arrival.event.source).collect()
    }
}

fn checked(name: &str, version: u64, document: Option<&str>, known: &Known) -> Result<Pipeline, Broken> {
    let Some(document) = document else {
        tracing::error!(pipeline = name, version, "the version is gone from the table");
        return Err(Broken { source: None, reason: format!("its version {version} is gone from the table") });
    };
    Pipeline::parse(name, document, version, known).map_err(|error| {
        tracing::error!(pipeline = name, version, "the pipeline cannot run: {error}");
        Broken { source: Outline::of(document).source, reason: error.to_string() }
    })
}

/// So long after a replay has ended events that arrive then wait: it reads once a second, and sends what it has read.
const REPLAY_FIRST: Duration = Duration::from_secs(2);

impl Stood {
    /// How long the deliveries of what arrived then wait at `now`, so that the last ones of a replay come before them.
    pub fn waits(&self, arrived_at: Timestamp, now: Timestamp) -> Duration {
        let until = self.state.replay.as_ref().and_then(|replay| replay.until);
        until.filter(|until| arrived_at >= *until).map_or(Duration::ZERO, |until| (until + REPLAY_FIRST).since(now))
    }

    /// Whether events of this source may be for it, in one version or another.
    pub fn concerns(&self, source: &str) -> bool {
        self.versions.values().any(|version| match version {
            Ok(pipeline) => pipeline.source == source,
            Err(broken) => broken.concerns(source),
        })
    }
}

impl Broken {
    /// Whether events of this source may be for it.
    pub fn concerns(&self, source: &str) -> bool {
        self.source.as_ref().is_none_or(|own| own == source)
    }
}
