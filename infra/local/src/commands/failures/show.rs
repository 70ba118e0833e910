//! One failure, whole.

use std::fmt::Write as _;

use anyhow::bail;
use shared::{
    failure::{Kept, Payload},
    ports::KeptFailures as _,
    redrive::UNKNOWN,
};

use super::super::pretty::pretty;
use crate::deployed::Connection;

/// Everything about a failure, and what failed.
pub async fn show(stack: &Connection<'_>, id: &str) -> anyhow::Result<String> {
    let table = stack.failures();
    let Some(kept) = table.get(id).await? else { bail!("{id}: {UNKNOWN}") };
    let payload = table.payload(&kept.failure).await?;
    Ok(render(&kept, payload.as_deref()))
}

fn render(kept: &Kept, payload: Option<&[u8]>) -> String {
    let Kept { failure, listed, redrives, redriven_at, closed_at, discarded } = kept;
    let mut lines: Vec<(&str, String)> = vec![
        ("id", failure.id.clone()),
        ("state", listed.standing.as_str().to_owned()),
        ("stage", failure.stage.as_str().to_owned()),
        ("reason", failure.reason.clone()),
    ];
    let mut add = |name, value: Option<String>| lines.extend(value.map(|value| (name, value)));
    add("source", failure.source.clone());
    let version = |version: u64| format!(" version {version}");
    let pipeline = failure.pipeline.as_ref();
    add("pipeline", pipeline.map(|name| format!("{name}{}", failure.version.map_or_else(String::new, version))));
    add("destination", failure.destination.clone());
    add("row", failure.key.as_ref().map(shared::key::Key::canonical));
    add("request", failure.request.as_ref().map(|sent| format!("{} {} {}", sent.method, sent.url, sent.body)));
    add("answer", failure.answer.as_ref().map(|answer| format!("{} {}", answer.status, answer.body)));
    add("times", Some(listed.times.to_string()));
    add("first at", Some(listed.first_at.to_rfc3339()));
    add("last at", Some(listed.last_at.to_rfc3339()));
    add("redriven", redriven_at.map(|at| format!("{redrives} times, last at {}", at.to_rfc3339())));
    add("closed", closed_at.map(|at| format!("{} at {}", listed.standing.as_str(), at.to_rfc3339())));
    add("discarded", discarded.as_ref().map(|(at, why)| format!("{}: {why}", at.to_rfc3339())));
    if let Payload::Object { bucket, key } = &failure.payload {
        add("kept in", Some(format!("s3://{bucket}/{key}")));
    }
    let mut text = String::new();
    for (name, value) in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{name:<11}  {value}");
    }
    text.push('\n');
    let failed = match payload.map(std::str::from_utf8) {
        None => "What failed is gone: objects are kept 45 days.".to_owned(),
        Some(Ok(payload)) => pretty(payload).unwrap_or_else(|| payload.to_owned()),
        Some(Err(_)) => {
            let encoded = base64_simd::STANDARD.encode_to_string(payload.unwrap_or_default());
            format!("These bytes are no text; in base64:\n{encoded}")
        }
    };
    text.push_str(&failed);
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use shared::{
        failure::{Answer, Failure, Listed, Sent, Stage, Standing},
        key::Key,
        time::Timestamp,
    };

    use super::*;

    fn kept() -> Kept {
        let at = Timestamp::from_millis(951_782_400_000);
        let failure = Failure {
            id: "contacts/customers/1/5".to_owned(),
            stage: Stage::Deliver,
            reason: "HubSpot rejects it".to_owned(),
            source: Some("customers".to_owned()),
            pipeline: Some("contacts".to_owned()),
            version: Some(3),
            destination: Some("crm".to_owned()),
            key: Some(Key::single("id", "c-1")),
            request: Some(Sent::new("POST", "https://api.example/contacts", r#"{"email":"ada"}"#)),
            answer: Some(Answer::new(400, "INVALID_EMAIL")),
            payload: Payload::of(b"{}"),
            at,
        };
        let listed = Listed {
            id: failure.id.clone(),
            stage: failure.stage,
            standing: Standing::Open,
            reason: failure.reason.clone(),
            pipeline: failure.pipeline.clone(),
            destination: failure.destination.clone(),
            times: 2,
            first_at: Timestamp::from_millis(0),
            last_at: at,
        };
        Kept {
            failure,
            listed,
            redrives: 1,
            redriven_at: Some(Timestamp::from_millis(1_000)),
            closed_at: None,
            discarded: None,
        }
    }

    #[test]
    fn everything_is_shown() {
        let expected = "\
id           contacts/customers/1/5
state        open
stage        deliver
reason       HubSpot rejects it
source       customers
pipeline     contacts version 3
destination  crm
row          {\"id\":\"c-1\"}
request      POST https://api.example/contacts {\"email\":\"ada\"}
answer       400 INVALID_EMAIL
times        2
first at     1970-01-01T00:00:00.000Z
last at      2000-02-29T00:00:00.000Z
redriven     1 times, last at 1970-01-01T00:00:01.000Z

{
  \"plan\": 1.0
}
";
        assert_eq!(render(&kept(), Some(br#"{"plan":1.0}"#)), expected);
    }

    #[test]
    fn what_is_no_json_or_gone_is_said() {
        assert!(render(&kept(), Some(b"plain")).ends_with("\n\nplain\n"));
        assert!(render(&kept(), Some(b"\xff")).ends_with("in base64:\n/w==\n"));
        assert!(render(&kept(), None).ends_with("What failed is gone: objects are kept 45 days.\n"));
    }
}
