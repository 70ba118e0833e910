//! Serves a router, and can close a connection without an answer, which a router alone cannot.

use std::{convert::Infallible, fmt};

use axum::{Router, body::Body, extract::Request, response::Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet};
use tower::ServiceExt as _;

/// Put into a response's extensions, it closes the connection in the response's stead.
#[derive(Clone, Copy, Debug)]
pub struct Hangup;

impl Hangup {
    /// A response that is none.
    pub fn response() -> Response {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(Self);
        response
    }
}

impl fmt::Display for Hangup {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the connection is closed on purpose")
    }
}

impl std::error::Error for Hangup {}

/// Serves until it is aborted; then its connections end, too.
pub async fn serve(listener: TcpListener, router: Router) {
    let mut connections = JoinSet::new();
    // A failed accept is a client that went away, or too many open files: the next one may do.
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else { continue };
        let router = router.clone();
        connections.spawn(async move {
            let service = service_fn(|request: Request<Incoming>| {
                let router = router.clone();
                async move {
                    let response: Result<_, Infallible> = router.oneshot(request.map(Body::new)).await;
                    let Ok(response) = response;
                    if response.extensions().get::<Hangup>().is_some() { Err(Hangup) } else { Ok(response) }
                }
            });
            // It ends with an error where a fault closed it, or where the client did.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
