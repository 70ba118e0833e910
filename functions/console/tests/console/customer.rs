//! What became of a customer, over all pipelines.

use console::role::Role;
use shared::{
    failure::{Kept, Standing},
    key::Key,
    ledger::{Entry, LedgerKey, Past, PastOutcome, email_digest},
    schema::Schema,
    testing::lock,
    time::Timestamp,
};

use crate::{
    memory::{Browser, MemoryDoor, MemoryWorld, NOW, ada},
    problems::failure,
};

const HOUR: i64 = 3_600_000;

fn entry(email: Option<&str>, past: &[(i64, u64, PastOutcome)]) -> Entry {
    let past = past.iter().map(|(hours_ago, version, outcome)| Past {
        at: Timestamp::from_millis(NOW - hours_ago * HOUR),
        event: "customers/1/5".to_owned(),
        version: *version,
        outcome: *outcome,
    });
    let json = r#"{"id":"p/customers/1/5","pipeline":"p","version":1,"source":"customers","op":"update","key":{"id":1},
        "epoch":1,"position":"5","occurred_at":0,"action":"upsert_contact","step":"apply"}"#;
    let delivery = serde_json::from_str(json).unwrap();
    Entry {
        past: past.collect(),
        email: email.map(email_digest),
        expires_at: None,
        ..Entry::of_append(&delivery, Timestamp::from_millis(NOW))
    }
}

fn document(source: &str, destination: &str, action: &str) -> String {
    format!("source = \"{source}\"\ndestination = \"{destination}\"\naction = \"{action}\"\n\n[fields]\nx = \"1\"\n")
}

fn customer(id: &str) -> Key {
    Key::single("customer_id", id)
}

/// Three pipelines, of which one has gone out of service; the customer c-1 is Ada's, c-2 is Bob's.
fn world(role: Role) -> MemoryWorld {
    let world = MemoryWorld::behind(MemoryDoor { resident: Some(ada(role)), ..MemoryDoor::default() });
    world.pipelines.set(&[
        ("contacts", 3, &document("customers", "crm", "upsert_contact")),
        ("mirror", 1, &document("customers", "elsewhere", "put")),
        ("old", 2, &document("customers", "crm", "upsert_contact")),
        ("lines", 1, &document("orders", "crm", "upsert_contact")),
    ]);
    world.pipelines.change("old", |old| old.state = old.state.retired(Timestamp::from_millis(0)));
    let schema = |key: &str| {
        let mut schema = Schema::default();
        schema.learn_key(&serde_json::from_str(key).unwrap());
        (1, schema)
    };
    lock(&world.schemas.schemas).extend([
        ("customers".to_owned(), schema(r#"{"customer_id":"c-1"}"#)),
        ("orders".to_owned(), schema(r#"{"order_id":"o-1","line":7}"#)),
    ]);
    let line = serde_json::from_str(r#"{"order_id":"o-1","line":7}"#).unwrap();
    lock(&world.ledger.entries).extend([
        (
            LedgerKey::of("contacts", &customer("c-1")),
            entry(Some("ada@example.com"), &[(1, 3, PastOutcome::Unchanged), (5, 2, PastOutcome::Delivered)]),
        ),
        (LedgerKey::of("mirror", &customer("c-1")), entry(None, &[(3, 1, PastOutcome::Removed)])),
        (LedgerKey::of("old", &customer("c-1")), entry(None, &[(20, 2, PastOutcome::Kept)])),
        (
            LedgerKey::of("contacts", &customer("c-2")),
            entry(Some("bob@example.com"), &[(2, 3, PastOutcome::Delivered)]),
        ),
        (LedgerKey::of("lines", &line), entry(None, &[(7, 1, PastOutcome::Delivered)])),
    ]);
    *lock(&world.failures.kept) =
        vec![of(customer("c-1"), 4, Standing::Superseded), of(customer("c-2"), 4, Standing::Open)];
    world
}

fn of(key: Key, hours_ago: i64, standing: Standing) -> Kept {
    let at = Timestamp::from_millis(NOW - hours_ago * HOUR);
    let mut kept = failure(&format!("f/{}", key.canonical()), Some("contacts"), "HubSpot rejects it");
    kept.listed.standing = standing;
    kept.listed.last_at = at;
    kept.failure.key = Some(key);
    kept.failure.request = None;
    kept
}

async fn text(world: MemoryWorld, query: &str) -> String {
    Browser::of(world.console()).get(&format!("/activity/customer{query}")).await.text().to_owned()
}

/// The outcomes on a page, in their order, each with its hour.
fn outcomes(page: &str) -> Vec<String> {
    let moments = page.split("<li>\n<p><time").skip(1);
    let told = moments.map(|moment| {
        let time = moment.split_once('>').unwrap().1.split_once('<').unwrap().0;
        let words = moment.split_once("</span> ").unwrap().1.split_once('<').unwrap().0;
        let pipeline = moment.split_once("/pipelines/").unwrap().1.split_once('"').unwrap().0;
        format!("{} {pipeline}: {words}", &time[11..13])
    });
    told.collect()
}

// NOW is 2027-01-15 08:00 UTC.
const OF_ADA: [&str; 5] = [
    "07 contacts: Not sent: nothing new",
    "05 mirror: Taken away",
    "04 contacts: Failed",
    "03 contacts: Sent",
    "12 old: Not sent: left the filter",
];

#[tokio::test]
async fn a_record_id_finds_all_that_became_of_it_in_all_pipelines() {
    let page = text(world(Role::Editor), "?q=c-1").await;
    assert_eq!(outcomes(&page), OF_ADA, "{page}");
    for part in [
        "HubSpot, by <a href=\"/pipelines/contacts\">contacts</a>, <a href=\"/pipelines/contacts/versions/3\">version 3",
        "The destination has these values already.",
        "HubSpot rejects it",
        "A newer change of this record has arrived since; this one is closed as superseded",
        "/problems/one?id=f%2F%7B%22customer_id%22%3A%22c-1%22%7D",
        "customers (by customer_id)",
        "orders is named by more than one field",
        "The destination answered 400",
        "=HYPERLINK",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[tokio::test]
async fn an_address_finds_its_records_wherever_they_were_sent() {
    let page = text(world(Role::Editor), "?q=+Ada%40Example.com").await;
    assert_eq!(outcomes(&page), OF_ADA, "{page}");
    assert!(page.contains("mirror sends no e-mail address"), "{page}");
    // What never arrived is known by its failure alone.
    let lost = world(Role::Editor);
    let mut kept = of(customer("c-9"), 2, Standing::Open);
    kept.failure.payload = shared::failure::Payload::of(br#"{"email":"cy@example.com"}"#);
    let other = of(customer("c-8"), 2, Standing::Open);
    lock(&lost.failures.kept).extend([kept, other]);
    let page = text(lost, "?q=Cy%40Example.com").await;
    assert_eq!(outcomes(&page), ["06 contacts: Failed"], "{page}");
    // A part of an address is none.
    for part in ["?q=%40", "?q=da%40example.com", "?q=ada%40example.co"] {
        let page = text(world(Role::Editor), part).await;
        assert!(outcomes(&page).is_empty() && page.contains("Nothing is known of"), "{part}: {page}");
    }
}

#[tokio::test]
async fn a_key_of_several_fields_has_a_form_of_its_own() {
    let empty = text(world(Role::Viewer), "").await;
    assert!(empty.contains("name=\"key.line\"") && empty.contains("name=\"key.order_id\""), "{empty}");
    assert!(!empty.contains("<h2>Timeline"), "{empty}");
    let page = text(world(Role::Viewer), "?source=orders&key.order_id=o-1&key.line=7").await;
    assert_eq!(outcomes(&page), ["01 lines: Sent"], "{page}");
    for (query, gap) in [
        ("?source=orders&key.order_id=o-1", "say line as the source writes it"),
        ("?source=none", "No change of a source called none is known."),
    ] {
        let page = text(world(Role::Viewer), query).await;
        assert!(outcomes(&page).is_empty() && page.contains(gap), "{page}");
    }
}

#[tokio::test]
async fn viewers_see_outcomes_and_no_values() {
    let page = text(world(Role::Viewer), "?q=ada%40example.com").await;
    assert_eq!(outcomes(&page), OF_ADA);
    for hidden in ["HYPERLINK", "{&#34;customer_id"] {
        assert!(!page.contains(hidden), "{hidden}: {page}");
    }
    assert!(page.contains("Its words are for editors to see"), "{page}");
    // Nor those that a reason repeats.
    for (role, told) in
        [(Role::Viewer, "“•••” is no name of •••"), (Role::Editor, "“Ada” is no name of Ada@example.com")]
    {
        let world = world(role);
        let mut kept = of(customer("c-1"), 2, Standing::Open);
        kept.listed.id = "another".to_owned();
        kept.listed.reason = "“Ada” is no name of Ada@example.com".to_owned();
        kept.failure.payload = shared::failure::Payload::of(br#"{"fields":{"firstname":"ada","city":"no"}}"#);
        world.pipelines.set(&[(
            "contacts",
            3,
            "name = \"contacts\"\nsource = \"customers\"\ndestination = \"crm\"\naction = \"upsert_contact\"\n\n[fields]\n\
             email = \"after.email\"\nfirstname = \"after.name\"\ncity = \"after.city\"\n",
        )]);
        lock(&world.failures.kept).push(kept);
        let page = text(world, "?q=c-1").await;
        assert!(page.contains(told), "{role:?}: {page}");
    }
    // What somebody types is shown as text.
    let page = text(world(Role::Viewer), "?q=%3Cscript%3Ealert(1)%3C%2Fscript%3E").await;
    assert!(!page.contains("<script>alert") && page.contains("Nothing is known of"), "{page}");
}

#[tokio::test]
async fn what_cannot_be_read_is_said_and_not_taken_for_nothing() {
    for (breaks, missing, left) in [
        ("ledger", "What was sent could not be read", 1),
        ("failures", "What has failed could not be read", 4),
        ("schemas", "What names the records of each source could not be read", 0),
    ] {
        let world = world(Role::Viewer);
        match breaks {
            "ledger" => world.ledger.read_breaks.next(9),
            "failures" => world.failures.breaks.next(9),
            _ => world.schemas.breaks.next(9),
        }
        let page = text(world, "?q=c-1").await;
        assert!(page.contains(missing), "{breaks}: {page}");
        assert!(outcomes(&page).len() == left && !page.contains("Nothing is known of"), "{breaks}: {page}");
    }
    let world = world(Role::Viewer);
    world.ledger.read_breaks.next(1);
    let page = text(world, "?q=ada%40example.com").await;
    assert!(page.contains("Whom the address belongs to could not be read"), "{page}");
}
