//! One attempt: a request, its answer, and the ledger or the failures written by it.

use std::time::Duration;

use futures_util::future::join_all;
use shared::{
    delivery::{Delivery, Outcome, Step, Told},
    destination::{Answered, Mode, Operation, Parcel, unanswered},
    failure::{Answer, Failure, Payload, Sent, Stage, Standing},
    ledger::{Entry, LedgerKey, PastOutcome, Pending, Progress, Written},
    ports::{Failures as _, Http as _, HttpError, HttpResponse, Ledger as _, PortError},
    state::State as _,
    time::{Clock as _, Timestamp},
};

use crate::{
    Deliver,
    round::{Call, parcel},
    turns::{Heard, Turns},
    work::{Job, Share, Work},
    world::World,
};

/// How a job's attempt ended.
#[derive(Debug)]
pub enum End {
    /// The vendor has it, and the ledger knows.
    Delivered(LedgerKey, Box<Entry>),
    /// It came to its end without a request: the counter of its kind.
    Settled(&'static str),
    /// It is among the failures.
    Failed,
    /// It goes with the next round, in that half of its request.
    Split(Share),
    /// It has to be sent in a request of its own.
    SendAlone,
    /// It goes with the next round.
    SendAgain,
    /// It goes with the next round: the vendor's job that had it came to nothing.
    Undone(Pending),
    /// It may succeed later.
    Later(Later),
}

/// Why a job waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Later {
    /// Its lane waits, the others go on.
    Retry(String),
    /// A job of the vendor's has it, since then. Its lane waits, the others go on.
    Pending(Timestamp),
    /// The destination asks to wait.
    Throttled(Timestamp, String),
    /// The destination does not accept the credentials.
    Unauthorised(String),
    /// The deployment does not let the destination's address be called.
    Refused(String),
    /// The destination's rate limit allows the next request then.
    Paced(Timestamp),
    /// The destination did not answer lately: nothing is sent until then.
    Open(Timestamp),
    /// There was no time left to begin.
    OutOfTime,
}

/// What the calls of a round have in common.
#[derive(Debug)]
pub struct Terms<'a, W> {
    /// The invocation's turns.
    pub turns: &'a Turns<'a, W>,
    /// The secret that the vendor has refused in this invocation.
    pub refused: Option<String>,
    /// No request begins after it.
    pub begin_by: Timestamp,
}

/// A call on its way.
pub struct Attempt<'a, W> {
    pub work: &'a Work,
    pub call: &'a Call,
    pub terms: &'a Terms<'a, W>,
    /// The turn that its first request has.
    pub turn: Timestamp,
    /// The call's jobs, in their order.
    pub jobs: Vec<&'a Job>,
}

impl<W> Attempt<'_, W> {
    /// Every job of the call waits for the same reason.
    pub fn all(&self, later: &Later) -> Vec<End> {
        self.jobs.iter().map(|_| End::Later(later.clone())).collect()
    }
}

/// So many attempts of one delivery may begin without ending.
const CRASHES: u32 = 3;

impl<W: World> Deliver<W> {
    /// Makes a call and settles what it can. One end for each of the call's jobs, in their order. `wanted` is how many
    /// calls of its kind are still to be made, this one included.
    pub(crate) async fn attempt(&self, work: &Work, call: &Call, wanted: usize, terms: &Terms<'_, W>) -> Vec<End> {
        let turn = match self.begin(call, wanted, terms).await {
            Ok(turn) => turn,
            Err(later) => return call.jobs.iter().map(|_| End::Later(later.clone())).collect(),
        };
        let jobs: Vec<&Job> = call.jobs.iter().map(|index| &work.jobs[*index]).collect();
        let attempt = Attempt { work, call, terms, turn, jobs };
        if !attempt.jobs.iter().any(|job| job.share == Share::Alone) {
            return self.make(&attempt).await;
        }
        let mark = match (&call.asks, &attempt.jobs[..]) {
            (None, [job]) => job.delivery.id.clone(),
            (Some(asked), _) => format!("{}/job/{asked}", self.destination.name()),
            // What is alone shares no request.
            (None, _) => return self.make(&attempt).await,
        };
        self.make_marked(&attempt, &mark).await
    }

    /// Waits until a request may begin, and answers the turn that it has; or says when one may.
    pub(crate) async fn begin(&self, call: &Call, wanted: usize, terms: &Terms<'_, W>) -> Result<Timestamp, Later> {
        if self.world.state().clock().now() >= terms.begin_by {
            return Err(Later::OutOfTime);
        }
        terms.turns.take(call, wanted, terms.begin_by).await
    }

    async fn make(&self, attempt: &Attempt<'_, W>) -> Vec<End> {
        if attempt.call.asks.is_some() { self.ask(attempt).await } else { self.send(attempt).await }
    }

    /// A suspect's attempt is marked before it is made: what crashes the function leaves its mark, and is found.
    async fn make_marked(&self, attempt: &Attempt<'_, W>, mark: &str) -> Vec<End> {
        let begun = match self.world.ledger().begin_attempt(mark).await {
            Ok(begun) => begun,
            Err(error) => return attempt.all(&Later::Retry(error.to_string())),
        };
        let ends = if begun > CRASHES {
            let reason = format!(
                "{CRASHES} attempts to send this delivery began and none ended: sending it seems to crash the \
                 function, which is a defect of Freshet; please report it, then redrive or discard"
            );
            join_all(attempt.jobs.iter().map(|job| self.fail(job, reason.clone(), None, None))).await
        } else {
            self.make(attempt).await
        };
        if let Err(error) = self.world.ledger().end_attempt(mark).await {
            // The mark stays, which is the safe side.
            tracing::warn!(mark, "an attempt's mark could not be removed: {error}");
        }
        ends
    }

    async fn send(&self, attempt: &Attempt<'_, W>) -> Vec<End> {
        let Attempt { work, call, jobs, .. } = attempt;
        let operation = match self.destination.operation(&call.action, call.step) {
            Ok(operation) => operation,
            Err(reason) => return attempt.all(&Later::Retry(reason)),
        };
        let secret = match self.secret(attempt.terms.refused.as_deref()).await {
            Ok(secret) => secret,
            Err(later) => return attempt.all(&later),
        };
        let parcels: Vec<Parcel<'_>> = jobs.iter().map(|job| parcel(work, job)).collect();
        let request = match operation.render(&parcels, secret.as_deref(), self.world.state().clock().now()) {
            Ok(request) => request,
            Err(error) => {
                let answered = Operation::unsent(&error, parcels.len());
                return self.settle_all(work, call, vec![answered; jobs.len()]).await;
            }
        };
        let answered = match self.world.http().call(&request).await {
            Ok(response) => {
                let response = operation.redact(response, secret.as_deref());
                let now = self.world.state().clock().now();
                let answered = operation.read(&parcels, &response, now);
                attempt.terms.turns.tell(call, attempt.turn, heard(Some(&answered), &response, now)).await;
                answered
            }
            Err(error @ HttpError::Refused { .. }) => return attempt.all(&Later::Refused(error.to_string())),
            Err(error @ HttpError::Unsendable { .. }) => {
                let outcome = Outcome::Rejected { reason: error.to_string(), answer: None };
                parcels.iter().map(|_| Answered::Ended(outcome.clone())).collect()
            }
            Err(error @ HttpError::NoAnswer { .. }) => {
                attempt.terms.turns.tell(call, attempt.turn, Heard::Nothing(&error.to_string())).await;
                parcels.iter().map(|_| Answered::Ended(unanswered(&error))).collect()
            }
        };
        self.settle_all(work, call, answered).await
    }

    /// Settles each of a call's jobs, as they were answered in their order.
    pub(crate) async fn settle_all(&self, work: &Work, call: &Call, answered: Vec<Answered>) -> Vec<End> {
        let settled = call.jobs.iter().enumerate().zip(answered);
        let settled = settled.map(|((place, job), answered)| async move {
            match answered {
                Answered::Split => End::Split(call.half_of(place)),
                Answered::Taken(id) => self.wait_for_job(&work.jobs[*job], id, place, call.jobs.len()).await,
                answered => self.settle(work, &work.jobs[*job], answered).await,
            }
        });
        join_all(settled).await
    }

    async fn settle(&self, work: &Work, job: &Job, answered: Answered) -> End {
        match answered {
            // One that is split alone has nobody to be parted from.
            Answered::Split | Answered::SendAlone => End::SendAlone,
            Answered::SendAgain => End::SendAgain,
            Answered::Waits => {
                let since = job.pending.as_ref().map(|pending| pending.since);
                End::Later(Later::Pending(since.unwrap_or_else(|| self.world.state().clock().now())))
            }
            Answered::Undone { reason, certain } => self.undone(work, job, reason, certain).await,
            // One that is taken alone is the first of one.
            Answered::Taken(id) => self.wait_for_job(job, id, 0, 1).await,
            Answered::Ended(Outcome::Delivered(told)) => {
                let outcome = match job.delivery.step {
                    Step::Apply | Step::Keep => PastOutcome::Delivered,
                    _ => PastOutcome::Removed,
                };
                self.record(work, job, outcome, told).await
            }
            Answered::Ended(Outcome::Rejected { reason, answer }) => {
                self.fail(job, reason, self.sent(work, job), answer).await
            }
            Answered::Ended(Outcome::Retry { reason }) => End::Later(Later::Retry(reason)),
            Answered::Ended(Outcome::Throttled { until, reason }) => End::Later(Later::Throttled(until, reason)),
            Answered::Ended(Outcome::Unauthorised { reason }) => End::Later(Later::Unauthorised(reason)),
        }
    }

    /// Writes what has come about into the ledger.
    pub(crate) async fn record(&self, work: &Work, job: &Job, outcome: PastOutcome, told: Told) -> End {
        let now = self.world.state().clock().now();
        let entry = match job.mode {
            Some(Mode::Append) => Entry::of_append(&job.delivery, now),
            _ => Entry::after(work.entries.get(&job.key), &job.delivery, outcome, told, now)
                .with_email(self.destination.email(&job.delivery)),
        };
        match self.world.ledger().write(&job.key, &entry).await {
            Ok(Written::Yes) => match self.close(job, Standing::Delivered).await {
                Ok(()) => End::Delivered(job.key.clone(), Box::new(entry)),
                // It comes again, is known by the ledger, and only has to be closed.
                Err(error) => End::Later(Later::Retry(error.to_string())),
            },
            // Two invocations hold this lane. What the other one wrote decides, at the next receive.
            Ok(Written::Superseded) => End::Later(Later::Retry(
                "another invocation has delivered a newer change of the row meanwhile".to_owned(),
            )),
            Err(error) => End::Later(Later::Retry(error.to_string())),
        }
    }

    /// Ends a job that needs no request.
    pub(crate) async fn settle_as(&self, job: &Job, counter: &'static str, standing: Standing) -> End {
        match self.close(job, standing).await {
            Ok(()) => End::Settled(counter),
            Err(error) => End::Later(Later::Retry(error.to_string())),
        }
    }

    /// Writes the end of a delivery that a person has sent again to its failure.
    async fn close(&self, job: &Job, standing: Standing) -> Result<(), PortError> {
        if !job.delivery.redriven {
            return Ok(());
        }
        let now = self.world.state().clock().now();
        self.world.state().failures().close(&job.delivery.id, standing, now).await
    }

    /// The request of a delivery, as a failure shows it.
    pub(crate) fn sent(&self, work: &Work, job: &Job) -> Option<Sent> {
        let operation = self.destination.operation(&job.delivery.action, job.delivery.step).ok()?;
        operation.alone(&parcel(work, job))
    }

    /// Keeps a delivery that can never be sent as a failure.
    pub(crate) async fn fail(&self, job: &Job, reason: String, request: Option<Sent>, answer: Option<Answer>) -> End {
        let delivery = &job.delivery;
        tracing::warn!(
            delivery = delivery.id,
            pipeline = delivery.pipeline,
            destination = self.destination.name(),
            status = answer.as_ref().map(|answer| answer.status),
            "a delivery was rejected"
        );
        // A redrive's mark is not part of what failed.
        let first = job.delivery.redriven.then(|| Delivery { redriven: false, ..delivery.clone() });
        let json = first.and_then(|first| serde_json::to_string(&first).ok());
        let failure = Failure {
            id: delivery.id.clone(),
            stage: Stage::Deliver,
            reason,
            source: Some(delivery.source.clone()),
            pipeline: Some(delivery.pipeline.clone()),
            version: Some(delivery.version),
            destination: Some(self.destination.name().to_owned()),
            key: Some(delivery.key.clone()),
            request,
            answer,
            payload: Payload::of(json.as_deref().unwrap_or(&job.json).as_bytes()),
            at: self.world.state().clock().now(),
        };
        if let Err(error) = self.world.state().failures().keep(vec![failure]).await {
            return End::Later(Later::Retry(error.to_string()));
        }
        // Others of its message may still be in jobs: then it comes again with them, and has ended.
        let progress = Progress::Failed { message: job.message_id.clone() };
        match self.keep_progress(job, progress).await {
            Ok(()) => End::Failed,
            Err(error) => End::Later(Later::Retry(error.to_string())),
        }
    }
}

/// What an answer says of the vendor, rather than of the deliveries.
pub fn heard<'a>(answered: Option<&[Answered]>, response: &'a HttpResponse, now: Timestamp) -> Heard<'a> {
    let wait = answered.into_iter().flatten().find_map(|answered| match answered {
        Answered::Ended(Outcome::Throttled { until, .. }) => Some(*until),
        _ => None,
    });
    match (wait, response.status) {
        (Some(until), _) => Heard::Wait(until),
        // Too many, and the vendor does not say until when.
        (None, 429) => Heard::Wait(now + Duration::from_secs(1)),
        (None, 500..) => Heard::Nothing("it answers with a status of 500 or above"),
        (None, _) => Heard::Answer(response),
    }
}

impl Later {
    /// The counter of those that wait.
    pub(crate) const fn counter(&self) -> &'static str {
        match self {
            Self::Retry(_) | Self::Open(_) | Self::OutOfTime => "retried",
            Self::Pending(_) => "pending",
            Self::Throttled(..) | Self::Paced(_) => "throttled",
            // Both ring the same alarm: the queue holds until somebody has mended something.
            Self::Unauthorised(_) | Self::Refused(_) => "unauthorised",
        }
    }

    /// Whether the destination's other requests would end the same way.
    pub(crate) const fn stops(&self) -> bool {
        match self {
            Self::Throttled(..) | Self::Unauthorised(_) | Self::Refused(_) | Self::Paced(_) | Self::Open(_) => true,
            Self::Retry(_) | Self::Pending(_) | Self::OutOfTime => false,
        }
    }

    /// How long to wait, where the vendor or the reason says; otherwise the message's own backoff.
    pub(crate) fn wait(&self, now: Timestamp) -> Option<Duration> {
        match self {
            Self::Retry(_) => None,
            // As long as it has gone on already. The messages of one job come again together, and ask once.
            Self::Pending(since) => Some(now.since(*since).clamp(Duration::from_secs(2), Duration::from_mins(1))),
            Self::Throttled(until, _) => Some(until.since(now).max(Duration::from_secs(1))),
            // Whole seconds, as SQS counts them, and rather early than late: a turn is booked up to a second ahead.
            Self::Paced(until) | Self::Open(until) => Some(Duration::from_secs(until.since(now).as_secs().max(1))),
            // Somebody has to mend it; each try costs the vendor and the user.
            Self::Unauthorised(_) | Self::Refused(_) => Some(Duration::from_mins(5)),
            Self::OutOfTime => Some(Duration::ZERO),
        }
    }
}
