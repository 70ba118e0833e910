//! The SQS event: a batch of a FIFO queue's messages.

use std::time::Duration;

use serde::Deserialize;
use shared::time::Timestamp;

/// The event that Lambda hands over for an SQS queue ("Using Lambda with Amazon SQS", example FIFO queue message
/// event).
#[derive(Debug, Deserialize)]
pub struct SqsEvent {
    /// The messages, in the queue's order within each group.
    #[serde(rename = "Records")]
    pub records: Vec<Message>,
}

/// One message.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Its id, by which it is reported.
    #[serde(rename = "messageId")]
    pub id: String,
    /// The handle of this receive, by which its visibility is set.
    pub receipt_handle: String,
    /// A frame.
    pub body: String,
    /// What SQS knows of it.
    pub attributes: Attributes,
}

/// What SQS knows of a message. All are texts.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attributes {
    /// The lane.
    pub message_group_id: String,
    /// How often it has been received, this time included.
    pub approximate_receive_count: String,
    /// When it was sent, in milliseconds since 1970.
    pub sent_timestamp: String,
}

/// From this receive on a message is marked before its deliveries are sent. Most have waited in good order, for a vendor
/// that is down, a limit or a job; one whose mark was left has crashed the function.
const MARKED_AFTER: u32 = 10;

impl Message {
    /// When it was sent.
    pub fn sent_at(&self) -> Option<Timestamp> {
        self.attributes.sent_timestamp.parse().ok().map(Timestamp::from_millis)
    }

    /// How often it has been received, this time included.
    pub fn receives(&self) -> u32 {
        self.attributes.approximate_receive_count.parse().unwrap_or(1)
    }

    /// The mark of an attempt at it, where it has come often enough to need one.
    pub fn mark(&self) -> Option<String> {
        (self.receives() >= MARKED_AFTER).then(|| format!("message/{}", self.id))
    }

    /// How long to wait before the next receive: exponential in the receives, with full jitter, from one second to the
    /// longest. The jitter comes from the message's id and its receives, so that the same history waits the same time.
    pub fn backoff(&self, longest: Duration) -> Duration {
        let ceiling = Duration::from_secs(2_u64.saturating_pow(self.receives().min(16))).min(longest);
        Duration::from_secs(1 + self.draw() % ceiling.as_secs().max(1))
    }

    /// A wait that is the same for many, spread: longer by up to a tenth, and by up to a second at least.
    pub fn spread(&self, wait: Duration) -> Duration {
        wait + Duration::from_secs(self.draw() % (wait.as_secs() / 10 + 2))
    }

    fn draw(&self) -> u64 {
        let seed = shared::digest::hex(format!("{}/{}", self.id, self.receives()).as_bytes());
        u64::from_str_radix(&seed[..8], 16).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_an_hour_and_are_spread() {
        let message = |id: &str, receives: u32| Message {
            id: id.to_owned(),
            receipt_handle: String::new(),
            body: String::new(),
            attributes: Attributes {
                message_group_id: "lane-0".to_owned(),
                approximate_receive_count: receives.to_string(),
                sent_timestamp: "1700000000000".to_owned(),
            },
        };
        for receives in 1..40 {
            let waits: Vec<u64> = (0..200)
                .map(|id| message(&id.to_string(), receives).backoff(Duration::from_hours(1)).as_secs())
                .collect();
            let ceiling = 2_u64.pow(receives.min(16)).min(3_600);
            assert!(waits.iter().all(|wait| (1..=ceiling).contains(wait)), "{receives}: {waits:?}");
            let mean = waits.iter().sum::<u64>() / 200;
            assert!(
                receives < 5 || (ceiling / 3..=2 * ceiling / 3).contains(&mean),
                "{receives}: mean {mean} of {ceiling}"
            );
        }
        assert_eq!((message("a", 9).mark(), message("a", 10).mark()), (None, Some("message/a".to_owned())));
    }
}
