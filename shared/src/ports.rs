//! What the handlers need of the world, each as a narrow trait.
//!
//! [`crate::aws`] implements them over the SDK, [`crate::http`] over sockets, [`crate::testing`] in memory.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    future::Future,
    time::Duration,
};

use crate::{
    alert::{Alert, Message},
    audit::AuditEntry,
    draft::Draft,
    failure::{Failure, Kept, Listed, Marked, Selection, Standing},
    frame::Channel,
    gate::Gate,
    lane::Lanes,
    ledger::{Entry, LedgerKey, Written},
    lookup::RowKey,
    pipeline::{
        publication::{Edition, Others, PublishError, Published, Versions},
        state::{PipelineState, Replay},
    },
    replay::Progress,
    schema::Schema,
    tally::{Counted, Tally},
    time::Timestamp,
    value::Value,
};

/// The infrastructure failed: nothing is wrong with the data, and another try may succeed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{operation} failed: {reason}")]
pub struct PortError {
    /// The call, in the service's own words: `dynamodb:BatchGetItem`.
    pub operation: &'static str,
    /// What the service said.
    pub reason: String,
}

/// Objects in S3.
pub trait Objects: Sync {
    /// Writes an object; an older one of the same key is replaced.
    fn put(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Reads an object; `None` where there is none.
    fn get(&self, bucket: &str, key: &str) -> impl Future<Output = Result<Option<Vec<u8>>, PortError>> + Send;
}

/// Where failures are kept until a person has seen to them.
pub trait Failures: Sync {
    /// Keeps failures; one whose id is known already is counted once more, not kept twice.
    fn keep(&self, failures: Vec<Failure>) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Closes a failure whose redrive has come to its end, with [`Standing::Delivered`] or [`Standing::Superseded`]. One
    /// that a person has discarded meanwhile stays so.
    fn close(&self, id: &str, standing: Standing, at: Timestamp) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// The ledger's table.
pub trait Ledger: Sync {
    /// Reads entries, strongly consistent. Keys without an entry are absent from the answer.
    fn read(&self, keys: &[LedgerKey]) -> impl Future<Output = Result<HashMap<LedgerKey, Entry>, PortError>> + Send;

    /// Writes an entry, unless one that is as new or newer stands there by now.
    fn write(&self, key: &LedgerKey, entry: &Entry) -> impl Future<Output = Result<Written, PortError>> + Send;

    /// Writes an entry of [`LedgerKey::of_progress`], whatever stands there: the newest job is the one to ask after.
    fn keep_progress(&self, key: &LedgerKey, entry: &Entry) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Counts an attempt that has begun, and answers how many have now begun without ending. What is never ended
    /// crashed the function.
    fn begin_attempt(&self, delivery_id: &str) -> impl Future<Output = Result<u32, PortError>> + Send;

    /// Forgets the attempts of a delivery: the last one ended, well or not.
    fn end_attempt(&self, delivery_id: &str) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// The ledger, for whoever looks up what became of somebody.
pub trait Timelines: Sync {
    /// Reads entries. Keys without an entry are absent from the answer.
    fn entries(&self, keys: &[LedgerKey]) -> impl Future<Output = Result<HashMap<LedgerKey, Entry>, PortError>> + Send;

    /// The entries of rows that were sent with an e-mail address last, by [`crate::ledger::email_digest`] of it; so many
    /// at most.
    fn rows_of(
        &self,
        email_digest: &str,
        most: usize,
    ) -> impl Future<Output = Result<Vec<LedgerKey>, PortError>> + Send;
}

/// The gates of destinations, which all their invocations share.
pub trait Gates: Sync {
    /// The gate of a destination, with the revision at which it stands; a new one at revision 0 where there is none.
    fn read(&self, destination: &str) -> impl Future<Output = Result<(u64, Gate), PortError>> + Send;

    /// Writes the gate in the place of the one that was read at this revision. Whether nobody else has meanwhile.
    fn write(
        &self,
        destination: &str,
        revision: u64,
        gate: &Gate,
    ) -> impl Future<Output = Result<bool, PortError>> + Send;
}

/// The visibility of received messages.
pub trait Visibility: Sync {
    /// Hides each message (by its receipt handle) for so long from now, at most twelve hours.
    fn hide(&self, messages: &[(String, Duration)]) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// One HTTP call to a vendor.
pub trait Http: Sync {
    /// Sends the request and reads the whole answer.
    fn call(&self, request: &HttpRequest) -> impl Future<Output = Result<HttpResponse, HttpError>> + Send;
}

/// The right to do what only one may do at a time, among all invocations. It ends by itself, so that a crash leaves it
/// to others.
pub trait Leases: Sync {
    /// Takes a lease of this name until `until`; `false` where another one lasts at `now`.
    fn take(
        &self,
        name: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<bool, PortError>> + Send;

    /// Gives back the lease that was taken until `until`; another's, taken after that, stays.
    fn give_back(&self, name: &str, until: Timestamp) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Secrets by ARN.
pub trait Secrets: Sync {
    /// The secret's text. `fresh` reads past any cache.
    fn secret(&self, arn: &str, fresh: bool) -> impl Future<Output = Result<String, PortError>> + Send;

    /// Writes the secret's next version. This instance reads it from then on, also where the write fails.
    fn replace(&self, arn: &str, secret: &str) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// What the backbone still holds, read again beside its ordinary reader: shard by shard, page by page. Five pages a
/// second of a shard are all that its readers have together ("`GetRecords`", Kinesis API reference).
pub trait Backlog: Sync {
    /// The shards from which something can be read, closed ones among them.
    fn shards(&self) -> impl Future<Output = Result<Vec<Shard>, PortError>> + Send;

    /// Where to begin to read a shard.
    fn iterator(&self, shard: &str, since: &Since) -> impl Future<Output = Result<String, PortError>> + Send;

    /// Reads on, `most` records at most; `None` where too much was read in this second.
    fn page(&self, iterator: &str, most: usize) -> impl Future<Output = Result<Option<BacklogPage>, PortError>> + Send;
}

/// A shard of the backbone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its id.
    pub id: String,
    /// The shards that it has come out of. What they hold is older for every key.
    pub parents: Vec<String>,
}

/// From where on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// From what arrived at this time or after it.
    Arrived(Timestamp),
    /// From behind the record of this sequence number.
    After(String),
}

/// What one reading brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BacklogPage {
    /// The records, in order.
    pub records: Vec<BacklogRecord>,
    /// Where to read on; `None` where a closed shard has been read to its end.
    pub next: Option<String>,
    /// How far behind the shard's newest record it ends: zero where nothing newer stands there now. A page without
    /// records may end anywhere.
    pub behind: Duration,
}

impl BacklogPage {
    /// Whether nothing newer stands in the shard now. Only a page without records tells it: how far a page with records
    /// is behind is rounded, and what arrived in the same millisecond may be on the next one.
    pub const fn is_at_tip(&self) -> bool {
        self.records.is_empty() && self.behind.is_zero()
    }
}

/// A record of the backbone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BacklogRecord {
    /// Its sequence number.
    pub number: String,
    /// When it arrived, by Kinesis' clock.
    pub arrived_at: Timestamp,
    /// A frame.
    pub data: Vec<u8>,
}

/// How far replays have come, and who is at it. Only one invocation at a time replays a pipeline. It stands beside the
/// pipeline and not in it: it changes every few seconds, and disturbs neither a person's change nor who follows them.
pub trait Replays: Sync {
    /// Takes a pipeline's replay until `until`, unless another invocation has it at `now`: how far it has come.
    fn take(
        &self,
        name: &str,
        replay: &Replay,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Option<Progress>, PortError>> + Send;

    /// Keeps how far the replay that was taken until `until` has come. Whether it was still held.
    fn keep(
        &self,
        name: &str,
        replay: &Replay,
        until: Timestamp,
        progress: &Progress,
    ) -> impl Future<Output = Result<bool, PortError>> + Send;

    /// The same, and gives the replay back, for the next invocation to go on.
    fn give_back(
        &self,
        name: &str,
        replay: &Replay,
        until: Timestamp,
        progress: &Progress,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// How much waits in a queue.
pub trait Waiting: Sync {
    /// How many messages are in it, those in flight or hidden included; approximate.
    fn waiting(&self) -> impl Future<Output = Result<u64, PortError>> + Send;
}

/// The queues of destinations by their addresses, for whoever looks on, and for what is sent again.
pub trait Queues: Sync {
    /// What takes a queue's frames.
    type Queue: Channel + Send;

    /// The queue at an address.
    fn queue(&self, queue_url: &str) -> Self::Queue;

    /// How many messages a queue holds, those in flight or hidden included; approximate.
    fn waiting(&self, queue_url: &str) -> impl Future<Output = Result<u64, PortError>> + Send;
}

/// Where pipelines are kept.
pub trait Pipelines: Sync {
    /// A number that grows with every change to any pipeline; cheap to read.
    fn revision(&self) -> impl Future<Output = Result<u64, PortError>> + Send;

    /// All pipelines as they stand; also those that have gone out of service, for what arrived before.
    fn stored(&self) -> impl Future<Output = Result<Vec<StoredPipeline>, PortError>> + Send;

    /// The document of an older version; `None` where there is none.
    fn document(&self, name: &str, version: u64) -> impl Future<Output = Result<Option<String>, PortError>> + Send;

    /// Lets a pipeline stand otherwise. Whether nobody has changed it since it was read at this edit.
    fn amend(
        &self,
        name: &str,
        edit: u64,
        state: &PipelineState,
    ) -> impl Future<Output = Result<bool, PortError>> + Send;
}

/// What people do with pipelines, beside what functions read.
pub trait Publishing: Pipelines {
    /// The time by which a publication takes effect: not that of whoever publishes.
    fn now(&self) -> impl Future<Output = Result<Timestamp, PortError>> + Send;

    /// How the pipeline of this name stands.
    fn find(&self, name: &str) -> impl Future<Output = Result<Option<StoredPipeline>, PortError>> + Send;

    /// The versions of a pipeline, the newest first; each as it was published, and standing as nothing.
    fn history(&self, name: &str) -> impl Future<Output = Result<Vec<StoredPipeline>, PortError>> + Send;

    /// Publishes pipelines, name and document each, all of them or none, in the place of the versions that were `seen`, by
    /// pipeline: nothing is published where another is live of one of them. Without, they are those that are live when
    /// the publication begins. Answers one entry a document, in their order, and then one for each pipeline that was taken
    /// out of service.
    fn publish_over(
        &self,
        documents: &[(&str, &str)],
        others: Others,
        edition: &Edition,
        seen: Option<&Versions>,
    ) -> impl Future<Output = Result<Vec<Published>, PublishError>> + Send;

    /// The same in the place of what is live when the publication begins.
    fn publish_all(
        &self,
        documents: &[(&str, &str)],
        others: Others,
        edition: &Edition,
    ) -> impl Future<Output = Result<Vec<Published>, PublishError>> + Send {
        self.publish_over(documents, others, edition, None)
    }

    /// Makes a document the newest version of its pipeline, and answers the version: the one that is live where the text
    /// is the same, else the next. Fails where somebody else has published meanwhile.
    fn publish(
        &self,
        name: &str,
        document: &str,
        edition: &Edition,
    ) -> impl Future<Output = Result<u64, PublishError>> + Send {
        async move {
            let published = self.publish_all(&[(name, document)], Others::Keep, edition).await?;
            Ok(published.first().map_or(0, |published| published.version))
        }
    }

    /// The pipelines that are in service.
    fn live(&self) -> impl Future<Output = Result<Vec<StoredPipeline>, PortError>> + Send {
        async move {
            let mut stored = self.stored().await?;
            stored.retain(|pipeline| !pipeline.state.is_retired());
            Ok(stored)
        }
    }
}

/// The drafts of pipelines. What is kept for 90 days without a change may be gone.
pub trait Drafts: Sync {
    /// All drafts, the one that was changed last first.
    fn drafts(&self) -> impl Future<Output = Result<Vec<Draft>, PortError>> + Send;

    /// The draft of this id.
    fn draft(&self, id: &str) -> impl Future<Output = Result<Option<Draft>, PortError>> + Send;

    /// Writes a draft in the place of the one that was read at its edit. Whether nobody else has meanwhile; it stands at
    /// the next edit then.
    fn keep_draft(&self, draft: &Draft) -> impl Future<Output = Result<bool, PortError>> + Send;

    /// Throws a draft away, if it is still there.
    fn drop_draft(&self, id: &str) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// The alerts that people have set.
pub trait Alerts: Sync {
    /// All, in the order of their ids.
    fn alerts(&self) -> impl Future<Output = Result<Vec<Alert>, PortError>> + Send;

    /// Keeps a new one.
    fn add_alert(&self, alert: &Alert) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Takes one away, if it is still there.
    fn drop_alert(&self, id: &str) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Records which pipelines people were told of, and since when they are so, if the alert is still there.
    fn mark_raised(
        &self,
        id: &str,
        raised: &BTreeMap<String, Timestamp>,
    ) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// Where messages to people go.
pub trait Topic: Sync {
    /// Sends a message to all who want such.
    fn publish(&self, message: &Message) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// What is known of the rows of sources.
pub trait Schemas: Sync {
    /// The schemas by source, each with the revision at which it stands.
    fn schemas(&self) -> impl Future<Output = Result<BTreeMap<String, (u64, Schema)>, PortError>> + Send;

    /// Writes the schema of a source in the place of the one that was read at this revision; the first one at 0. Whether
    /// nobody else has meanwhile.
    fn write(
        &self,
        source: &str,
        revision: u64,
        schema: &Schema,
    ) -> impl Future<Output = Result<bool, PortError>> + Send;
}

/// The lookup tables of the stack.
pub trait Lookups: Sync {
    /// Reads rows of a table, by its name in the stack; each key is asked for once. Keys without a row are absent from the
    /// answer.
    fn read(
        &self,
        table: &str,
        keys: &[RowKey],
    ) -> impl Future<Output = Result<HashMap<RowKey, Value>, PortError>> + Send;
}

/// The counts of lanes with which the backbone and the queues were created.
pub trait LaneCounts: Sync {
    /// Records the count of a stream or queue, by its name, when it is first used, and refuses another from then on: a
    /// change would split a key over two lanes.
    fn agree(&self, name: &str, lanes: Lanes) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// A pipeline as it stands in its table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPipeline {
    /// Its name.
    pub name: String,
    /// Grows with every change of it: what was read at one edit is written only at the same.
    pub edit: u64,
    /// Its newest version, from 1.
    pub version: u64,
    /// The newest version's TOML document, as it was pushed.
    pub document: String,
    /// Who published it, or took it out of service.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What applies when; whether it is paused.
    pub state: PipelineState,
}

/// What an invocation did, for the page and the terminal: counts by pipeline.
pub trait Activity: Sync {
    /// Adds counts. Approximate under retries.
    fn add(&self, stage: &str, tally: &Tally) -> impl Future<Output = Result<(), PortError>> + Send;
}

/// What invocations have counted.
pub trait Counts: Sync {
    /// All counts of the given count of minutes up to now, the present one among them.
    fn last(&self, minutes: u32) -> impl Future<Output = Result<Vec<Counted>, PortError>> + Send;
}

/// The failures, for whoever sees to them.
pub trait KeptFailures: Sync {
    /// The failures of a selection, newest first.
    fn list(&self, selection: &Selection) -> impl Future<Output = Result<Vec<Listed>, PortError>> + Send;

    /// The failures whose text has one of these in it, whole, newest first: keys as [`crate::failure::Failure::row_text`]
    /// writes them, addresses.
    fn find(&self, texts: &[String]) -> impl Future<Output = Result<Vec<Kept>, PortError>> + Send;

    /// One failure, whole; `None` where there is none of the id.
    fn get(&self, id: &str) -> impl Future<Output = Result<Option<Kept>, PortError>> + Send;

    /// Marks an open failure as given up, with a person's reason.
    fn discard(&self, id: &str, reason: &str, at: Timestamp) -> impl Future<Output = Result<Marked, PortError>> + Send;

    /// The bytes that failed, fetched from S3 where they are there; `None` where they are gone.
    fn payload(&self, failure: &Failure) -> impl Future<Output = Result<Option<Vec<u8>>, PortError>> + Send;

    /// Marks a failure as sent on its way again, unless it is otherwise than it was read, such as failed once more.
    fn mark_redriven(&self, kept: &Kept, at: Timestamp) -> impl Future<Output = Result<Marked, PortError>> + Send;

    /// Says of a failure that has come to its end before it could be marked as sent on its way again, that it was.
    fn note_redriven(&self, kept: &Kept, at: Timestamp) -> impl Future<Output = Result<Marked, PortError>> + Send;
}

/// The log of what people changed.
pub trait Audit: Sync {
    /// Writes an entry, or the end of one that has begun. One that has its end is never written again.
    fn record(&self, entry: &AuditEntry) -> impl Future<Output = Result<(), PortError>> + Send;

    /// The newest entries, newest first, at most so many; of those before a place ([`AuditEntry::place`]), if any.
    fn recent(
        &self,
        before: Option<&str>,
        most: usize,
    ) -> impl Future<Output = Result<Vec<AuditEntry>, PortError>> + Send;
}

/// A request to a vendor.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// `POST`, `PUT`, `PATCH`, `DELETE`, `GET`.
    pub method: String,
    /// The whole URL. Its query may hold a secret: never logged.
    pub url: String,
    /// Header names in lower case, and values. May hold secrets: never logged.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Without what may be secret or somebody's data: the address' query, the headers' values, the body.
impl fmt::Debug for HttpRequest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let headers: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        out.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("url", &self.url.split('?').next().unwrap_or_default())
            .field("headers", &headers)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// A vendor's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpResponse {
    /// The status code.
    pub status: u16,
    /// Header names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body, bounded.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// The value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// No answer came. Each says of which host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// Another try may get one.
    #[error("no answer from {host}: {reason}")]
    NoAnswer {
        /// The host that was called.
        host: String,
        /// Why: connection refused, timed out, connection closed.
        reason: String,
    },
    /// The request can never be made, whatever the vendor's state: a malformed URL, a header that none can carry.
    #[error("no request to {host} can be made: {reason}")]
    Unsendable {
        /// The host that was to be called.
        host: String,
        /// Why.
        reason: String,
    },
    /// The deployment does not let this address be called: nothing is wrong with the data, the settings are.
    #[error("{host} is not called: {reason}")]
    Refused {
        /// The host that was to be called.
        host: String,
        /// Why, and what to set.
        reason: String,
    },
}
