//! Work that the vendor does later: a request is answered with a job, and the job is asked after until it has ended.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use url::{Url, form_urlencoded};

use super::{
    answer::{Answered, at, fold, list, object, place_in, reason},
    codec::Message,
    descriptor::{JobReading, Mode, Reading, Request},
    operation::{Operation, Parcel, RenderError, with_query},
    status::{Class, classify},
    template::{Placeholder, Text, text_of},
};
use crate::{
    delivery::{Outcome, Told},
    failure::Answer,
    ledger::Pending,
    ports::{HttpRequest, HttpResponse},
    time::Timestamp,
    value::Value,
};

/// So many pages of errors are read: more than any request's items could fill.
const MOST_PAGES: usize = 1_000;

/// A delivery, and its place in the request that became the job.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    /// The delivery.
    pub parcel: Parcel<'a>,
    /// From 0.
    pub place: usize,
}

/// Asking after one job: its state first, then, once it is done, its errors page by page.
///
/// Send [`Inquiry::request`] and give the answer to [`Inquiry::read`], until that tells what became of each delivery.
#[derive(Debug)]
pub struct Inquiry<'a> {
    operation: Operation<'a>,
    reading: &'static JobReading,
    pending: &'a Pending,
    url: String,
    stage: Stage,
    errors: Vec<Value>,
    pages: usize,
}

/// What is asked for next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Status,
    /// The job is done, and says that so many items failed, where it says so.
    Errors(Option<usize>),
}

impl<'a> Operation<'a> {
    /// Whether the vendor answers with a job, and does the work later.
    pub const fn has_jobs(&self) -> bool {
        matches!(self.prepared.request.answer, Reading::Job(_))
    }

    /// Asks after a job that has deliveries of this operation; `None` where the vendor makes none.
    pub fn inquire(&self, pending: &'a Pending) -> Option<Inquiry<'a>> {
        let request: &'static Request = self.prepared.request;
        let Reading::Job(reading) = &request.answer else { return None };
        let url = self.job_url(reading.status.url.get_ref(), &pending.job);
        Some(Inquiry { operation: *self, reading, pending, url, stage: Stage::Status, errors: Vec::new(), pages: 0 })
    }

    fn job_url(&self, template: &Text, job: &str) -> String {
        let filled = template.render::<std::convert::Infallible>(&mut |placeholder| {
            Ok(match placeholder {
                Placeholder::Setting(name) => self.destination.settings.get(name).cloned().unwrap_or_default(),
                // The id is the vendor's word, and must not lead to another of its addresses.
                _ => form_urlencoded::byte_serialize(job.as_bytes()).collect(),
            })
        });
        match filled {
            Ok(url) => url,
        }
    }
}

impl Inquiry<'_> {
    /// The next request. It holds the secret.
    pub fn request(&self, secret: Option<&str>, now: Timestamp) -> Result<HttpRequest, RenderError> {
        let destination = self.operation.destination;
        let credentials = destination.credentials(secret, &Message { ids: &[], body: "", at: now })?;
        let headers = destination.headers.iter().filter(|(name, _)| name != "content-type").cloned();
        Ok(HttpRequest {
            method: "GET".to_owned(),
            url: with_query(&self.url, credentials.query.as_deref()),
            headers: headers.chain(credentials.headers).collect(),
            body: Vec::new(),
        })
    }

    /// Reads an answer, from which [`Operation::redact`] has taken the secret: what became of each of the deliveries, in
    /// their order, or `None` where one more request has to tell. They may be some of the job's only.
    pub fn read(&mut self, placed: &[Placed<'_>], response: &HttpResponse, now: Timestamp) -> Option<Vec<Answered>> {
        let all = |answered: Answered| Some(vec![answered; placed.len()]);
        let connector = self.operation.destination.connector;
        let ended = |outcome: Outcome| all(Answered::Ended(outcome));
        match classify(&connector.statuses, &connector.limits, response, now) {
            Class::Success => {}
            Class::Retry => return ended(Outcome::Retry { reason: reason(connector, response) }),
            Class::Throttled(until) => {
                return ended(Outcome::Throttled { until, reason: reason(connector, response) });
            }
            Class::Unauthorised => return ended(Outcome::Unauthorised { reason: reason(connector, response) }),
            Class::Rejected => {
                let reason = format!("{}, asked after the job {}", reason(connector, response), self.pending.job);
                return all(Answered::Undone { reason, certain: false });
            }
        }
        let Ok(body) = object(&self.operation, response) else {
            return all(self.unclear(now, "with what is no JSON object"));
        };
        if self.stage == Stage::Status
            && let Err(answered) = self.status(&body, now)
        {
            return all(answered);
        }
        let Stage::Errors(failures) = self.stage else { return None };
        let (errors, first_page) = (&self.reading.errors, self.pages == 0);
        if failures == Some(0) {
            return Some(self.told(placed, response, failures));
        }
        if let (Some(url), true) = (&errors.url, first_page) {
            self.url = self.operation.job_url(url.get_ref(), &self.pending.job);
            self.pages = 1;
            return None;
        }
        let is_error = |item: &&Value| errors.only.as_deref().is_none_or(|path| is_set(at(item, path)));
        self.errors.extend(list(&body, errors.list.get_ref()).iter().filter(is_error).cloned());
        let next = errors.next.as_deref().and_then(|path| at(&body, path)).and_then(Value::as_str).unwrap_or_default();
        if next.is_empty() {
            return Some(self.told(placed, response, failures));
        }
        self.pages += 1;
        if self.pages > MOST_PAGES || !same_origin(&self.url, next) {
            return all(self.unclear(now, "with a next page that is elsewhere, or one too many: it is not followed"));
        }
        next.clone_into(&mut self.url);
        None
    }

    /// Reads the job's state: an error where nothing more is to be asked for now.
    fn status(&mut self, body: &Value, now: Timestamp) -> Result<(), Answered> {
        let status = &self.reading.status;
        let state = at(body, &status.state).and_then(text_of).unwrap_or_default();
        let is = |states: &[toml::Spanned<String>]| states.iter().any(|known| *known.get_ref() == state);
        if is(&status.done) {
            let failures = status.failures.as_deref().and_then(|path| text_of(at(body, path)?)?.parse().ok());
            self.stage = Stage::Errors(failures);
            return Ok(());
        }
        let (vendor, job) = (&self.operation.destination.connector.name, &self.pending.job);
        if is(&status.failed) {
            let reason = format!("{vendor} ended the job {job} as {state:?}");
            return Err(Answered::Undone { reason, certain: false });
        }
        if !is(&status.waiting) {
            return Err(
                self.unclear(now, &format!("with the state {state:?}, which the connector's file does not list"))
            );
        }
        if self.is_overdue(now) {
            let reason = format!("{vendor} has not ended the job {job} in {} s", self.patience().as_secs());
            return Err(Answered::Undone { reason, certain: false });
        }
        Err(Answered::Waits)
    }

    /// An answer from which nothing can be told: it may be another one later, but not for ever.
    fn unclear(&self, now: Timestamp, what: &str) -> Answered {
        let vendor = &self.operation.destination.connector.name;
        let reason = format!("{vendor} answered {what}, asked after the job {}", self.pending.job);
        if self.is_overdue(now) {
            Answered::Undone { reason, certain: false }
        } else {
            Answered::Ended(Outcome::Retry { reason })
        }
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(*self.reading.give_up_after_seconds.get_ref())
    }

    fn is_overdue(&self, now: Timestamp) -> bool {
        now.since(self.pending.since) >= self.patience()
    }

    /// What became of each delivery, now that all errors are known.
    fn told(&self, placed: &[Placed<'_>], response: &HttpResponse, failures: Option<usize>) -> Vec<Answered> {
        let by_match: HashMap<String, usize> =
            placed.iter().filter_map(|one| Some((fold(&self.operation.matched(&one.parcel)?), one.place))).collect();
        let complete = placed.len() == self.pending.of;
        let mut named: HashMap<usize, Vec<&Value>> = HashMap::new();
        let (mut nameless, mut elsewhere) = (Vec::new(), HashSet::new());
        for error in &self.errors {
            // What an error repeats of the item is a surer name than a place, of which a vendor may count its own.
            let matched = self.reading.errors.matches.iter().find_map(|path| text_of(at(error, path.get_ref())?));
            let matched = matched.map(|text| fold(&text)).filter(|text| !text.is_empty());
            let at_hand = matched.as_ref().and_then(|text| by_match.get(text).copied());
            let index = self.reading.errors.index.as_deref();
            let placed =
                || place_in(error, index?, &self.reading.errors.before).filter(|place| *place < self.pending.of);
            match (at_hand, matched) {
                (Some(place), _) => named.entry(place).or_default().push(error),
                // It is another message's.
                (None, Some(text)) if !complete => {
                    elsewhere.insert(text);
                }
                _ => match placed() {
                    Some(place) => named.entry(place).or_default().push(error),
                    None => nameless.push(error),
                },
            }
        }
        let told = named.len() + elsewhere.len();
        let untold = !nameless.is_empty() || failures.is_some_and(|failures| failures > told);
        let rest = match self.operation.mode() {
            _ if !untold => Answered::Ended(Outcome::Delivered(Told::default())),
            _ if self.pending.of == 1 => self.failed(&nameless, response),
            // Somebody's failure is nobody's: of each it has to be known, and an upsert may be repeated.
            Mode::Upsert => Answered::Split,
            // An event that stands twice is the lesser evil beside one that is lost.
            Mode::Append => Answered::SendAlone,
        };
        placed
            .iter()
            .map(|one| match named.get(&one.place) {
                Some(errors) => self.failed(errors, response),
                None => self.operation.keyed(&one.parcel, rest.clone()),
            })
            .collect()
    }

    /// A delivery with errors of its own.
    fn failed(&self, errors: &[&Value], response: &HttpResponse) -> Answered {
        let paths = &self.reading.errors;
        let text = |error: &Value, path: &str| at(error, path).and_then(text_of).unwrap_or_default();
        let words: Vec<_> = errors
            .iter()
            .map(|error| format!("{}: {}", text(error, &paths.kind), text(error, &paths.message)))
            .collect();
        let words = if words.is_empty() { "it does not say why".to_owned() } else { words.join("; ") };
        let vendor = &self.operation.destination.connector.name;
        let reason = format!("{vendor} failed this record in the job {}: {words}", self.pending.job);
        if !errors.is_empty() && errors.iter().all(|error| paths.retry_kinds.contains(&text(error, &paths.kind))) {
            return Answered::Undone { reason, certain: true };
        }
        let errors = Value::Array(errors.iter().map(|error| (*error).clone()).collect());
        let answer = Some(Answer::new(response.status, &errors.to_json()));
        Answered::Ended(Outcome::Rejected { reason, answer })
    }
}

/// Whether there is something other than null.
fn is_set(value: Option<&Value>) -> bool {
    value.is_some_and(|value| *value != Value::Null)
}

/// Whether two addresses have the same scheme, host and port: the secret goes nowhere else.
fn same_origin(one: &str, other: &str) -> bool {
    match (Url::parse(one), Url::parse(other)) {
        (Ok(one), Ok(other)) => one.origin().is_tuple() && one.origin() == other.origin(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        delivery::{Delivery, Removes, Step},
        destination::{Connector, Destination, connector},
        event::Op,
        key::Key,
        position::Position,
        value::Object,
    };

    /// As Zendesk's job statuses are: the results of all items stand in the answer that tells the state.
    const IN_THE_STATUS: &str = r#"
slug = "example"
name = "Example"
summary = "An example."
auth = { query = { parameter = "key", help = "the key" } }

[[actions]]
name = "create"
label = "Create"
help = "Creates."
mode = "append"
other_fields = true

[actions.request]
method = "POST"
url = "https://api.example/create_many?async=true"
shape = "array"
count = 100
bytes = 1_000_000
item = '{ "row": "{fields}" }'

[actions.request.answer.job]
id = "job_status.id"
give_up_after_seconds = 600
status = { url = "https://api.example/jobs/{job}?full=1", state = "job_status.status", done = ["completed"], failed = ["killed"], waiting = ["queued", "working"] }
errors = { list = "job_status.results", only = "error", index = "index", message = "details", kind = "error", retry_kinds = ["Busy"] }
"#;

    const NOW: Timestamp = Timestamp::from_millis(1_785_000_000_000);

    fn destination(connector: &'static Connector) -> Destination {
        connector.configure("there", &Object::new()).unwrap()
    }

    fn in_the_status() -> Destination {
        destination(Box::leak(Box::new(Connector::parse("example.toml", IN_THE_STATUS).unwrap())))
    }

    fn delivery(number: u32) -> Delivery {
        Delivery {
            id: format!("p/s/1/{number}"),
            pipeline: "p".into(),
            version: 1,
            source: "s".into(),
            op: Op::Create,
            key: Key::single("id", i64::from(number)),
            epoch: 1,
            position: Position::parse(&number.to_string()).unwrap(),
            occurred_at: NOW,
            arrived_at: Timestamp::default(),
            action: String::new(),
            step: Step::Apply,
            removes: Removes::Created,
            redriven: false,
            fields: Object::from_iter([("email".to_owned(), Value::from(format!("{number}@a.example")))]),
        }
    }

    fn pending(job: &str, of: usize) -> Pending {
        Pending { job: job.to_owned(), place: 0, of, since: NOW, lost: 0 }
    }

    fn ok(body: &str) -> HttpResponse {
        HttpResponse { status: 200, body: body.as_bytes().to_vec(), ..HttpResponse::default() }
    }

    fn delivered() -> Answered {
        Answered::Ended(Outcome::Delivered(Told::default()))
    }

    #[test]
    fn errors_may_stand_among_the_successes_in_the_status() {
        let destination = in_the_status();
        let operation = destination.operation("create", Step::Apply).unwrap();
        let pending = pending("j-1", 4);
        let mut inquiry = operation.inquire(&pending).unwrap();
        let request = inquiry.request(Some("k 1"), NOW).unwrap();
        assert_eq!(
            (request.method.as_str(), request.url.as_str()),
            ("GET", "https://api.example/jobs/j-1?full=1&key=k+1")
        );
        assert_eq!((request.headers.len(), request.body.len()), (0, 0));
        let deliveries = [1, 2, 3, 4].map(delivery);
        let placed: Vec<_> = (0..)
            .zip(&deliveries)
            .map(|(place, delivery)| Placed { parcel: Parcel { delivery, destination_key: None }, place })
            .collect();
        let answer = ok(r#"{"job_status":{"id":"j-1","status":"completed","results":[
            {"index":0,"id":7},{"index":1,"error":"Invalid","details":"no name"},{"index":2,"error":null,"id":9},
            {"index":3,"error":"Busy","details":"locked"}]}}"#);
        let told = inquiry.read(&placed, &answer, NOW).unwrap();
        assert_eq!((&told[0], &told[2]), (&delivered(), &delivered()));
        let Answered::Ended(Outcome::Rejected { reason, answer }) = &told[1] else { panic!("{told:?}") };
        assert_eq!(reason, "Example failed this record in the job j-1: Invalid: no name");
        assert!(answer.as_ref().unwrap().body.contains("no name"), "{answer:?}");
        // The vendor says that it was not done, so it can be sent again though it is an event.
        assert!(
            matches!(&told[3], Answered::Undone { certain: true, reason } if reason.contains("locked")),
            "{told:?}"
        );
    }

    #[test]
    fn an_id_leads_to_no_other_address() {
        let destination = in_the_status();
        let operation = destination.operation("create", Step::Apply).unwrap();
        let odd = pending("../users/1?a=b#c", 1);
        let url = operation.inquire(&odd).unwrap().request(Some("k"), NOW).unwrap().url;
        assert_eq!(url, "https://api.example/jobs/..%2Fusers%2F1%3Fa%3Db%23c?full=1&key=k");
        let delivery = delivery(1);
        let parcels = [Parcel { delivery: &delivery, destination_key: None }];
        let read =
            |id: &str| operation.read(&parcels, &ok(&format!(r#"{{"job_status":{{"id":{id}}}}}"#)), NOW).remove(0);
        assert_eq!(read(r#""j.1""#), Answered::Taken("j.1".to_owned()));
        assert_eq!(read("17"), Answered::Taken("17".to_owned()));
        for id in [r#""..""#, r#"".""#, r#""""#, "null", "[]"] {
            assert!(matches!(read(id), Answered::Ended(Outcome::Retry { .. })), "{id}");
        }
    }

    #[test]
    fn the_next_page_is_of_the_same_scheme_host_and_port() {
        let page = "https://a.klaviyo.com/api/profile-bulk-import-jobs/1/import-errors";
        assert!(same_origin(page, "https://a.klaviyo.com:443/next?a=1"));
        for next in [
            "http://a.klaviyo.com/next",
            "https://a.klaviyo.com:8443/next",
            "https://klaviyo.com/next",
            "https://a.klaviyo.com@evil.example/next",
            "https://a.klaviyo.com.evil.example/next",
            "/next",
            "//evil.example/next",
            "data:,",
        ] {
            assert!(!same_origin(page, next), "{next}");
        }
    }

    proptest! {
        /// Whatever a vendor answers about a job, every delivery gets an outcome or one more request is made; nothing
        /// panics, and nothing is delivered unless the vendor said that the job is done.
        #[test]
        fn every_answer_about_a_job_has_an_outcome_for_every_delivery(
            answers in proptest::collection::vec((prop_oneof![4 => Just(200_u16), 1 => 100_u16..600], odd()), 1..5),
            of in 2_usize..4,
            late in any::<bool>(),
        ) {
            let klaviyo = destination(connector("klaviyo").unwrap());
            let example = in_the_status();
            for (destination, action) in [(&klaviyo, "import_profile"), (&example, "create")] {
                let operation = destination.operation(action, Step::Apply).unwrap();
                let pending = pending("j", of);
                let deliveries = [1, 2].map(delivery);
                let placed = [0, 1].map(|place| {
                    Placed { parcel: Parcel { delivery: &deliveries[place], destination_key: None }, place }
                });
                let now = if late { NOW + Duration::from_hours(2) } else { NOW };
                let mut inquiry = operation.inquire(&pending).unwrap();
                let mut said_done = false;
                for (status, body) in &answers {
                    let response = HttpResponse { status: *status, ..ok(body) };
                    said_done |= body.contains("complete");
                    if let Some(told) = inquiry.read(&placed, &response, now) {
                        prop_assert_eq!(told.len(), 2);
                        let is_delivered =
                            |one: &Answered| matches!(one, Answered::Ended(Outcome::Delivered(_)));
                        prop_assert!(said_done || !told.iter().any(is_delivered), "{:?}", told);
                        break;
                    }
                }
            }
        }
    }

    /// Answers that are JSON of the right shape and of wrong ones.
    fn odd() -> impl Strategy<Value = &'static str> {
        proptest::sample::select(vec![
            "",
            "null",
            "[]",
            "{}",
            r#"{"data":{"attributes":{"status":"complete"}}}"#,
            r#"{"data":{"attributes":{"status":"complete","failed_count":-1}}}"#,
            r#"{"data":{"attributes":{"status":"complete","failed_count":7}}}"#,
            r#"{"data":{"attributes":{"status":"processing"}}}"#,
            r#"{"data":{"attributes":{"status":["complete"]}}}"#,
            r#"{"data":[{}],"links":{"next":"https://a.klaviyo.com/2"}}"#,
            r#"{"data":[7,null,{"attributes":{"source":{"pointer":"/data/attributes/profiles/data/99999999999999999999"}}}]}"#,
            r#"{"data":[{"attributes":{"original_payload":{"email":["1@a.example"]}}}],"links":{"next":"ftp://x"}}"#,
            r#"{"data":[{"attributes":{"original_payload":{"email":"1@a.example"}}}],"links":{"next":{}}}"#,
            r#"{"job_status":{"status":"completed","results":[{"index":-1,"error":1},{"index":"1","error":{}},3]}}"#,
            r#"{"job_status":{"status":"completed","results":{}}}"#,
        ])
    }
}
