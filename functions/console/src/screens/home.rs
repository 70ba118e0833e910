//! Home: a card a pipeline.

use std::{collections::HashMap, sync::Arc, time::Duration};

use askama::Template;
use axum::extract::State;
use futures_util::join;
use shared::{
    failure::{Selection, Standing},
    pipeline::Outline,
    ports::{Counts as _, Drafts as _, KeptFailures as _, Publishing as _, StoredPipeline},
    time::Clock as _,
};

use super::draft::path_of;
use crate::{
    Console, World,
    access::{Access, Route, Visitor},
    frame::{Frame, Page, page, time},
    health::{self, Activity, Health, Hour},
    role::Role,
    sparkline::sparkline,
    words,
};

/// The routes.
pub fn routes<W: World>() -> Vec<Route<W>> {
    vec![Route::get("/", Access::AtLeast(Role::Viewer), show::<W>)]
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
    may_edit: bool,
    drafts: Vec<DraftLine>,
    cards: Vec<Card>,
    /// What could not be read, as the beginning of a sentence.
    missing: String,
}

/// A draft on the first page.
struct DraftLine {
    name: String,
    path: String,
    /// The version that it changes; `None` of a new pipeline.
    version: Option<u64>,
    by: String,
    at: String,
}

/// A pipeline on the first page.
struct Card {
    name: String,
    sentence: String,
    health: Health,
    todo: Vec<String>,
    standing: String,
    /// What it did; `None` where that could not be read.
    activity: Option<Activity>,
    /// Open failures; `None` where they could not be read.
    failures: Option<u64>,
    /// The destination, and how many batches are in its queue, of all pipelines; `None` of it where nobody can tell.
    waiting: Option<(String, Option<u64>)>,
}

impl Card {
    fn chart(&self) -> String {
        let sent = |activity: &Activity| activity.by_hour.iter().map(|hour| hour.sent).collect::<Vec<_>>();
        self.activity.as_ref().map(|activity| sparkline(&sent(activity))).unwrap_or_default()
    }
}

/// What was sent in the hours that the chart shows.
fn sent_in_a_day(activity: &Activity) -> u64 {
    activity.by_hour.iter().map(|hour| hour.sent).sum()
}

/// When an hour begins, as the table has it.
fn begins(hour: &Hour) -> String {
    crate::frame::time(hour.at).chars().take(16).collect()
}

fn freshness(activity: &Activity) -> Option<String> {
    activity.freshness.map(words::stretch)
}

async fn show<W: World>(State(console): State<Arc<Console<W>>>, Visitor(session): Visitor, frame: Frame) -> Page {
    let (world, now) = (&console.world, console.world.clock().now());
    let open = Selection { standing: Some(Standing::Open), ..Selection::default() };
    let (pipelines, counted, failures, drafts) = join!(
        world.pipelines().live(),
        world.counts().last(health::minutes_of_hours(now)),
        world.failures().list(&open),
        world.drafts().drafts()
    );
    let mut missing = Vec::new();
    let may_edit = session.person.role >= Role::Editor;
    let drafts = if may_edit {
        drafts.map_err(|error| tracing::error!("home is without the drafts: {error}"))
    } else {
        Ok(Vec::new())
    };
    let drafts = drafts.unwrap_or_else(|()| {
        missing.push("the drafts");
        Vec::new()
    });
    let drafts = drafts.into_iter().map(|draft| {
        let name = Outline::of(&draft.document).name.unwrap_or_else(|| "A new pipeline".to_owned());
        let version = draft.base.map(|(_, version)| version);
        DraftLine { name, path: path_of(&draft.id, "mapping"), version, by: draft.by, at: time(draft.at) }
    });
    let drafts = drafts.collect();
    // Without these a card says less, and never that all is well.
    let counted = counted.map_err(|error| {
        tracing::error!("home is without the activity: {error}");
        missing.push("what was sent");
    });
    let failures = failures.map_err(|error| {
        tracing::error!("home is without the failures: {error}");
        missing.push("what has failed");
    });
    let activity = counted.ok().map(|counted| health::activity(&counted, now));
    let failures = failures.ok().map(|listed| health::failures(&listed));
    let pipelines = words::in_service(pipelines?);
    let destination = |pipeline: &StoredPipeline| Outline::of(&pipeline.document).destination;
    let waiting = console.waiting(pipelines.iter().filter_map(destination).collect()).await;
    let waiting: HashMap<String, Option<u64>> =
        waiting.into_iter().map(|queue| (queue.destination, queue.messages)).collect();
    let cards = pipelines.into_iter().map(|pipeline| {
        let activity =
            activity.as_ref().map(|all| all.get(&pipeline.name).cloned().unwrap_or_else(|| health::idle(now)));
        let failures = failures.as_ref().map(|all| all.get(&pipeline.name).copied().unwrap_or_default());
        let retention: Duration = console.settings.retention;
        let (health, todo) = health::health(&pipeline, activity.as_ref(), failures, now, retention);
        Card {
            waiting: destination(&pipeline).map(|name| {
                let messages = waiting.get(&name).copied().flatten();
                (name, messages)
            }),
            sentence: words::sentence(&pipeline.document, &console.settings.known),
            standing: words::standing(&pipeline.state, now, retention),
            name: pipeline.name,
            health,
            todo,
            activity,
            failures,
        }
    });
    page(&Home { frame, may_edit, drafts, cards: cards.collect(), missing: words::beginning(&missing.join(" and ")) })
}
