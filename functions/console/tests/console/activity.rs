//! How many changes got how far.

use console::role::Role;
use http::{Method, StatusCode};
use shared::{tally::Counted, testing::lock};

use crate::memory::{Browser, MemoryDoor, MemoryWorld, NOW, QUEUE, ada};

fn counted(stage: &str, ago: i64, counts: &[(&str, &str, u64)]) -> Counted {
    let counts = counts.iter().map(|(subject, counter, count)| ((*subject).into(), (*counter).into(), *count));
    Counted { minute: NOW / 60_000 - ago, stage: stage.to_owned(), counts: counts.collect() }
}

/// Two pipelines of one source; of the second one's destination nobody knows the queue.
fn world() -> MemoryWorld {
    let world = MemoryWorld::behind(MemoryDoor { resident: Some(ada(Role::Viewer)), ..MemoryDoor::default() });
    world.pipelines.set(&[
        ("contacts", 1, "source = \"customers\"\ndestination = \"crm\""),
        ("mirror", 1, "source = \"customers\"\ndestination = \"elsewhere\""),
    ]);
    *lock(&world.counts.counted) = vec![
        counted("capture", 2, &[("customers", "events", 1_100)]),
        counted("transform", 2, &[("contacts", "filtered", 90), ("mirror", "filtered", 3)]),
        counted("deliver/crm", 2, &[("contacts", "delivered", 1_000), ("contacts", "unchanged", 8)]),
        counted("deliver/crm", 1, &[("contacts", "failed", 2), ("contacts", "retried", 4)]),
        counted("deliver/crm", 600, &[("contacts", "delivered", 700)]),
    ];
    lock(&world.queues.waiting).insert(QUEUE.to_owned(), 12);
    world
}

/// The numbers of the funnel, in their order.
fn funnel(page: &str) -> Vec<(String, String)> {
    let table = page.split_once("How far changes got").unwrap().1.split_once("</table>").unwrap().0;
    let rows = table.split("<tr><th scope=\"row\">").skip(1);
    let cell = |row: &str| {
        let (name, rest) = row.split_once('<').unwrap();
        (name.to_owned(), rest.split_once("class=\"number\">").unwrap().1.split_once('<').unwrap().0.to_owned())
    };
    rows.map(cell).collect()
}

fn pairs(expected: [(&str, &str); 6]) -> Vec<(String, String)> {
    expected.map(|(name, count)| (name.to_owned(), count.to_owned())).to_vec()
}

#[tokio::test]
async fn the_funnel_is_of_the_time_and_pipeline_that_are_chosen() {
    let mut browser = Browser::of(world().console());
    let page = browser.get("/activity?pipeline=contacts").await.text().to_owned();
    let expected = [
        ("Captured", "1,100"),
        ("Skipped by the filter", "90"),
        ("Unchanged", "8"),
        ("Waiting", "12"),
        ("Sent", "1,000"),
        ("Failed", "2"),
    ];
    assert_eq!(funnel(&page), pairs(expected), "{page}");
    assert!(page.contains("from 2027-01-15 07:01 UTC until now"), "{page}");
    assert!(page.contains("4 times something was put off") && page.matches("<rect ").count() == 3, "{page}");
    assert_eq!(page.matches("<tr><th scope=\"row\">2027-01-15 07:").count(), 59, "{page}");
    assert!(page.contains("2027-01-15 07:58</th><td class=\"number\">1,100</td><td class=\"number\">1,000</td>"));
    let day = browser.get("/activity?pipeline=contacts&span=day").await.text().to_owned();
    assert_eq!(funnel(&day)[4], ("Sent".to_owned(), "1,700".to_owned()), "{day}");
    assert!(day.contains("2027-01-14 22:00</th><td class=\"number\">0</td><td class=\"number\">700</td>"), "{day}");
    // Of all pipelines together: a change of a source counts once, and what waits for one destination is not known.
    let all = browser.get("/activity").await.text().to_owned();
    assert_eq!(
        funnel(&all)[..4],
        pairs([
            ("Captured", "1,100"),
            ("Skipped by the filter", "93"),
            ("Unchanged", "8"),
            ("Waiting", "not known"),
            ("", ""),
            ("", "")
        ])[..4],
        "{all}"
    );
    assert!(all.contains("12 batches wait for crm") && all.contains("What waits for elsewhere is not known"), "{all}");
    assert_eq!(browser.get("/activity?pipeline=none").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_cannot_be_counted_is_never_nothing() {
    let world = world();
    world.counts.breaks.next(1);
    lock(&world.queues.waiting).clear();
    let page = Browser::of(world.console()).get("/activity").await.text().to_owned();
    for part in [
        "What was counted could not be read just now",
        "What was sent in the last five minutes is not known",
        "What waits for crm is not known",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("0 batches") && !page.contains("0 changes"), "{page}");
}

/// The value of an attribute, as a browser reads it.
fn attribute(page: &str, before: &str, name: &str) -> String {
    let element = page.split_once(before).expect(before).1;
    let value = element.split_once(&format!("{name}=\"")).expect(name).1;
    value.split_once('"').unwrap().0.replace("&amp;", "&").replace("&#38;", "&")
}

#[tokio::test]
async fn the_newest_is_followed_until_somebody_pauses_it() {
    let mut browser = Browser::of(world().console());
    let page = browser.get("/activity?pipeline=contacts").await.text().to_owned();
    assert!(!page.contains("hx-trigger") && page.contains(">Load again</a>"), "{page}");
    assert!(page.contains("In the last five minutes 1,000 changes were sent and 2 failed."), "{page}");
    let begin = attribute(&page, "<div id=\"follow\">", "hx-get");
    let followed = browser.get(&begin).await.text().to_owned();
    assert!(followed.starts_with("<div id=\"follow\">") && followed.contains("hx-trigger=\"every 5s\""), "{followed}");
    assert!(followed.contains(">Pause</a>"), "{followed}");
    // The same is not swapped for itself; where something is new it comes.
    let poll = attribute(&followed, "<div id=\"now\"", "hx-get");
    let seen = attribute(&followed, "id=\"now-seen\"", "value");
    let same = browser.get(&format!("{poll}&seen={seen}")).await;
    assert_eq!((same.status, same.bytes.len()), (StatusCode::NO_CONTENT, 0));
    let new = browser.get(&format!("{poll}&seen=other")).await;
    assert!(new.text().contains("aria-live=\"polite\"") && !new.text().contains("<html"), "{}", new.text());
    // A page that is forgotten does not go on.
    let old = poll.split_once("&since=").unwrap().0.to_owned() + "&since=1799990000";
    let ended = browser.get(&old).await;
    assert_eq!(
        (ended.status, ended.header("hx-redirect")),
        (StatusCode::NO_CONTENT, "/activity?pipeline=contacts&span=hour")
    );
    let pause = attribute(&followed, "<div id=\"follow\">", "hx-get");
    let paused = browser.get(&pause).await.text().to_owned();
    assert!(!paused.contains("hx-trigger") && paused.contains(">Follow live</a>"), "{paused}");
    // Who is not signed in any more is sent to sign in, and not into the middle of the page.
    let world = MemoryWorld::behind(MemoryDoor::default());
    let out = Browser::of(world.console()).send(Method::GET, &poll, &[("hx-request", "true")], "").await;
    assert!(out.header("hx-redirect").starts_with("/sign-in"), "{:?}", out.headers);
}
