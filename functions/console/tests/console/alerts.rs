//! Of what people want a message: seen, added and removed.

use std::{collections::BTreeMap, sync::Arc};

use console::role::Role;
use http::StatusCode;
use shared::{
    alert::{Alert, Limit},
    testing::{MemoryAlerts, MemoryAudit, lock},
    time::Timestamp,
};

use crate::memory::{Browser, MemoryDoor, MemoryWorld, NOW, ORIGIN, ada};

const ALERTS: &str = "/settings/alerts";

struct Watched {
    alerts: Arc<MemoryAlerts>,
    audit: Arc<MemoryAudit>,
}

fn watched(role: Role) -> (Watched, Browser) {
    let world = MemoryWorld::behind(MemoryDoor { resident: Some(ada(role)), ..MemoryDoor::default() });
    world.pipelines.set(&[("contacts", 1, "name = \"contacts\"\n")]);
    let (alerts, audit) = (Arc::clone(&world.alerts), Arc::clone(&world.audit));
    (Watched { alerts, audit }, Browser::of(world.console()))
}

fn kept(watched: &Watched) -> Vec<(Option<String>, Limit)> {
    lock(&watched.alerts.kept).iter().map(|alert| (alert.pipeline.clone(), alert.limit)).collect()
}

#[tokio::test]
async fn an_alert_is_added_said_in_words_and_removed() {
    let (world, mut browser) = watched(Role::Admin);
    let page = browser.get(ALERTS).await;
    assert!(page.text().contains("There is no alert yet.") && page.text().contains("<strong>store-alerts</strong>"));
    let token = page.token();
    for (form, limit, words) in [
        ("pipeline=&limit=failed&failed=0&share=5&minutes=15", Limit::Failed(0), "When a change fails in any pipeline"),
        (
            "pipeline=contacts&limit=failed&failed=10",
            Limit::Failed(10),
            "When more than 10 changes fail within an hour in contacts",
        ),
        (
            "pipeline=contacts&limit=share&share=5",
            Limit::Share(5),
            "When more than 5 % of an hour&#39;s changes fail in contacts",
        ),
        (
            "pipeline=contacts&limit=minutes&minutes=+15",
            Limit::Minutes(15),
            "When a change takes longer than 15 minutes in contacts",
        ),
    ] {
        assert_eq!(browser.post_form(ALERTS, &token, form).await.status, StatusCode::SEE_OTHER, "{form}");
        assert_eq!(kept(&world).last().unwrap().1, limit);
        let text = browser.get(ALERTS).await.text().to_owned();
        assert!(text.contains(words), "{words}: {text}");
    }
    // The same once more is the same.
    browser.post_form(ALERTS, &token, "pipeline=contacts&limit=share&share=5").await;
    assert_eq!(kept(&world).len(), 4);
    let first = lock(&world.alerts.kept)[0].clone();
    assert_eq!((first.by.as_str(), first.console.as_str()), ("Ada Lovelace", ORIGIN));
    let removed = browser.post_form("/settings/alerts/remove", &token, &format!("id={}", first.id)).await;
    assert_eq!(removed.status, StatusCode::SEE_OTHER);
    assert_eq!(kept(&world).len(), 3);
    // Removed by somebody else meanwhile.
    browser.post_form("/settings/alerts/remove", &token, &format!("id={}", first.id)).await;
    let actions: Vec<_> = lock(&world.audit.entries).iter().map(|entry| entry.action.clone()).collect();
    assert_eq!(actions, ["add an alert", "add an alert", "add an alert", "add an alert", "remove an alert"]);
}

#[tokio::test]
async fn what_is_no_limit_is_refused_with_what_was_typed() {
    let (world, mut browser) = watched(Role::Admin);
    let token = browser.get(ALERTS).await.token();
    for (form, part) in [
        ("limit=failed&failed=many", "“many” is no whole number from 0 to 1000000"),
        ("limit=failed&failed=-1", "“-1” is no whole number"),
        ("limit=share&share=100", "“100” is no whole number from 0 to 99"),
        ("limit=minutes&minutes=181", "“181” is no whole number from 0 to 180"),
        ("limit=minutes", "“” is no whole number"),
        ("limit=other", "Choose what the message is about."),
        ("limit=failed&failed=1&pipeline=gone", "There is no such pipeline any more."),
    ] {
        let answer = browser.post_form(ALERTS, &token, form).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{form}");
        assert!(answer.text().contains(part), "{form}: {}", answer.text());
    }
    assert_eq!(kept(&world), []);
    assert!(lock(&world.audit.entries).is_empty());
}

#[tokio::test]
async fn what_people_were_told_is_on_the_page() {
    let (world, mut browser) = watched(Role::Viewer);
    lock(&world.alerts.kept).push(Alert {
        id: "a".to_owned(),
        pipeline: None,
        limit: Limit::Failed(0),
        by: "Grace".to_owned(),
        console: ORIGIN.to_owned(),
        raised: BTreeMap::from([("contacts".to_owned(), Timestamp::from_millis(NOW))]),
    });
    let page = browser.get(ALERTS).await.text().to_owned();
    for part in
        ["Told", ">contacts</a>, since 2027-01-15 08:00:00 UTC", "Made by Grace.", "Admins add and remove alerts."]
    {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("Remove") && !page.contains("Add an alert"), "{page}");
    world.alerts.breaks.next(1);
    assert_eq!(browser.get(ALERTS).await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn who_is_no_admin_adds_and_removes_nothing() {
    for role in [Role::Viewer, Role::Editor] {
        let (world, mut browser) = watched(role);
        let token = browser.get("/").await.token();
        for path in [ALERTS, "/settings/alerts/remove"] {
            let answer = browser.post_form(path, &token, "limit=failed&failed=0&id=a").await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        }
        assert_eq!(kept(&world), []);
    }
}
