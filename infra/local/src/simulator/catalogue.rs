//! What a vendor can be asked: the requests that its connector's file describes, with the destination's settings.

use std::collections::{BTreeSet, HashMap};

use anyhow::{Context as _, bail};
use shared::{
    delivery::Step,
    destination::{Action, Auth, Connector, Part, Placeholder, Reading, Request, Setting, SettingType, Shape, Text},
    value::{Object, Value},
};

use super::examples::Examples;

/// One request that the vendor takes.
#[derive(Debug)]
pub struct Endpoint {
    /// What it does.
    pub action: &'static Action,
    /// [`Step::Apply`], or a step that takes something away.
    pub step: Step,
    /// How the connector's file describes it.
    pub request: &'static Request,
    /// How its answers look.
    pub examples: Examples,
    /// How items stand in a body.
    pub shape: Shape,
    /// The most items in a body.
    pub count: usize,
    /// The field by which the vendor tells rows.
    pub match_field: Option<String>,
    /// Its path; any, where a person's setting is the whole address.
    path: Option<String>,
}

impl Endpoint {
    /// Whether a request's method and path lead here.
    pub fn is_at(&self, method: &str, path: &str) -> bool {
        self.request.method.as_str() == method && self.path.as_deref().is_none_or(|own| own == path)
    }
}

/// The settings by name, those that nobody sets at their defaults.
#[derive(Clone, Debug)]
pub struct Settings(HashMap<&'static str, String>);

impl Settings {
    /// Of a connector, as a person sets them.
    pub fn of(connector: &'static Connector, given: &Object) -> Self {
        let text = |setting: &'static Setting| {
            let default = || setting.default.as_ref().map(|default| default.get_ref().0.clone());
            let given = given.get(setting.name()).filter(|value| **value != Value::Null);
            Some((setting.name(), given.map(text_of).or_else(default)?))
        };
        Self(connector.settings.iter().filter_map(text).collect())
    }

    /// One of them; the empty text where it is not set.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// A text in which only settings are known.
    pub fn fill(&self, text: &Text) -> anyhow::Result<String> {
        text.render(&mut |placeholder| match placeholder {
            Placeholder::Setting(name) => Ok(self.get(name).to_owned()),
            other => bail!("{other:?} is no setting, and the simulator knows nothing else here"),
        })
    }
}

/// A value as text: a string's own, otherwise its JSON.
pub fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_json(), str::to_owned)
}

/// The setting with which an address begins, where it is one itself.
fn address(connector: &'static Connector, url: &Text) -> Option<&'static str> {
    let Some(Part::Placeholder(Placeholder::Setting(name))) = url.parts().first() else { return None };
    let setting = connector.settings.iter().find(|setting| setting.name() == name)?;
    (setting.r#type == SettingType::Url).then(|| setting.name())
}

fn requests(connector: &'static Connector) -> impl Iterator<Item = (&'static Action, Step, &'static Request)> {
    // What clears a row is the action's own request, with nothing in its fields.
    let steps = || Step::sent().filter(|step| *step != Step::Clear);
    let of = move |action: &'static Action| steps().filter_map(move |step| Some((action, step, action.request(step)?)));
    connector.actions.iter().flat_map(of)
}

/// The settings that have the API's address: to point them elsewhere is to send everything elsewhere.
pub fn addresses(connector: &'static Connector) -> anyhow::Result<BTreeSet<&'static str>> {
    let of_actions = requests(connector).map(|(_, _, request)| request.url.get_ref());
    let of_jobs = requests(connector).filter_map(|(_, _, request)| match &request.answer {
        Reading::Job(job) => Some(std::iter::once(&job.status.url).chain(&job.errors.url)),
        _ => None,
    });
    of_actions
        .chain(of_jobs.flatten().map(toml::Spanned::get_ref))
        .chain(token_url(connector))
        .map(|url| {
            address(connector, url).with_context(|| {
                format!(
                    "{}: an address does not begin with a setting of the type url, so it cannot be pointed at this \
                     machine; begin it with {{setting.base_url}}, and give that setting the vendor's address as its \
                     default",
                    connector.slug()
                )
            })
        })
        .collect()
}

fn token_url(connector: &'static Connector) -> Option<&'static Text> {
    match &connector.auth {
        Auth::Oauth(auth) => Some(auth.token_url.get_ref()),
        _ => None,
    }
}

/// Where tokens are granted.
pub fn token_path(connector: &'static Connector, settings: &Settings) -> anyhow::Result<Option<String>> {
    token_url(connector).map(|url| Ok(path_of(&settings.fill(url)?, url, settings).to_owned())).transpose()
}

/// Where credentials are tried: method and path.
pub fn check(connector: &'static Connector, settings: &Settings) -> anyhow::Result<Option<(&'static str, String)>> {
    let check = connector.check.as_ref().map(|check| {
        let url = check.url.get_ref();
        Ok((check.method.as_str(), path_of(&settings.fill(url)?, url, settings).to_owned()))
    });
    check.transpose()
}

/// The path of an address that was made of this template, without its query: that says nothing about a record.
pub fn path_of<'w>(whole: &'w str, url: &Text, settings: &Settings) -> &'w str {
    let base = match url.parts().first() {
        Some(Part::Placeholder(Placeholder::Setting(name))) => settings.get(name),
        _ => "",
    };
    whole.strip_prefix(base).unwrap_or_default().split('?').next().unwrap_or_default()
}

/// Every request of a connector.
pub fn endpoints(connector: &'static Connector, settings: &Settings) -> anyhow::Result<Vec<Endpoint>> {
    let tests = connector.tests()?;
    requests(connector)
        .map(|(action, step, request)| {
            let url = request.url.get_ref();
            let path = path_of(&settings.fill(url)?, url, settings).to_owned();
            let shape = settings.fill(request.shape.get_ref())?;
            let count = settings.fill(request.count.get_ref())?;
            let match_field = action.match_field.as_ref().map(|field| settings.fill(field.get_ref())).transpose()?;
            Ok(Endpoint {
                action,
                step,
                request,
                examples: Examples::of(tests, action, step),
                shape: Shape::parse(&shape).with_context(|| format!("{shape:?} is no shape of a body"))?,
                count: count.parse().with_context(|| format!("{count:?} is no count of items"))?,
                match_field,
                path: (!path.is_empty()).then_some(path),
            })
        })
        .collect()
}
