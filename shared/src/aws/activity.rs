//! The table of activity: one update an invocation.
//!
//! An item is a stage's minute, and the minutes of an hour stand together, so that a day is 24 queries. Key `minute` (N) and
//! `stage` (S): the hours since 1970, and `<minute of the hour>#<stage>`, such as `07#transform`; one number for each
//! subject and counter, named `<subject>|<counter>`. Kept 30 days.
//!
//! The key's first attribute is called `minute` since it was one: its items, with the minutes since 1970, are not read any
//! more and go by themselves. Another name would be another table.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::failed;
use crate::{
    ports::{Activity, Counts, PortError},
    tally::{Counted, Tally},
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

/// How many hours are asked for at once.
const CONCURRENT_QUERIES: usize = 8;

const MINUTES: i64 = 60;

impl Counts for ActivityTable {
    async fn last(&self, minutes: u32) -> Result<Vec<Counted>, PortError> {
        let now = SystemClock.now().minutes();
        let first = now - i64::from(minutes) + 1;
        let hours = first.div_euclid(MINUTES)..=now.div_euclid(MINUTES);
        let queries = hours.map(|hour| self.hour(hour, first)).collect::<Vec<_>>();
        stream::iter(queries).buffer_unordered(CONCURRENT_QUERIES).try_concat().await
    }
}

impl ActivityTable {
    /// What was counted in an hour, from a minute on.
    async fn hour(&self, hour: i64, first: i64) -> Result<Vec<Counted>, PortError> {
        // Before the hour itself all of its minutes are wanted.
        let from = (first - hour * MINUTES).max(0);
        let mut counted = Vec::new();
        let mut start = None;
        loop {
            let query = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("#minute = :hour AND stage >= :from")
                .expression_attribute_names("#minute", "minute")
                .expression_attribute_values(":hour", AttributeValue::N(hour.to_string()))
                .expression_attribute_values(":from", AttributeValue::S(format!("{from:02}#")))
                .set_exclusive_start_key(start);
            let page = query.send().await.map_err(|error| failed("dynamodb:Query", &error))?;
            counted.extend(page.items.iter().flatten().filter_map(|item| of_item(hour, item)));
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(counted);
            }
        }
    }
}

fn of_item(hour: i64, item: &HashMap<String, AttributeValue>) -> Option<Counted> {
    let (minute, stage) = item.get("stage")?.as_s().ok()?.split_once('#')?;
    let minute = hour * MINUTES + minute.parse::<i64>().ok()?;
    let counts = item.iter().filter_map(|(name, value)| {
        let (subject, counter) = name.rsplit_once('|')?;
        Some((subject.to_owned(), counter.to_owned(), value.as_n().ok()?.parse().ok()?))
    });
    Some(Counted { minute, stage: stage.to_owned(), counts: counts.collect() })
}

impl Activity for ActivityTable {
    async fn add(&self, stage: &str, tally: &Tally) -> Result<(), PortError> {
        let now = SystemClock.now();
        let (hour, minute) = (now.minutes().div_euclid(MINUTES), now.minutes().rem_euclid(MINUTES));
        let mut add = Vec::new();
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("minute", AttributeValue::N(hour.to_string()))
            .key("stage", AttributeValue::S(format!("{minute:02}#{stage}")))
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
