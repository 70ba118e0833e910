//! The world in memory, for tests: the same contracts as the real parts, and what was done is there to be looked at.

mod alerts;
mod backlog;
pub mod capture;
pub mod corpus;
mod drafts;
mod publishing;
mod redriving;
mod replays;
mod schemas;

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    audit::{AuditEntry, AuditOutcome},
    failure::{Failure, Kept, Listed, Marked, Selection, Standing},
    frame::{Channel, Frame, Outgoing},
    gate::Gate,
    lane::Lanes,
    ledger::{Entry, LedgerKey, Written},
    lookup::RowKey,
    pipeline::state::PipelineState,
    ports::{
        Activity, Audit, Counts, Failures, Gates, Http, HttpError, HttpRequest, HttpResponse, KeptFailures, LaneCounts,
        Leases, Ledger, Lookups, Objects, Pipelines, PortError, Secrets, StoredPipeline, Timelines, Visibility,
        Waiting,
    },
    state::State,
    tally::{Counted, Tally},
    time::{Clock, Timestamp},
    value::Value,
};

pub use self::{
    alerts::{MemoryAlerts, MemoryTopic},
    backlog::MemoryBacklog,
    drafts::MemoryDrafts,
    redriving::{MemoryBackbone, MemoryQueues},
    replays::MemoryReplays,
    schemas::MemorySchemas,
};

/// Locks, also after a panic elsewhere: a test has one thing to tell.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A part that can be told to fail its next calls.
#[derive(Debug, Default)]
pub struct Breaks(AtomicU64);

impl Breaks {
    /// The next `count` calls fail.
    pub fn next(&self, count: u64) {
        self.0.store(count, Ordering::SeqCst);
    }

    /// Lets the runtime go elsewhere first, as a real call does: a test may end the caller at any call.
    async fn check(&self, operation: &'static str) -> Result<(), PortError> {
        tokio::task::yield_now().await;
        let broken = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        if broken { Err(PortError { operation, reason: "broken by the test".to_owned() }) } else { Ok(()) }
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Standing at `millis` since 1970.
    pub const fn at(millis: i64) -> Self {
        Self(AtomicI64::new(millis))
    }

    /// Moves on.
    pub fn advance(&self, duration: Duration) {
        self.0.fetch_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// Objects by (bucket, key).
#[derive(Debug, Default)]
pub struct MemoryObjects {
    /// What is stored.
    pub objects: Mutex<HashMap<(String, String), Vec<u8>>>,
    /// Makes calls fail.
    pub breaks: Breaks,
}

impl Objects for MemoryObjects {
    async fn put(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<(), PortError> {
        self.breaks.check("s3:PutObject").await?;
        lock(&self.objects).insert((bucket.to_owned(), key.to_owned()), bytes);
        Ok(())
    }

    async fn get(&self, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, PortError> {
        self.breaks.check("s3:GetObject").await?;
        Ok(lock(&self.objects).get(&(bucket.to_owned(), key.to_owned())).cloned())
    }
}

/// The failures, for whoever sees to them; newest first.
#[derive(Debug, Default)]
pub struct MemoryKeptFailures {
    /// What is kept.
    pub kept: Mutex<Vec<Kept>>,
    /// Makes reads fail.
    pub breaks: Breaks,
}

impl KeptFailures for MemoryKeptFailures {
    async fn list(&self, selection: &Selection) -> Result<Vec<Listed>, PortError> {
        self.breaks.check("dynamodb:Scan").await?;
        let is_asked = |asked: &Option<String>, is: &Option<String>| asked.is_none() || asked == is;
        let is_recent = |kept: &&Kept| selection.redriven_since.is_none_or(|since| kept.redriven_at >= Some(since));
        let mut listed: Vec<_> = lock(&self.kept).iter().filter(is_recent).map(|kept| kept.listed.clone()).collect();
        listed.retain(|failure| {
            is_asked(&selection.pipeline, &failure.pipeline)
                && is_asked(&selection.destination, &failure.destination)
                && selection.stage.is_none_or(|stage| stage == failure.stage)
                && selection.standing.is_none_or(|standing| standing == failure.standing)
        });
        Ok(listed)
    }

    async fn find(&self, texts: &[String]) -> Result<Vec<Kept>, PortError> {
        self.breaks.check("dynamodb:Scan").await?;
        let has_one = |kept: &Kept| {
            let json = serde_json::to_string(&kept.failure).unwrap_or_default();
            texts.iter().any(|text| json.contains(text))
        };
        Ok(lock(&self.kept).iter().filter(|kept| has_one(kept)).cloned().collect())
    }

    async fn get(&self, id: &str) -> Result<Option<Kept>, PortError> {
        self.breaks.check("dynamodb:GetItem").await?;
        Ok(lock(&self.kept).iter().find(|kept| kept.listed.id == id).cloned())
    }

    async fn discard(&self, id: &str, reason: &str, at: Timestamp) -> Result<Marked, PortError> {
        let mut kept = lock(&self.kept);
        let open = kept.iter_mut().find(|kept| kept.listed.id == id && kept.listed.standing == Standing::Open);
        let Some(kept) = open else { return Ok(Marked::Overtaken) };
        kept.listed.standing = Standing::Discarded;
        kept.discarded = Some((at, reason.to_owned()));
        Ok(Marked::Yes)
    }

    async fn payload(&self, failure: &Failure) -> Result<Option<Vec<u8>>, PortError> {
        self.breaks.check("s3:GetObject").await?;
        Ok(failure.payload.bytes())
    }

    async fn mark_redriven(&self, read: &Kept, at: Timestamp) -> Result<Marked, PortError> {
        self.breaks.check("dynamodb:UpdateItem").await?;
        let is_as_read = |kept: &&mut Kept| {
            let (is, was) = (&kept.listed, &read.listed);
            (&is.id, is.standing, is.times) == (&was.id, was.standing, was.times)
        };
        let mut kept = lock(&self.kept);
        let Some(kept) = kept.iter_mut().find(is_as_read) else { return Ok(Marked::Overtaken) };
        kept.listed.standing = Standing::Redriven;
        kept.redriven_at = Some(at);
        kept.redrives += 1;
        Ok(Marked::Yes)
    }

    async fn note_redriven(&self, read: &Kept, at: Timestamp) -> Result<Marked, PortError> {
        self.breaks.check("dynamodb:UpdateItem").await?;
        let has_ended = |kept: &&mut Kept| {
            let (is, was) = (&kept.listed, &read.listed);
            matches!(is.standing, Standing::Delivered | Standing::Superseded)
                && (&is.id, is.times) == (&was.id, was.times)
        };
        let mut kept = lock(&self.kept);
        let Some(kept) = kept.iter_mut().find(has_ended) else { return Ok(Marked::Overtaken) };
        kept.redriven_at = Some(at);
        kept.redrives += 1;
        Ok(Marked::Yes)
    }
}

/// What was counted, whenever.
#[derive(Debug, Default)]
pub struct MemoryCounts {
    /// The counts.
    pub counted: Mutex<Vec<Counted>>,
    /// Makes calls fail.
    pub breaks: Breaks,
}

impl Counts for MemoryCounts {
    async fn last(&self, _: u32) -> Result<Vec<Counted>, PortError> {
        self.breaks.check("dynamodb:Query").await?;
        Ok(lock(&self.counted).clone())
    }
}

/// Failures in the order in which they were first kept, each id once.
#[derive(Debug, Default)]
pub struct MemoryFailures {
    /// What is kept.
    pub kept: Mutex<Vec<Failure>>,
    /// Those that were closed, and as what.
    pub closed: Mutex<Vec<(String, Standing)>>,
    /// Makes calls fail.
    pub breaks: Breaks,
}

impl Failures for MemoryFailures {
    async fn keep(&self, failures: Vec<Failure>) -> Result<(), PortError> {
        self.breaks.check("dynamodb:UpdateItem").await?;
        let mut kept = lock(&self.kept);
        for failure in failures {
            if !kept.iter().any(|other| other.id == failure.id) {
                kept.push(failure);
            }
        }
        Ok(())
    }

    async fn close(&self, id: &str, standing: Standing, _: Timestamp) -> Result<(), PortError> {
        self.breaks.check("dynamodb:UpdateItem").await?;
        lock(&self.closed).push((id.to_owned(), standing));
        Ok(())
    }
}

/// A ledger with the real one's conditions.
#[derive(Debug, Default)]
pub struct MemoryLedger {
    /// The entries.
    pub entries: Mutex<HashMap<LedgerKey, Entry>>,
    /// Leases, and until when each lasts.
    pub leases: Mutex<HashMap<String, Timestamp>>,
    /// Keys asked for: DynamoDB bills each, found or not.
    pub keys_read: AtomicU64,
    /// Entries written, or tried to.
    pub writes: AtomicU64,
    /// Attempts begun and not ended.
    pub attempts: Mutex<HashMap<String, u32>>,
    /// Makes reads fail.
    pub read_breaks: Breaks,
    /// Makes writes fail.
    pub write_breaks: Breaks,
}

impl Leases for MemoryLedger {
    async fn take(&self, name: &str, now: Timestamp, until: Timestamp) -> Result<bool, PortError> {
        self.write_breaks.check("dynamodb:PutItem").await?;
        let mut leases = lock(&self.leases);
        if leases.get(name).is_some_and(|lasts| *lasts > now) {
            return Ok(false);
        }
        leases.insert(name.to_owned(), until);
        Ok(true)
    }

    async fn give_back(&self, name: &str, until: Timestamp) -> Result<(), PortError> {
        self.write_breaks.check("dynamodb:DeleteItem").await?;
        let mut leases = lock(&self.leases);
        if leases.get(name) == Some(&until) {
            leases.remove(name);
        }
        Ok(())
    }
}

impl Timelines for MemoryLedger {
    async fn entries(&self, keys: &[LedgerKey]) -> Result<HashMap<LedgerKey, Entry>, PortError> {
        self.read(keys).await
    }

    async fn rows_of(&self, email_digest: &str, most: usize) -> Result<Vec<LedgerKey>, PortError> {
        self.read_breaks.check("dynamodb:Query").await?;
        let entries = lock(&self.entries);
        let mut keys: Vec<_> = entries
            .iter()
            .filter(|(_, entry)| entry.email.as_deref() == Some(email_digest))
            .map(|(key, _)| key.clone())
            .collect();
        keys.sort();
        keys.truncate(most);
        Ok(keys)
    }
}

impl Ledger for MemoryLedger {
    async fn read(&self, keys: &[LedgerKey]) -> Result<HashMap<LedgerKey, Entry>, PortError> {
        self.read_breaks.check("dynamodb:BatchGetItem").await?;
        self.keys_read.fetch_add(keys.len() as u64, Ordering::Relaxed);
        let entries = lock(&self.entries);
        Ok(keys.iter().filter_map(|key| entries.get(key).map(|entry| (key.clone(), entry.clone()))).collect())
    }

    async fn write(&self, key: &LedgerKey, entry: &Entry) -> Result<Written, PortError> {
        self.write_breaks.check("dynamodb:PutItem").await?;
        self.writes.fetch_add(1, Ordering::Relaxed);
        let mut entries = lock(&self.entries);
        if entries.get(key).is_some_and(|held| held.order >= entry.order) {
            return Ok(Written::Superseded);
        }
        entries.insert(key.clone(), entry.clone());
        Ok(Written::Yes)
    }

    async fn keep_progress(&self, key: &LedgerKey, entry: &Entry) -> Result<(), PortError> {
        self.write_breaks.check("dynamodb:PutItem").await?;
        lock(&self.entries).insert(key.clone(), entry.clone());
        Ok(())
    }

    async fn begin_attempt(&self, delivery_id: &str) -> Result<u32, PortError> {
        self.write_breaks.check("dynamodb:UpdateItem").await?;
        let mut attempts = lock(&self.attempts);
        let count = attempts.entry(delivery_id.to_owned()).or_default();
        *count += 1;
        Ok(*count)
    }

    async fn end_attempt(&self, delivery_id: &str) -> Result<(), PortError> {
        self.write_breaks.check("dynamodb:DeleteItem").await?;
        lock(&self.attempts).remove(delivery_id);
        Ok(())
    }
}

/// Gates by destination, each with its revision.
#[derive(Debug, Default)]
pub struct MemoryGates {
    /// The gates.
    pub gates: Mutex<HashMap<String, (u64, Gate)>>,
    /// How often gates were read.
    pub reads: AtomicU64,
    /// How often gates were written, or would have been had nobody else done so.
    pub writes: AtomicU64,
    /// Makes reads and writes fail.
    pub breaks: Breaks,
}

impl Gates for MemoryGates {
    async fn read(&self, destination: &str) -> Result<(u64, Gate), PortError> {
        self.breaks.check("dynamodb:GetItem").await?;
        self.reads.fetch_add(1, Ordering::SeqCst);
        Ok(lock(&self.gates).get(destination).cloned().unwrap_or_default())
    }

    async fn write(&self, destination: &str, revision: u64, gate: &Gate) -> Result<bool, PortError> {
        self.breaks.check("dynamodb:PutItem").await?;
        self.writes.fetch_add(1, Ordering::SeqCst);
        let mut gates = lock(&self.gates);
        let held = gates.entry(destination.to_owned()).or_default();
        if held.0 != revision {
            return Ok(false);
        }
        *held = (revision + 1, gate.clone());
        Ok(true)
    }
}

/// The last visibility given to each message.
#[derive(Debug, Default)]
pub struct MemoryVisibility {
    /// By receipt handle.
    pub hidden: Mutex<HashMap<String, Duration>>,
    /// Makes calls fail.
    pub breaks: Breaks,
}

impl Visibility for MemoryVisibility {
    async fn hide(&self, messages: &[(String, Duration)]) -> Result<(), PortError> {
        self.breaks.check("sqs:ChangeMessageVisibilityBatch").await?;
        lock(&self.hidden).extend(messages.iter().cloned());
        Ok(())
    }
}

/// A vendor that answers by a script, one answer a call; after its end, 200 with an empty body.
#[derive(Debug, Default)]
pub struct ScriptedHttp {
    /// The answers to come.
    pub answers: Mutex<VecDeque<Result<HttpResponse, HttpError>>>,
    /// Answers to requests whose body holds a text, before all others: for requests that are under way together.
    pub answers_by_body: Mutex<Vec<(String, HttpResponse)>>,
    /// The requests seen, in order.
    pub requests: Mutex<Vec<HttpRequest>>,
}

impl ScriptedHttp {
    /// The next answer.
    pub fn answer(&self, status: u16, headers: &[(&str, &str)], body: &str) {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        lock(&self.answers).push_back(Ok(HttpResponse { status, headers, body: body.as_bytes().to_vec() }));
    }

    /// The answer to any request whose body holds `text`, now and later.
    pub fn answer_where(&self, text: &str, status: u16, body: &str) {
        let response = HttpResponse { status, body: body.as_bytes().to_vec(), ..HttpResponse::default() };
        lock(&self.answers_by_body).push((text.to_owned(), response));
    }

    /// The next call gets no answer.
    pub fn no_answer(&self, reason: &str) {
        let host = "vendor.example".to_owned();
        lock(&self.answers).push_back(Err(HttpError::NoAnswer { host, reason: reason.to_owned() }));
    }
}

impl Http for ScriptedHttp {
    async fn call(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        lock(&self.requests).push(request.clone());
        let body = String::from_utf8_lossy(&request.body);
        if let Some((_, answer)) = lock(&self.answers_by_body).iter().find(|(text, _)| body.contains(text)) {
            return Ok(answer.clone());
        }
        lock(&self.answers).pop_front().unwrap_or_else(|| Ok(HttpResponse { status: 200, ..HttpResponse::default() }))
    }
}

/// Secrets by ARN: the value that a cache would hold, and the one that stands there now.
#[derive(Debug, Default)]
pub struct MemorySecrets {
    /// What a cached read gives.
    pub cached: Mutex<HashMap<String, String>>,
    /// What a fresh read gives, and caches.
    pub current: Mutex<HashMap<String, String>>,
    /// Makes writes fail.
    pub write_breaks: Breaks,
}

impl MemorySecrets {
    /// One secret, the same cached and current.
    pub fn with(arn: &str, secret: &str) -> Self {
        let secrets = HashMap::from([(arn.to_owned(), secret.to_owned())]);
        Self { cached: Mutex::new(secrets.clone()), current: Mutex::new(secrets), write_breaks: Breaks::default() }
    }
}

impl Secrets for MemorySecrets {
    async fn secret(&self, arn: &str, fresh: bool) -> Result<String, PortError> {
        if !fresh && let Some(secret) = lock(&self.cached).get(arn) {
            return Ok(secret.clone());
        }
        let secret = lock(&self.current).get(arn).cloned().ok_or_else(|| PortError {
            operation: "secretsmanager:GetSecretValue",
            reason: "ResourceNotFoundException".to_owned(),
        })?;
        lock(&self.cached).insert(arn.to_owned(), secret.clone());
        Ok(secret)
    }

    async fn replace(&self, arn: &str, secret: &str) -> Result<(), PortError> {
        lock(&self.cached).insert(arn.to_owned(), secret.to_owned());
        self.write_breaks.check("secretsmanager:PutSecretValue").await?;
        lock(&self.current).insert(arn.to_owned(), secret.to_owned());
        Ok(())
    }
}

/// Pipelines that a test sets.
#[derive(Debug, Default)]
pub struct MemoryPipelines {
    /// The revision and the pipelines as they stand.
    pub state: Mutex<(u64, Vec<StoredPipeline>)>,
    /// Documents of older versions.
    pub history: Mutex<HashMap<(String, u64), String>>,
    /// How often the pipelines were loaded.
    pub loads: AtomicU64,
    /// The table's clock.
    pub clock: ManualClock,
}

impl MemoryPipelines {
    /// Puts documents in the place of what is live, in effect for whatever arrives, and counts the revision up.
    pub fn set(&self, documents: &[(&str, u64, &str)]) {
        let stored = documents.iter().map(|(name, version, document)| StoredPipeline {
            name: (*name).to_owned(),
            edit: *version,
            version: *version,
            document: (*document).to_owned(),
            by: "a test".to_owned(),
            at: Timestamp::default(),
            state: PipelineState::default().published(*version, Timestamp::from_millis(i64::MIN)),
        });
        let mut state = lock(&self.state);
        (state.0, state.1) = (state.0 + 1, stored.collect());
    }

    /// Publishes the next version of a pipeline, for what arrives from `from` on.
    pub fn publish(&self, name: &str, document: &str, from: Timestamp) {
        self.change(name, |pipeline| {
            lock(&self.history).insert((name.to_owned(), pipeline.version), pipeline.document.clone());
            pipeline.version += 1;
            document.clone_into(&mut pipeline.document);
            pipeline.state = pipeline.state.published(pipeline.version, from);
        });
    }

    /// Changes a pipeline, if there is one of this name, as somebody else would.
    pub fn change(&self, name: &str, change: impl FnOnce(&mut StoredPipeline)) {
        let mut state = lock(&self.state);
        state.0 += 1;
        if let Some(pipeline) = state.1.iter_mut().find(|pipeline| pipeline.name == name) {
            pipeline.edit += 1;
            change(pipeline);
        }
    }
}

impl Pipelines for MemoryPipelines {
    async fn revision(&self) -> Result<u64, PortError> {
        Ok(lock(&self.state).0)
    }

    async fn stored(&self) -> Result<Vec<StoredPipeline>, PortError> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        Ok(lock(&self.state).1.clone())
    }

    async fn document(&self, name: &str, version: u64) -> Result<Option<String>, PortError> {
        Ok(lock(&self.history).get(&(name.to_owned(), version)).cloned())
    }

    async fn amend(&self, name: &str, edit: u64, state: &PipelineState) -> Result<bool, PortError> {
        let mut all = lock(&self.state);
        let Some(pipeline) = all.1.iter_mut().find(|pipeline| pipeline.name == name && pipeline.edit == edit) else {
            return Ok(false);
        };
        pipeline.edit += 1;
        pipeline.state = state.clone();
        all.0 += 1;
        Ok(true)
    }
}

/// Rows of lookup tables.
#[derive(Debug, Default)]
pub struct MemoryLookups {
    /// The rows.
    pub rows: Mutex<HashMap<RowKey, Value>>,
    /// What was asked for, a call each: the table, and how many rows.
    pub reads: Mutex<Vec<(String, usize)>>,
    /// Makes reads fail.
    pub breaks: Breaks,
}

impl Lookups for MemoryLookups {
    async fn read(&self, table: &str, keys: &[RowKey]) -> Result<HashMap<RowKey, Value>, PortError> {
        self.breaks.check("dynamodb:BatchGetItem").await?;
        lock(&self.reads).push((table.to_owned(), keys.len()));
        let rows = lock(&self.rows);
        Ok(keys.iter().filter_map(|key| rows.get(key).map(|row| (key.clone(), row.clone()))).collect())
    }
}

/// Counts by (stage, subject, counter).
#[derive(Debug, Default)]
pub struct MemoryActivity(pub Mutex<HashMap<(String, String, &'static str), u64>>);

impl Activity for MemoryActivity {
    async fn add(&self, stage: &str, tally: &Tally) -> Result<(), PortError> {
        let mut all = lock(&self.0);
        for (subject, counter, count) in tally.iter() {
            *all.entry((stage.to_owned(), subject.to_owned(), counter)).or_default() += count;
        }
        Ok(())
    }
}

/// An audit log with the real one's condition.
#[derive(Debug, Default)]
pub struct MemoryAudit {
    /// What is recorded, in the order in which it began.
    pub entries: Mutex<Vec<AuditEntry>>,
    /// Makes calls fail.
    pub breaks: Breaks,
}

impl Audit for MemoryAudit {
    async fn record(&self, entry: &AuditEntry) -> Result<(), PortError> {
        self.breaks.check("dynamodb:PutItem").await?;
        let mut entries = lock(&self.entries);
        match entries.iter_mut().find(|held| held.place() == entry.place()) {
            None => entries.push(entry.clone()),
            Some(held) if held.outcome == AuditOutcome::Begun => *held = entry.clone(),
            Some(_) => {
                return Err(PortError { operation: "dynamodb:PutItem", reason: "the entry has its end".to_owned() });
            }
        }
        Ok(())
    }

    async fn recent(&self, before: Option<&str>, most: usize) -> Result<Vec<AuditEntry>, PortError> {
        self.breaks.check("dynamodb:Query").await?;
        let mut entries = lock(&self.entries).clone();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.place()));
        entries.retain(|entry| before.is_none_or(|before| entry.place().as_str() < before));
        entries.truncate(most);
        Ok(entries)
    }
}

/// Counts of lanes by the name of their stream or queue.
#[derive(Debug, Default)]
pub struct MemoryLaneCounts(pub Mutex<HashMap<String, Lanes>>);

impl LaneCounts for MemoryLaneCounts {
    async fn agree(&self, name: &str, lanes: Lanes) -> Result<(), PortError> {
        let recorded = *lock(&self.0).entry(name.to_owned()).or_insert(lanes);
        if recorded == lanes {
            return Ok(());
        }
        let reason = format!("{name} was created with {} lanes", recorded.count());
        Err(PortError { operation: "dynamodb:UpdateItem", reason })
    }
}

/// What every function works on, in memory.
#[derive(Debug, Default)]
#[expect(missing_docs, reason = "each is named for its port")]
pub struct MemoryState {
    pub objects: MemoryObjects,
    pub failures: MemoryFailures,
    pub activity: MemoryActivity,
    pub clock: ManualClock,
    /// The lines of metrics.
    pub lines: Mutex<Vec<String>>,
}

impl MemoryState {
    /// Empty, with a clock that stands at `millis` since 1970.
    pub fn at(millis: i64) -> Self {
        Self { clock: ManualClock::at(millis), ..Self::default() }
    }

    /// The failures kept.
    pub fn kept(&self) -> Vec<Failure> {
        lock(&self.failures.kept).clone()
    }
}

impl State for MemoryState {
    type Objects = MemoryObjects;
    type Failures = MemoryFailures;
    type Activity = MemoryActivity;
    type Clock = ManualClock;

    fn objects(&self) -> &MemoryObjects {
        &self.objects
    }
    fn failures(&self) -> &MemoryFailures {
        &self.failures
    }
    fn activity(&self) -> &MemoryActivity {
        &self.activity
    }
    fn clock(&self) -> &ManualClock {
        &self.clock
    }
    fn function(&self) -> &'static str {
        "test-freshet"
    }
    fn emit(&self, line: &str) {
        lock(&self.lines).push(line.to_owned());
    }
}

/// A stream or queue that keeps the frames it accepted, in order.
#[derive(Debug, Default)]
pub struct MemoryChannel {
    /// What was accepted.
    pub accepted: Mutex<Vec<Frame>>,
    /// So many of the next frames are refused.
    pub refuse: AtomicU64,
    /// How many messages are said to wait in it.
    pub waiting: AtomicU64,
}

impl MemoryChannel {
    /// The accepted frames' bodies.
    pub fn bodies(&self) -> Vec<String> {
        lock(&self.accepted).iter().map(|frame| frame.body.clone()).collect()
    }
}

impl Waiting for MemoryChannel {
    async fn waiting(&self) -> Result<u64, PortError> {
        Ok(self.waiting.load(Ordering::SeqCst))
    }
}

impl Channel for MemoryChannel {
    const MAX_FRAMES: usize = 10;
    const MAX_BYTES: usize = 256 * 1024;

    async fn send(&self, frames: &[Outgoing<'_>]) -> Vec<Result<String, String>> {
        let mut accepted = lock(&self.accepted);
        frames
            .iter()
            .map(|outgoing| {
                let refused = self.refuse.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
                if refused.is_ok() {
                    return Err("refused by the test".to_owned());
                }
                accepted.push(outgoing.frame.clone());
                Ok(accepted.len().to_string())
            })
            .collect()
    }
}
