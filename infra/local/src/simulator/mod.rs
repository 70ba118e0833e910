//! Simulated vendors, for the demo and for tests: servers on this machine that answer as the vendor's documentation
//! says, refuse what the vendor would refuse, and write down what they took.
//!
//! What was taken is the evidence that nothing was lost and that order was kept. So nothing here shares code with what
//! makes requests: the signature is verified by code of its own, bodies are read by types of their own, and
//! [`Received`] counts for itself.

mod hubspot;
mod page;
mod received;
mod server;
mod webhook;

use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use tokio::{net::TcpListener, task::AbortHandle};

use self::received::Log;
pub use self::received::{Received, What};

/// Which vendor, with the credential that it accepts.
#[derive(Clone, Debug)]
pub enum Vendor {
    /// HubSpot's contacts.
    HubSpot {
        /// The access token.
        token: String,
    },
    /// Any receiver of Standard Webhooks.
    Webhook {
        /// The shared secret, `whsec_…`; without one signatures are not looked at.
        secret: Option<String>,
    },
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
    /// 207: some inputs fail in a way that passes, the others are applied. Vendors that answer for the whole request do
    /// not know it.
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
#[derive(Debug)]
pub struct Simulator {
    name: String,
    address: SocketAddr,
    log: Arc<Log>,
    contacts: Option<Arc<hubspot::Contacts>>,
    serving: AbortHandle,
}

/// A contact as it stands at the simulated HubSpot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// HubSpot's own id of it.
    pub id: String,
    /// Its properties.
    pub properties: BTreeMap<String, String>,
    /// It is archived.
    pub archived: bool,
}

impl Simulator {
    /// Starts a vendor on a port of this machine: the given one, or a free one.
    pub async fn start(vendor: Vendor, name: &str, port: Option<u16>, faults: Arc<dyn Strikes>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.unwrap_or(0))).await?;
        let address = listener.local_addr()?;
        let log = Arc::new(Log::default());
        let (router, contacts) = match vendor {
            Vendor::HubSpot { token } => {
                let contacts = Arc::new(hubspot::Contacts::default());
                (hubspot::router(token, Arc::clone(&contacts), Arc::clone(&log), faults), Some(contacts))
            }
            Vendor::Webhook { secret } => {
                let verifier = secret.as_deref().map(webhook::Verifier::new).transpose();
                let verifier = verifier.map_err(|reason| io::Error::new(io::ErrorKind::InvalidInput, reason))?;
                (webhook::router(verifier, Arc::clone(&log), faults), None)
            }
        };
        let router = router.merge(page::router(name.to_owned(), Arc::clone(&log)));
        let serving = tokio::spawn(server::serve(listener, router)).abort_handle();
        Ok(Self { name: name.to_owned(), address, log, contacts, serving })
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
        self.log.since(0)
    }

    /// What was received from the `index`-th on: `received_since(received().len())` is empty until more comes.
    pub fn received_since(&self, index: usize) -> Vec<Received> {
        self.log.since(index)
    }

    /// The contacts at the simulated HubSpot, by id, archived ones among them; none at other vendors.
    pub fn contacts(&self) -> Vec<Contact> {
        self.contacts.as_ref().map_or_else(Vec::new, |contacts| contacts.all())
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

#[cfg(test)]
mod tests;
