//! How far replays have come, in memory.

use std::{collections::HashMap, sync::Mutex};

use super::{Breaks, lock};
use crate::{
    pipeline::state::Replay,
    ports::{PortError, Replays},
    replay::Progress,
    time::Timestamp,
};

/// Replays by pipeline, with the real ones' conditions.
#[derive(Debug, Default)]
pub struct MemoryReplays {
    /// Until when each is held, when it began, and how far it has come.
    pub held: Mutex<HashMap<String, (Timestamp, Timestamp, Progress)>>,
    /// Makes calls fail.
    pub breaks: Breaks,
}

impl MemoryReplays {
    async fn put(
        &self,
        name: &str,
        replay: &Replay,
        until: Timestamp,
        progress: &Progress,
        next: Timestamp,
    ) -> Result<bool, PortError> {
        self.breaks.check("dynamodb:UpdateItem").await?;
        let mut held = lock(&self.held);
        if held.get(name).is_none_or(|(other, ..)| *other != until) {
            return Ok(false);
        }
        held.insert(name.to_owned(), (next, replay.begins_at, progress.clone()));
        Ok(true)
    }
}

impl Replays for MemoryReplays {
    async fn take(
        &self,
        name: &str,
        replay: &Replay,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Progress>, PortError> {
        self.breaks.check("dynamodb:UpdateItem").await?;
        let mut held = lock(&self.held);
        let progress = match held.get(name) {
            Some((other, ..)) if *other > now => return Ok(None),
            Some((_, begun, progress)) if *begun == replay.begins_at => progress.clone(),
            _ => Progress::default(),
        };
        held.insert(name.to_owned(), (until, replay.begins_at, progress.clone()));
        Ok(Some(progress))
    }

    async fn keep(
        &self,
        name: &str,
        replay: &Replay,
        until: Timestamp,
        progress: &Progress,
    ) -> Result<bool, PortError> {
        self.put(name, replay, until, progress, until).await
    }

    async fn give_back(
        &self,
        name: &str,
        replay: &Replay,
        until: Timestamp,
        progress: &Progress,
    ) -> Result<(), PortError> {
        self.put(name, replay, until, progress, Timestamp::default()).await.map(drop)
    }
}
