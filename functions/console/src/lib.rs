//! The web page on which people build, watch and mend pipelines.
//!
//! A request goes through, from the outside in:
//!
//! 1. [`harden`]: the headers that every answer has, and the nonce of its scripts;
//! 2. [`gzip`];
//! 3. [`dress`]: what went wrong becomes a page;
//! 4. [`identify`]: the session out of its cookie;
//! 5. [`access`]: the route's guard: session, role, and that the request is our own page's;
//! 6. a handler of [`screens`], which has the world by [`Console`], reads by its ports, and writes by
//!    [`Console::change`] only.
//!
//! `README.md` beside this says how to add a screen.

pub mod access;
pub mod asset;
pub mod change;
mod condition;
pub mod config;
pub mod cookie;
mod difference;
mod document;
pub mod door;
mod doubt;
pub mod dress;
mod fate;
mod filling;
pub mod frame;
mod funnel;
pub mod gzip;
pub mod harden;
mod health;
pub mod identify;
mod mask;
pub mod no_page;
mod openid;
pub mod random;
mod records;
mod retry;
pub mod return_path;
pub mod role;
pub mod screens;
pub mod seal;
pub mod session;
mod sought;
mod sparkline;
mod suggest;
mod timeline;
mod trial;
mod waiting;
mod words;
mod world;

use std::{sync::Arc, time::Duration};

use axum::{Router, middleware};
use shared::{connection::Connection, pipeline::Known, redrive::Site};
use url::Url;

use self::{access::Route, no_page::NoPage, records::RecordCache, seal::Seals};
pub use self::{
    openid::OpenId,
    world::{Live, World},
};

/// What the console does by, whatever its world.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The secret with the sessions' keys, which the console makes itself: `SESSIONS_SECRET_ARN`.
    pub sessions_secret_arn: String,
    /// A sentence for who lacks a role: whom to ask. `CONTACT`.
    pub contact: String,
    /// The console's address, where it is behind a name of one's own: `PUBLIC_URL`. Without, it is that of the request:
    /// a function's URL is known only when the function is made.
    pub public_url: Option<Url>,
    /// What pipelines can name.
    pub known: Known,
    /// How long the backbone keeps events, and so how long a pause loses nothing.
    pub retention: Duration,
    /// Where failures enter again.
    pub site: Site,
    /// Where messages to people go, if anywhere: `ALERT_TOPIC_ARN`.
    pub alert_topic_arn: Option<String>,
    /// The destinations, by name.
    pub connections: Vec<Connection>,
}

/// The console: its world, and what it does by.
pub struct Console<W> {
    /// Its parts.
    pub world: W,
    /// What it does by.
    pub settings: Settings,
    seals: Seals,
    record_cache: RecordCache,
}

impl<W: World> Console<W> {
    /// In this world.
    pub fn new(world: W, settings: Settings) -> Self {
        let seals = Seals::new(settings.sessions_secret_arn.clone());
        Self { world, settings, seals, record_cache: RecordCache::default() }
    }

    /// The same on Lambda, on the local stack and in tests.
    pub fn router(self) -> Router {
        self.router_of(screens::routes())
    }

    /// With other routes, for tests of what is around them.
    pub fn router_of(self, routes: Vec<Route<W>>) -> Router {
        let console = Arc::new(self);
        access::guarded(&console, routes)
            .fallback(async || NoPage::not_found())
            .layer(middleware::from_fn_with_state(Arc::clone(&console), identify::identify::<W>))
            .layer(middleware::from_fn(dress::dress))
            .layer(middleware::from_fn(gzip::compress))
            .layer(middleware::from_fn(harden::harden::<W>))
            .with_state(console)
    }
}
