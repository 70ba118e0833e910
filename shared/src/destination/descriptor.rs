//! What a connector's file says, as data. [`super::load`] checks what a type cannot.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::{
    check::CheckRequest,
    codec::Codec,
    format::Format,
    oauth::OauthAuth,
    scalar::Scalar,
    template::{Json, Text},
};
use crate::delivery::Step;

/// A connector: what can be told to one vendor, and how.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connector {
    /// Its name in settings, and its file's.
    pub slug: Spanned<String>,
    /// The vendor's name, as people write it.
    pub name: String,
    /// One sentence: what it is good for.
    pub summary: String,
    /// What of the vendor is relied upon, and where it is written.
    #[serde(default)]
    pub facts: Vec<Fact>,
    /// What a person sets for a destination, in the order of the form. Never a secret.
    #[serde(default)]
    pub settings: Vec<Setting>,
    /// How requests prove who sends them.
    pub auth: Auth,
    /// Headers of every request, by their names in lower case; `content-type` takes the place of the usual one.
    #[serde(default)]
    pub headers: BTreeMap<String, Spanned<Text>>,
    /// One cheap request that tells whether the credentials are accepted.
    pub check: Option<CheckRequest>,
    /// How much the vendor takes.
    #[serde(default)]
    pub limits: Vec<Limit>,
    /// How the vendor's status codes differ from the usual.
    #[serde(default)]
    pub statuses: Statuses,
    /// What can be done.
    pub actions: Vec<Action>,
}

/// Something that the vendor does, and where it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// What it does.
    pub says: String,
    /// Where it is written: a page, a specification, a project's code.
    pub source: String,
    /// It was not found in the vendor's own specification or documentation.
    #[serde(default)]
    pub unverified: bool,
}

/// Something that a person sets.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Its name.
    pub name: Spanned<String>,
    /// What a form calls it.
    pub label: String,
    /// What it is for.
    pub help: String,
    /// What it may be.
    pub r#type: SettingType,
    /// There is no destination without it.
    #[serde(default)]
    pub required: bool,
    /// What it is where nobody sets it.
    pub default: Option<Spanned<Scalar>>,
    /// All that it may be, for [`SettingType::Choice`].
    #[serde(default)]
    pub choices: Vec<String>,
    /// The least, for [`SettingType::Number`].
    pub min: Option<i64>,
    /// The most, for [`SettingType::Number`].
    pub max: Option<i64>,
    /// Values that look right and are not, each with the reason and what to set instead.
    #[serde(default)]
    pub refused: BTreeMap<String, String>,
}

/// What a setting may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SettingType {
    /// Any text that is not empty.
    Text,
    /// An address: https, or http on the same machine.
    Url,
    /// A whole number.
    Number,
    /// True or false.
    Boolean,
    /// One of a few.
    Choice,
}

/// How requests prove who sends them.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// They do not.
    None,
    /// The secret in `Authorization: Bearer …`.
    Bearer {
        /// What the secret is and where the vendor shows it.
        help: String,
    },
    /// A user and a password in `Authorization: Basic …` (RFC 7617).
    Basic {
        /// The user, where it is a setting or always the same; the secret is the password then. Without one the secret
        /// is both, with a colon between.
        user: Option<Spanned<Text>>,
        /// What the secret is and where the vendor shows it.
        help: String,
    },
    /// The secret in a header of the vendor's own.
    Header {
        /// The header's name, in lower case.
        header: String,
        /// What stands before the secret.
        #[serde(default)]
        prefix: String,
        /// What the secret is and where the vendor shows it.
        help: String,
    },
    /// The secret as a parameter of the address: only for vendors that have no other way, since addresses are logged by
    /// what stands between.
    Query {
        /// The parameter's name.
        parameter: String,
        /// What the secret is and where the vendor shows it.
        help: String,
    },
    /// A token that is granted for the secret (OAuth 2.0), in `Authorization: Bearer …`.
    Oauth(OauthAuth),
    /// A signature made with the secret.
    Signature {
        /// How it is made.
        codec: Codec,
        /// Without a secret nothing is signed; otherwise it is an error.
        #[serde(default)]
        optional: bool,
        /// What the secret is.
        help: String,
    },
}

/// So many requests in so much time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// How many requests.
    pub requests: u32,
    /// In how many seconds.
    pub seconds: u32,
    /// Which requests count, together: those of `upsert_profile` (its rows that are created and updated), of
    /// `upsert_profile/delete` and the like (those that are removed so), the questions after the jobs of
    /// `import_profile/job`. Without, all.
    #[serde(default)]
    pub actions: Vec<Spanned<String>>,
    /// It applies where the setting `plan` is one of these. Without, always.
    #[serde(default)]
    pub plans: Vec<Spanned<String>>,
    /// For whom the vendor counts: an account, an app.
    pub scope: String,
    /// The header of every answer that tells how many requests are left, in lower case.
    pub remaining: Option<String>,
    /// The header that tells when the window begins anew. A 429 without `Retry-After` is waited for by it.
    pub reset: Option<Reset>,
    /// Where it is written.
    pub source: String,
    /// It was not found in the vendor's own specification or documentation.
    #[serde(default)]
    pub unverified: bool,
}

impl Limit {
    /// The setting that [`Limit::plans`] are of.
    pub const PLAN: &'static str = "plan";

    /// The name under which the requests of an action's step are counted.
    pub fn counted(action: &str, step: Step) -> String {
        match step {
            // A row is cleared by the request that writes it.
            Step::Apply | Step::Clear | Step::Keep => action.to_owned(),
            step => format!("{action}/{}", step.as_str()),
        }
    }

    /// The name under which the questions after an action's jobs are counted.
    pub fn asked(action: &str) -> String {
        format!("{action}/job")
    }

    /// What tells it from the connector's other limits: what is counted, and in how much time.
    pub fn name(&self) -> String {
        let actions: Vec<&str> = self.actions.iter().map(|name| name.get_ref().as_str()).collect();
        format!("{} {}/{}", actions.join(" "), self.requests, self.seconds).trim_start().to_owned()
    }
}

/// How status codes are read. Without a word here: 2xx is success; 408, 425, 429, 5xx and 3xx are tried again; 401 is
/// unauthorised; any other 4xx is a rejection.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Statuses {
    /// The credentials, or this whole sender, are not accepted: the destination pauses, nothing is lost. 401 always is.
    pub unauthorised: Vec<Spanned<u16>>,
    /// Nothing is wrong with the data: try again.
    pub retry: Vec<Spanned<u16>>,
    /// Where in an error's JSON the vendor's words are: names with dots between.
    pub message: Option<String>,
}

/// A header that says when a rate limit's window begins anew.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// Its name, in lower case.
    pub header: String,
    /// How it is written.
    pub written: ResetAs,
}

/// How a time is written in a [`Reset`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResetAs {
    /// Seconds since 1970.
    EpochSeconds,
    /// Seconds from now.
    Seconds,
}

/// Something that can be done at the vendor.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// Its name in a pipeline.
    pub name: Spanned<String>,
    /// What a form calls it.
    pub label: String,
    /// What it does.
    pub help: String,
    /// Whether repeats replace or add.
    pub mode: Mode,
    /// The field by which the vendor tells rows: its name, or a setting that has it.
    pub match_field: Option<Spanned<Text>>,
    /// The vendor has no id of its own for a row: the match field's value is kept as one when a row is delivered, so
    /// that only what was delivered is ever removed.
    #[serde(default)]
    pub match_is_key: bool,
    /// Match fields with which the vendor replaces the whole row: what a request does not have is not kept there.
    #[serde(default)]
    pub whole_row_when_matched_by: Vec<String>,
    /// How the mapped fields' values are written.
    #[serde(default)]
    pub values: Values,
    /// The fields that the vendor knows.
    #[serde(default)]
    pub fields: Vec<Field>,
    /// Fields of any other name may be mapped too.
    #[serde(default)]
    pub other_fields: bool,
    /// The request for [`Step::Apply`].
    pub request: Request,
    /// What can be done with a row that is gone or has left the filter.
    #[serde(default)]
    pub removals: Removals,
}

/// Whether repeats replace or add.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The row is created, or its fields replaced: the last one counts.
    Upsert,
    /// An event, a message: every one counts.
    Append,
}

/// How values of mapped fields are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Values {
    /// As they are; but where the vendor takes text, a number or a boolean becomes its text.
    #[default]
    Json,
    /// As text, null as the empty text; a list or an object cannot be sent.
    Text,
}

/// A field that the vendor knows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// The vendor's name.
    pub name: String,
    /// What a form calls it.
    pub label: String,
    /// What the vendor takes.
    pub r#type: FieldType,
    /// The vendor refuses a row without it.
    #[serde(default)]
    pub required: bool,
    /// It says something of a person, so not everybody sees its values. Addresses and telephone numbers do by their type.
    #[serde(default)]
    pub personal: bool,
    /// How the vendor writes it, where that is not how the source does.
    pub format: Option<Format>,
    /// What it is.
    pub help: String,
    /// A value that the vendor takes.
    pub example: String,
    /// The expression that a pipeline has for it, where a column of the field's name is not what one would map.
    pub expression: Option<String>,
}

impl Field {
    /// Whether its values say something of a person.
    pub const fn is_personal(&self) -> bool {
        self.personal || matches!(self.r#type, FieldType::Email | FieldType::Phone)
    }

    /// An expression that a pipeline may have for it.
    pub fn mapping(&self) -> String {
        self.expression.clone().unwrap_or_else(|| format!("after.{}", self.name))
    }
}

/// What the vendor takes in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldType {
    /// Text.
    Text,
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// An address on the web.
    Url,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// A point in time.
    Time,
    /// A list or an object.
    Json,
}

impl FieldType {
    /// Whether the vendor takes text: an id is often a number at the source, and never at the vendor.
    pub const fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::Email | Self::Phone | Self::Url)
    }
}

/// What can be done with a row that is gone or has left the filter.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Removals {
    /// For [`Step::Archive`].
    pub archive: Option<Request>,
    /// For [`Step::Delete`].
    pub delete: Option<Request>,
    /// For [`Step::Erase`].
    pub erase: Option<Request>,
    /// For [`Step::Clear`]: the vendor clears a field that is sent as null (or as the empty text, where values are
    /// text), so the action's own request does it.
    pub clear: bool,
    /// For [`Step::Unsubscribe`].
    pub unsubscribe: Option<Request>,
}

/// One HTTP request for some deliveries.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The address.
    pub url: Spanned<Text>,
    /// `single`, `array` or `ndjson`: how items become a body.
    pub shape: Spanned<Text>,
    /// The most items in a request.
    pub count: Spanned<Text>,
    /// The most bytes in a body.
    pub bytes: usize,
    /// What stands around the items of an array.
    pub envelope: Option<Spanned<Json>>,
    /// One delivery.
    pub item: Spanned<Json>,
    /// The header, in lower case, by which the vendor tells a repeat of a request: it carries a digest of the deliveries'
    /// ids, the same for every attempt of the same request.
    pub idempotency_header: Option<String>,
    /// How the answer is read.
    #[serde(default)]
    pub answer: Reading,
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "they are HTTP's own names")]
pub enum Method {
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// How items become a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// The one item is the body.
    Single,
    /// A JSON array, in an envelope if there is one.
    Array,
    /// A line of JSON for each, each ended by a line feed.
    Ndjson,
}

impl Shape {
    /// The shape of a name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "single" => Some(Self::Single),
            "array" => Some(Self::Array),
            "ndjson" => Some(Self::Ndjson),
            _ => None,
        }
    }
}

/// How a success's body is read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reading {
    /// It is not: the status counts for all items.
    #[default]
    Status,
    /// It lists what was done and what failed, each named by the `{trace}` that it was sent with.
    Trace(Box<TraceReading>),
    /// It has a flag that says whether anything was done: a success by its status may be none.
    Flag(FlagReading),
    /// It has the vendor's id of the row, of which a request carries one.
    Key(KeyReading),
    /// It lists what failed, each named by its place in the request, from 0. In a success all others are done; in an
    /// answer that rejects the whole request none is, and the others are sent again.
    Index(IndexReading),
    /// It names a job in which the vendor does the work later; the job is asked after until it ends.
    Job(Box<JobReading>),
}

/// A job in which the vendor does a request's work later. Paths are names with dots between.
///
/// Its status is asked for with GET at intervals, and once it is done its errors are; both with the connector's headers
/// and auth. What the errors do not name is done.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobReading {
    /// The job's id, in the answer to the request.
    pub id: String,
    /// After so many seconds a job that has not ended is given up, and its deliveries are sent again; those of an append
    /// become failures, since sending them again could do them twice.
    pub give_up_after_seconds: Spanned<u64>,
    /// How it is going.
    pub status: JobStatus,
    /// What failed in it.
    pub errors: JobErrors,
}

/// Where a job tells how it is going.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobStatus {
    /// The address, with `{job}`.
    pub url: Spanned<Text>,
    /// The job's state, in the answer.
    pub state: String,
    /// States in which it has done what it could.
    pub done: Vec<Spanned<String>>,
    /// States in which it has ended, and what it did is not known: it is sent again, as when it is given up.
    #[serde(default)]
    pub failed: Vec<Spanned<String>>,
    /// States in which it goes on.
    pub waiting: Vec<Spanned<String>>,
    /// How many items failed, in the answer: where that is zero the errors are not asked for, and where the errors name
    /// fewer they are taken for incomplete.
    pub failures: Option<String>,
}

/// Where a job tells what failed in it. An error names its item by the match field's value, or by its place in the
/// request; one that names none makes the others be sent in halves, until it stands alone.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JobErrors {
    /// The address, with `{job}`; without one the errors stand in the answer that tells the state.
    pub url: Option<Spanned<Text>>,
    /// The list of errors, in the answer.
    pub list: Spanned<String>,
    /// The next page's whole address, in the answer: of the same scheme, host and port, or it is not followed.
    pub next: Option<String>,
    /// Where the list has successes too: only items that have something here are errors.
    pub only: Option<String>,
    /// In an error: where the match field's value may stand.
    #[serde(default)]
    pub matches: Vec<Spanned<String>>,
    /// In an error: the item's place in the request, from 0, or a text that has it.
    pub index: Option<String>,
    /// Where `index` is a text: what stands in it before the place.
    #[serde(default)]
    pub before: String,
    /// In an error: the vendor's words.
    pub message: String,
    /// In an error: the vendor's name of its kind.
    pub kind: String,
    /// Kinds that pass: nothing is wrong with the item, and it is sent again.
    #[serde(default)]
    pub retry_kinds: Vec<String>,
}

/// Where an answer names what failed by its place in the request. Paths are names with dots between.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IndexReading {
    /// The list of what failed.
    pub errors: String,
    /// In an error: the place, or a text that has it.
    pub index: String,
    /// Where `index` is a text: what stands in it before the place.
    #[serde(default)]
    pub before: String,
    /// In an error: the vendor's words.
    pub message: String,
}

/// Where an answer has the id of the row.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyReading {
    /// The id: names with dots between.
    pub key: String,
    /// The status of an answer whose row is new, where the vendor has one for it; any other success is of a row that
    /// was there.
    pub created: Option<u16>,
}

/// Where a success says that it is none. Paths are names with dots between.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlagReading {
    /// True where it was done, false where it was not.
    pub flag: String,
    /// Where it was not: the vendor's name of the reason.
    pub reason: String,
    /// Reasons that are about the sender: the destination pauses, nothing is lost.
    pub unauthorised: Vec<String>,
    /// Reasons that pass. Any that is in neither list is a rejection.
    pub retry: Vec<String>,
}

/// Where an answer says what became of each item. Paths are names with dots between.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TraceReading {
    /// The list of what was done.
    pub results: String,
    /// The list of what failed.
    pub errors: String,
    /// In a result: the trace.
    pub result_trace: String,
    /// In a result: the object with the fields, among them the match field.
    pub result_fields: String,
    /// In a result: the vendor's own id of the row.
    pub result_key: String,
    /// In a result: true where the row is new, where the vendor tells.
    pub result_created: Option<String>,
    /// In an error: the list of traces.
    pub error_traces: String,
    /// In an error: the vendor's words.
    pub error_message: String,
    /// In an error: the HTTP status that it would have had alone, where it is a number.
    pub error_status: String,
    /// In an error: its kind.
    pub error_kind: String,
    /// Kinds that are tried again. Any other kind is a rejection.
    pub retry_kinds: Vec<String>,
}

impl Connector {
    /// An action by its name.
    pub fn action(&self, name: &str) -> Option<&Action> {
        self.actions.iter().find(|action| action.name() == name)
    }

    /// Whether nothing can be sent without a secret.
    pub const fn needs_secret(&self) -> bool {
        !matches!(self.auth, Auth::None | Auth::Signature { optional: true, .. })
    }

    /// Its name in settings.
    pub fn slug(&self) -> &str {
        self.slug.as_ref()
    }
}

impl Setting {
    /// Its name.
    pub fn name(&self) -> &str {
        self.name.as_ref()
    }
}

impl Action {
    /// Its name in a pipeline.
    pub fn name(&self) -> &str {
        self.name.as_ref()
    }

    /// A field that the vendor knows, by its name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// The request of a step; `None` where the action cannot do it, and for [`Step::Keep`], which sends nothing.
    pub fn request(&self, step: Step) -> Option<&Request> {
        match step {
            Step::Apply => Some(&self.request),
            Step::Archive => self.removals.archive.as_ref(),
            Step::Delete => self.removals.delete.as_ref(),
            Step::Erase => self.removals.erase.as_ref(),
            Step::Clear => self.removals.clear.then_some(&self.request),
            Step::Unsubscribe => self.removals.unsubscribe.as_ref(),
            Step::Keep => None,
        }
    }
}
