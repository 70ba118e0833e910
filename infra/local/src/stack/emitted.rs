//! What an invocation has left behind in a stack in which nothing else runs.

use aws_sdk_kinesis::types::ShardIteratorType;
use shared::value::Value;

use super::{Ground, resources::names};
use crate::simulator::What;

/// One kind of what was emitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emitted {
    /// To where.
    pub what: String,
    /// One line each.
    pub lines: Vec<String>,
}

impl Ground {
    /// Everything on the backbone and the queues, every failure, and every vendor's log; what is empty is left out.
    pub async fn emitted(&self) -> anyhow::Result<Vec<Emitted>> {
        let stack = &self.config.variables.name;
        let mut emitted = vec![Emitted { what: "onto the backbone".to_owned(), lines: self.backbone().await? }];
        for (name, queue) in self.resources.queues() {
            let lines = self.queue(&queue.url).await?;
            emitted.push(Emitted { what: format!("onto the queue of {name}"), lines });
        }
        for (what, table, attribute) in [
            ("failures", names::failures_table(stack), "failure"),
            ("ledger entries", names::ledger_table(stack), "id"),
        ] {
            let items = self.scan(&table).await?;
            let lines = items.iter().filter_map(|item| item.get(attribute)?.as_s().ok().cloned()).collect();
            emitted.push(Emitted { what: what.to_owned(), lines });
        }
        for (name, vendor) in &self.vendors {
            let lines = vendor.simulator.received().iter().map(|received| line(&received.what)).collect();
            emitted.push(Emitted { what: format!("received by {name}"), lines });
        }
        emitted.retain(|emitted| !emitted.lines.is_empty());
        Ok(emitted)
    }

    async fn backbone(&self) -> anyhow::Result<Vec<String>> {
        let kinesis = self.aws().kinesis();
        let stream = names::changes_stream(&self.config.variables.name);
        let mut lines = Vec::new();
        let shards = kinesis.list_shards().stream_name(&stream).send().await?;
        for shard in shards.shards.unwrap_or_default() {
            let iterator = kinesis
                .get_shard_iterator()
                .stream_name(&stream)
                .shard_id(shard.shard_id)
                .shard_iterator_type(ShardIteratorType::TrimHorizon)
                .send()
                .await?;
            let records = kinesis.get_records().set_shard_iterator(iterator.shard_iterator).send().await?;
            lines.extend(
                records.records.iter().map(|record| String::from_utf8_lossy(record.data.as_ref()).into_owned()),
            );
        }
        Ok(lines)
    }

    async fn queue(&self, url: &str) -> anyhow::Result<Vec<String>> {
        let mut lines = Vec::new();
        loop {
            let receive = self.aws().sqs().receive_message().queue_url(url).max_number_of_messages(10).send().await?;
            let messages = receive.messages.unwrap_or_default();
            if messages.is_empty() {
                return Ok(lines);
            }
            lines.extend(messages.into_iter().filter_map(|message| message.body));
        }
    }
}

fn line(what: &What) -> String {
    match what {
        What::Upsert { key, fields, .. } => format!("upsert {key}: {}", Value::Object(fields.clone()).to_json()),
        What::Remove { step, id, .. } => format!("{} {id}", step.as_str()),
        What::Event { id, fields, .. } => {
            format!("event {}: {}", id.as_deref().unwrap_or_default(), Value::Object(fields.clone()).to_json())
        }
        What::RecordRefused { key, reason, .. } => {
            format!("refused {}: {reason}", key.as_deref().unwrap_or_default())
        }
        What::Throttled { wait } => format!("throttled for {} ms", wait.as_millis()),
        What::Refused { status, reason } => format!("refused with {status}: {reason}"),
        What::Fault(name) => format!("fault: {name}"),
    }
}
