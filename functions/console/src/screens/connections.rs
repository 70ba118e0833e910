//! Settings, connections: the destinations, whether they answer and accept their credentials, and new credentials for
//! them. A secret is written and never read back to a page.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{
    Form,
    extract::{Path, State},
};
use futures_util::future::join_all;
use shared::{
    connection::{Connection, Verdict},
    destination::{self, Connector, SecretField},
    gate::{Condition, Gate},
    ports::{Counts as _, Gates as _, PortError, Secrets as _},
    tally::Counted,
    time::{Clock as _, Timestamp},
    value::Value,
};

use crate::{
    Console, World,
    access::{Access, Route, Visitor},
    change::Change,
    frame::{Frame, Page, page, time},
    no_page::NoPage,
    role::Role,
};

/// How many minutes of refused credentials a page looks back on.
const RECENT: u32 = 5;

/// The routes.
pub fn routes<W: World>() -> Vec<Route<W>> {
    vec![
        Route::get("/settings/connections", Access::AtLeast(Role::Viewer), list::<W>),
        Route::get("/settings/connections/{name}", Access::AtLeast(Role::Viewer), one::<W>),
        Route::post("/settings/connections/{name}/check", Access::AtLeast(Role::Editor), check::<W>),
        Route::post("/settings/connections/{name}/secret", Access::AtLeast(Role::Admin), replace::<W>),
    ]
}

/// A destination, as a page shows it.
struct Shown {
    name: String,
    /// What it is, where its connector is known.
    connector: Option<&'static Connector>,
    /// Its settings: label, value.
    settings: Vec<(String, String)>,
    has_secret: bool,
    needs_secret: bool,
    condition: Told,
}

/// How a destination stands, as far as it could be found out.
enum Told {
    Known { condition: Condition, unauthorised: bool },
    Unknown,
}

impl Told {
    const fn words(&self) -> &'static str {
        match self {
            Self::Known { unauthorised: true, .. } => "Refuses the credentials",
            Self::Known { condition: Condition::Answers, .. } => "No trouble known",
            Self::Known { condition: Condition::Down(_), .. } => "Is not answering",
            Self::Known { condition: Condition::AskedToWait(_), .. } => "Asked to wait",
            Self::Unknown => "Not known",
        }
    }

    const fn class(&self) -> &'static str {
        match self {
            Self::Known { condition: Condition::Answers, unauthorised: false } => "good",
            Self::Known { unauthorised: true, .. } | Self::Known { condition: Condition::Down(_), .. } => "bad",
            Self::Known { .. } | Self::Unknown => "open",
        }
    }

    const fn sign(&self) -> &'static str {
        match self {
            Self::Known { condition: Condition::Answers, unauthorised: false } => "✓",
            Self::Known { unauthorised: true, .. } | Self::Known { condition: Condition::Down(_), .. } => "!",
            Self::Known { .. } => "‖",
            Self::Unknown => "?",
        }
    }

    /// What it means, if it means anything; `vendor` is how the destination is called.
    fn sentence(&self, vendor: &str, now: Timestamp) -> String {
        let refused = if let Self::Known { unauthorised: true, .. } = self {
            "It refused the credentials within the last five minutes. What is for it waits, and nothing is lost. Give it a \
             new secret. "
        } else {
            ""
        };
        let condition = match self {
            Self::Known { condition: Condition::Down(until), .. } if *until > now => {
                format!("{vendor} is not answering; tried again at {} UTC. What is for it waits.", time(*until))
            }
            Self::Known { condition: Condition::Down(_), .. } => {
                format!("{vendor} was not answering; it is tried again with the next change.")
            }
            Self::Known { condition: Condition::AskedToWait(until), .. } => {
                format!("{vendor} asked to wait until {} UTC. What is for it waits.", time(*until))
            }
            Self::Known { condition: Condition::Answers, .. } => String::new(),
            Self::Unknown => "How it stands could not be read just now. Load the page again in a minute.".to_owned(),
        };
        format!("{refused}{condition}")
    }
}

impl Shown {
    fn of(connection: &Connection, condition: Told) -> Self {
        let connector = destination::connector(&connection.connector).ok();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_json(), str::to_owned);
        let label = |name: &str| {
            let setting =
                connector.and_then(|connector| connector.settings.iter().find(|setting| setting.name() == name));
            setting.map_or_else(|| name.to_owned(), |setting| setting.label.clone())
        };
        Self {
            name: connection.name.clone(),
            connector,
            settings: connection.settings.iter().map(|(name, value)| (label(name), text(value))).collect(),
            has_secret: connection.secret_arn.is_some(),
            needs_secret: connector.is_some_and(Connector::needs_secret),
            condition,
        }
    }

    /// How the destination is called: its vendor's name.
    fn vendor(&self) -> &str {
        self.connector.map_or(&self.name, |connector| &connector.name)
    }

    fn path(&self) -> String {
        format!(
            "/settings/connections/{}",
            url::form_urlencoded::byte_serialize(self.name.as_bytes()).collect::<String>()
        )
    }
}

#[derive(Template)]
#[template(path = "connections.html")]
struct Connections {
    frame: Frame,
    shown: Vec<Shown>,
    now: Timestamp,
}

async fn list<W: World>(State(console): State<Arc<Console<W>>>, frame: Frame) -> Page {
    let connections = &console.settings.connections;
    let counted = console.recent_counts().await;
    let conditions =
        join_all(connections.iter().map(|connection| console.condition(&connection.name, counted.as_deref()))).await;
    let shown = connections.iter().zip(conditions).map(|(connection, told)| Shown::of(connection, told)).collect();
    page(&Connections { frame, shown, now: console.world.clock().now() })
}

#[derive(Template)]
#[template(path = "connection.html")]
struct OneConnection {
    frame: Frame,
    shown: Shown,
    now: Timestamp,
    role: Role,
    fields: Vec<SecretField>,
    help: Option<String>,
    /// What came of what was just done, if anything was.
    answer: Option<Answer>,
}

/// What came of a form.
enum Answer {
    /// It was asked.
    Checked(Verdict),
    /// A new secret was written, and it was asked.
    Replaced(Verdict),
    /// The secret was not taken: why.
    NotTaken(String),
}

impl Answer {
    /// In a sentence or two.
    fn words(&self, vendor: &str) -> String {
        let (verdict, before) = match self {
            Self::NotTaken(why) => return format!("The secret was not replaced. {why}"),
            Self::Checked(verdict) => (verdict, ""),
            Self::Replaced(verdict) => (verdict, "The secret was replaced. "),
        };
        match verdict {
            Verdict::Accepted => format!("{before}{vendor} accepts the credentials."),
            Verdict::Refused(why) => format!("{before}{vendor} does not accept the credentials: {why}"),
            Verdict::Untold(why) => {
                format!("{before}Whether {vendor} accepts the credentials could not be found out: {why}")
            }
            Verdict::Unasked(why) => format!("{before}{vendor} was not asked: {why}."),
        }
    }
}

async fn one<W: World>(
    State(console): State<Arc<Console<W>>>,
    Path(name): Path<String>,
    Visitor(session): Visitor,
    frame: Frame,
) -> Page {
    let connection = console.connection(&name)?;
    console.show(connection, frame, session.person.role, None).await
}

async fn check<W: World>(
    State(console): State<Arc<Console<W>>>,
    Path(name): Path<String>,
    Visitor(session): Visitor,
    frame: Frame,
) -> Page {
    let connection = console.connection(&name)?;
    let answer = Answer::Checked(console.ask(connection).await);
    console.show(connection, frame, session.person.role, Some(answer)).await
}

async fn replace<W: World>(
    State(console): State<Arc<Console<W>>>,
    Path(name): Path<String>,
    visitor: Visitor,
    frame: Frame,
    Form(typed): Form<BTreeMap<String, String>>,
) -> Page {
    let connection = console.connection(&name)?;
    let answer = match secret_of(connection, &typed) {
        Err(why) => Answer::NotTaken(why),
        Ok((arn, secret)) => {
            // Neither value is said: who may read the log may not read the secret.
            let change = Change {
                action: "replace the secret",
                subject: format!("destination {name}"),
                before: None,
                after: None,
            };
            let write = async { console.world.secrets().replace(&arn, &secret).await };
            console.change::<_, PortError>(&visitor, change, write).await??;
            Answer::Replaced(console.ask(connection).await)
        }
    };
    console.show(connection, frame, visitor.0.person.role, Some(answer)).await
}

/// The ARN, and the text to keep of what was typed. No error holds a value.
fn secret_of(connection: &Connection, typed: &BTreeMap<String, String>) -> Result<(String, String), String> {
    let Some(arn) = connection.secret_arn.clone() else { return Err("It has no secret.".to_owned()) };
    let connector = destination::connector(&connection.connector).map_err(|error| error.to_string())?;
    let configured = connector.configure(&connection.name, &connection.settings).map_err(|problems| {
        let problems: Vec<_> = problems.iter().map(ToString::to_string).collect();
        problems.join("; ")
    })?;
    Ok((arn, configured.secret_of(typed)?))
}

impl<W: World> Console<W> {
    fn connection(&self, name: &str) -> Result<&Connection, NoPage> {
        self.settings.connections.iter().find(|connection| connection.name == name).ok_or_else(NoPage::not_found)
    }

    async fn ask(&self, connection: &Connection) -> Verdict {
        connection.check(self.world.secrets(), self.world.http(), self.world.clock().now()).await
    }

    async fn recent_counts(&self) -> Option<Vec<Counted>> {
        let counted = self.world.counts().last(RECENT).await;
        counted.inspect_err(|error| tracing::warn!("connections without the activity: {error}")).ok()
    }

    async fn condition(&self, name: &str, counted: Option<&[Counted]>) -> Told {
        let gate: Result<(u64, Gate), PortError> = self.world.gates().read(name).await;
        let gate = gate.inspect_err(|error| tracing::warn!("a connection without its gate: {error}"));
        let (Ok((_, gate)), Some(counted)) = (gate, counted) else { return Told::Unknown };
        let stage = format!("deliver/{name}");
        let unauthorised = counted
            .iter()
            .filter(|counted| counted.stage == stage)
            .flat_map(|counted| &counted.counts)
            .any(|(_, counter, count)| counter == "unauthorised" && *count > 0);
        Told::Known { condition: gate.condition(self.world.clock().now()), unauthorised }
    }

    async fn show(&self, connection: &Connection, frame: Frame, role: Role, answer: Option<Answer>) -> Page {
        let counted = self.recent_counts().await;
        let shown = Shown::of(connection, self.condition(&connection.name, counted.as_deref()).await);
        let fields = shown.connector.map(Connector::secret_fields).unwrap_or_default();
        let help = shown.connector.and_then(Connector::secret_help).map(str::to_owned);
        page(&OneConnection { frame, shown, now: self.world.clock().now(), role, fields, help, answer })
    }
}
