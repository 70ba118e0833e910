//! The destinations: how they stand, whether they accept their credentials, and new ones for them.

use std::{sync::Arc, time::Duration};

use console::role::Role;
use http::StatusCode;
use shared::{
    audit::AuditOutcome,
    gate::Gate,
    tally::Counted,
    testing::{MemoryAudit, MemorySecrets, ScriptedHttp, lock},
    time::Timestamp,
};

use crate::memory::{Browser, CRM_SECRET, MemoryDoor, MemoryWorld, NOW, ada};

const CRM: &str = "/settings/connections/crm";
const CHECK: &str = "/settings/connections/crm/check";
const SECRET: &str = "/settings/connections/crm/secret";

fn world(role: Role) -> MemoryWorld {
    let world = MemoryWorld::behind(MemoryDoor { resident: Some(ada(role)), ..MemoryDoor::default() });
    for secrets in [&world.secrets.current, &world.secrets.cached] {
        lock(secrets).insert(CRM_SECRET.to_owned(), "pat-old".to_owned());
    }
    world
}

/// What a test still holds of a world while the console works in it.
struct Watched {
    secrets: Arc<MemorySecrets>,
    http: Arc<ScriptedHttp>,
    audit: Arc<MemoryAudit>,
}

fn watched(role: Role) -> (Watched, Browser) {
    let world = world(role);
    let (secrets, http, audit) = (Arc::clone(&world.secrets), Arc::clone(&world.http), Arc::clone(&world.audit));
    (Watched { secrets, http, audit }, Browser::of(world.console()))
}

#[tokio::test]
async fn each_destination_is_shown_in_words_and_without_its_secret() {
    let mut browser = Browser::of(world(Role::Viewer).console());
    let list = browser.get("/settings/connections").await.text().to_owned();
    for part in ["crm", "HubSpot", "Has a secret.", "warehouse", "Has no secret.", "No trouble known"] {
        assert!(list.contains(part), "{part}: {list}");
    }
    let one = browser.get(CRM).await.text().to_owned();
    assert!(one.contains("starter") && one.contains("Admins replace it."), "{one}");
    assert!(!one.contains("pat-old") && !one.contains("/check") && !one.contains("type=\"password\""), "{one}");
    assert_eq!(browser.get("/settings/connections/none").await.status, StatusCode::NOT_FOUND);
    let webhook = browser.get("/settings/connections/warehouse").await.text().to_owned();
    assert!(webhook.contains("https://warehouse.example/in") && webhook.contains("secret_arn"), "{webhook}");
}

#[tokio::test]
async fn a_destination_that_is_down_or_asks_to_wait_or_refuses_says_so() {
    let at = Timestamp::from_millis(NOW);
    let page = async |change: &dyn Fn(&mut Gate), counted: Vec<Counted>| {
        let world = world(Role::Viewer);
        let mut gate = Gate::default();
        change(&mut gate);
        lock(&world.gates.gates).insert("crm".to_owned(), (1, gate));
        *lock(&world.counts.counted) = counted;
        Browser::of(world.console()).get(CRM).await.text().to_owned()
    };
    let fails = |gate: &mut Gate| {
        for _ in 0..shared::gate::FAILURES {
            gate.failed(at, at, 1.0);
        }
    };
    let down = page(&fails, Vec::new()).await;
    assert!(down.contains("HubSpot is not answering; tried again at 2027-01-15 08:00:05 UTC."), "{down}");
    let waits = page(&|gate| gate.block(at + Duration::from_mins(1)), Vec::new()).await;
    assert!(waits.contains("HubSpot asked to wait until 2027-01-15 08:01:00 UTC."), "{waits}");
    let counts = |stage: &str| {
        let counts = vec![("contacts".to_owned(), "unauthorised".to_owned(), 3)];
        vec![Counted { minute: at.minutes(), stage: stage.to_owned(), counts }]
    };
    let refuses = page(&|_| {}, counts("deliver/crm")).await;
    assert!(refuses.contains("Refuses the credentials") && refuses.contains("Give it a new secret."), "{refuses}");
    let other = page(&|_| {}, counts("deliver/warehouse")).await;
    assert!(other.contains("No trouble known"), "{other}");

    let world = world(Role::Viewer);
    world.gates.breaks.next(2);
    let unknown = Browser::of(world.console()).get("/settings/connections").await.text().to_owned();
    assert!(unknown.contains("could not be read just now") && !unknown.contains("No trouble known"), "{unknown}");
}

#[tokio::test]
async fn credentials_are_checked_by_one_request_and_the_verdict_is_plain() {
    let (world, mut browser) = watched(Role::Editor);
    let token = browser.get(CRM).await.token();
    world.http.answer(200, &[], "{}");
    let accepted = browser.post(CHECK, &token).await.text().to_owned();
    assert!(accepted.contains("HubSpot accepts the credentials."), "{accepted}");
    world.http.answer(401, &[], r#"{"message":"pat-old is <b>expired</b>"}"#);
    let refused = browser.post(CHECK, &token).await.text().to_owned();
    assert!(
        refused.contains("HubSpot does not accept the credentials: HubSpot answered 401: [secret] is &#60;b&#62;"),
        "{refused}"
    );
    world.http.no_answer("connection refused");
    let untold = browser.post(CHECK, &token).await.text().to_owned();
    assert!(untold.contains("could not be found out") && untold.contains("connection refused"), "{untold}");
    let unasked = browser.post("/settings/connections/warehouse/check", &token).await.text().to_owned();
    assert!(unasked.contains("was not asked"), "{unasked}");
    assert!(lock(&world.audit.entries).is_empty(), "nothing was changed");
}

#[tokio::test]
async fn a_secret_is_written_and_checked_and_stands_nowhere_else() {
    let (world, mut browser) = watched(Role::Admin);
    let page = browser.get(CRM).await;
    assert!(page.text().contains("name=\"secret\" type=\"password\"") && !page.text().contains("pat-old"));
    world.http.answer(200, &[], "{}");
    let replaced = browser.post_form(SECRET, &page.token(), "secret=+pat-new-0000%0A").await;
    assert_eq!(replaced.status, StatusCode::OK);
    let text = replaced.text().to_owned();
    assert!(text.contains("The secret was replaced. HubSpot accepts the credentials."), "{text}");
    assert_eq!(lock(&world.secrets.current).get(CRM_SECRET).map(String::as_str), Some("pat-new-0000"));
    let bearer = ("authorization".to_owned(), "Bearer pat-new-0000".to_owned());
    assert!(lock(&world.http.requests)[0].headers.contains(&bearer), "the new one is asked with");
    let log = format!("{:?}", lock(&world.audit.entries));
    assert!(
        log.contains("replace the secret") && log.contains("destination crm") && log.contains("Ada Lovelace"),
        "{log}"
    );
    for hidden in ["pat-old", "pat-new-0000"] {
        assert!(!text.contains(hidden) && !log.contains(hidden), "{hidden}");
    }
}

#[tokio::test]
async fn what_is_no_secret_is_not_written_and_not_repeated() {
    let (world, mut browser) = watched(Role::Admin);
    let token = browser.get(CRM).await.token();
    for typed in ["secret=", "secret=+", "other=geheim", "secret=geh%C3%A9im"] {
        let answer = browser.post_form(SECRET, &token, typed).await.text().to_owned();
        assert!(answer.contains("The secret was not replaced.") && !answer.contains("geh"), "{typed}: {answer}");
    }
    let none = browser.post_form("/settings/connections/warehouse/secret", &token, "secret=x").await.text().to_owned();
    assert!(none.contains("It has no secret."), "{none}");
    assert_eq!(lock(&world.secrets.current).get(CRM_SECRET).map(String::as_str), Some("pat-old"));
    assert!(lock(&world.audit.entries).is_empty());

    // What Secrets Manager does not take is a failed change in the log.
    world.secrets.write_breaks.next(1);
    let broken = browser.post_form(SECRET, &token, "secret=pat-new").await;
    assert!(broken.status.is_server_error() && !broken.text().contains("pat-new"), "{}", broken.text());
    assert!(matches!(lock(&world.audit.entries)[0].outcome, AuditOutcome::Failed(_)));
}

#[tokio::test]
async fn who_may_not_replaces_and_asks_nothing() {
    for (role, path) in [(Role::Viewer, CHECK), (Role::Viewer, SECRET), (Role::Editor, SECRET)] {
        let (world, mut browser) = watched(role);
        let token = browser.get("/").await.token();
        assert_eq!(browser.post_form(path, &token, "secret=pat-new").await.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(lock(&world.secrets.current).get(CRM_SECRET).map(String::as_str), Some("pat-old"));
    }
}
