//! What is around every page: header, navigation, the person's name.

use askama::Template;
use axum::{extract::FromRequestParts, response::Html};
use http::request::Parts;

use crate::{
    access::Visitor,
    asset::Asset,
    door::Person,
    harden::Nonce,
    no_page::NoPage,
    random::NoRandom,
    screens::{SCREENS, Screen},
};

/// What `templates/base.html` is filled with. As a handler's parameter it is the request's; a screen's template has it as
/// its field `frame`.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Of this answer's scripts.
    pub nonce: String,
    /// Who is signed in.
    pub person: Option<Person>,
    /// What forms send with them; empty where nobody is signed in.
    pub token: String,
    path: String,
}

impl Frame {
    /// Of an answer.
    pub fn new(nonce: Option<Nonce>, visitor: Option<&Visitor>, path: String) -> Result<Self, NoRandom> {
        let token = visitor.map(|Visitor(session)| session.token()).transpose()?.unwrap_or_default();
        let nonce = nonce.map(|nonce| nonce.to_string()).unwrap_or_default();
        Ok(Self { nonce, person: visitor.map(|Visitor(session)| session.person.clone()), token, path })
    }

    /// The same with nobody signed in.
    #[must_use]
    pub fn of_nobody(self) -> Self {
        Self { person: None, token: String::new(), ..self }
    }

    /// The screens that the person may see, and whether each is the present one.
    pub fn screens(&self) -> Vec<(&'static Screen, bool)> {
        let Some(person) = &self.person else { return Vec::new() };
        let seen = SCREENS.iter().filter(|screen| screen.least <= person.role);
        seen.map(|screen| (screen, self.is_in(screen.folder))).collect()
    }

    /// Whether the page is in this folder of the site; `/` has only itself.
    pub fn is_in(&self, folder: &str) -> bool {
        self.path == folder || folder != "/" && self.path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The style sheet's path.
    pub fn style(&self) -> String {
        Asset::Style.path()
    }

    /// The script's path.
    pub fn script(&self) -> String {
        Asset::Script.path()
    }

    /// The path of the script that completes formulas.
    pub fn formula_script(&self) -> String {
        Asset::Formula.path()
    }

    /// The icon's path.
    pub fn icon(&self) -> String {
        Asset::Icon.path()
    }
}

impl<S: Sync> FromRequestParts<S> for Frame {
    type Rejection = NoPage;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NoPage> {
        let nonce = parts.extensions.get::<Nonce>().cloned();
        Ok(Self::new(nonce, parts.extensions.get::<Visitor>(), parts.uri.path().to_owned())?)
    }
}

/// A screen's answer.
pub type Page = Result<Html<String>, NoPage>;

/// Renders a screen.
pub fn page(template: &impl Template) -> Page {
    template.render().map(Html).map_err(|error| NoPage::broken(format!("a page cannot be rendered: {error}")))
}

/// A time as people read it, in UTC, to the second: `2026-07-01 09:30:00`.
pub fn time(at: shared::time::Timestamp) -> String {
    at.to_rfc3339().chars().take(19).map(|character| if character == 'T' { ' ' } else { character }).collect()
}
