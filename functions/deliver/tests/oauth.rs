//! Tokens: renewed before they end, by one at a time, and never at the cost of a delivery.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[expect(dead_code, reason = "these tests have a connector of their own")]
mod memory;

use std::{sync::Mutex, time::Duration};

use deliver::{Deliver, Quota};
use memory::{Memory, NOW, SECRET, contact, deadline, lanes, messages, payload};
use shared::{
    delivery::Delivery,
    destination::Connector,
    ports::{Http, HttpError, HttpRequest, HttpResponse, Leases as _},
    time::Timestamp,
    value::{Object, Value},
};
use url::form_urlencoded;

const CONNECTOR: &str = r#"
slug = "example"
name = "Example"
summary = "An example."

[auth.oauth]
grant = "refresh_token"
token_url = "https://example.com/oauth/token"
help = "client_id, client_secret and refresh_token of an app"

[[actions]]
name = "send"
label = "Send"
help = "Sends."
mode = "append"
other_fields = true

[actions.request]
method = "POST"
url = "https://example.com/in"
shape = "single"
count = 1
bytes = 1_000
item = '{ "id": "{delivery.id}" }'
"#;

/// A vendor that replaces the refresh token with every grant, and ends the whole grant where one is used twice.
#[derive(Debug, Default)]
struct Vendor(Mutex<Granted>);

#[derive(Debug, Default)]
struct Granted {
    /// So many tokens were granted; the last is `access-<n>`, beside `refresh-<n>`.
    tokens: u32,
    /// Requests for a token.
    asked: u32,
    /// A refresh token was used twice.
    burnt: bool,
    /// Deliveries taken.
    taken: Vec<String>,
}

impl Http for Vendor {
    async fn call(&self, request: &HttpRequest) -> Result<HttpResponse, HttpError> {
        // Another call may go on in between, as over a network.
        tokio::task::yield_now().await;
        let mut granted = self.0.lock().unwrap();
        let (status, body) = if request.url.ends_with("/oauth/token") {
            granted.asked += 1;
            let form: Vec<_> = form_urlencoded::parse(&request.body).collect();
            let shown = form.iter().find(|(name, _)| name == "refresh_token").unwrap().1.clone();
            if shown == format!("refresh-{}", granted.tokens) && !granted.burnt {
                granted.tokens += 1;
                let number = granted.tokens;
                (
                    200,
                    format!(
                        r#"{{"access_token":"access-{number}","expires_in":600,"refresh_token":"refresh-{number}"}}"#
                    ),
                )
            } else {
                granted.burnt = true;
                (400, r#"{"error":"invalid_grant"}"#.to_owned())
            }
        } else {
            let wanted = ("authorization".to_owned(), format!("Bearer access-{}", granted.tokens));
            if granted.burnt || !request.headers.contains(&wanted) {
                (401, String::new())
            } else {
                granted.taken.push(String::from_utf8(request.body.clone()).unwrap());
                (200, String::new())
            }
        };
        Ok(HttpResponse { status, headers: Vec::new(), body: body.into_bytes() })
    }
}

fn world() -> &'static Memory<Vendor> {
    let world = Memory::new(Vendor::default());
    let secret = r#"{"client_id":"a","client_secret":"b","refresh_token":"refresh-0"}"#;
    for kept in [&world.secrets.cached, &world.secrets.current] {
        kept.lock().unwrap().insert(SECRET.to_owned(), secret.to_owned());
    }
    Box::leak(Box::new(world))
}

fn handler(world: &'static Memory<Vendor>) -> Deliver<&'static Memory<Vendor>> {
    let connector: &'static Connector = Box::leak(Box::new(Connector::parse("example.toml", CONNECTOR).unwrap()));
    let destination = connector.configure("crm", &Object::new()).unwrap();
    Deliver::new(destination, Some(SECRET.to_owned()), lanes(), memory::PACE, Quota::default(), world)
}

/// So many events, each of a row and a message of its own.
fn events(rows: std::ops::Range<u32>) -> Vec<u8> {
    let batches: Vec<_> = rows
        .map(|row| vec![Delivery { action: "send".into(), ..contact(&format!("row-{row}"), row + 1, "") }])
        .collect();
    payload(&messages(&batches))
}

async fn waiting(handler: &Deliver<&'static Memory<Vendor>>, payload: &[u8]) -> usize {
    handler.deliver(payload, deadline()).await.unwrap().failed().count()
}

fn granted(world: &Memory<Vendor>) -> (u32, usize, bool) {
    let granted = world.http.0.lock().unwrap();
    (granted.tokens, granted.taken.len(), granted.burnt)
}

fn kept(world: &Memory<Vendor>, name: &str) -> Option<String> {
    let secret = Value::from_json(world.secrets.current.lock().unwrap()[SECRET].as_bytes()).unwrap();
    secret.get(name)?.as_str().map(str::to_owned)
}

#[tokio::test]
async fn one_token_serves_all_calls_and_is_renewed_before_it_ends() {
    let world = world();
    let handler = handler(world);
    assert_eq!(waiting(&handler, &events(0..20)).await, 0);
    assert_eq!(granted(world), (1, 20, false), "one for all calls that are under way together");
    assert_eq!(kept(world, "refresh_token").as_deref(), Some("refresh-1"));
    assert_eq!(waiting(&handler, &events(20..30)).await, 0);
    assert_eq!(granted(world), (1, 30, false));
    world.state.clock.advance(Duration::from_secs(541));
    let late = Timestamp::from_millis(NOW) + Duration::from_secs(700);
    assert_eq!(handler.deliver(&events(30..31), late).await.unwrap().failed().count(), 0);
    assert_eq!(granted(world), (2, 31, false));
}

#[tokio::test]
async fn two_invocations_never_use_one_refresh_token_twice() {
    let world = world();
    let (one, other) = (handler(world), handler(world));
    let (first, second) = (events(0..10), events(10..20));
    let left = tokio::join!(waiting(&one, &first), waiting(&other, &second));
    let (tokens, taken, burnt) = granted(world);
    assert!(!burnt && tokens == 1, "{tokens}");
    // A message behind one that waits is reported too, delivered or not.
    assert!(taken + left.0 + left.1 >= 20, "who came second waits for the first's renewal");
    // What waited comes again, and finds the token.
    for payload in [&first, &second] {
        assert_eq!(waiting(&other, payload).await, 0);
    }
    assert_eq!(granted(world), (1, 20, false));
    assert!(world.state.kept().is_empty());
}

#[tokio::test]
async fn a_token_that_the_vendor_refuses_is_renewed_once() {
    let world = world();
    let handler = handler(world);
    assert_eq!(waiting(&handler, &events(0..3)).await, 0);
    // The vendor ends the token before its time, as a new sign-in would.
    let revoked = r#"{"client_id":"a","client_secret":"b","refresh_token":"refresh-1","access_token":"old","expires_at":9999999999}"#;
    for kept in [&world.secrets.cached, &world.secrets.current] {
        kept.lock().unwrap().insert(SECRET.to_owned(), revoked.to_owned());
    }
    assert_eq!(waiting(&handler, &events(3..9)).await, 0);
    assert_eq!(granted(world), (2, 9, false));
}

#[tokio::test]
async fn a_grant_that_has_ended_holds_the_queue_and_loses_nothing() {
    let world = world();
    world.http.0.lock().unwrap().burnt = true;
    let handler = handler(world);
    assert_eq!(waiting(&handler, &events(0..5)).await, 5);
    assert_eq!(granted(world).1, 0);
    assert_eq!(world.http.0.lock().unwrap().asked, 1, "five calls, and the second try, ask once");
    assert!(world.state.kept().is_empty(), "no delivery is to blame");
    let hidden = world.visibility.hidden.lock().unwrap();
    assert!(hidden.values().all(|wait| *wait == Duration::from_mins(5)), "{hidden:?}");
}

#[tokio::test]
async fn a_token_that_cannot_be_stored_is_used_and_stored_later() {
    let world = world();
    let handler = handler(world);
    world.secrets.write_breaks.next(1);
    assert_eq!(waiting(&handler, &events(0..1)).await, 0);
    assert_eq!(kept(world, "refresh_token").as_deref(), Some("refresh-0"), "it was not stored");
    assert_eq!(waiting(&handler, &events(1..2)).await, 0);
    assert_eq!(kept(world, "refresh_token").as_deref(), Some("refresh-1"));
    assert_eq!(granted(world), (1, 2, false));
}

#[tokio::test]
async fn a_crash_in_a_renewal_holds_up_the_next_for_a_minute_at_most() {
    let world = world();
    let handler = handler(world);
    let now = Timestamp::from_millis(NOW);
    assert!(world.ledger.take("token/crm", now, now + Duration::from_mins(1)).await.unwrap());
    assert_eq!(waiting(&handler, &events(0..2)).await, 2);
    let hidden = world.visibility.hidden.lock().unwrap().clone();
    assert!(hidden.values().all(|wait| (2..=3).contains(&wait.as_secs())), "{hidden:?}");
    world.state.clock.advance(Duration::from_mins(1));
    let late = now + Duration::from_mins(3);
    assert_eq!(handler.deliver(&events(0..2), late).await.unwrap().failed().count(), 0);
    assert_eq!(granted(world), (1, 2, false));
}
