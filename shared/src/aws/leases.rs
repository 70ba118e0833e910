//! Leases in the ledger's table: the item `#lease#<name>` with the time at which it ends.

use std::collections::HashMap;

use aws_sdk_dynamodb::{operation::delete_item::DeleteItemError, types::AttributeValue};

use super::{LedgerTable, failed, put_if};
use crate::{
    ports::{Leases, PortError},
    time::Timestamp,
};

fn id(name: &str) -> AttributeValue {
    AttributeValue::S(format!("#lease#{name}"))
}

fn millis(at: Timestamp) -> AttributeValue {
    AttributeValue::N(at.millis().to_string())
}

impl Leases for LedgerTable {
    async fn take(&self, name: &str, now: Timestamp, until: Timestamp) -> Result<bool, PortError> {
        let item = HashMap::from([
            ("id".to_owned(), id(name)),
            ("until".to_owned(), millis(until)),
            ("expires_at".to_owned(), AttributeValue::N(until.seconds().to_string())),
        ]);
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(id) OR #until <= :now")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":now", millis(now));
        put_if(put).await
    }

    async fn give_back(&self, name: &str, until: Timestamp) -> Result<(), PortError> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.table)
            .key("id", id(name))
            .condition_expression("#until = :until")
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":until", millis(until));
        match delete.send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error.as_service_error().is_some_and(DeleteItemError::is_conditional_check_failed_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(failed("dynamodb:DeleteItem", &error)),
        }
    }
}
