//! What a person reads where a page cannot be shown.

use axum::response::{IntoResponse, Response};
use http::StatusCode;

use crate::random;

/// Instead of a page. [`crate::dress::dress`] makes a page of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoPage {
    /// The answer's status.
    pub status: StatusCode,
    /// What happened, in a few words.
    pub title: String,
    /// Whose move it is, and what to do.
    pub message: String,
    /// Finds the line in the log again.
    pub id: Option<String>,
    /// Where to go from here: words and path.
    pub next: Option<(&'static str, String)>,
}

impl NoPage {
    fn new(status: StatusCode, title: &str, message: impl Into<String>) -> Self {
        Self { status, title: title.to_owned(), message: message.into(), id: None, next: None }
    }

    /// There is nothing at this address.
    pub fn not_found() -> Self {
        let message = "It may have been removed or renamed, or the address has a mistake.";
        Self::new(StatusCode::NOT_FOUND, "There is no such page", message).with_next("Go to the first page", "/")
    }

    /// The person may not.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "You may not do this", message)
    }

    /// The request is not what a page of ours sends.
    pub fn bad_request(title: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, title, message)
    }

    /// It is otherwise than the person has seen it.
    pub fn conflict(title: &str, message: impl Into<String>, to: &str) -> Self {
        Self::new(StatusCode::CONFLICT, title, message).with_next("Look at it", to)
    }

    /// Nobody is signed in, and the request cannot be made again by itself.
    pub fn signed_out(to: &str) -> Self {
        let message = "Your session has ended, and nothing was changed. Sign in, and do it again.";
        Self::new(StatusCode::UNAUTHORIZED, "You are signed out", message).with_next("Sign in", to)
    }

    /// The body is larger than any of our forms.
    pub fn too_large() -> Self {
        let message = "What was sent is larger than this page takes. Nothing was changed.";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "That is too much at once", message)
    }

    /// Something of ours is broken: `why` goes to the log, and the page has the line's id.
    pub fn broken(why: impl std::fmt::Display) -> Self {
        let message = "It is not your mistake. Try again in a minute; if it goes on, tell whoever runs Freshet the \
                       number below.";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Something is broken", message).logged(why)
    }

    /// Something that we need does not answer.
    pub fn unavailable(message: &str, why: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "Something does not answer", message).logged(why)
    }

    /// Logs the reason under an id that the page shows.
    #[must_use]
    pub fn logged(mut self, why: impl std::fmt::Display) -> Self {
        let id = random::text::<9>().unwrap_or_default();
        tracing::error!(id, status = self.status.as_u16(), "{why}");
        self.id = Some(id);
        self
    }

    /// With a way on.
    #[must_use]
    pub fn with_next(mut self, words: &'static str, path: &str) -> Self {
        self.next = Some((words, path.to_owned()));
        self
    }
}

impl From<shared::ports::PortError> for NoPage {
    fn from(error: shared::ports::PortError) -> Self {
        Self::unavailable("A service that this page needs does not answer. Nothing was changed; try again.", error)
    }
}

impl From<random::NoRandom> for NoPage {
    fn from(error: random::NoRandom) -> Self {
        Self::broken(error)
    }
}

impl From<crate::seal::SealError> for NoPage {
    fn from(error: crate::seal::SealError) -> Self {
        Self::unavailable("Sessions cannot be read or written now. Try again in a minute.", error)
    }
}

impl IntoResponse for NoPage {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
