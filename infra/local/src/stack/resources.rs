//! What Terraform would make: tables, the backbone, queues, the bucket, secrets.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context as _, anyhow};
use aws_sdk_dynamodb::operation::create_table::CreateTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use aws_sdk_kinesis::operation::create_stream::CreateStreamError;
use aws_sdk_sqs::types::QueueAttributeName;
use shared::aws::Aws;

use super::variables::Variables;

/// The names of a stack's parts, from the stack's.
pub mod names {
    /// The table of pipelines.
    pub fn pipelines_table(stack: &str) -> String {
        format!("{stack}-freshet-pipelines")
    }
    /// The ledger's table.
    pub fn ledger_table(stack: &str) -> String {
        format!("{stack}-freshet-ledger")
    }
    /// The table of failures.
    pub fn failures_table(stack: &str) -> String {
        format!("{stack}-freshet-failures")
    }
    /// The table of activity.
    pub fn activity_table(stack: &str) -> String {
        format!("{stack}-freshet-activity")
    }
    /// The table of the audit log.
    pub fn audit_table(stack: &str) -> String {
        format!("{stack}-freshet-audit")
    }
    /// The secret with the console's sessions' keys.
    pub fn sessions_secret(stack: &str) -> String {
        format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{stack}-freshet-sessions")
    }
    /// The topic of alerts.
    pub fn alert_topic(stack: &str) -> String {
        format!("arn:aws:sns:us-east-1:000000000000:{stack}-alerts")
    }
    /// The bucket for what is too large for a message, and for what AWS gave up on.
    pub fn bucket(stack: &str) -> String {
        format!("{stack}-freshet").replace('_', "-")
    }
    /// The backbone.
    pub fn changes_stream(stack: &str) -> String {
        format!("{stack}-freshet-changes")
    }
    /// A function.
    pub fn function(stack: &str, function: &str) -> String {
        format!("{stack}-freshet-{function}")
    }
    /// A destination's queue.
    pub fn queue(stack: &str, destination: &str) -> String {
        format!("{stack}-freshet-{destination}.fifo")
    }
    /// A destination's dead-letter queue.
    pub fn dead_letter_queue(stack: &str, destination: &str) -> String {
        format!("{stack}-freshet-{destination}-dead.fifo")
    }
}

/// Where the queues and the backbone are.
#[derive(Clone, Debug)]
pub struct Resources {
    queues: BTreeMap<String, Queue>,
    /// The backbone's ARN.
    pub changes_arn: String,
}

/// A destination's queue and its dead-letter queue.
#[derive(Clone, Debug)]
pub struct Queue {
    /// The queue's URL.
    pub url: String,
    /// The dead-letter queue's URL.
    pub dead_letter_url: String,
    /// The dead-letter queue's ARN.
    pub dead_letter_arn: String,
}

/// The visibility timeout in seconds: six times a deliver function's timeout, as AWS advises ("Configuring scaling
/// behavior for SQS event source mappings").
const VISIBILITY: u64 = 6 * super::functions::DELIVER_TIMEOUT.as_secs();

impl Resources {
    pub(super) async fn make(variables: &Variables, aws: &Aws) -> anyhow::Result<Self> {
        use ScalarAttributeType::{N, S};
        let stack = &variables.name;
        let tables = [
            (names::pipelines_table(stack), vec![("kind", S), ("name", S)], None),
            (names::ledger_table(stack), vec![("id", S)], Some(("by-email", "email"))),
            (names::failures_table(stack), vec![("id", S)], None),
            (names::activity_table(stack), vec![("minute", N), ("stage", S)], None),
            (names::audit_table(stack), vec![("kind", S), ("at", S)], None),
        ];
        for (table, keys, index) in tables {
            make_table(aws, &table, &keys, index)
                .await
                .with_context(|| format!("the table {table} could not be made"))?;
        }
        let changes_arn = make_stream(aws, &names::changes_stream(stack), variables.backbone.shards).await?;
        let bucket = names::bucket(stack);
        make_bucket(aws, &bucket).await.with_context(|| format!("the bucket {bucket} could not be made"))?;
        let mut queues = BTreeMap::new();
        for destination in variables.destinations.keys() {
            queues.insert(destination.clone(), make_queues(aws, stack, destination).await?);
        }
        Ok(Self { queues, changes_arn })
    }

    /// The queues by destination.
    pub const fn queues(&self) -> &BTreeMap<String, Queue> {
        &self.queues
    }

    /// Each destination's name, by the ARN of its dead-letter queue.
    pub fn dead_letters(&self) -> BTreeMap<&str, &str> {
        self.queues.iter().map(|(name, queue)| (queue.dead_letter_arn.as_str(), name.as_str())).collect()
    }

    /// The URL of a destination's queue.
    pub fn queue_url(&self, destination: &str) -> anyhow::Result<&str> {
        let queue = self.queues.get(destination);
        queue.map(|queue| queue.url.as_str()).ok_or_else(|| anyhow!("the destination {destination} has no queue"))
    }
}

/// How many messages a queue holds, those in flight included.
pub async fn messages(aws: &Aws, url: &str) -> anyhow::Result<u64> {
    let counts =
        [QueueAttributeName::ApproximateNumberOfMessages, QueueAttributeName::ApproximateNumberOfMessagesNotVisible];
    let answer =
        aws.sqs().get_queue_attributes().queue_url(url).set_attribute_names(Some(counts.to_vec())).send().await?;
    let attributes = answer.attributes.unwrap_or_default();
    Ok(counts.iter().filter_map(|name| attributes.get(name)?.parse::<u64>().ok()).sum())
}

/// A table, with an index of keys on a text if it has one: the index's name and the text's.
async fn make_table(
    aws: &Aws,
    table: &str,
    keys: &[(&str, ScalarAttributeType)],
    index: Option<(&str, &str)>,
) -> anyhow::Result<()> {
    let mut create = aws.dynamodb().create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    for ((name, kind), key) in keys.iter().zip([KeyType::Hash, KeyType::Range]) {
        let definition = AttributeDefinition::builder().attribute_name(*name).attribute_type(kind.clone()).build()?;
        let element = KeySchemaElement::builder().attribute_name(*name).key_type(key).build()?;
        create = create.attribute_definitions(definition).key_schema(element);
    }
    if let Some((name, text)) = index {
        let definition = AttributeDefinition::builder().attribute_name(text);
        let element = KeySchemaElement::builder().attribute_name(text).key_type(KeyType::Hash).build()?;
        let keys_only = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
        let index = GlobalSecondaryIndex::builder().index_name(name).key_schema(element).projection(keys_only);
        create = create
            .attribute_definitions(definition.attribute_type(ScalarAttributeType::S).build()?)
            .global_secondary_indexes(index.build()?);
    }
    match create.send().await {
        Ok(_) => Ok(()),
        // Kept from an earlier run.
        Err(error) if error.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn make_stream(aws: &Aws, stream: &str, shards: u32) -> anyhow::Result<String> {
    let create = aws.kinesis().create_stream().stream_name(stream).shard_count(i32::try_from(shards)?);
    match create.send().await {
        Ok(_) => {}
        Err(error) if error.as_service_error().is_some_and(CreateStreamError::is_resource_in_use_exception) => {}
        Err(error) => return Err(anyhow!(error).context(format!("the stream {stream} could not be made"))),
    }
    stream_arn(aws, stream).await
}

/// A stream's ARN, when it is active.
pub(super) async fn stream_arn(aws: &Aws, stream: &str) -> anyhow::Result<String> {
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
    loop {
        tick.tick().await;
        let describe = aws.kinesis().describe_stream_summary().stream_name(stream).send().await;
        let describe = describe.with_context(|| format!("the stream {stream} is not there"))?;
        if let Some(summary) = describe.stream_description_summary
            && summary.stream_status == aws_sdk_kinesis::types::StreamStatus::Active
        {
            return Ok(summary.stream_arn);
        }
    }
}

async fn make_bucket(aws: &Aws, bucket: &str) -> anyhow::Result<()> {
    match aws.s3().create_bucket().bucket(bucket).send().await {
        Ok(_) => Ok(()),
        Err(error)
            if error
                .as_service_error()
                .is_some_and(|error| error.is_bucket_already_owned_by_you() || error.is_bucket_already_exists()) =>
        {
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// A queue's ARN.
pub(super) async fn queue_arn(aws: &Aws, url: &str) -> anyhow::Result<String> {
    let answer = aws.sqs().get_queue_attributes().queue_url(url).attribute_names(QueueAttributeName::QueueArn).send();
    let attributes = answer.await?.attributes.unwrap_or_default();
    attributes.get(&QueueAttributeName::QueueArn).cloned().ok_or_else(|| anyhow!("the queue {url} has no ARN"))
}

async fn make_queues(aws: &Aws, stack: &str, destination: &str) -> anyhow::Result<Queue> {
    use QueueAttributeName::{
        DeduplicationScope, FifoQueue, FifoThroughputLimit, MessageRetentionPeriod, RedrivePolicy, VisibilityTimeout,
    };
    let text = |value: &str| value.to_owned();
    let common = HashMap::from([
        (FifoQueue, text("true")),
        (DeduplicationScope, text("messageGroup")),
        (FifoThroughputLimit, text("perMessageGroupId")),
        (MessageRetentionPeriod, (14 * 24 * 60 * 60).to_string()),
        (VisibilityTimeout, VISIBILITY.to_string()),
    ]);
    let make = |name: String, attributes| async move {
        let create = aws.sqs().create_queue().queue_name(&name).set_attributes(Some(attributes)).send().await;
        let create = create.with_context(|| format!("the queue {name} could not be made"))?;
        create.queue_url.ok_or_else(|| anyhow!("the queue {name} has no URL"))
    };
    let dead_letter_url = make(names::dead_letter_queue(stack, destination), common.clone()).await?;
    let arn = queue_arn(aws, &dead_letter_url).await?;
    let mut own = common;
    // A count of receives judges nothing: a destination may be down for days. What crashes is found in other ways.
    own.insert(RedrivePolicy, serde_json::json!({"deadLetterTargetArn": arn, "maxReceiveCount": 1_000}).to_string());
    let url = make(names::queue(stack, destination), own).await?;
    Ok(Queue { url, dead_letter_url, dead_letter_arn: arn })
}
