//! Mapping: a real record, the destination's fields, and exactly what would be sent.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{Path, Query, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::HeaderMap;
use serde::Deserialize;
use shared::{
    destination::{Field, FieldType},
    draft::Draft,
    event::{ChangeEvent, Op},
    expression::catalogue::{CATALOGUE, Entry, Kind},
    pipeline::{Known, KnownFields, Outline},
    preview::Fate,
    value::Value,
};

use super::{
    create::paths,
    draft::{Aim, Kept, Open, Write, conflict, go_on},
};
use crate::{
    Console, World,
    access::{Access, Route, Visitor},
    document::Text,
    doubt::{Doubt, doubts},
    filling::{Filling, HELPERS},
    frame::{Frame, Page, page, time},
    no_page::NoPage,
    random,
    records::{Origin, Records},
    role::Role,
    trial::{Sums, Trial, flat, read, told},
};

/// How many failing records are named.
const NAMED: usize = 5;

/// How many records can be chosen.
const CHOICES: usize = 25;

/// The fields that people know a row by, the best first.
const CALLED: [&str; 8] = ["email", "email_address", "name", "full_name", "last_name", "title", "subject", "label"];

/// How much of one is shown, in characters.
const MOST_CALLED: usize = 40;

/// The routes.
pub fn routes<W: World>() -> Vec<Route<W>> {
    let editor = Access::AtLeast(Role::Editor);
    vec![
        Route::get("/drafts/{id}/mapping", editor, show::<W>),
        Route::post("/drafts/{id}/mapping", editor, save::<W>),
        Route::get("/drafts/{id}/text", editor, text::<W>),
        Route::post("/drafts/{id}/text", editor, save_text::<W>),
    ]
}

/// Which record is looked at.
#[derive(Deserialize)]
pub struct Asked {
    /// Its event's id; the newest one, without.
    pub record: Option<String>,
}

#[derive(Template)]
#[template(path = "mapping.html")]
struct Mapping {
    frame: Frame,
    open: Open,
    vendor: String,
    action: String,
    rows: Vec<Row>,
    paths: Vec<String>,
    /// The record's fields and values.
    record: Vec<(String, String)>,
    choices: Vec<Choice>,
    origin: Origin,
    /// The page's own mark: what it keeps by itself while somebody types does not overtake itself.
    mark: String,
    result: ResultPart,
}

/// What the draft comes to; the part of the page that is asked for again when something is typed.
#[derive(Template)]
#[template(path = "result.html")]
struct ResultPart {
    /// The draft as it is kept.
    draft: Draft,
    vendor: String,
    /// It answers a change, and brings the form's edit with it.
    is_answer: bool,
    path: String,
    /// What keeps the draft from being published: whose field, and what to do.
    problems: Vec<Problem>,
    /// What the vendor may refuse.
    doubts: Vec<Problem>,
    sums: Option<Sums>,
    total: u64,
    origin: Origin,
    failing: Vec<Failing>,
    /// What becomes of the record.
    verdict: Option<String>,
    /// What would be sent of it.
    sent: Vec<(String, String)>,
}

struct Problem {
    label: String,
    /// The row's number on the page, where it is of one.
    row: Option<usize>,
    message: String,
}

struct Failing {
    id: String,
    key: String,
    reason: String,
}

/// A record that can be looked at.
pub struct Choice {
    /// Its event's id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// It is the one that is looked at.
    pub is_chosen: bool,
}

/// A field of the destination.
struct Row {
    /// From 1.
    number: usize,
    name: String,
    label: String,
    help: String,
    kind: &'static str,
    example: String,
    is_required: bool,
    is_own: bool,
    filling: Filling,
}

impl Row {
    fn how(&self) -> &'static str {
        match self.filling {
            Filling::Nothing => "nothing",
            Filling::Field(_) => "field",
            Filling::Helped(..) => "helped",
            Filling::Fixed(_) => "fixed",
            Filling::Formula(_) => "formula",
        }
    }

    fn path(&self) -> &str {
        match &self.filling {
            Filling::Field(path) | Filling::Helped(path, _) => path,
            Filling::Nothing | Filling::Fixed(_) | Filling::Formula(_) => "",
        }
    }

    fn helper(&self) -> &str {
        if let Filling::Helped(_, helper) = self.filling { helper } else { "" }
    }

    fn fixed(&self) -> &str {
        if let Filling::Fixed(text) = &self.filling { text } else { "" }
    }

    fn formula(&self) -> &str {
        if let Filling::Formula(text) = &self.filling { text } else { "" }
    }
}

impl Mapping {
    #[expect(clippy::unused_self, reason = "a template calls methods")]
    fn helpers(&self) -> &'static [&'static Entry] {
        &HELPERS
    }

    #[expect(clippy::unused_self, reason = "a template calls methods")]
    fn reference(&self) -> impl Iterator<Item = &'static Entry> {
        CATALOGUE.iter().filter(|entry| entry.kind != Kind::Operator)
    }
}

/// What the script that completes formulas calls it.
const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Filter => "filter",
        Kind::Test => "test",
        Kind::Function => "function",
        Kind::Operator => "operator",
    }
}

const fn kind(kind: FieldType) -> &'static str {
    match kind {
        FieldType::Text => "text",
        FieldType::Email => "e-mail address",
        FieldType::Phone => "telephone number",
        FieldType::Url => "web address",
        FieldType::Number => "number",
        FieldType::Boolean => "true or false",
        FieldType::Time => "date and time",
        FieldType::Json => "list or object",
    }
}

/// The destination's fields, then those of one's own, then an empty one where others may be added.
fn rows(open: &Open, aim: &Aim) -> Vec<Row> {
    let mapped = open.text.fields();
    let expression = |name: &str| mapped.iter().find(|(other, _)| other == name).map_or("", |(_, text)| text.as_str());
    let known = aim.action.fields.iter().map(|field| Row {
        number: 0,
        name: field.name.clone(),
        label: field.label.clone(),
        help: field.help.clone(),
        kind: kind(field.r#type),
        example: field.example.clone(),
        is_required: field.required || aim.match_field.as_deref() == Some(&field.name),
        is_own: false,
        filling: Filling::of(expression(&field.name)),
    });
    let own = mapped.iter().filter(|(name, _)| aim.action.field(name).is_none()).map(|(name, text)| Row {
        number: 0,
        name: name.clone(),
        label: name.clone(),
        help: format!("A field of your own in {}.", aim.connector.name),
        kind: "any",
        example: String::new(),
        is_required: aim.match_field.as_deref() == Some(name),
        is_own: true,
        filling: Filling::of(text),
    });
    let mut rows: Vec<Row> = known.chain(own).collect();
    if let Some(name) = aim.match_field.as_ref().filter(|name| !rows.iter().any(|row| row.name == **name)) {
        let row = Row { is_required: true, label: name.clone(), ..empty(aim) };
        rows.push(Row { name: name.clone(), ..row });
    }
    if aim.action.other_fields {
        rows.push(empty(aim));
    }
    for (number, row) in (1..).zip(&mut rows) {
        row.number = number;
    }
    rows
}

fn empty(aim: &Aim) -> Row {
    Row {
        number: 0,
        name: String::new(),
        label: "Another field".to_owned(),
        help: format!("A field of your own. Create it in {} first, and write its internal name.", aim.connector.name),
        kind: "any",
        example: String::new(),
        is_required: false,
        is_own: true,
        filling: Filling::Nothing,
    }
}

async fn show<W: World>(
    State(console): State<Arc<Console<W>>>,
    Path(id): Path<String>,
    Query(Asked { record }): Query<Asked>,
    frame: Frame,
) -> Page {
    let open = console.open(&id).await?;
    let aim = console.aim(&open)?;
    let known = console.known().await;
    let records = console.records(open.outline.source.as_deref().unwrap_or_default()).await;
    let trial = console.trial(&open.draft.document, &known, &records).await?;
    let place = trial.place(record.as_deref());
    let chosen = place.and_then(|place| trial.events.get(place));
    let result = result(&open, &aim, &trial, place, records.origin, false);
    page(&Mapping {
        vendor: aim.connector.name.clone(),
        action: aim.action.label.clone(),
        rows: rows(&open, &aim),
        paths: all_paths(&known, &open, &records),
        record: chosen.and_then(|event| event.after.as_ref().or(event.before.as_ref())).map(flat).unwrap_or_default(),
        choices: choices(&trial, place),
        origin: records.origin,
        mark: random::text::<9>()?,
        result,
        frame,
        open,
    })
}

/// What can be picked: the fields that are known of the source, or else those of the records.
fn all_paths(known: &Known, open: &Open, records: &Records) -> Vec<String> {
    let mut paths = paths(known, open);
    if paths.is_empty() {
        let rows = records.events.iter().filter_map(|event| event.after.as_ref());
        paths = rows.flat_map(flat).map(|(path, _)| path).collect();
        paths.sort();
        paths.dedup();
    }
    paths
}

/// The newest records, the newest first.
pub fn choices(trial: &Trial, place: Option<usize>) -> Vec<Choice> {
    let events = &trial.events;
    let newest = events.iter().enumerate().rev();
    newest
        .filter(|(at, _)| events.len() - at <= CHOICES || Some(*at) == place)
        .map(|(at, event)| Choice {
            id: event.id.clone(),
            name: name_of(event, trial.fates.get(at)),
            is_chosen: Some(at) == place,
        })
        .collect()
}

/// A record in a list: `8841, ada@example.com, 2026-07-01 09:30:00, left out`.
fn name_of(event: &ChangeEvent, fate: Option<&Fate>) -> String {
    let mut parts = vec![called(event), time(event.occurred_at)];
    if event.op == Op::Delete {
        parts.push("deleted".to_owned());
    }
    match fate {
        Some(Fate::Filtered) => parts.push("left out".to_owned()),
        Some(Fate::Failed(..)) => parts.push("would fail".to_owned()),
        Some(Fate::Skipped(..) | Fate::Sent(..)) | None => {}
    }
    parts.join(", ")
}

/// A record by its key, and by what people know it by: `8841, ada@example.com`.
pub fn called(event: &ChangeEvent) -> String {
    let known = event.after.as_ref().or(event.before.as_ref()).and_then(known_by);
    std::iter::once(key(event)).chain(known).collect::<Vec<_>>().join(", ")
}

/// What people know a row by, where it has something of the kind: an address, a name, a title.
fn known_by(row: &Value) -> Option<String> {
    let fields = flat(row);
    let find = |name: &str| {
        let value = fields.iter().find(|(path, _)| path == name).map(|(_, value)| value.trim())?;
        (!value.is_empty()).then(|| value.chars().take(MOST_CALLED).collect::<String>())
    };
    CALLED.iter().find_map(|name| find(name))
}

/// A record's key as people read it: `8841`, or `store 3, order 12`.
pub fn key(event: &ChangeEvent) -> String {
    let attributes = event.key.attributes();
    let parts: Vec<String> = match attributes.len() {
        1 => attributes.values().map(read).collect(),
        _ => attributes.iter().map(|(name, value)| format!("{name} {}", read(value))).collect(),
    };
    parts.join(", ")
}

fn result(open: &Open, aim: &Aim, trial: &Trial, place: Option<usize>, origin: Origin, is_answer: bool) -> ResultPart {
    let rows = rows(open, aim);
    let fate = place.and_then(|place| trial.fates.get(place));
    let sent = match fate {
        Some(Fate::Sent(delivery, ..) | Fate::Skipped(delivery, _) | Fate::Failed(Some(delivery), _)) => {
            let label = |name: &str| {
                aim.action.field(name).map_or_else(|| name.to_owned(), |field: &Field| field.label.clone())
            };
            delivery.fields.iter().map(|(name, value)| (label(name), read(value))).collect()
        }
        _ => Vec::new(),
    };
    let failing = trial.failing().take(NAMED).map(|(event, reason)| Failing {
        id: event.id.clone(),
        key: called(event),
        reason: reason.to_owned(),
    });
    ResultPart {
        draft: open.draft.clone(),
        vendor: aim.connector.name.clone(),
        is_answer,
        path: open.path("mapping"),
        problems: problems(&rows, aim, trial),
        doubts: in_doubt(&rows, aim, trial),
        sums: (!trial.fates.is_empty()).then(|| trial.sums()),
        total: u64::try_from(trial.fates.len()).unwrap_or(u64::MAX),
        origin,
        failing: failing.collect(),
        verdict: fate.map(|fate| told(fate, &aim.connector.name)),
        sent,
    }
}

/// What does not keep it from being published, and may be refused.
fn in_doubt(rows: &[Row], aim: &Aim, trial: &Trial) -> Vec<Problem> {
    let of = |doubt: Doubt| {
        let row = rows.iter().find(|row| row.name == doubt.field);
        let label = row.map_or_else(|| doubt.field.clone(), |row| row.label.clone());
        Problem { label, row: row.map(|row| row.number), message: doubt.message }
    };
    doubts(aim.action, &trial.fates).into_iter().map(of).collect()
}

/// What keeps the draft from being published. What a required field lacks is said in the form's words.
fn problems(rows: &[Row], aim: &Aim, trial: &Trial) -> Vec<Problem> {
    let lacking = rows.iter().filter(|row| row.is_required && row.filling == Filling::Nothing).map(|row| Problem {
        label: row.label.clone(),
        row: Some(row.number),
        message: format!("{} is required by {}. Pick a field or type a value.", row.label, aim.connector.name),
    });
    let field_of = |line: usize| trial.review.field_lines.iter().find(|(_, at)| **at == line).map(|(name, _)| name);
    let wrong = trial.review.problems.iter().map(|problem| {
        let row = field_of(problem.line).and_then(|name| rows.iter().find(|row| row.name == *name));
        Problem {
            label: row.map_or_else(|| format!("Line {}", problem.line), |row| row.label.clone()),
            row: row.map(|row| row.number),
            message: problem.message.clone(),
        }
    });
    lacking.chain(wrong).collect()
}

async fn save<W: World>(
    State(console): State<Arc<Console<W>>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    visitor: Visitor,
    frame: Frame,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response, NoPage> {
    let is_part = headers.contains_key("hx-request");
    let open = console.open(&id).await?;
    let aim = console.aim(&open)?;
    let get = |name: &str| form.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
    let edit: u64 = get("edit")
        .and_then(|edit| edit.parse().ok())
        .ok_or_else(|| NoPage::bad_request("The form is not whole", "Load the page again, and do it once more."))?;
    let record = get("record").map(str::to_owned);
    let known = console.known().await;
    let fields = open.outline.source.as_deref().and_then(|source| known.fields.get(source)).cloned();
    let text = filled(open.text.clone(), &aim, &fields.unwrap_or_default(), &form);
    let write = Write::of_page(edit, text.to_string(), get("page").map(str::to_owned), !is_part);
    match console.keep_draft(&visitor, &open, write).await? {
        Kept::Overtaken(theirs, mine) => conflict(frame, *theirs, mine, is_part),
        Kept::Yes(_) if !is_part => {
            let (page, place) = if get("next") == Some("try") { ("try", "") } else { ("mapping", "#result") };
            let mut to = open.path(page);
            if let Some(record) = record {
                to.push_str("?record=");
                to.extend(url::form_urlencoded::byte_serialize(record.as_bytes()));
            }
            to.push_str(place);
            Ok(Redirect::to(&to).into_response())
        }
        Kept::Yes(draft) => {
            let open = Open { outline: Outline::of(&draft.document), draft: *draft, text };
            let records = console.records(open.outline.source.as_deref().unwrap_or_default()).await;
            let trial = console.trial(&open.draft.document, &known, &records).await?;
            let place = trial.place(record.as_deref());
            let part = result(&open, &aim, &trial, place, records.origin, true);
            Ok(page(&part)?.into_response())
        }
    }
}

/// The document with what the form fills its fields with. Each row begins with its name.
fn filled(mut text: Text, aim: &Aim, fields: &KnownFields, form: &[(String, String)]) -> Text {
    let before = text.fields();
    let rows = form.iter().enumerate().filter(|(_, (name, _))| name == "name");
    for (at, (_, name)) in rows {
        let name = name.trim();
        if name.is_empty() {
            continue;
        }
        let row = form[at + 1..].iter().take_while(|(other, _)| other != "name");
        let get = |wanted: &str| row.clone().find(|(other, _)| other == wanted).map_or("", |(_, value)| value.trim());
        let filling = filling(get("how"), get("path"), get("helper"), get("fixed"), get("formula"));
        // One that the form has only read again stays as a person wrote it.
        let is_same = before.iter().any(|(other, expression)| other == name && Filling::of(expression) == filling);
        if !is_same {
            let kind = aim.action.field(name).map_or(FieldType::Text, |field| field.r#type);
            text.set_field(name, filling.expression(kind, fields).as_deref());
        }
    }
    text
}

fn filling(how: &str, path: &str, helper: &str, fixed: &str, formula: &str) -> Filling {
    let helper = HELPERS.iter().find(|known| known.name == helper);
    match how {
        "field" if !path.is_empty() => Filling::Field(path.to_owned()),
        "helped" if !path.is_empty() => match helper {
            Some(helper) => Filling::Helped(path.to_owned(), helper.name),
            None => Filling::Field(path.to_owned()),
        },
        // An empty text is a value, too.
        "fixed" => Filling::Fixed(fixed.to_owned()),
        "formula" if !formula.is_empty() => Filling::Formula(formula.to_owned()),
        _ => Filling::Nothing,
    }
}

#[derive(Template)]
#[template(path = "text.html")]
struct AsText {
    frame: Frame,
    open: Open,
    /// What is wrong with what was typed, where it could not be kept.
    error: Option<String>,
    typed: String,
}

async fn text<W: World>(State(console): State<Arc<Console<W>>>, Path(id): Path<String>, frame: Frame) -> Page {
    let open = console.open(&id).await?;
    page(&AsText { frame, error: None, typed: open.draft.document.clone(), open })
}

#[derive(Deserialize)]
struct SaveText {
    edit: u64,
    document: String,
}

async fn save_text<W: World>(
    State(console): State<Arc<Console<W>>>,
    Path(id): Path<String>,
    visitor: Visitor,
    frame: Frame,
    Form(SaveText { edit, document }): Form<SaveText>,
) -> Result<Response, NoPage> {
    let open = console.open(&id).await?;
    // A form's lines end otherwise than a file's.
    let document = document.replace("\r\n", "\n");
    if let Err(error) = Text::parse(&document) {
        return Ok(page(&AsText { frame, error: Some(error), typed: document, open })?.into_response());
    }
    let kept = console.keep_draft(&visitor, &open, Write::pressed(edit, document)).await?;
    go_on(frame, kept, &open.path("mapping"))
}

#[cfg(test)]
mod tests {
    use shared::destination::connector;

    use super::*;

    #[test]
    fn a_form_changes_what_it_says_and_nothing_else() {
        let hubspot = connector("hubspot").unwrap();
        let action = hubspot.action("upsert_contact").unwrap();
        let aim = Aim { connector: hubspot, action, match_field: Some("email".to_owned()) };
        let text = Text::parse(
            "[fields]\nemail = \"after.email  |  lower\" # odd\nmrr = \"after.cents / 100\"\nplan = \"12\"\nphone = \"after.phone\"\n",
        )
        .unwrap();
        let form = |rows: &[[&str; 6]]| -> Vec<(String, String)> {
            let names = ["name", "how", "path", "helper", "fixed", "formula"];
            let pairs = rows.iter().flat_map(|row| names.into_iter().zip(row));
            pairs.map(|(name, value)| (name.to_owned(), (*value).to_owned())).collect()
        };
        let filled = filled(
            text,
            &aim,
            &KnownFields::default(),
            &form(&[
                ["email", "helped", "email", "lower", "", ""],
                ["firstname", "fixed", "ignored", "", "it's", ""],
                ["phone", "nothing", "phone", "", "", ""],
                ["plan", "fixed", "", "", "12", ""],
                ["mrr", "formula", "", "", "", "after.cents / 100"],
                ["", "field", "email", "", "", ""],
                ["own", "field", "a b", "", "", ""],
            ]),
        );
        let written = filled.to_string();
        let as_it_was =
            "[fields]\nemail = \"after.email  |  lower\" # odd\nmrr = \"after.cents / 100\"\nplan = \"12\"\n";
        assert!(written.starts_with(as_it_was), "{written}");
        // How TOML quotes them is its own matter.
        let fields = Text::parse(&written).unwrap().fields();
        let new = [("firstname", r"'it\'s'"), ("own", "after['a b']")];
        assert_eq!(fields[3..], new.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }
}
