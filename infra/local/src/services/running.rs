//! A service that runs, and the server that most of them share.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::Future;
use std::net::Ipv4Addr;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use super::Error;

/// A service of the stack. It stops when this is dropped.
#[derive(Debug)]
pub struct Running {
    /// Where it listens: `http://127.0.0.1:<port>`.
    pub endpoint_url: String,
    stop: oneshot::Sender<Infallible>,
    task: JoinHandle<()>,
}

impl Running {
    /// Stops the service and waits until it has let go of its port and files. Requests in progress are cut off, except
    /// those of DynamoDB, which it finishes.
    pub async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.task.await {
            tracing::warn!(%error, endpoint_url = self.endpoint_url, "a local service ended badly");
        }
    }

    /// Runs what `serve` makes of the listener; it is given a future that ends when the service should.
    pub(super) fn spawn<F>(listener: TcpListener, serve: impl FnOnce(TcpListener, Stopped) -> F) -> Result<Self, Error>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let endpoint_url = url_of(&listener)?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(serve(listener, Stopped(stopped)));
        Ok(Self { endpoint_url, stop, task })
    }

    /// Serves HTTP/1.1.
    pub(super) fn serve<S, B>(listener: TcpListener, service: S) -> Result<Self, Error>
    where
        S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<Box<dyn StdError + Send + Sync>>,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        Self::spawn(listener, |listener, stopped| accept(listener, service, stopped))
    }
}

/// Ends when the service should.
pub(super) struct Stopped(oneshot::Receiver<Infallible>);

impl Stopped {
    pub(super) async fn wait(self) {
        // Nothing is ever sent: the error is the news.
        let Err(_dropped) = self.0.await;
    }
}

/// Serves HTTP/1.1 until the service should stop. The connections end with this future, since they belong to its set.
pub(super) async fn accept<S, B>(listener: TcpListener, service: S, stopped: Stopped)
where
    S: Service<Request<Incoming>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn StdError + Send + Sync>>,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    let mut connections = JoinSet::new();
    let mut stopped = std::pin::pin!(stopped.wait());
    loop {
        tokio::select! {
            () = &mut stopped => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    // A response is one write; waiting to fill a packet would only delay it.
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "a connection keeps its delay");
                    }
                    // No timer: it would close idle connections that a client is about to use again.
                    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone());
                    connections.spawn(async move {
                        if let Err(error) = connection.await {
                            tracing::debug!(%error, "a connection ended early");
                        }
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    // Too many open files is the usual reason, and it lasts.
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
            },
        }
    }
}

/// A listener on the loopback address.
pub(super) async fn bind(service: &'static str, port: Option<u16>) -> Result<TcpListener, Error> {
    let port = port.unwrap_or_default();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await;
    listener.map_err(|source| Error::Listen { service, port, source })
}

/// The address of a listener as a URL.
pub(super) fn url_of(listener: &TcpListener) -> Result<String, Error> {
    let address = listener.local_addr().map_err(Error::Address)?;
    Ok(format!("http://{address}"))
}
