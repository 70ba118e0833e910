//! What AWS asks for a million change events, and how that is worked out.
//!
//! List prices of us-east-1 on demand, in dollars, from memory; another region's differ by some tenths. Of processor time
//! a function pays 1.769 GB-seconds a second ("Configure Lambda function memory": 1,769 MB are one processor).

/// A million Lambda requests.
const LAMBDA_REQUESTS: f64 = 0.20;
/// A GB-second on arm64.
const GB_SECOND: f64 = 0.000_013_333_4;
/// GB-seconds in a second of processor time.
const GB_A_PROCESSOR: f64 = 1.769;
/// A million PUT payload units of Kinesis, 25 KB each, in a provisioned stream.
const PUT_UNITS: f64 = 0.014;
/// Bytes in a PUT payload unit.
const PUT_UNIT_BYTES: f64 = 25_600.0;
/// A million requests to an SQS FIFO queue.
const FIFO_REQUESTS: f64 = 0.50;
/// A million write units of DynamoDB, up to 1 KB each.
const WRITES: f64 = 0.625;
/// A million read units of DynamoDB, up to 4 KB each, strongly consistent.
const READS: f64 = 0.125;

/// Processor seconds that capture takes for a million events, transform for a million events, and deliver for a million
/// deliveries (`make bench`, rounded up).
const PROCESSOR_SECONDS: [f64; 3] = [25.0, 250.0, 150.0];

/// How long deliver waits for a vendor, in seconds of the function, eight requests side by side: 200 ms each.
const WAIT_SECONDS: f64 = 0.2 / 8.0;
/// deliver's memory, in GB.
const DELIVER_GB: f64 = 0.25;

/// What is not paid by the event.
pub const FIXED: &str = "besides, by the hour: 0.015 for each shard of the backbone, and the alarms";

/// What a million events are like.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shape {
    /// Bytes of a change event.
    pub event_bytes: f64,
    /// Bytes of a delivery.
    pub delivery_bytes: f64,
    /// Deliveries in the queue, of one event.
    pub queued: f64,
    /// Rows that are new at the destination and are sent with an e-mail address, of one event.
    pub addressed: f64,
    /// Deliveries that are sent, of one event.
    pub sent: f64,
    /// Requests to the vendor, of one event.
    pub calls: f64,
    /// Events a second: how many share a batch, a frame and a message.
    pub events_a_second: f64,
}

/// A part of the price.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// What is paid for.
    pub what: &'static str,
    /// How much, for a million events.
    pub dollars: f64,
    /// How it is worked out.
    pub arithmetic: String,
}

/// The parts for a million events.
pub fn of_a_million(shape: &Shape) -> Vec<Part> {
    let together = shape.events_a_second.clamp(1.0, 500.0);
    // A lane's events of a second share a frame; sixteen lanes share the traffic.
    let in_a_frame = (shape.events_a_second / 16.0).max(1.0);
    let frames = 1.0 / in_a_frame;
    let units = (shape.event_bytes * in_a_frame / PUT_UNIT_BYTES).ceil().max(1.0) * frames;
    let in_a_message = (shape.events_a_second * shape.queued / 16.0).max(1.0);
    let messages = shape.queued / in_a_message;
    // A request of SQS is billed by 64 KB ("Amazon SQS pricing").
    let chunks = (shape.delivery_bytes * in_a_message / 65_536.0).ceil().max(1.0);
    let [capture, transform, deliver] = PROCESSOR_SECONDS;
    let invocations = 2.0 / together + messages;
    let processor = capture + transform + deliver * shape.queued;
    let waiting = shape.calls * 1e6 * WAIT_SECONDS * DELIVER_GB;
    let mut parts = vec![
        Part {
            what: "backbone",
            dollars: units * PUT_UNITS,
            arithmetic: format!("{units:.3} PUT units an event × {PUT_UNITS}"),
        },
        Part {
            what: "Lambda requests",
            dollars: invocations * LAMBDA_REQUESTS,
            arithmetic: format!(
                "(2 × 1/{together:.0} for capture and transform + {messages:.3} for deliver) × {LAMBDA_REQUESTS}"
            ),
        },
        Part {
            what: "Lambda processor time",
            dollars: processor * GB_A_PROCESSOR * GB_SECOND,
            arithmetic: format!(
                "({capture} + {transform} + {deliver} × {:.3}) s × {GB_A_PROCESSOR} GB × {GB_SECOND}",
                shape.queued
            ),
        },
        Part {
            what: "Lambda waiting for the vendor",
            dollars: waiting * GB_SECOND,
            arithmetic: format!(
                "{:.3} requests × {WAIT_SECONDS} s × {DELIVER_GB} GB × {GB_SECOND} × a million",
                shape.calls
            ),
        },
        Part {
            what: "queue",
            dollars: messages * chunks * 3.0 * FIFO_REQUESTS,
            arithmetic: format!("{messages:.3} messages × 3 (send, receive, delete) × {FIFO_REQUESTS}, at most"),
        },
        Part {
            what: "ledger",
            dollars: shape.queued * (READS + WRITES),
            arithmetic: format!("{:.3} deliveries × (1 read × {READS} + 1 write × {WRITES})", shape.queued),
        },
    ];
    if shape.addressed > 0.0 {
        parts.push(Part {
            what: "ledger's index",
            dollars: shape.addressed * WRITES,
            arithmetic: format!("{:.3} rows with a new e-mail address × 1 write × {WRITES}", shape.addressed),
        });
    }
    parts
}
