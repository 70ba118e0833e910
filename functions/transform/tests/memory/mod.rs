//! The world of transform in memory, and the events that are put into it.

use std::collections::HashMap;

use serde_json::{Value as Json, json};
use shared::{
    event::{ChangeEvent, Op, Origin},
    frame::{Content, Item, pack},
    key::Key,
    lane::Lanes,
    position::Position,
    testing::{
        MemoryBacklog, MemoryChannel, MemoryLaneCounts, MemoryLookups, MemoryPipelines, MemoryReplays, MemorySchemas,
        MemoryState,
    },
    time::Timestamp,
    value::Value,
};
use transform::{Transform, World, config::Config};

#[derive(Debug, Default)]
pub struct Memory {
    pub state: MemoryState,
    pub pipelines: MemoryPipelines,
    pub replays: MemoryReplays,
    pub schemas: MemorySchemas,
    pub lane_counts: MemoryLaneCounts,
    pub backlog: MemoryBacklog,
    pub lookups: MemoryLookups,
    pub queues: HashMap<String, MemoryChannel>,
}

impl World for &Memory {
    type State = MemoryState;
    type Pipelines = MemoryPipelines;
    type Replays = MemoryReplays;
    type Schemas = MemorySchemas;
    type LaneCounts = MemoryLaneCounts;
    type Backlog = MemoryBacklog;
    type Lookups = MemoryLookups;
    type Queue = MemoryChannel;

    fn state(&self) -> &MemoryState {
        &self.state
    }
    fn pipelines(&self) -> &MemoryPipelines {
        &self.pipelines
    }
    fn replays(&self) -> &MemoryReplays {
        &self.replays
    }
    fn schemas(&self) -> &MemorySchemas {
        &self.schemas
    }
    fn backlog(&self) -> &MemoryBacklog {
        &self.backlog
    }
    fn lane_counts(&self) -> &MemoryLaneCounts {
        &self.lane_counts
    }
    fn lookups(&self) -> &MemoryLookups {
        &self.lookups
    }
    fn queue(&self, destination: &str) -> Option<&MemoryChannel> {
        self.queues.get(destination)
    }
}

/// A world of one destination, `crm`, and of these pipelines, each in its version 3.
pub fn start(pipelines: &[(&str, &str)]) -> (&'static Memory, Transform<&'static Memory>) {
    let queues = HashMap::from([("crm".to_owned(), MemoryChannel::default())]);
    let world: &'static Memory = Box::leak(Box::new(Memory { queues, ..Memory::default() }));
    let pipelines: Vec<_> = pipelines.iter().map(|(name, document)| (*name, 3, *document)).collect();
    world.pipelines.set(&pipelines);
    (world, over(world))
}

/// A handler over a world: an execution environment of its own.
pub fn over(world: &'static Memory) -> Transform<&'static Memory> {
    let environment = |name: &str| {
        Some(match name {
            "SOURCES" => r#"["customers"]"#.to_owned(),
            "DESTINATIONS" => {
                r#"{"crm":{"connector":"hubspot","queue_url":"https://sqs/crm.fifo","lanes":8}}"#.to_owned()
            }
            "LOOKUP_TABLES" => r#"{"accounts":{"table":"store-accounts","key":{"account_id":"S"}},
                    "prices":{"table":"store-prices","key":{"sku":"N"},"cache_seconds":0}}"#
                .to_owned(),
            "CHANGES_LANES" => "16".to_owned(),
            "CHANGES_RETENTION_HOURS" => "24".to_owned(),
            other => other.to_lowercase(),
        })
    };
    Transform::new(Config::read(&environment).unwrap(), world)
}

/// The change of a row at this position.
pub fn change(position: u32, before: Option<&str>, after: Option<&str>) -> ChangeEvent {
    let image = |json: &str| Value::from_json(json.as_bytes()).unwrap();
    ChangeEvent {
        id: format!("customers/1/{position}"),
        source: "customers".into(),
        op: match (before, after) {
            (None, _) => Op::Create,
            (_, None) => Op::Delete,
            _ => Op::Update,
        },
        key: Key::single("id", "c-1"),
        before: before.map(image),
        after: after.map(image),
        occurred_at: Timestamp::from_millis(0),
        epoch: 1,
        position: Position::parse(&position.to_string()).unwrap(),
        origin: Origin::User,
    }
}

/// The event that Lambda hands over: one record for each frame's data.
pub fn batch(data: &[Vec<u8>]) -> Vec<u8> {
    batch_of(Timestamp::from_millis(1_700_000_000_500), data)
}

/// The same, of what arrived at this time.
pub fn batch_of(arrived_at: Timestamp, data: &[Vec<u8>]) -> Vec<u8> {
    #[expect(clippy::cast_precision_loss, reason = "Lambda writes it as a float")]
    let seconds = arrived_at.millis() as f64 / 1_000.0;
    let record = |(index, data): (usize, &Vec<u8>)| json!({"kinesis": {"sequenceNumber": (index + 1).to_string(), "approximateArrivalTimestamp": seconds, "data": base64_simd::STANDARD.encode_to_string(data)}});
    serde_json::to_vec(&json!({"Records": data.iter().enumerate().map(record).collect::<Vec<_>>()})).unwrap()
}

/// A frame of these events, which are of one lane.
pub fn frame(events: &[ChangeEvent]) -> Vec<u8> {
    let lanes = Lanes::new(16).unwrap();
    let items: Vec<Item> = events
        .iter()
        .map(|event| Item {
            lane: lanes.lane_of(&event.source, &event.key),
            id: event.id.clone(),
            json: serde_json::to_string(event).unwrap(),
            record: 0,
        })
        .collect();
    pack(Content::Events, lanes, &items).into_values().flatten().next().unwrap().body.into_bytes()
}

/// The deliveries on the destination's queue, in order.
pub fn sent(world: &Memory) -> Vec<Json> {
    let frames = world.queues["crm"].bodies().into_iter().map(|body| serde_json::from_str::<Json>(&body).unwrap());
    frames.flat_map(|frame| frame["deliveries"].as_array().unwrap().clone()).collect()
}
