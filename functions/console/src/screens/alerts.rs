//! Settings, alerts: of what people want a message. The function `alert` measures and sends.

use std::sync::Arc;

use askama::Template;
use axum::{Form, extract::State, response::Redirect};
use futures_util::try_join;
use http::request::Parts;
use serde::Deserialize;
use shared::{
    alert::{Alert, LONGEST_MINUTES, Limit},
    ports::{Alerts as _, PortError, Publishing as _},
};

use crate::{
    Console, World,
    access::{Access, Route, Visitor},
    change::Change,
    frame::{Frame, Page, page, time},
    no_page::NoPage,
    random,
    role::Role,
};

const PATH: &str = "/settings/alerts";

/// So many alerts at most, so that nobody's inbox is a mistake away from being full.
const MOST: usize = 50;

/// The routes.
pub fn routes<W: World>() -> Vec<Route<W>> {
    vec![
        Route::get(PATH, Access::AtLeast(Role::Viewer), show::<W>),
        Route::post(PATH, Access::AtLeast(Role::Admin), add::<W>),
        Route::post("/settings/alerts/remove", Access::AtLeast(Role::Admin), remove::<W>),
    ]
}

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsPage {
    frame: Frame,
    is_admin: bool,
    /// The topic's name, where the stack has one.
    topic: Option<String>,
    alerts: Vec<Shown>,
    pipelines: Vec<String>,
}

/// An alert, as the page has it.
struct Shown {
    id: String,
    sentence: String,
    by: String,
    /// The pipelines that are beyond it, and since when.
    raised: Vec<(String, String)>,
}

impl Shown {
    fn of(alert: &Alert) -> Self {
        let raised = alert.raised.iter().map(|(pipeline, since)| (pipeline.clone(), time(*since)));
        Self { id: alert.id.clone(), sentence: sentence(alert), by: alert.by.clone(), raised: raised.collect() }
    }
}

/// `When more than 10 changes fail within an hour, in any pipeline`.
fn sentence(alert: &Alert) -> String {
    match &alert.pipeline {
        Some(pipeline) => format!("When {} in {pipeline}", alert.limit),
        None => format!("When {} in any pipeline", alert.limit),
    }
}

async fn show<W: World>(State(console): State<Arc<Console<W>>>, Visitor(session): Visitor, frame: Frame) -> Page {
    let world = &console.world;
    let (alerts, pipelines) = try_join!(world.alerts().alerts(), world.pipelines().live())?;
    let topic = console.settings.alert_topic_arn.as_deref();
    let mut pipelines: Vec<_> = pipelines.into_iter().map(|pipeline| pipeline.name).collect();
    pipelines.sort();
    page(&AlertsPage {
        frame,
        is_admin: session.person.role >= Role::Admin,
        topic: topic.map(|arn| arn.rsplit(':').next().unwrap_or(arn).to_owned()),
        alerts: alerts.iter().map(Shown::of).collect(),
        pipelines,
    })
}

/// The form: each limit's field is there, and the one that is chosen counts.
#[derive(Deserialize)]
struct Asked {
    /// The pipeline; any, where it is empty.
    #[serde(default)]
    pipeline: String,
    limit: String,
    #[serde(default)]
    failed: String,
    #[serde(default)]
    share: String,
    #[serde(default)]
    minutes: String,
}

impl Asked {
    /// The limit, or what is wrong with it.
    fn limit(&self) -> Result<Limit, String> {
        let wrong =
            |typed: &str, most: u64| format!("“{typed}” is no whole number from 0 to {most}. Nothing was changed.");
        let number = |typed: &str, most: u64| {
            typed.trim().parse::<u64>().ok().filter(|number| *number <= most).ok_or_else(|| wrong(typed, most))
        };
        match self.limit.as_str() {
            "failed" => Ok(Limit::Failed(number(&self.failed, 1_000_000)?)),
            "share" => Ok(Limit::Share(u8::try_from(number(&self.share, 99)?).unwrap_or(99))),
            "minutes" => {
                let minutes = number(&self.minutes, LONGEST_MINUTES.into())?;
                Ok(Limit::Minutes(u32::try_from(minutes).unwrap_or(LONGEST_MINUTES)))
            }
            _ => Err("Choose what the message is about. Nothing was changed.".to_owned()),
        }
    }
}

async fn add<W: World>(
    State(console): State<Arc<Console<W>>>,
    visitor: Visitor,
    parts: Parts,
    Form(asked): Form<Asked>,
) -> Result<Redirect, NoPage> {
    let wrong =
        |message: String| NoPage::bad_request("This alert cannot be", message).with_next("Back to the alerts", PATH);
    if console.settings.alert_topic_arn.is_none() {
        return Err(wrong("This stack has no topic that messages could go to. Nothing was changed.".to_owned()));
    }
    let limit = asked.limit().map_err(wrong)?;
    let world = &console.world;
    let (alerts, pipelines) = try_join!(world.alerts().alerts(), world.pipelines().live())?;
    let pipeline = Some(asked.pipeline).filter(|name| !name.is_empty());
    if pipeline.as_ref().is_some_and(|name| pipelines.iter().all(|pipeline| pipeline.name != *name)) {
        return Err(wrong("There is no such pipeline any more. Nothing was changed.".to_owned()));
    }
    if alerts.len() >= MOST {
        return Err(wrong(format!("There are {MOST} alerts already. Remove one first.")));
    }
    if alerts.iter().any(|alert| (&alert.pipeline, alert.limit) == (&pipeline, limit)) {
        // It is there already, as wanted.
        return Ok(Redirect::to(PATH));
    }
    let alert = Alert {
        id: random::text::<9>()?,
        pipeline,
        limit,
        by: visitor.0.person.name.clone(),
        console: console.origin(&parts).unwrap_or_default(),
        raised: std::collections::BTreeMap::new(),
    };
    let change = Change {
        action: "add an alert",
        subject: format!("alert {}", alert.id),
        before: None,
        after: Some(sentence(&alert)),
    };
    console.change::<_, PortError>(&visitor, change, world.alerts().add_alert(&alert)).await??;
    Ok(Redirect::to(PATH))
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

async fn remove<W: World>(
    State(console): State<Arc<Console<W>>>,
    visitor: Visitor,
    Form(Named { id }): Form<Named>,
) -> Result<Redirect, NoPage> {
    let alerts = console.world.alerts().alerts().await?;
    // Somebody else has removed it, as wanted.
    let Some(alert) = alerts.iter().find(|alert| alert.id == id) else { return Ok(Redirect::to(PATH)) };
    let change = Change {
        action: "remove an alert",
        subject: format!("alert {id}"),
        before: Some(sentence(alert)),
        after: None,
    };
    console.change::<_, PortError>(&visitor, change, console.world.alerts().drop_alert(&id)).await??;
    Ok(Redirect::to(PATH))
}
