//! The last events of a source, out of the backbone.

use std::time::Duration;

use crate::{
    event::ChangeEvent,
    frame::{self, ClaimError, Content},
    lane::Lanes,
    ports::{Backlog, BacklogRecord, Objects, PortError, Since},
    time::Timestamp,
};

/// How far back is looked first; then four times as far, and so on.
const FIRST_LOOK: Duration = Duration::from_mins(1);

/// How many pages of a shard are read in one look.
const MOST_PAGES: usize = 100;

/// How many records a page has at most: where frames are of the usual few kilobytes, it stays below the 10 MB after which
/// nobody may read of the shard for five seconds ("`GetRecords`", Kinesis API reference).
const PAGE_RECORDS: usize = 1_000;

/// Between two pages of a shard: five a second are for all of its readers.
const PAUSE: Duration = Duration::from_millis(250);

/// The last events of a source that the backbone holds, in the order of their arrival; fewer than `count` where there are
/// no more. Nothing older than `retention` is looked for, which is how long the backbone keeps what arrives there.
pub async fn latest(
    backbone: &impl Backlog,
    objects: &impl Objects,
    lanes: Lanes,
    source: &str,
    count: usize,
    now: Timestamp,
    retention: Duration,
) -> Result<Vec<ChangeEvent>, PortError> {
    let mut look = FIRST_LOOK.min(retention);
    loop {
        let mut records = Vec::new();
        for shard in backbone.shards().await? {
            records.extend(read(backbone, &shard.id, now - look, now).await?);
        }
        records.sort_by(|a, b| (a.arrived_at, &a.number).cmp(&(b.arrived_at, &b.number)));
        let mut events = Vec::new();
        for record in &records {
            events.extend(
                events_of(objects, lanes, &record.data).await?.into_iter().filter(|event| event.source == source),
            );
        }
        if events.len() >= count || look >= retention {
            return Ok(events.split_off(events.len().saturating_sub(count)));
        }
        look = (look * 4).min(retention);
    }
}

/// What arrived in a shard between two times: one that is always written to has no end.
async fn read(
    backbone: &impl Backlog,
    shard: &str,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<BacklogRecord>, PortError> {
    let mut records = Vec::new();
    let mut next = Some(backbone.iterator(shard, &Since::Arrived(from)).await?);
    for _ in 0..MOST_PAGES {
        let Some(iterator) = next.take() else { break };
        match backbone.page(&iterator, PAGE_RECORDS).await? {
            Some(page) => {
                let is_late = page.records.last().is_some_and(|record| record.arrived_at >= until);
                let is_at_tip = page.is_at_tip();
                records.extend(page.records);
                if is_at_tip || is_late {
                    break;
                }
                next = page.next;
            }
            None => next = Some(iterator),
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(records)
}

/// The events of a frame. What is no frame or no event is a failure elsewhere, and nothing to show.
async fn events_of(objects: &impl Objects, lanes: Lanes, data: &[u8]) -> Result<Vec<ChangeEvent>, PortError> {
    let Ok(opened) = frame::open(Content::Events, lanes, data) else { return Ok(Vec::new()) };
    let mut events = Vec::new();
    for payload in opened.items {
        match frame::redeem(objects, payload).await {
            Ok(json) => events.extend(ChangeEvent::from_json(&json)),
            Err(ClaimError::Gone { .. }) => {}
            Err(error) => return Err(PortError { operation: "s3:GetObject", reason: error.to_string() }),
        }
    }
    Ok(events)
}
