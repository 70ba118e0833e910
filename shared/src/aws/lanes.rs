//! The count of lanes that a stream or queue was created with.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, ReturnValue},
};

use super::{failed, malformed};
use crate::{lane::Lanes, ports::PortError};

/// Records the count of lanes of a stream or queue when it is first used, in the table of pipelines under (`lanes`,
/// its name), and refuses another count from then on: a change would split a key over two lanes.
pub async fn agree_on_lanes(client: &Client, table: &str, name: &str, lanes: Lanes) -> Result<(), PortError> {
    const OPERATION: &str = "dynamodb:UpdateItem";
    let key = HashMap::from([
        ("kind".to_owned(), AttributeValue::S("lanes".to_owned())),
        ("name".to_owned(), AttributeValue::S(name.to_owned())),
    ]);
    let answer = client
        .update_item()
        .table_name(table)
        .set_key(Some(key))
        .update_expression("SET lanes = if_not_exists(lanes, :lanes)")
        .expression_attribute_values(":lanes", AttributeValue::N(lanes.count().to_string()))
        .return_values(ReturnValue::AllNew)
        .send()
        .await
        .map_err(|error| failed(OPERATION, &error))?;
    let recorded = answer.attributes.as_ref().and_then(|item| item.get("lanes")).and_then(|value| value.as_n().ok());
    let recorded: u32 = recorded.and_then(|text| text.parse().ok()).ok_or_else(|| malformed(OPERATION, name))?;
    if recorded == lanes.count() {
        Ok(())
    } else {
        Err(PortError {
            operation: OPERATION,
            reason: format!(
                "{name} was created with {recorded} lanes and is now set to {}: another count splits a key over two \
                 lanes and loses its order; set the count back to {recorded}, or drain {name} and delete the item \
                 (lanes, {name}) of the table {table}",
                lanes.count()
            ),
        })
    }
}
