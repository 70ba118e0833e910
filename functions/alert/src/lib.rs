//! Tells people when a pipeline passes a limit of theirs, and when that is over.
//!
//! Invoked every minute by a schedule, where the stack has a topic for messages. What was counted is measured against the
//! limits that people have set in the console. A message is published before it is recorded as told: where the function
//! ends between the two, people get it twice, and never not at all. What cannot be read changes nothing, and fails the
//! invocation, for which there is an alarm.

pub mod config;
mod world;

use std::collections::BTreeMap;

use futures_util::try_join;
use shared::{
    alert::{self, LONGEST_MINUTES, Limit, Measured, Message},
    lambda::{Handle, HandleError},
    pipeline::Outline,
    ports::{Alerts as _, Counts as _, PortError, Publishing as _, Queues as _, StoredPipeline, Topic as _},
    time::{Clock as _, Timestamp},
};

pub use self::world::{Live, World};

/// The handler.
#[derive(Debug)]
pub struct Alert<W> {
    /// The queue's address of each destination.
    queues: BTreeMap<String, String>,
    world: W,
}

impl<W: World> Alert<W> {
    /// A handler over a world.
    pub const fn new(queues: BTreeMap<String, String>, world: W) -> Self {
        Self { queues, world }
    }

    /// Measures all pipelines against all limits, and tells what has changed.
    ///
    /// Answers the first error, after everything else that could be told was told.
    pub async fn look(&self) -> Result<(), PortError> {
        let alerts = self.world.alerts().alerts().await?;
        if alerts.is_empty() {
            return Ok(());
        }
        let now = self.world.clock().now();
        let (pipelines, counted) = try_join!(self.world.pipelines().live(), self.world.counts().last(LONGEST_MINUTES))?;
        let measured = Measured::of(&counted, now);
        let mut first = Ok(());
        for alert in &alerts {
            let is_meant =
                |pipeline: &&StoredPipeline| alert.pipeline.as_ref().is_none_or(|name| *name == pipeline.name);
            let meant: Vec<_> = pipelines.iter().filter(is_meant).collect();
            first = first.and(self.judge(alert, &meant, &measured, now).await);
        }
        first
    }

    async fn judge(
        &self,
        alert: &alert::Alert,
        pipelines: &[&StoredPipeline],
        measured: &BTreeMap<String, Measured>,
        now: Timestamp,
    ) -> Result<(), PortError> {
        // What is not in service any more is dropped without a word: who took it out knows.
        let mut raised = alert.raised.clone();
        raised.retain(|name, _| pipelines.iter().any(|pipeline| pipeline.name == *name));
        let mut first = Ok(());
        for pipeline in pipelines {
            let told = self.tell(alert, pipeline, measured.get(&pipeline.name).copied().unwrap_or_default(), now).await;
            match told {
                Ok(Some(true)) => drop(raised.insert(pipeline.name.clone(), now)),
                Ok(Some(false)) => drop(raised.remove(&pipeline.name)),
                Ok(None) => {}
                Err(error) => first = first.and(Err(error)),
            }
        }
        if raised != alert.raised {
            first = first.and(self.world.alerts().mark_raised(&alert.id, &raised).await);
        }
        first
    }

    /// Tells of one pipeline, if there is anything new: whether it is beyond the limit.
    async fn tell(
        &self,
        alert: &alert::Alert,
        pipeline: &StoredPipeline,
        measured: Measured,
        now: Timestamp,
    ) -> Result<Option<bool>, PortError> {
        // A paused pipeline's changes are to wait.
        if matches!(alert.limit, Limit::Minutes(_)) && pipeline.state.pause.is_some() {
            return Ok(None);
        }
        let waits = self.waits(alert.limit, pipeline, &measured).await?;
        let is_beyond = measured.is_beyond(alert.limit, waits, now);
        let told = measured.told(alert.limit, waits);
        let message = match (alert.raised.get(&pipeline.name), is_beyond) {
            (None, true) => Message::raised(alert, &pipeline.name, &told),
            (Some(since), false) => Message::over(alert, &pipeline.name, *since, &told),
            (None, false) | (Some(_), true) => return Ok(None),
        };
        self.world.topic().publish(&message).await?;
        tracing::info!(alert = alert.id, pipeline = pipeline.name, is_beyond, "told");
        Ok(Some(is_beyond))
    }

    /// Whether anything waits for the pipeline's destination; asked only where the limit depends on it.
    async fn waits(&self, limit: Limit, pipeline: &StoredPipeline, measured: &Measured) -> Result<bool, PortError> {
        if !matches!(limit, Limit::Minutes(_)) || measured.unanswered_since.is_none() {
            return Ok(false);
        }
        let destination = Outline::of(&pipeline.document).destination;
        match destination.and_then(|name| self.queues.get(&name)) {
            Some(url) => Ok(self.world.queues().waiting(url).await? > 0),
            None => Ok(false),
        }
    }
}

impl<W: World> Handle for Alert<W> {
    /// Whatever invokes it, it looks.
    async fn handle(&self, _: &[u8], _: Timestamp) -> Result<Vec<u8>, HandleError> {
        self.look().await.map_err(HandleError::from_error)?;
        Ok(b"null".to_vec())
    }
}
