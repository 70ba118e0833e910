//! `freshet destinations`: what can be delivered to, and a reference page of each, both from the connectors' files.

mod check;
mod list;
mod page;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use shared::{
    config::Environment,
    delivery::Step,
    destination::{Action, Connector, Limit, Mode, Placeholder, Request, connector, connectors},
};

pub use self::{check::check, list::list, page::page};
use super::table::terminal_width;
use crate::deployed::Chosen;

/// The arguments of `freshet destinations`.
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show everything about a connector: settings, secret, limits, actions with their fields, and what is known of it
    Show {
        /// The connector, as the list has it
        connector: String,
    },
    /// Ask a deployed stack's destinations whether they accept their credentials; exits with 1 where one does not
    Check {
        /// The destination; without one, all
        name: Option<String>,
        #[command(flatten)]
        stack: Chosen,
    },
}

/// Prints the list, a connector's page, or what the destinations of a stack say of their credentials.
pub async fn command(arguments: &Arguments, environment: &dyn Environment) -> anyhow::Result<ExitCode> {
    match &arguments.command {
        None => print!("{}", list(&connectors()?, terminal_width())),
        Some(Command::Show { connector: slug }) => print!("{}", page(connector(slug)?)),
        Some(Command::Check { name, stack }) => {
            let report = check(&stack.connect(environment)?, name.as_deref()).await?;
            print!("{report}");
            if !report.is_good() {
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// How many records a request takes at most: a number, or the range of the setting that says it.
fn most(connector: &Connector, request: &Request) -> String {
    let count = request.count.get_ref();
    if let Some(Placeholder::Setting(name)) = count.whole() {
        let setting = connector.settings.iter().find(|setting| setting.name() == name);
        let range = setting.and_then(|setting| Some((setting.min?, setting.max?)));
        return range.map_or_else(|| format!("{name} of them"), |(min, max)| format!("{min} to {max}"));
    }
    count.render(&mut |_| Err(())).unwrap_or_default()
}

/// For whom a limit is counted, of which requests and on which plans.
fn whose(limit: &Limit) -> String {
    let mut text = limit.scope.clone();
    for (before, names) in [("; ", &limit.actions), ("; plan ", &limit.plans)] {
        let names: Vec<&str> = names.iter().map(|name| name.get_ref().as_str()).collect();
        if !names.is_empty() {
            text = text + before + &names.join(", ");
        }
    }
    text
}

/// What a pipeline may say of a row that was deleted at the source.
fn on_delete(action: &Action) -> Vec<&'static str> {
    match action.mode {
        Mode::Append => vec!["send", "ignore"],
        Mode::Upsert => removals("ignore", action),
    }
}

/// What a pipeline may say of a row that has left its filter.
fn on_leave(action: &Action) -> Vec<&'static str> {
    removals("keep", action)
}

fn removals(nothing: &'static str, action: &Action) -> Vec<&'static str> {
    std::iter::once(nothing).chain(action.can_remove().map(Step::as_str)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A connector with one of everything.
    pub(super) const EXAMPLE: &str = r#"
slug = "example"
name = "Example"
summary = "Rows and events of an example."

[[facts]]
says = "A request takes ten rows."
source = "https://example.com/docs, Limits"

[[facts]]
says = "It sleeps at night."
source = "hearsay"
unverified = true

[[settings]]
name = "region"
label = "Region"
help = "Where the account is."
type = "choice"
choices = ["eu", "us"]
required = true

[[settings]]
name = "plan"
label = "Plan"
help = "What the account pays for."
type = "choice"
choices = ["free", "paid"]
default = "free"

[[settings]]
name = "batch"
label = "Events a request"
help = "The most events in a request."
type = "number"
min = 1
max = 50
default = 20

[[settings]]
name = "match_by"
label = "Match by"
help = "The field that tells rows apart."
type = "text"
default = "email"

[settings.refused]
id = "Example gives it itself; set a field of yours"

[[settings]]
name = "project"
label = "Project"
help = "Where events go."
type = "text"

[auth.basic]
user = "api"
help = "the API key; Example shows it under Account"

[[limits]]
requests = 100
seconds = 10
scope = "an account"
source = "https://example.com/docs, Limits"

[[limits]]
requests = 5000
seconds = 86400
actions = ["upsert_row", "upsert_row/archive"]
plans = ["free"]
scope = "an account"
remaining = "x-left"
source = "hearsay"
unverified = true

[[actions]]
name = "upsert_row"
label = "Create or update a row"
help = "Looks for a row by the match field; creates it, or replaces its fields."
mode = "upsert"
match_field = "{setting.match_by}"
values = "text"

[[actions.fields]]
name = "email"
label = "Email"
type = "email"
required = true
help = "The row's e-mail address."
example = "ada@example.com"

[[actions.fields]]
name = "seen_at"
label = "Last seen"
type = "time"
format = "epoch_seconds"
help = "When the row was seen."
example = "2026-07-25T17:20:00Z"
expression = "after.updated_at"

[actions.request]
method = "PUT"
url = "https://{setting.region}.example.com/rows"
shape = "array"
count = 10
bytes = 2_000
item = '"{fields}"'

[actions.removals.archive]
method = "DELETE"
url = "https://{setting.region}.example.com/rows"
shape = "array"
count = 10
bytes = 2_000
item = '"{match}"'

[[actions]]
name = "send_event"
label = "Send an event"
help = "Sends an event."
mode = "append"
other_fields = true

[actions.request]
method = "POST"
url = "https://{setting.region}.example.com/{setting.project}/events"
shape = "array"
count = "{setting.batch}"
bytes = 1_000_000
item = '"{fields}"'
"#;

    #[test]
    fn every_connector_shows_all_that_its_file_says() {
        for connector in connectors().unwrap() {
            let (page, words) = (page(connector), |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" "));
            let page = words(&page);
            let settings = connector.settings.iter().flat_map(|setting| [setting.name(), &setting.help]);
            let facts = connector.facts.iter().flat_map(|fact| [&fact.says, &fact.source]).map(String::as_str);
            let limits = connector.limits.iter().flat_map(|limit| [&limit.scope, &limit.source]).map(String::as_str);
            let actions = connector.actions.iter().flat_map(|action| {
                let fields = action.fields.iter().flat_map(|field| [&field.name, &field.help, &field.example]);
                fields.map(String::as_str).chain([action.name(), &action.help])
            });
            for text in settings.chain(facts).chain(limits).chain(actions) {
                assert!(page.contains(&words(text)), "{}: {text}", connector.slug());
            }
            let listed = list(&[connector], None);
            assert!(connector.actions.iter().all(|action| listed.contains(action.name())), "{listed}");
        }
    }

    #[test]
    fn an_unknown_connector_says_which_there_are() {
        let error = connector("hubsopt").unwrap_err().to_string();
        assert!(error.contains("did you mean `hubspot`?"), "{error}");
    }
}
