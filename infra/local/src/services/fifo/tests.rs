use std::collections::{BTreeMap, HashMap, HashSet};

use proptest::prelude::*;

use super::*;

const DAY: Duration = Duration::from_hours(24);
const VISIBILITY: Duration = Duration::from_secs(30);

fn settings() -> Settings {
    Settings { retention: 4 * DAY, max_receives: None, deduplication_scope: DeduplicationScope::MessageGroup }
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn message(group: &str, id: &str) -> NewMessage {
    NewMessage {
        id: format!("{group}-{id}"),
        group: group.into(),
        deduplication_id: id.into(),
        body: format!("body of {id}").into(),
    }
}

fn queue_of(messages: &[(&str, &str)]) -> Fifo {
    let mut queue = Fifo::new(settings());
    for (group, id) in messages {
        queue.send(seconds(0), message(group, id));
    }
    queue
}

fn ids(received: &Received) -> Vec<&str> {
    received.deliveries.iter().map(|delivery| delivery.message.id.as_str()).collect()
}

#[test]
fn a_receive_takes_as_many_of_a_group_as_it_can() {
    let mut queue = queue_of(&[("a", "1"), ("b", "1"), ("a", "2"), ("b", "2")]);
    assert_eq!(ids(&queue.receive(seconds(1), 3, VISIBILITY)), ["a-1", "a-2", "b-1"]);
    // b-2 stands behind b-1, which is in flight.
    assert!(queue.receive(seconds(1), 10, VISIBILITY).deliveries.is_empty());
    assert_eq!(queue.counts(seconds(1)), Counts { visible: 1, in_flight: 3 });
}

#[test]
fn a_message_in_flight_holds_back_what_was_sent_behind_it() {
    let mut queue = queue_of(&[("a", "1")]);
    let first = queue.receive(seconds(1), 10, VISIBILITY);
    queue.send(seconds(2), message("a", "2"));
    queue.send(seconds(2), message("b", "1"));
    assert_eq!(ids(&queue.receive(seconds(2), 10, VISIBILITY)), ["b-1"]);
    queue.delete(seconds(3), first.deliveries[0].receipt).unwrap();
    assert_eq!(ids(&queue.receive(seconds(3), 10, VISIBILITY)), ["a-2"]);
}

#[test]
fn a_message_comes_back_to_its_own_place() {
    let mut queue = queue_of(&[("a", "1"), ("a", "2"), ("a", "3")]);
    let first = queue.receive(seconds(0), 2, VISIBILITY);
    queue.delete(seconds(1), first.deliveries[1].receipt).unwrap();
    // The last moment at which a-1 is invisible, and the first at which it is not.
    assert_eq!(ids(&queue.receive(Duration::from_millis(29_999), 10, VISIBILITY)), [""; 0]);
    let again = queue.receive(seconds(30), 10, VISIBILITY);
    assert_eq!(ids(&again), ["a-1", "a-3"]);
    let counts: Vec<_> = again.deliveries.iter().map(|delivery| delivery.message.receives).collect();
    assert_eq!(counts, [2, 1]);
    assert_eq!(again.deliveries[0].message.first_received_at, Some(seconds(0)));
    assert_eq!(again.deliveries[1].message.first_received_at, Some(seconds(30)));
}

#[test]
fn a_head_that_becomes_visible_early_is_received_beside_the_later_ones() {
    let mut queue = queue_of(&[("a", "1"), ("a", "2"), ("a", "3")]);
    let first = queue.receive(seconds(0), 2, VISIBILITY);
    queue.change_visibility(seconds(1), first.deliveries[0].receipt, Duration::ZERO).unwrap();
    assert_eq!(ids(&queue.receive(seconds(1), 10, VISIBILITY)), ["a-1"]);
}

#[test]
fn visibility_is_extended_up_to_twelve_hours_after_the_receive() {
    let mut queue = queue_of(&[("a", "1")]);
    let receipt = queue.receive(seconds(0), 1, VISIBILITY).deliveries[0].receipt;
    queue.change_visibility(seconds(10), receipt, seconds(3_600)).unwrap();
    assert!(queue.receive(seconds(3_609), 1, VISIBILITY).deliveries.is_empty());
    let beyond = queue.change_visibility(seconds(3_609), receipt, seconds(43_200));
    assert_eq!(beyond, Err(ReceiptError::BeyondMaximum));
    queue.change_visibility(seconds(3_600), receipt, seconds(39_600)).unwrap();
    assert_eq!(queue.next_visible(), Some(seconds(43_200)));
}

#[test]
fn a_receipt_ends_with_its_visibility() {
    let mut queue = queue_of(&[("a", "1")]);
    let old = queue.receive(seconds(0), 1, VISIBILITY).deliveries[0].receipt;
    assert_eq!(queue.delete(seconds(30), old), Err(ReceiptError::Expired));
    let new = queue.receive(seconds(30), 1, VISIBILITY).deliveries[0].receipt;
    assert_eq!(queue.delete(seconds(31), old), Err(ReceiptError::Expired));
    let change = queue.change_visibility(seconds(31), old, Duration::ZERO);
    assert_eq!(change, Err(ReceiptError::NotInFlight));
    queue.delete(seconds(31), new).unwrap();
    assert_eq!(queue.delete(seconds(32), new), Ok(()), "deleting twice is fine");
    let change = queue.change_visibility(seconds(32), new, Duration::ZERO);
    assert_eq!(change, Err(ReceiptError::NotInFlight));
}

#[test]
fn receipts_and_sequences_travel_as_text() {
    let mut queue = queue_of(&[("a", "1")]);
    let delivery = queue.receive(seconds(0), 1, VISIBILITY).deliveries.remove(0);
    assert_eq!(delivery.message.sequence.to_string().len(), 20);
    assert_eq!(delivery.receipt.to_string().parse(), Ok(delivery.receipt));
    for text in ["", "1", "1.", ".1", "a.b", "1.2.3"] {
        assert_eq!(text.parse::<Receipt>(), Err(InvalidReceipt), "{text}");
    }
}

#[test]
fn a_duplicate_within_five_minutes_is_answered_and_not_queued() {
    let mut queue = Fifo::new(settings());
    let first = queue.send(seconds(0), message("a", "1"));
    let receipt = queue.receive(seconds(0), 1, VISIBILITY).deliveries[0].receipt;
    queue.delete(seconds(0), receipt).unwrap();
    let again = NewMessage { id: "other".to_owned(), ..message("a", "1") };
    assert_eq!(queue.send(Duration::from_millis(299_999), again.clone()), first);
    assert_eq!(queue.counts(seconds(299)), Counts::default());
    // Another group may use the same id.
    assert_ne!(queue.send(seconds(299), message("b", "1")).id, first.id);
    // The window counts from the first send, and the deletion in between did not matter.
    assert_eq!(queue.send(seconds(300), again).id, "other");
    assert_eq!(queue.counts(seconds(300)), Counts { visible: 2, in_flight: 0 });
}

#[test]
fn the_scope_of_deduplication_can_be_the_queue() {
    let scope = DeduplicationScope::Queue;
    let mut queue = Fifo::new(Settings { deduplication_scope: scope, ..settings() });
    let first = queue.send(seconds(0), message("a", "1"));
    assert_eq!(queue.send(seconds(0), message("b", "1")), first);
}

#[test]
fn messages_are_dropped_after_the_retention_period() {
    let mut queue = queue_of(&[("a", "1"), ("b", "1")]);
    queue.send(DAY, message("a", "2"));
    let held = queue.receive(DAY, 1, 5 * DAY).deliveries[0].receipt;
    assert_eq!(queue.oldest_age(3 * DAY), Some(3 * DAY));
    assert_eq!(queue.counts(3 * DAY), Counts { visible: 2, in_flight: 1 });
    assert_eq!(queue.oldest_age(4 * DAY), Some(3 * DAY));
    assert_eq!(queue.counts(4 * DAY), Counts { visible: 1, in_flight: 0 });
    assert_eq!(queue.delete(4 * DAY, held), Ok(()));
    assert_eq!(ids(&queue.receive(4 * DAY, 10, VISIBILITY)), ["a-2"]);
    assert_eq!(queue.oldest_age(5 * DAY), None);
}

#[test]
fn a_message_whose_receives_are_used_up_becomes_a_dead_letter() {
    let mut queue = queue_of(&[("a", "1"), ("a", "2"), ("b", "1")]);
    queue.set(Settings { max_receives: Some(2), ..settings() });
    for (at, expected) in [(0, "a-1"), (100, "b-1"), (200, "a-1"), (300, "b-1")] {
        assert_eq!(ids(&queue.receive(seconds(at), 1, VISIBILITY)), [expected]);
    }
    let mut last = queue.receive(seconds(400), 10, VISIBILITY);
    assert_eq!(ids(&last), ["a-2"]);
    let dead: Vec<_> = last.dead.iter().map(|message| (message.id.as_str(), message.receives)).collect();
    assert_eq!(dead, [("a-1", 2), ("b-1", 2)]);
    assert_eq!(queue.counts(seconds(400)), Counts { visible: 0, in_flight: 1 });

    let mut dead_letters = Fifo::new(settings());
    for message in last.dead.drain(..) {
        dead_letters.accept_dead(seconds(400), message, "arn:source".into());
    }
    assert_eq!(dead_letters.oldest_age(seconds(401)), Some(seconds(1)));
    let letters = dead_letters.receive(seconds(500), 10, VISIBILITY);
    assert_eq!(ids(&letters), ["a-1", "b-1"]);
    assert_eq!(letters.deliveries[0].message.receives, 3, "receives count across all queues");
    assert_eq!(letters.deliveries[0].message.first_received_at, Some(seconds(500)));
    assert_eq!(letters.deliveries[0].message.dead_letter_of.as_deref(), Some("arn:source"));
}

#[test]
fn groups_take_turns() {
    let mut queue = Fifo::new(settings());
    for id in 0..4 {
        for group in ["a", "b", "c"] {
            queue.send(seconds(0), message(group, &id.to_string()));
        }
    }
    let mut order = Vec::new();
    for at in 1..=6 {
        let received = queue.receive(seconds(at), 2, VISIBILITY);
        order.push(received.deliveries[0].message.group.to_string());
        for delivery in received.deliveries {
            queue.delete(seconds(at), delivery.receipt).unwrap();
        }
    }
    assert_eq!(order, ["a", "b", "c", "a", "b", "c"]);
}

#[test]
fn a_group_that_waits_keeps_its_turn() {
    let mut queue = queue_of(&[("a", "1"), ("b", "1"), ("b", "2"), ("c", "1")]);
    let held = queue.receive(seconds(0), 1, VISIBILITY).deliveries[0].receipt;
    let order = |queue: &mut Fifo| queue.receive(seconds(1), 1, Duration::ZERO).deliveries[0].message.id.clone();
    assert_eq!(order(&mut queue), "b-1");
    queue.change_visibility(seconds(1), held, Duration::ZERO).unwrap();
    assert_eq!([order(&mut queue), order(&mut queue), order(&mut queue)], ["c-1", "a-1", "b-1"]);
}

#[test]
fn a_purge_drops_what_is_in_flight_too() {
    let mut queue = queue_of(&[("a", "1"), ("a", "2")]);
    queue.receive(seconds(0), 1, VISIBILITY);
    queue.purge();
    assert_eq!(queue.counts(seconds(1)), Counts::default());
    queue.send(seconds(1), message("a", "3"));
    assert_eq!(ids(&queue.receive(seconds(1), 10, VISIBILITY)), ["a-3"]);
}

#[derive(Debug, Clone)]
enum Step {
    Send { group: u8, id: u8 },
    Receive { max: usize, visibility: u64 },
    Delete { receipt: prop::sample::Index },
    Change { receipt: prop::sample::Index, visibility: u64 },
    Wait { seconds: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..4_u8, any::<u8>()).prop_map(|(group, id)| Step::Send { group, id }),
        3 => (1..=10_usize, 0..60_u64).prop_map(|(max, visibility)| Step::Receive { max, visibility }),
        3 => any::<prop::sample::Index>().prop_map(|receipt| Step::Delete { receipt }),
        1 => (any::<prop::sample::Index>(), 0..60_u64)
            .prop_map(|(receipt, visibility)| Step::Change { receipt, visibility }),
        1 => (1..90_u64).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

/// What a person with pencil and paper knows about a message: written without a look at the machine's fields.
#[derive(Debug, Clone, Copy)]
struct Known {
    hidden_until: Duration,
    receives: u32,
}

/// Plays the steps and checks each answer against the rules of the documentation.
#[derive(Debug)]
struct World {
    queue: Fifo,
    now: Duration,
    max_receives: Option<u32>,
    /// Per group what stands in line, in the order of the sends.
    lines: BTreeMap<String, Vec<String>>,
    known: HashMap<String, Known>,
    receipts: Vec<(Receipt, String, u32)>,
    sent: HashSet<String>,
    ended: HashSet<String>,
    first_receives: BTreeMap<String, Vec<String>>,
    sends: BTreeMap<String, Vec<String>>,
}

impl World {
    fn new(max_receives: Option<u32>) -> Self {
        Self {
            queue: Fifo::new(Settings { max_receives, retention: 14 * DAY, ..settings() }),
            now: seconds(1_000),
            max_receives,
            lines: BTreeMap::new(),
            known: HashMap::new(),
            receipts: Vec::new(),
            sent: HashSet::new(),
            ended: HashSet::new(),
            first_receives: BTreeMap::new(),
            sends: BTreeMap::new(),
        }
    }

    fn send(&mut self, group: u8, id: u8) {
        let group = format!("g{group}");
        let mut new = message(&group, &id.to_string());
        new.id = format!("{group}-{}", self.sent.len());
        let sent = self.queue.send(self.now, new.clone());
        if sent.id != new.id {
            assert!(self.sent.contains(&sent.id), "a duplicate is answered with what was sent");
            return;
        }
        self.sent.insert(new.id.clone());
        self.sends.entry(group.clone()).or_default().push(new.id.clone());
        self.lines.entry(group).or_default().push(new.id.clone());
        self.known.insert(new.id, Known { hidden_until: Duration::ZERO, receives: 0 });
    }

    fn end(&mut self, group: &str, id: &str) {
        self.lines.get_mut(group).unwrap().retain(|other| other != id);
        assert!(self.ended.insert(id.to_owned()), "{id} ends once");
    }

    fn receive(&mut self, max: usize, visibility: Duration) {
        let received = self.queue.receive(self.now, max, visibility);
        assert!(received.deliveries.len() <= max);
        for dead in &received.dead {
            let known = self.known[&dead.id];
            assert!(known.hidden_until <= self.now, "{} died in flight", dead.id);
            assert_eq!(Some(known.receives), self.max_receives);
            self.end(&dead.group, &dead.id);
        }
        let taken: HashSet<_> = received.deliveries.iter().map(|delivery| delivery.message.id.clone()).collect();
        assert_eq!(taken.len(), received.deliveries.len(), "a receive hands out a message once");
        for delivery in &received.deliveries {
            let (id, group) = (&delivery.message.id, delivery.message.group.as_ref());
            let known = self.known[id];
            assert!(known.hidden_until <= self.now, "{id} has another holder");
            assert!(self.max_receives.is_none_or(|max| known.receives < max));
            let ahead = self.lines[group].iter().take_while(|other| *other != id);
            for other in ahead {
                assert!(taken.contains(other), "{id} was handed out past {other}");
            }
            if known.receives == 0 {
                self.first_receives.entry(group.to_owned()).or_default().push(id.clone());
            }
        }
        for delivery in received.deliveries {
            let known = self.known.get_mut(&delivery.message.id).unwrap();
            known.receives += 1;
            known.hidden_until = self.now + visibility;
            assert_eq!(delivery.message.receives, known.receives);
            self.receipts.push((delivery.receipt, delivery.message.id, known.receives));
        }
        if taken.len() < max {
            self.nothing_is_left_to_receive(&taken);
        }
    }

    fn nothing_is_left_to_receive(&self, taken: &HashSet<String>) {
        for line in self.lines.values() {
            if let Some(id) = line.iter().find(|id| !taken.contains(*id)) {
                assert!(self.known[id].hidden_until > self.now, "{id} was left");
            }
        }
    }

    fn holds(&self, id: &str, receives: u32) -> bool {
        let known = self.known[id];
        known.receives == receives && known.hidden_until > self.now && !self.ended.contains(id)
    }

    fn delete(&mut self, place: prop::sample::Index) {
        if self.receipts.is_empty() {
            return;
        }
        let (receipt, id, receives) = self.receipts[place.index(self.receipts.len())].clone();
        let deleted = self.queue.delete(self.now, receipt);
        if self.holds(&id, receives) {
            assert_eq!(deleted, Ok(()));
            let group = id.split('-').next().unwrap().to_owned();
            self.end(&group, &id);
        } else if self.ended.contains(&id) {
            assert_eq!(deleted, Ok(()));
        } else {
            assert_eq!(deleted, Err(ReceiptError::Expired));
        }
    }

    fn change(&mut self, place: prop::sample::Index, visibility: Duration) {
        if self.receipts.is_empty() {
            return;
        }
        let (receipt, id, receives) = self.receipts[place.index(self.receipts.len())].clone();
        let changed = self.queue.change_visibility(self.now, receipt, visibility);
        if self.holds(&id, receives) {
            assert_eq!(changed, Ok(()));
            self.known.get_mut(&id).unwrap().hidden_until = self.now + visibility;
        } else {
            assert_eq!(changed, Err(ReceiptError::NotInFlight));
        }
    }

    fn counts_hold(&self) {
        let hidden = |id: &String| self.known[id].hidden_until > self.now;
        let in_flight = self.lines.values().flatten().filter(|id| hidden(id)).count();
        let visible = self.lines.values().flatten().count() - in_flight;
        assert_eq!(self.queue.counts(self.now), Counts { visible, in_flight });
    }

    /// Receives and deletes until nothing is left, as a consumer that works well at last.
    fn drain(&mut self) {
        for _ in 0..=self.sent.len() {
            self.now += seconds(3_600);
            let before = self.receipts.len();
            self.receive(10, VISIBILITY);
            for place in before..self.receipts.len() {
                let (receipt, id, _) = self.receipts[place].clone();
                self.queue.delete(self.now, receipt).unwrap();
                let group = id.split('-').next().unwrap().to_owned();
                self.end(&group, &id);
            }
        }
    }
}

proptest! {
    #[test]
    fn order_holds_and_nothing_is_lost(
        steps in prop::collection::vec(step(), 1..200),
        max_receives in prop::option::of(1..4_u32),
    ) {
        let mut world = World::new(max_receives);
        for step in steps {
            match step {
                Step::Send { group, id } => world.send(group, id),
                Step::Receive { max, visibility } => world.receive(max, seconds(visibility)),
                Step::Delete { receipt } => world.delete(receipt),
                Step::Change { receipt, visibility } => world.change(receipt, seconds(visibility)),
                Step::Wait { seconds: waited } => world.now += seconds(waited),
            }
            world.counts_hold();
        }
        world.drain();
        prop_assert_eq!(&world.ended, &world.sent, "everything ends, once");
        prop_assert_eq!(&world.first_receives, &world.sends, "first receives are in the order of the sends");
    }
}
