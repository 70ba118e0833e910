//! What a pipeline's mapping costs beside the same mapping written by hand.
//!
//! Per event: from its JSON as it stands in a frame of the backbone to its delivery's JSON, with the reference pipeline of
//! a filter and ten fields. Both ways take turns over the same events, so that what else the machine does falls on both,
//! and write the same bytes. No budget is asserted: how long something takes is no test.

mod by_hand;
mod events;

use std::{hint::black_box, time::Instant};

use anyhow::{Context as _, anyhow};
use shared::{
    event::ChangeEvent,
    expression::Scope,
    lookup::Rows,
    pipeline::{Evaluation, Known, KnownDestination, Pipeline},
};

/// How many events are mapped in a turn, no two alike.
const EVENTS: usize = 2_000;

/// How many turns each way has; the median is told.
const TURNS: usize = 101;

fn main() -> anyhow::Result<()> {
    let pipeline = reference()?;
    let events = events::updates(EVENTS);
    let by_pipeline = |json: &str| map(&pipeline, json);
    let (mut of_pipeline, mut of_hand, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        let (ours, theirs) = (turn(&events, by_pipeline)?, turn(&events, by_hand::map)?);
        of_pipeline.push(ours);
        of_hand.push(theirs);
        ratios.push(ours / theirs);
    }
    println!("{:<22} {:>12}", "mapping", "ns an event");
    println!("{:<22} {:>12.0}", "by the pipeline", median(of_pipeline)?);
    println!("{:<22} {:>12.0}", "by hand, with serde", median(of_hand)?);
    println!("{:<22} {:>12.2}", "ratio", median(ratios)?);
    Ok(())
}

/// Nanoseconds an event that a way of mapping takes.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn turn(events: &[String], map: impl Fn(&str) -> anyhow::Result<Option<String>>) -> anyhow::Result<f64> {
    let began = Instant::now();
    for json in events {
        black_box(map(black_box(json))?);
    }
    Ok(began.elapsed().as_nanos() as f64 / events.len() as f64)
}

fn median(mut figures: Vec<f64>) -> anyhow::Result<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().context("nothing was measured")
}

fn reference() -> anyhow::Result<Pipeline> {
    let known = Known {
        sources: vec!["customers".to_owned()],
        destinations: vec![KnownDestination::new("crm", "hubspot")],
        ..Known::default()
    };
    Pipeline::parse("reference.toml", include_str!("../reference.toml"), 1, &known).map_err(|error| anyhow!("{error}"))
}

/// From an event's JSON to its delivery's, as the function transform does it; `None` where nothing is sent.
fn map(pipeline: &Pipeline, json: &str) -> anyhow::Result<Option<String>> {
    let event = ChangeEvent::from_json(json)?;
    match pipeline.evaluate(&event, &Scope::of(&event), &Rows::default())? {
        Evaluation::Filtered => Ok(None),
        Evaluation::Deliver(delivery) => Ok(Some(delivery.to_json())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn both_ways_write_the_same_bytes() {
        let pipeline = reference().unwrap();
        let without_consent = || {
            let mut row = events::row(7, "pro");
            row["marketing_consent"] = Value::Bool(false);
            row
        };
        let wanted = || events::row(7, "pro");
        let mut all = events::updates(EVENTS);
        all.extend([
            events::event(7, "create", None, Some(wanted())),
            events::event(7, "create", None, Some(without_consent())),
            events::event(7, "update", Some(wanted()), Some(without_consent())),
            events::event(7, "update", Some(without_consent()), Some(without_consent())),
            events::event(7, "delete", Some(wanted()), None),
            events::event(7, "delete", Some(without_consent()), None),
            events::event(7, "delete", None, None),
        ]);
        let mut sent = 0;
        for json in &all {
            let by_hand = by_hand::map(json).unwrap();
            assert_eq!(map(&pipeline, json).unwrap(), by_hand, "{json}");
            sent += usize::from(by_hand.is_some());
        }
        assert_eq!(sent, EVENTS + 4);
    }
}
