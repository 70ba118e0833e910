//! Who may what, in one place: each route names the least role that may use it, and is guarded before its handler runs.

use std::{convert::Infallible, sync::Arc};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{FromRequestParts, Request, State},
    handler::Handler,
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use http::{HeaderMap, HeaderValue, Method, header, request::Parts};

use crate::{Console, World, no_page::NoPage, role::Role, session::Session};

/// The largest body that is taken, in bytes: our largest form is a pipeline's document.
pub const MOST_BODY: usize = 256 * 1024;

/// The form's field and the header in which a page sends its token.
const TOKEN_FIELD: &str = "csrf";
const TOKEN_HEADER: &str = "x-csrf-token";

/// Who may use a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Whoever comes. Only what leads to signing in, and the assets.
    Anyone,
    /// Who is signed in with this role or a greater one.
    AtLeast(Role),
}

/// A method and path, who may use it, and what handles it.
pub struct Route<W> {
    /// `GET`, which is `HEAD`, too; or `POST`.
    pub method: Method,
    /// The path, as axum has it: `/pipelines/{name}`.
    pub path: &'static str,
    /// Who may.
    pub access: Access,
    handler: MethodRouter<Arc<Console<W>>, Infallible>,
}

impl<W: World> Route<W> {
    /// A page.
    pub fn get<H, T>(path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, Arc<Console<W>>>,
        T: 'static,
    {
        Self { method: Method::GET, path, access, handler: on(MethodFilter::GET, handler) }
    }

    /// Something that a form or a button does. What it changes it changes by [`Console::change`].
    pub fn post<H, T>(path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<T, Arc<Console<W>>>,
        T: 'static,
    {
        Self { method: Method::POST, path, access, handler: on(MethodFilter::POST, handler) }
    }
}

/// A router of these routes, each behind its guard.
pub fn guarded<W: World>(console: &Arc<Console<W>>, routes: Vec<Route<W>>) -> Router<Arc<Console<W>>> {
    routes.into_iter().fold(Router::new(), |router, route| {
        let guard = middleware::from_fn_with_state((Arc::clone(console), route.access), guard::<W>);
        router.route(route.path, route.handler.route_layer(guard))
    })
}

/// Whoever is signed in. As a handler's parameter: there is nobody without, where the route has a least role.
#[derive(Clone, Debug)]
pub struct Visitor(pub Arc<Session>);

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = NoPage;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NoPage> {
        let visitor = parts.extensions.get::<Self>().cloned();
        visitor.ok_or_else(|| NoPage::broken("a handler asks who is there, and its route lets anyone in"))
    }
}

async fn guard<W: World>(
    State((console, access)): State<(Arc<Console<W>>, Access)>,
    request: Request,
    next: Next,
) -> Response {
    match admitted(&console, access, request).await {
        Ok(request) => next.run(request).await,
        Err(response) => *response,
    }
}

/// The request, if it may be handled; else the answer.
async fn admitted<W: World>(console: &Console<W>, access: Access, request: Request) -> Result<Request, Box<Response>> {
    let refuse = |page: NoPage| Box::new(page.into_response());
    let is_safe = request.method().is_safe();
    let (parts, body) = request.into_parts();
    if !is_safe && !console.is_own(&parts) {
        let message = "The request did not come from a page of this console. Nothing was changed.";
        return Err(refuse(NoPage::forbidden(message)));
    }
    let Access::AtLeast(least) = access else { return Ok(Request::from_parts(parts, body)) };
    let Some(Visitor(session)) = parts.extensions.get::<Visitor>() else {
        return Err(Box::new(to_sign_in(&parts, is_safe)));
    };
    if session.person.role < least {
        let (least, role) = (least.name(), session.person.role.name());
        let message = format!("It takes the role {least}, and you have {role}. {}", console.settings.contact);
        return Err(refuse(NoPage::forbidden(message)));
    }
    if is_safe {
        return Ok(Request::from_parts(parts, body));
    }
    let body = to_bytes(body, MOST_BODY).await.map_err(|_| refuse(NoPage::too_large()))?;
    if !token(&parts.headers, &body).is_some_and(|token| session.made(&token)) {
        let message = "The page was from another session. Nothing was changed; load it again, and do it once more.";
        return Err(refuse(NoPage::forbidden(message)));
    }
    Ok(Request::from_parts(parts, Body::from(body)))
}

fn to_sign_in(parts: &Parts, is_safe: bool) -> Response {
    let to = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("to", to).finish();
    let sign_in = format!("/sign-in?{query}");
    if parts.headers.contains_key("hx-request") {
        // htmx would put the page that a redirect leads to into the middle of this one.
        let mut response = NoPage::signed_out("/sign-in").into_response();
        if let Ok(value) = HeaderValue::from_str(if is_safe { &sign_in } else { "/sign-in" }) {
            response.headers_mut().insert("hx-redirect", value);
        }
        return response;
    }
    if is_safe { Redirect::to(&sign_in).into_response() } else { NoPage::signed_out("/sign-in").into_response() }
}

fn token(headers: &HeaderMap, body: &[u8]) -> Option<String> {
    if let Some(token) = headers.get(TOKEN_HEADER) {
        return token.to_str().ok().map(str::to_owned);
    }
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let mut fields = url::form_urlencoded::parse(if is_form { body } else { b"" });
    fields.find(|(name, _)| name == TOKEN_FIELD).map(|(_, token)| token.into_owned())
}

impl<W: World> Console<W> {
    /// Whether a request was made by a page of ours. Browsers send `Sec-Fetch-Site` (Fetch Metadata, W3C) and, with what
    /// changes something, `Origin` (Fetch, WHATWG); neither can be set by a script. Without both nothing is changed.
    fn is_own(&self, parts: &Parts) -> bool {
        let text = |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let origin = text("origin").map(|origin| self.origin(parts).as_deref() == Some(origin));
        let site = text("sec-fetch-site").map(|site| site == "same-origin");
        match (origin, site) {
            (None, None) => false,
            (origin, site) => origin.unwrap_or(true) && site.unwrap_or(true),
        }
    }
}
