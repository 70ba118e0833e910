//! The events that are handed over: batches of the example store's changes.

#![expect(clippy::unwrap_used, reason = "a bench may panic")]

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};
use shared::{
    delivery::{Delivery, Removes, Step},
    event::{ChangeEvent, Op, Origin},
    frame::{Content, Item, pack},
    key::Key,
    lane::Lanes,
    position::Position,
    time::Timestamp,
    value::{Object, Value as Data},
};

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600_000;

/// Makes events that no function has seen before, so that nothing is a repeat.
#[derive(Debug, Default)]
pub struct Events {
    made: u64,
}

impl Events {
    /// The event of a function with `records` records (change events, deliveries).
    pub fn of(&mut self, function: &str, records: u64) -> Bytes {
        let first = self.made;
        self.made += records;
        let numbers = first..first + records;
        let event = match function {
            "capture-dynamodb" => json!({"Records": numbers.map(dynamodb).collect::<Vec<_>>()}),
            "capture-kinesis" => json!({"Records": numbers.map(kinesis).collect::<Vec<_>>()}),
            "transform" => backbone(numbers),
            "deliver" => queue(numbers, "arn:aws:sqs:eu-central-1:000000000000:store-freshet-warehouse.fifo"),
            _ => queue(numbers, "arn:aws:sqs:eu-central-1:000000000000:store-freshet-warehouse-dead.fifo"),
        };
        Bytes::from(event.to_string())
    }
}

fn id(number: u64) -> String {
    format!("customer-{number:08}")
}

fn sequence(number: u64) -> String {
    format!("{}", 100_000_000_000_000_000_000_u128 + u128::from(number))
}

fn dynamodb(number: u64) -> Value {
    let image = |plan: &str| {
        json!({
            "customer_id": {"S": id(number)},
            "email": {"S": format!("{}@example.com", id(number))},
            "first_name": {"S": "Ada"},
            "last_name": {"S": "Byron"},
            "country": {"S": "GB"},
            "plan": {"S": plan},
            "mrr_cents": {"N": "12900"},
            "marketing_consent": {"BOOL": true},
            "logins": {"N": "41"},
            "updated_at": {"N": "1767225600000"},
            "tags": {"SS": ["early", "newsletter"]},
        })
    };
    json!({
        "eventID": format!("{number:032x}"),
        "eventName": "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-central-1",
        "dynamodb": {
            "ApproximateCreationDateTime": NOW / 1_000,
            "Keys": {"customer_id": {"S": id(number)}},
            "NewImage": image("pro"),
            "OldImage": image("free"),
            "SequenceNumber": sequence(number),
            "SizeBytes": 400,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN":
            "arn:aws:dynamodb:eu-central-1:000000000000:table/store-customers/stream/2026-01-01T00:00:00.000",
    })
}

fn record(stream: &str, number: u64, partition_key: &str, data: &str) -> Value {
    json!({
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": partition_key,
            "sequenceNumber": sequence(number),
            "data": base64_simd::STANDARD.encode_to_string(data),
            "approximateArrivalTimestamp": NOW / 1_000,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": format!("shardId-000000000000:{}", sequence(number)),
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "arn:aws:iam::000000000000:role/store-freshet",
        "awsRegion": "eu-central-1",
        "eventSourceARN": format!("arn:aws:kinesis:eu-central-1:000000000000:stream/{stream}"),
    })
}

fn kinesis(number: u64) -> Value {
    let view = json!({
        "view_id": format!("v-{number}"), "visitor_id": id(number % 97), "page": "/pricing",
        "referrer": "https://example.com/", "at": NOW,
    });
    record("store-page-views", number, &id(number % 97), &view.to_string())
}

fn row(number: u64) -> Object {
    let fields = [("email", "ada@example.com"), ("first_name", "Ada"), ("last_name", "Byron"), ("country", "GB")];
    let mut row: Object = fields.into_iter().map(|(name, value)| (name.to_owned(), Data::from(value))).collect();
    row.insert("customer_id".to_owned(), Data::from(id(number).as_str()));
    row.insert("plan".to_owned(), Data::from("pro"));
    row.insert("mrr_cents".to_owned(), Data::from(12_900_i64));
    row.insert("logins".to_owned(), Data::from(41_i64));
    row.insert("marketing_consent".to_owned(), Data::Bool(true));
    row.insert("updated_at".to_owned(), Data::from(NOW));
    row
}

fn event(number: u64) -> ChangeEvent {
    let position = Position::parse(&sequence(number)).unwrap();
    ChangeEvent {
        id: ChangeEvent::id_at("customers", 1, &position),
        source: "customers".to_owned(),
        op: Op::Update,
        key: Key::single("customer_id", id(number).as_str()),
        before: Some(Data::Object(row(number))),
        after: Some(Data::Object(row(number))),
        occurred_at: Timestamp::from_millis(NOW),
        epoch: 1,
        position,
        origin: Origin::User,
    }
}

fn items<T: serde::Serialize>(lanes: Lanes, all: impl Iterator<Item = (ChangeEvent, T)>) -> Vec<Item> {
    all.map(|(event, item)| Item {
        lane: lanes.lane_of(&event.source, &event.key),
        id: event.id,
        json: serde_json::to_string(&item).unwrap(),
        record: 0,
    })
    .collect()
}

fn backbone(numbers: std::ops::Range<u64>) -> Value {
    let first = numbers.start;
    let lanes = Lanes::new(16).unwrap();
    let frames = pack(Content::Events, lanes, &items(lanes, numbers.map(|number| (event(number), event(number)))));
    let records = (first..).zip(frames.into_values().flatten());
    let records =
        records.map(|(number, frame)| record("store-freshet-changes", number, &frame.lane.to_string(), &frame.body));
    json!({"Records": records.collect::<Vec<_>>()})
}

fn delivery(number: u64) -> Delivery {
    let event = event(number);
    Delivery {
        id: Delivery::id_of("customers-to-warehouse", &event),
        pipeline: "customers-to-warehouse".to_owned(),
        version: 1,
        source: event.source,
        op: event.op,
        key: event.key,
        epoch: event.epoch,
        position: event.position,
        occurred_at: event.occurred_at,
        arrived_at: Timestamp::default(),
        action: "send".to_owned(),
        step: Step::Apply,
        removes: Removes::Created,
        redriven: false,
        fields: row(number),
    }
}

/// A FIFO batch is of ten messages at most: all deliveries are of as many lanes as give that.
fn queue(numbers: std::ops::Range<u64>, arn: &str) -> Value {
    let lanes = Lanes::new(8).unwrap();
    let frames =
        pack(Content::Deliveries, lanes, &items(lanes, numbers.map(|number| (event(number), delivery(number)))));
    let mut by_lane: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for frame in frames.into_values().flatten() {
        by_lane.entry(frame.lane.to_string()).or_default().push(frame.body);
    }
    let messages =
        by_lane.into_iter().flat_map(|(lane, bodies)| bodies.into_iter().map(move |body| (lane.clone(), body)));
    let records = messages.enumerate().map(|(index, (lane, body))| {
        json!({
            "messageId": format!("00000000-0000-4000-8000-{index:012}"),
            "receiptHandle": format!("handle-{index}"),
            "body": body,
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": NOW.to_string(),
                "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                "ApproximateFirstReceiveTimestamp": NOW.to_string(),
                "MessageGroupId": lane,
                "MessageDeduplicationId": format!("{index}"),
                "SequenceNumber": format!("{index}"),
            },
            "messageAttributes": {},
            "md5OfBody": "",
            "eventSource": "aws:sqs",
            "eventSourceARN": arn,
            "awsRegion": "eu-central-1",
        })
    });
    json!({"Records": records.collect::<Vec<_>>()})
}
