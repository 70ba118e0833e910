//! A HubSpot that knows contacts: batch upsert and batch archive, with the answers of CRM contacts v3 (specification in
//! HubSpot/HubSpot-public-api-spec-collection) and of the documentation's page "Error handling".

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::post,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use shared::time::{Clock, SystemClock};

use super::{
    Contact, Strikes, VendorFault,
    received::{Log, What},
    server::Hangup,
};

/// "Batch operations are limited to 100 records at a time."
const MAX_INPUTS: usize = 100;

/// The category of what passes.
const PASSING: &str = "INTERNAL_ERROR";

/// The body of a batch upsert. The specification has no other names, so others are refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpsertBody {
    inputs: Vec<UpsertInput>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpsertInput {
    id: String,
    id_property: Option<String>,
    properties: BTreeMap<String, String>,
    object_write_trace_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ArchiveBody {
    inputs: Vec<ArchiveInput>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ArchiveInput {
    id: String,
}

/// The contacts.
#[derive(Debug, Default)]
pub struct Contacts(Mutex<Store>);

#[derive(Debug, Default)]
struct Store {
    /// By id, which is a number that grows.
    contacts: BTreeMap<u64, Contact>,
    /// Ids of contacts that are not archived, by the matching property and its value in lower case.
    unique: HashMap<(String, String), u64>,
    /// By what each was matched last, as it was sent.
    matched: HashMap<u64, String>,
}

impl Contacts {
    /// All of them, by id.
    pub fn all(&self) -> Vec<Contact> {
        self.store().contacts.values().cloned().collect()
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct HubSpot {
    token: String,
    contacts: Arc<Contacts>,
    log: Arc<Log>,
    faults: Arc<dyn Strikes>,
    /// The next dropped connection is dropped after the request is applied.
    drop_after: AtomicBool,
}

/// The routes.
pub fn router(token: String, contacts: Arc<Contacts>, log: Arc<Log>, faults: Arc<dyn Strikes>) -> Router {
    let hubspot = HubSpot { token, contacts, log, faults, drop_after: AtomicBool::new(false) };
    Router::new()
        .route("/crm/v3/objects/contacts/batch/upsert", post(upsert))
        .route("/crm/v3/objects/contacts/batch/archive", post(archive))
        .fallback(unknown)
        .layer(DefaultBodyLimit::max(10 * 1024 * 1024))
        .with_state(Arc::new(hubspot))
}

/// A request refused as a whole.
struct Refusal {
    status: StatusCode,
    category: &'static str,
    message: String,
}

impl Refusal {
    fn validation(message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, category: "VALIDATION_ERROR", message: message.into() }
    }
}

/// Whether the answer is lost on its way.
enum Line {
    Stands,
    DropsAfter,
}

impl HubSpot {
    /// What stops a request before its body is read: a fault, a wrong token.
    fn admit(&self, request: u64, headers: &HeaderMap) -> Result<Line, Box<Response>> {
        let faulty = |name: &'static str, response: Response| {
            self.log.add(request, [What::Fault(name)]);
            Err(Box::new(response))
        };
        let mut line = Line::Stands;
        if self.faults.strikes(VendorFault::Drop) {
            if self.drop_after.fetch_xor(true, Ordering::Relaxed) {
                line = Line::DropsAfter;
            } else {
                return faulty("dropped before it was applied", Hangup::response());
            }
        }
        let stands = matches!(line, Line::Stands);
        if stands && self.faults.strikes(VendorFault::Error) {
            let body = error_body(request, PASSING, "internal error");
            return faulty("500", (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response());
        }
        if stands && self.faults.strikes(VendorFault::Throttle) {
            // "The 429 response will have the following format", usage guidelines.
            let body = json!({
                "status": "error",
                "message": "You have reached your ten_secondly_rolling limit.",
                "errorType": "RATE_LIMIT",
                "correlationId": correlation(request),
                "policyName": "TEN_SECONDLY_ROLLING",
            });
            let wait = [(header::RETRY_AFTER, (1 + request % 2).to_string())];
            return faulty("429", (StatusCode::TOO_MANY_REQUESTS, wait, Json(body)).into_response());
        }
        let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if authorization.and_then(|value| value.strip_prefix("Bearer ")) != Some(self.token.as_str()) {
            let message = "Authentication credentials not found. This API supports OAuth 2.0 authentication and you \
                           can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview";
            let refusal = Refusal {
                status: StatusCode::UNAUTHORIZED,
                category: "INVALID_AUTHENTICATION",
                message: message.to_owned(),
            };
            return Err(Box::new(self.refuse(request, refusal)));
        }
        Ok(line)
    }

    fn refuse(&self, request: u64, refusal: Refusal) -> Response {
        let Refusal { status, category, message } = refusal;
        let body = error_body(request, category, &message);
        self.log.add(request, [What::Refused { status: status.as_u16(), reason: message }]);
        (status, Json(body)).into_response()
    }
}

async fn unknown(State(hubspot): State<Arc<HubSpot>>) -> Response {
    let request = hubspot.log.request();
    let message = "No such path".to_owned();
    hubspot.refuse(request, Refusal { status: StatusCode::NOT_FOUND, category: "OBJECT_NOT_FOUND", message })
}

async fn upsert(State(hubspot): State<Arc<HubSpot>>, headers: HeaderMap, body: Bytes) -> Response {
    let request = hubspot.log.request();
    let line = match hubspot.admit(request, &headers) {
        Ok(line) => line,
        Err(response) => return *response,
    };
    let inputs = match read::<UpsertBody>(&headers, &body).and_then(|body| checked(body.inputs)) {
        Ok(inputs) => inputs,
        Err(refusal) => return hubspot.refuse(request, refusal),
    };
    let partial = hubspot.faults.strikes(VendorFault::Partial);
    let failing: Vec<_> = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let passing = || {
                // Every second one; of a single one, that one.
                let struck = partial && (index % 2 == 1 || inputs.len() == 1);
                struck.then(|| (PASSING, "The record could not be written just now.".to_owned()))
            };
            invalid(input).map(|message| ("VALIDATION_ERROR", message)).or_else(passing)
        })
        .collect();
    // "To do so, include a unique objectWriteTraceId value for each input": without them it is all or nothing.
    if let Some((_, message)) = failing.iter().flatten().next()
        && inputs.iter().any(|input| input.object_write_trace_id.is_none())
    {
        return hubspot.refuse(request, Refusal::validation(message.as_str()));
    }

    let now = SystemClock.now().to_rfc3339();
    let (mut results, mut errors, mut taken) = (Vec::new(), Vec::new(), Vec::new());
    {
        // Held while the log is written, so that its order is that in which contacts changed.
        let mut store = hubspot.contacts.store();
        for (input, failure) in inputs.into_iter().zip(failing) {
            let failure = failure.or_else(|| store.missing(&input));
            if let Some((category, message)) = failure {
                errors.push(json!({
                    "status": "error",
                    "category": category,
                    "message": message,
                    "context": { "objectWriteTraceId": [input.object_write_trace_id] },
                    "errors": [],
                    "links": {},
                }));
                let UpsertInput { id: key, properties, .. } = input;
                taken.push(What::RecordRefused { key, properties, reason: message, passing: category == PASSING });
            } else {
                let (contact, created) = store.upsert(&input);
                results.push(result(&contact, created, &input, &now));
                taken.push(What::Upsert { key: input.id, id: contact.id, properties: input.properties, created });
            }
        }
        hubspot.log.add(request, taken);
    }
    if matches!(line, Line::DropsAfter) {
        hubspot.log.add(request, [What::Fault("dropped after it was applied")]);
        return Hangup::response();
    }
    // HubSpot promises no order; the last first shows who relies on one.
    results.reverse();
    let mut body = json!({ "status": "COMPLETE", "startedAt": now, "completedAt": now, "results": results });
    if errors.is_empty() {
        return (StatusCode::OK, Json(body)).into_response();
    }
    body["numErrors"] = errors.len().into();
    body["errors"] = errors.into();
    (StatusCode::MULTI_STATUS, Json(body)).into_response()
}

async fn archive(State(hubspot): State<Arc<HubSpot>>, headers: HeaderMap, body: Bytes) -> Response {
    let request = hubspot.log.request();
    let line = match hubspot.admit(request, &headers) {
        Ok(line) => line,
        Err(response) => return *response,
    };
    let inputs = match read::<ArchiveBody>(&headers, &body) {
        Ok(body) if body.inputs.len() <= MAX_INPUTS => body.inputs,
        Ok(_) => return hubspot.refuse(request, too_many()),
        Err(refusal) => return hubspot.refuse(request, refusal),
    };
    {
        let mut store = hubspot.contacts.store();
        let taken: Vec<_> =
            inputs.into_iter().map(|input| What::Archive { key: store.archive(&input.id), id: input.id }).collect();
        hubspot.log.add(request, taken);
    }
    if matches!(line, Line::DropsAfter) {
        hubspot.log.add(request, [What::Fault("dropped after it was applied")]);
        return Hangup::response();
    }
    StatusCode::NO_CONTENT.into_response()
}

fn read<T: DeserializeOwned>(headers: &HeaderMap, body: &[u8]) -> Result<T, Refusal> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.starts_with("application/json") {
        return Err(Refusal {
            status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
            category: "VALIDATION_ERROR",
            message: format!("The content type {content_type:?} is not application/json"),
        });
    }
    serde_json::from_slice(body).map_err(|error| Refusal::validation(format!("Invalid input JSON: {error}")))
}

fn too_many() -> Refusal {
    Refusal::validation(format!("The maximum number of inputs in a batch is {MAX_INPUTS}"))
}

fn checked(inputs: Vec<UpsertInput>) -> Result<Vec<UpsertInput>, Refusal> {
    if inputs.len() > MAX_INPUTS {
        return Err(too_many());
    }
    let mut seen = HashSet::new();
    if let Some(twice) = inputs.iter().find(|input| !seen.insert((&input.id_property, input.id.to_lowercase()))) {
        let id = &twice.id;
        return Err(Refusal::validation(format!("Duplicate IDs found in batch input: [{id}]. IDs must be unique")));
    }
    let mut traces = HashSet::new();
    let twice = inputs.iter().filter_map(|input| input.object_write_trace_id.as_ref()).find(|id| !traces.insert(*id));
    if let Some(trace) = twice {
        return Err(Refusal::validation(format!("The objectWriteTraceId {trace} is not unique")));
    }
    Ok(inputs)
}

/// What is wrong with a contact's values; in the words of the documentation's example.
fn invalid(input: &UpsertInput) -> Option<String> {
    let matched = (input.id_property.as_deref() == Some("email")).then_some(&input.id);
    let email = input.properties.get("email").or(matched)?;
    let well_formed = email.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && domain.contains('.') && !domain.contains('@') && !email.contains(char::is_whitespace)
    });
    if well_formed {
        return None;
    }
    let detail = json!([{
        "isValid": false,
        "message": format!("Email address {email} is invalid"),
        "error": "INVALID_EMAIL",
        "name": "email",
    }]);
    Some(format!("Property values were not valid: {detail}"))
}

impl Store {
    /// An id of HubSpot's own has to exist: nothing can be created by it.
    fn missing(&self, input: &UpsertInput) -> Option<(&'static str, String)> {
        let absent = input.id_property.is_none() && self.living(&input.id).is_none();
        absent.then(|| ("OBJECT_NOT_FOUND", format!("Could not get some CONTACT objects: {} was not found", input.id)))
    }

    fn living(&self, id: &str) -> Option<u64> {
        let id = id.parse().ok()?;
        self.contacts.get(&id).filter(|contact| !contact.archived).map(|_| id)
    }

    fn upsert(&mut self, input: &UpsertInput) -> (Contact, bool) {
        let unique = input.id_property.as_ref().map(|property| (property.clone(), input.id.to_lowercase()));
        let known = match &unique {
            Some(unique) => self.unique.get(unique).copied(),
            None => self.living(&input.id),
        };
        let id = known.unwrap_or_else(|| self.contacts.last_key_value().map_or(101, |(last, _)| last + 1));
        let contact = self.contacts.entry(id).or_insert_with(|| Contact {
            id: id.to_string(),
            properties: BTreeMap::new(),
            archived: false,
        });
        if let Some((property, _)) = &unique {
            contact.properties.insert(property.clone(), input.id.clone());
        }
        for (name, value) in &input.properties {
            if value.is_empty() {
                contact.properties.remove(name);
            } else {
                contact.properties.insert(name.clone(), value.clone());
            }
        }
        // "HubSpot keeps e-mail addresses in lower case."
        if let Some(email) = contact.properties.get_mut("email") {
            *email = email.to_lowercase();
        }
        let contact = contact.clone();
        self.matched.insert(id, input.id.clone());
        if let Some(unique) = unique {
            self.unique.insert(unique, id);
        }
        (contact, known.is_none())
    }

    /// By what the archived contact was matched last. An id that is unknown, or archived already, is no error.
    fn archive(&mut self, id: &str) -> Option<String> {
        let id = self.living(id)?;
        self.contacts.get_mut(&id)?.archived = true;
        self.unique.retain(|_, other| *other != id);
        self.matched.get(&id).cloned()
    }
}

/// `SimplePublicUpsertObject` of the specification.
fn result(contact: &Contact, created: bool, input: &UpsertInput, now: &str) -> Value {
    let sent = |name: &str| input.properties.contains_key(name) || input.id_property.as_deref() == Some(name);
    let mut properties: BTreeMap<_, _> = contact
        .properties
        .iter()
        .filter(|(name, _)| sent(name))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    properties.insert("hs_object_id", &contact.id);
    properties.insert("lastmodifieddate", now);
    let mut result = json!({
        "id": contact.id,
        "properties": properties,
        "createdAt": now,
        "updatedAt": now,
        "archived": false,
        "new": created,
    });
    if let Some(trace) = &input.object_write_trace_id {
        result["objectWriteTraceId"] = trace.as_str().into();
    }
    result
}

/// `Error` of the specification.
fn error_body(request: u64, category: &str, message: &str) -> Value {
    json!({
        "status": "error",
        "message": message,
        "correlationId": correlation(request),
        "category": category,
    })
}

/// In the form of a UUID; the request's number, so that a failure can be looked up on this vendor's page.
fn correlation(request: u64) -> String {
    format!("00000000-0000-4000-8000-{request:012}")
}
