//! Whether a stack's destinations accept their credentials.

use std::fmt;

use anyhow::bail;
use shared::{
    destination::connector,
    http::{Reach, Timeouts, VendorHttp},
    nearest::suggestion,
    ports::{Http as _, Secrets as _},
    time::{Clock as _, SystemClock},
    value::Object,
};

use crate::deployed::{Connection, DeployedDestination};

/// What came of asking the destinations.
#[derive(Debug, Default)]
pub struct Report(Vec<(String, Verdict)>);

/// What came of asking one.
#[derive(Debug)]
enum Verdict {
    /// The credentials are accepted.
    Accepted,
    /// They are not, or it could not be told: why.
    Refused(String),
    /// There is nothing to ask.
    Unasked(&'static str),
}

impl Report {
    /// Whether no destination has refused.
    pub fn is_good(&self) -> bool {
        !self.0.iter().any(|(_, verdict)| matches!(verdict, Verdict::Refused(_)))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
        for (name, verdict) in &self.0 {
            match verdict {
                Verdict::Accepted => writeln!(out, "{name:<width$}  accepts the credentials")?,
                Verdict::Refused(reason) => writeln!(out, "{name:<width$}  does not accept them: {reason}")?,
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
        report.0.push((known.clone(), ask(stack, &http, known, destination).await?));
    }
    Ok(report)
}

async fn ask(
    stack: &Connection<'_>,
    http: &VendorHttp,
    name: &str,
    destination: &DeployedDestination,
) -> anyhow::Result<Verdict> {
    let settings: Object = serde_json::from_value(destination.settings.clone())?;
    let configured = match connector(&destination.connector)?.configure(name, &settings) {
        Ok(configured) => configured,
        Err(problems) => {
            let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
            return Ok(Verdict::Refused(problems.join("; ")));
        }
    };
    let secret = match &destination.secret_arn {
        Some(arn) => match stack.secrets().secret(arn, true).await {
            Ok(secret) => Some(secret),
            Err(error) => return Ok(Verdict::Refused(error.to_string())),
        },
        None => None,
    };
    let now = SystemClock.now();
    if let (Some(oauth), Some(secret)) = (configured.oauth(), &secret)
        && !oauth.has_token(secret, now)
    {
        return Ok(Verdict::Unasked(
            "its secret holds no token that lasts; the function asks for one when it delivers",
        ));
    }
    let request = match configured.check(secret.as_deref(), now) {
        None => return Ok(Verdict::Unasked("its vendor has no request that only tells whether they are accepted")),
        Some(Err(error)) => return Ok(Verdict::Refused(error.to_string())),
        Some(Ok(request)) => request,
    };
    Ok(match http.call(&request).await {
        Ok(response) => {
            configured.checked(secret.as_deref(), response, now).map_or_else(Verdict::Refused, |()| Verdict::Accepted)
        }
        Err(error) => Verdict::Refused(error.to_string()),
    })
}
