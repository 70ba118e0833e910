//! `freshet plan`: what switching a pipeline on would mean.

use std::process::ExitCode;

use clap::Args;
use shared::{
    config::Environment,
    ports::Counts as _,
    preview::{Plan, Preview, Traffic},
};

use super::{
    preview::Events,
    subject::{Asked, Subject},
};
use crate::deployed::{Connection, SourceKind};

/// The arguments of `freshet plan`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    asked: Asked,
    #[command(flatten)]
    events: Events,
    /// How many change events of the source there are in an hour; as many as the stack has counted in the last hour,
    /// without
    #[arg(long, value_name = "N")]
    events_an_hour: Option<f64>,
    /// How many rows a backfill would have; as many as the source's table has, without
    #[arg(long, value_name = "N")]
    rows: Option<u64>,
}

/// How many of the last events make the sample where nothing is said.
const SAMPLE: usize = 200;

/// How far back traffic is counted.
const MINUTES: u32 = 60;

/// Prints the plan.
pub async fn command(arguments: Arguments, environment: &dyn Environment) -> anyhow::Result<ExitCode> {
    let subject = arguments.asked.find(environment).await?;
    let (events, origin) = arguments.events.of(&subject, SAMPLE).await?;
    let Subject { pipeline, destination, stack } = &subject;
    let (counted, rows) = match stack {
        Some(stack) => traffic(stack, &pipeline.source).await?,
        None => (0.0, None),
    };
    let an_hour = arguments.events_an_hour.unwrap_or(counted);
    let traffic = Traffic { events_an_hour: an_hour, rows: arguments.rows.or(rows) };
    let looked_up = subject.rows(&events).await?;
    let keys: Vec<_> = events.iter().filter_map(|event| Preview::key_of(pipeline, event, &looked_up)).collect();
    let preview = Preview::new(pipeline, destination, subject.ledger(&keys).await?).with_rows(looked_up);
    println!(
        "{}: {} → {}, by {} events {origin}; nothing is sent.\n",
        pipeline.name,
        pipeline.source,
        pipeline.destination,
        events.len()
    );
    print!("{}", Plan::of(preview, &events, traffic));
    if an_hour <= 0.0 {
        println!(
            "\nNo traffic is known, so each delivery is taken to travel alone; --events-an-hour says how much there is."
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The source's events in the last hour, and the rows of its table.
async fn traffic(stack: &Connection<'_>, source: &str) -> anyhow::Result<(f64, Option<u64>)> {
    let counted = stack.activity().last(MINUTES).await?;
    let of_transform = counted.iter().filter(|counted| counted.stage == "transform");
    let events: u64 = of_transform
        .flat_map(|counted| &counted.counts)
        .filter(|(subject, counter, _)| subject == source && counter == "events")
        .map(|(.., count)| count)
        .sum();
    let table = stack.deployed.sources.get(source).filter(|source| source.kind == SourceKind::Dynamodb);
    let rows = match table.and_then(|source| source.resource.as_deref()) {
        Some(table) => stack.rows_of(table).await?,
        None => None,
    };
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    Ok((events as f64, rows))
}
