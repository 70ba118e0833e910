//! A record of a Kinesis stream, as Lambda hands it over ("Using Lambda to process records from Amazon Kinesis Data
//! Streams", AWS Lambda developer guide).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::{
    capture::seconds,
    event::{ChangeEvent, Op, Origin},
    position::{Position, PositionError},
    time::Timestamp,
};

use crate::{
    aggregate::{self, AggregateError, Data},
    json::{self, EventError},
    source::{Format, Source, SourceError, Sources},
};

/// Why a record gives no change event, or not all of them.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Bytes that are no text.
    #[error(
        "the record is not UTF-8 from byte {0} on; AWS hands over UTF-8 only, so look at what invoked this function"
    )]
    Utf8(usize),
    /// No object.
    #[error("the record is no JSON object; AWS hands over objects only, so look at what invoked this function")]
    Object,
    /// Not the JSON of a record.
    #[error("the record cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// No source.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// No position.
    #[error("the record's sequenceNumber, which orders the events, cannot be used: {0}")]
    SequenceNumber(#[from] PositionError),
    /// A time that is none.
    #[error("approximateArrivalTimestamp is {0}, where Lambda writes seconds since 1970")]
    Time(String),
    /// Data that is no base64.
    #[error("the record's data is not base64; Lambda encodes it, so look at what invoked this function")]
    Base64,
    /// An aggregate that cannot be taken apart.
    #[error("the data is {0}; correct what writes to the stream")]
    Aggregate(#[from] AggregateError),
    /// Data that is no event.
    #[error(transparent)]
    Event(#[from] EventError),
    /// Records of an aggregate that are no events; the others are.
    #[error(
        "{bad} of the aggregate's {count} records are no events, and the others went through; the first one, record \
         {index} from zero: {error}"
    )]
    UserRecords {
        /// How many are bad.
        bad: usize,
        /// Of how many.
        count: usize,
        /// The first bad one, from zero.
        index: usize,
        /// What is wrong with it.
        error: EventError,
    },
}

#[derive(Deserialize)]
struct Record<'a> {
    #[serde(borrow)]
    kinesis: Kinesis<'a>,
    #[serde(borrow, default, rename = "eventSourceARN")]
    event_source_arn: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Kinesis<'a> {
    #[serde(borrow)]
    data: Cow<'a, str>,
    #[serde(borrow, default)]
    sequence_number: Cow<'a, str>,
    #[serde(borrow, default)]
    partition_key: Cow<'a, str>,
    #[serde(borrow)]
    approximate_arrival_timestamp: Option<&'a RawValue>,
}

/// What a raw record gives.
#[derive(Debug)]
pub struct Events {
    /// Its sequence number, as Kinesis wrote it.
    pub sequence_number: String,
    /// Its events, in order.
    pub events: Vec<ChangeEvent>,
    /// What is wrong with some records of an aggregate.
    pub error: Option<RecordError>,
}

/// Reads one raw record. `now` stands in where the record has no `approximateArrivalTimestamp`.
///
/// The position of an aggregate's event is the record's with its place in the aggregate, so that each has its own.
pub fn read(raw: &[u8], sources: &Sources, now: Timestamp) -> Result<Events, RecordError> {
    let text = std::str::from_utf8(raw).map_err(|error| RecordError::Utf8(error.valid_up_to()))?;
    if !text.starts_with('{') {
        return Err(RecordError::Object);
    }
    let Record { kinesis, event_source_arn } = serde_json::from_str(text)?;
    let source = sources.of(&event_source_arn)?;
    let position = Position::parse(&kinesis.sequence_number)?;
    let arrived_at = match kinesis.approximate_arrival_timestamp {
        None => now,
        Some(time) => seconds(time.get()).ok_or_else(|| RecordError::Time(time.get().chars().take(50).collect()))?,
    };
    let data = base64_simd::STANDARD.decode_to_vec(kinesis.data.as_bytes()).map_err(|_| RecordError::Base64)?;
    let at = Arrival { source, position, arrived_at };
    let (events, error) = match aggregate::open(&data)? {
        Data::Plain { data, magic } => (vec![at.event(data, magic, &kinesis.partition_key, 0)?], None),
        Data::Aggregated(records) => {
            let count = records.len();
            let mut events = Vec::with_capacity(count);
            let mut errors = Vec::new();
            for (index, record) in records.into_iter().enumerate() {
                match at.event(&record.data, false, &record.partition_key, index) {
                    Ok(event) => events.push(event),
                    Err(error) => errors.push((index, error)),
                }
            }
            let bad = errors.len();
            let first = errors.into_iter().next();
            (events, first.map(|(index, error)| RecordError::UserRecords { bad, count, index, error }))
        }
    };
    Ok(Events { sequence_number: kinesis.sequence_number.into_owned(), events, error })
}

/// Where and when a record arrived.
struct Arrival<'a> {
    source: &'a Source,
    position: Position,
    arrived_at: Timestamp,
}

impl Arrival<'_> {
    fn event(&self, data: &[u8], magic: bool, partition_key: &str, index: usize) -> Result<ChangeEvent, EventError> {
        let Self { source, position, arrived_at } = self;
        let event = match source.format {
            Format::Json => json::read(data, magic, partition_key, source)?,
        };
        // A Kinesis record has at most 10 MiB, and a user record in it at least two bytes.
        let position = position.clone().inside(u32::try_from(index).unwrap_or(u32::MAX));
        let epoch = source.epoch.unwrap_or(0);
        Ok(ChangeEvent {
            id: ChangeEvent::id_at(&source.name, epoch, &position),
            source: source.name.clone(),
            op: Op::Create,
            key: event.key,
            before: None,
            after: Some(event.after),
            occurred_at: event.occurred_at.unwrap_or(*arrived_at),
            epoch,
            position,
            origin: Origin::User,
        })
    }
}
