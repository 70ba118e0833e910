//! One attempt: a request, its answer, and the ledger or the failures written by it.

use std::{sync::PoisonError, time::Duration};

use futures_util::future::join_all;
use shared::{
    delivery::{Delivery, Outcome, Step, Told},
    destination::{Answered, Mode, Operation, Parcel, unanswered},
    failure::{Answer, Failure, Payload, Sent, Stage, Standing},
    ledger::{Entry, LedgerKey, PastOutcome, Written},
    ports::{Failures as _, Http as _, HttpError, Ledger as _, PortError, Secrets as _},
    state::State as _,
    time::{Clock as _, Timestamp},
};

use crate::{
    Deliver,
    round::{Call, parcel},
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
    /// It may succeed later.
    Later(Later),
}

/// Why a job waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Later {
    /// Its lane waits, the others go on.
    Retry(String),
    /// The destination asks to wait.
    Throttled(Timestamp, String),
    /// The destination does not accept the credentials.
    Unauthorised(String),
    /// The deployment does not let the destination's address be called.
    Refused(String),
    /// The destination's rate limit allows the next request then.
    Paced(Timestamp),
    /// There was no time left to begin.
    OutOfTime,
}

/// So many attempts of one delivery may begin without ending.
const CRASHES: u32 = 3;

impl<W: World> Deliver<W> {
    /// Makes a call and settles what it can. One end for each of the call's jobs, in their order.
    pub(crate) async fn attempt(&self, work: &Work, call: &Call, fresh_secret: bool, begin_by: Timestamp) -> Vec<End> {
        if self.world.state().clock().now() >= begin_by {
            return call.jobs.iter().map(|_| End::Later(Later::OutOfTime)).collect();
        }
        if let Err(free) = self.turn(begin_by).await {
            return call.jobs.iter().map(|_| End::Later(Later::Paced(free))).collect();
        }
        let jobs: Vec<&Job> = call.jobs.iter().map(|index| &work.jobs[*index]).collect();
        if let [job] = jobs[..]
            && job.share == Share::Alone
        {
            return vec![self.attempt_marked(work, call, job, fresh_secret).await];
        }
        self.send(work, call, &jobs, fresh_secret).await
    }

    /// Waits for this instance's turn to begin a request; where none comes before `begin_by`, answers when one does.
    async fn turn(&self, begin_by: Timestamp) -> Result<(), Timestamp> {
        let Some(turns) = &self.turns else { return Ok(()) };
        loop {
            let now = self.world.state().clock().now();
            let taken = turns.lock().unwrap_or_else(PoisonError::into_inner).take(now);
            match taken {
                Ok(()) => return Ok(()),
                Err(free) if free >= begin_by => return Err(free),
                Err(free) => tokio::time::sleep(free.since(now)).await,
            }
        }
    }

    /// A suspect's attempt is marked before it is made: what crashes the function leaves its mark, and is found.
    async fn attempt_marked(&self, work: &Work, call: &Call, job: &Job, fresh_secret: bool) -> End {
        let begun = match self.world.ledger().begin_attempt(&job.delivery.id).await {
            Ok(begun) => begun,
            Err(error) => return End::Later(Later::Retry(error.to_string())),
        };
        let end = if begun > CRASHES {
            let reason = format!(
                "{CRASHES} attempts to send this delivery began and none ended: sending it seems to crash the \
                 function, which is a defect of Freshet; please report it, then redrive or discard"
            );
            self.fail(job, reason, None, None).await
        } else {
            self.send(work, call, &[job], fresh_secret).await.pop().unwrap_or(End::Later(Later::OutOfTime))
        };
        match self.world.ledger().end_attempt(&job.delivery.id).await {
            Ok(()) => end,
            // The mark stays, which is the safe side.
            Err(error) => {
                tracing::warn!(delivery = job.delivery.id, "an attempt's mark could not be removed: {error}");
                end
            }
        }
    }

    async fn send(&self, work: &Work, call: &Call, jobs: &[&Job], fresh_secret: bool) -> Vec<End> {
        let all = |later: Later| jobs.iter().map(|_| End::Later(later.clone())).collect::<Vec<_>>();
        let operation = match self.destination.operation(&call.action, call.step) {
            Ok(operation) => operation,
            Err(reason) => return all(Later::Retry(reason)),
        };
        let secret = match self.secret(fresh_secret).await {
            Ok(secret) => secret,
            Err(error) => return all(Later::Unauthorised(error.to_string())),
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
                operation.read(&parcels, &response, self.world.state().clock().now())
            }
            Err(error @ HttpError::Refused { .. }) => return all(Later::Refused(error.to_string())),
            Err(error @ HttpError::Unsendable { .. }) => {
                let outcome = Outcome::Rejected { reason: error.to_string(), answer: None };
                parcels.iter().map(|_| Answered::Ended(outcome.clone())).collect()
            }
            Err(error @ HttpError::NoAnswer { .. }) => {
                parcels.iter().map(|_| Answered::Ended(unanswered(&error))).collect()
            }
        };
        self.settle_all(work, call, answered).await
    }

    /// Settles each of a call's jobs, as they were answered in their order.
    async fn settle_all(&self, work: &Work, call: &Call, answered: Vec<Answered>) -> Vec<End> {
        let settled = call.jobs.iter().enumerate().zip(answered);
        let settled = settled.map(|((place, job), answered)| async move {
            match answered {
                Answered::Split => End::Split(call.half_of(place)),
                answered => self.settle(work, &work.jobs[*job], answered).await,
            }
        });
        join_all(settled).await
    }

    async fn secret(&self, fresh: bool) -> Result<Option<String>, PortError> {
        match &self.secret_arn {
            Some(arn) => self.world.secrets().secret(arn, fresh).await.map(Some),
            None => Ok(None),
        }
    }

    async fn settle(&self, work: &Work, job: &Job, answered: Answered) -> End {
        match answered {
            // One that is split alone has nobody to be parted from.
            Answered::Split | Answered::SendAlone => End::SendAlone,
            Answered::SendAgain => End::SendAgain,
            Answered::Ended(Outcome::Delivered(told)) => {
                let outcome = match job.delivery.step {
                    Step::Apply | Step::Keep => PastOutcome::Delivered,
                    _ => PastOutcome::Removed,
                };
                self.record(work, job, outcome, told).await
            }
            Answered::Ended(Outcome::Rejected { reason, answer }) => {
                let operation = self.destination.operation(&job.delivery.action, job.delivery.step).ok();
                let request = operation.and_then(|operation| operation.alone(&parcel(work, job)));
                self.fail(job, reason, request, answer).await
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
            _ => Entry::after(work.entries.get(&job.key), &job.delivery, outcome, told, now),
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
        match self.world.state().failures().keep(vec![failure]).await {
            Ok(()) => End::Failed,
            Err(error) => End::Later(Later::Retry(error.to_string())),
        }
    }
}

impl Later {
    /// The counter of those that wait.
    pub(crate) const fn counter(&self) -> &'static str {
        match self {
            Self::Retry(_) | Self::OutOfTime => "retried",
            Self::Throttled(..) | Self::Paced(_) => "throttled",
            // Both ring the same alarm: the queue holds until somebody has mended something.
            Self::Unauthorised(_) | Self::Refused(_) => "unauthorised",
        }
    }

    /// Whether the destination's other requests would end the same way.
    pub(crate) const fn stops(&self) -> bool {
        match self {
            Self::Throttled(..) | Self::Unauthorised(_) | Self::Refused(_) | Self::Paced(_) => true,
            Self::Retry(_) | Self::OutOfTime => false,
        }
    }

    /// How long to wait, where the vendor or the reason says; otherwise the message's own backoff.
    pub(crate) fn wait(&self, now: Timestamp) -> Option<Duration> {
        match self {
            Self::Retry(_) => None,
            Self::Throttled(until, _) | Self::Paced(until) => Some(until.since(now).max(Duration::from_secs(1))),
            // Somebody has to mend it; each try costs the vendor and the user.
            Self::Unauthorised(_) | Self::Refused(_) => Some(Duration::from_mins(5)),
            Self::OutOfTime => Some(Duration::ZERO),
        }
    }
}
