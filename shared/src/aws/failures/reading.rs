//! Failures read again, and marked by what a person did about them.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::update_item::{UpdateItemError, builders::UpdateItemFluentBuilder},
    types::AttributeValue,
};

use super::FailuresTable;
use crate::{
    aws::{failed, malformed},
    failure::{Failure, Kept, Listed, Payload, Selection, Stage, Standing},
    ports::{Objects as _, PortError},
    time::Timestamp,
};

type Item = HashMap<String, AttributeValue>;

/// Whether a mark was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    /// It was.
    Yes,
    /// The failure is not as it was read: it is no longer open, or it failed again meanwhile.
    Overtaken,
}

const SCAN: &str = "dynamodb:Scan";
const GET: &str = "dynamodb:GetItem";
const UPDATE: &str = "dynamodb:UpdateItem";

impl FailuresTable {
    /// The failures of a selection, newest first.
    ///
    /// This scans the table: half a unit of reading for each 4 KB that it holds, payloads included, and a call for each
    /// megabyte. For the failures that a person can see to, that is nothing; the console brings an index.
    pub async fn list(&self, selection: &Selection) -> Result<Vec<Listed>, PortError> {
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

    /// One failure, whole; `None` where there is none of the id.
    pub async fn get(&self, id: &str) -> Result<Option<Kept>, PortError> {
        let get = self.client.get_item().table_name(&self.table).key("id", text(id)).consistent_read(true);
        let answer = get.send().await.map_err(|error| failed(GET, &error))?;
        answer.item.map(|item| kept(&item).ok_or_else(|| malformed(GET, id))).transpose()
    }

    /// The bytes that failed, fetched from S3 where they are there; `None` where they are gone.
    pub async fn payload(&self, failure: &Failure) -> Result<Option<Vec<u8>>, PortError> {
        match &failure.payload {
            Payload::Object { bucket, key } => self.objects.get(bucket, key).await,
            payload => Ok(payload.bytes()),
        }
    }

    /// Marks a failure as sent on its way again, unless it failed once more meanwhile: then it stays open.
    pub async fn mark_redriven(&self, kept: &Kept, at: Timestamp) -> Result<Marked, PortError> {
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

    /// Marks an open failure as given up, with a person's reason.
    pub async fn discard(&self, id: &str, reason: &str, at: Timestamp) -> Result<Marked, PortError> {
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
