//! Makes a page of what went wrong.

use std::panic::AssertUnwindSafe;

use askama::Template;
use axum::{
    extract::Request,
    middleware::Next,
    response::{Html, IntoResponse as _, Response},
};
use futures_util::FutureExt as _;
use http::{StatusCode, header};

use crate::{access::Visitor, frame::Frame, harden::Nonce, no_page::NoPage};

#[derive(Template)]
#[template(path = "no_page.html")]
struct NoPageTemplate {
    frame: Frame,
    page: NoPage,
}

/// Gives a [`NoPage`] the frame of all pages. A panic is one too: the execution environment lives on.
pub async fn dress(request: Request, next: Next) -> Response {
    let nonce = request.extensions().get::<Nonce>().cloned();
    let path = request.uri().path().to_owned();
    let caught = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = caught.unwrap_or_else(|_| NoPage::broken("a handler panicked").into_response());
    let Some(page) = response.extensions_mut().remove::<NoPage>().or_else(|| undressed(&response)) else {
        return response;
    };
    let status = response.status();
    let visitor = response.extensions().get::<Visitor>().cloned();
    let Ok(frame) = Frame::new(nonce, visitor.as_ref(), path) else { return status.into_response() };
    let mut dressed = match (NoPageTemplate { frame, page }).render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!("the error's page cannot be rendered: {error}");
            status.into_response()
        }
    };
    for (name, value) in response.headers() {
        if !matches!(*name, header::CONTENT_TYPE | header::CONTENT_LENGTH) {
            dressed.headers_mut().append(name, value.clone());
        }
    }
    dressed
}

/// What axum refuses by itself it says in plain text, or not at all.
fn undressed(response: &Response) -> Option<NoPage> {
    let status = response.status();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !(status.is_client_error() || status.is_server_error()) || kind.starts_with("text/html") {
        return None;
    }
    Some(match status {
        StatusCode::NOT_FOUND => NoPage::not_found(),
        StatusCode::METHOD_NOT_ALLOWED => NoPage::bad_request("This page does not do that", "Nothing was changed."),
        StatusCode::PAYLOAD_TOO_LARGE => NoPage::too_large(),
        _ if status.is_server_error() => NoPage::broken(format!("an answer with the status {status} and no page")),
        _ => NoPage::bad_request("The request has a mistake", "Nothing was changed. Load the page again, and retry."),
    })
}
