//! Dead letters: frames of deliveries that a destination's queue gave up on.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::{
    delivery::Delivery,
    failure::{Failure, Payload, Stage},
    frame::{self, ClaimError, Content},
    lane::Lanes,
    ports::Objects,
    time::Timestamp,
};

/// A message of a dead-letter queue, as Lambda hands it over ("Using Lambda with Amazon SQS", AWS Lambda developer
/// guide).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message<'a> {
    /// Its id.
    #[serde(borrow)]
    pub message_id: Cow<'a, str>,
    #[serde(borrow)]
    body: Cow<'a, str>,
    attributes: Attributes,
    #[serde(borrow, default, rename = "eventSourceARN")]
    event_source_arn: Cow<'a, str>,
}

#[derive(Debug, Deserialize)]
struct Attributes {
    #[serde(rename = "MessageGroupId")]
    message_group_id: Option<String>,
}

impl Message<'_> {
    /// Its message group; a message of a standard queue is a group of its own.
    pub fn group(&self) -> &str {
        self.attributes.message_group_id.as_deref().unwrap_or(&self.message_id)
    }
}

const GAVE_UP: &str = "The destination's queue gave up on the frame that carried this delivery: it was received as often \
                       as the queue allows and never done, so deliver crashed or ran out of time on it. Look into \
                       deliver's log for this delivery's id, mend the cause, and redrive";

/// One failure for each delivery in the message; where it is no frame, one for the whole of it. `queues` names each
/// queue's destination. The error is S3's, and worth another try.
pub async fn failures<O: Objects>(
    message: &Message<'_>,
    queues: &BTreeMap<String, String>,
    objects: &O,
    at: Timestamp,
) -> Result<Vec<Failure>, ClaimError> {
    let destination = queues.get(&*message.event_source_arn).cloned();
    let unread = |id: String, reason: String, raw: &str| Failure {
        id,
        stage: Stage::Deliver,
        reason,
        source: None,
        pipeline: None,
        version: None,
        destination: destination.clone(),
        key: None,
        request: None,
        answer: None,
        payload: Payload::of(raw.as_bytes()),
        at,
    };
    let id = format!("dead-letter/{}", message.message_id);
    let items = match open(&message.body) {
        Ok(items) => items,
        Err(why) => {
            let reason = format!(
                "A dead letter that is no frame of deliveries ({why}); only transform may write to a destination's \
                 queue, so find what else does, and discard this"
            );
            return Ok(vec![unread(id, reason, &message.body)]);
        }
    };
    let mut failures = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let id = format!("{id}/{index}");
        let json = match frame::redeem(objects, item.clone()).await {
            Ok(json) => json,
            Err(ClaimError::Gone { bucket, key }) => {
                let gone = ClaimError::Gone { bucket, key: key.clone() };
                failures.push(unread(id, format!("{GAVE_UP}. It cannot be shown: {gone}"), &key));
                continue;
            }
            Err(error @ ClaimError::Storage { .. }) => return Err(error),
        };
        failures.push(match serde_json::from_str::<Delivery>(&json) {
            Ok(delivery) => Failure {
                id: delivery.id,
                stage: Stage::Deliver,
                reason: GAVE_UP.to_owned(),
                source: Some(delivery.source),
                pipeline: Some(delivery.pipeline),
                version: Some(delivery.version),
                destination: destination.clone(),
                key: Some(delivery.key),
                request: None,
                answer: None,
                payload: Payload::of(json.as_bytes()),
                at,
            },
            Err(error) => unread(id, format!("An item of a dead letter that is no delivery: {error}"), &json),
        });
    }
    Ok(failures)
}

/// The items of a frame. Its own count of lanes holds: no order is at stake any more, and the queues of several
/// destinations, each with its count, end here.
fn open(body: &str) -> Result<Vec<frame::Payload<'_>>, String> {
    #[derive(Deserialize)]
    struct Count<'a> {
        lanes: Lanes,
        #[serde(borrow, rename = "deliveries")]
        _deliveries: &'a RawValue,
    }
    let count: Count<'_> = serde_json::from_str(body).map_err(|error| error.to_string())?;
    frame::open(Content::Deliveries, count.lanes, body.as_bytes())
        .map(|opened| opened.items)
        .map_err(|error| error.to_string())
}
