//! `freshet status`: how fresh, what waits, what failed.

mod render;

use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
};

use clap::Args;
use futures_util::future::{try_join, try_join_all};
use serde::Serialize;
use shared::{
    aws::Depth,
    config::Environment,
    failure::{Listed, Selection, Standing},
    pipeline::Outline,
    ports::{Counts as _, KeptFailures as _, Publishing as _, StoredPipeline},
    tally::Counted,
};

pub use self::render::render;
use crate::deployed::{Chosen, Connection, Deployed};

/// How many minutes are looked back on.
const MINUTES: u32 = 15;

/// The arguments of `freshet status`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stack: Chosen,
}

/// Prints a stack's status.
pub async fn command(arguments: Arguments, environment: &dyn Environment) -> anyhow::Result<ExitCode> {
    let status = status(&arguments.stack.connect(environment)?).await?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&status)?);
    } else {
        print!("{}", render(&status));
    }
    Ok(ExitCode::SUCCESS)
}

/// How a stack is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The stack's name.
    pub stack: String,
    /// So many minutes are counted.
    pub minutes: u32,
    /// By pipeline: those that are live, and those that were active.
    pub pipelines: BTreeMap<String, PipelineStatus>,
    /// By destination.
    pub destinations: BTreeMap<String, DestinationStatus>,
    /// Open failures of no pipeline: records that are no change events, and what AWS gave up on.
    pub failures_of_no_pipeline: u64,
}

/// What a pipeline has done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PipelineStatus {
    /// The live version; `None` for a pipeline that is not live any more.
    pub version: Option<u64>,
    /// Its source.
    pub source: Option<String>,
    /// Its destination.
    pub destination: Option<String>,
    /// Events that matched its filter.
    pub matched: u64,
    /// Deliveries that the destination has.
    pub delivered: u64,
    /// Deliveries that the destination had already.
    pub unchanged: u64,
    /// Deliveries that a newer one made needless.
    pub superseded: u64,
    /// Events and deliveries that failed.
    pub failed: u64,
    /// Attempts that were put off: the destination did not answer, asked to wait, or refused the credentials.
    pub put_off: u64,
    /// From a change to its delivery, in milliseconds, on average.
    pub mean_freshness_ms: Option<u64>,
    /// Failures that nobody has seen to, of any time.
    pub failures_open: u64,
}

/// How a destination is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DestinationStatus {
    /// Its connector.
    pub connector: String,
    /// Frames in its queue that can be received.
    pub waiting: u64,
    /// Frames that are being delivered, or wait to be tried again.
    pub in_flight: u64,
    /// Frames that its queue gave up on, until they are collected.
    pub dead_letters: u64,
    /// Deliveries that it has.
    pub delivered: u64,
    /// From a change to its delivery, in milliseconds, on average.
    pub mean_freshness_ms: Option<u64>,
    /// Failures that nobody has seen to, of any time.
    pub failures_open: u64,
}

/// Reads a stack's status.
pub async fn status(stack: &Connection<'_>) -> anyhow::Result<Status> {
    let (activity, pipelines, failures) = (stack.activity(), stack.pipelines(), stack.failures());
    let open = Selection { standing: Some(Standing::Open), ..Selection::default() };
    let depths = stack.deployed.destinations.iter().map(|(name, destination)| async move {
        let (queue, dead) = (stack.queue(destination), stack.dead_letters(destination));
        let depths = try_join(queue.depth(), dead.depth()).await?;
        Ok::<_, shared::ports::PortError>((name.clone(), depths))
    });
    // On the heap, since four readings side by side are large.
    let (counted, (live, (failures, depths))) = Box::pin(try_join(
        activity.last(MINUTES),
        try_join(pipelines.live(), try_join(failures.list(&open), try_join_all(depths))),
    ))
    .await?;
    Ok(Status::of(&stack.deployed, &live, &counted, &failures, &depths.into_iter().collect()))
}

impl Status {
    /// From what was read: `depths` are each destination's queue and its dead letters.
    fn of(
        deployed: &Deployed,
        live: &[StoredPipeline],
        counted: &[Counted],
        failures: &[Listed],
        depths: &BTreeMap<String, (Depth, Depth)>,
    ) -> Self {
        let sums = Sums::of(counted);
        let mut status = Self { stack: deployed.name.clone(), minutes: MINUTES, ..Self::default() };
        for pipeline in live {
            let Outline { source, destination, .. } = Outline::of(&pipeline.document);
            let version = Some(pipeline.version);
            status.pipelines.insert(
                pipeline.name.clone(),
                PipelineStatus { version, source, destination, ..PipelineStatus::default() },
            );
        }
        for name in sums.pipelines() {
            status.pipelines.entry(name.to_owned()).or_default();
        }
        for (name, told) in &deployed.destinations {
            let (queue, dead) = depths.get(name).copied().unwrap_or_default();
            let stage = format!("deliver/{name}");
            let delivered = sums.of_stage(&stage, "delivered");
            status.destinations.insert(
                name.clone(),
                DestinationStatus {
                    connector: told.connector.clone(),
                    waiting: queue.waiting,
                    in_flight: queue.in_flight,
                    dead_letters: dead.waiting + dead.in_flight,
                    delivered,
                    mean_freshness_ms: mean(sums.of_stage(&stage, "age_ms"), delivered),
                    failures_open: 0,
                },
            );
        }
        for failure in failures {
            let pipeline = failure.pipeline.as_ref().map(|name| status.pipelines.entry(name.clone()).or_default());
            match pipeline {
                Some(pipeline) => pipeline.failures_open += 1,
                None => status.failures_of_no_pipeline += 1,
            }
            let destination = failure.destination.as_ref().and_then(|name| status.destinations.get_mut(name));
            if let Some(destination) = destination {
                destination.failures_open += 1;
            }
        }
        for (name, pipeline) in &mut status.pipelines {
            let sum = |counter: &str| sums.of_pipeline(name, counter);
            pipeline.matched = sum("matched");
            pipeline.delivered = sum("delivered");
            pipeline.unchanged = sum("unchanged");
            pipeline.superseded = sum("superseded");
            pipeline.failed = sum("failed");
            pipeline.put_off = ["retried", "throttled", "unauthorised"].map(sum).iter().sum();
            pipeline.mean_freshness_ms = mean(sum("age_ms"), pipeline.delivered);
        }
        status
    }
}

/// Counts of all minutes, by stage, subject and counter.
struct Sums<'a>(BTreeMap<(&'a str, &'a str, &'a str), u64>);

impl<'a> Sums<'a> {
    fn of(counted: &'a [Counted]) -> Self {
        let mut sums = BTreeMap::new();
        for Counted { stage, counts, .. } in counted {
            for (subject, counter, count) in counts {
                *sums.entry((stage.as_str(), subject.as_str(), counter.as_str())).or_default() += count;
            }
        }
        Self(sums)
    }

    /// Behind capture a subject is a pipeline, but for what transform counts by source.
    fn pipelines(&self) -> BTreeSet<&'a str> {
        let of_pipelines = self.0.keys().filter(|(stage, _, counter)| is_of_pipelines(stage) && *counter != "events");
        of_pipelines.map(|(_, subject, _)| *subject).collect()
    }

    /// Over all stages that count by pipeline.
    fn of_pipeline(&self, name: &str, counter: &str) -> u64 {
        let counts = self
            .0
            .iter()
            .filter(|((stage, subject, other), _)| *stage != "capture" && *subject == name && *other == counter);
        counts.map(|(_, count)| count).sum()
    }

    /// Over all subjects of a stage.
    fn of_stage(&self, stage: &str, counter: &str) -> u64 {
        let counts = self.0.iter().filter(|((of, _, other), _)| *of == stage && *other == counter);
        counts.map(|(_, count)| count).sum()
    }
}

fn is_of_pipelines(stage: &str) -> bool {
    stage == "transform" || stage.starts_with("deliver/")
}

const fn mean(sum: u64, count: u64) -> Option<u64> {
    sum.checked_div(count)
}

#[cfg(test)]
mod tests {
    use shared::{failure::Stage, pipeline::state::PipelineState, time::Timestamp};

    use super::*;

    pub(super) fn deployed() -> Deployed {
        let destination = |connector: &str| {
            serde_json::json!({"connector": connector, "settings": {}, "lanes": 8, "queue_url": "q",
                "dead_letter_url": "d", "function": "f"})
        };
        serde_json::from_value(serde_json::json!({
            "name": "shop", "region": "r", "pipelines_table": "p", "ledger_table": "l", "failures_table": "f",
            "activity_table": "a", "bucket": "b", "changes_stream": "c", "changes_lanes": 16,
            "changes_retention_hours": 24, "sources": {},
            "destinations": {"crm": destination("hubspot"), "hook": destination("webhook")}, "transform": "t",
            "collect_failures": "cf",
        }))
        .unwrap()
    }

    fn counted(stage: &str, counts: &[(&str, &str, u64)]) -> Counted {
        let counts = counts.iter().map(|(subject, counter, count)| ((*subject).into(), (*counter).into(), *count));
        Counted { minute: 0, stage: stage.to_owned(), counts: counts.collect() }
    }

    fn failure(id: &str, pipeline: Option<&str>, destination: Option<&str>) -> Listed {
        Listed {
            id: id.to_owned(),
            stage: Stage::Deliver,
            standing: Standing::Open,
            reason: "rejected".to_owned(),
            pipeline: pipeline.map(str::to_owned),
            destination: destination.map(str::to_owned),
            times: 1,
            first_at: Timestamp::from_millis(0),
            last_at: Timestamp::from_millis(0),
        }
    }

    pub(super) fn example() -> Status {
        let document = "name = \"contacts\"\nsource = \"customers\"\ndestination = \"crm\"".to_owned();
        let live = [StoredPipeline {
            name: "contacts".to_owned(),
            edit: 3,
            version: 3,
            document,
            by: "ada".to_owned(),
            at: Timestamp::from_millis(0),
            state: PipelineState::default(),
        }];
        let counted = [
            counted("capture", &[("customers", "events", 70), ("customers", "failed", 1)]),
            counted(
                "transform",
                &[("customers", "events", 70), ("contacts", "matched", 40), ("contacts", "failed", 2)],
            ),
            counted("transform", &[("contacts", "matched", 5)]),
            counted("deliver/crm", &[("contacts", "delivered", 30), ("contacts", "age_ms", 60_000)]),
            counted(
                "deliver/crm",
                &[("contacts", "unchanged", 4), ("contacts", "superseded", 3), ("contacts", "failed", 1)],
            ),
            counted(
                "deliver/crm",
                &[("contacts", "retried", 2), ("contacts", "throttled", 5), ("contacts", "unauthorised", 1)],
            ),
            counted("deliver/crm", &[("old", "delivered", 10), ("old", "age_ms", 2_000)]),
        ];
        let failures = [
            failure("a", Some("contacts"), Some("crm")),
            failure("b", Some("contacts"), None),
            failure("c", None, None),
        ];
        let depth = |waiting, in_flight| Depth { waiting, in_flight };
        let depths = BTreeMap::from([("crm".to_owned(), (depth(7, 2), depth(1, 0)))]);
        Status::of(&deployed(), &live, &counted, &failures, &depths)
    }

    #[test]
    fn counts_are_summed_over_minutes_and_stages() {
        let status = example();
        assert_eq!(
            status.pipelines["contacts"],
            PipelineStatus {
                version: Some(3),
                source: Some("customers".to_owned()),
                destination: Some("crm".to_owned()),
                matched: 45,
                delivered: 30,
                unchanged: 4,
                superseded: 3,
                failed: 3,
                put_off: 8,
                mean_freshness_ms: Some(2_000),
                failures_open: 2,
            }
        );
        // It was taken out of service a few minutes ago.
        let old = &status.pipelines["old"];
        assert_eq!((old.version, old.delivered, old.mean_freshness_ms), (None, 10, Some(200)));
        assert_eq!(status.pipelines.len(), 2, "sources are no pipelines");
        let crm = &status.destinations["crm"];
        assert_eq!((crm.waiting, crm.in_flight, crm.dead_letters, crm.failures_open), (7, 2, 1, 1));
        assert_eq!((crm.delivered, crm.mean_freshness_ms), (40, Some(1_550)));
        assert_eq!(status.destinations["hook"].mean_freshness_ms, None);
        assert_eq!(status.failures_of_no_pipeline, 1);
    }
}
