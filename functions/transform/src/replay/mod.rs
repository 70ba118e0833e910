//! Every minute: warns of pauses that last too long, and replays what resumed pipelines have missed.

mod hole;
mod run;
mod warning;

use shared::{
    pipeline::{Pipeline, state::Replay},
    ports::{PortError, Replays as _},
    state::State as _,
    telemetry::Metrics,
    time::Timestamp,
};

use self::run::{Ended, Run};
use crate::{Transform, World, running::Stood};

impl<W: World> Transform<W> {
    /// What there is to do every minute, as far as it is done before `deadline`; the next minute goes on.
    pub async fn tick(&self, deadline: Timestamp) -> Result<(), PortError> {
        self.agreed.get_or_try_init(|| self.agree_on_lanes()).await?;
        let now = self.now();
        let set = self.set(now).await?;
        let mut metrics = Metrics::new(None);
        warning::warn(&set.pipelines, self.config.retention, now, &mut metrics);
        if let Some(line) = metrics.line(self.world.state().function(), now) {
            self.world.state().emit(&line);
        }
        let mut resumed: Vec<_> = set.pipelines.iter().filter_map(resumed).collect();
        if let Some(first) = usize::try_from(now.seconds() / 60).unwrap_or(0).checked_rem(resumed.len()) {
            // Each is the first in its turn, and has the minute for itself if it needs it.
            resumed.rotate_left(first);
        }
        for (stood, replay, pipeline) in resumed {
            if let Err(error) = self.replay(stood, replay, pipeline, deadline).await {
                tracing::warn!(pipeline = stood.name, "the replay stopped, and goes on in the next minute: {error}");
            }
        }
        Ok(())
    }

    /// Replays a pipeline, if no other invocation does.
    async fn replay(
        &self,
        stood: &Stood,
        replay: &Replay,
        pipeline: &Pipeline,
        deadline: Timestamp,
    ) -> Result<(), PortError> {
        if replay.begins_at + run::MARGIN >= deadline {
            return Ok(());
        }
        tokio::time::sleep(replay.begins_at.since(self.now())).await;
        let (name, replays) = (&stood.name, self.world.replays());
        // No invocation outlives its deadline; so nobody has to renew the lease, and after a crash it ends by itself.
        let Some(progress) = replays.take(name, replay, self.now(), deadline).await? else { return Ok(()) };
        let mut run = Run::new(self, stood, replay.clone(), pipeline, deadline, progress);
        let ended = run.go().await;
        self.report(run.tally()).await;
        match ended {
            Ok(Ended::Finished) => {
                tracing::info!(pipeline = name, version = replay.version, "what the pipeline missed has been replayed");
                Ok(())
            }
            Ok(Ended::Later | Ended::Unwanted) => replays.give_back(name, replay, deadline, run.progress()).await,
            Err(error) => {
                replays.give_back(name, replay, deadline, run.progress()).await?;
                Err(error)
            }
        }
    }
}

/// The replay of a resumed pipeline, and the version that it is by. One that cannot run waits for a person: `set` has
/// told why.
fn resumed(stood: &Stood) -> Option<(&Stood, &Replay, &Pipeline)> {
    let replay = stood.state.replay.as_ref()?;
    let pipeline = stood.versions.get(&replay.version)?.as_ref().ok()?;
    Some((stood, replay, pipeline))
}
