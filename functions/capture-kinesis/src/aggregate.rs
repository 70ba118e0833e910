//! Records that the Kinesis Producer Library packed into one ("KPL Aggregated Record Format").
//!
//! Four magic bytes, a protobuf message, and the message's MD5 digest. Lambda hands them over as they are. The magic
//! alone proves nothing: four bytes may begin any data, so the digest has to be right too.
//!
//! One limit: after a reshard the library sends the user records that now belong to another shard once more, and they
//! are captured twice, at two positions.

use md5::{Digest as _, Md5};
use prost::Message;

const MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];

const DIGEST_BYTES: usize = 16;

/// The data of a Kinesis record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Data<'a> {
    /// Data as its producer wrote it.
    Plain {
        /// The data.
        data: &'a [u8],
        /// It begins like an aggregate, but its digest is not that of its content.
        magic: bool,
    },
    /// An aggregate's user records, in order.
    Aggregated(Vec<UserRecord>),
}

/// One of the records in an aggregate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRecord {
    /// The partition key that its producer gave it.
    pub partition_key: String,
    /// Its data.
    pub data: Vec<u8>,
}

/// Why an aggregate cannot be taken apart, although its digest is right.
#[derive(Debug, thiserror::Error)]
pub enum AggregateError {
    /// Not the message.
    #[error("a KPL aggregate whose message cannot be read: {0}")]
    Message(#[from] prost::DecodeError),
    /// A record without a partition key.
    #[error("a KPL aggregate whose record {record} names partition key {index}, where the aggregate has {count}")]
    PartitionKey {
        /// The user record, from zero.
        record: usize,
        /// The index that it names.
        index: u64,
        /// How many keys there are.
        count: usize,
    },
    /// Nothing in it.
    #[error("a KPL aggregate without any record")]
    Empty,
}

#[derive(PartialEq, Message)]
struct AggregatedRecord {
    #[prost(string, repeated, tag = "1")]
    partition_key_table: Vec<String>,
    #[prost(message, repeated, tag = "3")]
    records: Vec<Record>,
}

#[derive(PartialEq, Message)]
struct Record {
    #[prost(uint64, required, tag = "1")]
    partition_key_index: u64,
    #[prost(bytes = "vec", required, tag = "3")]
    data: Vec<u8>,
}

/// Tells an aggregate from plain data, and takes it apart.
pub fn open(data: &[u8]) -> Result<Data<'_>, AggregateError> {
    let Some(body) = data.strip_prefix(&MAGIC) else { return Ok(Data::Plain { data, magic: false }) };
    let Some((message, digest)) = body.split_last_chunk::<DIGEST_BYTES>() else {
        return Ok(Data::Plain { data, magic: true });
    };
    if Md5::digest(message).as_slice() != digest {
        return Ok(Data::Plain { data, magic: true });
    }
    let AggregatedRecord { partition_key_table: keys, records } = AggregatedRecord::decode(message)?;
    if records.is_empty() {
        return Err(AggregateError::Empty);
    }
    let user_records = records.into_iter().enumerate().map(|(record, Record { partition_key_index: index, data })| {
        usize::try_from(index)
            .ok()
            .and_then(|index| keys.get(index))
            .map(|key| UserRecord { partition_key: key.clone(), data })
            .ok_or(AggregateError::PartitionKey { record, index, count: keys.len() })
    });
    user_records.collect::<Result<_, _>>().map(Data::Aggregated)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aggregate(message: &[u8]) -> Vec<u8> {
        [&MAGIC[..], message, Md5::digest(message).as_slice()].concat()
    }

    // By hand, from the format's page: field 1 (0A) the key "k", field 3 (1A) a record of index 0 (08 00) and data "x"
    // (1A 01 78).
    const ONE: &[u8] = b"\x0a\x01k\x1a\x05\x08\x00\x1a\x01x";

    #[test]
    fn an_aggregate_is_taken_apart() {
        let user_record = UserRecord { partition_key: "k".into(), data: b"x".to_vec() };
        assert_eq!(open(&aggregate(ONE)).unwrap(), Data::Aggregated(vec![user_record.clone()]));
        // The same with an explicit hash key (field 2 of both, 12 01 30 and 10 00) and a tag (field 4), which do not matter.
        let more = b"\x0a\x01k\x12\x010\x1a\x0c\x08\x00\x10\x00\x1a\x01x\x22\x03\x0a\x01t";
        assert_eq!(open(&aggregate(more)).unwrap(), Data::Aggregated(vec![user_record]));
    }

    #[test]
    fn magic_without_its_digest_is_plain_data() {
        let mut data = aggregate(ONE);
        *data.last_mut().unwrap() ^= 1;
        assert_eq!(open(&data).unwrap(), Data::Plain { data: &data, magic: true });
        assert_eq!(open(&MAGIC).unwrap(), Data::Plain { data: &MAGIC, magic: true });
        assert_eq!(open(b"{}").unwrap(), Data::Plain { data: b"{}", magic: false });
        assert_eq!(open(b"").unwrap(), Data::Plain { data: b"", magic: false });
    }

    #[test]
    fn what_is_wrong_inside_an_aggregate_is_told() {
        assert!(matches!(open(&aggregate(b"\x0a\x05k")), Err(AggregateError::Message(_))));
        assert!(matches!(open(&aggregate(b"\x0a\x01k")), Err(AggregateError::Empty)));
        let beyond = b"\x0a\x01k\x1a\x05\x08\x01\x1a\x01x";
        assert!(matches!(
            open(&aggregate(beyond)),
            Err(AggregateError::PartitionKey { record: 0, index: 1, count: 1 })
        ));
    }
}
