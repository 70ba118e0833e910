//! Publish: what a draft changes in what runs, what that does to the newest records, and doing it.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use askama::Template;
use axum::{
    Form,
    extract::{Path, State},
    response::Redirect,
};
use serde::Deserialize;
use shared::{
    pipeline::{
        publication::{Edition, Others},
        timeline::NOTICE,
    },
    ports::{Drafts as _, Publishing as _, StoredPipeline},
    preview::Fate,
};

use super::{
    draft::{Open, path_of},
    mapping::called,
    pipeline::path_of as path_of_pipeline,
};
use crate::{
    Console, World,
    access::{Access, Route, Visitor},
    change::Change,
    difference::{Line, lines},
    frame::{Frame, Page, page, time},
    no_page::NoPage,
    records::Origin,
    role::Role,
    trial::{Sums, Trial, read, told},
    words,
};

/// How many records are named for which something changes.
const NAMED: usize = 10;

/// The routes.
pub fn routes<W: World>() -> Vec<Route<W>> {
    let editor = Access::AtLeast(Role::Editor);
    vec![
        Route::get("/drafts/{id}/publish", editor, show::<W>),
        Route::post("/drafts/{id}/publish", editor, publish::<W>),
    ]
}

#[derive(Template)]
#[template(path = "publish.html")]
struct Publish {
    frame: Frame,
    open: Open,
    /// What keeps it from being published.
    problems: Vec<String>,
    /// What looks like a mistake, and may be meant.
    warnings: Vec<String>,
    /// The version that runs, if one does.
    live: Option<StoredPipeline>,
    /// It is a newer one than the draft began from.
    is_newer: bool,
    lines: Vec<Line>,
    /// The version that would be replaced; 0 where none runs.
    seen: u64,
    origin: Origin,
    sums: Sums,
    /// The records that would end otherwise than now.
    differing: Vec<Differing>,
    /// How many more.
    more: usize,
}

/// A record that would end otherwise.
struct Differing {
    key: String,
    before: String,
    after: String,
    /// The fields that would be sent otherwise: label, before, after.
    fields: Vec<(String, String, String)>,
}

async fn show<W: World>(State(console): State<Arc<Console<W>>>, Path(id): Path<String>, frame: Frame) -> Page {
    let open = console.open(&id).await?;
    let aim = console.aim(&open)?;
    let known = console.known().await;
    let records = console.records(open.outline.source.as_deref().unwrap_or_default()).await;
    let trial = console.trial(&open.draft.document, &known, &records).await?;
    let live = console.live(&open).await?;
    let (mut differing, mut more) = (Vec::new(), 0);
    if let Some(live) = &live {
        let before = console.trial(&live.document, &known, &records).await?;
        differing = differences(&before, &trial, &aim.connector.name);
        more = differing.len().saturating_sub(NAMED);
        differing.truncate(NAMED);
    }
    let base = open.draft.base.as_ref().map(|(_, version)| *version);
    page(&Publish {
        problems: trial.review.problems.iter().map(|problem| problem.message.clone()).collect(),
        warnings: trial.review.warnings.iter().map(|problem| problem.message.clone()).collect(),
        is_newer: live.as_ref().is_some_and(|live| Some(live.version) != base),
        lines: lines(live.as_ref().map_or(&open.draft.document, |live| &live.document), &open.draft.document),
        seen: live.as_ref().map_or(0, |live| live.version),
        sums: trial.sums(),
        origin: records.origin,
        frame,
        open,
        live,
        differing,
        more,
    })
}

/// The records, newest first, that end otherwise by the second trial; each row once.
fn differences(before: &Trial, after: &Trial, vendor: &str) -> Vec<Differing> {
    let both = before.fates.iter().zip(&after.fates).zip(after.events.iter()).rev();
    let mut seen = HashSet::new();
    let newest = both.filter(|(_, event)| seen.insert(event.key.canonical()));
    newest
        .filter_map(|((old, new), event)| {
            let fields = fields(old, new);
            let (before, after) = (told(old, vendor), told(new, vendor));
            (before != after || !fields.is_empty()).then(|| Differing { key: called(event), before, after, fields })
        })
        .collect()
}

fn fields(old: &Fate, new: &Fate) -> Vec<(String, String, String)> {
    let of = |fate: &Fate| -> BTreeMap<String, String> {
        match fate {
            Fate::Sent(delivery, ..) | Fate::Skipped(delivery, _) | Fate::Failed(Some(delivery), _) => {
                delivery.fields.iter().map(|(name, value)| (name.to_string(), read(value))).collect()
            }
            Fate::Filtered | Fate::Failed(None, _) => BTreeMap::new(),
        }
    };
    let (old, new) = (of(old), of(new));
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    let value = |values: &BTreeMap<String, String>, name: &str| {
        values.get(name).cloned().unwrap_or_else(|| "nothing".to_owned())
    };
    let changed = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
    changed.map(|name| (name.clone(), value(&old, name), value(&new, name))).collect()
}

#[derive(Deserialize)]
struct Seen {
    /// The draft's edit that the person has looked at.
    edit: u64,
    /// The version that the person has seen to run; 0 where none did.
    seen: u64,
}

async fn publish<W: World>(
    State(console): State<Arc<Console<W>>>,
    Path(id): Path<String>,
    visitor: Visitor,
    Form(Seen { edit, seen }): Form<Seen>,
) -> Result<Redirect, NoPage> {
    let open = console.open(&id).await?;
    let here = path_of(&id, "publish");
    if open.draft.edit != edit {
        let message =
            format!("{} has changed the draft meanwhile. Nothing was published; look at it again.", open.draft.by);
        return Err(NoPage::conflict("Somebody else was here meanwhile", message, &here));
    }
    let review = shared::pipeline::review(&open.draft.document, &console.known().await, &|file| {
        Err(format!("{file} is beside the pipeline's file, and not here"))
    });
    let Some(pipeline) = review.pipeline.filter(|_| review.problems.is_empty()) else {
        let message = "It has problems that keep it from running. Nothing was published.";
        return Err(NoPage::conflict("It cannot be published yet", message, &here));
    };
    let name = pipeline.name.clone();
    if open.draft.base.as_ref().is_some_and(|(base, _)| *base != name) {
        let message =
            format!("The draft changes another pipeline than {name}. Write the name again as it was, in As text.");
        return Err(NoPage::conflict("Its name has changed", message, &here));
    }
    let live = console.live(&open).await?;
    if live.as_ref().map_or(0, |live| live.version) != seen {
        let message = live.as_ref().map_or_else(
            || "It was taken out of service meanwhile. Nothing was published; look at it again.".to_owned(),
            |live| {
                let at = time(live.at);
                format!(
                    "Version {} was published by {} at {at} UTC while you were editing. Nothing of yours was published; \
                     compare the two.",
                    live.version, live.by
                )
            },
        );
        return Err(NoPage::conflict("Somebody else was here meanwhile", message, &here));
    }
    if live.as_ref().is_some_and(|live| words::is_of_git(&live.document)) {
        let message =
            "Its text lives in a repository, and the next push from there would take this back. Change it there.";
        return Err(NoPage::conflict("This pipeline is managed by git", message, &here));
    }
    let pipelines = console.world.pipelines();
    let by = visitor.0.person.name.clone();
    let work = async {
        let at = pipelines.now().await?;
        let edition = Edition { by, at, from: at + NOTICE };
        let versions = live.iter().map(|live| (live.name.clone(), live.version)).collect();
        pipelines.publish_over(&[(&name, &open.draft.document)], Others::Keep, &edition, Some(&versions)).await
    };
    let change = Change {
        action: "publish",
        subject: format!("pipeline {name}"),
        before: live.as_ref().map(|live| live.document.clone()),
        after: Some(open.draft.document.clone()),
    };
    console.change(&visitor, change, work).await?.map_err(shared::pipeline::standing::StandingError::from)?;
    // It is published; a draft that stays is only untidy.
    if let Err(error) = console.world.drafts().drop_draft(&id).await {
        tracing::warn!(draft = id, "a published draft could not be removed: {error}");
    }
    Ok(Redirect::to(&path_of_pipeline(&name)))
}

impl<W: World> Console<W> {
    /// The pipeline that runs under the draft's name.
    async fn live(&self, open: &Open) -> Result<Option<StoredPipeline>, NoPage> {
        let Some(name) = open.outline.name.as_deref() else { return Ok(None) };
        let found = self.world.pipelines().find(name).await?;
        Ok(found.filter(|pipeline| !pipeline.state.is_retired()))
    }
}
