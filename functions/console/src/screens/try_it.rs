//! Try it: the request of a record, byte for byte; and, if a person wants it, sending it.

use std::sync::Arc;

use askama::Template;
use axum::{
    Form,
    extract::{Path, Query, State},
};
use serde::Deserialize;
use shared::{
    delivery::{Delivery, Outcome, Step},
    destination::{Answered, Destination, Parcel, RenderError},
    failure::Sent,
    ports::{Http as _, HttpError, HttpResponse, Secrets as _},
    preview::Fate,
    time::Clock as _,
};

use super::{
    draft::Open,
    mapping::{Asked, Choice, choices, key},
};
use crate::{
    Console, World,
    access::{Access, Route, Visitor},
    change::Change,
    frame::{Frame, Page, page},
    no_page::NoPage,
    records::Origin,
    role::Role,
    trial::{Trial, destination_of, told},
};

/// How much of an answer is shown, in bytes.
const SHOWN: usize = 16 * 1024;

/// The routes.
pub fn routes<W: World>() -> Vec<Route<W>> {
    let editor = Access::AtLeast(Role::Editor);
    vec![Route::get("/drafts/{id}/try", editor, show::<W>), Route::post("/drafts/{id}/try", editor, send::<W>)]
}

#[derive(Template)]
#[template(path = "try.html")]
struct TryIt {
    frame: Frame,
    open: Open,
    vendor: String,
    choices: Vec<Choice>,
    origin: Origin,
    /// What keeps the draft from being tried.
    problems: Vec<String>,
    verdict: Option<String>,
    /// The request of the record, and what sending it does.
    request: Option<(Sent, String)>,
    record: String,
    answer: Option<Heard>,
}

/// What the vendor answered.
struct Heard {
    /// In plain words.
    verdict: String,
    is_good: bool,
    status: Option<u16>,
    body: String,
}

async fn show<W: World>(
    State(console): State<Arc<Console<W>>>,
    Path(id): Path<String>,
    Query(Asked { record }): Query<Asked>,
    frame: Frame,
) -> Page {
    let (open, trial, origin) = console.tried(&id).await?;
    console.shown(frame, open, &trial, origin, record.as_deref(), None)
}

#[derive(Deserialize)]
struct Send {
    record: String,
}

async fn send<W: World>(
    State(console): State<Arc<Console<W>>>,
    Path(id): Path<String>,
    visitor: Visitor,
    frame: Frame,
    Form(Send { record }): Form<Send>,
) -> Page {
    let (open, trial, origin) = console.tried(&id).await?;
    let gone = || {
        NoPage::conflict(
            "The record is not among the newest any more",
            "Nothing was sent. Choose another record.",
            &open.path("try"),
        )
    };
    // Another record than the one that was looked at is never sent.
    let place = trial.events.iter().position(|event| event.id == record).ok_or_else(gone)?;
    let delivery = match trial.fates.get(place) {
        Some(Fate::Sent(delivery, ..)) => delivery,
        Some(Fate::Skipped(delivery, _)) if delivery.step == Step::Apply => delivery,
        _ => return Err(gone()),
    };
    let known = console.known().await;
    let destination = trial.review.pipeline.as_ref().and_then(|pipeline| destination_of(pipeline, &known));
    let destination = destination.ok_or_else(gone)?;
    let event = trial.events.get(place).map(key).unwrap_or_default();
    let change = Change {
        action: "send a test",
        subject: format!("destination {}, draft {}, record {event}", destination.name(), open.name()),
        before: None,
        after: Some(delivery.action.clone()),
    };
    let heard = console.change(&visitor, change, console.sent(&destination, delivery)).await?;
    let heard = heard.map_err(|reason| NoPage::conflict("It was not sent", reason, &open.path("try")))?;
    console.shown(frame, open, &trial, origin, Some(&record), Some(heard))
}

impl<W: World> Console<W> {
    async fn tried(&self, id: &str) -> Result<(Open, Trial, Origin), NoPage> {
        let open = self.open(id).await?;
        self.aim(&open)?;
        let known = self.known().await;
        let records = self.records(open.outline.source.as_deref().unwrap_or_default()).await;
        let trial = self.trial(&open.draft.document, &known, &records).await?;
        Ok((open, trial, records.origin))
    }

    fn shown(
        &self,
        frame: Frame,
        open: Open,
        trial: &Trial,
        origin: Origin,
        record: Option<&str>,
        answer: Option<Heard>,
    ) -> Page {
        let aim = self.aim(&open)?;
        let vendor = aim.connector.name.clone();
        let place = trial.place(record);
        let fate = place.and_then(|place| trial.fates.get(place));
        let verb = aim.action.label.to_lowercase();
        let request = match fate {
            Some(Fate::Sent(_, _, sent)) => Some((sent.clone(), format!("This is real: in {vendor} it will {verb}."))),
            Some(Fate::Skipped(delivery, _)) if delivery.step == Step::Apply => {
                let destination = trial.review.pipeline.as_ref();
                let destination = destination.and_then(|pipeline| destination_of(pipeline, &self.settings.known));
                let sent = destination.and_then(|destination| {
                    let operation = destination.operation(&delivery.action, delivery.step).ok()?;
                    operation.alone(&Parcel { delivery, destination_key: None })
                });
                sent.map(|sent| {
                    (
                        sent,
                        format!("An earlier change brings {vendor} the same values; sending them twice does no harm."),
                    )
                })
            }
            _ => None,
        };
        page(&TryIt {
            choices: choices(trial, place),
            problems: trial.review.problems.iter().map(|problem| problem.message.clone()).collect(),
            verdict: fate.map(|fate| told(fate, &vendor)),
            record: place.and_then(|place| trial.events.get(place)).map(|event| event.id.clone()).unwrap_or_default(),
            request,
            vendor,
            origin,
            answer,
            frame,
            open,
        })
    }

    /// Sends one delivery, as deliver would; the ledger is not told, since no pipeline has done it.
    async fn sent(&self, destination: &Destination, delivery: &Delivery) -> Result<Heard, String> {
        let operation = destination.operation(&delivery.action, delivery.step)?;
        let now = self.world.clock().now();
        let connection = self.settings.connections.iter().find(|connection| connection.name == destination.name());
        let secret = match connection.and_then(|connection| connection.secret_arn.as_ref()) {
            Some(arn) => Some(self.world.secrets().secret(arn, true).await.map_err(|error| error.to_string())?),
            None => None,
        };
        if let (Some(oauth), Some(secret)) = (destination.oauth(), &secret)
            && !oauth.has_token(secret, now)
        {
            return Err(
                "Its token has ended, and is renewed when something is delivered. Try again after that.".to_owned()
            );
        }
        let parcel = Parcel { delivery, destination_key: None };
        let request = operation.render(&[parcel], secret.as_deref(), now).map_err(|error| match error {
            RenderError::Secret(reason) | RenderError::Parcel { reason, .. } => reason,
        })?;
        let response = match self.world.http().call(&request).await {
            Ok(response) => operation.redact(response, secret.as_deref()),
            Err(error) => return Ok(unheard(&error)),
        };
        let answered = operation.read(&[parcel], &response, self.world.clock().now()).into_iter().next();
        Ok(heard(answered, &response))
    }
}

fn unheard(error: &HttpError) -> Heard {
    let verdict = match error {
        HttpError::NoAnswer { .. } => format!("No answer came, so it is not known whether it was done: {error}"),
        HttpError::Unsendable { .. } | HttpError::Refused { .. } => format!("It was not sent: {error}"),
    };
    Heard { verdict, is_good: false, status: None, body: String::new() }
}

fn heard(answered: Option<Answered>, response: &HttpResponse) -> Heard {
    let (is_good, verdict) = match answered {
        Some(Answered::Ended(Outcome::Delivered(told))) => {
            let what = match told.created {
                Some(true) => "It was created",
                Some(false) => "It was there, and was updated",
                None => "It was accepted",
            };
            let id = told.destination_key.map(|key| format!(", under the id {key}")).unwrap_or_default();
            (true, format!("{what}{id}."))
        }
        Some(Answered::Taken(job)) => (true, format!("It was taken into the job {job}, which does it in a while.")),
        Some(Answered::Ended(Outcome::Rejected { reason, .. })) => (false, format!("It was refused: {reason}")),
        Some(Answered::Ended(Outcome::Unauthorised { reason })) => {
            (false, format!("The credentials were not accepted: {reason}"))
        }
        Some(Answered::Ended(Outcome::Throttled { reason, .. } | Outcome::Retry { reason })) => {
            (false, format!("Not now; a pipeline would try again by itself: {reason}"))
        }
        _ => (false, "The answer does not say what became of it.".to_owned()),
    };
    let body = String::from_utf8_lossy(&response.body);
    let end = body.floor_char_boundary(SHOWN);
    Heard { verdict, is_good, status: Some(response.status), body: body[..end].to_owned() }
}
