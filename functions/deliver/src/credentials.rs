//! The secret, and the token that is granted for it where the vendor has OAuth 2.0.
//!
//! A token is renewed by one invocation at a time, and by one call of it: a vendor may take a refresh token once only, and
//! who uses it twice may lose the grant.

use std::{sync::PoisonError, time::Duration};

use shared::{
    delivery::Outcome,
    destination::Oauth,
    ports::{Http as _, HttpError, Leases as _, Secrets as _},
    state::State as _,
    time::{Clock as _, Timestamp},
};

use crate::{Deliver, attempt::Later, world::World};

/// A renewal's lease outlasts its request, and ends soon after a crash.
const RENEWAL: Duration = Duration::from_mins(1);

/// How long to wait for another invocation's renewal.
const RENEWED_SOON: Duration = Duration::from_secs(2);

/// A renewal that came to nothing.
#[derive(Debug)]
pub struct Unrenewed {
    /// The secret that was to be renewed.
    held: String,
    later: Later,
    at: Timestamp,
}

impl<W: World> Deliver<W> {
    /// What the destination is shown: another than the one that it has `refused`, if there is one.
    pub(crate) async fn secret(&self, refused: Option<&str>) -> Result<Option<String>, Later> {
        let Some(arn) = &self.secret_arn else { return Ok(None) };
        let held = self.read(arn, false).await?;
        let is_refused = refused == Some(held.as_str());
        let Some(oauth) = self.destination.oauth() else {
            return if is_refused { self.read(arn, true).await.map(Some) } else { Ok(Some(held)) };
        };
        self.store_what_was_not(arn).await;
        if !is_refused && self.lasts(&oauth, &held) {
            return Ok(Some(held));
        }
        let mut unrenewed = self.renewal.lock().await;
        // What was held may have been renewed since by another call, and by another instance.
        for read_fresh in [false, true] {
            let current = self.read(arn, read_fresh).await?;
            if current != held && self.lasts(&oauth, &current) {
                return Ok(Some(current));
            }
        }
        // Calls that are under way together ask once: each refusal more brings the grant nearer to its end.
        let now = self.world.state().clock().now();
        if let Some(failed) = unrenewed.as_ref().filter(|failed| failed.held == held && now < failed.at + RENEWED_SOON)
        {
            return Err(failed.later.clone());
        }
        let renewed = self.renew(arn, &oauth, &held).await;
        *unrenewed = renewed.as_ref().err().map(|later| Unrenewed { held, later: later.clone(), at: now });
        renewed.map(Some)
    }

    /// What was shown last; empty where nothing could be read.
    pub(crate) async fn held_secret(&self) -> String {
        match &self.secret_arn {
            Some(arn) => self.read(arn, false).await.unwrap_or_default(),
            None => String::new(),
        }
    }

    fn lasts(&self, oauth: &Oauth<'_>, secret: &str) -> bool {
        oauth.has_token(secret, self.world.state().clock().now())
    }

    async fn read(&self, arn: &str, fresh: bool) -> Result<String, Later> {
        self.world.secrets().secret(arn, fresh).await.map_err(|error| Later::Unauthorised(error.to_string()))
    }

    /// Asks for a token in the place of `held`, whose own does not last or was refused.
    async fn renew(&self, arn: &str, oauth: &Oauth<'_>, held: &str) -> Result<String, Later> {
        let name = format!("token/{}", self.destination.name());
        let now = self.world.state().clock().now();
        let until = now + RENEWAL;
        match self.world.ledger().take(&name, now, until).await {
            Ok(true) => {}
            Ok(false) => return Err(Later::Paced(now + RENEWED_SOON)),
            Err(error) => return Err(Later::Retry(error.to_string())),
        }
        let renewed = self.renew_alone(arn, oauth, held).await;
        if let Err(error) = self.world.ledger().give_back(&name, until).await {
            // It ends by itself.
            tracing::warn!(destination = self.destination.name(), "a renewal's lease could not be given back: {error}");
        }
        renewed
    }

    async fn renew_alone(&self, arn: &str, oauth: &Oauth<'_>, held: &str) -> Result<String, Later> {
        // Whoever had the lease before may have renewed what was read before it.
        let current = self.read(arn, true).await?;
        if current != held && self.lasts(oauth, &current) {
            return Ok(current);
        }
        let request = oauth.request(&current).map_err(|error| Later::Unauthorised(error.to_string()))?;
        let response = self.world.http().call(&request).await.map_err(|error| match error {
            HttpError::Refused { .. } => Later::Refused(error.to_string()),
            HttpError::Unsendable { .. } => Later::Unauthorised(error.to_string()),
            HttpError::NoAnswer { .. } => Later::Retry(error.to_string()),
        })?;
        let granted = oauth.granted(&current, &response, self.world.state().clock().now());
        let granted = granted.map_err(|outcome| match outcome {
            Outcome::Throttled { until, reason } => Later::Throttled(until, reason),
            Outcome::Retry { reason } => Later::Retry(reason),
            Outcome::Unauthorised { reason } | Outcome::Rejected { reason, .. } => Later::Unauthorised(reason),
            Outcome::Delivered(_) => Later::Retry("the vendor granted no token".to_owned()),
        })?;
        tracing::info!(destination = self.destination.name(), "the token is renewed");
        self.store(arn, granted.clone()).await;
        Ok(granted)
    }

    /// Stores what was granted. Where that fails this instance goes on with it, and tries again before each request: the
    /// old refresh token may be spent, and nobody else has the new one.
    async fn store(&self, arn: &str, granted: String) {
        if let Err(error) = self.world.secrets().replace(arn, &granted).await {
            tracing::error!(
                destination = self.destination.name(),
                "a renewed token could not be stored, and is tried again; if this goes on, let the function write its \
                 secret: {error}"
            );
            *self.unstored.lock().unwrap_or_else(PoisonError::into_inner) = Some(granted);
        }
    }

    async fn store_what_was_not(&self, arn: &str) {
        let unstored = self.unstored.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(granted) = unstored {
            self.store(arn, granted).await;
        }
    }
}
