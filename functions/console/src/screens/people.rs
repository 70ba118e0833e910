//! Settings, people and roles: who gets in, and as what.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Redirect};

use crate::{
    Console, World,
    access::{Access, Route, Visitor},
    door::{Door as _, DoorRules},
    frame::{Frame, Page, page},
    role::Role,
};

/// The routes.
pub fn routes<W: World>() -> Vec<Route<W>> {
    vec![
        Route::get("/settings", Access::AtLeast(Role::Viewer), async || Redirect::to("/settings/people")),
        Route::get("/settings/people", Access::AtLeast(Role::Viewer), show::<W>),
    ]
}

#[derive(Template)]
#[template(path = "people.html")]
struct People {
    frame: Frame,
    role: Role,
    rules: DoorRules,
    contact: String,
}

async fn show<W: World>(State(console): State<Arc<Console<W>>>, Visitor(session): Visitor, frame: Frame) -> Page {
    let rules = console.world.door().rules().await;
    page(&People { frame, role: session.person.role, rules, contact: console.settings.contact.clone() })
}
