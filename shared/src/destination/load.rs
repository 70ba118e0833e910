//! Reads a connector's file, and finds what is wrong with it.

use std::{collections::HashSet, ops::Range};

use serde::de::DeserializeOwned;
use toml::Spanned;

use super::{
    configure::{Problem, check_setting},
    descriptor::{Action, Auth, Connector, JobReading, Limit, Mode, Reading, Request, Setting, SettingType, Shape},
    template::{Placeholder, Text},
};
use crate::{delivery::Step, nearest::did_you_mean};

/// A mistake in a connector's file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {reason}; {mend}")]
pub struct DescriptorError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub mend: String,
}

/// A mistake, and the bytes of the file in which it is.
struct Mistake {
    at: Range<usize>,
    reason: String,
    mend: String,
}

impl Mistake {
    fn new(at: Range<usize>, reason: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { at, reason: reason.into(), mend: mend.into() }
    }

    fn in_file(self, file: &str, text: &str) -> DescriptorError {
        let before = text.get(..self.at.start.min(text.len())).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        DescriptorError {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            reason: self.reason,
            mend: self.mend,
        }
    }
}

impl Connector {
    /// Reads a connector's file, all but its tests.
    pub fn parse(file: &str, text: &str) -> Result<Self, DescriptorError> {
        parse(text).and_then(checked(file)).map_err(|mistake| mistake.in_file(file, text))
    }
}

/// Reads a part of a connector's file that needs no checks of its own.
pub(super) fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, DescriptorError> {
    parse(text).map_err(|mistake| mistake.in_file(file, text))
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Mistake> {
    toml::from_str(text).map_err(|error| of_toml(&error))
}

/// A mistake that parsing found. Messages of this crate's own types have the mend on their second line.
fn of_toml(error: &toml::de::Error) -> Mistake {
    let at = error.span().unwrap_or_default();
    let message = error.message();
    if let Some((reason, mend)) = message.split_once('\n') {
        return Mistake::new(at, reason, mend);
    }
    // serde's words: "unknown field `x`, expected one of `a`, `b`", "unknown variant …", "missing field `x`".
    let mut names = message.split('`').skip(1).step_by(2);
    let mend = match (message.split_whitespace().next(), names.next()) {
        (Some("unknown"), Some(unknown)) => did_you_mean(unknown, names).unwrap_or_else(|| {
            let mend = if message.starts_with("unknown field") { "take it away" } else { "write one of these" };
            mend.to_owned()
        }),
        (Some("missing"), Some(missing)) => format!("add `{missing} = …` to this table"),
        _ => "see the other files in shared/destinations".to_owned(),
    };
    Mistake::new(at, message, mend)
}

fn checked(file: &str) -> impl FnOnce(Connector) -> Result<Connector, Mistake> {
    move |connector| {
        let stem = file.strip_suffix(".toml").unwrap_or(file);
        if connector.slug() != stem {
            return Err(Mistake::new(
                connector.slug.span(),
                format!("the slug {:?} is not the file's name", connector.slug()),
                format!("write slug = {stem:?}, or rename the file"),
            ));
        }
        unique("setting", connector.settings.iter().map(|setting| &setting.name))?;
        unique("action", connector.actions.iter().map(|action| &action.name))?;
        connector.settings.iter().try_for_each(setting)?;
        for status in connector.statuses.unauthorised.iter().chain(&connector.statuses.retry) {
            if !(400..500).contains(status.get_ref()) {
                return Err(Mistake::new(
                    status.span(),
                    format!("{} is no 4xx status", status.get_ref()),
                    "list 4xx only: how others are read is the same everywhere",
                ));
            }
        }
        if let Auth::Basic { user: Some(user), .. } = &connector.auth {
            only_settings(&connector, user)?;
        }
        if let Auth::Oauth(auth) = &connector.auth {
            std::iter::once(&auth.token_url).chain(&auth.scope).try_for_each(|text| only_settings(&connector, text))?;
        }
        if let Some(check) = &connector.check {
            only_settings(&connector, &check.url)?;
        }
        connector.headers.iter().try_for_each(|(name, text)| header(&connector, name, text))?;
        connector.actions.iter().try_for_each(|each| action(&connector, each))?;
        connector.limits.iter().try_for_each(|each| limit(&connector, each))?;
        Ok(connector)
    }
}

fn unique<'a>(what: &str, names: impl Iterator<Item = &'a Spanned<String>>) -> Result<(), Mistake> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name.get_ref()) {
            return Err(Mistake::new(
                name.span(),
                format!("there are two {what}s named {:?}", name.get_ref()),
                "give one another name",
            ));
        }
    }
    Ok(())
}

fn setting(setting: &Setting) -> Result<(), Mistake> {
    let at = setting.name.span();
    if (setting.r#type == SettingType::Choice) == setting.choices.is_empty() {
        return Err(Mistake::new(
            at,
            "choices are for the type \"choice\", and it needs some",
            "add or remove choices",
        ));
    }
    if let Some(default) = &setting.default {
        if setting.required {
            return Err(Mistake::new(
                default.span(),
                "what has a default need not be set",
                "take away `required` or `default`",
            ));
        }
        let text = &default.get_ref().0;
        check_setting(setting, text)
            .map_err(|Problem { reason, mend, .. }| Mistake::new(default.span(), reason, mend))?;
    }
    Ok(())
}

/// Headers that are not a connector's to set: the secret's place is `auth`, and the others are the HTTP client's.
const KEPT: [&str; 4] = ["authorization", "content-length", "host", "transfer-encoding"];

fn header(connector: &Connector, name: &str, text: &Spanned<Text>) -> Result<(), Mistake> {
    only_settings(connector, text)?;
    if KEPT.contains(&name) {
        let reason = format!("the header {name:?} is not the connector's to set");
        return Err(Mistake::new(text.span(), reason, "take it away; a secret goes through `auth`"));
    }
    if !is_header(name) {
        let reason = format!("{name:?} is no header's name in lower case");
        return Err(Mistake::new(text.span(), reason, "write it in small letters, digits and dashes"));
    }
    Ok(())
}

fn is_header(name: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.bytes().all(is_part)
}

fn action(connector: &Connector, action: &Action) -> Result<(), Mistake> {
    if let Some(field) = &action.match_field {
        known_settings(connector, field)?;
    }
    match (action.mode, &action.match_field) {
        (Mode::Upsert, None) => {
            return Err(Mistake::new(
                action.name.span(),
                "an upsert has to match rows",
                "add `match_field`, the field by which the vendor tells rows",
            ));
        }
        (_, None) if action.match_is_key => {
            return Err(Mistake::new(
                action.name.span(),
                "there is no match field whose value could be the row's id",
                "add `match_field`, or take away `match_is_key`",
            ));
        }
        (Mode::Append, _) if !action.whole_row_when_matched_by.is_empty() => {
            return Err(Mistake::new(
                action.name.span(),
                "an append replaces no row",
                "take away `whole_row_when_matched_by`",
            ));
        }
        (Mode::Append, _) if action.can_remove().next().is_some() => {
            return Err(Mistake::new(
                action.name.span(),
                "what was appended is not removed",
                "take away `removals`: a delete is sent as an event",
            ));
        }
        _ => {}
    }
    Step::sent().filter_map(|step| action.request(step)).try_for_each(|each| request(connector, action, each))
}

/// The names of an action's requests, as limits have them.
fn counted(action: &Action) -> impl Iterator<Item = String> {
    let steps = Step::sent().filter(|step| *step != Step::Clear && action.request(*step).is_some());
    let asks = matches!(action.request.answer, Reading::Job(_)).then(|| Limit::asked(action.name()));
    steps.map(|step| Limit::counted(action.name(), step)).chain(asks)
}

fn limit(connector: &Connector, limit: &Limit) -> Result<(), Mistake> {
    let requests: Vec<String> = connector.actions.iter().flat_map(counted).collect();
    for name in &limit.actions {
        if !requests.contains(name.get_ref()) {
            let mend = did_you_mean(name.get_ref(), requests.iter().map(String::as_str));
            return Err(Mistake::new(
                name.span(),
                format!("there is no action {:?}", name.get_ref()),
                mend.unwrap_or_else(|| format!("write some of {}", requests.join(", "))),
            ));
        }
    }
    let plan = connector.settings.iter().find(|setting| setting.name() == Limit::PLAN);
    for name in &limit.plans {
        let Some(plan) = plan.filter(|plan| plan.r#type == SettingType::Choice && plan.default.is_some()) else {
            return Err(Mistake::new(
                name.span(),
                "there is no setting \"plan\" that is a choice with a default",
                "add it, with the smallest plan as its default, or take away `plans`",
            ));
        };
        if !plan.choices.contains(name.get_ref()) {
            let mend = did_you_mean(name.get_ref(), plan.choices.iter().map(String::as_str));
            return Err(Mistake::new(
                name.span(),
                format!("there is no plan {:?}", name.get_ref()),
                mend.unwrap_or_else(|| format!("write some of {}", plan.choices.join(", "))),
            ));
        }
    }
    Ok(())
}

fn request(connector: &Connector, action: &Action, request: &Request) -> Result<(), Mistake> {
    known_settings(connector, &request.url)?;
    if let Some(name) = &request.idempotency_header
        && (shapes_several(connector, request)? || !is_header(name))
    {
        let reason =
            "a repeat is told by a header in lower case, of a request that has one item: others come together anew";
        return Err(Mistake::new(request.shape.span(), reason, "write shape = \"single\", or take away the header"));
    }
    let shapes = possible(connector, &request.shape)?;
    for shape in &shapes {
        if Shape::parse(shape).is_none() {
            return Err(Mistake::new(
                request.shape.span(),
                format!("{shape:?} is no shape of a body"),
                "write single, array or ndjson, or a choice setting whose choices are among them",
            ));
        }
    }
    for count in possible(connector, &request.count)? {
        if !count.parse::<usize>().is_ok_and(|count| count > 0) {
            return Err(Mistake::new(
                request.count.span(),
                format!("{count:?} is no count of items"),
                "write a number from 1, or a number setting with min = 1",
            ));
        }
    }
    if let Reading::Job(reading) = &request.answer {
        job(connector, action, reading)?;
    }
    if matches!(request.answer, Reading::Key(_)) && shapes != ["single"] {
        return Err(Mistake::new(
            request.shape.span(),
            "the answer has the id of one row, and a request of this shape carries several",
            "write shape = \"single\"",
        ));
    }
    if let Some(envelope) = &request.envelope {
        let placeholders = envelope.get_ref().placeholders();
        for placeholder in &placeholders {
            if **placeholder != Placeholder::Items {
                setting_only(connector, placeholder, envelope.span())?;
            }
        }
        let items = placeholders.iter().filter(|placeholder| ***placeholder == Placeholder::Items).count();
        if items != 1 || shapes != ["array"] {
            return Err(Mistake::new(
                envelope.span(),
                "an envelope is for the shape \"array\", and has the items once",
                r#"write the vendor's JSON with ["{items}"] where they belong"#,
            ));
        }
    }
    item(connector, action, request)
}

/// The longest that a job is asked after: as long as a message can wait in its queue (SQS's quotas, "Message
/// retention").
const LONGEST_JOB: u64 = 14 * 86_400;

fn job(connector: &Connector, action: &Action, reading: &JobReading) -> Result<(), Mistake> {
    let patience = &reading.give_up_after_seconds;
    if !(1..=LONGEST_JOB).contains(patience.get_ref()) {
        return Err(Mistake::new(
            patience.span(),
            format!("a job cannot be given up after {} s", patience.get_ref()),
            format!("write a number from 1 to {LONGEST_JOB}: a message waits no longer than 14 days"),
        ));
    }
    let (status, errors) = (&reading.status, &reading.errors);
    for url in [Some(&status.url), errors.url.as_ref()].into_iter().flatten() {
        let jobs = url.get_ref().placeholders().filter(|placeholder| **placeholder == Placeholder::Job).count();
        if jobs != 1 {
            return Err(Mistake::new(
                url.span(),
                "the address has to name the job once",
                "put {job} where its id belongs",
            ));
        }
        let others = url.get_ref().placeholders().filter(|placeholder| **placeholder != Placeholder::Job);
        others.into_iter().try_for_each(|placeholder| setting_only(connector, placeholder, url.span()))?;
    }
    unique("state", status.done.iter().chain(&status.failed).chain(&status.waiting))?;
    if status.done.is_empty() {
        let mend = "write the vendor's word for it: done = [\"complete\"]";
        return Err(Mistake::new(status.url.span(), "the job is never done", mend));
    }
    match errors.matches.first() {
        Some(path) if action.match_field.is_none() => Err(Mistake::new(
            path.span(),
            "an error repeats the match field's value, and there is no match field",
            "add `match_field` to the action, or take away `matches`",
        )),
        None if errors.index.is_none() => Err(Mistake::new(
            errors.list.span(),
            "nothing tells whose an error is",
            "add `index` or `matches` to the errors",
        )),
        _ => Ok(()),
    }
}

fn item(connector: &Connector, action: &Action, request: &Request) -> Result<(), Mistake> {
    let at = request.item.span();
    let placeholders = request.item.get_ref().placeholders();
    for placeholder in &placeholders {
        match placeholder {
            Placeholder::Setting(_) => setting_only(connector, placeholder, at.clone())?,
            Placeholder::Items => {
                return Err(Mistake::new(at, "an item cannot contain {items}", "write {items} in the envelope"));
            }
            Placeholder::Job => {
                return Err(Mistake::new(at, "an item knows no job", "{job} is for the addresses of `answer.job`"));
            }
            Placeholder::Match if action.match_field.is_none() => {
                return Err(Mistake::new(at, "{match} without a match field", "add `match_field` to the action"));
            }
            _ => {}
        }
    }
    for placeholder in &placeholders {
        if let Placeholder::Field(name) = placeholder
            && action.field(name).is_none()
        {
            let known = action.fields.iter().map(|field| field.name.as_str());
            let mend = did_you_mean(name, known).unwrap_or_else(|| format!("describe {name:?} in [[actions.fields]]"));
            return Err(Mistake::new(at, format!("the action has no field {name:?}"), mend));
        }
    }
    if matches!(request.answer, Reading::Trace(_)) && !placeholders.contains(&&Placeholder::Trace) {
        return Err(Mistake::new(
            at,
            "the answer is read by trace, but the item has none",
            "put {trace} where the vendor takes it",
        ));
    }
    Ok(())
}

fn shapes_several(connector: &Connector, request: &Request) -> Result<bool, Mistake> {
    Ok(possible(connector, &request.shape)? != ["single"])
}

/// Settings that exist. One that may be absent makes its action one that cannot be used until it is set.
fn known_settings(connector: &Connector, text: &Spanned<Text>) -> Result<(), Mistake> {
    text.get_ref().placeholders().try_for_each(|placeholder| known(connector, placeholder, text.span()).map(drop))
}

fn only_settings(connector: &Connector, text: &Spanned<Text>) -> Result<(), Mistake> {
    text.get_ref().placeholders().try_for_each(|placeholder| setting_only(connector, placeholder, text.span()))
}

fn known<'c>(connector: &'c Connector, placeholder: &Placeholder, at: Range<usize>) -> Result<&'c Setting, Mistake> {
    let Placeholder::Setting(name) = placeholder else {
        return Err(Mistake::new(at, "only settings are known here", "write {setting.<name>}"));
    };
    let Some(setting) = connector.settings.iter().find(|setting| setting.name() == name) else {
        let known = connector.settings.iter().map(Setting::name);
        let mend = did_you_mean(name, known).unwrap_or_else(|| format!("add a setting {name:?}"));
        return Err(Mistake::new(at, format!("there is no setting {name:?}"), mend));
    };
    Ok(setting)
}

fn setting_only(connector: &Connector, placeholder: &Placeholder, at: Range<usize>) -> Result<(), Mistake> {
    let setting = known(connector, placeholder, at.clone())?;
    if setting.required || setting.default.is_some() {
        return Ok(());
    }
    Err(Mistake::new(
        at,
        format!("the setting {:?} may be absent", setting.name()),
        "give the setting a default, or make it required",
    ))
}

/// All that a text can become: a literal, or what a setting may be.
fn possible(connector: &Connector, text: &Spanned<Text>) -> Result<Vec<String>, Mistake> {
    only_settings(connector, text)?;
    let setting = match text.get_ref().whole() {
        Some(Placeholder::Setting(name)) => connector.settings.iter().find(|setting| setting.name() == name),
        _ => None,
    };
    let Some(setting) = setting else {
        let literal = text.get_ref().render(&mut |_| Err(()));
        return literal.map(|text| vec![text]).map_err(|()| {
            Mistake::new(text.span(), "a setting has to stand alone here", "write \"{setting.<name>}\"")
        });
    };
    Ok(match setting.r#type {
        SettingType::Choice => setting.choices.clone(),
        SettingType::Number => vec![setting.min.unwrap_or(i64::MIN).to_string()],
        _ => vec![String::new()],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
slug = "example"
name = "Example"
summary = "An example."
auth = "none"

[[settings]]
name = "url"
label = "Address"
help = "Where to."
type = "url"
required = true

[[actions]]
name = "send"
label = "Send"
help = "Sends."
mode = "append"
other_fields = true

[actions.request]
method = "POST"
url = "{setting.url}/in"
shape = "array"
count = 10
bytes = 1_000
item = '{ "id": "{delivery.id}", "data": "{fields}" }'
"#;

    #[test]
    fn a_good_file_is_read() {
        let connector = Connector::parse("example.toml", GOOD).unwrap();
        assert_eq!(connector.slug(), "example");
        assert!(connector.action("send").is_some() && connector.action("sent").is_none());
    }

    #[test]
    fn every_mistake_has_its_line_its_reason_and_its_mend() {
        // What to replace in the good file, by what; then the line, and parts of the reason and of the mend.
        for (good, bad, line, reason, mend) in [
            ("label = \"Address\"", "lable = \"Address\"", 9, "unknown field `lable`", "did you mean `label`?"),
            ("label = \"Address\"", "", 7, "missing field `label`", "add `label = …`"),
            ("\"url\"\nrequired", "\"uri\"\nrequired", 11, "unknown variant `uri`", "did you mean `url`?"),
            ("required = true", "default = \"ftp://a\"", 12, "scheme \"ftp\"", "https"),
            (
                "required = true",
                "required = true\n\n[[settings]]\nname = \"zone\"\nlabel = \"Z\"\nhelp = \"Z.\"\ntype = \"text\"\n\n\
                 [headers]\na = \"{setting.zone}\"",
                21,
                "may be absent",
                "required",
            ),
            ("count = 10", "count = 10\nidempotency_header = \"idempotency-key\"", 24, "that has one item", "single"),
            ("slug = \"example\"", "slug = \"exmaple\"", 2, "not the file's name", "slug = \"example\""),
            ("append", "upsert", 15, "has to match rows", "add `match_field`"),
            ("append", "apend", 18, "unknown variant `apend`", "did you mean `append`?"),
            ("append", "replace", 18, "unknown variant `replace`", "write one of these"),
            ("{setting.url}", "{setting.ulr}", 23, "no setting \"ulr\"", "did you mean `url`?"),
            ("{setting.url}", "{settings.url}", 23, "is no placeholder", "write one of"),
            ("{setting.url}", "{fields}", 23, "only settings are known here", "{setting.<name>}"),
            ("\"array\"", "\"list\"", 24, "\"list\" is no shape", "single, array or ndjson"),
            ("count = 10", "count = 0", 25, "\"0\" is no count", "from 1"),
            ("\"{fields}\" }'", "\"{fields}\"'", 27, "not valid JSON", "write the vendor's JSON"),
            ("{fields}", "{items}", 27, "an item cannot contain {items}", "envelope"),
            ("{fields}", "{match}", 27, "without a match field", "match_field"),
            ("{fields}", "{job}", 27, "an item knows no job", "answer.job"),
            ("{setting.url}", "{job}", 23, "only settings are known here", "{setting.<name>}"),
            ("count = 10", "count = 10\nanswer = { key = { key = \"id\" } }", 24, "the id of one row", "\"single\""),
            ("{fields}", "{field.email}", 27, "has no field \"email\"", "[[actions.fields]]"),
            ("mode = \"append\"", "mode = \"append\"\nmatch_is_key = true", 15, "no match field", "take away"),
            ("count = 10", "count = 10\nenvelope = '{ \"all\": [] }'", 26, "has the items once", "[\"{items}\"]"),
            ("auth = \"none\"", "auth = \"none\"\nstatuses = { retry = [500] }", 6, "500 is no 4xx", "list 4xx only"),
            (
                "auth = \"none\"",
                "auth = \"none\"\nheaders = { host = \"a\" }",
                6,
                "not the connector's",
                "take it away",
            ),
            ("auth = \"none\"", "auth = \"none\"\nheaders = { Accept = \"a\" }", 6, "lower case", "small letters"),
            (
                "auth = \"none\"",
                "auth = \"none\"\nheaders = { a = \"{match}\" }",
                6,
                "only settings",
                "{setting.<name>}",
            ),
            ("\"none\"", "{ basic = { user = \"{setting.ulr}\", help = \"a\" } }", 5, "no setting \"ulr\"", "`url`?"),
            (
                "\"none\"",
                "{ oauth = { grant = \"refresh_tokn\", token_url = \"https://a\", help = \"a\" } }",
                5,
                "unknown variant `refresh_tokn`",
                "did you mean `refresh_token`?",
            ),
            (
                "\"none\"",
                "{ oauth = { grant = \"refresh_token\", token_url = \"{match}\", help = \"a\" } }",
                5,
                "only settings",
                "{setting.<name>}",
            ),
            ("\"none\"", "{ basc = { help = \"a\" } }", 5, "unknown variant `basc`", "did you mean `basic`?"),
            ("slug = \"example\"", "slug = \"example\" x", 2, "", ""),
        ] {
            assert!(GOOD.contains(good), "{good}");
            let error = Connector::parse("example.toml", &GOOD.replacen(good, bad, 1)).unwrap_err();
            assert_eq!(error.line, line, "{bad}: {error}");
            assert!(error.reason.contains(reason) && error.mend.contains(mend), "{bad}: {error}");
            assert!(!error.reason.is_empty() && !error.mend.is_empty(), "{bad}: {error}");
            assert!(error.to_string().starts_with(&format!("example.toml:{line}:")), "{error}");
        }
    }

    #[test]
    fn every_mistake_of_a_job_has_its_line_its_reason_and_its_mend() {
        const JOB: &str = r#"[actions.request.answer.job]
id = "id"
give_up_after_seconds = 60
status = { url = "{setting.url}/jobs/{job}", state = "state", done = ["done"], failed = ["dead"], waiting = ["busy"] }
errors = { url = "{setting.url}/errors/{job}", list = "errors", index = "index", message = "message", kind = "kind" }
"#;
        let good = format!("{GOOD}\n{JOB}");
        Connector::parse("example.toml", &good).unwrap();
        for (good_part, bad, line, reason, mend) in [
            ("= 60", "= 0", 31, "given up after 0 s", "from 1"),
            ("= 60", "= 1_209_601", 31, "1209601 s", "to 1209600"),
            ("/jobs/{job}", "/jobs", 32, "has to name the job once", "{job}"),
            ("/jobs/{job}", "/jobs/{job}/{job}", 32, "has to name the job once", "{job}"),
            ("/jobs/{job}", "/jobs/{job}/{match}", 32, "only settings are known here", "{setting.<name>}"),
            ("/errors/{job}", "/errors", 33, "has to name the job once", "{job}"),
            ("/errors/{job}", "/errors/{job}{setting.ulr}", 33, "no setting \"ulr\"", "`url`?"),
            ("[\"done\"]", "[]", 32, "never done", "done = [\"complete\"]"),
            ("[\"busy\"]", "[\"done\"]", 32, "two states named \"done\"", "another name"),
            ("[\"dead\"]", "[\"done\"]", 32, "two states named \"done\"", "another name"),
            ("index = \"index\", ", "", 33, "nothing tells whose", "`index` or `matches`"),
            ("index = \"index\"", "matches = [\"email\"]", 33, "there is no match field", "`match_field`"),
            ("state = \"state\"", "stat = \"state\"", 32, "unknown field `stat`", "did you mean `state`?"),
            ("id = \"id\"", "", 29, "missing field `id`", "add `id = …`"),
        ] {
            let bad_file = format!("{GOOD}\n{}", JOB.replacen(good_part, bad, 1));
            assert_ne!(bad_file, good, "{good_part}");
            let error = Connector::parse("example.toml", &bad_file).unwrap_err();
            assert_eq!(error.line, line, "{bad}: {error}");
            assert!(error.reason.contains(reason) && error.mend.contains(mend), "{bad}: {error}");
        }
    }

    #[test]
    fn a_limit_is_of_actions_and_plans_that_there_are() {
        let limit = |more: &str| {
            let limit =
                format!("[[limits]]\nrequests = 1\nseconds = 1\nscope = \"an account\"\nsource = \"a\"\n{more}\n");
            Connector::parse("example.toml", &GOOD.replacen("[[actions]]", &(limit + "\n[[actions]]"), 1))
        };
        assert!(limit("actions = [\"send\"]").is_ok());
        for (more, reason, mend) in [
            ("actions = [\"send\", \"sent\"]", "no action \"sent\"", "did you mean `send`?"),
            ("actions = [\"send/delete\"]", "no action \"send/delete\"", "send"),
            ("plans = [\"starter\"]", "no setting \"plan\"", "add it"),
        ] {
            let error = limit(more).unwrap_err();
            assert_eq!(error.line, 19, "{error}");
            assert!(error.reason.contains(reason) && error.mend.contains(mend), "{more}: {error}");
        }
        let plan = "[[settings]]\nname = \"plan\"\nlabel = \"Plan\"\nhelp = \"Which.\"\ntype = \"choice\"\n\
                    choices = [\"free\", \"pro\"]\ndefault = \"free\"\n";
        let limits =
            "[[limits]]\nrequests = 1\nseconds = 1\nplans = [\"por\"]\nscope = \"a\"\nsource = \"a\"\n\n[[actions]]";
        let error = Connector::parse("example.toml", &GOOD.replacen("[[actions]]", &format!("{plan}{limits}"), 1));
        let error = error.unwrap_err();
        assert_eq!((error.line, error.reason.as_str()), (24, "there is no plan \"por\""));
        assert!(error.mend.contains("`pro`"), "{error}");
    }

    #[test]
    fn an_append_cannot_be_removed() {
        let request = &GOOD[GOOD.find("[actions.request]").unwrap()..];
        for step in ["archive", "delete"] {
            let removal = request.replace("[actions.request]", &format!("[actions.removals.{step}]"));
            let error = Connector::parse("example.toml", &format!("{GOOD}{removal}")).unwrap_err();
            assert_eq!((error.line, error.reason.as_str()), (15, "what was appended is not removed"));
        }
    }

    #[test]
    fn a_name_is_used_once() {
        let again = "[[settings]]\nname = \"url\"\nlabel = \"B\"\nhelp = \"C\"\ntype = \"text\"\n\n[[actions]]";
        let error = Connector::parse("example.toml", &GOOD.replacen("[[actions]]", again, 1)).unwrap_err();
        assert_eq!((error.line, error.reason.as_str()), (15, "there are two settings named \"url\""));
    }
}
