//! How people get in: a port, since a deployed console and the one on a developer's machine differ in nothing else.
//!
//! Who is let in by what is decided when the program is compiled. This package has one door, [`crate::OpenId`], and the
//! function's `main` hangs it in; the door of the local stack is in the `freshet` command, in which no zip has a part. So
//! there is nothing in a deployed function that a variable could switch on.

use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::role::{Role, RoleRules};

/// How browsers come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Over TLS, which ends before the function.
    Tls,
    /// Over plain HTTP, from this machine to this machine. Requests with another host's name are refused, so that no
    /// page of the internet can let its own name point here.
    Loopback,
}

/// Who is in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The identity provider's id, which never changes.
    pub id: String,
    /// What to call them.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

/// What was sent to the identity provider, and has to come back with the person. Kept sealed in their browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handshake {
    /// Comes back in the address.
    pub state: String,
    /// Comes back in the ID token.
    pub nonce: String,
    /// Shows that whoever redeems the code is who asked for it (PKCE, RFC 7636).
    pub verifier: String,
}

/// A person on the way to the identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Departure {
    /// Where to.
    pub url: String,
    /// What has to come back.
    pub handshake: Handshake,
}

/// Whom the identity provider says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Somebody with a role.
    Person(Person),
    /// Somebody without.
    Stranger {
        /// What to call them.
        name: String,
    },
}

/// Why nobody is let in. The text is for the log: neither a secret nor anybody's data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DoorError {
    /// The identity provider, or what is kept about it, cannot be reached or is not set up.
    #[error("{0}")]
    Unavailable(String),
    /// What came back is not what it has to be.
    #[error("{0}")]
    Refused(String),
}

/// What the settings' page tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DoorRules {
    /// Who says who people are.
    pub issuer: String,
    /// Which claims stand for which roles, if claims do.
    pub roles: Option<RoleRules>,
}

/// How people get in.
pub trait Door: Send + Sync + 'static {
    /// How browsers come.
    const TRANSPORT: Transport;

    /// Begins to sign somebody in, who shall come back to `callback`.
    fn depart(&self, callback: &str) -> impl Future<Output = Result<Departure, DoorError>> + Send;

    /// Ends it: `code` came back to `callback`, and its state was the handshake's.
    fn arrive(
        &self,
        callback: &str,
        handshake: Handshake,
        code: String,
    ) -> impl Future<Output = Result<Arrival, DoorError>> + Send;

    /// Who is in without signing in.
    fn resident(&self) -> Option<Person> {
        None
    }

    /// What the settings' page tells.
    fn rules(&self) -> impl Future<Output = DoorRules> + Send;
}
