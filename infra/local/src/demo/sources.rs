//! The store's tables and its stream on AWS, and the accounts that are there when it opens.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context, bail};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification,
    StreamViewType, TableDescription, TableStatus,
};
use aws_sdk_kinesis::types::StreamStatus;

use super::{
    item::account,
    store::{ACCOUNTS, Source},
};

/// How often a resource that is being created is asked after.
const POLL: Duration = Duration::from_millis(200);

/// How often at most: two minutes.
const POLLS: u32 = 600;

/// The accounts' table on AWS.
const ACCOUNTS_TABLE: &str = "store-accounts";

/// Creates what does not exist yet, and waits until all is ready. Yields, by the source's name, the ARN of its stream:
/// of the table's DynamoDB stream, or of the Kinesis stream.
pub async fn create(
    dynamodb: &aws_sdk_dynamodb::Client,
    kinesis: &aws_sdk_kinesis::Client,
) -> anyhow::Result<HashMap<&'static str, String>> {
    let mut arns = HashMap::new();
    for source in Source::ALL {
        let arn = match source {
            Source::PageViews => create_stream(kinesis, source).await,
            _ => create_streamed_table(dynamodb, source).await,
        };
        arns.insert(source.name(), arn.with_context(|| format!("{} cannot be created", source.resource()))?);
    }
    open_accounts(dynamodb).await.with_context(|| format!("{ACCOUNTS_TABLE} cannot be filled"))?;
    Ok(arns)
}

/// The lookup table `accounts` of the stack: no source, so that it needs no stream.
async fn open_accounts(dynamodb: &aws_sdk_dynamodb::Client) -> anyhow::Result<()> {
    create_table(dynamodb, ACCOUNTS_TABLE, "account_id", None).await?;
    for one in &ACCOUNTS {
        dynamodb.put_item().table_name(ACCOUNTS_TABLE).set_item(Some(account(one))).send().await?;
    }
    Ok(())
}

async fn create_streamed_table(dynamodb: &aws_sdk_dynamodb::Client, source: Source) -> anyhow::Result<String> {
    let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewAndOldImages);
    let table = create_table(dynamodb, source.resource(), source.key_attribute(), Some(stream.build()?)).await?;
    table
        .latest_stream_arn
        .context("the table exists without a stream; enable one with NEW_AND_OLD_IMAGES, or delete the table")
}

async fn create_table(
    dynamodb: &aws_sdk_dynamodb::Client,
    name: &str,
    key: &str,
    stream: Option<StreamSpecification>,
) -> anyhow::Result<TableDescription> {
    let attribute = AttributeDefinition::builder().attribute_name(key).attribute_type(ScalarAttributeType::S);
    let schema = KeySchemaElement::builder().attribute_name(key).key_type(KeyType::Hash);
    let created = dynamodb
        .create_table()
        .table_name(name)
        .attribute_definitions(attribute.build()?)
        .key_schema(schema.build()?)
        .billing_mode(BillingMode::PayPerRequest)
        .set_stream_specification(stream)
        .send()
        .await
        .map_err(aws_sdk_dynamodb::error::SdkError::into_service_error);
    match created {
        Err(error) if !error.is_resource_in_use_exception() => return Err(error.into()),
        _ => {}
    }
    for _ in 0..POLLS {
        let found = dynamodb.describe_table().table_name(name).send().await?;
        let table = found.table.context("DescribeTable tells of no table")?;
        if table.table_status == Some(TableStatus::Active) {
            return Ok(table);
        }
        tokio::time::sleep(POLL).await;
    }
    bail!("the table is not active after two minutes");
}

async fn create_stream(kinesis: &aws_sdk_kinesis::Client, source: Source) -> anyhow::Result<String> {
    let created = kinesis
        .create_stream()
        .stream_name(source.resource())
        .shard_count(1)
        .send()
        .await
        .map_err(aws_sdk_kinesis::error::SdkError::into_service_error);
    match created {
        Err(error) if !error.is_resource_in_use_exception() => return Err(error.into()),
        _ => {}
    }
    for _ in 0..POLLS {
        let found = kinesis.describe_stream_summary().stream_name(source.resource()).send().await?;
        let stream = found.stream_description_summary.context("DescribeStreamSummary tells of no stream")?;
        if stream.stream_status == StreamStatus::Active {
            return Ok(stream.stream_arn);
        }
        tokio::time::sleep(POLL).await;
    }
    bail!("the stream is not active after two minutes");
}
