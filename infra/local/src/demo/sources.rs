//! The store's tables and its stream on AWS.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context, bail};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification,
    StreamViewType, TableStatus,
};
use aws_sdk_kinesis::types::StreamStatus;

use super::store::Source;

/// How often a resource that is being created is asked after.
const POLL: Duration = Duration::from_millis(200);

/// How often at most: two minutes.
const POLLS: u32 = 600;

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
            _ => create_table(dynamodb, source).await,
        };
        arns.insert(source.name(), arn.with_context(|| format!("{} cannot be created", source.resource()))?);
    }
    Ok(arns)
}

async fn create_table(dynamodb: &aws_sdk_dynamodb::Client, source: Source) -> anyhow::Result<String> {
    let key = source.key_attribute();
    let attribute = AttributeDefinition::builder().attribute_name(key).attribute_type(ScalarAttributeType::S);
    let schema = KeySchemaElement::builder().attribute_name(key).key_type(KeyType::Hash);
    let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewAndOldImages);
    let created = dynamodb
        .create_table()
        .table_name(source.resource())
        .attribute_definitions(attribute.build()?)
        .key_schema(schema.build()?)
        .billing_mode(BillingMode::PayPerRequest)
        .stream_specification(stream.build()?)
        .send()
        .await
        .map_err(aws_sdk_dynamodb::error::SdkError::into_service_error);
    match created {
        Err(error) if !error.is_resource_in_use_exception() => return Err(error.into()),
        _ => {}
    }
    for _ in 0..POLLS {
        let found = dynamodb.describe_table().table_name(source.resource()).send().await?;
        let table = found.table.context("DescribeTable tells of no table")?;
        if table.table_status == Some(TableStatus::Active) {
            return table
                .latest_stream_arn
                .context("the table exists without a stream; enable one with NEW_AND_OLD_IMAGES, or delete the table");
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
