//! `freshet preview`: what a pipeline would do with real events, without sending anything.

use std::{fmt::Write as _, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use shared::{
    config::Environment,
    delivery::Delivery,
    event::ChangeEvent,
    lane::Lanes,
    ports::Schemas as _,
    preview::{Change, Fate, Preview, Skip, latest},
    time::{Clock as _, SystemClock},
    value::Value,
};

use super::{
    pretty::pretty,
    subject::{Asked, Subject},
};

/// The arguments of `freshet preview`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    asked: Asked,
    #[command(flatten)]
    events: Events,
}

/// Which events.
#[derive(Debug, Args)]
pub struct Events {
    /// A file of change events as JSON: a list, or one behind the other; what an event leaves out is filled in
    #[arg(long, value_name = "FILE", conflicts_with = "last")]
    events: Option<PathBuf>,
    /// The last so many events of the source, out of the stack's backbone
    #[arg(long, value_name = "N")]
    last: Option<usize>,
}

/// How many of the last events are taken where nothing is said.
const LAST: usize = 10;

impl Events {
    /// The events, and a word on where they are from.
    pub async fn of(&self, subject: &Subject<'_>, last: usize) -> anyhow::Result<(Vec<ChangeEvent>, String)> {
        let source = &subject.pipeline.source;
        if let Some(file) = &self.events {
            let place = file.display();
            let text = std::fs::read_to_string(file).with_context(|| format!("the events {place} cannot be read"))?;
            let events = match ChangeEvent::read_written(source, &text) {
                Ok(events) => events,
                Err(why) => bail!(
                    "{place}: {why}; write each event as {{\"before\": {{…}}, \"after\": {{…}}}}, with `op`, `key` and \
                     the others where they matter"
                ),
            };
            if let Some(other) = events.iter().find(|event| event.source != *source) {
                bail!(
                    "{place} has events of the source {}, and the pipeline reads {source}; leave `source` out of them, or \
                     take events of {source}",
                    other.source
                );
            }
            return Ok((events, format!("from {place}")));
        }
        let Some(stack) = &subject.stack else {
            bail!(
                "which events? Name a file with --events, or a stack that runs with --outputs, whose last events are taken"
            );
        };
        let lanes = Lanes::new(stack.deployed.changes_lanes).context("the stack's outputs have no count of lanes")?;
        let count = self.last.unwrap_or(last);
        let (backbone, objects) = (stack.backbone(), stack.objects());
        let retention = Duration::from_hours(stack.deployed.changes_retention_hours.into());
        let events = latest(&backbone, &objects, lanes, source, count, SystemClock.now(), retention).await?;
        if !events.is_empty() {
            return Ok((events, "out of the backbone".to_owned()));
        }
        let (_, schema) = stack.pipelines().schemas().await?.remove(source).unwrap_or_default();
        let sample = schema.sample();
        if sample.is_empty() {
            bail!(
                "the backbone holds no event of {source}, and none has passed yet; wait for a change, or write events into \
                 a file and name it with --events"
            );
        }
        let sample = format!(r#"{{"after":{}}}"#, Value::Object(sample).to_json());
        let events =
            ChangeEvent::read_written(source, &sample).map_err(|why| anyhow!("a sample of {source}: {why}"))?;
        Ok((events, "made up by the kinds of its fields, since the backbone holds none of its events".to_owned()))
    }
}

/// Prints what would become of each event.
pub async fn command(arguments: Arguments, environment: &dyn Environment) -> anyhow::Result<ExitCode> {
    let subject = arguments.asked.find(environment).await?;
    let (events, origin) = arguments.events.of(&subject, LAST).await?;
    let Subject { pipeline, destination, .. } = &subject;
    let rows = subject.rows(&events).await?;
    let keys: Vec<_> = events.iter().filter_map(|event| Preview::key_of(pipeline, event, &rows)).collect();
    let mut preview = Preview::new(pipeline, destination, subject.ledger(&keys).await?).with_rows(rows);
    println!(
        "{} events of {} {origin}, through {} to {}; nothing is sent.",
        events.len(),
        pipeline.source,
        pipeline.name,
        pipeline.destination
    );
    for event in &events {
        print!("\n{}", shown(event, &preview.next(event)));
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(event: &ChangeEvent, fate: &Fate) -> String {
    let mut text = format!("{}  {} {}: ", event.id, event.op.as_str(), event.key.canonical());
    // Writing to a string cannot fail.
    let _ = match fate {
        Fate::Filtered => writeln!(text, "filtered, `when` is not true"),
        Fate::Failed(delivery, reason) => {
            let told = writeln!(text, "would fail: {reason}");
            fields(&mut text, delivery.as_deref());
            told
        }
        Fate::Skipped(delivery, skip) => {
            let told = writeln!(
                text,
                "not sent, {}",
                match skip {
                    Skip::Unchanged => "the destination holds these values already",
                    Skip::Kept => "the row has left the filter, and what the destination holds is kept",
                    Skip::Superseded => "a newer change of the row is among the events",
                    Skip::Nothing => "the destination has nothing of this row that could be taken away",
                }
            );
            fields(&mut text, Some(delivery));
            told
        }
        Fate::Sent(delivery, change, sent) => {
            let told = writeln!(
                text,
                "{}",
                match change {
                    Change::Create => "creates the row",
                    Change::Update => "updates the row",
                    Change::Remove => delivery.step.as_str(),
                    Change::Append => "adds an event",
                }
            );
            fields(&mut text, Some(delivery));
            let body = pretty(&sent.body).unwrap_or_else(|| sent.body.clone());
            let _ = writeln!(text, "  {} {}", sent.method, sent.url);
            for line in body.lines() {
                let _ = writeln!(text, "    {line}");
            }
            told
        }
    };
    text
}

fn fields(text: &mut String, delivery: Option<&Delivery>) {
    let Some(delivery) = delivery else { return };
    let widest = delivery.fields.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    for (name, value) in &delivery.fields {
        let _ = writeln!(text, "  {name:<widest$} = {}", value.to_json());
    }
}
