//! Signing in and out.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, Request, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::{HeaderValue, StatusCode, header, request::Parts};
use serde::{Deserialize, Serialize};
use shared::time::Clock as _;

use crate::{
    Console, World,
    access::{Access, Route, Visitor},
    cookie::Cookie,
    door::{Arrival, Departure, Door, DoorError, Handshake},
    frame::{Frame, Page, page},
    no_page::NoPage,
    return_path::ReturnPath,
    role::Role,
};

/// Where a person comes back to from the identity provider. It has to know the whole address beforehand.
pub const CALLBACK: &str = "/sign-in/return";

/// The routes.
pub fn routes<W: World>() -> Vec<Route<W>> {
    vec![
        Route::get("/sign-in", Access::Anyone, show),
        Route::get("/sign-in/start", Access::Anyone, start::<W>),
        Route::get(CALLBACK, Access::Anyone, come_back::<W>),
        Route::get("/signed-out", Access::Anyone, signed_out),
        Route::post("/sign-out", Access::AtLeast(Role::Viewer), sign_out::<W>),
    ]
}

#[derive(Deserialize)]
struct Asked {
    to: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignIn {
    frame: Frame,
    /// Where the button leads.
    start: String,
}

async fn show(Query(asked): Query<Asked>, frame: Frame) -> Result<Response, NoPage> {
    let to = ReturnPath::of(asked.to.as_deref());
    if frame.person.is_some() {
        return Ok(Redirect::to(to.as_str()).into_response());
    }
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("to", to.as_str()).finish();
    page(&SignIn { frame, start: format!("/sign-in/start?{query}") }).map(axum::response::IntoResponse::into_response)
}

/// What is kept in the browser of a person on the way.
#[derive(Serialize, Deserialize)]
struct Kept {
    handshake: Handshake,
    to: String,
    /// When they left, in milliseconds since 1970.
    left_at: shared::time::Timestamp,
}

/// A person has so long to sign in.
const LONGEST_WAY: std::time::Duration = std::time::Duration::from_mins(10);

async fn start<W: World>(
    State(console): State<Arc<Console<W>>>,
    Query(asked): Query<Asked>,
    request: Request,
) -> Result<Response, NoPage> {
    let (parts, _) = request.into_parts();
    let Departure { url, handshake } =
        console.world.door().depart(&console.callback(&parts)?).await.map_err(no_door)?;
    let now = console.world.clock().now();
    let to = ReturnPath::of(asked.to.as_deref()).as_str().to_owned();
    let kept = Kept { handshake, to, left_at: now };
    let sealed = console.seals.seal(console.world.secrets(), now, Cookie::SignIn.purpose(), &kept).await?;
    let cookie = Cookie::SignIn.set(W::Door::TRANSPORT, &sealed);
    Ok(with_cookies(Redirect::to(&url).into_response(), [cookie]))
}

/// What comes back in the address: a code, or why there is none (RFC 6749, 4.1.2).
#[derive(Deserialize)]
struct Returned {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

#[derive(Template)]
#[template(path = "no_role.html")]
struct NoRole {
    frame: Frame,
    name: String,
    contact: String,
}

async fn come_back<W: World>(
    State(console): State<Arc<Console<W>>>,
    Query(returned): Query<Returned>,
    frame: Frame,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let answer = match console.arrival(&parts, returned).await {
        Ok((Arrival::Person(person), to)) => match console.begin(person).await {
            Ok((_, cookie)) => with_cookies(Redirect::to(to.as_str()).into_response(), [Some(cookie)]),
            Err(no_page) => no_page.into_response(),
        },
        Ok((Arrival::Stranger { name }, _)) => {
            let contact = console.settings.contact.clone();
            let page = page(&NoRole { frame, name, contact });
            page.map_or_else(NoPage::into_response, |page| (StatusCode::FORBIDDEN, page).into_response())
        }
        Err(no_page) => no_page.into_response(),
    };
    // Whatever came of it: a second time it is worth nothing.
    with_cookies(answer, [Cookie::SignIn.clear(W::Door::TRANSPORT)])
}

impl<W: World> Console<W> {
    async fn arrival(&self, parts: &Parts, returned: Returned) -> Result<(Arrival, ReturnPath), NoPage> {
        let now = self.world.clock().now();
        let kept: Option<Kept> = match Cookie::SignIn.of(&parts.headers, W::Door::TRANSPORT) {
            Some(text) => self.seals.open(self.world.secrets(), now, Cookie::SignIn.purpose(), text).await?,
            None => None,
        };
        let Some(Kept { handshake, to, .. }) = kept.filter(|kept| now.since(kept.left_at) < LONGEST_WAY) else {
            return Err(refused("the browser has not begun to sign in, or more than ten minutes ago"));
        };
        if returned.state.as_deref() != Some(handshake.state.as_str()) {
            return Err(refused("the state is another"));
        }
        if returned.error.is_some() {
            return Err(refused("the identity provider has refused"));
        }
        let Some(code) = returned.code else { return Err(refused("there is no code")) };
        let arrival = self.world.door().arrive(&self.callback(parts)?, handshake, code).await.map_err(no_door)?;
        Ok((arrival, ReturnPath::of(Some(&to))))
    }

    fn callback(&self, parts: &Parts) -> Result<String, NoPage> {
        let origin = self.origin(parts).ok_or_else(|| refused("the request names no host"))?;
        Ok(format!("{origin}{CALLBACK}"))
    }
}

fn refused(why: &str) -> NoPage {
    NoPage::bad_request("You could not be signed in", "Begin again; the number below tells whoever runs Freshet why.")
        .logged(format!("nobody was signed in: {why}"))
        .with_next("Sign in", "/sign-in")
}

fn no_door(error: DoorError) -> NoPage {
    match error {
        DoorError::Refused(why) => refused(&why),
        DoorError::Unavailable(why) => {
            NoPage::unavailable("Signing in is not possible now. Try again in a minute.", why)
                .with_next("Sign in", "/sign-in")
        }
    }
}

#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOut {
    frame: Frame,
}

async fn signed_out(frame: Frame) -> Page {
    page(&SignedOut { frame: frame.of_nobody() })
}

async fn sign_out<W: World>(_: State<Arc<Console<W>>>, _: Visitor) -> Response {
    with_cookies(Redirect::to("/signed-out").into_response(), [Cookie::Session.clear(W::Door::TRANSPORT)])
}

fn with_cookies(mut response: Response, cookies: impl IntoIterator<Item = Option<HeaderValue>>) -> Response {
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
