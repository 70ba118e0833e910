//! A pipeline's beginning, in three steps: the source, the destination and what is done there, which changes. Each step is
//! kept in a draft.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use serde::Deserialize;
use shared::{
    delivery::Step,
    destination::{self, Action, Mode},
    draft::Draft,
    pipeline::Known,
    ports::{Drafts as _, Pipelines as _, Publishing as _},
    time::Clock as _,
};

use super::draft::{Open, Write, go_on, path_of};
use crate::{
    Console, World,
    access::{Access, Route, Visitor},
    change::Change,
    condition::{Condition, Test, Which},
    document::Text,
    frame::{Frame, Page, page},
    no_page::NoPage,
    random,
    role::Role,
    suggest::suggest,
    words,
};

/// How many conditions the form has.
const CONDITIONS: usize = 4;

/// The routes.
pub fn routes<W: World>() -> Vec<Route<W>> {
    let editor = Access::AtLeast(Role::Editor);
    vec![
        Route::get("/pipelines/new", editor, sources::<W>),
        Route::post("/drafts", editor, begin::<W>),
        Route::post("/pipelines/{name}/edit", editor, edit::<W>),
        Route::get("/drafts/{id}/destination", editor, destinations::<W>),
        Route::post("/drafts/{id}/destination", editor, choose_destination::<W>),
        Route::get("/drafts/{id}/changes", editor, changes::<W>),
        Route::post("/drafts/{id}/changes", editor, choose_changes::<W>),
        Route::post("/drafts/{id}/discard", editor, discard::<W>),
    ]
}

#[derive(Template)]
#[template(path = "new.html")]
struct Sources {
    frame: Frame,
    sources: Vec<Source>,
}

struct Source {
    name: String,
    /// Some of the fields that it has had.
    fields: Vec<String>,
    /// How many more.
    more: usize,
}

/// How many fields of a source are named.
const NAMED: usize = 8;

async fn sources<W: World>(State(console): State<Arc<Console<W>>>, frame: Frame) -> Page {
    let known = console.known().await;
    let sources = known.sources.iter().map(|name| {
        let mut fields: Vec<String> =
            known.fields.get(name).map(|fields| fields.names("").map(str::to_owned).collect()).unwrap_or_default();
        let more = fields.len().saturating_sub(NAMED);
        fields.truncate(NAMED);
        Source { name: name.clone(), fields, more }
    });
    page(&Sources { frame, sources: sources.collect() })
}

#[derive(Deserialize)]
struct Begin {
    source: String,
}

async fn begin<W: World>(
    State(console): State<Arc<Console<W>>>,
    visitor: Visitor,
    Form(Begin { source }): Form<Begin>,
) -> Result<Redirect, NoPage> {
    if !console.settings.known.sources.contains(&source) {
        return Err(NoPage::bad_request("Choose a source", "Go back, and choose one of the sources of the list."));
    }
    let mut text = Text::default();
    text.set("source", Some(&source));
    let id = console.draft_of(&visitor, &text, None).await?;
    Ok(Redirect::to(&path_of(&id, "destination")))
}

/// A draft of a pipeline that runs.
async fn edit<W: World>(
    State(console): State<Arc<Console<W>>>,
    Path(name): Path<String>,
    visitor: Visitor,
) -> Result<Redirect, NoPage> {
    let pipeline = console.world.pipelines().find(&name).await?.ok_or_else(NoPage::not_found)?;
    if words::is_of_git(&pipeline.document) {
        let message =
            "Its text lives in a repository, and the next push from there would take a change back. Change it there.";
        return Err(NoPage::conflict("This pipeline is managed by git", message, "/"));
    }
    let text = Text::parse(&pipeline.document).map_err(NoPage::broken)?;
    let id = console.draft_of(&visitor, &text, Some((name, pipeline.version))).await?;
    Ok(Redirect::to(&path_of(&id, "mapping")))
}

impl<W: World> Console<W> {
    /// A new draft of this text; its id.
    async fn draft_of(&self, visitor: &Visitor, text: &Text, base: Option<(String, u64)>) -> Result<String, NoPage> {
        let draft = Draft {
            id: random::text::<9>()?,
            edit: 0,
            document: text.to_string(),
            base,
            by: visitor.0.person.name.clone(),
            at: self.world.clock().now(),
            page: None,
        };
        self.world.drafts().keep_draft(&draft).await?;
        Ok(draft.id)
    }
}

#[derive(Template)]
#[template(path = "destination.html")]
struct Destinations {
    frame: Frame,
    open: Open,
    choices: Vec<Choice>,
}

/// A destination and something that can be done there.
struct Choice {
    value: String,
    vendor: String,
    destination: String,
    label: String,
    help: String,
    is_chosen: bool,
}

async fn destinations<W: World>(State(console): State<Arc<Console<W>>>, Path(id): Path<String>, frame: Frame) -> Page {
    let open = console.open(&id).await?;
    let chosen = open.outline.destination.clone().zip(open.outline.action.clone());
    let choices = console.settings.known.destinations.iter().filter_map(|known| {
        let connector = destination::connector(&known.connector).ok()?;
        let choices = connector.actions.iter().map(|action| Choice {
            value: format!("{}/{}", known.name, action.name()),
            // The webhook is no vendor: the destination says whose it is.
            vendor: if connector.slug() == "webhook" { known.name.clone() } else { connector.name.clone() },
            destination: known.name.clone(),
            label: action.label.clone(),
            help: action.help.clone(),
            is_chosen: chosen.as_ref().is_some_and(|(name, chosen)| *name == known.name && chosen == action.name()),
        });
        Some(choices.collect::<Vec<_>>())
    });
    page(&Destinations { frame, choices: choices.flatten().collect(), open })
}

#[derive(Deserialize)]
struct ChooseDestination {
    edit: u64,
    aim: String,
}

async fn choose_destination<W: World>(
    State(console): State<Arc<Console<W>>>,
    Path(id): Path<String>,
    visitor: Visitor,
    frame: Frame,
    Form(ChooseDestination { edit, aim }): Form<ChooseDestination>,
) -> Result<Response, NoPage> {
    let open = console.open(&id).await?;
    let mut known = console.known().await;
    let chosen = aim.split_once('/').and_then(|(name, action)| {
        let destination = known.destination(name)?;
        let connector = destination::connector(&destination.connector).ok()?;
        Some((name, connector.action(action)?))
    });
    let Some((name, action)) = chosen else {
        return Err(NoPage::bad_request("Choose a destination", "Go back, and choose one of the list."));
    };
    let mut text = open.text.clone();
    let is_other = open.outline.action.as_deref() != Some(action.name());
    text.set("destination", Some(name));
    text.set("action", Some(action.name()));
    let source = open.outline.source.clone().unwrap_or_default();
    if text.get("name").is_none() {
        let name = console.free_name(&source, name).await?;
        text.set("name", Some(&name));
        text.set("managed_by", Some("console"));
    }
    if is_other && text.fields().is_empty() {
        let fields = known.fields.remove(&source).unwrap_or_default();
        for (field, expression) in suggest(action, &fields) {
            text.set_field(&field, Some(&expression));
        }
    }
    let kept = console.keep_draft(&visitor, &open, Write::pressed(edit, text.to_string())).await?;
    go_on(frame, kept, &open.path("changes"))
}

impl<W: World> Console<W> {
    /// A name that no pipeline has: `customers-to-crm`, `customers-to-crm-2`.
    async fn free_name(&self, source: &str, destination: &str) -> Result<String, NoPage> {
        let letters = |name: &str| name.to_lowercase().replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
        let name = format!("{}-to-{}", letters(source), letters(destination));
        let taken: Vec<String> =
            self.world.pipelines().stored().await?.into_iter().map(|pipeline| pipeline.name).collect();
        let numbered = (2_u32..).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !taken.contains(name));
        Ok(free.unwrap_or(name))
    }
}

#[derive(Template)]
#[template(path = "changes.html")]
struct Changes {
    frame: Frame,
    open: Open,
    name: String,
    /// A draft of a pipeline that runs keeps its name.
    is_named: bool,
    which: Which,
    /// The form's rows, empty ones at the end.
    conditions: Vec<Option<Condition>>,
    paths: Vec<String>,
    removals: Vec<Removal>,
    on_leave: String,
    on_delete: String,
    is_append: bool,
}

/// What can be done with a record that is gone.
struct Removal {
    word: &'static str,
    help: String,
}

impl Changes {
    fn is_all(&self) -> bool {
        self.which == Which::All
    }

    fn is_where(&self) -> bool {
        matches!(self.which, Which::Where(_))
    }

    fn is_formula(&self) -> bool {
        matches!(self.which, Which::Formula(_))
    }

    #[expect(clippy::unused_self, reason = "a template calls methods")]
    fn is_test(&self, condition: Option<&Condition>, name: &str) -> bool {
        condition.is_some_and(|condition| condition.test.name() == name)
    }

    fn leaves(&self, removal: &Removal) -> bool {
        self.on_leave == removal.word
    }

    fn deletes(&self, removal: &Removal) -> bool {
        self.on_delete == removal.word
    }

    fn formula(&self) -> &str {
        if let Which::Formula(text) = &self.which { text } else { "" }
    }
}

async fn changes<W: World>(State(console): State<Arc<Console<W>>>, Path(id): Path<String>, frame: Frame) -> Page {
    let open = console.open(&id).await?;
    let aim = console.aim(&open)?;
    let known = console.known().await;
    let which = Which::of(open.text.get("when"));
    let mut conditions: Vec<Option<Condition>> = match &which {
        Which::Where(conditions) => conditions.iter().cloned().map(Some).collect(),
        Which::All | Which::Formula(_) => Vec::new(),
    };
    conditions.resize(conditions.len().max(CONDITIONS - 1) + 1, None);
    page(&Changes {
        frame,
        name: open.text.get("name").unwrap_or_default().to_owned(),
        is_named: open.draft.base.is_some(),
        which,
        conditions,
        paths: paths(&known, &open),
        removals: removals(aim.action, &aim.connector.name),
        on_leave: open.text.get("on_leave").unwrap_or("keep").to_owned(),
        on_delete: open.text.get("on_delete").unwrap_or("ignore").to_owned(),
        is_append: aim.action.mode == Mode::Append,
        open,
    })
}

/// The fields of the draft's source.
pub fn paths(known: &Known, open: &Open) -> Vec<String> {
    let source = open.outline.source.as_deref().unwrap_or_default();
    known.fields.get(source).map(|fields| fields.paths().map(str::to_owned).collect()).unwrap_or_default()
}

fn removals(action: &Action, vendor: &str) -> Vec<Removal> {
    let words = |step: Step| match step {
        Step::Archive => format!("Archive it in {vendor}, so that it can be restored"),
        Step::Delete => format!("Delete it in {vendor}"),
        Step::Erase => format!("Erase it in {vendor}, with all that {vendor} knows of the person; for good"),
        Step::Clear => format!("Leave it in {vendor}, without the values that were sent"),
        Step::Unsubscribe => format!("Leave it in {vendor}, and send it no messages"),
        Step::Apply | Step::Keep => String::new(),
    };
    let able = Step::REMOVALS.into_iter().filter(|step| action.request(*step).is_some());
    able.map(|step| Removal { word: step.as_str(), help: words(step) }).collect()
}

async fn choose_changes<W: World>(
    State(console): State<Arc<Console<W>>>,
    Path(id): Path<String>,
    visitor: Visitor,
    frame: Frame,
    Form(form): Form<Vec<(String, String)>>,
) -> Result<Response, NoPage> {
    let open = console.open(&id).await?;
    let known = console.known().await;
    let get = |name: &str| form.iter().find(|(other, _)| other == name).map(|(_, value)| value.trim());
    let edit = get("edit")
        .and_then(|edit| edit.parse().ok())
        .ok_or_else(|| NoPage::bad_request("The form is not whole", "Load the page again, and do it once more."))?;
    let mut text = open.text.clone();
    if let Some(name) = get("name").filter(|_| open.draft.base.is_none()) {
        text.set("name", Some(&name_of(name)));
    }
    let fields = open.outline.source.as_deref().and_then(|source| known.fields.get(source));
    let when = match get("which") {
        Some("where") => Which::Where(conditions(&form)).expression(fields),
        Some("formula") => get("formula").filter(|text| !text.is_empty()).map(str::to_owned),
        _ => None,
    };
    // One that the form has only read again stays as a person wrote it.
    if Which::of(when.as_deref()) != Which::of(text.get("when")) {
        text.set("when", when.as_deref());
    }
    for (name, usual) in [("on_leave", "keep"), ("on_delete", "ignore")] {
        if let Some(word) = get(name) {
            let word = Some(word).filter(|word| *word != usual);
            if word.is_some() || text.get(name).is_some_and(|written| written != usual) {
                text.set(name, word);
            }
        }
    }
    let kept = console.keep_draft(&visitor, &open, Write::pressed(edit, text.to_string())).await?;
    go_on(frame, kept, &open.path("mapping"))
}

/// A pipeline's name out of what a person has typed: `New customers to HubSpot` is `new-customers-to-hubspot`.
fn name_of(typed: &str) -> String {
    let words = typed.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

/// The conditions of the form that name a field: three inputs each, in their order.
fn conditions(form: &[(String, String)]) -> Vec<Condition> {
    let all = |name: &str| -> Vec<&str> {
        form.iter().filter(|(other, _)| other == name).map(|(_, value)| value.trim()).collect()
    };
    let (paths, tests, values) = (all("path"), all("test"), all("value"));
    let rows = paths.into_iter().zip(tests).zip(values);
    rows.filter(|((path, _), _)| !path.is_empty())
        .map(|((path, test), value)| Condition {
            path: path.to_owned(),
            test: Test::named(test).unwrap_or(Test::Is),
            value: value.to_owned(),
        })
        .collect()
}

async fn discard<W: World>(
    State(console): State<Arc<Console<W>>>,
    Path(id): Path<String>,
    visitor: Visitor,
) -> Result<Response, NoPage> {
    let open = console.open(&id).await?;
    let change = Change {
        action: "discard draft",
        subject: format!("draft {}", open.name()),
        before: Some(open.draft.document.clone()),
        after: None,
    };
    console.change(&visitor, change, console.world.drafts().drop_draft(&id)).await??;
    Ok(Redirect::to("/").into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_becomes_a_name() {
        for (typed, expected) in [
            ("New customers to HubSpot", "new-customers-to-hubspot"),
            ("customers-to-crm-2", "customers-to-crm-2"),
            ("  Ärger & Lob!  ", "rger-lob"),
            ("--", ""),
        ] {
            assert_eq!(name_of(typed), expected, "{typed}");
        }
    }
}
