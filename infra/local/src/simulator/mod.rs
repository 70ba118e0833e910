//! Simulated vendors, for the demo and for tests: a server on this machine that answers as a connector's file says that
//! the vendor does, refuses what the vendor would refuse, and writes down what it took.
//!
//! There is one simulator for all connectors. It reads the file the other way round: [`catalogue`] says what can be
//! asked, [`backwards`] finds the records in a request, [`record`] checks them, [`rows`] keeps them, [`windows`] counts
//! requests, and [`answer`] puts what became of them into the vendor's own [`examples`]. So it shares the file's
//! mistakes; the contract tests are the check that does not. It shares no code with what makes requests: bodies are
//! matched, credentials compared and signatures verified by code of its own.

mod answer;
mod backwards;
mod catalogue;
mod credentials;
mod examples;
mod jobs;
mod page;
mod received;
mod record;
mod rows;
mod server;
mod service;
mod signature;
mod tokens;
mod windows;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, Method, Uri},
};
use shared::{destination::Connector, value::Object};
use tokio::{net::TcpListener, task::AbortHandle};

use self::{
    catalogue::Settings, credentials::Credentials, received::Log, rows::Rows, service::Service, windows::Windows,
};
pub use self::{
    catalogue::addresses,
    received::{Received, What},
    rows::Row,
    windows::Rate,
};

/// The largest body that is read at all, in bytes. A connector's own bound is below it.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// Which vendor.
#[derive(Clone, Debug)]
pub struct Vendor {
    /// The connector that is meant for it.
    pub connector: &'static Connector,
    /// The destination's settings.
    pub settings: Object,
    /// The secret that it accepts; without one anybody is.
    pub secret: Option<String>,
    /// How many requests it takes; as the connector's file says, without.
    pub rates: Option<Vec<Rate>>,
}

/// What a vendor may do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VendorFault {
    /// 500; nothing is applied.
    Error,
    /// 429 with Retry-After of one or two seconds; nothing is applied.
    Throttle,
    /// The connection closes without an answer: by turns before the request is applied, and after.
    Drop,
    /// Some records fail in a way that passes, the others are applied. Vendors that cannot tell so do not know it.
    Partial,
}

/// Decides when something goes wrong.
pub trait Strikes: Send + Sync {
    /// Whether this fault strikes now. Asked once for each kind and request that it could befall.
    fn strikes(&self, fault: VendorFault) -> bool;
}

/// Nothing ever goes wrong.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoFaults;

impl Strikes for NoFaults {
    fn strikes(&self, _: VendorFault) -> bool {
        false
    }
}

/// A running vendor; it stops when this is dropped.
pub struct Simulator {
    name: Arc<str>,
    address: SocketAddr,
    service: Arc<Service>,
    serving: AbortHandle,
}

impl Simulator {
    /// Starts a vendor on a port of this machine: the given one, or a free one.
    pub async fn start(
        vendor: Vendor,
        name: &str,
        port: Option<u16>,
        faults: Arc<dyn Strikes>,
    ) -> anyhow::Result<Self> {
        let Vendor { connector, settings, secret, rates } = vendor;
        addresses(connector)?;
        let settings = Settings::of(connector, &settings);
        let all = |rate| (rate, Vec::new());
        let windows = rates.map(|rates| rates.into_iter().map(all).collect());
        let windows = windows.unwrap_or_else(|| windows::of(connector, &settings));
        let service = Arc::new(Service {
            endpoints: catalogue::endpoints(connector, &settings)?,
            credentials: Credentials::of(connector, &settings, secret.as_deref())?,
            windows: Mutex::new(Windows::new(windows)),
            rows: Mutex::new(Rows::default()),
            jobs: Mutex::default(),
            log: Log::default(),
            down: AtomicBool::new(false),
            drop_after: AtomicBool::new(false),
            token_path: catalogue::token_path(connector, &settings)?,
            check: catalogue::check(connector, &settings)?,
            connector,
            settings,
            faults,
        });
        let listener = listen(port).await?;
        let address = listener.local_addr()?;
        let name: Arc<str> = Arc::from(name);
        let router = Router::new()
            .fallback(receive)
            .layer(DefaultBodyLimit::max(MAX_BODY))
            .with_state((Arc::clone(&name), Arc::clone(&service)));
        let serving = tokio::spawn(server::serve(listener, router)).abort_handle();
        Ok(Self { name, address, service, serving })
    }

    /// Its name, as its page shows it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address, without a slash at the end. `GET /` shows what it received, to people and, with
    /// `Accept: application/json`, to programs.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that was received so far, in the order in which it was applied.
    pub fn received(&self) -> Vec<Received> {
        self.service.log.since(0)
    }

    /// What was received from the `index`-th on: `received_since(received().len())` is empty until more comes.
    pub fn received_since(&self, index: usize) -> Vec<Received> {
        self.service.log.since(index)
    }

    /// How many requests came, refused and lost ones among them.
    pub fn requests(&self) -> u64 {
        self.service.log.requests()
    }

    /// The rows that it holds, removed ones among them, in the order in which they were made.
    pub fn rows(&self) -> Vec<Row> {
        self.service.rows().all().to_vec()
    }

    /// From now on it closes every connection without an answer, or answers again.
    pub fn set_down(&self, down: bool) {
        self.service.down.store(down, Ordering::Relaxed);
    }
}

async fn listen(port: Option<u16>) -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).await
}

/// Every request; the page is at `GET /`.
async fn receive(
    State((name, service)): State<(Arc<str>, Arc<Service>)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> axum::response::Response {
    if method == Method::GET && uri.path() == "/" {
        return page::page(&name, &service.log, &headers);
    }
    service.answer(&method, &uri, &headers, &body)
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Simulator").field("name", &self.name).field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[cfg(test)]
mod tests;
