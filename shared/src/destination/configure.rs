//! From a connector and a person's settings to a destination.

use std::{collections::HashMap, fmt};

use super::{
    descriptor::{Action, Auth, Connector, FieldType, Limit, Request, Setting, SettingType, Shape},
    operation::Operation,
    template::{Placeholder, Text, text_of},
};
use crate::{
    delivery::{Delivery, Step},
    nearest::did_you_mean,
    value::{Object, Value},
};

/// A connector with settings: where deliveries go.
#[derive(Clone, Debug)]
pub struct Destination {
    pub(super) name: String,
    pub(super) connector: &'static Connector,
    pub(super) settings: HashMap<String, String>,
    /// Whose password the secret is, for [`Auth::Basic`].
    pub(super) user: Option<String>,
    /// The token endpoint and the scope, for [`Auth::Oauth`].
    pub(super) token_url: String,
    pub(super) scope: Option<String>,
    /// Where the credentials are tried; empty where nowhere.
    pub(super) check_url: String,
    /// Of every request, by name.
    pub(super) headers: Vec<(String, String)>,
    /// Every step of every action that sends something.
    requests: Vec<Prepared>,
    /// Actions that need a setting which is not set, and what to do.
    unset: Vec<(&'static str, Problem)>,
}

/// A request with the settings filled in.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub step: Step,
    pub action: &'static Action,
    pub request: &'static Request,
    pub url: String,
    pub shape: Shape,
    pub count: usize,
    pub match_field: Option<String>,
    /// What stands before and behind the items.
    pub around: (String, String),
}

/// What is wrong with a setting of a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The setting.
    pub setting: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub mend: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}; {}", self.setting, self.reason, self.mend)
    }
}

impl Connector {
    /// A destination of this name with these settings, or everything that is wrong with them.
    ///
    /// A number or a boolean may be given as text, since Terraform's `map(string)` turns them into that. A null counts
    /// as not set.
    pub fn configure(&'static self, name: &str, settings: &Object) -> Result<Destination, Vec<Problem>> {
        let mut problems = Vec::new();
        let names = || self.settings.iter().map(Setting::name);
        for unknown in settings.keys().filter(|given| !names().any(|known| known == &***given)) {
            let mend = did_you_mean(unknown, names()).unwrap_or_else(|| {
                format!("the settings of {} are: {}", self.slug(), names().collect::<Vec<_>>().join(", "))
            });
            let reason = format!("{} has no such setting", self.slug());
            problems.push(Problem { setting: unknown.to_string(), reason, mend });
        }
        let mut resolved = HashMap::new();
        for setting in &self.settings {
            match resolve(setting, settings.get(setting.name()).filter(|value| **value != Value::Null)) {
                Ok(Some(text)) => {
                    resolved.insert(setting.name().to_owned(), text);
                }
                Ok(None) => {}
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let user = self.user(&resolved).map_err(|problem| vec![problem])?;
        let (mut token_url, mut scope) = (String::new(), None);
        if let Auth::Oauth(auth) = &self.auth {
            let fill = |text: &Text| fill(text, &resolved).map_err(|problem| vec![problem]);
            token_url = fill(auth.token_url.get_ref())?;
            scope = auth.scope.as_ref().map(|scope| fill(scope.get_ref())).transpose()?;
        }
        let check = self.check.as_ref().map(|check| fill(check.url.get_ref(), &resolved));
        let check_url = check.transpose().map_err(|problem| vec![problem])?.unwrap_or_default();
        let mut headers = Vec::new();
        for (name, template) in &self.headers {
            let text = fill(template.get_ref(), &resolved).map_err(|problem| vec![problem])?;
            headers.push((name.clone(), text));
        }
        let (mut requests, mut unset) = (Vec::new(), Vec::new());
        for action in &self.actions {
            for step in Step::sent() {
                match action.request(step).map(|request| prepare(action, step, request, &resolved)) {
                    Some(Ok(prepared)) => requests.push(prepared),
                    Some(Err(problem)) => unset.push((action.name(), self.with_help(problem))),
                    None => {}
                }
            }
        }
        Ok(Destination {
            name: name.to_owned(),
            connector: self,
            settings: resolved,
            user,
            token_url,
            scope,
            check_url,
            headers,
            requests,
            unset,
        })
    }

    /// The problem of a setting that an action needs, with what the setting is for.
    fn with_help(&self, problem: Problem) -> Problem {
        let setting = self.settings.iter().find(|setting| setting.name() == problem.setting);
        let mend = setting.map_or(problem.mend, |setting| format!("set it: {}", setting.help));
        Problem { mend, ..problem }
    }

    /// Whose password the secret is.
    fn user(&self, settings: &HashMap<String, String>) -> Result<Option<String>, Problem> {
        let Auth::Basic { user: Some(template), .. } = &self.auth else { return Ok(None) };
        let user = fill(template.get_ref(), settings)?;
        if !user.contains(':') {
            return Ok(Some(user));
        }
        let setting = template.get_ref().placeholders().find_map(|placeholder| match placeholder {
            Placeholder::Setting(name) => Some(name.clone()),
            _ => None,
        });
        Err(Problem {
            setting: setting.unwrap_or_else(|| "auth".to_owned()),
            reason: "has a colon, and HTTP's Basic authentication ends the user with one (RFC 7617)".to_owned(),
            mend: "set it without".to_owned(),
        })
    }
}

impl Destination {
    /// Its name in the stack.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its connector.
    pub const fn connector(&self) -> &'static Connector {
        self.connector
    }

    /// The field by which the vendor tells an action's rows; `None` for appends, and for an unknown action.
    pub fn match_field(&self, action: &str) -> Option<&str> {
        self.prepared(action, Step::Apply)?.match_field.as_deref()
    }

    /// The e-mail address that a delivery sends: the first field that the connector's file says to be one.
    pub fn email<'d>(&self, delivery: &'d Delivery) -> Option<&'d str> {
        let fields = &self.connector.action(&delivery.action)?.fields;
        let addresses = fields.iter().filter(|field| field.r#type == FieldType::Email);
        addresses.filter_map(|field| delivery.fields.get(field.name.as_str())?.as_str()).find(|text| text.contains('@'))
    }

    /// The limits in which requests count, by the name under which they are counted: [`Limit::counted`],
    /// [`Limit::asked`].
    pub fn limits<'d>(&'d self, counted: &'d str) -> impl Iterator<Item = &'static Limit> + use<'d> {
        let plan = self.settings.get(Limit::PLAN);
        let applies = move |limit: &&Limit| {
            let of_actions = limit.actions.is_empty() || limit.actions.iter().any(|name| *name.get_ref() == counted);
            let of_plan = limit.plans.is_empty() || limit.plans.iter().any(|name| Some(name.get_ref()) == plan);
            of_actions && of_plan
        };
        self.connector.limits.iter().filter(applies)
    }

    fn prepared(&self, action: &str, step: Step) -> Option<&Prepared> {
        self.requests.iter().find(|prepared| prepared.action.name() == action && prepared.step == step)
    }

    /// One action's step, or why there is none.
    pub fn operation(&self, action: &str, step: Step) -> Result<Operation<'_>, String> {
        if let Some(prepared) = self.prepared(action, step) {
            return Ok(Operation { destination: self, prepared });
        }
        if let Some((_, problem)) = self.unset.iter().find(|(unset, _)| *unset == action) {
            return Err(format!(
                "the action {action:?} needs the setting {:?} of the destination {}; {}",
                problem.setting, self.name, problem.mend
            ));
        }
        let slug = self.connector.slug();
        Err(match step {
            Step::Apply => {
                let known: Vec<_> = self.connector.actions.iter().map(Action::name).collect();
                format!("{slug} has no action {action:?}; its actions are: {}", known.join(", "))
            }
            Step::Keep => "nothing is sent where a row is kept".to_owned(),
            step => format!(
                "the action {action:?} of {slug} cannot {}; correct the pipeline's on_delete, on_expire or on_leave",
                step.as_str()
            ),
        })
    }
}

fn resolve(setting: &Setting, given: Option<&Value>) -> Result<Option<String>, Problem> {
    let Some(value) = given else {
        return match &setting.default {
            Some(default) => Ok(Some(default.get_ref().0.clone())),
            None if setting.required => Err(problem(setting, "is not set", format!("set it: {}", setting.help))),
            None => Ok(None),
        };
    };
    let text = text_of(value)
        .ok_or_else(|| problem(setting, format!("is {}", value.kind()), format!("set it to {}", wanted(setting))))?;
    check_setting(setting, &text).map(Some)
}

/// A setting's text as it will be used, or what is wrong with it.
pub(super) fn check_setting(setting: &Setting, text: &str) -> Result<String, Problem> {
    let wrong = || problem(setting, format!("is {text:?}"), format!("set it to {}", wanted(setting)));
    if let Some(reason) = setting.refused.get(text) {
        return Err(problem(setting, format!("cannot be {text:?}"), reason.as_str()));
    }
    match setting.r#type {
        SettingType::Text if text.is_empty() => Err(wrong()),
        SettingType::Text => Ok(text.to_owned()),
        SettingType::Boolean => text.parse::<bool>().map(|bool| bool.to_string()).map_err(|_| wrong()),
        SettingType::Number => {
            let (min, max) = (setting.min.unwrap_or(i64::MIN), setting.max.unwrap_or(i64::MAX));
            let number = text.parse::<i64>().ok().filter(|number| (min..=max).contains(number));
            number.map(|number| number.to_string()).ok_or_else(wrong)
        }
        SettingType::Choice => {
            if setting.choices.iter().any(|choice| choice == text) {
                return Ok(text.to_owned());
            }
            let meant = did_you_mean(text, setting.choices.iter().map(String::as_str));
            Err(meant.map_or_else(wrong, |mend| problem(setting, format!("is {text:?}"), mend)))
        }
        SettingType::Url => address(setting, text),
    }
}

fn wanted(setting: &Setting) -> String {
    match (setting.r#type, setting.min, setting.max) {
        (SettingType::Text, ..) => "a text that is not empty".to_owned(),
        (SettingType::Url, ..) => "an address such as https://example.com/path".to_owned(),
        (SettingType::Number, Some(min), Some(max)) => format!("a whole number from {min} to {max}"),
        (SettingType::Number, Some(min), None) => format!("a whole number from {min}"),
        (SettingType::Number, None, Some(max)) => format!("a whole number up to {max}"),
        (SettingType::Number, None, None) => "a whole number".to_owned(),
        (SettingType::Boolean, ..) => "true or false".to_owned(),
        (SettingType::Choice, ..) => format!("one of {}", setting.choices.join(", ")),
    }
}

/// An address is parsed by the same crate that the HTTP client uses, so that both see the same host. A slash at its end
/// is taken away: what follows in a template begins with one.
fn address(setting: &Setting, text: &str) -> Result<String, Problem> {
    let url = url::Url::parse(text).map_err(|error| {
        problem(setting, format!("is no address ({error})"), format!("set it to {}", wanted(setting)))
    })?;
    let loopback = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        "http" => {
            let reason = "is http, which anybody on the way can read and change";
            return Err(problem(setting, reason, "set it to https; http is for this machine only"));
        }
        scheme => {
            return Err(problem(setting, format!("has the scheme {scheme:?}"), "set it to an https address"));
        }
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(problem(
            setting,
            "has a password in it, and settings are no secrets",
            "take it out of the address",
        ));
    }
    if url.fragment().is_some() {
        return Err(problem(setting, "has a part behind #, which is never sent", "take it out of the address"));
    }
    Ok(if url.query().is_none() { text.trim_end_matches('/').to_owned() } else { text.to_owned() })
}

fn problem(setting: &Setting, reason: impl Into<String>, mend: impl Into<String>) -> Problem {
    Problem { setting: setting.name().to_owned(), reason: reason.into(), mend: mend.into() }
}

/// What a setting in a template stands for.
fn filled(placeholder: &Placeholder, settings: &HashMap<String, String>) -> Result<String, Problem> {
    match placeholder {
        Placeholder::Setting(name) => settings.get(name).cloned().ok_or_else(|| Problem {
            setting: name.clone(),
            reason: "is needed and not set".to_owned(),
            mend: "set it".to_owned(),
        }),
        // A file that has others here is refused when it is read.
        _ => Ok(String::new()),
    }
}

fn fill(template: &Text, settings: &HashMap<String, String>) -> Result<String, Problem> {
    template.render(&mut |placeholder| filled(placeholder, settings))
}

fn prepare(
    action: &'static Action,
    step: Step,
    request: &'static Request,
    settings: &HashMap<String, String>,
) -> Result<Prepared, Problem> {
    let text = |template: &Text| fill(template, settings);
    let shape = text(request.shape.get_ref())?;
    let shape = Shape::parse(&shape).unwrap_or(Shape::Single);
    let count = match shape {
        Shape::Single => 1,
        Shape::Array | Shape::Ndjson => text(request.count.get_ref())?.parse().unwrap_or(1),
    };
    let match_field = action.match_field.as_ref().map(|field| text(field.get_ref())).transpose()?;
    let url = text(request.url.get_ref())?;
    let around = match (shape, &request.envelope) {
        (Shape::Array, Some(envelope)) => envelope
            .get_ref()
            .around_items(&mut |placeholder| filled(placeholder, settings).map(|text| Some(Value::String(text))))?,
        (Shape::Array, None) => ("[".to_owned(), "]".to_owned()),
        (Shape::Single | Shape::Ndjson, _) => (String::new(), String::new()),
    };
    Ok(Prepared { step, action, request, url, shape, count, match_field, around })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::connector;

    fn configure(slug: &str, settings: &str) -> Result<Destination, Vec<String>> {
        let Value::Object(settings) = Value::from_json(settings.as_bytes()).unwrap() else { panic!("{settings}") };
        let configured = connector(slug).unwrap().configure("there", &settings);
        configured.map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let problems = configure("webhook", r#"{"ulr":"https://a.example","body":"arary","batch":5000}"#).unwrap_err();
        assert_eq!(
            problems,
            [
                "ulr: webhook has no such setting; did you mean `url`?",
                "url: is not set; set it: Where events are posted to: an https address, or http on this machine.",
                "body: is \"arary\"; did you mean `array`?",
                "batch: is \"5000\"; set it to a whole number from 1 to 1000",
            ]
        );
        let problems =
            configure("hubspot", r#"{"id_property":"hs_object_id","base_url":["x"],"token":"x"}"#).unwrap_err();
        assert!(problems[0].contains("the settings of hubspot are: base_url, plan"), "{problems:?}");
        assert!(problems[1].contains("is a list"), "{problems:?}");
        assert!(problems[2].contains("HubSpot gives that id itself"), "{problems:?}");
    }

    #[test]
    fn limits_are_those_of_the_plan_and_of_the_request() {
        let of = |slug: &str, settings: &str, action: &str, step: Step| -> Vec<(u32, u32)> {
            let destination = configure(slug, settings).unwrap();
            destination.limits(&Limit::counted(action, step)).map(|limit| (limit.requests, limit.seconds)).collect()
        };
        assert_eq!(of("hubspot", "{}", "upsert_contact", Step::Apply), [(100, 10), (250_000, 86_400)]);
        let professional = r#"{"plan":"professional"}"#;
        assert_eq!(of("hubspot", professional, "upsert_deal", Step::Archive), [(190, 10), (650_000, 86_400)]);
        assert_eq!(of("klaviyo", "{}", "upsert_profile", Step::Apply), [(75, 1), (750, 60)]);
        assert_eq!(of("klaviyo", "{}", "upsert_profile", Step::Erase), [(3, 1), (60, 60)]);
        assert_eq!(of("klaviyo", "{}", "create_event", Step::Apply), [(10, 1), (150, 60)]);
        // A job is asked after by a request of another kind.
        let klaviyo = configure("klaviyo", "{}").unwrap();
        let windows = |counted: &str| klaviyo.limits(counted).map(Limit::name).collect::<Vec<_>>();
        assert_eq!(windows("import_profile"), ["import_profile 10/1", "import_profile 150/60"]);
        assert_eq!(windows(&Limit::asked("import_profile")), ["import_profile/job 10/1", "import_profile/job 150/60"]);
        assert_eq!(of("webhook", r#"{"url":"https://a.example"}"#, "send", Step::Apply), []);
    }

    #[test]
    fn addresses_are_https_or_on_this_machine() {
        for url in [
            "https://a.example/in?token=x",
            "http://127.0.0.1:8080/",
            "http://127.9.9.9/",
            "http://localhost:1/",
            "http://[::1]:1/",
        ] {
            assert!(configure("webhook", &format!(r#"{{"url":"{url}"}}"#)).is_ok(), "{url}");
        }
        for url in [
            "",
            "a.example",
            "http://a.example",
            "http://localhost.a.example/",
            "http://127.0.0.1.a.example/",
            "http://127.0.0.1@a.example/",
            "https://user:password@a.example/",
            "https://a.example/#part",
            "file:///etc/passwd",
            "ftp://127.0.0.1/",
        ] {
            let problems = configure("webhook", &format!(r#"{{"url":"{url}"}}"#)).unwrap_err();
            assert!(problems.len() == 1 && problems[0].contains("; "), "{url}: {problems:?}");
        }
    }

    #[test]
    fn numbers_may_be_text_and_null_is_not_set() {
        for batch in ["7", "\"7\""] {
            let settings = format!(r#"{{"url":"https://a.example","body":"array","batch":{batch}}}"#);
            let destination = configure("webhook", &settings).unwrap();
            assert_eq!(destination.operation("send", Step::Apply).unwrap().cap().count, 7);
        }
        let destination = configure("hubspot", r#"{"id_property":null}"#).unwrap();
        assert_eq!(destination.match_field("upsert_contact"), Some("email"));
    }

    #[test]
    fn what_cannot_be_done_says_so() {
        let destination = configure("hubspot", "{}").unwrap();
        assert!(destination.operation("upsert_contacts", Step::Apply).unwrap_err().contains("upsert_contact"));
        assert!(destination.operation("upsert_contact", Step::Delete).unwrap_err().contains("cannot delete"));
        assert!(destination.operation("upsert_contact", Step::Keep).is_err());
        assert!(destination.operation("upsert_contact", Step::Archive).is_ok());
        let unset = destination.operation("upsert_object", Step::Apply).unwrap_err();
        let says = "the action \"upsert_object\" needs the setting \"object_type\" of the destination there; set it: The \
                    custom object that upsert_object writes";
        assert!(unset.starts_with(says), "{unset}");
    }
}
