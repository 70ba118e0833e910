//! One SQS FIFO queue as a pure state machine: no I/O, and the time is an argument.
//!
//! A message is in its group's line from its send to its deletion. A receive takes from the head of a line up to the
//! first message that is invisible, so a message in flight holds back what stands behind it ("How FIFO queues work"
//! and "Message group ID" in the SQS Developer Guide). The guide's stricter sentence, that an invisible message hides
//! its whole group, would also hide a head that became visible before the later ones; this queue hands it out, as the
//! worse case for a consumer.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// How long a deduplication id is remembered ("Using the message deduplication ID").
pub const DEDUPLICATION_WINDOW: Duration = Duration::from_mins(5);

/// The longest that a message can stay invisible, counted from its receive ("`ChangeMessageVisibility`").
pub const MAXIMUM_VISIBILITY: Duration = Duration::from_hours(12);

/// Within what a deduplication id is unique: the attribute `DeduplicationScope`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeduplicationScope {
    /// `messageGroup`
    MessageGroup,
    /// `queue`, the default of AWS.
    Queue,
}

/// What can be set on a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// After this time a message is dropped, received or not.
    pub retention: Duration,
    /// A message that was received so often goes to the dead letters instead of being received again.
    pub max_receives: Option<u32>,
    /// Within what a deduplication id is unique.
    pub deduplication_scope: DeduplicationScope,
}

/// A message to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMessage {
    /// The message id, unique, chosen by the caller (the machine has no randomness).
    pub id: String,
    /// The message group id.
    pub group: Arc<str>,
    /// The deduplication id.
    pub deduplication_id: Arc<str>,
    /// The body.
    pub body: Arc<str>,
}

/// What a send gives back. A duplicate gets what the first send got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The message id.
    pub id: String,
    /// The place in the queue.
    pub sequence: Sequence,
}

/// A message's place in its queue, shown with 20 digits as in AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(u64);

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}", self.0)
    }
}

/// A message of the queue. Times are since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The message id; it stays when the message becomes a dead letter.
    pub id: String,
    /// The message group id.
    pub group: Arc<str>,
    /// The deduplication id.
    pub deduplication_id: Arc<str>,
    /// The body.
    pub body: Arc<str>,
    /// The place in this queue.
    pub sequence: Sequence,
    /// `SentTimestamp`: the time of the send, for a dead letter that of the move (a FIFO queue resets it: "Setting-up
    /// dead-letter queue retention").
    pub sent_at: Duration,
    /// `ApproximateReceiveCount`: receives "across all queues".
    pub receives: u32,
    /// `ApproximateFirstReceiveTimestamp`: the first receive from this queue.
    pub first_received_at: Option<Duration>,
    /// `DeadLetterQueueSourceArn`: for a dead letter, the queue that gave it up.
    pub dead_letter_of: Option<Arc<str>>,
}

/// One receive of one message: what deletes it or changes its visibility until it becomes visible again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receipt {
    sequence: Sequence,
    receives: u32,
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.sequence, self.receives)
    }
}

impl FromStr for Receipt {
    type Err = InvalidReceipt;

    fn from_str(text: &str) -> Result<Self, InvalidReceipt> {
        let (sequence, receives) = text.split_once('.').ok_or(InvalidReceipt)?;
        Ok(Self {
            sequence: Sequence(sequence.parse().map_err(|_| InvalidReceipt)?),
            receives: receives.parse().map_err(|_| InvalidReceipt)?,
        })
    }
}

/// A text that no receive has given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("The input receipt handle is invalid.")]
pub struct InvalidReceipt;

/// Why a deletion or a change of visibility was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The message became visible again since: only for deletions, and FIFO queues only.
    #[error("The receipt handle has expired.")]
    Expired,
    /// The message was deleted or became visible again since: only for changes of visibility.
    #[error("The specified message isn't in flight.")]
    NotInFlight,
    /// The message would be invisible for more than twelve hours after its receive.
    #[error("Total VisibilityTimeout for the message is beyond the limit [43200 seconds]")]
    BeyondMaximum,
}

/// A message as one receiver holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// What deletes it.
    pub receipt: Receipt,
}

/// What a receive gives back.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The messages, each group's in order.
    pub deliveries: Vec<Delivery>,
    /// Messages whose receives are used up. They have left this queue: the caller gives them to
    /// [`Fifo::accept_dead`] of the dead-letter queue.
    pub dead: Vec<Message>,
}

/// How many messages there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Visible ones, those behind a message in flight among them.
    pub visible: usize,
    /// Received, not deleted, and not yet visible again.
    pub in_flight: usize,
}

#[derive(Debug)]
struct Held {
    message: Message,
    /// Receives from this queue, which is what the redrive policy counts.
    receives_here: u32,
    received_at: Duration,
    visible_at: Duration,
}

impl Held {
    fn is_visible(&self, now: Duration) -> bool {
        self.visible_at <= now
    }

    fn is_held_by(&self, receipt: Receipt, now: Duration) -> bool {
        self.message.receives == receipt.receives && !self.is_visible(now)
    }
}

type DeduplicationKey = (Option<Arc<str>>, Arc<str>);

/// One FIFO queue. `now` is the time since the Unix epoch and never runs backwards.
#[derive(Debug)]
pub struct Fifo {
    settings: Settings,
    last_sequence: u64,
    messages: BTreeMap<Sequence, Held>,
    lines: HashMap<Arc<str>, BTreeSet<Sequence>>,
    /// Every key of `lines`, once. The next receive begins with the first.
    turns: VecDeque<Arc<str>>,
    remembered: HashMap<DeduplicationKey, Sent>,
    /// When to forget which id, in the order of time.
    forget: VecDeque<(Duration, DeduplicationKey)>,
}

impl Fifo {
    /// An empty queue.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            last_sequence: 0,
            messages: BTreeMap::new(),
            lines: HashMap::new(),
            turns: VecDeque::new(),
            remembered: HashMap::new(),
            forget: VecDeque::new(),
        }
    }

    /// Replaces the settings, for the messages that are already in the queue too.
    pub const fn set(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// Puts a message at the end of its group's line, unless its deduplication id was sent in the last five minutes.
    pub fn send(&mut self, now: Duration, new: NewMessage) -> Sent {
        while self.forget.front().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, key)) = self.forget.pop_front() {
                self.remembered.remove(&key);
            }
        }
        let group = match self.settings.deduplication_scope {
            DeduplicationScope::MessageGroup => Some(Arc::clone(&new.group)),
            DeduplicationScope::Queue => None,
        };
        let key = (group, Arc::clone(&new.deduplication_id));
        if let Some(sent) = self.remembered.get(&key) {
            return sent.clone();
        }
        let sent = Sent {
            id: new.id.clone(),
            sequence: self.append(Message {
                id: new.id,
                group: new.group,
                deduplication_id: new.deduplication_id,
                body: new.body,
                sequence: Sequence(0),
                sent_at: now,
                receives: 0,
                first_received_at: None,
                dead_letter_of: None,
            }),
        };
        self.remembered.insert(key.clone(), sent.clone());
        self.forget.push_back((now + DEDUPLICATION_WINDOW, key));
        sent
    }

    /// Takes a message that the queue with the ARN `source` gave up. Its deduplication id is not looked at: nothing
    /// may be lost.
    pub fn accept_dead(&mut self, now: Duration, message: Message, source: Arc<str>) {
        self.append(Message { sent_at: now, first_received_at: None, dead_letter_of: Some(source), ..message });
    }

    fn append(&mut self, mut message: Message) -> Sequence {
        self.last_sequence += 1;
        let sequence = Sequence(self.last_sequence);
        message.sequence = sequence;
        let line = self.lines.entry(Arc::clone(&message.group)).or_insert_with(|| {
            self.turns.push_back(Arc::clone(&message.group));
            BTreeSet::new()
        });
        line.insert(sequence);
        let held = Held { message, receives_here: 0, received_at: Duration::ZERO, visible_at: Duration::ZERO };
        self.messages.insert(sequence, held);
        sequence
    }

    /// Takes up to `max` messages and hides them for `visibility`: as many of a group as it can, then of the next
    /// group. Groups that were served go to the end of the turn.
    pub fn receive(&mut self, now: Duration, max: usize, visibility: Duration) -> Received {
        self.drop_outdated(now);
        let mut received = Received::default();
        let mut waiting = Vec::new();
        let mut served = Vec::new();
        while received.deliveries.len() < max {
            let Some(group) = self.turns.pop_front() else {
                break;
            };
            let before = received.deliveries.len();
            self.receive_from(&group, now, max, visibility, &mut received);
            if self.lines.get(&group).is_none_or(BTreeSet::is_empty) {
                self.lines.remove(&group);
            } else if received.deliveries.len() > before {
                served.push(group);
            } else {
                waiting.push(group);
            }
        }
        for group in waiting.into_iter().rev() {
            self.turns.push_front(group);
        }
        self.turns.extend(served);
        received
    }

    fn receive_from(&mut self, group: &str, now: Duration, max: usize, visibility: Duration, received: &mut Received) {
        let Some(line) = self.lines.get_mut(group) else {
            return;
        };
        let mut next = line.first().copied();
        while let Some(sequence) = next.filter(|_| received.deliveries.len() < max) {
            let Some(held) = self.messages.get_mut(&sequence).filter(|held| held.is_visible(now)) else {
                return;
            };
            if self.settings.max_receives.is_some_and(|max| held.receives_here >= max) {
                line.remove(&sequence);
                received.dead.extend(self.messages.remove(&sequence).map(|held| held.message));
            } else {
                held.receives_here += 1;
                held.received_at = now;
                held.visible_at = now + visibility;
                held.message.receives += 1;
                held.message.first_received_at.get_or_insert(now);
                received.deliveries.push(Delivery {
                    message: held.message.clone(),
                    receipt: Receipt { sequence, receives: held.message.receives },
                });
            }
            next = line.range(Sequence(sequence.0 + 1)..).next().copied();
        }
    }

    /// Removes a message. One that is gone already counts as deleted.
    pub fn delete(&mut self, now: Duration, receipt: Receipt) -> Result<(), ReceiptError> {
        self.drop_outdated(now);
        match self.messages.get(&receipt.sequence) {
            None => Ok(()),
            Some(held) if held.is_held_by(receipt, now) => {
                self.remove(receipt.sequence);
                Ok(())
            }
            Some(_) => Err(ReceiptError::Expired),
        }
    }

    /// Hides a message in flight for `visibility` from now on; zero makes it visible at once, at its own place.
    pub fn change_visibility(
        &mut self,
        now: Duration,
        receipt: Receipt,
        visibility: Duration,
    ) -> Result<(), ReceiptError> {
        self.drop_outdated(now);
        let held = self.messages.get_mut(&receipt.sequence);
        let held = held.filter(|held| held.is_held_by(receipt, now)).ok_or(ReceiptError::NotInFlight)?;
        if now + visibility > held.received_at + MAXIMUM_VISIBILITY {
            return Err(ReceiptError::BeyondMaximum);
        }
        held.visible_at = now + visibility;
        Ok(())
    }

    /// Drops every message, in flight or not. What was deduplicated stays remembered.
    pub fn purge(&mut self) {
        self.messages.clear();
        self.lines.clear();
        self.turns.clear();
    }

    /// After a receive that found nothing: when the next message becomes visible, if no other call comes before.
    pub fn next_visible(&self) -> Option<Duration> {
        let heads = self.lines.values().filter_map(BTreeSet::first);
        heads.filter_map(|head| self.messages.get(head)).map(|held| held.visible_at).min()
    }

    /// How many messages there are.
    pub fn counts(&self, now: Duration) -> Counts {
        let mut counts = Counts::default();
        for held in self.retained(now) {
            if held.is_visible(now) {
                counts.visible += 1;
            } else {
                counts.in_flight += 1;
            }
        }
        counts
    }

    /// The age of the oldest message, in flight or not; none if the queue is empty.
    pub fn oldest_age(&self, now: Duration) -> Option<Duration> {
        self.retained(now).next().map(|held| now.saturating_sub(held.message.sent_at))
    }

    fn retained(&self, now: Duration) -> impl Iterator<Item = &Held> {
        let outdated = move |held: &&Held| held.message.sent_at + self.settings.retention <= now;
        self.messages.values().skip_while(outdated)
    }

    /// Sequences grow with time, so the outdated messages are the first ones.
    fn drop_outdated(&mut self, now: Duration) {
        while let Some((sequence, held)) = self.messages.first_key_value() {
            if held.message.sent_at + self.settings.retention > now {
                return;
            }
            self.remove(*sequence);
        }
    }

    fn remove(&mut self, sequence: Sequence) {
        let line = self.messages.remove(&sequence).and_then(|held| self.lines.get_mut(&held.message.group));
        // An emptied line keeps its turn until a receive passes by.
        if let Some(line) = line {
            line.remove(&sequence);
        }
    }
}
