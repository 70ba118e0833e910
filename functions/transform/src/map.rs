//! Change events through the pipelines: deliveries, by destination, and failures.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use shared::{
    delivery::{Delivery, Step},
    event::ChangeEvent,
    expression::{ExpressionError, Scope},
    failure::{Failure, Payload, Stage},
    frame::Item,
    lookup::Rows,
    pipeline::{Evaluation, Expectation, OnDrift, Pipeline, timeline::Applies},
    tally::Tally,
    time::Timestamp,
};

use crate::{
    config::Config,
    drift::{self, Drifts, Expectations},
    read::Arrival,
    running::Stood,
};

/// What a batch has come to, before anything is written.
#[derive(Debug, Default)]
pub struct Yield {
    /// The deliveries by destination, in order.
    pub items: BTreeMap<String, Vec<Item>>,
    /// The same, of pipelines whose replay has just reached the present: its last deliveries go first.
    pub later: BTreeMap<String, Vec<Item>>,
    /// How long those wait.
    pub wait: Duration,
    /// The failures, with the place of the record of each.
    pub failures: Vec<(usize, Failure)>,
    /// The drift of the source's rows.
    pub drifts: Drifts,
    /// What was counted.
    pub tally: Tally,
}

/// Maps events by the pipelines.
#[derive(Debug)]
pub struct Mapper<'a> {
    /// The settings, for the destinations' lanes.
    pub config: &'a Config,
    /// The rows of lookup tables that the pipelines need.
    pub rows: &'a Rows,
    /// When failures are said to have happened.
    pub now: Timestamp,
}

impl Mapper<'_> {
    /// Takes an event through all pipelines of its source, each in the version that applies to its arrival.
    pub fn map(&self, yielded: &mut Yield, expectations: &Expectations<'_>, arrival: &Arrival) {
        yielded.tally.add(&arrival.event.source, "events");
        let scope = Scope::of(&arrival.event);
        for (pipeline, applies, expectation) in expectations.at(arrival.arrived_at) {
            match applies {
                Some(Applies::Version(version)) => {
                    self.by_version(yielded, pipeline, version, expectation, arrival, &scope);
                }
                Some(Applies::Paused) if pipeline.concerns(&arrival.event.source) => {
                    yielded.tally.add(&pipeline.name, "paused");
                }
                Some(Applies::Paused | Applies::Retired) | None => {}
            }
        }
    }

    /// Takes an event through one version of a pipeline, which expects something of the row, if it runs.
    pub fn by_version(
        &self,
        yielded: &mut Yield,
        stood: &Stood,
        version: u64,
        expectation: Option<&Expectation<'_>>,
        arrival: &Arrival,
        scope: &Scope,
    ) {
        let event = &arrival.event;
        let pipeline = match stood.versions.get(&version) {
            Some(Ok(pipeline)) => pipeline,
            // A pipeline that cannot run must not lose what it would have sent.
            Some(Err(broken)) if broken.concerns(&event.source) => {
                yielded.tally.add(&stood.name, "failed");
                let reason = format!("the pipeline cannot run: {}; mend it, then redrive", broken.reason);
                let failure = self.failure(arrival, &stood.name, version, None, reason);
                return yielded.failures.push((arrival.record, failure));
            }
            Some(Err(_)) | None => return,
        };
        if pipeline.source != event.source {
            return;
        }
        let evaluated = evaluate(pipeline, event, scope, self.rows);
        if let (Some(row), Some(expectation)) = (&event.after, expectation) {
            // Of a row that the filter leaves out, or that leaves it, no field is sent.
            let is_sent = match &evaluated {
                Ok(Evaluation::Filtered) => false,
                Ok(Evaluation::Deliver(delivery)) => delivery.step == Step::Apply,
                Err(_) => true,
            };
            let unexpected = expectation.unexpected(row, is_sent);
            match drift::judge(&mut yielded.drifts, stood, pipeline, arrival, unexpected) {
                Some((OnDrift::Hold, _)) => return,
                Some((OnDrift::Fail, reason)) => {
                    let reason = format!(
                        "the source has drifted: {reason}; the pipeline fails such events (on_drift = \"fail\") until a \
                         version is published that reads the row as it is now, or the pipeline is paused and resumed; \
                         then redrive"
                    );
                    return self.fail(yielded, arrival, pipeline, reason);
                }
                Some((OnDrift::Warn, _)) | None => {}
            }
        }
        match evaluated {
            Ok(Evaluation::Filtered) => yielded.tally.add(&pipeline.name, "filtered"),
            Ok(Evaluation::Deliver(mut delivery)) => {
                delivery.arrived_at = arrival.arrived_at;
                let counter = if delivery.step == Step::Keep { "left" } else { "matched" };
                yielded.tally.add(&pipeline.name, counter);
                let wait = stood.waits(arrival.arrived_at, self.now);
                self.put(yielded, arrival.record, pipeline, &delivery, wait);
            }
            Err(error) => self.fail(yielded, arrival, pipeline, error.message),
        }
    }

    fn fail(&self, yielded: &mut Yield, arrival: &Arrival, pipeline: &Pipeline, reason: String) {
        yielded.tally.add(&pipeline.name, "failed");
        let destination = Some(pipeline.destination.as_str());
        let failure = self.failure(arrival, &pipeline.name, pipeline.version, destination, reason);
        yielded.failures.push((arrival.record, failure));
    }

    fn put(&self, yielded: &mut Yield, record: usize, pipeline: &Pipeline, delivery: &Delivery, wait: Duration) {
        // Every destination that a pipeline was checked against has a queue.
        let Some(queue) = self.config.destinations.get(&pipeline.destination) else { return };
        let items = if wait.is_zero() { &mut yielded.items } else { &mut yielded.later };
        yielded.wait = yielded.wait.max(wait);
        items.entry(pipeline.destination.clone()).or_default().push(Item {
            lane: queue.lanes.lane_of(&delivery.source, &delivery.key),
            id: delivery.id.clone(),
            json: delivery.to_json(),
            record,
        });
    }

    fn failure(
        &self,
        arrival: &Arrival,
        pipeline: &str,
        version: u64,
        destination: Option<&str>,
        reason: String,
    ) -> Failure {
        Failure {
            id: Delivery::id_of(pipeline, &arrival.event),
            stage: Stage::Transform,
            reason,
            source: Some(arrival.event.source.clone()),
            pipeline: Some(pipeline.to_owned()),
            version: Some(version),
            destination: destination.map(str::to_owned),
            key: Some(arrival.event.key.clone()),
            request: None,
            answer: None,
            payload: Payload::of(arrival.json.as_bytes()),
            at: self.now,
        }
    }
}

/// Evaluates a pipeline; a panic in it is this event's failure and nobody else's.
fn evaluate(
    pipeline: &Pipeline,
    event: &ChangeEvent,
    scope: &Scope,
    rows: &Rows,
) -> Result<Evaluation, ExpressionError> {
    catch_unwind(AssertUnwindSafe(|| pipeline.evaluate(event, scope, rows))).unwrap_or_else(|_| {
        Err(ExpressionError {
            message: "mapping this event crashed, which is a defect of Freshet; please report it".to_owned(),
        })
    })
}
