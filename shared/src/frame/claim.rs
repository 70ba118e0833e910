//! The claim check: an item too large for a frame goes to S3 and travels as a reference.

use super::{Item, MAX_ITEM_BYTES, Payload, Reference, ReferenceItem};
use crate::ports::Objects;

/// Why an oversize item could not be stored or fetched.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// S3 failed; worth another try.
    #[error("the oversize item {key} could not be {verb} S3: {reason}")]
    Storage {
        /// The object's key.
        key: String,
        /// "written to" or "read from".
        verb: &'static str,
        /// What S3 said.
        reason: String,
    },
    /// The object is gone: it is kept 45 days.
    #[error("the oversize item {key} is no longer in bucket {bucket}; objects there are kept 45 days")]
    Gone {
        /// The bucket.
        bucket: String,
        /// The object's key.
        key: String,
    },
}

/// Stores each item that is too large for a frame, and puts a reference in its place. The object's key is the
/// digest of the item's id, so that a repeat writes the same object.
pub async fn check_in<O: Objects>(objects: &O, bucket: &str, items: &mut [Item]) -> Result<(), (usize, ClaimError)> {
    for item in items.iter_mut().filter(|item| item.json.len() > MAX_ITEM_BYTES) {
        let key = format!("oversize/{}.json", crate::digest::hex(item.id.as_bytes()));
        let bytes = item.json.len();
        let json = std::mem::take(&mut item.json);
        objects.put(bucket, &key, json.into_bytes()).await.map_err(|error| {
            (item.record, ClaimError::Storage { key: key.clone(), verb: "written to", reason: error.to_string() })
        })?;
        let reference = ReferenceItem { r#ref: Reference { bucket: bucket.to_owned(), key, bytes } };
        item.json = serde_json::to_string(&reference).unwrap_or_default();
    }
    Ok(())
}

/// The item's JSON, fetched where it is a reference.
pub async fn redeem<'a, O: Objects>(
    objects: &O,
    payload: Payload<'a>,
) -> Result<std::borrow::Cow<'a, str>, ClaimError> {
    match payload {
        Payload::Inline(json) => Ok(json.into()),
        Payload::Reference(Reference { bucket, key, .. }) => {
            let storage = |reason: String| ClaimError::Storage { key: key.clone(), verb: "read from", reason };
            let bytes = objects.get(&bucket, &key).await.map_err(|error| storage(error.to_string()))?;
            let Some(bytes) = bytes else { return Err(ClaimError::Gone { bucket, key }) };
            String::from_utf8(bytes).map(Into::into).map_err(|error| storage(error.to_string()))
        }
    }
}
