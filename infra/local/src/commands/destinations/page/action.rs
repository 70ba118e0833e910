//! An action's part of the page.

use std::convert::Infallible;

use shared::{
    delivery::Step,
    destination::{Action, Connector, FieldType, Mode, Placeholder, Reading, Request, Setting, Text, Values},
};

use super::{amount, default, example, matched, writer::Writer};
use crate::commands::destinations::{most, on_delete, on_leave};

/// Everything about an action.
pub fn action(page: &mut Writer, connector: &Connector, action: &Action) {
    page.heading(&format!("### `{}`: {}", action.name(), action.label));
    page.paragraph(&action.help);
    match action.mode {
        Mode::Append => page.item("Every change is sent, in its order: none replaces another."),
        Mode::Upsert => page.item(&format!("A row is kept in step. {}", found(connector, action))),
    }
    page.item(&format!("{}.", request(connector, &action.request)));
    for setting in needed(connector, action) {
        page.item(&format!("Needs the setting `{setting}`."));
    }
    if let Some(header) = &action.request.idempotency_header {
        page.item(&format!("Every attempt of a request has the same `{header}`, so that a repeat is harmless."));
    }
    if action.values == Values::Text {
        page.item("Values are written as text, null as the empty text; a list or an object cannot be sent.");
    }
    page.item(&success(&action.request.answer));
    removals(page, connector, action);
    fields(page, action);
    page.paragraph("A pipeline, for a source of the name `customers`:");
    page.code("toml", &example::pipeline(connector, action));
}

/// Settings that the action cannot do without, and the connector can.
fn needed<'c>(connector: &'c Connector, action: &'c Action) -> impl Iterator<Item = &'c str> {
    let optional =
        connector.settings.iter().filter(|setting| setting.default.is_none() && !setting.required).map(Setting::name);
    let url = action.request.url.get_ref();
    optional.filter(|name| url.placeholders().any(|part| matches!(part, Placeholder::Setting(named) if named == name)))
}

/// By what the vendor finds the row.
fn found(connector: &Connector, action: &Action) -> String {
    action.match_field.as_ref().map_or_else(String::new, |field| {
        format!("{} finds it by {}.", connector.name, matched(connector, field.get_ref()))
    })
}

/// What is sent, and how much at most.
fn request(connector: &Connector, request: &Request) -> String {
    let count = request.count.get_ref();
    let most = match count.whole() {
        Some(Placeholder::Setting(name)) => {
            let unless = default(connector, name).map_or_else(String::new, |most| format!(" ({most} unless set)"));
            format!("as many as the setting `{name}` says{unless}")
        }
        _ => match most(connector, request).as_str() {
            "1" => "one".to_owned(),
            most => format!("at most {most}"),
        },
    };
    let (method, url) = (request.method.as_str(), address(connector, request.url.get_ref()));
    format!("`{method} {url}`: {most} in one, and at most {}", amount::bytes(request.bytes))
}

/// The address, with the settings' defaults; what has none stands in angle brackets.
fn address(connector: &Connector, url: &Text) -> String {
    let Ok(address) = url.render(&mut |placeholder| {
        Ok::<_, Infallible>(match placeholder {
            Placeholder::Setting(name) => default(connector, name).map_or_else(|| format!("<{name}>"), str::to_owned),
            Placeholder::Field(name) => format!("<{name}>"),
            Placeholder::DestinationKey => "<id>".to_owned(),
            Placeholder::Match => "<match field>".to_owned(),
            _ => "<…>".to_owned(),
        })
    });
    address
}

/// How a success is read.
fn success(reading: &Reading) -> String {
    match reading {
        Reading::Status => "A 2xx says that all of a request is done.".to_owned(),
        Reading::Key(_) => "A 2xx says that it is done, and has the vendor's id.".to_owned(),
        Reading::Job(reading) => format!(
            "A 2xx names a job, which is asked after until it ends, for at most {} seconds: what its errors name becomes \
             a failure, all else is done.",
            amount::number(*reading.give_up_after_seconds.get_ref())
        ),
        Reading::Index(reading) => format!(
            "A 2xx may list in `{}` what failed, by its place: that becomes a failure, all else is done.",
            reading.errors
        ),
        Reading::Trace(reading) => format!(
            "A 2xx lists in `{}` what is done and in `{}` what failed: that becomes a failure, or is tried again where \
             its kind is {}. What is in neither is tried again.",
            reading.results,
            reading.errors,
            reading.retry_kinds.join(" or ")
        ),
        Reading::Flag(reading) => format!(
            "A 2xx whose `{}` is false did nothing, and `{}` says why. About the secret or its rights: {}. Tried again: \
             {}. Any other makes a failure.",
            reading.flag,
            reading.reason,
            reading.unauthorised.join(", "),
            reading.retry.join(", ")
        ),
    }
}

/// What a pipeline may ask for when a row is gone or has left its filter.
fn removals(page: &mut Writer, connector: &Connector, action: &Action) {
    page.item(&format!(
        "When a row is deleted: on_delete = {} (on_expire, by its time to live: the same). When it leaves the filter: \
         on_leave = {}.",
        on_delete(action).join(", "),
        on_leave(action).join(", ")
    ));
    for step in action.can_remove() {
        let Some(how) = action.request(step) else { continue };
        let what = match step {
            Step::Archive => "the row is taken out of use there",
            Step::Delete => "the row is deleted there",
            Step::Erase => "the row is erased there, with what is known of the person, for good",
            Step::Clear => "the row stays there, without the values that the pipeline has sent",
            Step::Unsubscribe => "the row stays there, and gets no messages",
            Step::Apply | Step::Keep => continue,
        };
        // Clearing is the action's own request, with null in it.
        let by = if step == Step::Clear { String::new() } else { format!(" {}.", request(connector, how)) };
        page.item(&format!("`{}`: {what}.{by}", step.as_str()));
    }
    if action.can_remove().any(Step::takes_the_row) {
        let name = &connector.name;
        page.item(&if action.tells_created() {
            format!(
                "Only rows that the pipeline has created are taken away, which {name} tells; `removes = \"any\"` takes \
                 away any that it has delivered to."
            )
        } else {
            format!(
                "{name} does not tell which rows a pipeline has created: to take rows away, write `removes = \"any\"`, \
                 and it takes away any that it has delivered to."
            )
        });
    }
}

fn fields(page: &mut Writer, action: &Action) {
    if !action.fields.is_empty() {
        let rows: Vec<_> = action
            .fields
            .iter()
            .map(|field| {
                let required = if field.required { ", required" } else { "" };
                let format = field.format.map_or_else(String::new, |format| format!(", {}", format.describe()));
                let kind = format!("{}{format}{required}", field_type(field.r#type));
                [format!("`{}`", field.name), kind, format!("`{}`", field.example), field.help.clone()]
            })
            .collect();
        page.table(["field", "type", "example", "what it is"], &rows);
    }
    page.paragraph(if action.other_fields {
        "Fields of any other name may be mapped too."
    } else {
        "No other field may be mapped."
    });
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
