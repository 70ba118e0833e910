//! Failures sent on their way again, each from where it failed.
//!
//! - A delivery goes back to its destination's queue, as a frame of its lane.
//! - A change event goes back onto the backbone. Every pipeline of its source sees it again; the ledger makes the repeat
//!   harmless for those that have it.
//! - A raw record goes through the capture function, in this process.
//!
//! A failure is marked after it was accepted there, and only if it has not failed again meanwhile: then it stays open.

mod errand;

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
};

use anyhow::anyhow;
use capture_dynamodb::CaptureDynamodb;
use capture_kinesis::CaptureKinesis;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use shared::{
    aws::Marked,
    capture::{Capture, Dialect, World},
    delivery::Delivery,
    event::ChangeEvent,
    failure::{Kept, Standing},
    frame::{self, Channel, Content, Item, Pace},
    lane::Lanes,
    telemetry,
    time::{Clock as _, SystemClock},
};

use self::errand::Errand;
use super::UNKNOWN;
use crate::deployed::{Connection, SourceKind};

/// What became of each failure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Accepted where it entered again: id, and where.
    pub redriven: Vec<(String, String)>,
    /// Accepted, and failed once more before it could be marked: it is open.
    pub failed_again: Vec<String>,
    /// Nothing was done: id, and why.
    pub left_alone: Vec<(String, String)>,
}

impl Report {
    /// Whether every failure is on its way.
    pub const fn is_whole(&self) -> bool {
        self.failed_again.is_empty() && self.left_alone.is_empty()
    }

    fn leave(&mut self, id: &str, why: impl fmt::Display) {
        self.left_alone.push((id.to_owned(), why.to_string()));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (id, place) in &self.redriven {
            writeln!(out, "redriven  {id}  {place}")?;
        }
        for id in &self.failed_again {
            writeln!(out, "failed again  {id}")?;
        }
        for (id, why) in &self.left_alone {
            writeln!(out, "left alone  {id}: {why}")?;
        }
        write!(out, "{} redriven", self.redriven.len())?;
        if !self.failed_again.is_empty() {
            write!(out, ", {} failed again", self.failed_again.len())?;
        }
        writeln!(out, ", {} left alone", self.left_alone.len())
    }
}

/// Failures that go the same way, in the order of what they hold.
#[derive(Default)]
struct Ways {
    deliveries: BTreeMap<String, Vec<(Kept, Delivery, String)>>,
    events: Vec<(Kept, Vec<(ChangeEvent, String)>)>,
    records: BTreeMap<SourceKind, Vec<(Kept, Vec<u8>)>>,
}

/// Sends failures on their way again. What cannot be sent is left alone; an error is one of infrastructure, before
/// anything was sent.
pub async fn redrive(stack: &Connection<'_>, ids: &[String]) -> anyhow::Result<Report> {
    let mut report = Report::default();
    let mut ways = Ways::default();
    let table = stack.failures();
    let mut seen = HashSet::new();
    let reads = ids.iter().filter(|id| seen.insert(id.as_str())).map(|id| {
        let table = &table;
        async move {
            let Some(kept) = table.get(id).await? else { return Ok((id, None)) };
            let payload = table.payload(&kept.failure).await?;
            Ok::<_, anyhow::Error>((id, Some((kept, payload))))
        }
    });
    let reads: Vec<_> = stream::iter(reads.collect::<Vec<_>>()).buffered(8).try_collect().await?;
    for (id, read) in reads {
        match read {
            None => report.leave(id, UNKNOWN),
            Some((kept, _)) if kept.listed.standing != Standing::Open => {
                report.leave(id, format!("it is {} already", kept.listed.standing.as_str()));
            }
            Some((_, None)) => report.leave(id, "what failed is gone: objects are kept 45 days"),
            Some((kept, Some(payload))) => match Errand::of(&kept, payload, &stack.deployed) {
                Ok(errand) => ways.add(kept, errand, stack).await?.unwrap_or_else(|why| report.leave(id, why)),
                Err(why) => report.leave(id, why),
            },
        }
    }
    for (destination, deliveries) in ways.deliveries {
        to_queue(stack, &destination, deliveries, &mut report).await?;
    }
    to_backbone(stack, ways.events, &mut report).await?;
    for (kind, records) in ways.records {
        let environment = stack.environment().of_capture(kind);
        let quiet = telemetry::to_nowhere;
        match kind {
            SourceKind::Dynamodb => {
                through(CaptureDynamodb::wire(&environment, quiet)?, stack, records, &mut report).await?;
            }
            SourceKind::Kinesis => {
                through(CaptureKinesis::wire(&environment, quiet)?, stack, records, &mut report).await?;
            }
        }
    }
    Ok(report)
}

impl Ways {
    /// Puts a failure among those of its way; what is wrong with what it holds is the inner error.
    async fn add(&mut self, kept: Kept, errand: Errand, stack: &Connection<'_>) -> anyhow::Result<Result<(), String>> {
        match errand {
            Errand::Delivery { destination, delivery, json } => {
                self.deliveries.entry(destination).or_default().push((kept, *delivery, json));
            }
            Errand::Event { event, json } => self.events.push((kept, vec![(*event, json)])),
            Errand::Record { kind, raw } => self.records.entry(kind).or_default().push((kept, raw)),
            Errand::Frame(body) => match events_of(stack, &body).await? {
                Ok(events) => self.events.push((kept, events)),
                Err(why) => return Ok(Err(why)),
            },
        }
        Ok(Ok(()))
    }
}

/// The events of a frame of the backbone, fetched where they are in S3.
async fn events_of(stack: &Connection<'_>, body: &[u8]) -> anyhow::Result<Result<Vec<(ChangeEvent, String)>, String>> {
    let opened = match frame::open(Content::Events, changes_lanes(stack)?, body) {
        Ok(opened) => opened,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let mut events = Vec::with_capacity(opened.items.len());
    for item in opened.items {
        let json = match frame::redeem(&stack.objects(), item).await {
            Ok(json) => json.into_owned(),
            Err(error @ frame::ClaimError::Gone { .. }) => return Ok(Err(error.to_string())),
            Err(error) => return Err(error.into()),
        };
        match serde_json::from_str(&json) {
            Ok(event) => events.push((event, json)),
            Err(error) => return Ok(Err(format!("the frame has an item that is no change event: {error}"))),
        }
    }
    Ok(Ok(events))
}

fn changes_lanes(stack: &Connection<'_>) -> anyhow::Result<Lanes> {
    Lanes::new(stack.deployed.changes_lanes).ok_or_else(|| anyhow!("the outputs say that the backbone has no lanes"))
}

/// An item's id with its attempt: SQS drops a message of the same ids within five minutes. A failure that failed again
/// has another count of times, one that was redriven another count of redrives; a command that was ended before it could
/// mark anything repeats the same attempt.
fn attempt(id: &str, kept: &Kept) -> String {
    format!("{id}#redrive-{}.{}", kept.listed.times, kept.redrives)
}

async fn to_queue(
    stack: &Connection<'_>,
    name: &str,
    mut deliveries: Vec<(Kept, Delivery, String)>,
    report: &mut Report,
) -> anyhow::Result<()> {
    // Its presence was looked at before.
    let Some(destination) = stack.deployed.destinations.get(name) else { return Ok(()) };
    let lanes = Lanes::new(destination.lanes);
    let lanes = lanes.ok_or_else(|| anyhow!("the outputs say that the queue of {name} has no lanes"))?;
    deliveries.sort_by_key(|(_, delivery, _)| delivery.order());
    let items = deliveries.iter().enumerate().map(|(record, (kept, delivery, json))| Item {
        lane: lanes.lane_of(&delivery.source, &delivery.key),
        id: attempt(&delivery.id, kept),
        json: json.clone(),
        record,
    });
    let sent = send(stack, &stack.queue(destination), Content::Deliveries, lanes, items.collect()).await;
    let kept = deliveries.into_iter().map(|(kept, ..)| kept);
    mark(stack, kept.collect(), sent, &format!("onto the queue of {name}"), report).await
}

async fn to_backbone(
    stack: &Connection<'_>,
    failures: Vec<(Kept, Vec<(ChangeEvent, String)>)>,
    report: &mut Report,
) -> anyhow::Result<()> {
    if failures.is_empty() {
        return Ok(());
    }
    let lanes = changes_lanes(stack)?;
    let mut events: Vec<(&Kept, &ChangeEvent, &String)> = failures
        .iter()
        .flat_map(|(kept, events)| events.iter().map(move |(event, json)| (kept, event, json)))
        .collect();
    events.sort_by_key(|(_, event, _)| event.order());
    // An event that failed in several pipelines goes once, for all of them.
    let mut seen = HashSet::new();
    events.retain(|(_, event, _)| seen.insert(&event.id));
    let items = events.iter().enumerate().map(|(record, (kept, event, json))| Item {
        lane: lanes.lane_of(&event.source, &event.key),
        id: attempt(&event.id, kept),
        json: (*json).clone(),
        record,
    });
    let sent = send(stack, &stack.backbone(), Content::Events, lanes, items.collect()).await;
    let kept = failures.into_iter().map(|(kept, _)| kept);
    mark(stack, kept.collect(), sent, "onto the backbone", report).await
}

/// Sends items as frames; what is larger than a frame goes through S3. The error says why they are not all accepted.
async fn send<C: Channel>(
    stack: &Connection<'_>,
    channel: &C,
    content: Content,
    lanes: Lanes,
    mut items: Vec<Item>,
) -> Result<(), String> {
    let stored = frame::check_in(&stack.objects(), &stack.deployed.bucket, &mut items).await;
    stored.map_err(|(_, error)| error.to_string())?;
    let frames = frame::pack(content, lanes, &items);
    frame::send(channel, frames, Pace::default()).await.map_err(|unsent| unsent.to_string())
}

/// Hands each record to its capture function, byte for byte, as an event source mapping would.
async fn through<D: Dialect, W: World>(
    function: Capture<D, W>,
    stack: &Connection<'_>,
    records: Vec<(Kept, Vec<u8>)>,
    report: &mut Report,
) -> anyhow::Result<()> {
    for (kept, raw) in records {
        let payload = [b"{\"Records\":[", &*raw, b"]}"].concat();
        let sent = match function.capture(&payload).await {
            Ok(response) if response.failed().next().is_none() => Ok(()),
            Ok(_) => Err("what it holds was not accepted, because a service did not answer".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        mark(stack, vec![kept], sent, "through capture", report).await?;
    }
    Ok(())
}

async fn mark(
    stack: &Connection<'_>,
    failures: Vec<Kept>,
    sent: Result<(), String>,
    place: &str,
    report: &mut Report,
) -> anyhow::Result<()> {
    let table = stack.failures();
    for kept in failures {
        let id = kept.listed.id.clone();
        if let Err(why) = &sent {
            // Some may have been accepted: sent once more, they are what the ledger knows already.
            report.leave(&id, format!("{why}; it stays open, so try again"));
            continue;
        }
        match table.mark_redriven(&kept, SystemClock.now()).await? {
            Marked::Yes => report.redriven.push((id, place.to_owned())),
            Marked::Overtaken => match table.get(&id).await?.map(|kept| kept.listed.standing) {
                Some(Standing::Open) => report.failed_again.push(id),
                // It has arrived before it could be marked.
                Some(Standing::Delivered | Standing::Superseded) => report.redriven.push((id, place.to_owned())),
                other => {
                    let standing = other.map_or("gone", Standing::as_str);
                    report.leave(&id, format!("it was sent {place}, and somebody made it {standing} at the same time"));
                }
            },
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_counts_and_explains() {
        let report = Report {
            redriven: vec![("a".to_owned(), "onto the backbone".to_owned())],
            failed_again: vec!["b".to_owned()],
            left_alone: vec![("c".to_owned(), "it is discarded already".to_owned())],
        };
        let expected = "\
redriven  a  onto the backbone
failed again  b
left alone  c: it is discarded already
1 redriven, 1 failed again, 1 left alone
";
        assert_eq!(report.to_string(), expected);
        assert!(!report.is_whole());
        assert_eq!(Report::default().to_string(), "0 redriven, 0 left alone\n");
    }
}
