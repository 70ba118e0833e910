//! The console of the local stack: the same pages, behind a door of its own.
//!
//! Whoever reaches it is in, as an admin. It listens on the loopback address and answers to the loopback's names only, so
//! that is whoever works on this machine. The door is here, in the `freshet` command: no function's zip is compiled with
//! it, so no setting of a deployed function can open it.

use std::net::Ipv4Addr;

use anyhow::Context as _;
use console::{
    Console, Live,
    config::Config,
    door::{Arrival, Departure, Door, DoorError, DoorRules, Handshake, Person, Transport},
    role::Role,
};
use shared::aws::Aws;
use shared::config::{ConfigError, Environment, Reader};
use tokio::{net::TcpListener, task::JoinHandle};

/// Where the console is, unless somebody else is there.
pub const PORT: u16 = 8_321;

/// Lets in whoever reaches it.
#[derive(Clone, Copy, Debug)]
struct LocalDoor;

impl Door for LocalDoor {
    const TRANSPORT: Transport = Transport::Loopback;

    async fn depart(&self, callback: &str) -> Result<Departure, DoorError> {
        // Who is in already has nowhere to go.
        let handshake = Handshake { state: "local".to_owned(), nonce: String::new(), verifier: String::new() };
        Ok(Departure { url: format!("{callback}?code=local&state=local"), handshake })
    }

    async fn arrive(&self, _: &str, _: Handshake, _: String) -> Result<Arrival, DoorError> {
        Ok(Arrival::Person(whoever()))
    }

    fn resident(&self) -> Option<Person> {
        Some(whoever())
    }

    async fn rules(&self) -> DoorRules {
        DoorRules { issuer: "This machine".to_owned(), roles: None }
    }
}

fn whoever() -> Person {
    Person { id: "local".to_owned(), name: "You, on this machine".to_owned(), role: Role::Admin }
}

/// A running console; it ends when it is dropped.
#[derive(Debug)]
pub struct LocalConsole {
    /// Its address: `http://127.0.0.1:8321`.
    pub url: String,
    task: JoinHandle<()>,
}

impl Drop for LocalConsole {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl LocalConsole {
    /// Starts it with the environment of the console's function, at this port; without one at [`PORT`] or, if that is
    /// taken, at any.
    pub async fn start(environment: &dyn Environment, port: Option<u16>) -> anyhow::Result<Self> {
        let router = wire(environment)?.router();
        let listener = listen(port).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!("the local console ended: {error}");
            }
        });
        Ok(Self { url, task })
    }
}

fn wire(environment: &dyn Environment) -> Result<Console<Live<LocalDoor>>, ConfigError> {
    let mut reader = Reader::new(environment);
    let config = Config::read(&mut reader);
    reader.finish()?;
    let http = config.http()?;
    let world = Live::new(&Aws::from_environment(environment)?, &config, LocalDoor, http);
    Ok(Console::new(world, config.settings))
}

async fn listen(port: Option<u16>) -> anyhow::Result<TcpListener> {
    let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    match port {
        Some(port) => bind(port)
            .await
            .with_context(|| format!("the console cannot listen on port {port}; give --console-port another, or none")),
        None => match bind(PORT).await {
            Ok(listener) => Ok(listener),
            Err(_) => bind(0).await.context("the console cannot listen on any port"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_that_is_asked_for_is_taken_or_named() {
        let taken = listen(Some(0)).await.unwrap();
        let port = taken.local_addr().unwrap().port();
        assert!(taken.local_addr().unwrap().ip().is_loopback());
        let error = listen(Some(port)).await.unwrap_err().to_string();
        assert_eq!(error, format!("the console cannot listen on port {port}; give --console-port another, or none"));
        let (first, second) = (listen(None).await.unwrap(), listen(None).await.unwrap());
        assert_ne!(first.local_addr().unwrap(), second.local_addr().unwrap());
    }
}
