//! Items by their keys, as many at once as `DynamoDB` takes.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, KeysAndAttributes},
};

use super::failed;
use crate::ports::PortError;

/// How many keys a `BatchGetItem` takes (`DynamoDB` API reference).
pub(super) const BATCH: usize = 100;

/// How often keys that `DynamoDB` left unprocessed are asked for again: it does so when it throttles, and when the answer
/// would exceed 16 MB, which three answers are enough for.
const UNPROCESSED_TRIES: u32 = 6;

pub(super) const READ: &str = "dynamodb:BatchGetItem";

/// An item, or its key.
pub(super) type Item = HashMap<String, AttributeValue>;

/// Reads the items of these keys, at most [`BATCH`] and each once, strongly consistent. Those that are not there are not
/// in the answer, which has no order.
pub(super) async fn batch_get(client: &Client, table: &str, keys: Vec<Item>) -> Result<Vec<Item>, PortError> {
    let mut items = Vec::with_capacity(keys.len());
    let request = KeysAndAttributes::builder().consistent_read(true).set_keys(Some(keys)).build();
    let mut waiting = Some(request.map_err(|error| failed(READ, &error))?);
    let mut tries = 0;
    while let Some(request) = waiting.take() {
        let answer = client.batch_get_item().request_items(table, request).send().await;
        let answer = answer.map_err(|error| failed(READ, &error))?;
        items.extend(answer.responses.into_iter().flat_map(HashMap::into_values).flatten());
        waiting = answer.unprocessed_keys.and_then(|mut keys| keys.remove(table));
        if waiting.is_some() {
            tries += 1;
            if tries > UNPROCESSED_TRIES {
                let reason = format!("keys of {table} were left unprocessed again and again: the table is throttled");
                return Err(PortError { operation: READ, reason });
            }
            tokio::time::sleep(Duration::from_millis(25) * 2_u32.pow(tries)).await;
        }
    }
    Ok(items)
}
