//! Lambda's Runtime API on the loopback ("Using the Lambda runtime API for custom runtimes"): hands events to one
//! function, and takes its answers.

use std::sync::Arc;

use anyhow::Context as _;
use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{Response, StatusCode},
    routing::{get, post},
};
use bytes::Bytes;
use tokio::{
    net::TcpListener,
    sync::{Mutex, mpsc},
};

/// What the function did.
#[derive(Debug)]
pub enum Said {
    /// It asked for its first event, or the next one.
    Ready,
    /// It answered, or failed.
    Answered(Result<Bytes, Bytes>),
}

/// A running Runtime API.
#[derive(Debug)]
pub struct RuntimeApi {
    /// Where it is: the value of `AWS_LAMBDA_RUNTIME_API`.
    pub address: String,
    events: mpsc::Sender<Bytes>,
    said: mpsc::Receiver<Said>,
}

struct Shared {
    events: Mutex<mpsc::Receiver<Bytes>>,
    said: mpsc::Sender<Said>,
}

impl RuntimeApi {
    /// Starts it on a free port.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (events, to_function) = mpsc::channel(1);
        let (from_function, said) = mpsc::channel(4);
        let shared = Arc::new(Shared { events: Mutex::new(to_function), said: from_function });
        let app = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(error_at_start))
            .with_state(shared);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok(Self { address, events, said })
    }

    /// Waits until the function asks for an event.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        match self.said.recv().await {
            Some(Said::Ready) => Ok(()),
            Some(Said::Answered(answer)) => anyhow::bail!("the function does not start: {answer:?}"),
            None => anyhow::bail!("the Runtime API ended"),
        }
    }

    /// Hands an event over, and waits for the answer and for the function to ask for the next one.
    pub async fn invoke(&mut self, event: Bytes) -> anyhow::Result<Bytes> {
        self.events.send(event).await.context("the Runtime API ended")?;
        let mut answer = None;
        loop {
            match self.said.recv().await.context("the Runtime API ended")? {
                Said::Answered(Ok(body)) => answer = Some(body),
                Said::Answered(Err(body)) => anyhow::bail!("the function failed: {}", String::from_utf8_lossy(&body)),
                Said::Ready => {
                    if let Some(answer) = answer.take() {
                        return Ok(answer);
                    }
                }
            }
        }
    }
}

async fn next(State(shared): State<Arc<Shared>>) -> Result<Response<Body>, StatusCode> {
    let gone = |_| StatusCode::GONE;
    shared.said.send(Said::Ready).await.map_err(gone)?;
    let event = shared.events.lock().await.recv().await.ok_or(StatusCode::GONE)?;
    Response::builder()
        .header("lambda-runtime-aws-request-id", "bench")
        .header("lambda-runtime-deadline-ms", "4102444800000")
        .header("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:123456789012:function:bench")
        .header("content-type", "application/json")
        .body(Body::from(event))
        .map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}

async fn tell(shared: &Shared, said: Said) -> StatusCode {
    if shared.said.send(said).await.is_ok() { StatusCode::ACCEPTED } else { StatusCode::GONE }
}

async fn response(State(shared): State<Arc<Shared>>, Path(_): Path<String>, body: Bytes) -> StatusCode {
    tell(&shared, Said::Answered(Ok(body))).await
}

async fn error(State(shared): State<Arc<Shared>>, Path(_): Path<String>, body: Bytes) -> StatusCode {
    tell(&shared, Said::Answered(Err(body))).await
}

async fn error_at_start(State(shared): State<Arc<Shared>>, body: Bytes) -> StatusCode {
    tell(&shared, Said::Answered(Err(body))).await
}
