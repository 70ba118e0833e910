//! What is queued of paused pipelines.
//!
//! A pause means now: what is queued is not sent, and a replay sends it when the pipeline is resumed. What the backbone
//! may not hold by then is kept as a failure.

use std::collections::HashMap;

use shared::{
    pipeline::state::{Pause, PipelineState, SAFE_SHARE},
    ports::{Pipelines as _, PortError, StoredPipeline},
    state::State as _,
    tally::Tally,
    time::{Clock as _, Timestamp},
};

use crate::{
    Deliver, World,
    attempt::End,
    work::{Job, Work},
};

/// The pipelines that are paused, by name.
#[derive(Debug, Default)]
pub struct Paused(HashMap<String, (u64, PipelineState, Pause)>);

impl Paused {
    fn of(stored: Vec<StoredPipeline>) -> Self {
        let paused = stored.into_iter().filter_map(|StoredPipeline { name, edit, state, .. }| {
            let pause = state.pause.clone()?;
            Some((name, (edit, state, pause)))
        });
        Self(paused.collect())
    }
}

/// How often a pipeline that others change, too, is read again.
const TRIES: usize = 5;

impl<W: World> Deliver<W> {
    /// Ends the deliveries of paused pipelines. First it is written down from where on a replay has to send, so that
    /// nothing is left out by a crash.
    pub(crate) async fn leave_paused(&self, work: &mut Work, tally: &mut Tally) -> Result<(), PortError> {
        let now = self.world.state().clock().now();
        for _ in 0..TRIES {
            let store = self.world.pipelines();
            let paused = self.paused.current(store, now, async |stored| Ok(Paused::of(stored))).await?;
            let of_a_paused = |job: &&Job| !job.done && paused.0.contains_key(&job.delivery.pipeline);
            let mut earliest: HashMap<&str, Timestamp> = HashMap::new();
            for job in work.jobs.iter().filter(of_a_paused).filter(|job| self.will_be_replayed(job, now)) {
                let arrived = earliest.entry(&job.delivery.pipeline).or_insert(job.delivery.arrived_at);
                *arrived = job.delivery.arrived_at.min(*arrived);
            }
            let mut is_known = true;
            for (name, arrived) in earliest {
                let Some((edit, state, pause)) = paused.0.get(name) else { continue };
                if arrived < pause.replay_from {
                    let pause = Some(Pause { replay_from: arrived, ..pause.clone() });
                    is_known &= store.amend(name, *edit, &PipelineState { pause, ..state.clone() }).await?;
                    self.paused.forget();
                }
            }
            if !is_known {
                continue;
            }
            for index in 0..work.jobs.len() {
                let job = &work.jobs[index];
                if !of_a_paused(&job) {
                    continue;
                }
                if self.will_be_replayed(job, now) {
                    tally.add(&job.delivery.pipeline, "paused");
                    work.jobs[index].done = true;
                    continue;
                }
                let reason = "its pipeline is paused, and the backbone may not keep the event until it is resumed; \
                              redrive it then";
                let End::Failed = self.fail(job, reason.to_owned(), None, None).await else {
                    let reason = "the failure could not be kept".to_owned();
                    return Err(PortError { operation: "leave a paused pipeline", reason });
                };
                tally.add(&job.delivery.pipeline, "failed");
                work.jobs[index].done = true;
            }
            return Ok(());
        }
        Err(PortError { operation: "leave a paused pipeline", reason: "others change it all the time".to_owned() })
    }

    /// Whether the backbone holds the event of a delivery for long enough. What a person has sent again is not left to a
    /// replay, since its failure waits for an end.
    fn will_be_replayed(&self, job: &Job, now: Timestamp) -> bool {
        !job.delivery.redriven && job.delivery.arrived_at + self.pace.retention / SAFE_SHARE > now
    }
}
