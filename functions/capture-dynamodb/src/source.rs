//! Which source a stream belongs to.

use std::collections::BTreeMap;

use crate::label;
use serde::Deserialize;

/// The sources by what identifies their records: `SOURCES`.
///
/// Written as `{"<table>":{"name":"customers"}}`. The table stands there as its stream's ARN, its own ARN or its name,
/// looked up in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Sources(pub(crate) BTreeMap<String, Source>);

/// One source.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its name in the stack.
    pub name: String,
    /// The epoch of its events, instead of the one in the stream's label. Needed only where positions start anew
    /// without a new stream, as after a failover to another region; it has to be greater than any epoch before.
    #[serde(default)]
    pub epoch: Option<u64>,
}

/// Why a record belongs to no source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// Not the ARN of a DynamoDB stream.
    #[error(
        "eventSourceARN is {0:?}, which is no DynamoDB stream's ARN, arn:aws:dynamodb:…:table/<name>/stream/<label>; \
         this function takes records of DynamoDB streams only"
    )]
    Arn(String),
    /// Not in `SOURCES`.
    #[error(
        "the table {table:?} is no source of this stack; add it to the sources in the stack's variables (it then \
         stands in SOURCES), apply, and redrive"
    )]
    Unknown {
        /// The table's name.
        table: String,
    },
    /// No epoch in the label.
    #[error(
        "the stream's label {label:?} is no time such as 2015-05-11T21:21:33.291, so that it gives no epoch; set the \
         epoch of source {source_name:?} in the stack's variables, apply, and redrive"
    )]
    Label {
        /// The label.
        label: String,
        /// The source.
        source_name: String,
    },
}

impl Sources {
    /// The source of a stream's records, and their epoch.
    pub fn of(&self, stream: &str) -> Result<(&Source, u64), SourceError> {
        let arn = || SourceError::Arn(stream.chars().take(200).collect());
        let (table_arn, label) = stream.split_once("/stream/").ok_or_else(arn)?;
        let (_, table) = table_arn.split_once(":table/").ok_or_else(arn)?;
        let source = [stream, table_arn, table]
            .into_iter()
            .find_map(|key| self.0.get(key))
            .ok_or_else(|| SourceError::Unknown { table: table.to_owned() })?;
        let epoch = source
            .epoch
            .or_else(|| label::epoch(label))
            .ok_or_else(|| SourceError::Label { label: label.to_owned(), source_name: source.name.clone() })?;
        Ok((source, epoch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: &str =
        "arn:aws:dynamodb:eu-central-1:123456789012:table/customers-prod/stream/2015-05-11T21:21:33.291";

    fn sources(json: &str) -> Sources {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_table_is_known_by_stream_arn_or_name() {
        let all = r#"{"customers-prod":{"name":"by-name"},
            "arn:aws:dynamodb:eu-central-1:123456789012:table/customers-prod":{"name":"by-table"},
            "arn:aws:dynamodb:eu-central-1:123456789012:table/customers-prod/stream/2015-05-11T21:21:33.291":
                {"name":"by-stream","epoch":7}}"#;
        let (source, epoch) = sources(all).of(STREAM).map(|(source, epoch)| (source.name.clone(), epoch)).unwrap();
        assert_eq!((source.as_str(), epoch), ("by-stream", 7));
        let other_stream = STREAM.replace("2015", "2016");
        assert_eq!(sources(all).of(&other_stream).unwrap().0.name, "by-table");
        let other_region = STREAM.replace("eu-central-1", "us-east-1");
        let sources = sources(all);
        let (source, epoch) = sources.of(&other_region).unwrap();
        assert_eq!((source.name.as_str(), epoch), ("by-name", 1_431_379_293_291));
    }

    #[test]
    fn what_belongs_to_no_source_says_so() {
        let sources = sources(r#"{"customers-prod":{"name":"customers","epoch":null}}"#);
        for arn in ["", "arn:aws:kinesis:us-east-2:123456789012:stream/x", "table/x/stream/2015"] {
            assert_eq!(sources.of(arn), Err(SourceError::Arn(arn.to_owned())));
        }
        let orders = STREAM.replace("customers-prod", "orders");
        assert_eq!(sources.of(&orders), Err(SourceError::Unknown { table: "orders".to_owned() }));
        let unlabelled = STREAM.replace("2015-05-11T21:21:33.291", "latest");
        assert!(matches!(sources.of(&unlabelled), Err(SourceError::Label { label, .. }) if label == "latest"));
    }

    #[test]
    fn what_no_source_has_is_refused() {
        assert!(serde_json::from_str::<Sources>(r#"{"a":{"name":"x","epcoh":1}}"#).is_err());
    }
}
