//! What has failed, and what people do about it.

use std::sync::Arc;

use console::role::Role;
use http::StatusCode;
use shared::{
    audit::AuditOutcome,
    delivery::{Delivery, Told},
    failure::{Answer, Failure, Kept, Listed, Payload, Sent, Stage, Standing},
    key::Key,
    ledger::{Entry, LedgerKey, PastOutcome},
    ports::Queues as _,
    testing::{ManualClock, MemoryAudit, MemoryBackbone, MemoryKeptFailures, MemoryPipelines, MemoryQueues, lock},
    time::Timestamp,
};

use crate::memory::{Browser, MemoryDoor, MemoryWorld, NOW, QUEUE, ada};

/// An open failure that a vendor refused.
pub fn failure(id: &str, pipeline: Option<&str>, reason: &str) -> Kept {
    let at = Timestamp::from_millis(NOW);
    let failure = Failure {
        id: id.to_owned(),
        stage: Stage::Deliver,
        reason: reason.to_owned(),
        source: Some("customers".to_owned()),
        pipeline: pipeline.map(str::to_owned),
        version: Some(2),
        destination: Some("crm".to_owned()),
        key: Some(Key::single("customer_id", "c-1")),
        request: Some(Sent::new("POST", "https://api.example/contacts", r#"{"email":"<script>ada@example.com"}"#)),
        answer: Some(Answer::new(400, "=HYPERLINK(\"http://evil.example\")")),
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
        first_at: at,
        last_at: at,
    };
    Kept { failure, listed, redrives: 0, redriven_at: None, closed_at: None, discarded: None }
}

fn browser(role: Role, kept: Vec<Kept>) -> Browser {
    let world = MemoryWorld::behind(MemoryDoor { resident: Some(ada(role)), ..MemoryDoor::default() });
    *lock(&world.failures.kept) = kept;
    Browser::of(world.console())
}

const ONE: &str = "/problems/one?id=contacts%2Fcustomers%2F1%2F5";

#[tokio::test]
async fn failures_with_which_the_same_is_wrong_are_one_problem() {
    let mut kept: Vec<_> = (0..30)
        .map(|number| failure(&format!("f-{number}"), Some("contacts"), &format!("row {number} is refused")))
        .collect();
    kept.push(failure("other", Some("orders"), "row 1 is refused"));
    kept.push(failure("none", None, "<b>bold</b>"));
    let mut closed = failure("closed", Some("contacts"), "row 7 is refused");
    closed.listed.standing = Standing::Delivered;
    kept.push(closed);
    let mut browser = browser(Role::Viewer, kept);
    let page = browser.get("/problems").await.text().to_owned();
    assert_eq!(page.matches("<section").count(), 3, "{page}");
    for part in ["32 failed changes wait", "row … is refused", "30 changes of", "1 change of", "Show the newest 10"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("<b>bold"), "{page}");
    let of_one = browser.get("/problems?pipeline=orders").await.text().to_owned();
    assert_eq!(of_one.matches("<section").count(), 1, "{of_one}");
    assert!(browser.get("/problems?pipeline=none-such").await.text().contains("Nothing waits for you"));
}

#[tokio::test]
async fn peoples_data_is_for_editors() {
    let all = || vec![failure("contacts/customers/1/5", Some("contacts"), "HubSpot rejects it")];
    let viewed = browser(Role::Viewer, all()).get(ONE).await.text().to_owned();
    assert!(viewed.contains("HubSpot rejects it") && viewed.contains("for editors to see"), "{viewed}");
    for hidden in ["ada@example.com", "HYPERLINK", "c-1", "Give it up"] {
        assert!(!viewed.contains(hidden), "{hidden}: {viewed}");
    }
    // Nor does a reason tell them: where the pipeline is not known, every value is taken for somebody's.
    let told = || {
        let mut kept = failure("contacts/customers/1/5", Some("contacts"), "Lovelace, ada@example.com, is refused");
        kept.failure.payload = Payload::of(br#"{"fields":{"lastname":"Lovelace"}}"#);
        vec![kept]
    };
    let viewed = browser(Role::Viewer, told()).get(ONE).await.text().to_owned();
    assert!(viewed.contains("•••, •••, is refused") && !viewed.contains("Lovelace,"), "{viewed}");
    let listed = browser(Role::Viewer, told()).get("/problems").await.text().to_owned();
    assert!(listed.contains("•••, is refused") && !listed.contains("ada@"), "{listed}");
    let edited = browser(Role::Editor, told()).get(ONE).await.text().to_owned();
    assert!(edited.contains("Lovelace, ada@example.com, is refused"), "{edited}");
    let edited = browser(Role::Editor, all()).get(ONE).await.text().to_owned();
    for shown in ["&#60;script&#62;ada@example.com", "=HYPERLINK", "c-1", "Give it up"] {
        assert!(edited.contains(shown), "{shown}: {edited}");
    }
    for path in ["/problems/one?id=none", "/problems/one?id=", &format!("/problems/one?id={}", "x".repeat(3_000))] {
        assert_eq!(browser(Role::Editor, all()).get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn what_is_given_up_is_so_once_and_with_a_reason() {
    let mut browser =
        browser(Role::Admin, vec![failure("contacts/customers/1/5", Some("contacts"), "HubSpot rejects it")]);
    let token = browser.get(ONE).await.token();
    let id = "id=contacts%2Fcustomers%2F1%2F5";
    let empty = browser.post_form("/problems/discard", &token, &format!("{id}&reason=+")).await;
    assert_eq!(empty.status, StatusCode::BAD_REQUEST);
    assert!(empty.text().contains("The reason is empty"), "{}", empty.text());
    let given_up = browser.post_form("/problems/discard", &token, &format!("{id}&reason=a+test+row")).await;
    assert_eq!((given_up.status, given_up.header("location")), (StatusCode::SEE_OTHER, ONE));
    assert!(browser.get("/problems").await.text().contains("Nothing waits for you"));
    let page = browser.get(ONE).await.text().to_owned();
    assert!(
        page.contains("It was given up.") && page.contains("a test row") && !page.contains("Give it up<"),
        "{page}"
    );
    let again = browser.post_form("/problems/discard", &token, &format!("{id}&reason=again")).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.text().contains("Somebody else has seen to it"), "{}", again.text());
    let log = browser.get("/settings/audit").await.text().to_owned();
    assert!(
        log.contains("discard failure contacts/customers/1/5") && log.contains("Not done: it is not open"),
        "{log}"
    );
}

#[tokio::test]
async fn a_viewer_gives_nothing_up() {
    let mut browser = browser(Role::Viewer, vec![failure("contacts/customers/1/5", None, "no")]);
    let token = browser.get("/").await.token();
    let answer = browser.post_form("/problems/discard", &token, "id=contacts%2Fcustomers%2F1%2F5&reason=x").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(browser.get(ONE).await.text().contains("It waits for somebody to look."));
}

/// A delivery of the version 2 of `contacts`, for the row of this position.
fn delivery(position: u32) -> String {
    format!(
        r#"{{"id":"contacts/customers/1/{position}","pipeline":"contacts","version":2,"source":"customers","op":"update","key":{{"customer_id":"8841"}},"epoch":1,"position":"{position}","occurred_at":0,"arrived_at":{NOW},"action":"upsert_contact","step":"apply","fields":{{"email":"ada"}}}}"#
    )
}

fn delivered(position: u32, reason: &str) -> Kept {
    let mut kept = failure(&format!("contacts/customers/1/{position}"), Some("contacts"), reason);
    kept.failure.payload = Payload::of(delivery(position).as_bytes());
    kept.failure.key = Some(Key::single("customer_id", "8841"));
    kept
}

fn world(role: Role, kept: Vec<Kept>) -> MemoryWorld {
    let world = MemoryWorld::behind(MemoryDoor { resident: Some(ada(role)), ..MemoryDoor::default() });
    *lock(&world.failures.kept) = kept;
    world
}

/// The parts of a world that a test still holds while the console works in it.
struct Watched {
    pipelines: Arc<MemoryPipelines>,
    failures: Arc<MemoryKeptFailures>,
    audit: Arc<MemoryAudit>,
    backbone: Arc<MemoryBackbone>,
    queues: Arc<MemoryQueues>,
    clock: Arc<ManualClock>,
}

fn watched(role: Role, kept: Vec<Kept>) -> (Watched, Browser) {
    let world = world(role, kept);
    let watched = Watched {
        pipelines: Arc::clone(&world.pipelines),
        failures: Arc::clone(&world.failures),
        audit: Arc::clone(&world.audit),
        backbone: Arc::clone(&world.backbone),
        queues: Arc::clone(&world.queues),
        clock: Arc::clone(&world.clock),
    };
    (watched, Browser::of(world.console()))
}

/// The fields of the form with this action, as a browser sends them, without the page's token.
fn fields(page: &str, action: &str) -> String {
    let (_, form) = page.split_once(&format!(r#"action="{action}""#)).expect("the page has the form");
    let (form, _) = form.split_once("</form>").expect("the form ends");
    let mut fields = url::form_urlencoded::Serializer::new(String::new());
    for field in form.split(r#"<input type="hidden" name=""#).skip(1) {
        let (name, rest) = field.split_once('"').expect("a name");
        let (_, value) = rest.split_once(r#"value=""#).expect("a value");
        let value = value.split_once('"').expect("the value ends").0;
        let value = value.replace("&#34;", "\"").replace("&#39;", "'").replace("&#60;", "<").replace("&#62;", ">");
        if name != "csrf" {
            fields.append_pair(name, &value.replace("&#38;", "&"));
        }
    }
    fields.finish()
}

#[tokio::test]
async fn one_is_sent_again_once_however_often_the_button_is_clicked() {
    let (world, mut browser) = watched(Role::Editor, vec![delivered(5, "HubSpot rejects it")]);
    let page = browser.get(ONE).await;
    assert!(page.text().contains("It waits for somebody to look."), "{}", page.text());
    let (token, form) = (page.token(), fields(page.text(), "/problems/retry"));
    for _ in 0..2 {
        let answer = browser.post_form("/problems/retry", &token, &form).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, ONE), "{}", answer.text());
    }
    let queue = world.queues.queue(QUEUE);
    let [body] = queue.bodies().try_into().expect("it was sent once");
    assert!(body.contains(r#""id":"contacts/customers/1/5""#) && body.contains(r#""redriven":true"#), "{body}");
    let page = browser.get(ONE).await.text().to_owned();
    assert!(page.contains("and is on its way") && page.contains("hx-get=\"/problems/one?id="), "{page}");
    assert!(!page.contains("/problems/retry\""), "there is no button any more: {page}");
    let log: Vec<_> = lock(&world.audit.entries).clone();
    assert_eq!(log.len(), 1, "{log:?}");
    assert_eq!((log[0].action.as_str(), log[0].subject.as_str()), ("retry", "failure contacts/customers/1/5"));
    assert_eq!(log[0].outcome, AuditOutcome::Done);
}

#[tokio::test]
async fn the_page_tells_what_became_of_it() {
    for (standing, row, told) in [
        (Standing::Delivered, None, "The destination has it, since 2027-01-15 08:00:00 UTC."),
        (
            Standing::Superseded,
            None,
            "A newer change of customer 8841 has arrived since; this one is closed as superseded.",
        ),
        (
            Standing::Redriven,
            Some(9),
            "A newer change of customer 8841 has arrived since; this one is closed as superseded.",
        ),
        (Standing::Open, Some(9), "if this one is sent again, it is closed as superseded"),
        (Standing::Open, None, "It was sent again at 2027-01-15 08:00:00 UTC, and has failed again."),
    ] {
        let mut kept = delivered(5, "HubSpot rejects it");
        kept.listed.standing = standing;
        kept.redriven_at = Some(Timestamp::from_millis(NOW));
        let world = world(Role::Editor, vec![kept]);
        if let Some(position) = row {
            let newer: Delivery = serde_json::from_str(&delivery(position)).unwrap();
            let entry =
                Entry::after(None, &newer, PastOutcome::Delivered, Told::default(), Timestamp::from_millis(NOW));
            lock(&world.ledger.entries).insert(LedgerKey::of_row(&newer), entry);
        }
        let page = Browser::of(world.console()).get(ONE).await.text().to_owned();
        assert!(page.contains(told), "{standing:?}: {page}");
    }
    let world = world(Role::Viewer, vec![delivered(5, "HubSpot rejects it")]);
    world.ledger.read_breaks.next(1);
    let page = Browser::of(world.console()).get(ONE).await.text().to_owned();
    assert!(page.contains("could not be read just now") && !page.contains("8841"), "{page}");
}

#[tokio::test]
async fn what_cannot_be_sent_says_why_and_stays() {
    let mut foreign = delivered(5, "HubSpot rejects it");
    foreign.failure.destination = Some("gone".to_owned());
    let mut raw = failure("row", None, "it is no row");
    (raw.failure.stage, raw.listed.stage) = (Stage::Capture, Stage::Capture);
    let (world, mut browser) = watched(Role::Editor, vec![foreign, raw]);
    let page = browser.get(ONE).await;
    let (token, form) = (page.token(), fields(page.text(), "/problems/retry"));
    let answer = browser.post_form("/problems/retry", &token, &form).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(answer.text().contains("The stack has no destination gone any more"), "{}", answer.text());
    let raw = browser.get("/problems/one?id=row").await.text().to_owned();
    assert!(raw.contains("<pre>freshet failures redrive row</pre>") && !raw.contains("/problems/retry\""), "{raw}");
    assert!(
        matches!(&lock(&world.audit.entries)[0].outcome, AuditOutcome::Failed(why) if why.contains("no destination"))
    );
    assert!(lock(&world.failures.kept).iter().all(|kept| kept.listed.standing == Standing::Open));
}

#[tokio::test]
async fn all_of_a_problem_are_sent_again_in_bounded_requests_and_nothing_else_is() {
    let mut all: Vec<_> = (1..=230).map(|row| delivered(row, &format!("row {row} is refused"))).collect();
    for (millis, kept) in (0..).zip(&mut all) {
        kept.listed.last_at = Timestamp::from_millis(NOW + millis);
    }
    // Of the problem, and cannot be sent; and another problem.
    all[3].failure.payload = Payload::of(b"no delivery");
    all.push(delivered(900, "it is too large"));
    let (world, mut browser) = watched(Role::Editor, all);
    let page = browser.get("/problems").await;
    let token = page.token();
    let (_, problem) = page.text().split_once("is refused</h2>").unwrap();
    let mut form = fields(problem, "/problems/retry-all");
    let mut seen = Vec::new();
    let page = loop {
        let answer = browser.post_form("/problems/retry-all", &token, &form).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        let page = answer.text().to_owned();
        let queue = world.queues.queue(QUEUE);
        seen.push(queue.bodies().iter().map(|body| body.matches(r#""redriven":true"#).count()).sum::<usize>());
        // What fails again while the others are sent has failed later than the person saw.
        if let Some(kept) =
            lock(&world.failures.kept).iter_mut().find(|kept| kept.listed.id == "contacts/customers/1/1")
        {
            kept.listed.standing = Standing::Open;
            kept.listed.times += 1;
            kept.listed.last_at = Timestamp::from_millis(NOW + 1_000_000);
        }
        if !page.contains("Go on with the next") {
            break page;
        }
        form = fields(&page, "/problems/retry-all");
        if seen.len() == 1 {
            assert!(
                page.contains("100 of 230 failed changes") && page.contains("99 sent again, 1 left alone"),
                "{page}"
            );
            assert!(page.contains("Go on with the next 100<"), "{page}");
        }
    };
    assert_eq!(seen, [99, 199, 229], "one was no delivery");
    assert!(page.contains("229 sent again, 1 left alone.") && page.contains("it holds no delivery"), "{page}");
    assert!(page.contains("228 on the way") && page.contains("1 failed again"), "{page}");
    for kept in lock(&world.failures.kept).iter() {
        let waits = ["contacts/customers/1/1", "contacts/customers/1/4", "contacts/customers/1/900"];
        assert_eq!(
            kept.listed.standing == Standing::Open,
            waits.contains(&kept.listed.id.as_str()),
            "{}",
            kept.listed.id
        );
    }
    let log = lock(&world.audit.entries).clone();
    assert!(log.iter().all(|entry| entry.outcome == AuditOutcome::Done), "{log:?}");
    assert_eq!(log[0].subject, "25 failures of contacts for crm at deliver");
    assert!(log[0].after.as_ref().unwrap().contains("contacts/customers/1/25"), "{log:?}");

    // Once all is through, the page says so, and looks no more.
    for kept in lock(&world.failures.kept).iter_mut().filter(|kept| kept.listed.standing == Standing::Redriven) {
        kept.listed.standing = Standing::Delivered;
    }
    let (_, link) = page.split_once(r#"<a href="/problems/retried?"#).unwrap();
    let link = link.split('"').next().unwrap().replace("&amp;", "&").replace("&#38;", "&");
    let became = browser.get(&format!("/problems/retried?{link}")).await.text().to_owned();
    assert!(became.contains("228 delivered") && !became.contains("hx-get"), "{became}");
}

#[tokio::test]
async fn what_was_sent_by_an_old_version_is_sent_again_by_the_newest_while_its_change_is_kept() {
    let (world, mut browser) = watched(Role::Editor, vec![delivered(5, "HubSpot rejects it")]);
    let version = |version| ("contacts", version, "source = \"customers\"\ndestination = \"crm\"\n");
    world.pipelines.set(&[version(2)]);
    let page = browser.get(ONE).await.text().to_owned();
    assert!(page.contains("then this page offers to send it again with the new version"), "{page}");
    world.pipelines.set(&[version(3)]);
    let page = browser.get(ONE).await.text().to_owned();
    assert!(page.contains("From 2027-01-15 08:05:00 UTC on") && !page.contains("retry-newest"), "{page}");
    world.clock.advance(std::time::Duration::from_mins(5));
    let page = browser.get(ONE).await;
    assert!(page.text().contains("Send it again with version 3"), "{}", page.text());
    let (token, form) = (page.token(), fields(page.text(), "/problems/retry-newest"));

    // Elsewhere on the backbone than the table of failures says: it is gone.
    world.backbone.backlog.open("shard", &[]);
    let gone = browser.post_form("/problems/retry-newest", &token, &form).await;
    assert_eq!(gone.status, StatusCode::CONFLICT);
    assert!(gone.text().contains("The backbone does not hold its change any more"), "{}", gone.text());

    let event = r#"{"id":"customers/1/5","source":"customers","op":"update","key":{"customer_id":"8841"},"after":{"customer_id":"8841"},"occurred_at":0,"epoch":1,"position":"5","origin":"user"}"#;
    let frame = format!(r#"{{"lane":0,"lanes":1,"events":[{event}]}}"#);
    world.backbone.backlog.put("shard", Timestamp::from_millis(NOW), frame.clone().into_bytes());
    let sent = browser.post_form("/problems/retry-newest", &token, &form).await;
    assert_eq!((sent.status, sent.header("location")), (StatusCode::SEE_OTHER, ONE), "{}", sent.text());
    assert_eq!(world.backbone.sent.bodies(), std::slice::from_ref(&frame));
    assert!(world.queues.queue(QUEUE).bodies().is_empty());

    // All of a problem, in the same way.
    lock(&world.failures.kept)[0].listed.standing = Standing::Open;
    let page = browser.get("/problems").await.text().to_owned();
    assert!(page.contains("Send it again with version 3") && page.contains("Send it again as it is"), "{page}");
    let all = fields(&page, "/problems/retry-all");
    let sent = browser.post_form("/problems/retry-all", &token, &format!("{all}&newest=1")).await.text().to_owned();
    assert!(sent.contains("1 sent again.") && sent.contains("1 went through the pipeline again"), "{sent}");
    assert_eq!(world.backbone.sent.bodies(), [frame.clone(), frame]);
    assert!(world.queues.queue(QUEUE).bodies().is_empty());

    world.clock.advance(std::time::Duration::from_hours(25));
    lock(&world.failures.kept)[0].listed.standing = Standing::Open;
    let page = browser.get(ONE).await.text().to_owned();
    assert!(page.contains("is not kept any more") && !page.contains("retry-newest"), "{page}");
}

#[tokio::test]
async fn a_viewer_sends_nothing_again() {
    let (world, mut browser) = watched(Role::Viewer, vec![delivered(5, "no")]);
    let token = browser.get("/").await.token();
    let page = browser.get("/problems").await.text().to_owned() + browser.get(ONE).await.text();
    assert!(!page.contains("retry"), "{page}");
    for path in ["/problems/retry", "/problems/retry-newest", "/problems/retry-all"] {
        let form = format!("id=contacts%2Fcustomers%2F1%2F5&seen=9&until={NOW}");
        assert_eq!(browser.post_form(path, &token, &form).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert!(lock(&world.audit.entries).is_empty() && world.queues.queue(QUEUE).bodies().is_empty());
}
