//! Jobs of the vendor's: who is in which, and what became of them.
//!
//! A request that the vendor answers with a job is not waited for. Each delivery's place in the job is written into the
//! ledger, its message comes again, and the job is asked after then: once for all of its deliveries that came together.

use shared::{
    destination::{Answered, Mode, Placed, unanswered},
    ledger::{Entry, Pending, Progress},
    ports::{Http as _, HttpError, Ledger as _, PortError},
    state::State as _,
    time::Clock as _,
};

use crate::{
    Deliver,
    attempt::{Attempt, End, Later, heard},
    round::parcel,
    turns::Heard,
    work::{Job, Work},
    world::World,
};

/// So many jobs a delivery is sent in; where all came to nothing, it is a failure.
const MOST_JOBS: u32 = 5;

impl<W: World> Deliver<W> {
    /// Asks after the vendor's job that has all of a call's deliveries, and settles what it tells.
    pub(crate) async fn ask(&self, attempt: &Attempt<'_, W>) -> Vec<End> {
        let Attempt { work, call, jobs, .. } = attempt;
        let operation = match self.destination.operation(&call.action, call.step) {
            Ok(operation) => operation,
            Err(reason) => return attempt.all(&Later::Retry(reason)),
        };
        let first = jobs.first().and_then(|job| job.pending.as_ref());
        let Some((pending, mut inquiry)) = first.and_then(|pending| Some((pending, operation.inquire(pending)?)))
        else {
            return attempt.all(&Later::Retry("the connector has no jobs to ask after any more".to_owned()));
        };
        let secret = match self.secret(attempt.terms.refused.as_deref()).await {
            Ok(secret) => secret,
            Err(later) => return attempt.all(&later),
        };
        let place = |job: &Job| job.pending.as_ref().map_or(0, |pending| pending.place);
        let placed: Vec<_> = jobs.iter().map(|job| Placed { parcel: parcel(work, job), place: place(job) }).collect();
        let (turns, mut turn) = (attempt.terms.turns, attempt.turn);
        loop {
            let request = match inquiry.request(secret.as_deref(), self.world.state().clock().now()) {
                Ok(request) => request,
                Err(error) => return attempt.all(&Later::Unauthorised(error.to_string())),
            };
            let told = match self.world.http().call(&request).await {
                Ok(response) => {
                    let response = operation.redact(response, secret.as_deref());
                    let now = self.world.state().clock().now();
                    let told = inquiry.read(&placed, &response, now);
                    turns.tell(call, turn, heard(told.as_deref(), &response, now)).await;
                    told
                }
                Err(error @ HttpError::Refused { .. }) => return attempt.all(&Later::Refused(error.to_string())),
                Err(error @ HttpError::Unsendable { .. }) => {
                    Some(vec![Answered::Undone { reason: error.to_string(), certain: false }; placed.len()])
                }
                Err(error @ HttpError::NoAnswer { .. }) => {
                    turns.tell(call, turn, Heard::Nothing(&error.to_string())).await;
                    Some(vec![Answered::Ended(unanswered(&error)); placed.len()])
                }
            };
            if let Some(answered) = told {
                tracing::info!(
                    destination = self.destination.name(),
                    job = pending.job,
                    deliveries = placed.len(),
                    waits = answered.contains(&Answered::Waits),
                    "a job was asked after"
                );
                return self.settle_all(work, call, answered).await;
            }
            turn = match self.begin(call, 1, attempt.terms).await {
                Ok(turn) => turn,
                Err(later) => return attempt.all(&later),
            };
        }
    }

    /// Writes down which job has a delivery. What is not written down is sent again.
    pub(crate) async fn wait_for_job(&self, job: &Job, id: String, place: usize, of: usize) -> End {
        let since = self.world.state().clock().now();
        let lost = job.pending.as_ref().map_or(0, |before| before.lost);
        let progress = Progress::Pending(Pending { job: id, place, of, since, lost });
        match self.keep_progress(job, progress).await {
            Ok(()) => End::Later(Later::Pending(since)),
            Err(error) => End::Later(Later::Retry(error.to_string())),
        }
    }

    /// Writes down how far a delivery has come, where the vendor makes jobs.
    pub(crate) async fn keep_progress(&self, job: &Job, progress: Progress) -> Result<(), PortError> {
        let Some(key) = &job.progress_key else { return Ok(()) };
        let entry = Entry::of_progress(&job.delivery, progress, self.world.state().clock().now());
        self.world.ledger().keep_progress(key, &entry).await
    }

    /// A delivery that its job did not do, or of which that is not known.
    pub(crate) async fn undone(&self, work: &Work, job: &Job, reason: String, certain: bool) -> End {
        let vendor = &self.destination.connector().name;
        if !certain && job.mode == Some(Mode::Append) {
            let reason = format!(
                "{reason}; whether it was done is not known, and sent again it could be done twice: look for it at \
                 {vendor}, then redrive or discard"
            );
            return self.fail(job, reason, self.sent(work, job), None).await;
        }
        let Some(pending) = job.pending.clone() else { return End::SendAgain };
        let lost = pending.lost + 1;
        if lost < MOST_JOBS {
            return End::Undone(Pending { lost, ..pending });
        }
        let reason = format!("{reason}; it was in {MOST_JOBS} jobs, and all came to nothing: redrive or discard");
        self.fail(job, reason, self.sent(work, job), None).await
    }
}
