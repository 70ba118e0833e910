//! Settings, audit log: who changed what.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;
use shared::{
    audit::{AuditEntry, AuditOutcome},
    ports::Audit as _,
};

use crate::{
    Console, World,
    access::{Access, Route},
    frame::{Frame, Page, page},
    role::Role,
};

/// How many entries a page has.
const A_PAGE: usize = 50;

/// The routes.
pub fn routes<W: World>() -> Vec<Route<W>> {
    vec![Route::get("/settings/audit", Access::AtLeast(Role::Admin), show::<W>)]
}

#[derive(Deserialize)]
struct Asked {
    /// The place of the page before's last entry.
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct Audit {
    frame: Frame,
    entries: Vec<AuditEntry>,
    /// Where the next page begins, if there is one.
    older: Option<String>,
    is_first: bool,
}

async fn show<W: World>(State(console): State<Arc<Console<W>>>, Query(asked): Query<Asked>, frame: Frame) -> Page {
    // DynamoDB takes no empty text as a key.
    let before = asked.before.as_deref().filter(|before| !before.is_empty() && before.len() <= 64);
    let mut entries = console.world.audit().recent(before, A_PAGE + 1).await?;
    let has_more = entries.len() > A_PAGE;
    entries.truncate(A_PAGE);
    let older = entries.last().filter(|_| has_more).map(AuditEntry::place);
    let older = older.map(|place| url::form_urlencoded::byte_serialize(place.as_bytes()).collect());
    page(&Audit { frame, entries, older, is_first: before.is_none() })
}

/// An outcome in words.
fn words(outcome: &AuditOutcome) -> String {
    match outcome {
        AuditOutcome::Begun => "Begun; nobody knows how it ended".to_owned(),
        AuditOutcome::Done => "Done".to_owned(),
        AuditOutcome::Failed(reason) => format!("Not done: {reason}"),
    }
}
