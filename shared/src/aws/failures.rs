//! The table of failures.
//!
//! Key `id`. The failure's JSON stands in `failure`; `stage`, `pipeline`, `destination`, `reason` and `at` stand beside
//! it, to be listed by; `state` is what a person has done about it, and a failure that fails again is open again.

mod reading;

use aws_sdk_dynamodb::{Client, types::AttributeValue};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::{ObjectStore, failed};
use crate::{
    digest,
    failure::{Failure, Payload, Standing},
    ports::{Failures, Objects as _, PortError},
    time::Timestamp,
};

/// An item of DynamoDB ends at 400 KB; a larger payload goes to S3.
const MAX_INLINE: usize = 300_000;

/// The table of failures, and the bucket for payloads that do not fit into it.
#[derive(Clone, Debug)]
pub struct FailuresTable {
    client: Client,
    table: String,
    objects: ObjectStore,
    bucket: String,
}

impl FailuresTable {
    /// The table and bucket of these names.
    pub fn new(client: &Client, table: &str, objects: ObjectStore, bucket: &str) -> Self {
        Self { client: client.clone(), table: table.to_owned(), objects, bucket: bucket.to_owned() }
    }

    async fn keep_one(&self, mut failure: Failure) -> Result<(), PortError> {
        let length = match &failure.payload {
            Payload::Text(text) | Payload::Base64(text) => text.len(),
            Payload::Object { .. } => 0,
        };
        if length > MAX_INLINE {
            let key = format!("failures/{}", digest::hex(failure.id.as_bytes()));
            let bytes = failure.payload.bytes().unwrap_or_default();
            self.objects.put(&self.bucket, &key, bytes).await?;
            failure.payload = Payload::Object { bucket: self.bucket.clone(), key };
        }
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let json = serde_json::to_string(&failure).unwrap_or_default();
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("id", text(&failure.id))
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .expression_attribute_values(":at", AttributeValue::N(failure.at.millis().to_string()))
            .expression_attribute_values(":failure", text(&json))
            .expression_attribute_values(":stage", text(failure.stage.as_str()))
            .expression_attribute_values(":reason", text(&failure.reason))
            .expression_attribute_values(":open", text("open"));
        // `first_at` stays what it was: how long a failure waits is counted from its first time.
        let mut set = String::from(
            "ADD times :one SET first_at = if_not_exists(first_at, :at), last_at = :at, failure = :failure, \
             stage = :stage, reason = :reason, #state = :open",
        );
        update = update.expression_attribute_names("#state", "state");
        for (name, value) in [("pipeline", &failure.pipeline), ("destination", &failure.destination)] {
            if let Some(value) = value {
                set.push_str(", ");
                set.push_str(name);
                set.push_str(" = :");
                set.push_str(name);
                update = update.expression_attribute_values(format!(":{name}"), text(value));
            }
        }
        let updated = update.update_expression(set).send().await;
        updated.map(drop).map_err(|error| failed("dynamodb:UpdateItem", &error))
    }
}

impl Failures for FailuresTable {
    async fn keep(&self, failures: Vec<Failure>) -> Result<(), PortError> {
        stream::iter(failures).map(Ok).try_for_each_concurrent(8, |failure| self.keep_one(failure)).await
    }

    /// Also one that is still open: the command marks a redrive after it was accepted, which may be after its end.
    async fn close(&self, id: &str, standing: Standing, at: Timestamp) -> Result<(), PortError> {
        let update = self
            .update(id)
            .update_expression("SET #state = :state, closed_at = :at")
            .condition_expression("#state IN (:open, :redriven)")
            .expression_attribute_values(":state", reading::text(standing.as_str()))
            .expression_attribute_values(":open", reading::text(Standing::Open.as_str()))
            .expression_attribute_values(":redriven", reading::text(Standing::Redriven.as_str()))
            .expression_attribute_values(":at", reading::number(at.millis()));
        reading::mark(update).await.map(drop)
    }
}
