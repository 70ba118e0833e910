//! A receiver of Standard Webhooks: verifies the signature, takes one event, a JSON array of events, or a line an event.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{any, post},
};
use ring::hmac;
use serde::Deserialize;
use serde_json::value::RawValue;
use shared::time::{Clock, SystemClock};

use super::{
    Strikes, VendorFault,
    received::{Log, What},
    server::Hangup,
};

/// How far a timestamp may be from now, in seconds: five minutes, as in Standard Webhooks' own libraries.
const TOLERANCE: i64 = 300;

/// What common servers take: nginx's `client_max_body_size` is 1 MB.
const MAX_BODY: usize = 1024 * 1024;

/// Verifies signatures.
///
/// Written from the specification, on purpose apart from the code in `shared` that signs: one shared mistake would sign
/// and verify happily.
#[derive(Debug)]
pub struct Verifier(hmac::Key);

impl Verifier {
    /// For a secret: `whsec_` and base64.
    pub fn new(secret: &str) -> Result<Self, String> {
        let encoded = secret.strip_prefix("whsec_").ok_or("a webhook's secret begins with whsec_")?;
        let bytes =
            base64_simd::STANDARD.decode_to_vec(encoded).map_err(|_| "a webhook's secret is base64 behind whsec_")?;
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// Whether a request's signature fits; `now` in seconds since 1970.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8], now: i64) -> Result<(), &'static str> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let id = header("webhook-id").filter(|id| !id.is_empty()).ok_or("there is no webhook-id")?;
        let timestamp = header("webhook-timestamp").ok_or("there is no webhook-timestamp")?;
        let signatures = header("webhook-signature").ok_or("there is no webhook-signature")?;
        let at: i64 = timestamp.parse().map_err(|_| "webhook-timestamp is no number of seconds")?;
        if (now - at).abs() > TOLERANCE {
            return Err("webhook-timestamp is too far from now");
        }
        if id.contains('.') {
            return Err("webhook-id has a full stop in it");
        }
        let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat();
        let matches = |signature: &str| {
            let base64 = signature.strip_prefix("v1,")?;
            let tag = base64_simd::STANDARD.decode_to_vec(base64).ok()?;
            // Compares in constant time.
            hmac::verify(&self.0, &signed, &tag).ok()
        };
        if signatures.split(' ').any(|signature| matches(signature).is_some()) {
            Ok(())
        } else {
            Err("no signature fits")
        }
    }
}

/// One event. Other names would be a mistake of the sender.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Event<'a> {
    id: String,
    r#type: String,
    timestamp: String,
    #[serde(borrow)]
    data: &'a RawValue,
}

struct Webhook {
    verifier: Option<Verifier>,
    log: Arc<Log>,
    faults: Arc<dyn Strikes>,
    /// The next dropped connection is dropped after the request is applied.
    drop_after: AtomicBool,
}

/// The routes: every path takes events.
pub fn router(verifier: Option<Verifier>, log: Arc<Log>, faults: Arc<dyn Strikes>) -> Router {
    let webhook = Arc::new(Webhook { verifier, log, faults, drop_after: AtomicBool::new(false) });
    Router::new()
        .route("/", post(receive))
        .route("/{*path}", any(receive))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(webhook)
}

async fn receive(State(webhook): State<Arc<Webhook>>, headers: HeaderMap, body: Bytes) -> Response {
    let request = webhook.log.request();
    let faulty = |name: &'static str, response: Response| {
        webhook.log.add(request, [What::Fault(name)]);
        response
    };
    let mut drop_after = false;
    if webhook.faults.strikes(VendorFault::Drop) {
        drop_after = webhook.drop_after.fetch_xor(true, Ordering::Relaxed);
        if !drop_after {
            return faulty("dropped before it was applied", Hangup::response());
        }
    }
    if !drop_after && webhook.faults.strikes(VendorFault::Error) {
        return faulty("500", (StatusCode::INTERNAL_SERVER_ERROR, "internal error").into_response());
    }
    if !drop_after && webhook.faults.strikes(VendorFault::Throttle) {
        let wait = [(header::RETRY_AFTER, (1 + request % 2).to_string())];
        return faulty("429", (StatusCode::TOO_MANY_REQUESTS, wait, "too many requests").into_response());
    }
    let refuse = |status: StatusCode, reason: String| {
        webhook.log.add(request, [What::Refused { status: status.as_u16(), reason: reason.clone() }]);
        (status, reason).into_response()
    };
    if let Some(verifier) = &webhook.verifier
        && let Err(reason) = verifier.verify(&headers, &body, SystemClock.now().seconds())
    {
        return refuse(StatusCode::UNAUTHORIZED, reason.to_owned());
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let events = match content_type {
        "application/json" => json(&body),
        "application/x-ndjson" => lines(&body),
        other => return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, format!("{other:?} is not understood here")),
    };
    let events = match events {
        Ok(events) => events,
        Err(error) => return refuse(StatusCode::UNPROCESSABLE_ENTITY, format!("this is no event: {error}")),
    };
    let taken = events.into_iter().map(|Event { id, r#type, timestamp, data }| What::Event {
        id,
        r#type,
        timestamp,
        data: data.get().to_owned(),
    });
    webhook.log.add(request, taken);
    if drop_after {
        return faulty("dropped after it was applied", Hangup::response());
    }
    StatusCode::NO_CONTENT.into_response()
}

fn json(body: &[u8]) -> serde_json::Result<Vec<Event<'_>>> {
    if body.trim_ascii_start().starts_with(b"[") {
        serde_json::from_slice(body)
    } else {
        serde_json::from_slice(body).map(|event| vec![event])
    }
}

fn lines(body: &[u8]) -> serde_json::Result<Vec<Event<'_>>> {
    body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(serde_json::from_slice).collect()
}
