//! The world in memory, deliveries and batches for it.

use std::{collections::BTreeMap, time::Duration};

use deliver::{Deliver, Pace, Quota, World};
use serde_json::json;
use shared::{
    delivery::{Delivery, Removes, Step},
    destination,
    event::Op,
    frame::{Content, Item, pack},
    key::Key,
    lane::Lanes,
    ports::Http,
    position::Position,
    testing::{MemoryGates, MemoryLedger, MemoryPipelines, MemorySecrets, MemoryState, MemoryVisibility},
    time::Timestamp,
    value::{Object, Value},
};

/// The ARN of every test's secret.
pub const SECRET: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:test";

/// The time at which every test begins, in milliseconds.
pub const NOW: i64 = 1_700_000_000_000;

/// As long may things take in every test.
pub const PACE: Pace = Pace {
    vendor_timeout: Duration::from_secs(30),
    longest_wait: Duration::from_hours(1),
    retention: Duration::from_hours(24),
};

/// The world in memory, with a vendor of the test's choice.
#[derive(Debug)]
pub struct Memory<H> {
    pub state: MemoryState,
    pub ledger: MemoryLedger,
    pub gates: MemoryGates,
    pub pipelines: MemoryPipelines,
    pub visibility: MemoryVisibility,
    pub secrets: MemorySecrets,
    pub http: H,
}

impl<H> Memory<H> {
    pub fn new(http: H) -> Self {
        Self {
            state: MemoryState::at(NOW),
            ledger: MemoryLedger::default(),
            gates: MemoryGates::default(),
            pipelines: MemoryPipelines::default(),
            visibility: MemoryVisibility::default(),
            secrets: MemorySecrets::with(SECRET, "token-1"),
            http,
        }
    }
}

/// A handler holds its world by reference, so that a test can look at it and build another handler on it.
impl<H: Http + Send> World for &'static Memory<H> {
    type State = MemoryState;
    type Ledger = MemoryLedger;
    type Gates = MemoryGates;
    type Pipelines = MemoryPipelines;
    type Visibility = MemoryVisibility;
    type Secrets = MemorySecrets;
    type Http = H;

    fn state(&self) -> &MemoryState {
        &self.state
    }
    fn ledger(&self) -> &MemoryLedger {
        &self.ledger
    }
    fn gates(&self) -> &MemoryGates {
        &self.gates
    }
    fn pipelines(&self) -> &MemoryPipelines {
        &self.pipelines
    }
    fn visibility(&self) -> &MemoryVisibility {
        &self.visibility
    }
    fn secrets(&self) -> &MemorySecrets {
        &self.secrets
    }
    fn http(&self) -> &H {
        &self.http
    }
}

/// A handler of a connector, with settings as JSON.
pub fn handler<H: Http + Send>(
    connector: &str,
    settings: &str,
    world: &'static Memory<H>,
) -> Deliver<&'static Memory<H>> {
    handler_at(connector, settings, Quota::default(), world)
}

/// The same, with a quota of the test's.
pub fn handler_at<H: Http + Send>(
    connector: &str,
    settings: &str,
    quota: Quota,
    world: &'static Memory<H>,
) -> Deliver<&'static Memory<H>> {
    let settings = Value::from_json(settings.as_bytes()).unwrap();
    let destination =
        destination::connector(connector).unwrap().configure("crm", settings.as_object().unwrap()).unwrap();
    let secret = (connector != "webhook").then(|| SECRET.to_owned());
    Deliver::new(destination, secret, lanes(), PACE, quota, world)
}

/// Every test's queue has so many lanes.
pub fn lanes() -> Lanes {
    Lanes::new(4).unwrap()
}

/// A delivery of a contact: `key` names the row, `position` its order, `value` what is sent.
pub fn contact(key: &str, position: u32, value: &str) -> Delivery {
    let fields = [("email", format!("{key}@example.com")), ("plan", value.to_owned())];
    Delivery {
        id: format!("contacts/customers/1/{position}"),
        pipeline: "contacts".into(),
        version: 1,
        source: "customers".into(),
        op: Op::Update,
        key: Key::single("id", key),
        epoch: 1,
        position: Position::parse(&position.to_string()).unwrap(),
        occurred_at: Timestamp::from_millis(NOW - 1_000),
        arrived_at: Timestamp::from_millis(NOW - 900),
        action: "upsert_contact".into(),
        step: Step::Apply,
        removes: Removes::Created,
        redriven: false,
        fields: fields.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect(),
    }
}

/// A delivery of an event to a webhook.
pub fn event(key: &str, position: u32, value: &str) -> Delivery {
    Delivery {
        action: "send".into(),
        fields: Object::from_iter([("value".to_owned(), Value::from(value))]),
        ..contact(key, position, value)
    }
}

/// A message of a queue.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: String,
    pub group: String,
    pub body: String,
    pub receives: u32,
}

/// Packs the deliveries of one message each: all of a message's have to be of one lane.
pub fn messages(batches: &[Vec<Delivery>]) -> Vec<Message> {
    let mut messages = Vec::new();
    for (number, batch) in batches.iter().enumerate() {
        let items: Vec<Item> = batch
            .iter()
            .map(|delivery| Item {
                lane: lanes().lane_of(&delivery.source, &delivery.key),
                id: delivery.id.clone(),
                json: delivery.to_json(),
                record: 0,
            })
            .collect();
        let frames: BTreeMap<_, _> = pack(Content::Deliveries, lanes(), &items);
        assert_eq!(frames.len(), 1, "a message is of one lane");
        for frame in frames.into_values().flatten() {
            messages.push(Message {
                id: format!("m-{number}"),
                group: frame.lane.to_string(),
                body: frame.body,
                receives: 1,
            });
        }
    }
    messages
}

/// The event that Lambda hands over for these messages.
pub fn payload(messages: &[Message]) -> Vec<u8> {
    let records: Vec<_> = messages
        .iter()
        .map(|message| {
            json!({
                "messageId": message.id,
                "receiptHandle": format!("handle-{}", message.id),
                "body": message.body,
                "attributes": {
                    "MessageGroupId": message.group,
                    "ApproximateReceiveCount": message.receives.to_string(),
                    "SentTimestamp": (NOW - 60_000).to_string(),
                },
                "eventSource": "aws:sqs",
            })
        })
        .collect();
    serde_json::to_vec(&json!({"Records": records})).unwrap()
}

/// Two minutes from the beginning: as long as the function may take.
pub fn deadline() -> Timestamp {
    Timestamp::from_millis(NOW + 120_000)
}
