//! Which source a stream belongs to, and how its events are read.

use std::collections::BTreeMap;

use serde::Deserialize;
/// The sources by what identifies their records: `SOURCES`.
///
/// Written as `{"<stream>":{"name":"page_views","key":["visitor_id"]}}`. The stream stands there as its ARN or its
/// name, looked up in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Sources(pub(crate) BTreeMap<String, Source>);

/// One source.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its name in the stack.
    pub name: String,
    /// What its data is.
    #[serde(default)]
    pub format: Format,
    /// The fields of an event that name its row: their order does not matter. None: the record's partition key is the
    /// key, as `{"partition_key":"…"}`.
    #[serde(default)]
    pub key: Option<Vec<String>>,
    /// The field that tells when it happened, in whole milliseconds since 1970. None: the time at which Kinesis took
    /// the record.
    #[serde(default)]
    pub occurred_at: Option<String>,
    /// The epoch of its events: has to grow when the stream is made anew, since its sequence numbers then begin anew.
    #[serde(default)]
    pub epoch: Option<u64>,
}

/// What the data of a source's records is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A JSON object a record, each an event of its own: nothing comes before it.
    #[default]
    Json,
}

/// Why a record belongs to no source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Not the ARN of a Kinesis stream.
    #[error(
        "eventSourceARN is {0:?}, which is no Kinesis stream's ARN, arn:aws:kinesis:…:stream/<name>; this function \
         takes records of Kinesis streams only"
    )]
    Arn(String),
    /// Not in `SOURCES`.
    #[error(
        "the stream {0:?} is no source of this stack; add it to the sources in the stack's variables (it then stands \
         in SOURCES), apply, and redrive"
    )]
    Unknown(String),
}

impl Sources {
    /// The source of a stream's records. The ARN of a consumer with enhanced fan-out is its stream's, and more.
    pub fn of(&self, arn: &str) -> Result<&Source, SourceError> {
        let stream = arn.split_once("/consumer/").map_or(arn, |(stream, _)| stream);
        let name = match stream.split_once(":stream/") {
            Some((service, name)) if service.contains(":kinesis:") => name,
            _ => return Err(SourceError::Arn(arn.chars().take(200).collect())),
        };
        [stream, name].into_iter().find_map(|key| self.0.get(key)).ok_or_else(|| SourceError::Unknown(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use shared::capture::Dialect as _;

    use super::*;

    fn sources(json: &str) -> Sources {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_stream_is_known_by_arn_or_name_also_behind_a_consumer() {
        let sources = sources(
            r#"{"views":{"name":"by-name"},"arn:aws:kinesis:us-east-2:123456789012:stream/views":{"name":"by-arn"}}"#,
        );
        // The consumer's ARN is that of "RegisterStreamConsumer", Amazon Kinesis Data Streams API.
        for (arn, name) in [
            ("arn:aws:kinesis:us-east-2:123456789012:stream/views", "by-arn"),
            ("arn:aws:kinesis:us-east-2:123456789012:stream/views/consumer/con1:1540591608", "by-arn"),
            ("arn:aws:kinesis:eu-west-1:123456789012:stream/views", "by-name"),
        ] {
            assert_eq!(sources.of(arn).unwrap().name, name, "{arn}");
        }
        let orders = "arn:aws:kinesis:us-east-2:123456789012:stream/orders";
        assert_eq!(sources.of(orders), Err(SourceError::Unknown("orders".to_owned())));
        for arn in ["", "views", "arn:aws:dynamodb:us-east-2:123456789012:table/views/stream/2015"] {
            assert_eq!(sources.of(arn), Err(SourceError::Arn(arn.to_owned())));
        }
    }

    #[test]
    fn what_is_wrong_with_sources_is_told() {
        assert!(sources(r#"{"a":{"name":"x","key":[]}}"#).problem().unwrap().contains("an empty key"));
        assert!(serde_json::from_str::<Sources>(r#"{"a":{"name":"x","format":"debezium"}}"#).is_err());
    }
}
