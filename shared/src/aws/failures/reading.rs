//! Failures read again, and marked by what a person did about them.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::AttributeValue,
};

use super::FailuresTable;
use crate::{
    aws::{failed, malformed},
    failure::{Failure, Kept, Listed, Marked, Payload, Selection, Stage, Standing},
    ports::{KeptFailures, Objects as _, PortError},
    time::Timestamp,
};

type Item = HashMap<String, AttributeValue>;

const SCAN: &str = "dynamodb:Scan";
const GET: &str = "dynamodb:GetItem";
const UPDATE: &str = "dynamodb:UpdateItem";

/// How many texts are looked for in one scan.
const TEXTS: usize = 50;

impl KeptFailures for FailuresTable {
    /// This scans the table: half a unit of reading for each 4 KB that it holds, payloads included, and a call for each
    /// megabyte. For the failures that a person can see to, that is nothing; the console brings an index.
    async fn list(&self, selection: &Selection) -> Result<Vec<Listed>, PortError> {
        let mut listed: Vec<Listed> = Vec::new();
        let mut start = None;
        let conditions = [
            ("pipeline", selection.pipeline.as_deref()),
            ("destination", selection.destination.as_deref()),
            ("stage", selection.stage.map(Stage::as_str)),
            ("state", selection.standing.map(Standing::as_str)),
        ];
        let filter: Vec<String> = conditions
            .iter()
            .filter(|(_, value)| value.is_some())
            .map(|(name, _)| format!("#{name} = :{name}"))
            .chain(selection.redriven_since.map(|_| "redriven_at >= :since".to_owned()))
            .collect();
        loop {
            let mut scan = self
                .client
                .scan()
                .table_name(&self.table)
                .projection_expression(
                    "id, #stage, #state, #reason, #pipeline, #destination, #times, first_at, last_at",
                )
                .set_exclusive_start_key(start);
            for name in ["stage", "state", "reason", "pipeline", "destination", "times"] {
                scan = scan.expression_attribute_names(format!("#{name}"), name);
            }
            for (name, value) in conditions {
                if let Some(value) = value {
                    scan = scan.expression_attribute_values(format!(":{name}"), AttributeValue::S(value.to_owned()));
                }
            }
            if let Some(since) = selection.redriven_since {
                scan = scan.expression_attribute_values(":since", number(since.millis()));
            }
            if !filter.is_empty() {
                scan = scan.filter_expression(filter.join(" AND "));
            }
            let page = scan.send().await.map_err(|error| failed(SCAN, &error))?;
            for item in page.items.iter().flatten() {
                listed.push(of_item(item).ok_or_else(|| malformed(SCAN, "a failure"))?);
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                break;
            }
        }
        listed.sort_by(|a, b| b.last_at.cmp(&a.last_at).then_with(|| a.id.cmp(&b.id)));
        Ok(listed)
    }

    /// This scans the table as well.
    async fn find(&self, texts: &[String]) -> Result<Vec<Kept>, PortError> {
        let mut found: Vec<Kept> = Vec::new();
        // An expression is at most 4 KB ("Quotas", DynamoDB guide).
        for texts in texts.chunks(TEXTS) {
            let mut start = None;
            let filter = (0..texts.len()).map(|index| format!("contains(failure, :t{index})")).collect::<Vec<_>>();
            loop {
                let mut scan = self
                    .client
                    .scan()
                    .table_name(&self.table)
                    .filter_expression(filter.join(" OR "))
                    .set_exclusive_start_key(start);
                for (index, sought) in texts.iter().enumerate() {
                    scan = scan.expression_attribute_values(format!(":t{index}"), text(sought));
                }
                let page = scan.send().await.map_err(|error| failed(SCAN, &error))?;
                for item in page.items.iter().flatten() {
                    let kept = kept(item).ok_or_else(|| malformed(SCAN, "a failure"))?;
                    if !found.iter().any(|known| known.listed.id == kept.listed.id) {
                        found.push(kept);
                    }
                }
                start = page.last_evaluated_key;
                if start.is_none() {
                    break;
                }
            }
        }
        found.sort_by(|a, b| b.listed.last_at.cmp(&a.listed.last_at).then_with(|| a.listed.id.cmp(&b.listed.id)));
        Ok(found)
    }

    async fn get(&self, id: &str) -> Result<Option<Kept>, PortError> {
        let get = self.client.get_item().table_name(&self.table).key("id", text(id)).consistent_read(true);
        let answer = get.send().await.map_err(|error| failed(GET, &error))?;
        answer.item.map(|item| kept(&item).ok_or_else(|| malformed(GET, id))).transpose()
    }

    async fn discard(&self, id: &str, reason: &str, at: Timestamp) -> Result<Marked, PortError> {
        let update = self
            .update(id)
            .update_expression("SET #state = :discarded, discarded_at = :at, discarded_because = :because")
            .condition_expression("#state = :open")
            .expression_attribute_values(":discarded", text(Standing::Discarded.as_str()))
            .expression_attribute_values(":open", text(Standing::Open.as_str()))
            .expression_attribute_values(":at", number(at.millis()))
            .expression_attribute_values(":because", text(reason));
        mark(update).await
    }

    async fn payload(&self, failure: &Failure) -> Result<Option<Vec<u8>>, PortError> {
        match &failure.payload {
            Payload::Object { bucket, key } => self.objects.get(bucket, key).await,
            payload => Ok(payload.bytes()),
        }
    }

    async fn mark_redriven(&self, kept: &Kept, at: Timestamp) -> Result<Marked, PortError> {
        let update = self
            .update(&kept.listed.id)
            .update_expression("SET #state = :redriven, redriven_at = :at ADD redrives :one")
            .condition_expression("#state = :state AND #times = :times")
            .expression_attribute_names("#times", "times")
            .expression_attribute_values(":redriven", text(Standing::Redriven.as_str()))
            .expression_attribute_values(":at", number(at.millis()))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":state", text(kept.listed.standing.as_str()))
            .expression_attribute_values(":times", number(kept.listed.times));
        mark(update).await
    }

    async fn note_redriven(&self, kept: &Kept, at: Timestamp) -> Result<Marked, PortError> {
        let update = self
            .update(&kept.listed.id)
            .update_expression("SET redriven_at = :at ADD redrives :one")
            .condition_expression("#state IN (:delivered, :superseded) AND #times = :times")
            .expression_attribute_names("#times", "times")
            .expression_attribute_values(":at", number(at.millis()))
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":delivered", text(Standing::Delivered.as_str()))
            .expression_attribute_values(":superseded", text(Standing::Superseded.as_str()))
            .expression_attribute_values(":times", number(kept.listed.times));
        mark(update).await
    }
}

impl FailuresTable {
    pub(super) fn update(&self, id: &str) -> UpdateItemFluentBuilder {
        let update = self.client.update_item().table_name(&self.table).key("id", text(id));
        update.expression_attribute_names("#state", "state")
    }
}

pub(super) async fn mark(update: UpdateItemFluentBuilder) -> Result<Marked, PortError> {
    match update.send().await {
        Ok(_) => Ok(Marked::Yes),
        Err(error) if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) => {
            Ok(Marked::Overtaken)
        }
        Err(error) => Err(failed(UPDATE, &error)),
    }
}

pub(super) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(super) fn number(number: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(format!("{number}"))
}

fn text_of<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name).and_then(|value| value.as_s().ok()).map(String::as_str)
}

fn number_of<N: std::str::FromStr>(item: &Item, name: &str) -> Option<N> {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|text| text.parse().ok())
}

fn time_of(item: &Item, name: &str) -> Option<Timestamp> {
    number_of(item, name).map(Timestamp::from_millis)
}

fn of_item(item: &Item) -> Option<Listed> {
    Some(Listed {
        id: text_of(item, "id")?.to_owned(),
        stage: text_of(item, "stage")?.parse().ok()?,
        standing: text_of(item, "state")?.parse().ok()?,
        reason: text_of(item, "reason")?.to_owned(),
        pipeline: text_of(item, "pipeline").map(str::to_owned),
        destination: text_of(item, "destination").map(str::to_owned),
        times: number_of(item, "times")?,
        first_at: time_of(item, "first_at")?,
        last_at: time_of(item, "last_at")?,
    })
}

fn kept(item: &Item) -> Option<Kept> {
    let discarded = time_of(item, "discarded_at").zip(text_of(item, "discarded_because").map(str::to_owned));
    let listed = of_item(item)?;
    let closed = matches!(listed.standing, Standing::Delivered | Standing::Superseded);
    Some(Kept {
        failure: serde_json::from_str(text_of(item, "failure")?).ok()?,
        discarded: discarded.filter(|_| listed.standing == Standing::Discarded),
        listed,
        redrives: number_of(item, "redrives").unwrap_or(0),
        redriven_at: time_of(item, "redriven_at"),
        closed_at: time_of(item, "closed_at").filter(|_| closed),
    })
}
