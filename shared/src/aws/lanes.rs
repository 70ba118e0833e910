//! The count of lanes that a stream or queue was created with.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use super::{
    failed, malformed,
    pipelines::{PipelinesTable, key},
};
use crate::{
    lane::Lanes,
    ports::{LaneCounts, PortError},
};

impl LaneCounts for PipelinesTable {
    /// The item (`lanes`, name of the stream or queue) holds the count.
    async fn agree(&self, name: &str, lanes: Lanes) -> Result<(), PortError> {
        const OPERATION: &str = "dynamodb:UpdateItem";
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key("lanes", name)))
            .update_expression("SET lanes = if_not_exists(lanes, :lanes)")
            .expression_attribute_values(":lanes", AttributeValue::N(lanes.count().to_string()))
            .return_values(ReturnValue::AllNew)
            .send()
            .await
            .map_err(|error| failed(OPERATION, &error))?;
        let recorded = answer.attributes.as_ref().and_then(|item| item.get("lanes"));
        let recorded: Option<u32> = recorded.and_then(|value| value.as_n().ok()?.parse().ok());
        let recorded = recorded.ok_or_else(|| malformed(OPERATION, name))?;
        if recorded == lanes.count() {
            return Ok(());
        }
        let reason = format!(
            "{name} was created with {recorded} lanes and is now set to {}: another count splits a key over two lanes \
             and loses its order; set the count back to {recorded}, or drain {name} and delete the item (lanes, \
             {name}) of the table {}",
            lanes.count(),
            self.table
        );
        Err(PortError { operation: OPERATION, reason })
    }
}
