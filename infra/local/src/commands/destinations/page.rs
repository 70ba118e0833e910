//! A connector's reference page.

use std::fmt::Write as _;

use shared::destination::{
    Action, Auth, Connector, FieldType, Grant, Mode, Placeholder, Setting, SettingType, Text, Values,
};

use super::{most, on_delete, on_leave};

/// No line is longer, where its words allow it.
const WIDTH: usize = 100;

/// Everything about a connector, as its file says it: Markdown that is read well as it is.
pub fn page(connector: &Connector) -> String {
    let mut page = Page(format!("# {} ({})\n", connector.name, connector.slug()));
    page.paragraph(&connector.summary);
    if !connector.settings.is_empty() {
        page.heading("## Settings");
        for setting in &connector.settings {
            page.item(&format!("`{}` ({}): {}. {}", setting.name(), kind(setting), setting.label, setting.help));
            for (value, reason) in &setting.refused {
                page.item(&format!("`{}` cannot be {value}: {reason}.", setting.name()));
            }
        }
    }
    page.heading("## Secret");
    page.paragraph(&secret(&connector.auth));
    if !connector.limits.is_empty() {
        page.heading("## Limits");
        for limit in &connector.limits {
            let (requests, seconds) = (limit.requests, limit.seconds);
            let text = format!("{requests} requests in {seconds} seconds: {}.", limit.scope);
            page.item(&sourced(&text, &limit.source, limit.unverified));
        }
    }
    page.heading("## Actions");
    for action in &connector.actions {
        page.action(connector, action);
    }
    if !connector.facts.is_empty() {
        page.heading("## What is relied upon");
        for fact in &connector.facts {
            page.item(&sourced(&fact.says, &fact.source, fact.unverified));
        }
    }
    page.0
}

struct Page(String);

impl Page {
    fn heading(&mut self, text: &str) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "\n{text}\n\n");
    }

    fn paragraph(&mut self, text: &str) {
        if !self.0.ends_with("\n\n") {
            self.0.push('\n');
        }
        self.wrapped("", text);
    }

    fn item(&mut self, text: &str) {
        self.wrapped("- ", text);
    }

    /// The text's words in lines; those after the first are indented as far as the first one's mark.
    fn wrapped(&mut self, mark: &str, text: &str) {
        let indent = " ".repeat(mark.len());
        let mut line = mark.to_owned();
        let mut is_begun = false;
        for word in text.split_whitespace() {
            if is_begun && line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.0.push_str(&line);
                self.0.push('\n');
                line.clone_from(&indent);
                is_begun = false;
            }
            if is_begun {
                line.push(' ');
            }
            line.push_str(word);
            is_begun = true;
        }
        self.0.push_str(&line);
        self.0.push('\n');
    }

    fn action(&mut self, connector: &Connector, action: &Action) {
        if !self.0.ends_with("\n\n") {
            self.0.push('\n');
        }
        let _ = write!(self.0, "### `{}`: {}\n\n", action.name(), action.label);
        self.paragraph(&action.help);
        self.0.push('\n');
        match (action.mode, &action.match_field) {
            (Mode::Append, _) => self.item("Every change is sent, in its order: none replaces another."),
            (Mode::Upsert, Some(field)) => {
                let field = matched(connector, field.get_ref());
                self.item(&format!("A row is kept in step. The vendor tells it by {field}."));
            }
            (Mode::Upsert, None) => self.item("A row is kept in step."),
        }
        let (most, bytes) = (most(connector, &action.request), action.request.bytes);
        self.item(&format!("A request takes at most {most} of them and {bytes} bytes."));
        self.item(&format!("on_delete: {}. on_leave: {}.", on_delete(action).join(", "), on_leave(action).join(", ")));
        if action.values == Values::Text {
            self.item("Values are written as text, null as the empty text; a list or an object cannot be sent.");
        }
        for field in &action.fields {
            let required = if field.required { ", required" } else { "" };
            self.item(&format!(
                "Field `{}` ({}{required}): {} Example: {}",
                field.name,
                field_type(field.r#type),
                field.help,
                field.example
            ));
        }
        self.item(if action.other_fields {
            "Fields of any other name may be mapped too."
        } else {
            "No other field may be mapped."
        });
    }
}

fn sourced(text: &str, source: &str, is_unverified: bool) -> String {
    let unverified = if is_unverified { "Unverified: " } else { "" };
    format!("{unverified}{text} ({source})")
}

/// What a setting may be, and what it is where nobody sets it.
fn kind(setting: &Setting) -> String {
    let what = match (setting.r#type, setting.min, setting.max) {
        (SettingType::Text, ..) => "text".to_owned(),
        (SettingType::Url, ..) => "address".to_owned(),
        (SettingType::Boolean, ..) => "true or false".to_owned(),
        (SettingType::Choice, ..) => format!("one of {}", setting.choices.join(", ")),
        (SettingType::Number, Some(min), Some(max)) => format!("whole number from {min} to {max}"),
        (SettingType::Number, Some(min), None) => format!("whole number from {min}"),
        (SettingType::Number, None, Some(max)) => format!("whole number up to {max}"),
        (SettingType::Number, None, None) => "whole number".to_owned(),
    };
    let otherwise = match &setting.default {
        Some(default) => format!("; {} unless set", default.get_ref().0),
        None if setting.required => "; required".to_owned(),
        None => "; optional".to_owned(),
    };
    what + &otherwise
}

/// How the secret is sent, and what it is.
fn secret(auth: &Auth) -> String {
    match auth {
        Auth::None => "None.".to_owned(),
        Auth::Bearer { help } => format!("Needed, and sent as `authorization: Bearer …`: {help}."),
        Auth::Basic { user: Some(_), help } => {
            format!("Needed, and sent as the password of `authorization: Basic …`: {help}.")
        }
        Auth::Basic { user: None, help } => {
            format!("Needed, and sent as `authorization: Basic …`, user and password with a colon between: {help}.")
        }
        Auth::Header { header, prefix, help } => format!("Needed, and sent as `{header}: {prefix}…`: {help}."),
        Auth::Query { parameter, help } => {
            format!("Needed, and sent as the parameter `{parameter}` of the address: {help}.")
        }
        Auth::Oauth(auth) => {
            let with = match auth.grant {
                Grant::ClientCredentials => "`client_id` and `client_secret`",
                Grant::RefreshToken => "`client_id`, `client_secret` and `refresh_token`",
            };
            format!(
                "Needed: a JSON object with {with}. A token is asked for with them, kept beside them and renewed before \
                 it ends, so the function has to be allowed to write the secret: {}.",
                auth.help
            )
        }
        Auth::Signature { optional, help, .. } => {
            let needed = if *optional { "Optional" } else { "Needed" };
            format!("{needed}. Requests are signed with it. {help}")
        }
    }
}

fn matched(connector: &Connector, field: &Text) -> String {
    if let Some(Placeholder::Setting(name)) = field.whole() {
        let setting = connector.settings.iter().find(|setting| setting.name() == name);
        let default = setting.and_then(|setting| setting.default.as_ref()).map(|default| &default.get_ref().0);
        let unless = default.map_or_else(String::new, |default| format!(" ({default} unless set)"));
        return format!("the field that the setting `{name}` names{unless}");
    }
    format!("the field `{}`", field.render(&mut |_| Err(())).unwrap_or_default())
}

const fn field_type(r#type: FieldType) -> &'static str {
    match r#type {
        FieldType::Text => "text",
        FieldType::Email => "e-mail address",
        FieldType::Phone => "telephone number",
        FieldType::Url => "address",
        FieldType::Number => "number",
        FieldType::Boolean => "true or false",
        FieldType::Time => "time",
        FieldType::Json => "list or object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::destinations::tests::EXAMPLE;

    #[test]
    fn a_page_has_everything_in_the_order_of_the_file() {
        let connector = Connector::parse("example.toml", EXAMPLE).unwrap();
        let expected = "\
# Example (example)

Rows and events of an example.

## Settings

- `region` (one of eu, us; required): Region. Where the account is.
- `batch` (whole number from 1 to 50; 20 unless set): Events a request. The most events in a
  request.
- `match_by` (text; email unless set): Match by. The field that tells rows apart.
- `match_by` cannot be id: Example gives it itself; set a field of yours.

## Secret

Needed, and sent as the password of `authorization: Basic …`: the API key; Example shows it under
Account.

## Limits

- 100 requests in 10 seconds: an account. (https://example.com/docs, Limits)
- Unverified: 5000 requests in 86400 seconds: an account of the free plan. (hearsay)

## Actions

### `upsert_row`: Create or update a row

Looks for a row by the match field; creates it, or replaces its fields.

- A row is kept in step. The vendor tells it by the field that the setting `match_by` names (email
  unless set).
- A request takes at most 10 of them and 2000 bytes.
- on_delete: ignore, archive. on_leave: keep, archive.
- Values are written as text, null as the empty text; a list or an object cannot be sent.
- Field `email` (e-mail address, required): The row's e-mail address. Example: ada@example.com
- No other field may be mapped.

### `send_event`: Send an event

Sends an event.

- Every change is sent, in its order: none replaces another.
- A request takes at most 1 to 50 of them and 1000000 bytes.
- on_delete: send, ignore. on_leave: keep.
- Fields of any other name may be mapped too.

## What is relied upon

- A request takes ten rows. (https://example.com/docs, Limits)
- Unverified: It sleeps at night. (hearsay)
";
        assert_eq!(page(&connector), expected);
    }
}
