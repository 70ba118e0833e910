//! A record of a DynamoDB stream, as Lambda hands it over (`Record` and `StreamRecord`, Amazon DynamoDB Streams API).

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use shared::{
    capture::seconds,
    event::{ChangeEvent, Op, Origin},
    key::Key,
    position::{Position, PositionError},
    time::Timestamp,
    value::Value,
};

use crate::{
    attribute::Image,
    source::{SourceError, Sources},
};

/// Why a record is no change event.
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
    /// Not one of the three.
    #[error("eventName is {0:?}, where DynamoDB writes INSERT, MODIFY or REMOVE")]
    EventName(String),
    /// No position.
    #[error("the record's SequenceNumber, which orders the changes of a row, cannot be used: {0}")]
    SequenceNumber(#[from] PositionError),
    /// No key.
    #[error("the record has no Keys, so that it cannot be told which row changed")]
    Keys,
    /// A time that is none.
    #[error("ApproximateCreationDateTime is {0}, where DynamoDB writes seconds since 1970")]
    Time(String),
    /// An insert or change without the row as it then was.
    #[error(
        "{event} without NewImage: the stream's view type is {view}, which does not hold what the row became; set \
         StreamViewType to NEW_AND_OLD_IMAGES (or NEW_IMAGE) on the table's stream. What this record changed has to be \
         read from the table (a backfill), since the record does not hold it"
    )]
    NewImage {
        /// `An INSERT` or `A MODIFY`.
        event: &'static str,
        /// The view type that the record names.
        view: String,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record<'a> {
    #[serde(borrow, default)]
    event_name: Cow<'a, str>,
    #[serde(borrow, default, rename = "eventSourceARN")]
    event_source_arn: Cow<'a, str>,
    #[serde(borrow)]
    dynamodb: Change<'a>,
    #[serde(borrow)]
    user_identity: Option<Identity<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change<'a> {
    #[serde(borrow)]
    approximate_creation_date_time: Option<&'a RawValue>,
    #[serde(default)]
    keys: Image,
    new_image: Option<Image>,
    old_image: Option<Image>,
    #[serde(borrow, default)]
    sequence_number: Cow<'a, str>,
    #[serde(borrow, default)]
    stream_view_type: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity<'a> {
    #[serde(borrow, default)]
    r#type: Cow<'a, str>,
    #[serde(borrow, default)]
    principal_id: Cow<'a, str>,
}

impl Identity<'_> {
    /// What a removal by time to live carries ("DynamoDB Streams and Time to Live", Amazon DynamoDB developer guide).
    fn is_time_to_live(&self) -> bool {
        self.r#type == "Service" && self.principal_id == "dynamodb.amazonaws.com"
    }
}

/// Reads one raw record: its event, and its sequence number as DynamoDB wrote it. `now` stands in where the record has no `ApproximateCreationDateTime`, which the API calls
/// optional.
///
/// What a stream's view type leaves out is absent: no `before` without an old image. An insert or change without a new
/// image is refused, since nothing could be delivered from it; a removal needs its key only.
pub fn read(raw: &[u8], sources: &Sources, now: Timestamp) -> Result<(ChangeEvent, String), RecordError> {
    let text = std::str::from_utf8(raw).map_err(|error| RecordError::Utf8(error.valid_up_to()))?;
    if !text.starts_with('{') {
        return Err(RecordError::Object);
    }
    let Record { event_name, event_source_arn, dynamodb: change, user_identity } = serde_json::from_str(text)?;
    let (source, epoch) = sources.of(&event_source_arn)?;
    let (op, event) = match &*event_name {
        "INSERT" => (Op::Create, "An INSERT"),
        "MODIFY" => (Op::Update, "A MODIFY"),
        "REMOVE" => (Op::Delete, "A REMOVE"),
        other => return Err(RecordError::EventName(other.chars().take(50).collect())),
    };
    let position = Position::parse(&change.sequence_number)?;
    if change.keys.0.is_empty() {
        return Err(RecordError::Keys);
    }
    let after = match (op, change.new_image) {
        (Op::Delete, _) => None,
        (_, Some(image)) => Some(Value::Object(image.0)),
        (_, None) => {
            let view = if change.stream_view_type.is_empty() { "not named".into() } else { change.stream_view_type };
            return Err(RecordError::NewImage { event, view: view.into_owned() });
        }
    };
    let occurred_at = match change.approximate_creation_date_time {
        None => now,
        Some(time) => seconds(time.get()).ok_or_else(|| RecordError::Time(time.get().chars().take(50).collect()))?,
    };
    let origin =
        if user_identity.is_some_and(|identity| identity.is_time_to_live()) { Origin::Ttl } else { Origin::User };
    let event = ChangeEvent {
        id: ChangeEvent::id_at(&source.name, epoch, &position),
        source: source.name.clone(),
        op,
        key: Key::new(change.keys.0),
        before: change.old_image.map(|image| Value::Object(image.0)),
        after,
        occurred_at,
        epoch,
        position,
        origin,
    };
    Ok((event, change.sequence_number.into_owned()))
}
