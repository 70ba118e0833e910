//! What a vendor does with a request.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    body::Bytes,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use shared::{
    delivery::Step,
    destination::{Connector, Limit, Mode, Reading, Shape},
    value::{Object, Value},
};

use super::{
    Strikes, VendorFault,
    answer::{self, Done, Failure, Verdict},
    backwards::{self, Captured},
    catalogue::{Endpoint, Settings},
    credentials::Credentials,
    jobs::{self, Asked, Job, Jobs, Question},
    received::{Log, What},
    record,
    rows::Rows,
    server::Hangup,
    windows::Windows,
};

/// A vendor, and all that it keeps.
pub struct Service {
    pub connector: &'static Connector,
    pub settings: Settings,
    pub endpoints: Vec<Endpoint>,
    pub credentials: Credentials,
    /// Where tokens are granted, where the vendor grants any.
    pub token_path: Option<String>,
    /// Where credentials are tried, by method and path.
    pub check: Option<(&'static str, String)>,
    pub windows: Mutex<Windows>,
    pub rows: Mutex<Rows>,
    pub jobs: Mutex<Jobs>,
    pub log: Log,
    pub faults: Arc<dyn Strikes>,
    /// It answers nobody.
    pub down: AtomicBool,
    /// The next dropped connection is dropped after the request is applied.
    pub drop_after: AtomicBool,
}

/// A request refused as a whole.
struct Refusal {
    status: StatusCode,
    words: String,
}

impl Refusal {
    fn new(status: StatusCode, words: impl Into<String>) -> Self {
        Self { status, words: words.into() }
    }
}

impl Service {
    /// The rows, which nobody changes meanwhile.
    pub fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers one request, and writes down what it brought.
    pub fn answer(&self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes) -> Response {
        let request = self.log.request();
        let fault = |name: &'static str| self.log.add(request, [What::Fault(name)]);
        if self.down.load(Ordering::Relaxed) {
            fault("down");
            return Hangup::response();
        }
        if let Credentials::Tokens(tokens) = &self.credentials
            && self.token_path.as_deref() == Some(uri.path())
        {
            return tokens.grant(headers, body);
        }
        if self.check.as_ref().is_some_and(|(by, path)| *by == method.as_str() && path == uri.path()) {
            return self.try_credentials(headers, uri, body);
        }
        let asked = if method == Method::GET { jobs::asked(&self.endpoints, &self.settings, uri.path()) } else { None };
        let of_job = asked.iter().map(|asked| asked.endpoint);
        let is_here = |endpoint: &&Endpoint| endpoint.is_at(method.as_str(), uri.path());
        let here: Vec<_> = of_job.chain(self.endpoints.iter().filter(is_here)).collect();
        let [first, ..] = here.as_slice() else {
            return self.refuse(request, None, Refusal::new(StatusCode::NOT_FOUND, "No such path"));
        };
        let name = first.action.name();
        let counted = if asked.is_some() { Limit::asked(name) } else { Limit::counted(name, first.step) };
        if let Err(wait) = self.admit(&counted) {
            self.log.add(request, [What::Throttled { wait }]);
            return answer::throttled(first, self.connector, wait);
        }
        let mut is_dropped_late = false;
        if self.faults.strikes(VendorFault::Drop) {
            is_dropped_late = self.drop_after.fetch_xor(true, Ordering::Relaxed);
            if !is_dropped_late {
                fault("dropped before it was applied");
                return Hangup::response();
            }
        } else if self.faults.strikes(VendorFault::Error) {
            fault("500");
            return (StatusCode::INTERNAL_SERVER_ERROR, "internal error").into_response();
        } else if self.faults.strikes(VendorFault::Throttle) {
            fault("429");
            return answer::throttled(first, self.connector, Duration::from_secs(1 + request % 2));
        }
        if let Err(words) = self.credentials.check(headers, uri, body) {
            let answer = answer::unauthorised(first);
            self.log.add(request, [What::Refused { status: answer.status().as_u16(), reason: words.to_owned() }]);
            return answer;
        }
        let answer = match asked {
            Some(asked) => self.tell(request, &asked),
            None => match self.read(first, &here, headers, body) {
                Ok((endpoint, records)) => self.apply(request, endpoint, records),
                Err((endpoint, refusal)) => self.refuse(request, Some(endpoint), refusal),
            },
        };
        if is_dropped_late {
            fault("dropped after it was applied");
            return Hangup::response();
        }
        answer
    }

    /// Tells whether the credentials are accepted, and nothing more.
    fn try_credentials(&self, headers: &HeaderMap, uri: &Uri, body: &Bytes) -> Response {
        let refused = self.credentials.check(headers, uri, body).is_err();
        match (refused, self.endpoints.first()) {
            (true, Some(endpoint)) => answer::unauthorised(endpoint),
            (true, None) => StatusCode::UNAUTHORIZED.into_response(),
            (false, _) => answer::accepted(self.connector),
        }
    }

    fn admit(&self, counted: &str) -> Result<(), Duration> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner).admit(counted, Instant::now())
    }

    fn refuse(&self, request: u64, endpoint: Option<&Endpoint>, refusal: Refusal) -> Response {
        let Refusal { status, words } = refusal;
        let answer = answer::refused(endpoint, self.connector, status.as_u16(), &words);
        self.log.add(request, [What::Refused { status: answer.status().as_u16(), reason: words }]);
        answer
    }

    /// The endpoint whose form the body has, of those at its path, and the records in it.
    fn read<'e>(
        &self,
        first: &'e Endpoint,
        here: &[&'e Endpoint],
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(&'e Endpoint, Vec<Captured>), (&'e Endpoint, Refusal)> {
        let read = |endpoint: &Endpoint| {
            self.check_headers(endpoint, headers)?;
            self.items(endpoint, body)
        };
        // The refusal of the one whose envelope it has says most.
        let fits = here.iter().find(|endpoint| read(endpoint).is_ok()).copied().unwrap_or(first);
        let mut refusal = None;
        for endpoint in std::iter::once(fits).chain(here.iter().copied()) {
            match read(endpoint).and_then(|items| self.records(endpoint, &items)) {
                Ok(records) => return Ok((endpoint, records)),
                Err(other) => refusal = refusal.or(Some(other)),
            }
        }
        Err((fits, refusal.unwrap_or_else(|| Refusal::new(StatusCode::NOT_FOUND, "No such path"))))
    }

    /// Headers that the connector sends with every request are what the vendor asks for.
    fn check_headers(&self, endpoint: &Endpoint, headers: &HeaderMap) -> Result<(), Refusal> {
        let sent = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = |text: &str| text.split(';').next().unwrap_or_default().trim().to_lowercase();
        let own = |name: &str| self.connector.headers.get(name).map(|text| self.settings.fill(text.get_ref()));
        let usual = if endpoint.shape == Shape::Ndjson { "application/x-ndjson" } else { "application/json" };
        let wanted = own("content-type").and_then(Result::ok).unwrap_or_else(|| usual.to_owned());
        let content_type = sent(header::CONTENT_TYPE.as_str());
        if media_type(content_type) != media_type(&wanted) {
            let words = format!("The content type {content_type:?} is not {wanted}");
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, words));
        }
        for name in self.connector.headers.keys().filter(|name| *name != "content-type") {
            if own(name).and_then(Result::ok).as_deref() != Some(sent(name)) {
                return Err(Refusal::new(StatusCode::BAD_REQUEST, format!("The header {name} is missing or wrong")));
            }
        }
        Ok(())
    }

    /// The items of a body.
    fn items(&self, endpoint: &Endpoint, body: &[u8]) -> Result<Vec<Value>, Refusal> {
        let invalid = |reason: String| Refusal::new(StatusCode::BAD_REQUEST, format!("Invalid input: {reason}"));
        if body.len() > endpoint.request.bytes {
            let words = format!("A body has at most {} bytes", endpoint.request.bytes);
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, words));
        }
        let json = |text: &[u8]| Value::from_json(text).map_err(|error| invalid(error.to_string()));
        match endpoint.shape {
            Shape::Single => Ok(vec![json(body)?]),
            Shape::Ndjson => body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(json).collect(),
            Shape::Array => match (&endpoint.request.envelope, json(body)?) {
                (Some(envelope), body) => backwards::items(envelope.get_ref(), &body, &self.settings, "body")
                    .map(<[Value]>::to_vec)
                    .map_err(invalid),
                (None, Value::Array(items)) => Ok(items),
                (None, other) => Err(invalid(format!("the body is {}, not a list", other.kind()))),
            },
        }
    }

    /// What the items say, where all of them are of the endpoint's form.
    fn records(&self, endpoint: &Endpoint, items: &[Value]) -> Result<Vec<Captured>, Refusal> {
        let refuse = |words: String| Refusal::new(StatusCode::BAD_REQUEST, words);
        if items.len() > endpoint.count {
            return Err(refuse(format!("The maximum number of items in a request is {}", endpoint.count)));
        }
        let template = endpoint.request.item.get_ref();
        let capture = |(index, item)| backwards::capture(template, item, &self.settings, &format!("item {index}"));
        let records = items.iter().enumerate().map(capture).collect::<Result<Vec<_>, _>>().map_err(refuse)?;
        let mut identities = HashSet::new();
        let mut traces = HashSet::new();
        for record in &records {
            let identity = record.destination_key.clone().or_else(|| record::key(endpoint, record));
            if let Some(identity) = identity.filter(|_| endpoint.action.mode == Mode::Upsert)
                && !identities.insert(identity.trim().to_lowercase())
            {
                return Err(refuse(format!("Duplicate ids found in batch input: {identity}")));
            }
            if let Some(trace) = record.trace.as_ref().filter(|trace| !traces.insert((*trace).clone())) {
                return Err(refuse(format!("The trace {trace} is not unique")));
            }
        }
        Ok(records)
    }

    /// Answers a question about a job, which is carried out meanwhile.
    fn tell(&self, request: u64, asked: &Asked<'_>) -> Response {
        let Asked { endpoint, reading, id, question } = asked;
        let mut jobs = self.jobs();
        let job = match question {
            Question::State => jobs.ask(id, |records| {
                let mut rows = self.rows();
                let (verdicts, taken) = self.carry_out(endpoint, records, &mut rows);
                self.log.add(request, taken);
                verdicts
            }),
            Question::Errors => jobs.get(id),
        };
        match (question, job) {
            (Question::State, Some(Job::Ended(verdicts))) => answer::state(endpoint, reading, Some(verdicts)),
            (Question::State, Some(_)) => answer::state(endpoint, reading, None),
            (Question::Errors, Some(Job::Ended(verdicts))) => answer::errors(endpoint, reading, verdicts),
            (Question::Errors, Some(_)) => answer::errors(endpoint, reading, &[]),
            (_, None) => {
                let refusal = Refusal::new(StatusCode::NOT_FOUND, format!("There is no job {id}"));
                self.refuse(request, Some(endpoint), refusal)
            }
        }
    }

    fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what a request asks for, as far as the vendor would.
    fn apply(&self, request: u64, endpoint: &Endpoint, records: Vec<Captured>) -> Response {
        if let Reading::Job(reading) = &endpoint.request.answer {
            return answer::taken(endpoint, reading, &self.jobs().make(records));
        }
        // Held while the log is written, so that its order is that in which rows changed.
        let mut rows = self.rows();
        let (verdicts, mut taken) = self.carry_out(endpoint, records, &mut rows);
        let is_refused = !answer::tells_apart(endpoint) && verdicts.iter().any(|verdict| verdict.ended.is_err());
        let answer = if is_refused {
            answer::rejected(endpoint, self.connector, &verdicts)
        } else {
            answer::applied(endpoint, &verdicts)
        };
        if is_refused && verdicts.len() > 1 && !answer::names_all(endpoint) {
            // Which ones it was, the sender is not told: it will send each again.
            let reason = verdicts.into_iter().find_map(|verdict| verdict.ended.err());
            let reason = reason.map(|failure| failure.reason).unwrap_or_default();
            taken = vec![What::Refused { status: answer.status().as_u16(), reason }];
        }
        self.log.add(request, taken);
        answer
    }

    /// What becomes of each record, and what is to be written down of it. Where the vendor does all or nothing, one
    /// wrong record keeps the others from being done.
    fn carry_out(&self, endpoint: &Endpoint, records: Vec<Captured>, rows: &mut Rows) -> (Vec<Verdict>, Vec<What>) {
        let is_partial = answer::passing_kind(endpoint).is_some() && self.faults.strikes(VendorFault::Partial);
        let failure = |(index, record): (usize, &Captured)| {
            // Every second one; of a single one, that one.
            let passes = || is_partial && (index % 2 == 1 || records.len() == 1);
            let passing = || passes().then(|| "The record could not be written just now.".to_owned());
            let wrong = (endpoint.step == Step::Apply).then(|| record::problem(endpoint, record)).flatten();
            let failure = |passing| move |reason| Failure { reason, passing };
            wrong.map(failure(false)).or_else(|| passing().map(failure(true)))
        };
        let failures: Vec<_> = records.iter().enumerate().map(failure).collect();
        let is_refused = !answer::tells_apart(endpoint) && failures.iter().any(Option::is_some);
        let (mut taken, mut verdicts) = (Vec::new(), Vec::new());
        for (record, failure) in records.into_iter().zip(failures) {
            let (key, trace) = (record::key(endpoint, &record), record.trace.clone());
            let ended = match failure {
                Some(failure) => {
                    let (key, Captured { id, fields, .. }) = (key.clone(), record);
                    let Failure { reason, passing } = failure.clone();
                    taken.push(What::RecordRefused { key, id, fields, reason, passing });
                    Err(failure)
                }
                None if is_refused => Ok(Done::default()),
                None => {
                    let (what, done) = take(endpoint, rows, record);
                    taken.push(what);
                    Ok(done)
                }
            };
            verdicts.push(Verdict { key, trace, ended });
        }
        (verdicts, taken)
    }
}

/// Keeps one record.
fn take(endpoint: &Endpoint, rows: &mut Rows, record: Captured) -> (What, Done) {
    let action = endpoint.action;
    if endpoint.step != Step::Apply {
        let matched = record::key(endpoint, &record);
        let (id, name) = (record.destination_key.as_deref(), matched.as_deref());
        let key = if endpoint.step.takes_the_row() {
            rows.remove(action.name(), id, name)
        } else {
            rows.find(action.name(), id, name).map(str::to_owned)
        };
        let id = record.destination_key.or(matched).unwrap_or_default();
        return (What::Remove { step: endpoint.step, id, key }, Done::default());
    }
    let key = record::key(endpoint, &record).unwrap_or_default();
    let Captured { id, r#type, occurred_at, fields, .. } = record;
    if action.mode == Mode::Append {
        return (What::Event { id, r#type, timestamp: occurred_at, fields }, Done { created: true, ..Done::default() });
    }
    let (row, created) = rows.upsert(action.name(), &key, action.match_is_key, &fields);
    let id = row.id.clone();
    let mut told: Object = endpoint.match_field.iter().map(|name| (name.clone(), Value::from(key.as_str()))).collect();
    told.extend(fields.clone());
    (What::Upsert { key, id: id.clone(), fields, created }, Done { id: Some(id), created, fields: told })
}
