//! What all pages of a draft have in common: finding it, keeping what was changed, and what happens where two people write
//! at once.

use askama::Template;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use http::StatusCode;
use shared::{
    destination::{self, Action, Connector},
    draft::Draft,
    pipeline::Outline,
    ports::Drafts as _,
    time::Clock as _,
};

use crate::{
    Console, World,
    access::Visitor,
    difference::{Line, lines},
    document::Text,
    frame::{Frame, page},
    no_page::NoPage,
};

/// A draft that a page works on.
#[derive(Clone, Debug)]
pub struct Open {
    /// As it was read.
    pub draft: Draft,
    /// Its document.
    pub text: Text,
    /// What it says of itself.
    pub outline: Outline,
}

impl Open {
    /// The name, or what stands for it until there is one.
    pub fn name(&self) -> &str {
        self.outline.name.as_deref().unwrap_or("A new pipeline")
    }

    /// The path of one of its pages.
    pub fn path(&self, page: &str) -> String {
        path_of(&self.draft.id, page)
    }

    /// The pages, each with whether it is the one at hand.
    pub fn tabs(&self, present: &str) -> Vec<(&'static str, String, bool)> {
        PAGES.iter().map(|(name, page)| (*name, self.path(page), *page == present)).collect()
    }
}

/// The pages of a draft.
const PAGES: [(&str, &str); 6] = [
    ("Destination", "destination"),
    ("Which changes", "changes"),
    ("Mapping", "mapping"),
    ("Try it", "try"),
    ("Publish", "publish"),
    ("As text", "text"),
];

/// The path of a draft's page.
pub fn path_of(id: &str, page: &str) -> String {
    format!("/drafts/{}/{page}", url::form_urlencoded::byte_serialize(id.as_bytes()).collect::<String>())
}

/// What a draft sends to: the connector and its action.
pub struct Aim {
    /// The vendor.
    pub connector: &'static Connector,
    /// What is done there.
    pub action: &'static Action,
    /// The field by which the vendor tells rows.
    pub match_field: Option<String>,
}

impl<W: World> Console<W> {
    /// The draft of an id.
    pub async fn open(&self, id: &str) -> Result<Open, NoPage> {
        let draft = self
            .world
            .drafts()
            .draft(id)
            .await?
            .ok_or_else(|| NoPage::not_found().with_next("Go to the pipelines", "/"))?;
        let text = Text::parse(&draft.document)
            .map_err(|error| NoPage::broken(format!("the draft {id} is no TOML any more: {error}")))?;
        let outline = Outline::of(&draft.document);
        Ok(Open { draft, text, outline })
    }

    /// Where the draft sends to; what is missing leads to the page that asks for it.
    pub fn aim(&self, open: &Open) -> Result<Aim, NoPage> {
        let named = open.outline.destination.as_deref().and_then(|name| self.settings.known.destination(name));
        let connector = named.and_then(|named| destination::connector(&named.connector).ok());
        let action = connector.zip(open.outline.action.as_deref()).and_then(|(connector, name)| connector.action(name));
        let (Some(named), Some(connector), Some(action)) = (named, connector, action) else {
            let message = "The draft does not say yet where it sends to, or its destination is not there any more.";
            return Err(NoPage::conflict("Choose a destination first", message, &open.path("destination")));
        };
        let settings = named.settings.clone().unwrap_or_default();
        let configured = connector.configure(&named.name, &settings).ok();
        let match_field = configured.and_then(|configured| configured.match_field(action.name()).map(str::to_owned));
        Ok(Aim { connector, action, match_field })
    }

    /// Keeps a draft's new document in the place of the one that was read at the write's edit. A draft runs nowhere, so
    /// writing one is not in the audit log; publishing it is.
    pub async fn keep_draft(&self, visitor: &Visitor, open: &Open, write: Write) -> Result<Kept, NoPage> {
        let mut draft = Draft {
            edit: write.edit,
            by: visitor.0.person.name.clone(),
            at: self.world.clock().now(),
            page: write.page.clone().filter(|_| !write.is_pressed),
            document: write.document,
            ..open.draft.clone()
        };
        if open.draft.edit == draft.edit && open.draft.document == draft.document {
            return Ok(Kept::Yes(Box::new(open.draft.clone())));
        }
        loop {
            if self.world.drafts().keep_draft(&draft).await? {
                draft.edit += 1;
                return Ok(Kept::Yes(Box::new(draft)));
            }
            // Read anew: somebody was quicker. Where that was the same page, with what was typed a moment before, this is
            // what it has now.
            let theirs = self.open(&draft.id).await?.draft;
            if write.page.is_none() || theirs.page != write.page {
                return Ok(Kept::Overtaken(Box::new(theirs), draft.document));
            }
            draft.edit = theirs.edit;
        }
    }
}

/// A draft's new document, and what writes it.
pub struct Write {
    edit: u64,
    document: String,
    /// The mark of the page, where that keeps by itself what is typed.
    page: Option<String>,
    /// A person has pressed a button: whatever the page still has on its way is older.
    is_pressed: bool,
}

impl Write {
    /// Of a page that keeps nothing by itself.
    pub const fn pressed(edit: u64, document: String) -> Self {
        Self { edit, document, page: None, is_pressed: true }
    }

    /// Of a page that keeps what is typed, one answer after the other, or whose button was pressed.
    pub const fn of_page(edit: u64, document: String, page: Option<String>, is_pressed: bool) -> Self {
        Self { edit, document, page, is_pressed }
    }
}

/// Whether a draft was kept.
#[derive(Debug)]
pub enum Kept {
    /// It is, as this.
    Yes(Box<Draft>),
    /// Somebody else has written meanwhile: theirs, and the document that was to be kept.
    Overtaken(Box<Draft>, String),
}

#[derive(Template)]
#[template(path = "conflict.html")]
struct Conflict {
    frame: Frame,
    theirs: Draft,
    mine: String,
    lines: Vec<Line>,
    to: String,
}

#[derive(Template)]
#[template(path = "conflict_part.html")]
struct ConflictPart {
    frame: Frame,
    theirs: Draft,
    mine: String,
    lines: Vec<Line>,
    to: String,
}

/// What a person sees whose change met another's: both, and the choice.
pub fn conflict(frame: Frame, theirs: Draft, mine: String, is_part: bool) -> Result<Response, NoPage> {
    let lines = lines(&theirs.document, &mine);
    let to = path_of(&theirs.id, "mapping");
    let html: Html<String> = if is_part {
        page(&ConflictPart { frame, theirs, mine, lines, to })?
    } else {
        page(&Conflict { frame, theirs, mine, lines, to })?
    };
    Ok((StatusCode::CONFLICT, html).into_response())
}

/// To a page of the draft, once it is kept.
pub fn go_on(frame: Frame, kept: Kept, to: &str) -> Result<Response, NoPage> {
    match kept {
        Kept::Yes(_) => Ok(Redirect::to(to).into_response()),
        Kept::Overtaken(theirs, mine) => conflict(frame, *theirs, mine, false),
    }
}
