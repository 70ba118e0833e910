//! What runs, how it is, and what people do with it.

use console::{door::Door, role::Role};
use http::StatusCode;
use shared::{tally::Counted, testing::lock, time::Timestamp};

use crate::{
    memory::{Browser, MemoryDoor, MemoryWorld, NOW, ada},
    problems::failure,
};

fn world(role: Role) -> MemoryWorld {
    MemoryWorld::behind(MemoryDoor { resident: Some(ada(role)), ..MemoryDoor::default() })
}

/// A pipeline's text that would run.
fn document(email: &str) -> String {
    format!(
        "name = \"contacts\"\nsource = \"customers\"\ndestination = \"crm\"\naction = \"upsert_contact\"\n\n[fields]\nemail = \
         \"{email}\"\n"
    )
}

/// A world with one pipeline of two versions.
fn with_versions(role: Role) -> MemoryWorld {
    let world = world(role);
    world.pipelines.set(&[("contacts", 1, &document("after.email"))]);
    world.pipelines.publish("contacts", &document("after.email | lower"), Timestamp::from_millis(NOW - 60_000));
    world
}

fn counted(stage: &str, ago: i64, counts: &[(&str, u64)]) -> Counted {
    let counts = counts.iter().map(|(counter, count)| ("contacts".to_owned(), (*counter).to_owned(), *count));
    Counted { minute: NOW / 60_000 - ago, stage: stage.to_owned(), counts: counts.collect() }
}

/// A console whose audit log can still be looked at.
async fn text<D: Door>(world: MemoryWorld<D>, path: &str) -> String {
    Browser::of(world.console()).get(path).await.text().to_owned()
}

#[tokio::test]
async fn home_is_a_card_a_pipeline() {
    assert!(text(world(Role::Viewer), "/").await.contains("Nothing is moving yet."));
    let world = world(Role::Viewer);
    world.pipelines.set(&[
        ("orders-to-b", 12, "source = \"orders\"\ndestination = \"b\""),
        ("contacts", 3, &document("after.email")),
        ("<script>alert(1)</script>", 1, ""),
        ("gone", 2, ""),
    ]);
    world.pipelines.change("gone", |gone| gone.state = gone.state.retired(Timestamp::from_millis(0)));
    world.pipelines.change("orders-to-b", |paused| {
        let now = Timestamp::from_millis(NOW - 1_000);
        paused.state = paused.state.paused(now, now, "Grace", None).unwrap();
    });
    *lock(&world.counts.counted) = vec![
        counted("transform", 2, &[("matched", 1_300)]),
        counted("deliver/crm", 2, &[("delivered", 1_204), ("age_ms", 1_204 * 900)]),
        // NOW is 08:00 UTC: yesterday's 09:00 is the first hour that is shown, and 08:59 is too long ago.
        counted("deliver/crm", 23 * 60, &[("delivered", 30), ("failed", 7)]),
        counted("deliver/crm", 23 * 60 + 1, &[("delivered", 5_000)]),
    ];
    let text = text(world, "/").await;
    let (contacts, orders) = (text.find(">contacts<").unwrap(), text.find(">orders-to-b<").unwrap());
    assert!(contacts < orders && !text.contains(">gone<") && !text.contains("<script>alert"), "{text}");
    for part in [
        "customers → crm (HubSpot): Create or update a contact",
        "<dd>1,204</dd>",
        "900 ms on average",
        "Healthy",
        "Paused by Grace since 2027-01-15 07:59:59 UTC.",
        "<rect ",
        "<summary>1,234 changes sent in the last 24 hours",
        "2027-01-14 09:00</th><td class=\"number\">30</td><td class=\"number\">7</td>",
        "2027-01-15 07:00</th><td class=\"number\">1,204</td><td class=\"number\">0</td>",
        "2027-01-15 08:00</th><td class=\"number\">0</td>",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn what_is_not_known_is_never_healthy() {
    for (break_counts, break_failures, missing) in [
        (1, 0, "What was sent could not be read"),
        (0, 1, "What has failed could not be read"),
        (1, 1, "What was sent and what has failed could not be read"),
    ] {
        let world = with_versions(Role::Viewer);
        world.counts.breaks.next(break_counts);
        world.failures.breaks.next(break_failures);
        let text = text(world, "/").await;
        let words: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(missing) && text.contains("Not known") && !text.contains("Healthy"), "{words}");
        assert!(text.contains("<dd>not known</dd>"), "{text}");
    }
    let world = with_versions(Role::Viewer);
    world.counts.breaks.next(1);
    world.failures.breaks.next(1);
    let text = text(world, "/pipelines/contacts").await;
    assert!(text.contains("Not known") && text.contains("could not be read just now"), "{text}");
}

/// Makes something of a world.
type Arrange = Box<dyn Fn(&MemoryWorld)>;

#[tokio::test]
async fn what_needs_a_person_says_what_to_do() {
    let cases: [(&str, Arrange); 5] = [
        (
            "1 failed change to look at.",
            Box::new(|world| {
                *lock(&world.failures.kept) = vec![failure("f-1", Some("contacts"), "no"), failure("f-2", None, "no")];
            }),
        ),
        (
            "The destination refuses the credentials.",
            Box::new(|world| *lock(&world.counts.counted) = vec![counted("deliver/crm", 1, &[("unauthorised", 3)])]),
        ),
        (
            "The destination does not answer",
            Box::new(|world| *lock(&world.counts.counted) = vec![counted("deliver/crm", 0, &[("retried", 3)])]),
        ),
        (
            "A field of the source has changed",
            Box::new(|world| {
                let now = Timestamp::from_millis(NOW);
                world.pipelines.change("contacts", |held| held.state = held.state.held(now, now, "freshet", None));
            }),
        ),
        (
            "Resume it soon",
            Box::new(|world| {
                let then = Timestamp::from_millis(NOW - 20 * 3_600_000);
                world.pipelines.change("contacts", |paused| {
                    paused.state = paused.state.paused(then, then, "Ada", None).unwrap();
                });
            }),
        ),
    ];
    for (todo, arrange) in &cases {
        for path in ["/", "/pipelines/contacts"] {
            let world = with_versions(Role::Viewer);
            arrange(&world);
            let text = text(world, path).await;
            assert!(text.contains(todo) && text.contains("Needs attention"), "{path} {todo}: {text}");
        }
    }
    // What was put off long ago says nothing of now.
    let world = with_versions(Role::Viewer);
    *lock(&world.counts.counted) = vec![counted("deliver/crm", 30, &[("retried", 3)])];
    assert!(text(world, "/").await.contains("Healthy"));
    println!("{} cases", cases.len() * 2 + 1);
}

#[tokio::test]
async fn a_version_is_shown_beside_the_one_before_and_goes_out_byte_for_byte() {
    let mut browser = Browser::of(with_versions(Role::Viewer).console());
    let page = browser.get("/pipelines/contacts").await.text().to_owned();
    assert!(page.contains("Version 2</a> (newest)") && page.contains("Version 1</a>"), "{page}");
    assert!(!page.contains("/pause\""), "a viewer pauses nothing: {page}");
    let version = browser.get("/pipelines/contacts/versions/2").await.text().to_owned();
    assert!(version.contains("New: </span>email = &#34;after.email | lower&#34;</ins>"), "{version}");
    assert!(version.contains("Gone: </span>email = &#34;after.email&#34;</del>"), "{version}");
    let first = browser.get("/pipelines/contacts/versions/1").await.text().to_owned();
    assert!(
        first.contains("The first version.") && !first.contains("<ins>") && !first.contains("roll-back"),
        "{first}"
    );
    let file = browser.get("/pipelines/contacts/versions/1/toml").await;
    assert_eq!(file.text(), document("after.email"));
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"contacts.toml\"");
    for path in ["/pipelines/contacts/versions/3", "/pipelines/contacts/versions/0", "/pipelines/other"] {
        assert_eq!(browser.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn an_editor_pauses_and_resumes_and_both_are_in_the_audit_log() {
    let world = with_versions(Role::Admin);
    let mut browser = Browser::of(world.console());
    let token = browser.get("/pipelines/contacts").await.token();
    let paused = browser.post_form("/pipelines/contacts/pause", &token, "reason=the+CRM+moves").await;
    assert_eq!((paused.status, paused.header("location")), (StatusCode::SEE_OTHER, "/pipelines/contacts"));
    let page = browser.get("/pipelines/contacts").await.text().to_owned();
    assert!(page.contains("Paused by Ada Lovelace since 2027-01-15 08:00:00 UTC. “the CRM moves”"), "{page}");
    assert!(page.contains("kept until 2027-01-16 08:00:00 UTC"), "{page}");
    let again = browser.post_form("/pipelines/contacts/pause", &token, "").await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.text().contains("It stands so already"), "{}", again.text());
    assert_eq!(browser.post_form("/pipelines/contacts/resume", &token, "").await.status, StatusCode::SEE_OTHER);
    assert!(browser.get("/pipelines/contacts").await.text().contains("Resumed. What was left out"));
    assert_eq!(browser.post_form("/pipelines/contacts/resume", &token, "").await.status, StatusCode::CONFLICT);
    assert_eq!(browser.post_form("/pipelines/other/pause", &token, "").await.status, StatusCode::NOT_FOUND);
    let log = browser.get("/settings/audit").await.text().to_owned();
    for part in
        ["pause pipeline contacts", "resume pipeline contacts", "paused: the CRM moves", "Not done: contacts stands"]
    {
        assert!(log.contains(part), "{part}: {log}");
    }
}

#[tokio::test]
async fn going_back_publishes_the_old_text_where_nobody_else_was_there_meanwhile() {
    let mut browser = Browser::of(with_versions(Role::Editor).console());
    let page = browser.get("/pipelines/contacts/versions/1").await;
    assert!(page.text().contains("Its text becomes version 3"), "{}", page.text());
    let back = browser.post_form("/pipelines/contacts/roll-back", &page.token(), "to=1&seen=2").await;
    assert_eq!(back.status, StatusCode::SEE_OTHER, "{}", back.text());
    assert_eq!(browser.get("/pipelines/contacts/versions/3/toml").await.text(), document("after.email"));
    assert!(browser.get("/pipelines/contacts").await.text().contains("Version 3 is in effect in 10 s."));
    // The page is old: version 3 is there by now.
    let late = browser.post_form("/pipelines/contacts/roll-back", &page.token(), "to=2&seen=2").await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.text().contains("Ada Lovelace published version 3"), "{}", late.text());
    let none = browser.post_form("/pipelines/contacts/roll-back", &page.token(), "to=9&seen=3").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    let mistake = browser.post_form("/pipelines/contacts/roll-back", &page.token(), "to=x&seen=3").await;
    assert!(mistake.status.is_client_error() && mistake.text().contains("Nothing was changed"), "{}", mistake.text());
}

#[tokio::test]
async fn what_would_not_run_any_more_is_not_published_again() {
    let world = with_versions(Role::Editor);
    let elsewhere = document("after.email").replace("crm", "elsewhere");
    world.pipelines.set(&[("contacts", 1, &elsewhere)]);
    world.pipelines.publish("contacts", &document("after.email"), Timestamp::from_millis(0));
    let mut browser = Browser::of(world.console());
    let token = browser.get("/pipelines/contacts").await.token();
    let refused = browser.post_form("/pipelines/contacts/roll-back", &token, "to=1&seen=2").await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text().contains("elsewhere"), "{}", refused.text());
}

#[tokio::test]
async fn a_pipeline_of_git_is_read_only() {
    let world = world(Role::Admin);
    let of_git = format!("managed_by = \"git\"\n{}", document("after.email"));
    world.pipelines.set(&[("contacts", 1, &of_git)]);
    world.pipelines.publish("contacts", &of_git.replace("after.email", "after.mail"), Timestamp::from_millis(0));
    let mut browser = Browser::of(world.console());
    let page = browser.get("/pipelines/contacts").await;
    assert!(page.text().contains("managed by git"), "{}", page.text());
    assert!(!browser.get("/pipelines/contacts/versions/1").await.text().contains("roll-back"));
    let refused = browser.post_form("/pipelines/contacts/roll-back", &page.token(), "to=1&seen=2").await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text().contains("managed by git"), "{}", refused.text());
}

#[tokio::test]
async fn a_viewer_changes_nothing() {
    let mut browser = Browser::of(with_versions(Role::Viewer).console());
    let token = browser.get("/pipelines/contacts").await.token();
    let forms = [("pause", ""), ("resume", ""), ("roll-back", "to=1&seen=2")];
    for (action, fields) in forms {
        let answer = browser.post_form(&format!("/pipelines/contacts/{action}"), &token, fields).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{action}");
        let without = browser.post_form(&format!("/pipelines/contacts/{action}"), "", fields).await;
        assert_eq!(without.status, StatusCode::FORBIDDEN, "{action}");
    }
    let page = browser.get("/pipelines/contacts").await.text().to_owned();
    assert!(page.contains("Live.") && !page.contains("Version 3"), "{page}");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done() {
    let world = with_versions(Role::Editor);
    world.audit.breaks.next(1);
    let mut browser = Browser::of(world.console());
    let token = browser.get("/pipelines/contacts").await.token();
    let answer = browser.post_form("/pipelines/contacts/pause", &token, "").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!browser.get("/pipelines/contacts").await.text().contains("Paused by"));
}
