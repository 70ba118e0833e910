//! DynamoDB and DynamoDB Streams: the crate `dynoxide-rs`.
//!
//! Differences from AWS: a stream has one shard, and a put that changes nothing makes a stream record.

use std::path::Path;

use dynoxide::{Database, server};

use super::running::{Running, bind};
use super::{Error, folder};

/// Starts DynamoDB on `port`, or on a free one. The tables are in a file of `data_dir`, or in memory.
pub async fn start(port: Option<u16>, data_dir: Option<&Path>) -> Result<Running, Error> {
    let database = match data_dir {
        Some(data_dir) => {
            let path = folder("DynamoDB", data_dir.to_owned()).await?.join("dynamodb.sqlite");
            // SQLite takes a name as text; a path that is no text is rejected like any other that it cannot open.
            Database::new(&path.to_string_lossy()).map_err(|error| Error::Data {
                service: "DynamoDB",
                path,
                reason: error.to_string(),
            })?
        }
        None => Database::memory().map_err(|error| Error::Data {
            service: "DynamoDB",
            path: ":memory:".into(),
            reason: error.to_string(),
        })?,
    };
    let listener = bind("DynamoDB", port).await?;
    Running::spawn(listener, |listener, stopped| async move {
        if let Err(error) = server::serve_with_shutdown(listener, database, stopped.wait()).await {
            tracing::error!(error, "DynamoDB stopped");
        }
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::{
        AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
        StreamSpecification, StreamViewType,
    };
    use aws_sdk_dynamodbstreams::types::{OperationType, ShardIteratorType};

    use super::*;
    use crate::services::testing::Clients;

    async fn create_customers(clients: &Clients) -> String {
        let id = AttributeDefinition::builder().attribute_name("id").attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash);
        let stream =
            StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewAndOldImages);
        let table = clients.dynamodb.create_table().table_name("customers");
        let table = table.attribute_definitions(id.build().unwrap()).key_schema(key.build().unwrap());
        let table = table.billing_mode(BillingMode::PayPerRequest).stream_specification(stream.build().unwrap());
        let created = table.send().await.unwrap();
        created.table_description.unwrap().latest_stream_arn.unwrap()
    }

    async fn put(clients: &Clients, id: &str, number: &str) {
        let item = clients.dynamodb.put_item().table_name("customers");
        let item = item.item("id", AttributeValue::S(id.to_owned()));
        item.item("n", AttributeValue::N(number.to_owned())).send().await.unwrap();
    }

    async fn number_of(clients: &Clients, id: &str) -> Option<AttributeValue> {
        let item = clients.dynamodb.get_item().table_name("customers").consistent_read(true);
        let found = item.key("id", AttributeValue::S(id.to_owned())).send().await.unwrap();
        found.item.and_then(|mut item| item.remove("n"))
    }

    #[tokio::test]
    async fn changes_of_a_table_are_on_its_stream_in_order() {
        let running = start(None, None).await.unwrap();
        let clients = Clients::of(&running);
        let arn = create_customers(&clients).await;
        put(&clients, "c1", "1").await;
        put(&clients, "c1", "12345678901234567890123456789012345678").await;
        let deletion = clients.dynamodb.delete_item().table_name("customers");
        deletion.key("id", AttributeValue::S("c1".to_owned())).send().await.unwrap();

        let streams = &clients.dynamodb_streams;
        let stream = streams.describe_stream().stream_arn(&arn).send().await.unwrap().stream_description.unwrap();
        let shard = stream.shards()[0].shard_id().unwrap();
        let iterator = streams.get_shard_iterator().stream_arn(&arn).shard_id(shard);
        let iterator = iterator.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await.unwrap();
        let page = streams.get_records().set_shard_iterator(iterator.shard_iterator).send().await.unwrap();
        let seen: Vec<_> = page
            .records()
            .iter()
            .map(|record| {
                let change = record.dynamodb().unwrap();
                let number =
                    |image: Option<&std::collections::HashMap<_, aws_sdk_dynamodbstreams::types::AttributeValue>>| {
                        image.and_then(|image| image.get("n")).map(|number| number.as_n().unwrap().clone())
                    };
                (record.event_name().unwrap().clone(), number(change.old_image()), number(change.new_image()))
            })
            .collect();
        let (small, large) = ("1".to_owned(), "12345678901234567890123456789012345678".to_owned());
        assert_eq!(
            seen,
            [
                (OperationType::Insert, None, Some(small.clone())),
                (OperationType::Modify, Some(small), Some(large.clone())),
                (OperationType::Remove, Some(large), None),
            ]
        );
    }

    #[tokio::test]
    async fn a_conditional_put_is_refused() {
        let running = start(None, None).await.unwrap();
        let clients = Clients::of(&running);
        create_customers(&clients).await;
        put(&clients, "c1", "1").await;
        let item = clients.dynamodb.put_item().table_name("customers");
        let item = item.item("id", AttributeValue::S("c1".to_owned()));
        let refused = item.condition_expression("attribute_not_exists(id)").send().await.unwrap_err();
        assert!(refused.into_service_error().is_conditional_check_failed_exception());
        assert_eq!(number_of(&clients, "c1").await, Some(AttributeValue::N("1".to_owned())));
    }

    #[tokio::test]
    async fn tables_outlive_the_service_in_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = start(None, Some(folder.path())).await.unwrap();
        let clients = Clients::of(&first);
        create_customers(&clients).await;
        put(&clients, "c1", "1").await;
        first.stop().await;
        let second = start(None, Some(folder.path())).await.unwrap();
        let number = number_of(&Clients::of(&second), "c1").await;
        assert_eq!(number, Some(AttributeValue::N("1".to_owned())));
    }
}
