//! What a vendor received, as a page for people and as JSON for programs.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, header},
    response::{Html, IntoResponse as _, Response},
    routing::get,
};
use serde_json::json;
use shared::time::Timestamp;

use super::received::{Log, Received, What};

/// How many of the last entries are shown.
const SHOWN: usize = 20;

/// `GET /`.
pub fn router(name: String, log: Arc<Log>) -> Router {
    Router::new().route("/", get(page)).with_state(Arc::new((name, log)))
}

async fn page(State(of): State<Arc<(String, Arc<Log>)>>, headers: HeaderMap) -> Response {
    let (name, log) = &*of;
    let received = log.since(0);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for entry in &received {
        *counts.entry(entry.what.kind()).or_default() += 1;
    }
    let last: Vec<_> = received.iter().rev().take(SHOWN).collect();
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.contains("application/json") {
        let last: Vec<_> = last
            .iter()
            .map(|entry| {
                let at = Timestamp::from_millis(entry.at_millis).to_rfc3339();
                let (of, what) = words(&entry.what);
                json!({ "request": entry.request, "at": at, "kind": entry.what.kind(), "of": of, "what": what })
            })
            .collect();
        return Json(json!({ "name": name, "counts": counts, "last": last })).into_response();
    }
    Html(html(name, &counts, &last)).into_response()
}

/// Whom it is about, and what was said.
fn words(what: &What) -> (String, String) {
    match what {
        What::Upsert { key, id, properties, created } => {
            let how = if *created { "created" } else { "updated" };
            (format!("{key} ({id}, {how})"), json!(properties).to_string())
        }
        What::Archive { id, key: Some(key) } => (format!("{key} ({id})"), String::new()),
        What::Archive { id, key: None } => (id.clone(), "was not there".to_owned()),
        What::Event { id, r#type, timestamp, data } => (format!("{type} {id}"), format!("{timestamp} {data}")),
        What::RecordRefused { key, reason, .. } => (key.clone(), reason.clone()),
        What::Refused { status, reason } => (status.to_string(), reason.clone()),
        What::Fault(name) => ((*name).to_owned(), String::new()),
    }
}

fn html(name: &str, counts: &BTreeMap<&str, usize>, last: &[&Received]) -> String {
    let name = escaped(name);
    let mut page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta http-equiv=refresh content=2>\
         <title>{name}</title><style>body{{font:14px/1.5 system-ui;margin:2rem}}\
         td,th{{text-align:left;vertical-align:top;padding:.2rem 1rem .2rem 0;white-space:nowrap}}\
         td:nth-child(n+4){{white-space:normal;overflow-wrap:anywhere}}</style>\
         <h1>{name}</h1><p>"
    );
    for (kind, count) in counts {
        // Writing to a string cannot fail.
        let _ = write!(page, "{count} × {kind} &ensp; ");
    }
    page.push_str("<table><thead><tr><th>Request<th>When<th>Kind<th>Of<th>What</thead><tbody>");
    for entry in last {
        let (of, what) = words(&entry.what);
        let _ = write!(
            page,
            "<tr><td>{}<td>{}<td>{}<td>{}<td>{}",
            entry.request,
            Timestamp::from_millis(entry.at_millis).to_rfc3339(),
            entry.what.kind(),
            escaped(&of),
            escaped(&what)
        );
    }
    page.push_str("</tbody></table></html>");
    page
}

/// Text that cannot become markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
