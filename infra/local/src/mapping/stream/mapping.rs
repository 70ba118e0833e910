//! A stream's mapping as a whole: it finds the shards and reads parents before children.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::reader::{Reader, ShardEnd};
use super::settings::{StartingPosition, StreamSettings};
use super::source::{Position, ShardDescription, StreamSource};
use crate::function::Function;
use crate::mapping::handle::{MappingHandle, MappingStatus, stopped};
use crate::mapping::on_failure::OnFailure;
use crate::mapping::settings::SettingsError;

/// How often the stream is asked for new shards. The end of a shard asks at once.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(1);

/// A mapping from a stream to a function.
#[derive(Clone)]
pub struct StreamMapping {
    /// The mapping's identity; it is part of the names of on-failure objects.
    pub uuid: Uuid,
    /// The stream.
    pub source: Arc<dyn StreamSource>,
    /// The function.
    pub function: Arc<dyn Function>,
    /// The function's ARN, for on-failure records.
    pub function_arn: String,
    /// How to read, and what to do about failures.
    pub settings: StreamSettings,
    /// Who keeps what is given up. Without it such records are lost, but for a line in the log.
    pub on_failure: Option<Arc<dyn OnFailure>>,
}

/// Starts a mapping. It runs until its handle stops it.
///
/// The checkpoint lives in memory: a mapping that is started anew begins at its starting position.
pub fn start(mapping: StreamMapping) -> Result<MappingHandle, SettingsError> {
    mapping.settings.validate()?;
    let (stop, stop_seen) = watch::channel(false);
    let (status, status_seen) = watch::channel(MappingStatus::default());
    let reader =
        Reader { settings: Arc::new(mapping.settings.clone()), mapping, status, complete: AtomicBool::new(false) };
    let task = tokio::spawn(run(Arc::new(reader), stop_seen));
    Ok(MappingHandle::new(stop, status_seen, task))
}

/// How far the reading of a shard is.
enum Progress {
    /// Not begun: its parents are not done.
    Waiting(Position),
    Reading,
    Done,
}

async fn run(reader: Arc<Reader>, mut stop: watch::Receiver<bool>) {
    let mut family = Family::default();
    let mut readers: JoinSet<ShardEnd> = JoinSet::new();
    loop {
        match reader.mapping.source.shards().await {
            Ok(shards) => family.meet(shards, reader.settings.starting_position),
            Err(error) => {
                tracing::warn!(mapping = %reader.mapping.uuid, stream = reader.mapping.source.arn(), %error, "cannot list shards");
            }
        }
        let ready = family.ready();
        reader.settle(&ready, family.is_known() && !family.is_waiting());
        for (shard_id, position) in ready {
            readers.spawn(reader.clone().read_shard(shard_id, position, stop.clone()));
        }
        tokio::select! {
            () = stopped(&mut stop) => break,
            Some(ended) = readers.join_next() => match ended {
                Ok(ShardEnd::Done(shard_id)) => family.done(&shard_id),
                Ok(ShardEnd::Stopped) => break,
                Err(error) => {
                    tracing::error!(mapping = %reader.mapping.uuid, %error, "a shard's reader ended badly: the shard is read no further");
                }
            },
            () = tokio::time::sleep(DISCOVERY_INTERVAL) => {}
        }
    }
    while readers.join_next().await.is_some() {}
}

/// The shards of a stream, and which of them may be read.
#[derive(Default)]
struct Family {
    shards: BTreeMap<String, (Vec<String>, Progress)>,
}

impl Family {
    /// Takes the shards that the stream has now.
    fn meet(&mut self, shards: Vec<ShardDescription>, start: StartingPosition) {
        // Only what is there at the start is subject to the starting position: later shards are read whole.
        let first = !self.is_known();
        for shard in shards {
            if self.shards.contains_key(&shard.id) {
                continue;
            }
            let progress = match start {
                StartingPosition::Latest if first && shard.closed => Progress::Done,
                StartingPosition::Latest if first => Progress::Waiting(Position::Latest),
                _ => Progress::Waiting(Position::TrimHorizon),
            };
            self.shards.insert(shard.id, (shard.parents, progress));
        }
    }

    /// The shards whose parents are done, or gone from the stream. They are taken as being read from now on.
    fn ready(&mut self) -> Vec<(String, Position)> {
        let ready: Vec<(String, Position)> = self
            .shards
            .iter()
            .filter_map(|(id, (parents, progress))| match progress {
                Progress::Waiting(position) if self.are_done(parents) => Some((id.clone(), position.clone())),
                _ => None,
            })
            .collect();
        for (id, _) in &ready {
            self.set(id, Progress::Reading);
        }
        ready
    }

    fn done(&mut self, id: &str) {
        self.set(id, Progress::Done);
    }

    fn set(&mut self, id: &str, to: Progress) {
        if let Some((_, progress)) = self.shards.get_mut(id) {
            *progress = to;
        }
    }

    fn are_done(&self, parents: &[String]) -> bool {
        parents
            .iter()
            .all(|parent| self.shards.get(parent).is_none_or(|(_, progress)| matches!(progress, Progress::Done)))
    }

    fn is_known(&self) -> bool {
        !self.shards.is_empty()
    }

    fn is_waiting(&self) -> bool {
        self.shards.values().any(|(_, progress)| matches!(progress, Progress::Waiting(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(id: &str, parents: &[&str], closed: bool) -> ShardDescription {
        ShardDescription { id: id.into(), parents: parents.iter().map(|&parent| parent.into()).collect(), closed }
    }

    fn ids(ready: Vec<(String, Position)>) -> Vec<String> {
        ready.into_iter().map(|(id, _)| id).collect()
    }

    #[test]
    fn parents_are_read_to_their_end_before_their_children() {
        let mut family = Family::default();
        // Two shards that were merged, one of whose own parents has left the stream.
        family.meet(
            vec![shard("a", &["gone"], true), shard("b", &[], true), shard("merged", &["a", "b"], false)],
            StartingPosition::TrimHorizon,
        );
        assert_eq!(ids(family.ready()), ["a", "b"]);
        family.done("a");
        assert!(family.ready().is_empty());
        assert!(family.is_waiting());
        family.done("b");
        assert_eq!(ids(family.ready()), ["merged"]);
        assert!(!family.is_waiting());
    }

    #[test]
    fn latest_skips_what_is_closed_and_reads_later_shards_whole() {
        let mut family = Family::default();
        let shards = || vec![shard("old", &[], true), shard("open", &["old"], false)];
        family.meet(shards(), StartingPosition::Latest);
        assert_eq!(family.ready(), [("open".to_owned(), Position::Latest)]);
        let mut more = shards();
        more.push(shard("child", &["open"], false));
        family.meet(more, StartingPosition::Latest);
        assert!(family.ready().is_empty());
        family.done("open");
        assert_eq!(family.ready(), [("child".to_owned(), Position::TrimHorizon)]);
    }
}
