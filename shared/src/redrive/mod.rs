//! Failures sent on their way again, each from where it failed. The command and the console do it by this, and in no
//! other way.
//!
//! - A delivery goes back to its destination's queue, as a frame of its lane.
//! - A change event goes back onto the backbone. Every pipeline of its source sees it again; the ledger makes the repeat
//!   harmless for those that have it.
//! - A raw record goes through the capture function, where the process has one ([`Capturing`]).
//! - A delivery whose mapping was wrong goes, if a person wants that, onto the backbone as the change event that it was
//!   made of ([`redrive_newest`]): its arrival then is what chooses the version.
//!
//! A failure is marked after it was accepted there, and only if it has not failed again meanwhile: then it stays open.

mod errand;
mod newest;
mod report;

use std::{
    collections::{BTreeMap, HashSet},
    future::Future,
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

pub use self::{
    errand::{Errand, RawKind, RawRecord},
    newest::{NoNewest, queued_anew, redrive_all_newest, redrive_newest},
    report::Report,
};
use crate::{
    delivery::Delivery,
    event::ChangeEvent,
    failure::{Kept, Marked, Standing},
    frame::{self, Channel, Content, Item, Pace},
    lane::Lanes,
    ports::{KeptFailures, Objects, PortError, Queues},
    time::{Clock, Timestamp},
};

/// How many failures are read or marked at a time.
const AT_A_TIME: usize = 8;

/// Of an id that the table does not have.
pub const UNKNOWN: &str = "there is no failure of this id; `freshet failures list` has the ids";

/// What a redrive needs of the world.
#[expect(missing_docs, reason = "each is named for its port")]
pub trait World: Sync {
    type Failures: KeptFailures;
    type Objects: Objects;
    type Backbone: Channel;
    type Queues: Queues;
    type Capture: Capturing;
    type Clock: Clock;

    fn failures(&self) -> &Self::Failures;
    fn objects(&self) -> &Self::Objects;
    fn backbone(&self) -> &Self::Backbone;
    fn queues(&self) -> &Self::Queues;
    fn capture(&self) -> &Self::Capture;
    fn clock(&self) -> &Self::Clock;
}

/// Capture functions for raw records, where a process has them.
pub trait Capturing: Sync {
    /// Why a record does not go through capture here, and what to do; `None` where it does.
    fn refusal(&self, id: &str, record: &RawRecord) -> Option<String>;

    /// Hands a record to the capture function of its kind, byte for byte, as an event source mapping would. The error says
    /// why it was not taken.
    fn capture(&self, record: &RawRecord) -> impl Future<Output = Result<(), String>> + Send;
}

/// The stack, as far as a redrive has to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The bucket of what is too large for a frame.
    pub bucket: String,
    /// The backbone's name.
    pub changes_stream: String,
    /// The backbone's lanes.
    pub changes_lanes: Lanes,
    /// The queues of the destinations, by their names.
    pub queues: BTreeMap<String, QueueSite>,
}

/// A destination's queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSite {
    /// Its URL.
    pub url: String,
    /// Its lanes.
    pub lanes: Lanes,
}

/// Failures that go the same way, in the order of what they hold.
#[derive(Default)]
struct Ways {
    deliveries: BTreeMap<String, Vec<(Kept, Delivery, String)>>,
    events: Vec<(Kept, Vec<(ChangeEvent, String)>)>,
    records: Vec<(Kept, RawRecord)>,
}

/// Sends failures on their way again. What cannot be sent is left alone. After an error of infrastructure all that was not
/// marked may be redriven once more: what was sent already is known by then.
pub async fn redrive<W: World>(world: &W, site: &Site, ids: &[String]) -> Result<Report, PortError> {
    let mut report = Report::default();
    let mut ways = Ways::default();
    let failures = world.failures();
    let mut seen = HashSet::new();
    let reads = ids.iter().filter(|id| seen.insert(id.as_str())).map(|id| async move {
        let Some(kept) = failures.get(id).await? else { return Ok((id, None)) };
        let payload = failures.payload(&kept.failure).await?;
        Ok::<_, PortError>((id, Some((kept, payload))))
    });
    let reads: Vec<_> = stream::iter(reads.collect::<Vec<_>>()).buffered(AT_A_TIME).try_collect().await?;
    for (id, read) in reads {
        match read {
            None => report.leave(id, UNKNOWN),
            Some((kept, _)) if kept.listed.standing != Standing::Open => {
                report.leave(id, format!("it is {} already", kept.listed.standing.as_str()));
            }
            Some((_, None)) => report.leave(id, "what failed is gone: objects are kept 45 days"),
            Some((kept, Some(payload))) => match Errand::of(&kept, payload, site) {
                Ok(errand) => {
                    ways.add(kept, errand, world, site).await?.unwrap_or_else(|why| report.leave(id, why));
                }
                Err(why) => report.leave(id, why),
            },
        }
    }
    for (destination, deliveries) in ways.deliveries {
        to_queue(world, site, &destination, deliveries, &mut report).await?;
    }
    to_backbone(world, site, ways.events, &mut report).await?;
    for (kept, record) in ways.records {
        let sent = world.capture().capture(&record).await;
        mark(world, vec![kept], sent, "through capture", &mut report).await?;
    }
    Ok(report)
}

impl Ways {
    /// Puts a failure among those of its way; what is wrong with what it holds is the inner error.
    async fn add<W: World>(
        &mut self,
        kept: Kept,
        errand: Errand,
        world: &W,
        site: &Site,
    ) -> Result<Result<(), String>, PortError> {
        match errand {
            Errand::Delivery { destination, delivery, json } => {
                self.deliveries.entry(destination).or_default().push((kept, *delivery, json));
            }
            Errand::Event { event, json } => self.events.push((kept, vec![(*event, json)])),
            Errand::Record(record) => match world.capture().refusal(&kept.listed.id, &record) {
                None => self.records.push((kept, record)),
                Some(why) => return Ok(Err(why)),
            },
            Errand::Frame(body) => match events_of(world.objects(), site.changes_lanes, &body).await? {
                Ok(events) => self.events.push((kept, events)),
                Err(why) => return Ok(Err(why)),
            },
        }
        Ok(Ok(()))
    }
}

/// The events of a frame of the backbone, fetched where they are in S3.
async fn events_of(
    objects: &impl Objects,
    lanes: Lanes,
    body: &[u8],
) -> Result<Result<Vec<(ChangeEvent, String)>, String>, PortError> {
    let opened = match frame::open(Content::Events, lanes, body) {
        Ok(opened) => opened,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let mut events = Vec::with_capacity(opened.items.len());
    for item in opened.items {
        let json = match frame::redeem(objects, item).await {
            Ok(json) => json.into_owned(),
            Err(error @ frame::ClaimError::Gone { .. }) => return Ok(Err(error.to_string())),
            Err(error) => return Err(PortError { operation: "s3:GetObject", reason: error.to_string() }),
        };
        match serde_json::from_str(&json) {
            Ok(event) => events.push((event, json)),
            Err(error) => return Ok(Err(format!("the frame has an item that is no change event: {error}"))),
        }
    }
    Ok(Ok(events))
}

/// An item's id with its attempt: SQS drops a message of the same ids within five minutes. A failure that failed again
/// has another count of times, one that was redriven another count of redrives; whoever was ended before anything could be
/// marked, or asks twice at the same time, repeats the same attempt.
fn attempt(id: &str, kept: &Kept) -> String {
    format!("{id}#redrive-{}.{}", kept.listed.times, kept.redrives)
}

async fn to_queue<W: World>(
    world: &W,
    site: &Site,
    name: &str,
    mut deliveries: Vec<(Kept, Delivery, String)>,
    report: &mut Report,
) -> Result<(), PortError> {
    // Its presence was looked at before.
    let Some(QueueSite { url, lanes }) = site.queues.get(name) else { return Ok(()) };
    deliveries.sort_by_key(|(_, delivery, _)| delivery.order());
    let items = deliveries.iter().enumerate().map(|(record, (kept, delivery, json))| Item {
        lane: lanes.lane_of(&delivery.source, &delivery.key),
        id: attempt(&delivery.id, kept),
        json: json.clone(),
        record,
    });
    let queue = world.queues().queue(url);
    let sent = send(world, site, &queue, Content::Deliveries, *lanes, items.collect()).await;
    let kept = deliveries.into_iter().map(|(kept, ..)| kept);
    mark(world, kept.collect(), sent, &format!("onto the queue of {name}"), report).await
}

async fn to_backbone<W: World>(
    world: &W,
    site: &Site,
    failures: Vec<(Kept, Vec<(ChangeEvent, String)>)>,
    report: &mut Report,
) -> Result<(), PortError> {
    if failures.is_empty() {
        return Ok(());
    }
    let lanes = site.changes_lanes;
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
    let sent = send(world, site, world.backbone(), Content::Events, lanes, items.collect()).await;
    let kept = failures.into_iter().map(|(kept, _)| kept);
    mark(world, kept.collect(), sent, "onto the backbone", report).await
}

/// Sends items as frames; what is larger than a frame goes through S3. The error says why they are not all accepted.
async fn send<W: World, C: Channel>(
    world: &W,
    site: &Site,
    channel: &C,
    content: Content,
    lanes: Lanes,
    mut items: Vec<Item>,
) -> Result<(), String> {
    let stored = frame::check_in(world.objects(), &site.bucket, &mut items).await;
    stored.map_err(|(_, error)| error.to_string())?;
    let frames = frame::pack(content, lanes, &items);
    frame::send(channel, frames, Pace::default()).await.map_err(|unsent| unsent.to_string())
}

/// What marking one has shown.
enum Mark {
    Redriven,
    FailedAgain,
    Left(String),
}

async fn mark<W: World>(
    world: &W,
    failures: Vec<Kept>,
    sent: Result<(), String>,
    place: &str,
    report: &mut Report,
) -> Result<(), PortError> {
    if let Err(why) = &sent {
        for kept in &failures {
            // Some may have been accepted: sent once more, they are what the ledger knows already.
            report.leave(&kept.listed.id, format!("{why}; it stays open, so try again"));
        }
        return Ok(());
    }
    let now = world.clock().now();
    let marks = failures.iter().map(|kept| async move {
        let id = &kept.listed.id;
        Ok::<_, PortError>((id.clone(), mark_one(world.failures(), kept, now, place).await?))
    });
    let marks: Vec<_> = stream::iter(marks.collect::<Vec<_>>()).buffered(AT_A_TIME).try_collect().await?;
    for (id, mark) in marks {
        match mark {
            Mark::Redriven => report.redriven.push((id, place.to_owned())),
            Mark::FailedAgain => report.failed_again.push(id),
            Mark::Left(why) => report.leave(&id, why),
        }
    }
    Ok(())
}

async fn mark_one(table: &impl KeptFailures, kept: &Kept, now: Timestamp, place: &str) -> Result<Mark, PortError> {
    Ok(match table.mark_redriven(kept, now).await? {
        Marked::Yes => Mark::Redriven,
        Marked::Overtaken => match table.get(&kept.listed.id).await?.map(|kept| kept.listed.standing) {
            Some(Standing::Open) => Mark::FailedAgain,
            Some(Standing::Delivered | Standing::Superseded) => {
                // It has arrived before it could be marked; who asks what became of it finds it by this.
                table.note_redriven(kept, now).await?;
                Mark::Redriven
            }
            other => {
                let standing = other.map_or("gone", Standing::as_str);
                Mark::Left(format!("it was sent {place}, and somebody made it {standing} at the same time"))
            }
        },
    })
}

#[cfg(test)]
mod tests;
