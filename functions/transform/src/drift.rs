//! Drift: rows of a source are no longer as a pipeline knew them, and the pipeline says what then.

use std::collections::BTreeMap;

use shared::{
    pipeline::{Expectation, OnDrift, Pipeline, state::FRESHET, timeline::Applies},
    ports::PortError,
    schema::{Drift, Kind, Notice},
    tally::Tally,
    time::Timestamp,
};

use crate::{
    Transform, World,
    learned::Learned,
    map::Yield,
    read::Arrival,
    running::{Set, Stood},
};

/// The pipelines of a set, and what their versions expect of the rows of their sources.
#[derive(Debug)]
pub struct Expectations<'s>(Vec<(&'s Stood, Vec<(Timestamp, Expectation<'s>)>)>);

impl<'s> Expectations<'s> {
    /// By what is known now.
    pub fn of(set: &'s Set, learned: &Learned) -> Self {
        let of_version = |stood: &'s Stood, version: u64, from: Timestamp| {
            let pipeline = stood.versions.get(&version)?.as_ref().ok()?;
            Some((from, expectation(pipeline, learned, from)))
        };
        let of_pipeline = |stood: &'s Stood| {
            let segments = stood.state.timeline.segments().iter().filter_map(|segment| match segment.applies {
                Applies::Version(version) => of_version(stood, version, segment.from),
                Applies::Paused | Applies::Retired => None,
            });
            (stood, segments.collect())
        };
        Self(set.pipelines.iter().map(of_pipeline).collect())
    }

    /// Each pipeline, with what applies to an arrival and what that expects, where it runs.
    pub fn at(
        &self,
        arrived_at: Timestamp,
    ) -> impl Iterator<Item = (&'s Stood, Option<Applies>, Option<&Expectation<'s>>)> {
        self.0.iter().map(move |(stood, expectations)| {
            let segment = stood.state.timeline.segment_at(arrived_at);
            let from = segment.map(|segment| segment.from);
            let expectation = expectations.iter().find(|(since, _)| Some(*since) == from);
            (*stood, segment.map(|segment| segment.applies), expectation.map(|(_, expectation)| expectation))
        })
    }
}

/// What a pipeline expects that accepts what was known at `since`.
pub fn expectation<'p>(pipeline: &'p Pipeline, learned: &Learned, since: Timestamp) -> Expectation<'p> {
    learned.with(&pipeline.source, |schema| Expectation::of(pipeline, schema, since))
}

/// The drift in a batch, and of each the first event's.
pub type Drifts = BTreeMap<Drift, First>;

/// The first event of a drift.
#[derive(Clone, Debug)]
pub struct First {
    source: String,
    version: u64,
    policy: OnDrift,
    at: Timestamp,
}

/// Notes what an event has unexpectedly, and answers what happens to the event and why. A pipeline that is out of service
/// cannot hold any more; what it would have held fails.
pub fn judge<'p>(
    drifts: &mut Drifts,
    stood: &Stood,
    pipeline: &Pipeline,
    arrival: &Arrival,
    unexpected: impl Iterator<Item = (&'p str, Kind)>,
) -> Option<(OnDrift, String)> {
    let policy = match pipeline.on_drift {
        OnDrift::Hold if stood.state.is_retired() => OnDrift::Fail,
        policy => policy,
    };
    let mut reasons = Vec::new();
    for (path, kind) in unexpected {
        let drift = Drift { pipeline: pipeline.name.clone(), path: path.to_owned(), kind };
        reasons.push(drift.to_string());
        let (source, version, at) = (pipeline.source.clone(), pipeline.version, arrival.arrived_at);
        let first = drifts.entry(drift).or_insert(First { source, version, policy, at });
        first.at = first.at.min(at);
    }
    (!reasons.is_empty()).then(|| (policy, reasons.join("; ")))
}

impl<W: World> Transform<W> {
    /// Tells of drift of which nobody has told, and pauses the pipelines that hold. Whether the batch is to be mapped
    /// again, since a pipeline stands otherwise now or more is known.
    pub(crate) async fn heed(&self, yielded: &Yield, told: &mut Tally, now: Timestamp) -> Result<bool, PortError> {
        let drifts = &yielded.drifts;
        let untold: Vec<_> =
            drifts.iter().filter(|(drift, first)| !self.learned.is_noted(&first.source, drift)).collect();
        // What a version accepts may have been learned elsewhere.
        if !untold.is_empty() && self.learned.catch_up(self.world.schemas(), now).await? {
            return Ok(true);
        }
        for (drift, First { source, version, policy, at }) in untold {
            tracing::warn!(
                pipeline = drift.pipeline,
                version,
                source,
                on_drift = ?policy,
                "the source has drifted: {drift}"
            );
            told.add(&drift.pipeline, "drifted");
            self.learned.note(source, &Notice { drift: drift.clone(), version: *version, at: *at }, now);
        }
        let mut held: BTreeMap<&str, (Timestamp, Vec<String>)> = BTreeMap::new();
        for (drift, first) in drifts.iter().filter(|(_, first)| first.policy == OnDrift::Hold) {
            let (from, reasons) = held.entry(&drift.pipeline).or_insert((first.at, Vec::new()));
            *from = first.at.min(*from);
            reasons.push(format!("the source has drifted: {drift}"));
        }
        if held.is_empty() {
            return Ok(false);
        }
        // Before the pause, so that whoever ends it accepts what is known.
        self.learned.keep(self.world.schemas(), now).await;
        for (pipeline, (from, reasons)) in held {
            self.hold(pipeline, from, &reasons.join("; "), now).await?;
        }
        Ok(true)
    }

    /// Pauses a pipeline from an arrival on.
    async fn hold(&self, pipeline: &str, from: Timestamp, reason: &str, now: Timestamp) -> Result<(), PortError> {
        let is_held = self
            .amend(|set| {
                let stood = set.pipelines.iter().find(|stood| stood.name == pipeline)?;
                (!stood.state.is_retired()).then(|| (stood, stood.state.held(now, from, FRESHET, Some(reason))))
            })
            .await?;
        if is_held {
            tracing::error!(pipeline, from = from.to_rfc3339(), "the pipeline is paused until it is resumed: {reason}");
        }
        Ok(())
    }
}
