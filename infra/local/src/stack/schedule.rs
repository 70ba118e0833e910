//! The schedules that wake transform and alert: an EventBridge rule's events, more often than every minute.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use serde_json::json;
use shared::time::{Clock as _, SystemClock};
use tokio::task::{JoinHandle, JoinSet};
use uuid::Uuid;

use crate::{
    function::{Function, FunctionError},
    services,
};

/// Nobody waits for a whole minute on this machine.
const PERIOD: Duration = Duration::from_secs(10);

/// A rule with a schedule. Dropping it ends it, and what it has invoked.
#[derive(Debug)]
pub(super) struct Schedule {
    target: Target,
    task: JoinHandle<()>,
}

#[derive(Clone)]
struct Target {
    function: Arc<dyn Function>,
    rule: String,
}

impl std::fmt::Debug for Target {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Target").field("function", &self.function.name()).field("rule", &self.rule).finish()
    }
}

impl Schedule {
    pub(super) fn start(function: Arc<dyn Function>, stack: &str) -> Self {
        let rule =
            format!("arn:aws:events:{}:{}:rule/{stack}-freshet-every-minute", services::REGION, services::ACCOUNT);
        let target = Target { function, rule };
        let waking = target.clone();
        let task = tokio::spawn(async move {
            let mut tick = tokio::time::interval(PERIOD);
            let mut invocations = JoinSet::new();
            loop {
                tick.tick().await;
                // The next event does not wait for what the one before has invoked.
                while invocations.try_join_next().is_some() {}
                let target = waking.clone();
                invocations.spawn(async move {
                    if let Err(error) = target.invoke().await {
                        tracing::debug!(%error, "a scheduled invocation failed; the next one makes up for it");
                    }
                });
            }
        });
        Self { target, task }
    }

    /// Invokes now.
    pub(super) async fn tick(&self) -> Result<(), FunctionError> {
        self.target.invoke().await
    }
}

impl Drop for Schedule {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Target {
    /// "Creating a rule that runs on a schedule", `EventBridge` user guide, example event.
    async fn invoke(&self) -> Result<(), FunctionError> {
        let event = json!({
            "version": "0",
            "id": Uuid::new_v4().to_string(),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": services::ACCOUNT,
            "time": SystemClock.now().to_rfc3339(),
            "region": services::REGION,
            "resources": [self.rule],
            "detail": {},
        });
        self.function.invoke(Bytes::from(event.to_string())).await.map(drop)
    }
}
