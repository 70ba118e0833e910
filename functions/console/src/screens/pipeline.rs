//! A pipeline: how it is, its versions, and what can be done with it.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    Console, World,
    access::{Access, Route, Visitor},
    change::Change,
    difference::{Line, lines},
    frame::{Frame, Page, page, time},
    health::{self, Activity, Health, MINUTES},
    no_page::NoPage,
    role::Role,
    sparkline::sparkline,
    words,
};
use askama::Template;
use axum::{
    Form,
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use futures_util::join;
use http::{HeaderValue, header};
use serde::Deserialize;
use shared::{
    failure::{Selection, Standing},
    pipeline::{
        publication::Edition,
        standing::{self, StandingError},
        timeline::NOTICE,
    },
    ports::{Counts as _, KeptFailures as _, Publishing as _, StoredPipeline},
    time::Clock as _,
};

/// How many versions a page lists.
const VERSIONS: usize = 20;

/// How long a reason may be, in characters.
const MOST_REASON: usize = 200;

/// The routes.
pub fn routes<W: World>() -> Vec<Route<W>> {
    let (viewer, editor) = (Access::AtLeast(Role::Viewer), Access::AtLeast(Role::Editor));
    vec![
        Route::get("/pipelines/{name}", viewer, show::<W>),
        Route::get("/pipelines/{name}/versions/{version}", viewer, version::<W>),
        Route::get("/pipelines/{name}/versions/{version}/toml", viewer, export::<W>),
        Route::post("/pipelines/{name}/pause", editor, pause::<W>),
        Route::post("/pipelines/{name}/resume", editor, resume::<W>),
        Route::post("/pipelines/{name}/roll-back", editor, roll_back::<W>),
    ]
}

#[derive(Template)]
#[template(path = "pipeline.html")]
struct Shown {
    frame: Frame,
    pipeline: StoredPipeline,
    sentence: String,
    standing: String,
    health: Health,
    todo: Vec<String>,
    activity: Option<Activity>,
    failures: Option<u64>,
    versions: Vec<StoredPipeline>,
    may_edit: bool,
    /// It is read-only here, since its text lives in a repository.
    is_of_git: bool,
}

impl Shown {
    fn chart(&self) -> String {
        self.activity.as_ref().map(|activity| sparkline(&activity.by_minute)).unwrap_or_default()
    }
}

async fn show<W: World>(
    State(console): State<Arc<Console<W>>>,
    Path(name): Path<String>,
    Visitor(session): Visitor,
    frame: Frame,
) -> Page {
    let (world, now) = (&console.world, console.world.clock().now());
    let pipeline = console.pipeline(&name).await?;
    let open = Selection { standing: Some(Standing::Open), pipeline: Some(name.clone()), ..Selection::default() };
    let (counted, failures, versions) =
        join!(world.counts().last(MINUTES), world.failures().list(&open), world.pipelines().history(&name));
    let activity = counted
        .inspect_err(|error| tracing::error!("a pipeline's page is without the activity: {error}"))
        .ok()
        .map(|counted| health::activity(&counted, now).remove(&name).unwrap_or_default());
    let failures = failures
        .inspect_err(|error| tracing::error!("a pipeline's page is without the failures: {error}"))
        .ok()
        .map(|listed| u64::try_from(listed.len()).unwrap_or(u64::MAX));
    let mut versions = versions?;
    versions.truncate(VERSIONS);
    let retention = console.settings.retention;
    let (health, todo) = health::health(&pipeline, activity.as_ref(), failures, now, retention);
    page(&Shown {
        sentence: words::sentence(&pipeline.document, &console.settings.known),
        standing: words::standing(&pipeline.state, now, retention),
        is_of_git: words::is_of_git(&pipeline.document),
        may_edit: session.person.role >= Role::Editor,
        frame,
        pipeline,
        health,
        todo,
        activity,
        failures,
        versions,
    })
}

#[derive(Template)]
#[template(path = "version.html")]
struct Version {
    frame: Frame,
    pipeline: StoredPipeline,
    number: u64,
    /// Its lines beside those of the version before, each with its sign.
    lines: Vec<Line>,
    /// The version that it is compared with, if there is one.
    before: Option<u64>,
    may_edit: bool,
    is_of_git: bool,
}

async fn version<W: World>(
    State(console): State<Arc<Console<W>>>,
    Path((name, version)): Path<(String, u64)>,
    Visitor(session): Visitor,
    frame: Frame,
) -> Page {
    let pipeline = console.pipeline(&name).await?;
    let text = console.text(&pipeline, version).await?;
    let before = version.checked_sub(1).filter(|before| *before > 0);
    let old = match before {
        Some(before) => console.text(&pipeline, before).await?,
        // The first one is shown as it is.
        None => text.clone(),
    };
    let is_of_git = words::is_of_git(&pipeline.document);
    let may_edit = session.person.role >= Role::Editor;
    page(&Version { frame, pipeline, number: version, lines: lines(&old, &text), before, may_edit, is_of_git })
}

/// The version's text as a file, byte for byte as it was published.
async fn export<W: World>(
    State(console): State<Arc<Console<W>>>,
    Path((name, version)): Path<(String, u64)>,
) -> Result<Response, NoPage> {
    let pipeline = console.pipeline(&name).await?;
    let text = console.text(&pipeline, version).await?;
    // A pipeline's name is small letters, digits and dashes.
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{}.toml\"", pipeline.name));
    let disposition = disposition.map_err(NoPage::broken)?;
    let kind = HeaderValue::from_static("application/toml; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, disposition)], text).into_response())
}

#[derive(Deserialize)]
struct Pause {
    reason: Option<String>,
}

async fn pause<W: World>(
    State(console): State<Arc<Console<W>>>,
    Path(name): Path<String>,
    visitor: Visitor,
    Form(form): Form<Pause>,
) -> Result<Redirect, NoPage> {
    let reason: Option<String> = form.reason.map(|reason| reason.trim().chars().take(MOST_REASON).collect());
    let reason = reason.filter(|reason: &String| !reason.is_empty());
    let before = console.pipeline(&name).await?;
    let pipelines = console.world.pipelines();
    let by = visitor.0.person.name.clone();
    let make = async {
        let now = pipelines.now().await?;
        standing::pause(pipelines, &name, &by, reason.as_deref(), now).await
    };
    let after = reason.as_ref().map_or("paused".to_owned(), |reason| format!("paused: {reason}"));
    console.make(&visitor, "pause", &before, after, make).await
}

async fn resume<W: World>(
    State(console): State<Arc<Console<W>>>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Result<Redirect, NoPage> {
    let before = console.pipeline(&name).await?;
    let pipelines = console.world.pipelines();
    let make = async {
        let now = pipelines.now().await?;
        standing::resume(pipelines, &name, now).await
    };
    console.make(&visitor, "resume", &before, "live".to_owned(), make).await
}

#[derive(Deserialize)]
struct RollBack {
    /// The version whose text is wanted.
    to: u64,
    /// The version that the person has seen to be the newest.
    seen: u64,
}

async fn roll_back<W: World>(
    State(console): State<Arc<Console<W>>>,
    Path(name): Path<String>,
    visitor: Visitor,
    Form(RollBack { to, seen }): Form<RollBack>,
) -> Result<Redirect, NoPage> {
    let before = console.pipeline(&name).await?;
    if words::is_of_git(&before.document) {
        let message =
            "Its text lives in a repository, and the next push from there would take this back. Change it there.";
        return Err(NoPage::conflict("This pipeline is managed by git", message, &path_of(&name)));
    }
    if before.version != seen {
        let message = format!(
            "{} published version {} at {} UTC, which you had not seen. Nothing was changed; look at it first.",
            before.by,
            before.version,
            time(before.at)
        );
        let newest = format!("{}/versions/{}", path_of(&name), before.version);
        return Err(NoPage::conflict("Somebody else was here meanwhile", message, &newest));
    }
    let pipelines = console.world.pipelines();
    let by = visitor.0.person.name.clone();
    let make = async {
        let at = pipelines.now().await?;
        let edition = Edition { by, at, from: at + NOTICE };
        let versions = BTreeMap::from([(name.clone(), seen)]);
        standing::roll_back(pipelines, &name, to, &edition, &versions, &console.settings.known).await
    };
    console.make(&visitor, "roll back", &before, format!("the text of version {to}"), make).await
}

pub(super) fn path_of(name: &str) -> String {
    format!("/pipelines/{}", url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>())
}

impl<W: World> Console<W> {
    /// The pipeline of this name, also one that is out of service.
    async fn pipeline(&self, name: &str) -> Result<StoredPipeline, NoPage> {
        self.world.pipelines().find(name).await?.ok_or_else(NoPage::not_found)
    }

    async fn text(&self, pipeline: &StoredPipeline, version: u64) -> Result<String, NoPage> {
        standing::text_of(self.world.pipelines(), pipeline, version).await.map_err(NoPage::from)
    }

    /// Changes how a pipeline stands, and goes back to its page.
    async fn make<T>(
        &self,
        visitor: &Visitor,
        action: &'static str,
        before: &StoredPipeline,
        after: String,
        make: impl Future<Output = Result<T, StandingError>> + Send,
    ) -> Result<Redirect, NoPage> {
        let (now, retention) = (self.world.clock().now(), self.settings.retention);
        let standing = words::standing(&before.state, now, retention);
        let change = Change {
            action,
            subject: format!("pipeline {}", before.name),
            before: Some(format!("Version {}. {standing}", before.version)),
            after: Some(after),
        };
        self.change(visitor, change, make).await??;
        Ok(Redirect::to(&path_of(&before.name)))
    }
}

impl From<StandingError> for NoPage {
    fn from(error: StandingError) -> Self {
        match error {
            StandingError::Port(error) => error.into(),
            StandingError::NoPipeline { .. } | StandingError::NoVersion { .. } => Self::not_found(),
            StandingError::Already(pipeline) => Self::conflict(
                "It stands so already",
                "Somebody else may have done it meanwhile. Nothing was changed.",
                &path_of(&pipeline.name),
            ),
            StandingError::OutOfService(name) => Self::conflict(
                "This pipeline is out of service",
                "It sends nothing any more, so there is nothing to pause.",
                &path_of(&name),
            ),
            StandingError::Busy(name) => {
                Self::conflict("Others change it all the time", "Nothing was changed; try again.", &path_of(&name))
            }
            error @ (StandingError::NotRunnable(_) | StandingError::Publish(_)) => {
                Self::conflict("It was not published", error.to_string(), "/")
            }
        }
    }
}
