//! The table of activity: one update an invocation.
//!
//! Key `minute` (N, minutes since 1970) and `stage` (S); one number for each subject and counter, named
//! `<subject>|<counter>`. Kept 30 days.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

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

/// What was counted at a stage in a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The stage: `capture`, `transform`, `deliver/<destination>`, `collect-failures`.
    pub stage: String,
    /// Subject (a pipeline, source or destination), counter, and count.
    pub counts: Vec<(String, String, u64)>,
}

/// How many minutes are asked for at once.
const CONCURRENT_QUERIES: usize = 8;

impl ActivityTable {
    /// All counts of the given count of minutes up to now, the present one among them: a query a minute.
    pub async fn last(&self, minutes: u32) -> Result<Vec<Counted>, PortError> {
        let now = SystemClock.now().seconds().div_euclid(60);
        let minutes = (now - i64::from(minutes) + 1)..=now;
        let queries = minutes.map(|minute| self.minute(minute)).collect::<Vec<_>>();
        stream::iter(queries).buffer_unordered(CONCURRENT_QUERIES).try_concat().await
    }

    async fn minute(&self, minute: i64) -> Result<Vec<Counted>, PortError> {
        let mut counted = Vec::new();
        let mut start = None;
        loop {
            let query = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("#minute = :minute")
                .expression_attribute_names("#minute", "minute")
                .expression_attribute_values(":minute", AttributeValue::N(minute.to_string()))
                .set_exclusive_start_key(start);
            let page = query.send().await.map_err(|error| failed("dynamodb:Query", &error))?;
            counted.extend(page.items.iter().flatten().filter_map(of_item));
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(counted);
            }
        }
    }
}

fn of_item(item: &HashMap<String, AttributeValue>) -> Option<Counted> {
    let stage = item.get("stage")?.as_s().ok()?.clone();
    let counts = item.iter().filter_map(|(name, value)| {
        let (subject, counter) = name.rsplit_once('|')?;
        Some((subject.to_owned(), counter.to_owned(), value.as_n().ok()?.parse().ok()?))
    });
    Some(Counted { stage, counts: counts.collect() })
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
