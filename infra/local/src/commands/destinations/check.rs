//! Whether a stack's destinations accept their credentials.

use std::fmt;

use anyhow::bail;
use shared::{
    connection::Verdict,
    http::{Reach, Timeouts, VendorHttp},
    nearest::suggestion,
    time::{Clock as _, SystemClock},
};

use crate::deployed::{Connection, DeployedDestination};

/// What came of asking the destinations.
#[derive(Debug, Default)]
pub struct Report(Vec<(String, Verdict)>);

impl Report {
    /// Whether no destination has refused, and each could be asked that has something to be asked.
    pub fn is_good(&self) -> bool {
        !self.0.iter().any(|(_, verdict)| matches!(verdict, Verdict::Refused(_) | Verdict::Untold(_)))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
        for (name, verdict) in &self.0 {
            match verdict {
                Verdict::Accepted => writeln!(out, "{name:<width$}  accepts the credentials")?,
                Verdict::Refused(reason) => writeln!(out, "{name:<width$}  does not accept them: {reason}")?,
                Verdict::Untold(reason) => writeln!(out, "{name:<width$}  could not be asked: {reason}")?,
                Verdict::Unasked(why) => writeln!(out, "{name:<width$}  was not asked: {why}")?,
            }
        }
        Ok(())
    }
}

/// Asks the destination of this name, or all of them, one request each.
pub async fn check(stack: &Connection<'_>, name: Option<&str>) -> anyhow::Result<Report> {
    let destinations = &stack.deployed.destinations;
    if let Some(name) = name.filter(|name| !destinations.contains_key(*name)) {
        let there: Vec<_> = destinations.keys().map(String::as_str).collect();
        let hint = suggestion(name, there.iter().copied());
        bail!("there is no destination `{name}` in this stack{hint}; there is {}", there.join(", "));
    }
    // A local stack's vendors are on this machine.
    let reach = if stack.deployed.endpoints.is_some() { Reach::Private } else { Reach::Internet };
    let http = VendorHttp::new(Timeouts::default(), reach)?;
    let mut report = Report::default();
    for (known, destination) in destinations.iter().filter(|(known, _)| name.is_none_or(|name| name == *known)) {
        let verdict = of(known, destination)?.check(&stack.secrets(), &http, SystemClock.now()).await;
        report.0.push((known.clone(), verdict));
    }
    Ok(report)
}

fn of(name: &str, destination: &DeployedDestination) -> anyhow::Result<shared::connection::Connection> {
    Ok(shared::connection::Connection {
        name: name.to_owned(),
        connector: destination.connector.clone(),
        settings: serde_json::from_value(destination.settings.clone())?,
        secret_arn: destination.secret_arn.clone(),
    })
}
