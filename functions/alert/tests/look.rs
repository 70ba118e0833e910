//! What people are told, and when: over the parts in memory, minute by minute.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::BTreeMap, time::Duration};

use alert::{Alert, World};
use shared::{
    alert::Limit,
    pipeline::state::Pause,
    tally::Counted,
    testing::{ManualClock, MemoryAlerts, MemoryCounts, MemoryPipelines, MemoryQueues, MemoryTopic, lock},
    time::{Clock as _, Timestamp},
};

/// 2027-01-15 08:00:30 UTC.
const NOW: i64 = 1_800_000_030_000;
const QUEUE: &str = "https://sqs.example/crm.fifo";

#[derive(Default)]
struct Memory {
    alerts: MemoryAlerts,
    pipelines: MemoryPipelines,
    counts: MemoryCounts,
    queues: MemoryQueues,
    topic: MemoryTopic,
    clock: ManualClock,
}

impl World for &Memory {
    type Alerts = MemoryAlerts;
    type Pipelines = MemoryPipelines;
    type Counts = MemoryCounts;
    type Queues = MemoryQueues;
    type Topic = MemoryTopic;
    type Clock = ManualClock;

    fn alerts(&self) -> &MemoryAlerts {
        &self.alerts
    }
    fn pipelines(&self) -> &MemoryPipelines {
        &self.pipelines
    }
    fn counts(&self) -> &MemoryCounts {
        &self.counts
    }
    fn queues(&self) -> &MemoryQueues {
        &self.queues
    }
    fn topic(&self) -> &MemoryTopic {
        &self.topic
    }
    fn clock(&self) -> &ManualClock {
        &self.clock
    }
}

impl Memory {
    /// Two pipelines to one destination, whose queue is empty.
    fn new() -> Self {
        let memory = Self { clock: ManualClock::at(NOW), ..Self::default() };
        let document = |name: &str| format!("name = \"{name}\"\nsource = \"customers\"\ndestination = \"crm\"\n");
        let (contacts, companies) = (document("contacts"), document("companies"));
        memory.pipelines.set(&[("contacts", 1, &contacts), ("companies", 1, &companies)]);
        memory.waiting(0);
        memory
    }

    fn waiting(&self, count: u64) {
        lock(&self.queues.waiting).insert(QUEUE.to_owned(), count);
    }

    fn alert(&self, id: &str, pipeline: Option<&str>, limit: Limit) {
        lock(&self.alerts.kept).push(shared::alert::Alert {
            id: id.to_owned(),
            pipeline: pipeline.map(str::to_owned),
            limit,
            by: "Ada".to_owned(),
            console: "https://console.example".to_owned(),
            raised: BTreeMap::new(),
        });
    }

    /// Counts in the present minute.
    fn count(&self, stage: &str, pipeline: &str, counter: &str, count: u64) {
        let counts = vec![(pipeline.to_owned(), counter.to_owned(), count)];
        lock(&self.counts.counted).push(Counted {
            minute: self.clock.now().minutes(),
            stage: stage.to_owned(),
            counts,
        });
    }

    async fn look(&self) -> Result<(), shared::ports::PortError> {
        Alert::new([("crm".to_owned(), QUEUE.to_owned())].into(), self).look().await
    }

    /// The subjects that were published since the last time.
    async fn told(&self) -> Vec<String> {
        self.look().await.unwrap();
        std::mem::take(&mut *lock(&self.topic.published)).into_iter().map(|message| message.subject).collect()
    }

    fn minutes_pass(&self, minutes: u64) {
        self.clock.advance(Duration::from_secs(minutes * 60));
    }
}

#[tokio::test]
async fn a_change_of_state_is_one_message() {
    let memory = Memory::new();
    memory.alert("a", None, Limit::Failed(1));
    assert_eq!(memory.told().await, [""; 0]);
    memory.count("deliver/crm", "contacts", "failed", 1);
    assert_eq!(memory.told().await, [""; 0], "1 is not more than 1");
    memory.count("transform", "contacts", "failed", 1);
    assert_eq!(memory.told().await, ["Freshet: contacts needs attention"]);
    memory.count("transform", "contacts", "failed", 40);
    memory.minutes_pass(30);
    assert_eq!(memory.told().await, [""; 0], "they know");
    memory.count("transform", "companies", "failed", 2);
    assert_eq!(memory.told().await, ["Freshet: companies needs attention"], "each pipeline has its own");
    memory.minutes_pass(30);
    assert_eq!(memory.told().await, ["Freshet: contacts is within its limits again"]);
    memory.minutes_pass(30);
    assert_eq!(memory.told().await, ["Freshet: companies is within its limits again"]);
    assert_eq!(memory.told().await, [""; 0]);
}

#[tokio::test]
async fn an_alert_of_one_pipeline_is_of_no_other() {
    let memory = Memory::new();
    memory.alert("a", Some("companies"), Limit::Share(50));
    memory.count("deliver/crm", "contacts", "failed", 9);
    assert_eq!(memory.told().await, [""; 0]);
    memory.count("deliver/crm", "companies", "failed", 9);
    assert_eq!(memory.told().await, ["Freshet: companies needs attention"]);
}

#[tokio::test]
async fn what_waits_too_long_is_told_unless_it_is_meant_to_wait() {
    let memory = Memory::new();
    memory.alert("a", Some("contacts"), Limit::Minutes(10));
    memory.count("transform", "contacts", "matched", 3);
    memory.minutes_pass(11);
    assert_eq!(memory.told().await, [""; 0], "nothing waits: all was sent before it was counted");
    memory.waiting(3);
    let at = Timestamp::from_millis(NOW);
    memory.pipelines.change("contacts", |pipeline| {
        pipeline.state.pause = Some(Pause { since: at, replay_from: at, reason: None, by: "Ada".to_owned() });
    });
    assert_eq!(memory.told().await, [""; 0], "paused");
    memory.pipelines.change("contacts", |pipeline| pipeline.state.pause = None);
    assert_eq!(memory.told().await, ["Freshet: contacts needs attention"]);
    memory.count("deliver/crm", "contacts", "delivered", 3);
    memory.waiting(0);
    assert_eq!(memory.told().await, ["Freshet: contacts is within its limits again"]);
}

#[tokio::test]
async fn what_cannot_be_read_changes_nothing_and_is_an_error() {
    let memory = Memory::new();
    memory.alert("a", None, Limit::Failed(0));
    memory.alert("b", None, Limit::Minutes(1));
    memory.count("transform", "contacts", "failed", 1);
    memory.counts.breaks.next(1);
    assert!(memory.look().await.unwrap_err().to_string().contains("dynamodb:Query"));
    assert_eq!(lock(&memory.topic.published).len(), 0);
    // A queue that does not answer is in the way of its own limit only.
    memory.minutes_pass(2);
    memory.count("transform", "contacts", "matched", 1);
    memory.minutes_pass(2);
    lock(&memory.queues.waiting).clear();
    assert!(memory.look().await.unwrap_err().to_string().contains("sqs:GetQueueAttributes"));
    assert_eq!(lock(&memory.topic.published)[0].subject, "Freshet: contacts needs attention");
    assert_eq!(lock(&memory.alerts.kept)[0].raised.len(), 1);
}

#[tokio::test]
async fn a_message_that_was_not_taken_is_published_again() {
    let memory = Memory::new();
    memory.alert("a", None, Limit::Failed(0));
    memory.count("transform", "contacts", "failed", 1);
    memory.count("transform", "companies", "failed", 1);
    memory.topic.breaks.next(1);
    assert!(memory.look().await.unwrap_err().to_string().contains("sns:Publish"));
    assert_eq!(lock(&memory.topic.published).len(), 1, "the other one was told");
    assert_eq!(memory.told().await.len(), 2, "that one, and the one that nobody has got");
    // Told, and not recorded as told: once more rather than not at all.
    let memory = Memory::new();
    memory.alert("a", None, Limit::Failed(0));
    memory.count("transform", "contacts", "failed", 1);
    memory.alerts.breaks.next(0);
    let broken = async {
        lock(&memory.alerts.kept)[0].raised.clear();
    };
    assert_eq!(memory.told().await.len(), 1);
    broken.await;
    assert_eq!(memory.told().await.len(), 1);
}

#[tokio::test]
async fn a_pipeline_out_of_service_is_dropped_without_a_word() {
    let memory = Memory::new();
    memory.alert("a", None, Limit::Failed(0));
    memory.count("transform", "contacts", "failed", 1);
    assert_eq!(memory.told().await, ["Freshet: contacts needs attention"]);
    memory.pipelines.set(&[]);
    assert_eq!(memory.told().await, [""; 0]);
    assert_eq!(lock(&memory.alerts.kept)[0].raised.len(), 0);
}
