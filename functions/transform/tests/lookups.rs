//! What a batch's events need of other tables: read once, and never at the price of their order.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod memory;

use std::time::Duration;

use memory::{Memory, batch, change, frame, sent, start};
use shared::{
    lookup::{KeyAttributes, KeyType, RowKey},
    testing::lock,
    value::Value,
};

const PIPELINE: &str = r#"
name = "contacts"
source = "customers"
destination = "crm"
action = "upsert_contact"
when = "after.consent"
[lookups.account]
table = "accounts"
key = { account_id = "after.account_id" }
[fields]
email = "after.email"
plan = "account.plan"
"#;

/// A customer of this account.
fn of_account(account: &str) -> String {
    format!(r#"{{"email":"ada@example.com","consent":true,"account_id":"{account}","sku":7}}"#)
}

/// Puts a row into a lookup table, in the place of the one of its key.
fn put(world: &Memory, table: &str, key: (&str, KeyType), row: &str) {
    let row = Value::from_json(row.as_bytes()).unwrap();
    let attributes = KeyAttributes::from([(key.0.to_owned(), key.1)]);
    let key = RowKey::of(table, &attributes, |name| row.get(name)).unwrap().unwrap();
    lock(&world.lookups.rows).insert(key, row);
}

fn put_account(world: &Memory, id: &str, plan: &str) {
    let row = format!(r#"{{"account_id":"{id}","plan":"{plan}","sku":7}}"#);
    put(world, "accounts", ("account_id", KeyType::S), &row);
}

/// The calls since the last time: table, and how many rows.
fn reads(world: &Memory) -> Vec<(String, usize)> {
    std::mem::take(&mut *lock(&world.lookups.reads))
}

fn of_accounts(counts: &[usize]) -> Vec<(String, usize)> {
    counts.iter().map(|count| ("accounts".to_owned(), *count)).collect()
}

/// The plans that were sent, in order.
fn plans(world: &Memory) -> Vec<String> {
    sent(world).iter().map(|delivery| delivery["fields"]["plan"].to_string()).collect()
}

#[tokio::test]
async fn the_rows_of_a_batch_are_read_once_and_each_key_once() {
    let other = PIPELINE.replace("\"contacts\"", "\"others\"");
    let (world, transform) = start(&[("contacts", PIPELINE), ("others", &other)]);
    for (id, plan) in [("a-1", "pro"), ("a-2", "free")] {
        put_account(world, id, plan);
    }
    let event = |position, account: &str| change(position, None, Some(&of_account(account)));
    let refused = of_account("a-9").replace("true", "false");
    let data = [
        frame(&[event(1, "a-1"), event(2, "a-2"), event(3, "a-1")]),
        frame(&[change(4, None, Some(&refused)), event(5, "a-3"), event(6, "a-2")]),
    ];
    assert!(transform.transform(&batch(&data)).await.unwrap().is_done());
    assert_eq!(reads(world), of_accounts(&[3]), "one call, for a-1, a-2 and a-3");
    let of = |pipeline: &str| -> Vec<String> {
        let sent = sent(world).into_iter().filter(|delivery| delivery["pipeline"] == pipeline);
        sent.map(|delivery| delivery["fields"]["plan"].to_string()).collect()
    };
    let expected = ["\"pro\"", "\"free\"", "\"pro\"", "null", "\"free\""];
    assert_eq!(of("contacts"), expected, "in the order of the events");
    assert_eq!(of("others"), expected);
}

#[tokio::test]
async fn a_row_whose_key_is_in_another_row_is_read_in_a_second_round() {
    let text = PIPELINE.replace(
        "[fields]",
        "[lookups.price]\ntable = \"prices\"\nkey = { sku = \"account.sku\" }\n[fields]\nfirstname = \"price.name\"",
    );
    let (world, transform) = start(&[("contacts", &text)]);
    put_account(world, "a-1", "pro");
    put(world, "prices", ("sku", KeyType::N), r#"{"sku":7.0,"name":"seven"}"#);
    let events = [1, 2].map(|position| change(position, None, Some(&of_account("a-1"))));
    assert!(transform.transform(&batch(&[frame(&events)])).await.unwrap().is_done());
    assert_eq!(reads(world), [("accounts".to_owned(), 1), ("prices".to_owned(), 1)]);
    assert!(sent(world).iter().all(|delivery| delivery["fields"]["firstname"] == "seven"));
}

#[tokio::test]
async fn a_row_is_believed_for_its_time_by_the_clock() {
    let (world, transform) = start(&[("contacts", PIPELINE)]);
    put_account(world, "a-1", "free");
    let data = |position| {
        let of = |account: &str| change(position, None, Some(&of_account(account)));
        batch(&[frame(&[of("a-1"), of("a-2")])])
    };
    for (position, seconds, read) in [(1, 0, &[2][..]), (2, 4, &[]), (3, 2, &[1]), (4, 53, &[1]), (5, 1, &[1])] {
        world.state.clock.advance(Duration::from_secs(seconds));
        assert!(transform.transform(&data(position)).await.unwrap().is_done());
        // What is not there is asked for again after five seconds, what is after a minute.
        assert_eq!(reads(world), of_accounts(read), "{position}");
        put_account(world, "a-1", "pro");
    }
    let first: Vec<String> = plans(world).into_iter().step_by(2).collect();
    assert_eq!(first, ["\"free\"", "\"free\"", "\"free\"", "\"free\"", "\"pro\""]);
}

#[tokio::test]
async fn a_table_without_a_cache_is_read_for_each_batch() {
    let text = PIPELINE
        .replace("\"accounts\"", "\"prices\"")
        .replace("account_id = \"after.account_id\"", "sku = \"after.sku\"");
    let (world, transform) = start(&[("contacts", &text)]);
    for plan in ["one", "two"] {
        put(world, "prices", ("sku", KeyType::N), &format!(r#"{{"sku":7,"plan":"{plan}"}}"#));
        let data = batch(&[frame(&[change(1, None, Some(&of_account("a-1")))])]);
        assert!(transform.transform(&data).await.unwrap().is_done());
    }
    assert_eq!(plans(world), ["\"one\"", "\"two\""]);
}

#[tokio::test]
async fn nothing_overtakes_an_event_whose_row_could_not_be_read() {
    let plain = PIPELINE.replace("\"contacts\"", "\"plain\"").replace("account.plan", "after.account_id");
    let plain =
        plain.replace("[lookups.account]\ntable = \"accounts\"\nkey = { account_id = \"after.account_id\" }\n", "");
    let (world, transform) = start(&[("contacts", PIPELINE), ("plain", &plain)]);
    put_account(world, "a-1", "pro");
    put_account(world, "a-2", "free");
    let event = |position, account: &str| change(position, None, Some(&of_account(account)));
    assert!(transform.transform(&batch(&[frame(&[event(1, "a-1")])])).await.unwrap().is_done());
    // The first record has its row from before. The second has one that has to be read, behind one that has not.
    let data = [frame(&[event(2, "a-1")]), frame(&[event(3, "a-1"), event(4, "a-2")]), frame(&[event(5, "a-1")])];
    world.lookups.breaks.next(1);
    let response = transform.transform(&batch(&data)).await.unwrap();
    assert_eq!(response.failed().collect::<Vec<_>>(), ["2"]);
    let positions = || -> Vec<String> {
        let sent = sent(world).into_iter().filter(|delivery| delivery["pipeline"] == "contacts");
        sent.map(|delivery| delivery["position"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(positions(), ["1", "2"]);
    // It comes again from there on, and what was reported is complete and in order.
    assert!(transform.transform(&batch(&data[1..])).await.unwrap().is_done());
    assert_eq!(positions(), ["1", "2", "3", "4", "5"]);
    assert_eq!(sent(world).len(), 10);
    assert!(world.state.kept().is_empty(), "{:?}", world.state.kept());
}

#[tokio::test]
async fn a_value_that_is_no_key_fails_its_event_alone() {
    let (world, transform) = start(&[("contacts", PIPELINE)]);
    put_account(world, "a-1", "pro");
    let number = of_account("a-1").replace("\"a-1\"", "1");
    let events = [change(1, None, Some(&number)), change(2, None, Some(&of_account("a-1")))];
    assert!(transform.transform(&batch(&[frame(&events)])).await.unwrap().is_done());
    assert_eq!(plans(world), ["\"pro\""]);
    let kept = world.state.kept();
    assert_eq!(kept.len(), 1);
    assert!(kept[0].reason.contains("the lookup `account`: `account_id` is a number"), "{}", kept[0].reason);
}
