//! The table of activity: one update an invocation.
//!
//! Key `minute` (N, minutes since 1970) and `stage` (S); one number for each subject and counter, named
//! `<subject>|<counter>`. Kept 30 days.

use std::time::Duration;

use aws_sdk_dynamodb::{Client, types::AttributeValue};

use super::failed;
use crate::{
    ports::{Activity, PortError},
    tally::Tally,
    time::{Clock as _, SystemClock},
};

const KEPT: Duration = Duration::from_hours(30 * 24);

/// The table of activity.
#[derive(Clone, Debug)]
pub struct ActivityTable {
    client: Client,
    table: String,
}

impl ActivityTable {
    /// The table of this name.
    pub fn new(client: &Client, table: &str) -> Self {
        Self { client: client.clone(), table: table.to_owned() }
    }
}

impl Activity for ActivityTable {
    async fn add(&self, stage: &str, tally: &Tally) -> Result<(), PortError> {
        let now = SystemClock.now();
        let minute = now.seconds().div_euclid(60);
        let mut add = Vec::new();
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("minute", AttributeValue::N(minute.to_string()))
            .key("stage", AttributeValue::S(stage.to_owned()))
            .expression_attribute_values(":expires", AttributeValue::N((now + KEPT).seconds().to_string()));
        for (index, (subject, counter, count)) in tally.iter().enumerate() {
            add.push(format!("#c{index} :c{index}"));
            update = update
                .expression_attribute_names(format!("#c{index}"), format!("{subject}|{counter}"))
                .expression_attribute_values(format!(":c{index}"), AttributeValue::N(count.to_string()));
        }
        let expression = format!("ADD {} SET expires_at = :expires", add.join(", "));
        let updated = update.update_expression(expression).send().await;
        updated.map(drop).map_err(|error| failed("dynamodb:UpdateItem", &error))
    }
}
