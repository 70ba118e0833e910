//! Sends one destination's deliveries to its vendor.
//!
//! The same function runs once for each destination, with its own queue, role, secret and concurrency, so that a slow or
//! broken vendor delays nobody else. A lane's messages arrive in order; what has not come to its end is reported, with
//! all behind it in its lane, and hidden until it may be tried again.

mod attempt;
pub mod config;
mod credentials;
mod inquiry;
mod message;
mod paused;
mod quota;
mod round;
mod turns;
mod work;
mod world;

use std::{collections::HashMap, sync::Mutex, time::Duration};

use futures_util::{
    StreamExt as _,
    future::{join_all, join3},
    stream::FuturesUnordered,
};
use shared::{
    batch::{BatchResponse, FifoBatch},
    delivery::{Delivery, Told},
    destination::Destination,
    failure::{Failure, Payload, Stage, Standing},
    frame::{self, Content},
    lambda::{Handle, HandleError},
    lane::Lanes,
    ledger::PastOutcome,
    pipeline::believed::Believed,
    ports::{Failures as _, Ledger as _, PortError, Visibility as _},
    state::State as _,
    tally::Tally,
    telemetry::Metrics,
    time::{Clock as _, Timestamp},
};

use self::{
    attempt::{End, Later, Terms},
    message::{Message, SqsEvent},
    paused::Paused,
    round::{Call, Round},
    turns::Turns,
    work::{Share, Work},
};
pub use self::{
    quota::{Quota, RateLimit},
    world::{Live, World},
};

/// The handler of one destination.
#[derive(Debug)]
pub struct Deliver<W> {
    destination: Destination,
    secret_arn: Option<String>,
    /// Held while a token is renewed; what came of the last renewal, where it came to nothing.
    renewal: tokio::sync::Mutex<Option<credentials::Unrenewed>>,
    /// A renewed secret that could not be stored yet.
    unstored: Mutex<Option<String>>,
    lanes: Lanes,
    pace: Pace,
    quota: Quota,
    paused: Believed<Paused>,
    world: W,
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The longest that a request to the vendor may take.
    pub vendor_timeout: Duration,
    /// The longest wait between two receives of a message that is tried again.
    pub longest_wait: Duration,
    /// How long the backbone keeps events.
    pub retention: Duration,
}

/// How many requests are under way at once. They are of different rows, so their order does not matter.
const CONCURRENT_CALLS: usize = 8;

impl<W: World> Deliver<W> {
    /// A handler for a destination; `lanes` is its queue's count, `pace` how long things may take, `quota` how many
    /// requests may begin.
    pub fn new(
        destination: Destination,
        secret_arn: Option<String>,
        lanes: Lanes,
        pace: Pace,
        quota: Quota,
        world: W,
    ) -> Self {
        Self {
            destination,
            secret_arn,
            renewal: tokio::sync::Mutex::default(),
            unstored: Mutex::default(),
            lanes,
            pace,
            quota,
            paused: Believed::default(),
            world,
        }
    }

    /// Delivers a batch of the queue's messages.
    pub async fn deliver(&self, payload: &[u8], deadline: Timestamp) -> Result<BatchResponse, HandleError> {
        let event: SqsEvent = serde_json::from_slice(payload)
            .map_err(|error| HandleError(format!("not the event of an SQS FIFO queue: {error}")))?;
        let messages = event.records;
        let groups = messages.iter().map(|message| (message.id.as_str(), message.attributes.message_group_id.as_str()));
        let mut batch = FifoBatch::new(groups).map_err(HandleError::from_error)?;
        let mut waits: HashMap<String, Duration> = HashMap::new();
        let mut tally = Tally::default();

        let mut work = self.open(&messages, &mut batch, &mut waits).await;
        let mut newest: Option<Duration> = None;
        let left = self.leave_paused(&mut work, &mut tally).await;
        let known = match left {
            Ok(()) => self.world.ledger().read(&work.keys()).await,
            Err(error) => Err(error),
        };
        match known {
            Ok(entries) => {
                work.know(entries);
                self.run(&mut work, &messages, deadline, &mut waits, &mut tally, &mut newest).await;
            }
            Err(error) => self.block_for(&mut work, &messages, &Later::Retry(error.to_string()), &mut waits),
        }

        for message in work.unfinished_messages() {
            batch.fail(message);
        }
        let now = self.world.state().clock().now();
        let sent = batch.failed().into_iter().filter_map(|index| messages[index].sent_at());
        let oldest = sent.map(|sent| now.since(sent)).max();
        self.report(&tally, newest, oldest).await;
        self.unmark(&work.marks).await;
        self.hide(&messages, &batch.failed(), &waits).await;
        Ok(batch.response())
    }

    /// Opens the frames. One that is none becomes a failure; one whose oversize delivery cannot be read now is tried
    /// again, with all behind it in its lane.
    async fn open(&self, messages: &[Message], batch: &mut FifoBatch, waits: &mut HashMap<String, Duration>) -> Work {
        let mut work = Work::default();
        for (index, message) in messages.iter().enumerate() {
            let group = &message.attributes.message_group_id;
            if waits.contains_key(group) {
                continue;
            }
            let opened = match self.share_of(message, &mut work.marks).await {
                Ok(share) => self.open_one(message).await.map(|deliveries| (share, deliveries)),
                Err(error) => Err(error),
            };
            match opened {
                Ok((share, deliveries)) => work.add(group, index, message, share, deliveries, &self.destination),
                Err(error) => {
                    tracing::warn!(message_id = message.id, "a message could not be read: {error}");
                    waits.insert(group.clone(), message.backoff(self.pace.longest_wait));
                    batch.fail(index);
                }
            }
        }
        work
    }

    /// Marks a message that has come often. Where an invocation that marked it before never ended, one of its deliveries
    /// may be what crashed it: each is taken alone then, and marked, until the one is found.
    async fn share_of(&self, message: &Message, marks: &mut Vec<String>) -> Result<Share, PortError> {
        let Some(mark) = message.mark() else { return Ok(Share::Any) };
        let begun = self.world.ledger().begin_attempt(&mark).await?;
        marks.push(mark);
        Ok(if begun > 1 { Share::Alone } else { Share::Any })
    }

    /// The invocation has come to its end, and nothing of it has crashed.
    async fn unmark(&self, marks: &[String]) {
        let ended = marks.iter().map(|mark| self.world.ledger().end_attempt(mark));
        for error in join_all(ended).await.into_iter().filter_map(Result::err) {
            // The mark stays, which is the safe side: the message's deliveries go alone the next time.
            tracing::warn!("a message's mark could not be removed: {error}");
        }
    }

    async fn open_one(&self, message: &Message) -> Result<Vec<(Delivery, String)>, PortError> {
        let opened = match frame::open(Content::Deliveries, self.lanes, message.body.as_bytes()) {
            Ok(opened) => opened,
            // Another count of lanes is a mistake in the settings, not in the message: nothing may be lost by it.
            Err(error @ frame::FrameError::Lanes { .. }) => {
                return Err(PortError { operation: "open a frame", reason: error.to_string() });
            }
            Err(error) => {
                self.keep_unreadable(&message.id, error.to_string(), &message.body).await?;
                return Ok(Vec::new());
            }
        };
        let mut deliveries = Vec::with_capacity(opened.items.len());
        for (place, payload) in opened.items.into_iter().enumerate() {
            let json = match frame::redeem(self.world.state().objects(), payload).await {
                Ok(json) => json.into_owned(),
                Err(error @ frame::ClaimError::Gone { .. }) => {
                    let id = format!("{}/{place}", message.id);
                    self.keep_unreadable(&id, error.to_string(), &message.body).await?;
                    continue;
                }
                Err(error) => return Err(PortError { operation: "s3:GetObject", reason: error.to_string() }),
            };
            match serde_json::from_str(&json) {
                Ok(delivery) => deliveries.push((delivery, json)),
                Err(error) => {
                    let id = format!("{}/{place}", message.id);
                    self.keep_unreadable(&id, format!("not a delivery of Freshet: {error}"), &json).await?;
                }
            }
        }
        Ok(deliveries)
    }

    async fn keep_unreadable(&self, id: &str, reason: String, text: &str) -> Result<(), PortError> {
        let failure = Failure {
            id: format!("{}/{id}", self.destination.name()),
            stage: Stage::Deliver,
            reason,
            source: None,
            pipeline: None,
            version: None,
            destination: Some(self.destination.name().to_owned()),
            key: None,
            request: None,
            answer: None,
            payload: Payload::of(text.as_bytes()),
            at: self.world.state().clock().now(),
        };
        self.world.state().failures().keep(vec![failure]).await
    }

    /// Goes round by round until everything has come to its end or waits.
    async fn run(
        &self,
        work: &mut Work,
        messages: &[Message],
        deadline: Timestamp,
        waits: &mut HashMap<String, Duration>,
        tally: &mut Tally,
        newest: &mut Option<Duration>,
    ) {
        let mut settled = Vec::new();
        for index in work.superseded_in_their_message() {
            // One whose end cannot be written is judged as all others are.
            if let End::Settled(counter) = self.settle_as(&work.jobs[index], "superseded", Standing::Superseded).await {
                work.jobs[index].done = true;
                settled.push((index, counter));
            }
        }
        // Time for the vendor's slowest answer, and a sixth more for what has to be written after it.
        let begin_by = deadline - self.pace.vendor_timeout - self.pace.vendor_timeout / 6;
        let turns = Turns::new(self, messages.first().map_or("", |message| &message.receipt_handle));
        let mut terms = Terms { turns: &turns, refused: None, begin_by };
        while work.is_open() {
            let round = Round::plan(work, &self.destination);
            if round.is_empty() {
                break;
            }
            let mut ends = self.settle_without_calls(work, &round).await;
            ends.extend(self.call_all(work, &round, &terms).await);
            let mut refused = None;
            for (index, end) in ends {
                let job = &mut work.jobs[index];
                match end {
                    End::Delivered(key, entry) => {
                        job.done = true;
                        let past = entry.past.first().map(|past| past.outcome);
                        tally.add(&job.delivery.pipeline, counter(past));
                        if matches!(past, None | Some(PastOutcome::Delivered | PastOutcome::Removed)) {
                            let age = entry.recorded_at.since(job.delivery.occurred_at);
                            // With the count of delivered ones the sum makes the mean, for the price of the same write.
                            let millis = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
                            tally.add_many(&job.delivery.pipeline, "age_ms", millis);
                            *newest = Some(newest.map_or(age, |other| other.max(age)));
                        }
                        work.entries.insert(key, *entry);
                    }
                    End::Settled(counter) => {
                        job.done = true;
                        settled.push((index, counter));
                    }
                    End::Failed => {
                        job.done = true;
                        tally.add(&job.delivery.pipeline, "failed");
                    }
                    End::Split(half) => (job.share, job.send_anew) = (half, true),
                    End::SendAlone => (job.share, job.send_anew) = (Share::Alone, true),
                    // The round has ended at least one of its request's jobs, so the next request is a smaller one.
                    End::SendAgain => {}
                    End::Undone(pending) => (job.pending, job.send_anew) = (Some(pending), true),
                    End::Later(Later::Unauthorised(reason)) if terms.refused.is_none() && self.secret_arn.is_some() => {
                        refused = Some(reason);
                    }
                    End::Later(later) => {
                        tally.add(&job.delivery.pipeline, later.counter());
                        let message = job.message;
                        if !matches!(later, Later::OutOfTime | Later::Pending(_)) {
                            tracing::info!(
                                destination = self.destination.name(),
                                delivery = job.delivery.id,
                                ?later,
                                "waits"
                            );
                        }
                        self.wait_for(&later, &messages[message], waits);
                        match later {
                            Later::Retry(_) | Later::Pending(_) => work.block_lane_of(index),
                            _ => self.block_for(work, messages, &later, waits),
                        }
                    }
                }
            }
            if let Some(reason) = refused {
                // The secret may have been rotated since it was cached: read it once more, then believe the vendor.
                tracing::info!(destination = self.destination.name(), reason, "the secret is read again");
                terms.refused = Some(self.held_secret().await);
            }
        }
        turns.end().await;
        // Nothing is kept of such an end, and it is found again each time that its message comes: the last time counts.
        let unfinished = work.unfinished_messages();
        for (index, counter) in settled {
            let job = &work.jobs[index];
            if !unfinished.contains(&job.message) {
                tally.add(&job.delivery.pipeline, counter);
            }
        }
    }

    /// What needs no request: superseded, repeated, unchanged, kept, rejected before it is sent.
    async fn settle_without_calls(&self, work: &Work, round: &Round) -> Vec<(usize, End)> {
        let known = [
            (&round.superseded, "superseded", Standing::Superseded),
            (&round.repeats, "repeated", Standing::Delivered),
        ];
        let known = known.into_iter().flat_map(|(indexes, counter, standing)| {
            indexes
                .iter()
                .map(move |index| async move { (*index, self.settle_as(&work.jobs[*index], counter, standing).await) })
        });
        let advances = round.advances.iter().map(|(index, outcome)| async move {
            (*index, self.record(work, &work.jobs[*index], *outcome, Told::default()).await)
        });
        let rejections = round.rejections.iter().map(|(index, reason)| async move {
            (*index, self.fail(&work.jobs[*index], reason.clone(), None, None).await)
        });
        let (mut ends, recorded, rejected) = join3(join_all(known), join_all(advances), join_all(rejections)).await;
        ends.extend(recorded.into_iter().chain(rejected));
        ends
    }

    async fn call_all<'r>(&self, work: &Work, round: &'r Round, terms: &Terms<'_, W>) -> Vec<(usize, End)> {
        let mut calls = round.calls.iter().enumerate();
        let mut running = FuturesUnordered::new();
        let begin = |(place, call): (usize, &'r Call)| async move {
            let of_its_kind = |other: &&Call| other.counted() == call.counted();
            // As many turns as can be used at once are taken together: a later one would be too late.
            let wanted = round.calls[place..].iter().filter(of_its_kind).count().min(CONCURRENT_CALLS);
            (call, self.attempt(work, call, wanted, terms).await)
        };
        running.extend(calls.by_ref().take(CONCURRENT_CALLS).map(begin));
        let mut ends = Vec::new();
        while let Some((call, answered)) = running.next().await {
            // A destination that asks to wait, or refuses the credentials, need not be asked again.
            let stop = answered.iter().any(|end| matches!(end, End::Later(later) if later.stops()));
            ends.extend(call.jobs.iter().copied().zip(answered));
            if stop {
                calls = [].iter().enumerate();
            }
            running.extend(calls.next().map(begin));
        }
        ends
    }

    fn wait_for(&self, later: &Later, message: &Message, waits: &mut HashMap<String, Duration>) {
        let wait = match (later.wait(self.world.state().clock().now()), later) {
            (Some(wait), Later::Paced(_) | Later::Open(_)) => message.spread(wait),
            (Some(wait), _) => wait,
            (None, _) => message.backoff(self.pace.longest_wait),
        };
        let group = waits.entry(message.attributes.message_group_id.clone()).or_default();
        *group = wait.max(*group);
    }

    /// Nothing more is sent: every lane that is not done waits for the same reason.
    fn block_for(&self, work: &mut Work, messages: &[Message], later: &Later, waits: &mut HashMap<String, Duration>) {
        let open = work.lanes.values().any(|lane| !lane.blocked);
        let paused = match later {
            Later::Unauthorised(reason) => Some((reason, "the destination does not accept the credentials")),
            Later::Refused(reason) => Some((reason, "the destination's address may not be called")),
            _ => None,
        };
        if let (true, Some((reason, what))) = (open, paused) {
            tracing::error!(
                destination = self.destination.name(),
                reason,
                "{what}: its queue holds until that is mended, and nothing is lost"
            );
        }
        for message in work.unfinished_messages() {
            self.wait_for(later, &messages[message], waits);
        }
        work.block_all();
    }

    /// `oldest` is how long ago the oldest of the messages that are put off was sent. SQS leaves those out of its own
    /// measure, so the alarm looks at this one.
    async fn report(&self, tally: &Tally, newest: Option<Duration>, oldest: Option<Duration>) {
        let name = self.destination.name();
        let mut metrics = Metrics::new(Some(name));
        for (metric, counter) in [
            ("Delivered", "delivered"),
            ("Unchanged", "unchanged"),
            ("Superseded", "superseded"),
            ("Failed", "failed"),
            ("Retried", "retried"),
            ("Pending", "pending"),
            ("Paused", "paused"),
            ("Throttled", "throttled"),
            ("Unauthorised", "unauthorised"),
        ] {
            metrics.count(metric, tally.total(counter));
        }
        if let Some(age) = newest {
            metrics.milliseconds("Freshness", age);
        }
        if let Some(age) = oldest {
            metrics.milliseconds("Waiting", age);
        }
        self.world.state().report(&format!("deliver/{name}"), tally, &metrics).await;
    }

    /// The last act: every reported message is hidden, all of a group for the same time, since the first of a group to
    /// become visible would be received without those behind it.
    async fn hide(&self, messages: &[Message], failed: &[usize], waits: &HashMap<String, Duration>) {
        let hidden: Vec<(String, Duration)> = failed
            .iter()
            .map(|index| &messages[*index])
            .map(|message| {
                let wait = waits.get(&message.attributes.message_group_id).copied();
                (message.receipt_handle.clone(), wait.unwrap_or_else(|| message.backoff(self.pace.longest_wait)))
            })
            .collect();
        if hidden.is_empty() {
            return;
        }
        if let Err(error) = self.world.visibility().hide(&hidden).await {
            // They come again when the queue's own visibility timeout ends: later than need be, and in order.
            tracing::warn!("the waiting messages could not be hidden: {error}");
        }
    }
}

const fn counter(past: Option<PastOutcome>) -> &'static str {
    match past {
        None | Some(PastOutcome::Delivered | PastOutcome::Removed) => "delivered",
        Some(PastOutcome::Unchanged) => "unchanged",
        Some(PastOutcome::Kept) => "kept",
    }
}

impl<W: World> Handle for Deliver<W> {
    async fn handle(&self, payload: &[u8], deadline: Timestamp) -> Result<Vec<u8>, HandleError> {
        let response = self.deliver(payload, deadline).await?;
        serde_json::to_vec(&response).map_err(HandleError::from_error)
    }
}
