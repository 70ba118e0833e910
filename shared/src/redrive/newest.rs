//! A delivery that failed, made anew by the newest version of its pipeline: the change event that it was made of goes onto
//! the backbone again, as long as that still holds it. A version counts for what arrives from its time on.

use std::time::Duration;

use super::{Report, Site, World, attempt, mark, send};
use crate::{
    delivery::Delivery,
    event::ChangeEvent,
    failure::{Kept, Stage, Standing},
    frame::{self, ClaimError, Content, Item},
    lane::Lanes,
    ports::{Backlog, KeptFailures as _, Objects, PortError, Since},
    time::{Clock as _, Timestamp},
};

/// Kinesis tells when a record arrived to the millisecond; what a shard counts from may be rounded.
const AROUND: Duration = Duration::from_secs(1);

/// How many pages of a shard are read at most: what arrived within [`AROUND`] is 1 MB or 1,000 records at most
/// ("Quotas and limits", Kinesis guide), each way.
const MOST_PAGES: usize = 20;

/// How many records a page has at most, so that other readers of the shard are not held up.
const PAGE_RECORDS: usize = 1_000;

/// After a page that was refused: five a second are for all readers of a shard.
const PAUSE: Duration = Duration::from_millis(250);

/// For so long a queue takes a message of the same deduplication id as one that it has had, and drops it ("Exactly-once
/// processing in Amazon SQS", SQS guide). What transform makes of the same change once more has the same.
const DEDUPLICATION: Duration = Duration::from_mins(5);

/// Why a failure cannot go through the newest version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoNewest {
    /// The backbone does not hold its change event any more.
    #[error("the backbone does not hold its change any more; send it again as it is, or change the row once more")]
    Gone,
    /// It is none that a destination has refused.
    #[error("only what a destination has refused was made by a version; send it again as it is")]
    NoDelivery,
    /// Its queue would drop it.
    #[error("its queue drops the same change within five minutes; try again after {}", .0.to_rfc3339())]
    TooSoon(Timestamp),
}

/// From when on a queue takes the same change again: whatever of it was queued before had been by the time that it failed
/// last.
pub fn queued_anew(kept: &Kept) -> Timestamp {
    kept.listed.last_at + DEDUPLICATION
}

/// Sends a failed delivery's change event onto the backbone again. Every pipeline of its source sees it; the ledger makes
/// that harmless for those that have it.
pub async fn redrive_newest<W: World>(world: &W, site: &Site, id: &str) -> Result<Result<Report, NoNewest>, PortError>
where
    W::Backbone: Backlog,
{
    let mut report = Report::default();
    let Some(kept) = world.failures().get(id).await? else {
        report.leave(id, super::UNKNOWN);
        return Ok(Ok(report));
    };
    if kept.listed.standing != Standing::Open {
        report.leave(id, format!("it is {} already", kept.listed.standing.as_str()));
        return Ok(Ok(report));
    }
    let Some(delivery) = delivery_of(world, &kept).await? else { return Ok(Err(NoNewest::NoDelivery)) };
    if world.clock().now() < queued_anew(&kept) {
        return Ok(Err(NoNewest::TooSoon(queued_anew(&kept))));
    }
    let lanes = site.changes_lanes;
    let Some(json) = find(world.backbone(), world.objects(), lanes, &delivery).await? else {
        return Ok(Err(NoNewest::Gone));
    };
    let lane = lanes.lane_of(&delivery.source, &delivery.key);
    let item = Item { lane, id: attempt(event_id(&delivery), &kept), json, record: 0 };
    let sent = send(world, site, world.backbone(), Content::Events, lanes, vec![item]).await;
    mark(world, vec![kept], sent, "onto the backbone", &mut report).await?;
    Ok(Ok(report))
}

/// Does the same with several, one after the other: all their changes are looked for on the same shards. Why one cannot go
/// is in the report.
pub async fn redrive_all_newest<W: World>(world: &W, site: &Site, ids: &[String]) -> Result<Report, PortError>
where
    W::Backbone: Backlog,
{
    let mut all = Report::default();
    for id in ids {
        match redrive_newest(world, site, id).await? {
            Ok(report) => all.extend(report),
            Err(why) => all.leave(id, why),
        }
    }
    Ok(all)
}

async fn delivery_of<W: World>(world: &W, kept: &Kept) -> Result<Option<Delivery>, PortError> {
    if kept.failure.stage != Stage::Deliver {
        return Ok(None);
    }
    let payload = world.failures().payload(&kept.failure).await?;
    Ok(payload.and_then(|payload| serde_json::from_slice(&payload).ok()))
}

/// The id of the event that a delivery was made of.
fn event_id(delivery: &Delivery) -> &str {
    delivery.id.strip_prefix(&*delivery.pipeline).and_then(|rest| rest.strip_prefix('/')).unwrap_or(&delivery.id)
}

/// The JSON of the event that a delivery was made of, byte for byte, from where the backbone has had it.
async fn find(
    backbone: &impl Backlog,
    objects: &impl Objects,
    lanes: Lanes,
    delivery: &Delivery,
) -> Result<Option<String>, PortError> {
    let arrived = delivery.arrived_at;
    if arrived == Timestamp::default() {
        // A release that did not tell when it arrived has queued it: longer ago than a backbone holds anything.
        return Ok(None);
    }
    let from = Since::Arrived(arrived - AROUND);
    for shard in backbone.shards().await? {
        let mut next = Some(backbone.iterator(&shard.id, &from).await?);
        for _ in 0..MOST_PAGES {
            let Some(iterator) = next.take() else { break };
            let Some(page) = backbone.page(&iterator, PAGE_RECORDS).await? else {
                tokio::time::sleep(PAUSE).await;
                next = Some(iterator);
                continue;
            };
            let is_past = page.is_at_tip() || page.records.iter().any(|record| record.arrived_at > arrived + AROUND);
            for record in page.records {
                if let Some(json) = within(objects, lanes, &record.data, event_id(delivery)).await? {
                    return Ok(Some(json));
                }
            }
            if is_past {
                break;
            }
            next = page.next;
        }
    }
    Ok(None)
}

/// The event of this id in a frame. What is no frame is a failure elsewhere.
async fn within(objects: &impl Objects, lanes: Lanes, data: &[u8], id: &str) -> Result<Option<String>, PortError> {
    let Ok(opened) = frame::open(Content::Events, lanes, data) else { return Ok(None) };
    for payload in opened.items {
        let json = match frame::redeem(objects, payload).await {
            Ok(json) => json,
            Err(ClaimError::Gone { .. }) => continue,
            Err(error) => return Err(PortError { operation: "s3:GetObject", reason: error.to_string() }),
        };
        if ChangeEvent::from_json(&json).is_ok_and(|event| event.id == id) {
            return Ok(Some(json.into_owned()));
        }
    }
    Ok(None)
}
