//! Changes that people make, each with its entry in the audit log.

use std::{fmt, future::Future};

use shared::{
    audit::{AuditEntry, AuditOutcome},
    ports::Audit as _,
    time::Clock as _,
};

use crate::{Console, World, access::Visitor, no_page::NoPage, random};

/// A change that a person wants to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What is done: `publish`, `pause`, `retry`.
    pub action: &'static str,
    /// To what: `pipeline customers-to-hubspot`.
    pub subject: String,
    /// What is there now, as people can read it. Never a secret.
    pub before: Option<String>,
    /// What will be there after it.
    pub after: Option<String>,
}

impl<W: World> Console<W> {
    /// Makes a change. **Everything that the console changes it changes by this**: no handler writes in another way.
    ///
    /// That it begins is recorded first, and what is not recorded is not done. Where its end cannot be recorded, the
    /// entry says that nobody knows it, which is true.
    pub async fn change<T, E: fmt::Display>(
        &self,
        Visitor(session): &Visitor,
        change: Change,
        work: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<Result<T, E>, NoPage> {
        let mut entry = AuditEntry {
            at: self.world.clock().now(),
            id: random::text::<9>()?,
            person: session.person.id.clone(),
            name: session.person.name.clone(),
            action: change.action.to_owned(),
            subject: change.subject,
            before: change.before,
            after: change.after,
            outcome: AuditOutcome::Begun,
        };
        self.world.audit().record(&entry).await?;
        let made = work.await;
        entry.outcome = match &made {
            Ok(_) => AuditOutcome::Done,
            Err(error) => AuditOutcome::Failed(error.to_string()),
        };
        if let Err(error) = self.world.audit().record(&entry).await {
            tracing::error!(entry = entry.place(), "the end of a change could not be recorded: {error}");
        }
        Ok(made)
    }
}
