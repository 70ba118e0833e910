//! Which addresses a deployment lets be called, and the resolver that keeps to it.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::address::{Scope, scope};

/// Which addresses a deployment lets be called.
///
/// On AWS Lambda this machine itself is where the runtime's own API listens, and a private network may hold anything; so
/// what a setting or somebody's DNS says is not enough.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Those of the internet.
    #[default]
    Internet,
    /// Private and link-local ones, too; and this machine, where the address itself says so: `localhost`, `127.0.0.1`.
    Private,
}

/// Why an address is not called, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refusal(String);

/// The addresses of names: the system's, or those of a test.
pub trait Names: Send + Sync + 'static {
    /// All addresses of a name.
    fn addresses(&self, name: &str) -> impl Future<Output = io::Result<Vec<IpAddr>>> + Send;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemNames;

impl Names for SystemNames {
    async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

impl Reach {
    /// Whether an address may be called; `named` where it was written so, or as `localhost`, and not found by a name.
    fn admits(self, address: IpAddr, named: bool) -> Result<(), Refusal> {
        let (scope, what) = scope(address);
        let mend = match (scope, self) {
            (Scope::Internet, _) | (Scope::Private, Self::Private) => return Ok(()),
            (Scope::Loopback, Self::Private) if named => return Ok(()),
            (Scope::Private, Self::Internet) => {
                "set an address of the internet, or let it be called with allow_private_addresses of the destination"
            }
            (Scope::Loopback | Scope::Nobody, _) => "set the address of a server of the internet",
        };
        let it = if named { "it is".to_owned() } else { format!("it has the address {address},") };
        Err(Refusal(format!("{it} {what}; {mend}")))
    }

    /// Judges an address before its name is resolved: https, or http on this machine; and no number that is refused,
    /// since numbers do not go through the resolver.
    pub(super) fn check(self, url: &Url) -> Result<(), Refusal> {
        let number = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) | None => None,
        };
        if let Some(address) = number {
            self.admits(address, true)?;
        }
        let this_machine =
            url.host_str() == Some(LOCALHOST) || number.is_some_and(|address| scope(address).0 == Scope::Loopback);
        match url.scheme() {
            "https" => Ok(()),
            "http" if this_machine => Ok(()),
            scheme => Err(Refusal(format!("the address begins with {scheme}; set it to https"))),
        }
    }
}

const LOCALHOST: &str = "localhost";

/// Resolves names, and gives no address that may not be called: what is judged is what is dialled.
pub(super) struct Resolver<N> {
    pub(super) reach: Reach,
    pub(super) names: Arc<N>,
}

impl<N: Names> Resolve for Resolver<N> {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, names) = (self.reach, Arc::clone(&self.names));
        Box::pin(async move {
            let found = names.addresses(name.as_str()).await?;
            let (mut admitted, mut refusal) = (Vec::with_capacity(found.len()), None);
            for address in found {
                match reach.admits(address, name.as_str() == LOCALHOST) {
                    Ok(()) => admitted.push(SocketAddr::new(address, 0)),
                    Err(refused) => refusal = Some(refused),
                }
            }
            match refusal {
                Some(refusal) if admitted.is_empty() => Err(refusal.into()),
                _ => Ok::<Addrs, _>(Box::new(admitted.into_iter())),
            }
        })
    }
}
