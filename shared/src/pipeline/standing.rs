//! Changes of how a pipeline stands that are no new text: pausing, resuming, going back to an older version.

use super::{
    Known, Pipeline, PipelineError,
    publication::{Edition, Others, PublishError, Versions},
    state::PipelineState,
};
use crate::{
    nearest::suggestion,
    ports::{PortError, Publishing, StoredPipeline},
    time::Timestamp,
};

/// How often a change is tried again that came between two others.
const TRIES: usize = 5;

/// Why a pipeline stands as before.
#[derive(Debug, thiserror::Error)]
pub enum StandingError {
    /// The table could not be read or written.
    #[error(transparent)]
    Port(#[from] PortError),
    /// There is none of this name.
    #[error("there is no pipeline `{name}` on this stack{nearest}")]
    NoPipeline {
        /// The name.
        name: String,
        /// The nearest that there is, as the end of a sentence.
        nearest: String,
    },
    /// There is no such version of it.
    #[error("{name} has no version {version}; its versions are 1 to {newest}")]
    NoVersion {
        /// The pipeline.
        name: String,
        /// What was asked for.
        version: u64,
        /// Its newest.
        newest: u64,
    },
    /// It is out of service.
    #[error("{0} is out of service; there is nothing to pause")]
    OutOfService(String),
    /// It stands so that nothing is to be done: it is paused already, or is not paused.
    #[error("{} stands so already", .0.name)]
    Already(Box<StoredPipeline>),
    /// Others come between, again and again.
    #[error("others change {0} all the time; try again")]
    Busy(String),
    /// The stack has changed since the version was published, so that it would not run.
    #[error(transparent)]
    NotRunnable(#[from] PipelineError),
    /// It was not published.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// The pipeline of this name; the error names the nearest.
pub async fn find(pipelines: &impl Publishing, name: &str) -> Result<StoredPipeline, StandingError> {
    if let Some(found) = pipelines.find(name).await? {
        return Ok(found);
    }
    let names: Vec<String> = pipelines.live().await?.into_iter().map(|pipeline| pipeline.name).collect();
    let nearest = suggestion(name, names.iter().map(String::as_str));
    Err(StandingError::NoPipeline { name: name.to_owned(), nearest })
}

/// The text of a version, byte for byte as it was published.
pub async fn text_of(
    pipelines: &impl Publishing,
    stored: &StoredPipeline,
    version: u64,
) -> Result<String, StandingError> {
    if version == stored.version {
        return Ok(stored.document.clone());
    }
    let no_version = || StandingError::NoVersion { name: stored.name.clone(), version, newest: stored.version };
    pipelines.document(&stored.name, version).await?.ok_or_else(no_version)
}

/// Pauses a pipeline from `now` on; answers how it stood before.
pub async fn pause(
    pipelines: &impl Publishing,
    name: &str,
    by: &str,
    reason: Option<&str>,
    now: Timestamp,
) -> Result<StoredPipeline, StandingError> {
    change(pipelines, name, |stored| match stored.state.paused(now, now, by, reason) {
        Some(state) if !stored.state.is_retired() => Ok(state),
        Some(_) => Err(StandingError::OutOfService(stored.name.clone())),
        None => Err(StandingError::Already(Box::new(stored.clone()))),
    })
    .await
}

/// Resumes a pipeline: what the pause left out is sent first. Answers how it stood before.
pub async fn resume(pipelines: &impl Publishing, name: &str, now: Timestamp) -> Result<StoredPipeline, StandingError> {
    change(pipelines, name, |stored| {
        stored.state.resumed(now, stored.version).ok_or_else(|| StandingError::Already(Box::new(stored.clone())))
    })
    .await
}

/// Publishes an older version's text as the next version, and answers that. Where it says what is live already, nothing is
/// changed, and the answer is what is live. `seen` is the version that whoever asks has seen to be live: where it is
/// another by now, nothing is published.
pub async fn roll_back(
    pipelines: &impl Publishing,
    name: &str,
    version: u64,
    edition: &Edition,
    seen: &Versions,
    known: &Known,
) -> Result<u64, StandingError> {
    let stored = find(pipelines, name).await?;
    let document = text_of(pipelines, &stored, version).await?;
    // The stack may have changed since the version was published.
    Pipeline::parse(&format!("{name} version {version}"), &document, 0, known)?;
    let published = pipelines.publish_over(&[(name, &document)], Others::Keep, edition, Some(seen)).await?;
    Ok(published.first().map_or(stored.version, |published| published.version))
}

/// Changes how a pipeline stands, whatever others change meanwhile.
async fn change(
    pipelines: &impl Publishing,
    name: &str,
    next: impl Fn(&StoredPipeline) -> Result<PipelineState, StandingError>,
) -> Result<StoredPipeline, StandingError> {
    for _ in 0..TRIES {
        let stored = find(pipelines, name).await?;
        if pipelines.amend(name, stored.edit, &next(&stored)?).await? {
            return Ok(stored);
        }
    }
    Err(StandingError::Busy(name.to_owned()))
}
