//! The alerts: the items (`alert`, id) of the table of pipelines. People write the limits, the function `alert` writes what
//! it has told.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::{operation::update_item::UpdateItemError, types::AttributeValue};

use super::{PipelinesTable, failed, malformed, pipelines::key};
use crate::{
    alert::Alert,
    ports::{Alerts, PortError},
    time::Timestamp,
};

const KIND: &str = "alert";

type Item = HashMap<String, AttributeValue>;

impl Alerts for PipelinesTable {
    async fn alerts(&self) -> Result<Vec<Alert>, PortError> {
        const OPERATION: &str = "dynamodb:Query";
        let mut alerts = Vec::new();
        let mut start = None;
        loop {
            let query = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .key_condition_expression("kind = :alert")
                .expression_attribute_values(":alert", AttributeValue::S(KIND.to_owned()))
                .set_exclusive_start_key(start);
            let page = query.send().await.map_err(|error| failed(OPERATION, &error))?;
            for item in page.items.iter().flatten() {
                alerts.push(of_item(item).ok_or_else(|| malformed(OPERATION, "an alert"))?);
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(alerts);
            }
        }
    }

    async fn add_alert(&self, alert: &Alert) -> Result<(), PortError> {
        const OPERATION: &str = "dynamodb:PutItem";
        let limit = serde_json::to_string(&alert.limit).map_err(|error| malformed(OPERATION, error))?;
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(key(KIND, &alert.id)))
            .item("limit", AttributeValue::S(limit))
            .item("by", AttributeValue::S(alert.by.clone()))
            .item("console", AttributeValue::S(alert.console.clone()))
            .item("raised", raised(&alert.raised));
        let put = match &alert.pipeline {
            Some(pipeline) => put.item("pipeline", AttributeValue::S(pipeline.clone())),
            None => put,
        };
        put.send().await.map(drop).map_err(|error| failed(OPERATION, &error))
    }

    async fn drop_alert(&self, id: &str) -> Result<(), PortError> {
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key(KIND, id)));
        delete.send().await.map(drop).map_err(|error| failed("dynamodb:DeleteItem", &error))
    }

    async fn mark_raised(&self, id: &str, told: &BTreeMap<String, Timestamp>) -> Result<(), PortError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(KIND, id)))
            .update_expression("SET raised = :raised")
            .condition_expression("attribute_exists(kind)")
            .expression_attribute_values(":raised", raised(told));
        match update.send().await {
            Ok(_) => Ok(()),
            // Somebody has taken it away meanwhile.
            Err(error)
                if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(())
            }
            Err(error) => Err(failed("dynamodb:UpdateItem", &error)),
        }
    }
}

fn raised(told: &BTreeMap<String, Timestamp>) -> AttributeValue {
    let since = |at: &Timestamp| AttributeValue::N(at.millis().to_string());
    AttributeValue::M(told.iter().map(|(pipeline, at)| (pipeline.clone(), since(at))).collect())
}

fn of_item(item: &Item) -> Option<Alert> {
    let text = |name: &str| item.get(name)?.as_s().ok().cloned();
    let since = |value: &AttributeValue| Some(Timestamp::from_millis(value.as_n().ok()?.parse().ok()?));
    let raised = item.get("raised")?.as_m().ok()?.iter();
    Some(Alert {
        id: text("name")?,
        pipeline: text("pipeline"),
        limit: serde_json::from_str(&text("limit")?).ok()?,
        by: text("by")?,
        console: text("console")?,
        raised: raised.map(|(pipeline, at)| Some((pipeline.clone(), since(at)?))).collect::<Option<_>>()?,
    })
}
