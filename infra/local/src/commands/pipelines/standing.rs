//! How pipelines stand, what they were, and the changes that are not a new text: rolling back, pausing, resuming.

use std::{fmt::Write as _, time::Duration};

use anyhow::{Context as _, bail};
use shared::{
    aws::{Edition, PipelinesTable},
    nearest::suggestion,
    pipeline::{
        Pipeline,
        state::{PipelineState, SAFE_SHARE},
        timeline::Applies,
    },
    ports::{Pipelines as _, StoredPipeline},
    time::Timestamp,
};

use super::super::table::{Side, Table};
use crate::deployed::Connection;

/// How often a change is tried again that came between two others.
const TRIES: usize = 5;

/// The pipeline of this name; the message names the nearest.
async fn find(table: &PipelinesTable, name: &str) -> anyhow::Result<StoredPipeline> {
    if let Some(found) = table.find(name).await? {
        return Ok(found);
    }
    let names: Vec<String> = table.live().await?.into_iter().map(|pipeline| pipeline.name).collect();
    bail!("there is no pipeline `{name}` on this stack{}", suggestion(name, names.iter().map(String::as_str)))
}

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
    let stored = find(&table, name).await?;
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
    let stored = find(&table, name).await?;
    match version.filter(|version| *version != stored.version) {
        None => Ok(stored.document),
        Some(version) => old(&table, &stored, version).await,
    }
}

async fn old(table: &PipelinesTable, stored: &StoredPipeline, version: u64) -> anyhow::Result<String> {
    let (name, newest) = (&stored.name, stored.version);
    table
        .document(name, version)
        .await?
        .with_context(|| format!("{name} has no version {version}; its versions are 1 to {newest}"))
}

/// Publishes an older version's text as the next version.
pub async fn roll_back(stack: &Connection<'_>, name: &str, version: u64, edition: &Edition) -> anyhow::Result<String> {
    let table = stack.pipelines();
    let stored = find(&table, name).await?;
    let document = old(&table, &stored, version).await?;
    // The stack may have changed since the version was published.
    Pipeline::parse(&format!("{name} version {version}"), &document, 0, &stack.deployed.known())?;
    if document == stored.document && !stored.state.is_retired() {
        return Ok(format!("{name}  version {} says the same already; nothing was changed\n", stored.version));
    }
    let published = table.publish(name, &document, edition).await?;
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
    change(stack, name, |stored| match stored.state.paused(now, now, by, reason) {
        Some(state) if !stored.state.is_retired() => Ok(state),
        Some(_) => bail!("{name} is out of service; there is nothing to pause"),
        None => bail!("{name} is {} already", in_words(&stored.state, now, retention)),
    })
    .await?;
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
    let before = change(stack, name, |stored| match stored.state.resumed(now, stored.version) {
        Some(state) => Ok(state),
        None => bail!("{name} is not paused; it is {}", in_words(&stored.state, now, retention)),
    })
    .await?;
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

/// Changes how a pipeline stands, whatever others change meanwhile; answers how it stood before.
async fn change(
    stack: &Connection<'_>,
    name: &str,
    next: impl Fn(&StoredPipeline) -> anyhow::Result<PipelineState>,
) -> anyhow::Result<StoredPipeline> {
    let table = stack.pipelines();
    for _ in 0..TRIES {
        let stored = find(&table, name).await?;
        if table.amend(name, stored.edit, &next(&stored)?).await? {
            return Ok(stored);
        }
    }
    bail!("others change {name} all the time; try again")
}
