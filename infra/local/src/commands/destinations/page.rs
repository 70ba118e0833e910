//! A connector's reference page.

mod action;
mod amount;
mod example;
mod failures;
mod writer;

use shared::destination::{Action, Auth, Connector, Grant, Placeholder, Setting, SettingType, Text};

use self::writer::Writer;
use super::whose;

/// Everything about a connector, as its file says it: Markdown that is read well as it is.
pub fn page(connector: &Connector) -> String {
    let mut page = Writer::new(&format!("{} (`{}`)", capitalised(&connector.name), connector.slug()));
    page.paragraph(&connector.summary);
    page.heading("## Declare it");
    page.paragraph("In Terraform, among the stack's variables:");
    page.code("hcl", &example::destination(connector));
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
    if !matches!(connector.auth, Auth::None) {
        page.paragraph(
            "Put it into Secrets Manager as it is, and its ARN into `secret_arn`. It is cached for a while, and read \
             again when it is not accepted, so changing it needs no deploy.",
        );
    }
    if !connector.limits.is_empty() {
        page.heading("## Limits");
        page.paragraph(
            "All invocations of a destination together keep to them, and to nine tenths of each unless its \
             `quota_share` says otherwise. Its `rate_limit` takes their place.",
        );
        for limit in &connector.limits {
            let (requests, per) = (amount::number(limit.requests.into()), amount::per(limit.seconds.into()));
            let noun = if limit.requests == 1 { "request" } else { "requests" };
            let left = limit.remaining.as_ref().map(|header| format!(" What is left stands in `{header}`."));
            let text = format!("{requests} {noun} {per}: {}.{}", whose(limit), left.unwrap_or_default());
            page.item(&sourced(&text, &limit.source, limit.unverified));
        }
    }
    page.heading("## Actions");
    for action in &connector.actions {
        action::action(&mut page, connector, action);
    }
    failures::failures(&mut page, connector);
    if !connector.facts.is_empty() {
        page.heading("## What is relied upon");
        for fact in &connector.facts {
            page.item(&sourced(&fact.says, &fact.source, fact.unverified));
        }
    }
    page.end()
}

/// A name at the beginning: within a sentence some have an article.
fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
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

/// The field by which the vendor finds a row, and the setting that says so where there is one.
fn matched(connector: &Connector, field: &Text) -> String {
    if let Some(Placeholder::Setting(name)) = field.whole() {
        let unless = default(connector, name).map_or_else(String::new, |name| format!(" (`{name}` unless set)"));
        return format!("the field that the setting `{name}` names{unless}");
    }
    format!("the field `{}`", field.render(&mut |_| Err(())).unwrap_or_default())
}

/// The name of the field by which the vendor finds a row, where nobody sets another.
fn match_field(connector: &Connector, action: &Action) -> Option<String> {
    let field = action.match_field.as_ref()?.get_ref();
    let name = |placeholder: &Placeholder| match placeholder {
        Placeholder::Setting(name) => default(connector, name).map(str::to_owned).ok_or(()),
        _ => Err(()),
    };
    field.render(&mut { name }).ok()
}

/// What a setting is where nobody sets it.
fn default<'c>(connector: &'c Connector, name: &str) -> Option<&'c str> {
    let setting = connector.settings.iter().find(|setting| setting.name() == name)?;
    Some(&setting.default.as_ref()?.get_ref().0)
}

#[cfg(test)]
mod tests {
    use shared::{
        destination::connectors,
        pipeline::{Known, KnownDestination, Pipeline},
    };

    use super::*;
    use crate::commands::destinations::tests::EXAMPLE;

    #[test]
    fn every_example_of_a_pipeline_can_be_pushed() {
        for connector in connectors().unwrap() {
            let slug = connector.slug().to_owned();
            let known = Known {
                sources: vec!["customers".into()],
                destinations: vec![KnownDestination::new(&slug, &slug)],
                ..Known::default()
            };
            for action in &connector.actions {
                let text = example::pipeline(connector, action);
                let pushed = Pipeline::parse("example.toml", &text, 0, &known);
                assert!(pushed.is_ok(), "{slug}: {}\n{text}", pushed.unwrap_err());
            }
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "it is a whole page")]
    fn a_page_has_everything_in_the_order_of_the_file() {
        let connector = Connector::parse("example.toml", EXAMPLE).unwrap();
        let expected = "\
# Example (`example`)

Rows and events of an example.

## Declare it

In Terraform, among the stack's variables:

```hcl
destinations = {
  example = {
    connector  = \"example\"
    settings   = { region = \"eu\" }
    secret_arn = aws_secretsmanager_secret.example.arn
  }
}
```

## Settings

- `region` (one of eu, us; required): Region. Where the account is.
- `plan` (one of free, paid; free unless set): Plan. What the account pays for.
- `batch` (whole number from 1 to 50; 20 unless set): Events a request. The most events in a
  request.
- `match_by` (text; email unless set): Match by. The field that tells rows apart.
- `match_by` cannot be id: Example gives it itself; set a field of yours.
- `project` (text; optional): Project. Where events go.

## Secret

Needed, and sent as the password of `authorization: Basic …`: the API key; Example shows it under
Account.

Put it into Secrets Manager as it is, and its ARN into `secret_arn`. It is cached for a while, and
read again when it is not accepted, so changing it needs no deploy.

## Limits

All invocations of a destination together keep to them, and to nine tenths of each unless its
`quota_share` says otherwise. Its `rate_limit` takes their place.

- 100 requests in 10 seconds: an account. (https://example.com/docs, Limits)
- Unverified: 5,000 requests a day: an account; upsert_row, upsert_row/archive; plan free. What is
  left stands in `x-left`. (hearsay)

## Actions

### `upsert_row`: Create or update a row

Looks for a row by the match field; creates it, or replaces its fields.

- A row is kept in step. Example finds it by the field that the setting `match_by` names (`email`
  unless set).
- `PUT https://<region>.example.com/rows`: at most 10 in one, and at most 2 KB.
- Values are written as text, null as the empty text; a list or an object cannot be sent.
- A 2xx says that all of a request is done.
- When a row is deleted: on_delete = ignore, archive (on_expire, by its time to live: the same).
  When it leaves the filter: on_leave = keep, archive.
- `archive`: the row is taken out of use there. `DELETE https://<region>.example.com/rows`: at most
  10 in one, and at most 2 KB.
- Example does not tell which rows a pipeline has created: to take rows away, write
  `removes = \"any\"`, and it takes away any that it has delivered to.

| field     | type                             | example                | what it is |
|-----------|----------------------------------|------------------------|---|
| `email`   | e-mail address, required         | `ada@example.com`      | The row's e-mail address. |
| `seen_at` | time, sent as seconds since 1970 | `2026-07-25T17:20:00Z` | When the row was seen. |

No other field may be mapped.

A pipeline, for a source of the name `customers`:

```toml
name = \"customers-to-example\"
source = \"customers\"
destination = \"example\"
action = \"upsert_row\"

[fields]
email = \"after.email\"
seen_at = \"after.updated_at\"
```

### `send_event`: Send an event

Sends an event.

- Every change is sent, in its order: none replaces another.
- `POST https://<region>.example.com/<project>/events`: as many as the setting `batch` says (20
  unless set) in one, and at most 1 MB.
- Needs the setting `project`.
- A 2xx says that all of a request is done.
- When a row is deleted: on_delete = send, ignore (on_expire, by its time to live: the same). When
  it leaves the filter: on_leave = keep.

Fields of any other name may be mapped too.

A pipeline, for a source of the name `customers`:

```toml
name = \"customers-to-example\"
source = \"customers\"
destination = \"example\"
action = \"send_event\"

[fields]
id = \"after.id\"
name = \"after.name\"
```

## When something fails

- 401: the secret, or what it may do, is not accepted. It is read once more; if that does not help,
  the queue holds, is tried again every five minutes and loses nothing, and the alarm `unauthorised`
  rings.
- 429: too much in too little time. Every lane waits until the time in `retry-after`, at most twelve
  hours; without one the lane waits, from a second to an hour.
- 408, 425, 5xx, no answer: it passes. The lane waits, from a second to an hour, and tries again;
  every lane waits where the answer has Retry-After. A redirect is not followed, and waits too: set
  the address.
- Five times in a row 5xx or no answer: nothing is sent but one probe, after seconds, then up to
  five minutes, until the vendor answers.
- Any other 4xx for several: those that the answer names become failures, and the others go again;
  where it names none, halves go again until what is wrong stands alone.
- Any other 4xx for one: it becomes a failure with the vendor's words, and the lane moves on.
  `freshet failures list` shows it; mend the row or the pipeline, then `freshet failures redrive`.

## What is relied upon

- A request takes ten rows. (https://example.com/docs, Limits)
- Unverified: It sleeps at night. (hearsay)
";
        assert_eq!(page(&connector), expected);
    }
}
