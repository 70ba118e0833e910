//! Who makes a request: the session out of its cookie.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, header};
use shared::time::Clock as _;

use crate::{
    Console, World,
    access::Visitor,
    asset,
    cookie::Cookie,
    door::{Door, Person},
    no_page::NoPage,
    session::Session,
};

/// Puts the [`Visitor`], if there is one, into the request and its answer, and keeps their session going.
pub async fn identify<W: World>(State(console): State<Arc<Console<W>>>, mut request: Request, next: Next) -> Response {
    if request.uri().path().starts_with(asset::FOLDER) {
        return next.run(request).await;
    }
    let may_begin = request.method().is_safe();
    let (session, cookie) = match console.session(request.headers(), may_begin).await {
        Ok(Some(found)) => found,
        Ok(None) => return next.run(request).await,
        Err(page) => return page.into_response(),
    };
    let visitor = Visitor(Arc::new(session));
    request.extensions_mut().insert(visitor.clone());
    let mut response = next.run(request).await;
    response.extensions_mut().insert(visitor);
    // A handler that sets cookies has the last word: it has signed the person out.
    if let Some(cookie) = cookie.filter(|_| !response.headers().contains_key(header::SET_COOKIE)) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

impl<W: World> Console<W> {
    /// The session of a request, with the cookie to set where that is due.
    async fn session(
        &self,
        headers: &HeaderMap,
        may_begin: bool,
    ) -> Result<Option<(Session, Option<HeaderValue>)>, NoPage> {
        let now = self.world.clock().now();
        if let Some(text) = Cookie::Session.of(headers, W::Door::TRANSPORT) {
            let purpose = Cookie::Session.purpose();
            let session = self.seals.open::<Session>(self.world.secrets(), now, purpose, text).await?;
            if let Some(session) = session.filter(|session| session.lasts(now)) {
                return Ok(Some(match session.noted(now) {
                    Some(noted) => {
                        let cookie = self.keep(&noted).await?;
                        (noted, Some(cookie))
                    }
                    None => (session, None),
                }));
            }
        }
        let Some(person) = self.world.door().resident().filter(|_| may_begin) else { return Ok(None) };
        self.begin(person).await.map(|(session, cookie)| Some((session, Some(cookie))))
    }

    /// Begins a session: itself, and its cookie.
    pub(crate) async fn begin(&self, person: Person) -> Result<(Session, HeaderValue), NoPage> {
        let session = Session::begin(person, self.world.clock().now())?;
        let cookie = self.keep(&session).await?;
        Ok((session, cookie))
    }

    async fn keep(&self, session: &Session) -> Result<HeaderValue, NoPage> {
        let now = self.world.clock().now();
        let sealed = self.seals.seal(self.world.secrets(), now, Cookie::Session.purpose(), session).await?;
        let cookie = Cookie::Session.set(W::Door::TRANSPORT, &sealed);
        cookie.ok_or_else(|| NoPage::broken("a session's cookie cannot stand in a header"))
    }
}
