//! Problems: what has failed and waits for a person, by what is wrong.

mod group;
mod retry;
mod retry_all;

use std::{collections::HashMap, sync::Arc};

use askama::Template;
use axum::{
    Form,
    extract::{Query, State},
    response::Redirect,
};
use serde::Deserialize;
use shared::{
    delivery::Delivery,
    failure::{Kept, Marked, Payload, Selection, Stage, Standing},
    ports::{KeptFailures as _, PortError, Publishing as _, StoredPipeline, Timelines as _},
    redrive::queued_anew,
    time::{Clock as _, Timestamp},
};

use self::group::{Group, grouped, open};
use crate::{
    Console, World,
    access::{Access, Route, Visitor},
    change::Change,
    fate::{Fate, Trace, row_name},
    frame::{Frame, Page, page},
    mask::{self, Personal},
    no_page::NoPage,
    role::Role,
    words,
};

/// How often a failure's page looks by itself what became of it.
const MOST_ROUNDS: u32 = 30;

/// How long a reason may be, in characters.
const MOST_REASON: usize = 200;

/// The routes.
pub fn routes<W: World>() -> Vec<Route<W>> {
    vec![
        Route::get("/problems", Access::AtLeast(Role::Viewer), list::<W>),
        Route::get("/problems/one", Access::AtLeast(Role::Viewer), one::<W>),
        Route::get("/problems/retried", Access::AtLeast(Role::Viewer), retry_all::retried::<W>),
        Route::post("/problems/retry", Access::AtLeast(Role::Editor), retry::retry::<W>),
        Route::post("/problems/retry-newest", Access::AtLeast(Role::Editor), retry::retry_newest::<W>),
        Route::post("/problems/retry-all", Access::AtLeast(Role::Editor), retry_all::retry_all::<W>),
        Route::post("/problems/discard", Access::AtLeast(Role::Editor), discard::<W>),
    ]
}

#[derive(Deserialize)]
struct Asked {
    /// Those of this pipeline.
    pipeline: Option<String>,
}

#[derive(Template)]
#[template(path = "problems.html")]
struct Problems {
    frame: Frame,
    pipeline: Option<String>,
    groups: Vec<Group>,
    total: u64,
    /// When the newest of all failed: what fails later is not meant by the page's buttons.
    newest: Timestamp,
    /// The versions of the pipelines in service, as far as they could be read.
    versions: HashMap<String, u64>,
    may_edit: bool,
}

impl Problems {
    /// The newest version, where what a group holds was made by a version and there is a newer one.
    fn version(&self, group: &Group) -> Option<u64> {
        let version = self.versions.get(group.pipeline.as_ref()?).copied()?;
        (group.stage == Stage::Deliver && version > 1).then_some(version)
    }
}

async fn list<W: World>(
    State(console): State<Arc<Console<W>>>,
    Query(Asked { pipeline }): Query<Asked>,
    Visitor(session): Visitor,
    frame: Frame,
) -> Page {
    let pipeline = pipeline.filter(|pipeline| !pipeline.is_empty());
    let selection = Selection { pipeline: pipeline.clone(), ..Selection::default() };
    let listed = console.world.failures().list(&open(selection)).await?;
    let total = u64::try_from(listed.len()).unwrap_or(u64::MAX);
    let newest = listed.iter().map(|failure| failure.last_at).max().unwrap_or_default();
    let may_edit = session.person.role >= Role::Editor;
    let live = console.world.pipelines().live().await;
    let live = live.inspect_err(|error| tracing::warn!("the problems without the pipelines: {error}"));
    let versions = live.unwrap_or_default().into_iter().map(|pipeline| (pipeline.name, pipeline.version)).collect();
    let mut groups = grouped(listed);
    if !may_edit {
        for group in &mut groups {
            group.title = mask::addresses(&group.reason);
        }
    }
    page(&Problems { frame, pipeline, groups, total, newest, versions, may_edit })
}

/// Whose move it is, by where it failed.
const fn next_step(stage: Stage) -> &'static str {
    match stage {
        Stage::Capture => {
            "The record is no change that a pipeline could take. Whoever writes to the source has to look."
        }
        Stage::Transform => "The mapping fails for such rows. Change the mapping, or the rows, and send them again.",
        Stage::Deliver => {
            "The destination does not take these. Where the mapping is wrong, change it, publish it, and send them again with \
             the new version. Where something has changed at the destination, send them again as they are."
        }
        Stage::Invocation => "A function could not do its work in time. Whoever runs Freshet has to look.",
    }
}

/// The same of one failure.
const fn next_step_of(kept: &Kept) -> &'static str {
    match (kept.failure.stage, &kept.failure.request) {
        (Stage::Transform, _) => "The mapping fails for this row. Change the mapping, or the row, and send it again.",
        (Stage::Deliver, Some(_)) => "The destination has refused it.",
        (Stage::Deliver, None) => {
            "Nothing was sent: what the mapping has made of this row is nothing that the destination takes."
        }
        (stage, _) => next_step(stage),
    }
}

#[derive(Deserialize)]
struct Named {
    id: String,
    /// How often the page has looked by itself.
    #[serde(default)]
    round: u32,
}

#[derive(Template)]
#[template(path = "problem.html")]
struct Problem {
    frame: Frame,
    kept: Kept,
    fate: Fate,
    fate_words: String,
    /// How the row is called.
    row: String,
    is_ledger_read: bool,
    newest: Newest,
    round: u32,
    /// Viewers do not see what was sent and answered: it has people's data in it.
    sees_values: bool,
}

impl Problem {
    fn may_edit(&self) -> bool {
        self.sees_values && self.kept.listed.standing == Standing::Open
    }

    /// Whether the page looks again by itself.
    const fn looks_again(&self) -> bool {
        self.fate.is_on_its_way() && self.round < MOST_ROUNDS
    }
}

/// Whether a refused delivery can be made again by the newest version.
#[derive(Debug, PartialEq, Eq)]
enum Newest {
    /// Its change goes through the newest version anyway.
    Anyway,
    /// It can, by this version.
    Offered(u64),
    /// It can, by this version, from then on.
    Soon(u64, Timestamp),
    /// This one, with which it failed, is the newest still.
    Same(u64),
    /// Its change is not kept any more.
    Gone,
    /// It was made by no version, or that could not be found out.
    Unknown,
}

async fn one<W: World>(
    State(console): State<Arc<Console<W>>>,
    Query(Named { id, round }): Query<Named>,
    Visitor(session): Visitor,
    frame: Frame,
) -> Page {
    let mut kept = console.failure(&id).await?;
    let payload = console.world.failures().payload(&kept.failure).await;
    let payload = payload.inspect_err(|error| tracing::warn!("a failure's page without what failed: {error}"));
    let payload = payload.ok().flatten();
    let trace = payload.as_deref().and_then(|payload| Trace::of(&kept, payload));
    let entries = match &trace {
        Some(trace) => console.world.timelines().entries(&trace.keys()).await,
        None => Ok(HashMap::new()),
    };
    let is_ledger_read = entries.is_ok();
    let entries = entries.inspect_err(|error| tracing::warn!("a failure's page without the ledger: {error}"));
    let fate = Fate::of(&kept, trace.as_ref(), &entries.unwrap_or_default());
    let is_editor = session.person.role >= Role::Editor;
    if !is_editor {
        let personal = console.personal_of(kept.failure.pipeline.as_deref()).await?;
        let failed = payload.as_deref().map_or_else(|| kept.failure.payload.clone(), Payload::of);
        kept.failure.reason = mask::text(&kept.failure.reason, &personal.values(&failed));
    }
    let row = row_name(kept.failure.key.as_ref(), is_editor);
    page(&Problem {
        newest: console.newest(&kept, payload.as_deref()).await,
        frame,
        fate_words: fate.sentence(&row),
        row,
        fate,
        is_ledger_read,
        round,
        sees_values: is_editor,
        kept,
    })
}

#[derive(Deserialize)]
struct Discard {
    id: String,
    reason: String,
}

async fn discard<W: World>(
    State(console): State<Arc<Console<W>>>,
    visitor: Visitor,
    Form(Discard { id, reason }): Form<Discard>,
) -> Result<Redirect, NoPage> {
    let reason: String = reason.trim().chars().take(MOST_REASON).collect();
    let path = path_of(&id);
    if reason.is_empty() {
        let message = "Say in a few words why it is given up, for whoever looks later. Nothing was changed.";
        return Err(NoPage::bad_request("The reason is empty", message).with_next("Go back", &path));
    }
    let kept = console.failure(&id).await?;
    let change = Change {
        action: "discard",
        subject: format!("failure {id}"),
        before: Some(kept.listed.reason.clone()),
        after: Some(format!("given up: {reason}")),
    };
    let (failures, now) = (console.world.failures(), console.world.clock().now());
    let work = async {
        match failures.discard(&id, &reason, now).await? {
            Marked::Yes => Ok(()),
            Marked::Overtaken => Err(Overtaken),
        }
    };
    console.change(&visitor, change, work).await??;
    Ok(Redirect::to(&path))
}

/// Why a failure was not given up.
#[derive(Debug, thiserror::Error)]
enum DiscardError {
    #[error(transparent)]
    Port(#[from] PortError),
    #[error("it is not open any more: somebody else has seen to it")]
    Overtaken,
}
use DiscardError::Overtaken;

impl From<DiscardError> for NoPage {
    fn from(error: DiscardError) -> Self {
        match error {
            DiscardError::Port(error) => error.into(),
            Overtaken => {
                let message = "It is not open any more. Nothing was changed.";
                Self::conflict("Somebody else has seen to it", message, "/problems")
            }
        }
    }
}

fn path_of(id: &str) -> String {
    format!("/problems/one?id={}", url::form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>())
}

impl<W: World> Console<W> {
    /// Which values of a pipeline's records are personal.
    async fn personal_of(&self, pipeline: Option<&str>) -> Result<Personal, NoPage> {
        let Some(name) = pipeline else { return Ok(Personal::Unknown) };
        let stored = self.world.pipelines().find(name).await?;
        let of = |stored: StoredPipeline| Personal::of(name, &stored.document, &self.settings.known);
        Ok(stored.map_or(Personal::Unknown, of))
    }

    async fn failure(&self, id: &str) -> Result<Kept, NoPage> {
        // DynamoDB takes no empty text as a key, and none beyond 2,048 bytes.
        if id.is_empty() || id.len() > 2_048 {
            return Err(NoPage::not_found());
        }
        self.world.failures().get(id).await?.ok_or_else(NoPage::not_found)
    }

    async fn newest(&self, kept: &Kept, payload: Option<&[u8]>) -> Newest {
        match kept.failure.stage {
            Stage::Transform => return Newest::Anyway,
            Stage::Capture | Stage::Invocation => return Newest::Unknown,
            Stage::Deliver => {}
        }
        let (Some(name), Some(version)) = (&kept.failure.pipeline, kept.failure.version) else {
            return Newest::Unknown;
        };
        let found = self.world.pipelines().find(name).await;
        let found = found.inspect_err(|error| tracing::warn!("a failure's page without its pipeline: {error}"));
        let Some(pipeline) = found.ok().flatten().filter(|pipeline| !pipeline.state.is_retired()) else {
            return Newest::Unknown;
        };
        if pipeline.version <= version {
            return Newest::Same(version);
        }
        let delivery = payload.and_then(|payload| serde_json::from_slice::<Delivery>(payload).ok());
        let kept_until = |delivery: Delivery| delivery.arrived_at + self.settings.retention;
        let (now, anew) = (self.world.clock().now(), queued_anew(kept));
        match delivery.map(kept_until) {
            Some(until) if until <= now.max(anew) => Newest::Gone,
            Some(_) if now < anew => Newest::Soon(pipeline.version, anew),
            Some(_) => Newest::Offered(pipeline.version),
            None => Newest::Gone,
        }
    }
}
