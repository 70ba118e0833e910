//! `freshet sources`: what is known of the rows of a stack's sources, learned as their events passed.

use std::{collections::BTreeMap, fmt::Write as _, process::ExitCode};

use anyhow::bail;
use clap::Args;
use shared::{
    config::Environment,
    nearest::suggestion,
    pipeline::Pipeline,
    ports::{Publishing as _, Schemas as _},
    schema::{Field, Schema},
    time::Timestamp,
};

use super::table::{Side, Table};
use crate::deployed::{Chosen, Connection, Deployed};

/// The arguments of `freshet sources`.
#[derive(Debug, Args)]
pub struct Arguments {
    /// A source, of which the fields are shown; all sources without
    name: Option<String>,
    #[command(flatten)]
    stack: Chosen,
}

/// Prints the sources of a stack, or the fields of one.
pub async fn command(arguments: Arguments, environment: &dyn Environment) -> anyhow::Result<ExitCode> {
    let stack = arguments.stack.connect(environment)?;
    let told = match arguments.name {
        Some(name) => show(&stack, &name).await?,
        None => list(&stack).await?,
    };
    print!("{told}");
    Ok(ExitCode::SUCCESS)
}

/// The sources, a line each.
pub async fn list(stack: &Connection<'_>) -> anyhow::Result<String> {
    let schemas = stack.pipelines().schemas().await?;
    Ok(listed(&stack.deployed, &schemas.into_iter().map(|(name, (_, schema))| (name, schema)).collect()))
}

/// The fields of a source: of which kinds they are, since when, and which pipelines read them.
pub async fn show(stack: &Connection<'_>, name: &str) -> anyhow::Result<String> {
    let sources = &stack.deployed.sources;
    if !sources.contains_key(name) {
        let near = suggestion(name, sources.keys().map(String::as_str));
        bail!("there is no source `{name}` in this stack{near}");
    }
    let table = stack.pipelines();
    let (mut schemas, live) = (table.schemas().await?, table.live().await?);
    let known = stack.deployed.known();
    let pipelines = live.iter().filter_map(|stored| {
        let pipeline = Pipeline::parse(&stored.name, &stored.document, stored.version, &known).ok()?;
        (pipeline.source == name).then_some(pipeline)
    });
    let (_, schema) = schemas.remove(name).unwrap_or_default();
    Ok(shown(name, &schema, &pipelines.collect::<Vec<_>>()))
}

fn listed(deployed: &Deployed, schemas: &BTreeMap<String, Schema>) -> String {
    let mut table = Table::new([
        ("source", Side::Left),
        ("kind", Side::Left),
        ("table or stream", Side::Left),
        ("events", Side::Right),
        ("last event", Side::Left),
        ("fields", Side::Right),
        ("drift", Side::Right),
    ]);
    for (name, source) in &deployed.sources {
        let schema = schemas.get(name);
        let events = schema.and_then(|schema| schema.events);
        let count = |count: Option<usize>| count.unwrap_or(0).to_string();
        table.row([
            name.clone(),
            format!("{:?}", source.kind).to_lowercase(),
            source.resource.clone().unwrap_or_else(|| "-".to_owned()),
            events.map_or(0, |seen| seen.count).to_string(),
            moment(events.map(|seen| seen.last)),
            count(schema.map(|schema| schema.fields.len())),
            count(schema.map(|schema| schema.notices.len())),
        ]);
    }
    table.render(None)
}

fn shown(name: &str, schema: &Schema, pipelines: &[Pipeline]) -> String {
    let (Some(events), Some(rows)) = (schema.events, schema.rows) else {
        return format!("No row of {name} has passed yet; its fields are learned as its events do.\n");
    };
    let mut text = format!(
        "{name}: {} events from {} to {}; learned from {} rows.\n\n",
        events.count,
        events.first.to_rfc3339(),
        events.last.to_rfc3339(),
        rows.count
    );
    let mut table = Table::new([
        ("field", Side::Left),
        ("is", Side::Left),
        ("first seen", Side::Left),
        ("last seen", Side::Left),
        ("read by", Side::Left),
    ]);
    for (path, field) in &schema.fields {
        let read = |pipeline: &&Pipeline| pipeline.row_paths().contains(&path.as_str());
        let readers: Vec<&str> = pipelines.iter().filter(read).map(|pipeline| pipeline.name.as_str()).collect();
        let seen = || field.kinds.values();
        table.row([
            path.clone(),
            kinds(field),
            moment(seen().map(|seen| seen.first).min()),
            moment(seen().map(|seen| seen.last).max()),
            if readers.is_empty() { "-".to_owned() } else { readers.join(", ") },
        ]);
    }
    text.push_str(&table.render(None));
    // Writing to a string cannot fail.
    if schema.more > 0 {
        let _ = writeln!(text, "At least {} more fields there are, which are not kept.", schema.more);
    }
    for notice in &schema.notices {
        let (at, pipeline) = (notice.at.to_rfc3339(), &notice.drift.pipeline);
        let _ = writeln!(text, "{at}  {pipeline} version {}: {}", notice.version, notice.drift);
    }
    text
}

/// The kinds of a field with their shares, the usual one first.
fn kinds(field: &Field) -> String {
    let all: u64 = field.kinds.values().map(|seen| seen.count).sum();
    let mut kinds: Vec<_> = field.kinds.iter().map(|(kind, seen)| (seen.count, kind.as_str())).collect();
    kinds.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    if let [(_, only)] = kinds.as_slice() {
        return (*only).to_owned();
    }
    let share = |(count, kind): &(u64, &str)| {
        // A kind that is there at all is never shown as 0 %.
        let percent = ((count * 100 + all / 2) / all.max(1)).max(1);
        format!("{kind} {percent} %")
    };
    kinds.iter().map(share).collect::<Vec<_>>().join(", ")
}

fn moment(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "-".to_owned(), Timestamp::to_rfc3339)
}

#[cfg(test)]
mod tests {
    use shared::{
        pipeline::{Known, KnownDestination},
        schema::{Drift, Kind, Notice},
        value::Value,
    };

    use super::*;

    fn schema() -> Schema {
        let mut schema = Schema::default();
        for number in 0..40 {
            let plan = if number % 4 == 3 { "null" } else { r#""pro""# };
            let row = Value::from_json(format!(r#"{{"id":{number},"plan":{plan}}}"#).as_bytes()).unwrap();
            let at = Timestamp::from_millis(1_700_000_000_000 + number * 1_000);
            schema.count(at);
            schema.learn(&row, at);
        }
        schema
    }

    #[test]
    fn a_source_is_shown_with_its_fields_their_kinds_and_who_reads_them() {
        let known = Known {
            sources: vec!["customers".to_owned()],
            destinations: vec![KnownDestination::new("crm", "hubspot")],
            ..Known::default()
        };
        let document = "name = \"contacts\"\nsource = \"customers\"\ndestination = \"crm\"\naction = \
                        \"upsert_contact\"\n[fields]\nemail = \"after.plan\"\n";
        let pipeline = Pipeline::parse("contacts", document, 4, &known).unwrap();
        let mut schema = schema();
        let drift = Drift { pipeline: "contacts".to_owned(), path: "plan".to_owned(), kind: Kind::Number };
        schema.note(Notice { drift, version: 4, at: Timestamp::from_millis(1_700_000_100_000) });
        let expected = "\
customers: 40 events from 2023-11-14T22:13:20.000Z to 2023-11-14T22:13:59.000Z; learned from 40 rows.

field  is                   first seen                last seen                 read by
id     number               2023-11-14T22:13:20.000Z  2023-11-14T22:13:59.000Z  -
plan   text 75 %, null 25 %  2023-11-14T22:13:20.000Z  2023-11-14T22:13:59.000Z  contacts
2023-11-14T22:15:00.000Z  contacts version 4: the field `plan` is a number, which it was not
";
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&shown("customers", &schema, &[pipeline])), words(expected));
        assert_eq!(
            shown("orders", &Schema::default(), &[]),
            "No row of orders has passed yet; its fields are learned as its events do.\n"
        );
    }
}
