//! How pipelines stand, what they were, and the changes that are not a new text: rolling back, pausing, resuming.

use std::{fmt::Write as _, time::Duration};

use anyhow::bail;
use shared::{
    pipeline::{
        publication::{Edition, live_versions},
        standing::{self, StandingError},
        state::{PipelineState, SAFE_SHARE},
        timeline::Applies,
    },
    ports::Publishing as _,
    time::Timestamp,
};

use super::super::table::{Side, Table};
use crate::deployed::Connection;

/// How a pipeline stands, in a few words.
pub fn in_words(state: &PipelineState, now: Timestamp, retention: Duration) -> String {
    if let Some(pause) = &state.pause {
        let until = pause.safe_until(retention);
        let warning = if until <= now {
            ": changes are lost, resume it"
        } else if pause.warned_from(retention) <= now {
            ": resume it soon"
        } else {
            ""
        };
        let (since, until) = (pause.since.to_rfc3339(), until.to_rfc3339());
        return format!("paused since {since} by {}, nothing is lost until {until}{warning}", pause.by);
    }
    if state.replay.is_some() {
        return "resumed, what the pause left out is being sent".to_owned();
    }
    match state.timeline.newest() {
        Some(newest) if newest.from > now => match newest.applies {
            Applies::Version(version) => format!("live, version {version} from {}", newest.from.to_rfc3339()),
            Applies::Paused | Applies::Retired => format!("out of service from {}", newest.from.to_rfc3339()),
        },
        Some(newest) if newest.applies == Applies::Retired => "out of service".to_owned(),
        _ => "live".to_owned(),
    }
}

/// The versions of a pipeline, the newest first.
pub async fn history(stack: &Connection<'_>, name: &str) -> anyhow::Result<String> {
    let table = stack.pipelines();
    let stored = standing::find(&table, name).await?;
    let mut versions = Table::new([("version", Side::Right), ("published", Side::Left), ("by", Side::Left)]);
    for version in table.history(name).await? {
        versions.row([version.version.to_string(), version.at.to_rfc3339(), version.by]);
    }
    let mut told = versions.render(None);
    if stored.state.is_retired() {
        // Writing to a string cannot fail.
        let _ = writeln!(told, "{name} is out of service.");
    }
    Ok(told)
}

/// The text of a version, byte for byte as it was pushed.
pub async fn show(stack: &Connection<'_>, name: &str, version: Option<u64>) -> anyhow::Result<String> {
    let table = stack.pipelines();
    let stored = standing::find(&table, name).await?;
    Ok(standing::text_of(&table, &stored, version.unwrap_or(stored.version)).await?)
}

/// Publishes an older version's text as the next version.
pub async fn roll_back(stack: &Connection<'_>, name: &str, version: u64, edition: &Edition) -> anyhow::Result<String> {
    let table = stack.pipelines();
    let before = standing::find(&table, name).await?;
    let seen = live_versions(std::slice::from_ref(&before));
    let published = standing::roll_back(&table, name, version, edition, &seen, &stack.deployed.known()).await?;
    if published == before.version {
        return Ok(format!("{name}  version {published} says the same already; nothing was changed\n"));
    }
    Ok(format!("{name}  version {published}, a copy of {version}; changes already sent are not undone\n"))
}

/// Pauses a pipeline, and tells until when nothing is lost.
pub async fn pause(
    stack: &Connection<'_>,
    name: &str,
    by: &str,
    reason: Option<&str>,
    now: Timestamp,
) -> anyhow::Result<String> {
    let retention = stack.deployed.retention();
    match standing::pause(&stack.pipelines(), name, by, reason, now).await {
        Ok(_) => {}
        Err(StandingError::Already(stored)) => bail!("{name} is {} already", in_words(&stored.state, now, retention)),
        Err(error) => return Err(error.into()),
    }
    let safe = now + retention / SAFE_SHARE;
    Ok(format!(
        "{name} is paused: nothing is sent from now on, also of what is queued. Changes made meanwhile are kept at least \
         until {}, and sent when it is resumed; `freshet pipelines list` tells the exact time.\n",
        safe.to_rfc3339()
    ))
}

/// Resumes a pipeline: what the pause left out is sent first.
pub async fn resume(stack: &Connection<'_>, name: &str, now: Timestamp) -> anyhow::Result<String> {
    let retention = stack.deployed.retention();
    let before = match standing::resume(&stack.pipelines(), name, now).await {
        Ok(before) => before,
        Err(StandingError::Already(stored)) => {
            bail!("{name} is not paused; it is {}", in_words(&stored.state, now, retention))
        }
        Err(error) => return Err(error.into()),
    };
    let mut told = format!(
        "{name} is resumed with version {}: what the pause left out is sent within minutes, in order.\n",
        before.version
    );
    if let Some(pause) = before.state.pause.filter(|pause| pause.safe_until(retention) <= now) {
        let _ = writeln!(
            told,
            "The backbone keeps changes for {} hours: what arrived between {} and {} is not there any more.",
            retention.as_secs() / 3_600,
            pause.replay_from.to_rfc3339(),
            (now - retention).to_rfc3339()
        );
    }
    Ok(told)
}
