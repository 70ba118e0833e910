//! What a vendor received, as a page for people and as JSON for programs.

use std::{collections::BTreeMap, fmt::Write as _};

use axum::{
    Json,
    http::{HeaderMap, header},
    response::{Html, IntoResponse as _, Response},
};
use shared::{
    time::Timestamp,
    value::{Object, Value},
};

use super::received::{Log, Received, What};

/// How many of the last entries are shown.
const SHOWN: usize = 20;

/// The page, or the JSON for who asks for that.
pub fn page(name: &str, log: &Log, headers: &HeaderMap) -> Response {
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
                serde_json::json!({ "request": entry.request, "at": at, "kind": entry.what.kind(), "of": of, "what": what })
            })
            .collect();
        return Json(serde_json::json!({ "name": name, "counts": counts, "last": last })).into_response();
    }
    Html(html(name, &counts, &last)).into_response()
}

/// Whom it is about, and what was said.
fn words(what: &What) -> (String, String) {
    match what {
        What::Upsert { key, id, fields, created } => {
            let how = if *created { "created" } else { "updated" };
            (format!("{key} ({id}, {how})"), json(fields))
        }
        What::Remove { id, key: Some(key), .. } => (format!("{key} ({id})"), String::new()),
        What::Remove { id, key: None, .. } => (id.clone(), "was not there".to_owned()),
        What::Event { id, r#type, timestamp, fields } => {
            let known = |text: &Option<String>| text.clone().unwrap_or_default();
            let of = format!("{} {}", known(r#type), known(id));
            (of.trim().to_owned(), format!("{} {}", known(timestamp), json(fields)).trim().to_owned())
        }
        What::RecordRefused { key, id, reason, .. } => {
            (key.clone().or_else(|| id.clone()).unwrap_or_default(), reason.clone())
        }
        What::Throttled { wait } => (String::new(), format!("for {} ms", wait.as_millis())),
        What::Refused { status, reason } => (status.to_string(), reason.clone()),
        What::Fault(name) => ((*name).to_owned(), String::new()),
    }
}

fn json(fields: &Object) -> String {
    Value::Object(fields.clone()).to_json()
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
