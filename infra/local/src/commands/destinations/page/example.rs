//! Examples to copy: a destination in Terraform, and a pipeline for an action.

use std::fmt::Write as _;

use shared::{
    delivery::Step,
    destination::{Action, Connector, Mode, Setting, SettingType},
};

use super::match_field;

/// How many fields the example of a row maps beside those that it has to.
const OTHERS: usize = 3;

/// How many fields the example of an event maps at least: its name, and whose it is.
const OF_AN_EVENT: usize = 2;

/// The destination, under the connector's own name, with the settings that it has to have.
pub fn destination(connector: &Connector) -> String {
    let slug = connector.slug();
    let mut lines = vec![("connector".to_owned(), format!("\"{slug}\""))];
    let required: Vec<String> = connector
        .settings
        .iter()
        .filter(|setting| setting.required)
        .map(|setting| format!("{} = \"{}\"", setting.name(), value(setting)))
        .collect();
    if !required.is_empty() {
        lines.push(("settings".to_owned(), format!("{{ {} }}", required.join(", "))));
    }
    if connector.needs_secret() {
        lines.push(("secret_arn".to_owned(), format!("aws_secretsmanager_secret.{slug}.arn")));
    }
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = format!("destinations = {{\n  {slug} = {{\n");
    for (name, value) in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    {name:<width$} = {value}");
    }
    text + "  }\n}\n"
}

/// A value that a setting may have.
fn value(setting: &Setting) -> String {
    match setting.r#type {
        SettingType::Text => setting.name().to_owned(),
        SettingType::Url => "https://example.com".to_owned(),
        SettingType::Number => setting.min.unwrap_or(1).to_string(),
        SettingType::Boolean => "true".to_owned(),
        SettingType::Choice => setting.choices.first().cloned().unwrap_or_default(),
    }
}

/// A pipeline that can be pushed to a stack with the source `customers` and the destination of [`destination`].
pub fn pipeline(connector: &Connector, action: &Action) -> String {
    let slug = connector.slug();
    let mut text = format!(
        "name = \"customers-to-{}\"\nsource = \"customers\"\ndestination = \"{slug}\"\naction = \"{}\"\n",
        slug.replace('_', "-"),
        action.name()
    );
    // The other removals cannot be taken back, or take from people what they have; nobody should copy them unread.
    if action.can_remove().any(|step| step == Step::Archive) && action.tells_created() {
        text.push_str("on_delete = \"archive\"\n");
    }
    text.push_str("\n[fields]\n");
    for (name, expression) in fields(connector, action) {
        let _ = writeln!(text, "{name} = \"{expression}\"");
    }
    text
}

/// What finds the row, what is required, and a few more.
fn fields(connector: &Connector, action: &Action) -> Vec<(String, String)> {
    let found_by = match_field(connector, action);
    let needed = |name: &str| found_by.as_deref() == Some(name);
    let mut fields = Vec::new();
    if let Some(name) = &found_by
        && action.field(name).is_none()
    {
        fields.push((name.clone(), format!("after.{name}")));
    }
    let (first, others): (Vec<_>, Vec<_>) =
        action.fields.iter().partition(|field| field.required || needed(&field.name));
    let most = match action.mode {
        Mode::Upsert => OTHERS,
        Mode::Append => OF_AN_EVENT.saturating_sub(first.len()),
    };
    for field in first.into_iter().chain(others.into_iter().take(most)) {
        fields.push((field.name.clone(), field.mapping()));
    }
    if fields.is_empty() {
        fields.extend(["id", "name"].map(|name| (name.to_owned(), format!("after.{name}"))));
    }
    fields
}
