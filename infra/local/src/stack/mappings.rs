//! The event source mappings, with the settings that Terraform gives them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow};
use shared::aws::Aws;
use uuid::Uuid;

use super::{
    StackConfig,
    functions::Functions,
    resources::{Resources, names, queue_arn, stream_arn},
    variables::Origin,
};
use crate::{
    function::Function,
    mapping::{
        MappingHandle,
        filter::FilterCriteria,
        on_failure::BucketDestination,
        queue::{self, QueueMapping, QueueSettings, SqsQueue},
        stream::{
            self, Backoff, DynamoDbSource, KinesisSource, StartingPosition, StreamMapping, StreamSettings, StreamSource,
        },
    },
    services,
};

/// How long transform gathers frames: this makes a vendor's batches, since a FIFO queue has no window of its own.
const TRANSFORM_WINDOW: Duration = Duration::from_secs(1);

/// Retries are without limit within this age in seconds (12 hours): a limit of retries would turn an outage into
/// reordering.
const RECORD_AGE: i32 = 12 * 60 * 60;

fn settings(window: Duration, parallelization_factor: usize, filter_criteria: FilterCriteria) -> StreamSettings {
    StreamSettings {
        batch_size: 500,
        maximum_batching_window: window,
        parallelization_factor,
        maximum_retry_attempts: -1,
        maximum_record_age: RECORD_AGE,
        bisect_batch_on_function_error: true,
        report_batch_item_failures: true,
        filter_criteria,
        starting_position: StartingPosition::TrimHorizon,
        poll_interval: Duration::from_millis(100),
        backoff: Backoff { first: Duration::from_millis(100), bound: Duration::from_secs(10) },
    }
}

/// Starts every mapping of a stack, by the name of what it reads.
pub(super) async fn start(
    config: &StackConfig,
    aws: &Aws,
    resources: &Resources,
    functions: &Functions,
    sources_streams: &aws_sdk_dynamodbstreams::Client,
) -> anyhow::Result<BTreeMap<String, MappingHandle>> {
    let stack = &config.variables;
    let get = |name: &str| functions.get(name).ok_or_else(|| anyhow!("there is no function {name}"));
    let collect = get("collect-failures")?;
    let on_failure = Arc::new(BucketDestination {
        client: aws.s3().clone(),
        bucket: names::bucket(&stack.name),
        region: services::REGION.to_owned(),
        notifies: Some(Arc::clone(&collect)),
    });
    let read = |source: Arc<dyn StreamSource>, function: Arc<dyn Function>, settings| {
        let name = names::function(&stack.name, function.name());
        let function_arn = format!("arn:aws:lambda:{}:{}:function:{name}", services::REGION, services::ACCOUNT);
        stream::start(StreamMapping {
            uuid: Uuid::new_v4(),
            source,
            function,
            function_arn,
            settings,
            on_failure: Some(Arc::clone(&on_failure) as _),
        })
    };
    let role = format!("arn:aws:iam::{}:role/{}-freshet", services::ACCOUNT, stack.name);
    let mut mappings = BTreeMap::new();
    for (name, source) in &stack.sources {
        let filter = FilterCriteria::parse(&source.filter)?;
        let settings = settings(Duration::from_secs(source.window_seconds), source.parallelization(), filter);
        let (source, function): (Arc<dyn StreamSource>, _) = match source.origin().map_err(anyhow::Error::msg)? {
            Origin::Table(table) => {
                let arn = table_stream(aws, &table).await?;
                (Arc::new(DynamoDbSource::new(sources_streams.clone(), arn)), get("capture-dynamodb")?)
            }
            Origin::Stream(stream) => {
                let arn = stream_arn(aws, &stream).await?;
                (Arc::new(KinesisSource::new(aws.kinesis().clone(), arn, &role)), get("capture-kinesis")?)
            }
        };
        mappings.insert(format!("source/{name}"), read(source, function, settings)?);
    }
    let backbone = KinesisSource::new(aws.kinesis().clone(), &resources.changes_arn, &role);
    let transform =
        read(Arc::new(backbone), get("transform")?, settings(TRANSFORM_WINDOW, 2, FilterCriteria::default()))?;
    mappings.insert("backbone".to_owned(), transform);
    for (name, queue) in resources.queues() {
        let concurrency = stack.destinations.get(name).map(|destination| destination.maximum_concurrency);
        let concurrency = concurrency.and_then(|most| usize::try_from(most).ok());
        let deliver = get(&format!("deliver-{name}"))?;
        mappings.insert(format!("queue/{name}"), receive(aws, &queue.url, deliver, concurrency).await?);
        let dead = receive(aws, &queue.dead_letter_url, Arc::clone(&collect), None).await?;
        mappings.insert(format!("dead/{name}"), dead);
    }
    Ok(mappings)
}

async fn receive(
    aws: &Aws,
    url: &str,
    function: Arc<dyn Function>,
    maximum_concurrency: Option<usize>,
) -> anyhow::Result<MappingHandle> {
    let queue = SqsQueue::new(aws.sqs().clone(), url, queue_arn(aws, url).await?);
    let settings = QueueSettings { maximum_concurrency, report_batch_item_failures: true, ..QueueSettings::default() };
    Ok(queue::start(QueueMapping { uuid: Uuid::new_v4(), queue: Arc::new(queue), function, settings })?)
}

/// The ARN of a table's stream.
async fn table_stream(aws: &Aws, table: &str) -> anyhow::Result<String> {
    let describe = aws.dynamodb().describe_table().table_name(table).send().await;
    let describe = describe.with_context(|| format!("the source table {table} is not there"))?;
    describe
        .table
        .and_then(|table| table.latest_stream_arn)
        .ok_or_else(|| anyhow!("the source table {table} has no stream; switch it on with new and old images"))
}
