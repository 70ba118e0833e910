//! What every answer has, and what the first pages show.

use std::io::Read as _;

use crate::memory::{Answer, Browser, FORM, MemoryDoor, MemoryWorld, ada, signed_in};
use console::{
    asset::Asset,
    door::{Arrival, Departure, Door, DoorError, DoorRules, Handshake, Person, Transport},
    role::Role,
};
use http::{Method, StatusCode};
use shared::{
    audit::{AuditEntry, AuditOutcome},
    testing::lock,
    time::Timestamp,
};

/// Every page that there is, with those that are in the place of one.
async fn every_answer() -> Vec<(&'static str, Answer)> {
    let mut admin = signed_in(Role::Admin).await;
    let mut viewer = signed_in(Role::Viewer).await;
    let mut nobody = admin.another();
    vec![
        ("sign-in", nobody.get("/sign-in").await),
        ("start", nobody.get("/sign-in/start").await),
        ("no code", nobody.get("/sign-in/return").await),
        ("signed out", nobody.get("/signed-out").await),
        ("to sign-in", nobody.get("/").await),
        ("home", admin.get("/").await),
        ("settings", admin.get("/settings").await),
        ("people", admin.get("/settings/people").await),
        ("audit", admin.get("/settings/audit").await),
        ("activity", admin.get("/activity").await),
        ("customer", admin.get("/activity/customer").await),
        ("nobody's", admin.get("/activity/customer?q=c-1").await),
        ("pipeline", admin.get("/pipelines/none").await),
        ("version", admin.get("/pipelines/none/versions/1").await),
        ("forbidden", viewer.get("/settings/audit").await),
        ("not found", admin.get("/nothing").await),
        ("not found by nobody", nobody.get("/nothing").await),
        ("another method", admin.send(Method::DELETE, "/", &[("sec-fetch-site", "same-origin")], "").await),
        ("forged", admin.send(Method::POST, "/sign-out", &[FORM], "").await),
        ("query", admin.get("/settings/audit?before=a&before=b").await),
        ("script", nobody.get(&Asset::Script.path()).await),
        ("formula script", nobody.get(&Asset::Formula.path()).await),
        ("style", nobody.get(&Asset::Style.path()).await),
        ("icon", nobody.get(&Asset::Icon.path()).await),
        ("old style", nobody.get("/assets/0123456789abcdef/console.css").await),
        ("no asset", nobody.get("/assets/0123456789abcdef/passwords").await),
    ]
}

#[tokio::test]
async fn every_answer_has_the_headers_that_protect_who_reads_it() {
    let mut nonces = Vec::new();
    for (name, answer) in every_answer().await {
        println!("{name}: {}", answer.status);
        let policy = answer.header("content-security-policy");
        let (_, nonce) = policy.split_once("script-src 'nonce-").expect(name);
        let nonce = nonce.split_once('\'').unwrap().0;
        assert_eq!(
            policy,
            format!(
                "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self'; \
                 connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
            )
        );
        nonces.push(nonce.to_owned());
        for (header, value) in [
            ("strict-transport-security", "max-age=63072000"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "same-origin"),
            ("x-frame-options", "DENY"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(header), value, "{name}");
        }
        let lifetime = answer.header("cache-control");
        let expected = match name {
            "script" | "formula script" | "style" | "icon" => "public, max-age=31536000, immutable",
            "old style" => "no-cache",
            _ => "no-store",
        };
        assert_eq!(lifetime, expected, "{name}");
        for cookie in answer.headers.get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            let is_safe = cookie.starts_with("__Host-freshet-") && cookie.contains("; HttpOnly; SameSite=Lax; Secure");
            assert!(is_safe && !cookie.contains("Domain"), "{name}: {cookie}");
        }
        if answer.header("content-type").starts_with("text/html") {
            let text = answer.text();
            assert!(text.contains(&format!("nonce=\"{nonce}\"")), "{name}");
            assert!(
                !text.contains("style=\"") && !text.contains("<style") && !text.contains(" onclick"),
                "{name}: {text}"
            );
            assert_eq!(text.matches("<script").count(), 1, "{name}");
            assert_eq!(text.matches("<h1>").count(), 1, "{name}");
            assert!(text.contains("<html lang=\"en\">") && text.contains("href=\"#content\""), "{name}");
        }
    }
    let all = nonces.len();
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), all, "each answer has a nonce of its own");
}

#[tokio::test]
async fn each_way_to_go_wrong_has_a_page() {
    let answers = every_answer().await;
    let find = |name: &str| &answers.iter().find(|(other, _)| *other == name).unwrap().1;
    for (name, status, text) in [
        ("no code", 400, "You could not be signed in"),
        ("forbidden", 403, "It takes the role admin, and you have viewer."),
        ("not found", 404, "There is no such page"),
        ("not found by nobody", 404, "There is no such page"),
        ("no asset", 404, "There is no such page"),
        ("pipeline", 404, "There is no such page"),
        ("version", 404, "There is no such page"),
        ("another method", 405, "This page does not do that"),
        ("forged", 403, "You may not do this"),
        ("query", 400, "The request has a mistake"),
    ] {
        let answer = find(name);
        assert_eq!(answer.status, status, "{name}");
        assert!(answer.text().contains(text), "{name}: {}", answer.text());
    }
    assert!(find("not found").text().contains("Ada Lovelace"), "who is signed in keeps the navigation");
    assert!(!find("not found by nobody").text().contains("<nav"));
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let mut browser = signed_in(Role::Admin).await;
    for path in
        ["/", "/settings/people", "/settings/audit", "/sign-in", "/signed-out", "/nothing", &Asset::Style.path()]
    {
        let get = browser.get(path).await;
        let head = browser.send(Method::HEAD, path, &[], "").await;
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        assert!(head.bytes.is_empty(), "{path}");
    }
}

#[tokio::test]
async fn pages_and_assets_are_compressed_for_who_takes_it() {
    let mut browser = signed_in(Role::Admin).await;
    let mut weight = 0;
    for path in
        ["/settings/people", &Asset::Script.path(), &Asset::Formula.path(), &Asset::Style.path(), &Asset::Icon.path()]
    {
        let plain = browser.get(path).await;
        let small = browser.send(Method::GET, path, &[("accept-encoding", "br, gzip")], "").await;
        assert_eq!((plain.header("content-encoding"), small.header("content-encoding")), ("", "gzip"), "{path}");
        assert_eq!((plain.header("vary"), small.header("vary")), ("Accept-Encoding", "Accept-Encoding"), "{path}");
        let mut opened = Vec::new();
        flate2::read::GzDecoder::new(small.bytes.as_slice()).read_to_end(&mut opened).unwrap();
        if path.starts_with("/assets") {
            assert_eq!(opened, plain.bytes, "{path}");
        } else {
            assert!(String::from_utf8(opened).unwrap().ends_with("</html>"), "{path}");
        }
        println!("{path}: {} bytes, {} compressed", plain.bytes.len(), small.bytes.len());
        weight += small.bytes.len();
    }
    assert!(weight < 75_000, "{weight}");
}

#[tokio::test]
async fn signing_out_takes_the_session_away() {
    let mut browser = signed_in(Role::Viewer).await;
    let token = browser.get("/").await.token();
    let answer = browser.post("/sign-out", &token).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/signed-out"));
    assert_eq!(browser.cookie("__Host-freshet-session"), None);
    assert!(browser.get("/signed-out").await.text().contains("You are signed out"));
    assert_eq!(browser.get("/").await.header("location"), "/sign-in?to=%2F");
}

#[tokio::test]
async fn a_session_is_no_sign_in_and_a_sign_in_no_session() {
    let mut browser = signed_in(Role::Admin).await;
    let session = browser.cookie("__Host-freshet-session").unwrap().to_owned();
    let mut other = browser.another();
    other.set_cookie("__Host-freshet-sign-in", &session);
    assert_eq!(other.get("/sign-in/return?code=c&state=a-state").await.status, StatusCode::BAD_REQUEST);
    other.get("/sign-in/start").await;
    let sign_in = other.cookie("__Host-freshet-sign-in").unwrap().to_owned();
    other.set_cookie("__Host-freshet-session", &sign_in);
    assert_eq!(other.get("/").await.status, StatusCode::SEE_OTHER);
    // Nor is one that somebody has changed.
    let changed: String = session.chars().rev().collect();
    browser.set_cookie("__Host-freshet-session", &changed);
    assert_eq!(browser.get("/").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_audit_log_is_read_page_by_page() {
    let world = MemoryWorld::behind(MemoryDoor { resident: Some(ada(Role::Admin)), ..MemoryDoor::default() });
    *lock(&world.audit.entries) = (0..120)
        .map(|number| AuditEntry {
            at: Timestamp::from_millis(1_782_898_200_000 + number),
            id: format!("id-{number}"),
            person: "idp|2".to_owned(),
            name: "Grace <b>Hopper</b>".to_owned(),
            action: "publish".to_owned(),
            subject: format!("pipeline number-{number}."),
            before: None,
            after: Some("=HYPERLINK(\"http://evil.example\")".to_owned()),
            outcome: if number == 119 { AuditOutcome::Failed("overtaken".to_owned()) } else { AuditOutcome::Done },
        })
        .collect();
    let mut browser = Browser::of(world.console());
    let mut path = "/settings/audit".to_owned();
    let mut counts = Vec::new();
    loop {
        let page = browser.get(&path).await;
        let text = page.text().to_owned();
        counts.push(text.matches("<tr>").count() - 1);
        assert!(!text.contains("<b>Hopper"), "{text}");
        if counts.len() == 1 {
            assert!(text.contains("number-119.") && text.contains("Not done: overtaken"), "{text}");
            assert!(text.contains(r#"<time datetime="2026-07-01T09:30:00.119Z">2026-07-01 09:30:00</time>"#), "{text}");
        }
        let Some((_, rest)) = text.split_once("<a href=\"/settings/audit?") else { break };
        path = format!("/settings/audit?{}", rest.split_once('"').unwrap().0);
    }
    assert_eq!(counts, [50, 50, 20]);
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_told_with_a_number() {
    let world = MemoryWorld::behind(MemoryDoor { resident: Some(ada(Role::Admin)), ..MemoryDoor::default() });
    world.audit.breaks.next(1);
    let answer = Browser::of(world.console()).get("/settings/audit").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.text().contains("does not answer") && answer.text().contains("Number: <code>"), "{}", answer.text());
    assert!(!answer.text().contains("broken by the test"), "{}", answer.text());
}

/// A door of this machine.
struct LoopbackDoor;

impl Door for LoopbackDoor {
    const TRANSPORT: Transport = Transport::Loopback;

    async fn depart(&self, _: &str) -> Result<Departure, DoorError> {
        Err(DoorError::Unavailable("nobody has to".to_owned()))
    }
    async fn arrive(&self, _: &str, _: Handshake, _: String) -> Result<Arrival, DoorError> {
        Err(DoorError::Unavailable("nobody has to".to_owned()))
    }
    fn resident(&self) -> Option<Person> {
        Some(ada(Role::Admin))
    }
    async fn rules(&self) -> DoorRules {
        DoorRules::default()
    }
}

#[tokio::test]
async fn on_this_machine_one_is_in_and_only_by_its_own_names() {
    let mut browser = Browser::of(MemoryWorld::behind(LoopbackDoor).console());
    // Somebody's own name, made to point at this machine.
    let rebound = browser.get("/").await;
    assert_eq!(rebound.status, StatusCode::MISDIRECTED_REQUEST);
    assert!(rebound.header("set-cookie").is_empty() && !rebound.text().contains("Ada"));
    let mut browser = browser.at("http://127.0.0.1:8321");
    for method in [Method::HEAD, Method::GET] {
        let answer = browser.another().send(method, "/", &[], "").await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.header("set-cookie").starts_with("freshet-session="), "{}", answer.header("set-cookie"));
        assert_eq!(answer.header("strict-transport-security"), "");
    }
    let token = browser.get("/").await.token();
    let own = [("origin", "http://127.0.0.1:8321"), FORM];
    let body = format!("csrf={token}");
    assert_eq!(browser.send(Method::POST, "/sign-out", &own, &body).await.status, StatusCode::SEE_OTHER);
    let answer = browser.another().send(Method::POST, "/sign-out", &own, &body).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "a request that changes something begins no session");
}
