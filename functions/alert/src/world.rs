//! What the function needs of the world.

use shared::{
    aws::{ActivityTable, Aws, FifoQueues, PipelinesTable, SnsTopic},
    ports::{Alerts, Counts, Publishing, Queues, Topic},
    time::{Clock, SystemClock},
};

use crate::config::Config;

/// The world's parts, as one parameter.
#[expect(missing_docs, reason = "each is named for its port")]
pub trait World: Send + Sync {
    type Alerts: Alerts;
    type Pipelines: Publishing;
    type Counts: Counts;
    type Queues: Queues;
    type Topic: Topic;
    type Clock: Clock;

    fn alerts(&self) -> &Self::Alerts;
    fn pipelines(&self) -> &Self::Pipelines;
    fn counts(&self) -> &Self::Counts;
    fn queues(&self) -> &Self::Queues;
    fn topic(&self) -> &Self::Topic;
    fn clock(&self) -> &Self::Clock;
}

/// The real parts.
#[derive(Debug)]
pub struct Live {
    pipelines: PipelinesTable,
    activity: ActivityTable,
    queues: FifoQueues,
    topic: SnsTopic,
}

impl Live {
    /// As the settings name them.
    pub fn new(aws: &Aws, config: &Config) -> Self {
        Self {
            pipelines: PipelinesTable::new(aws.dynamodb(), &config.pipelines_table),
            activity: ActivityTable::new(aws.dynamodb(), &config.activity_table),
            queues: FifoQueues::new(aws.sqs()),
            topic: SnsTopic::new(aws.sns(), &config.topic_arn),
        }
    }
}

impl World for Live {
    type Alerts = PipelinesTable;
    type Pipelines = PipelinesTable;
    type Counts = ActivityTable;
    type Queues = FifoQueues;
    type Topic = SnsTopic;
    type Clock = SystemClock;

    fn alerts(&self) -> &PipelinesTable {
        &self.pipelines
    }
    fn pipelines(&self) -> &PipelinesTable {
        &self.pipelines
    }
    fn counts(&self) -> &ActivityTable {
        &self.activity
    }
    fn queues(&self) -> &FifoQueues {
        &self.queues
    }
    fn topic(&self) -> &SnsTopic {
        &self.topic
    }
    fn clock(&self) -> &SystemClock {
        &SystemClock
    }
}
