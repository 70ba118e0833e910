use std::{collections::BTreeMap, sync::Arc};

use super::*;
use crate::{
    delivery::Step,
    event::{ChangeEvent, Op, Origin},
    key::Key,
    lookup::KeyType,
    pipeline::{Evaluation, KnownDestination},
    position::Position,
    time::Timestamp,
};

/// The account of a customer, and the account's owner.
const PIPELINE: &str = r#"name = "contacts"
source = "customers"
destination = "crm"
action = "upsert_contact"
when = "after.consent"
on_leave = "archive"
on_delete = "archive"

[lookups.owner]
table = "people"
key = { person_id = "account.owner_id", country = "after.country" }

[lookups.account]
table = "accounts"
key = { account_id = "after.account_id" }

[fields]
email = "after.email"
plan = "account.plan"
owner = "owner.email"
"#;

fn known() -> Known {
    let keys = |keys: &[(&str, KeyType)]| keys.iter().map(|(name, kind)| ((*name).to_owned(), *kind)).collect();
    Known {
        sources: vec!["customers".into()],
        destinations: vec![KnownDestination::new("crm", "hubspot")],
        lookup_tables: BTreeMap::from([
            ("accounts".to_owned(), keys(&[("account_id", KeyType::S)])),
            ("people".to_owned(), keys(&[("person_id", KeyType::N), ("country", KeyType::S)])),
        ]),
        ..Known::default()
    }
}

fn parse(text: &str) -> Result<Pipeline, String> {
    Pipeline::parse("contacts.toml", text, 1, &known()).map_err(|error| error.to_string())
}

fn event(before: Option<&str>, after: Option<&str>) -> ChangeEvent {
    let image = |json: &str| Value::from_json(json.as_bytes()).unwrap();
    let op = match (before, after) {
        (None, _) => Op::Create,
        (_, None) => Op::Delete,
        _ => Op::Update,
    };
    ChangeEvent {
        id: "customers/1/7".into(),
        source: "customers".into(),
        op,
        key: Key::single("id", "c-1"),
        before: before.map(image),
        after: after.map(image),
        occurred_at: Timestamp::from_millis(0),
        epoch: 1,
        position: Position::parse("7").unwrap(),
        origin: Origin::User,
    }
}

const ROW: &str = r#"{"email":"a@b.example","consent":true,"account_id":"a-1","country":"CH"}"#;

/// A table of rows that can be read.
#[derive(Default)]
struct Tables(Vec<(RowKey, &'static str)>);

impl Tables {
    /// With a row under the key that its own attributes make.
    fn with(mut self, table: &str, row: &'static str) -> Self {
        let value = Value::from_json(row.as_bytes()).unwrap();
        let key = RowKey::of(table, &known().lookup_tables[table], |name| value.get(name)).unwrap().unwrap();
        self.0.push((key, row));
        self
    }

    /// Reads what the pipeline wants until it wants no more: the tables of each round, and what comes of the event.
    fn evaluate(&self, text: &str, event: &ChangeEvent) -> (Vec<Vec<String>>, Result<Evaluation, ExpressionError>) {
        let pipeline = parse(text).unwrap();
        let scope = Scope::of(event);
        let (mut rows, mut rounds) = (std::collections::HashMap::new(), Vec::new());
        loop {
            let known = Rows::Read(rows.clone());
            let wanted = pipeline.wants(event, &scope, &known);
            if wanted.is_empty() {
                return (rounds, pipeline.evaluate(event, &scope, &known));
            }
            rounds.push(wanted.iter().map(|key| key.table().to_owned()).collect());
            for key in wanted {
                let row = self.0.iter().find(|(other, _)| *other == key);
                let row = row.map(|(_, row)| Arc::new(Value::from_json(row.as_bytes()).unwrap()));
                assert!(rows.insert(key, row).is_none(), "a row is asked for once");
            }
        }
    }
}

fn tables() -> Tables {
    Tables::default()
        .with("accounts", r#"{"account_id":"a-1","plan":"pro","owner_id":7}"#)
        .with("people", r#"{"person_id":7.0,"country":"CH","email":"olga@store.example"}"#)
}

/// The fields as one line of JSON.
fn fields(evaluation: Result<Evaluation, ExpressionError>) -> String {
    match evaluation.unwrap() {
        Evaluation::Deliver(delivery) => Value::Object(delivery.fields).to_json(),
        Evaluation::Filtered => "filtered".to_owned(),
    }
}

fn step(evaluation: Result<Evaluation, ExpressionError>) -> Option<Step> {
    match evaluation.unwrap() {
        Evaluation::Deliver(delivery) => Some(delivery.step),
        Evaluation::Filtered => None,
    }
}

#[test]
fn a_row_whose_key_needs_another_is_read_after_it() {
    let (rounds, evaluation) = tables().evaluate(PIPELINE, &event(None, Some(ROW)));
    assert_eq!(rounds, [["accounts"], ["people"]]);
    assert_eq!(fields(evaluation), r#"{"email":"a@b.example","plan":"pro","owner":"olga@store.example"}"#);
}

#[test]
fn only_what_is_sent_is_looked_up() {
    let refused = ROW.replace("true", "false");
    for (event, rounds) in [
        (event(None, Some(&refused)), 0),
        (event(Some(ROW), Some(&refused)), 0),
        (event(Some(ROW), None), 0),
        // Of a row that does not say which its account is, nothing is to be read.
        (event(None, Some(r#"{"email":"a@b.example","consent":true}"#)), 0),
        (event(None, Some(&ROW.replace("\"a-1\"", "null"))), 0),
        (event(None, Some(ROW)), 2),
    ] {
        assert_eq!(tables().evaluate(PIPELINE, &event).0.len(), rounds, "{event:?}");
    }
}

#[test]
fn of_a_missing_row_every_field_is_null_unless_it_is_said_what_then() {
    let other = ROW.replace("a-1", "a-2");
    let missing = |on_missing: &str| {
        let line = format!("table = \"accounts\"\non_missing = \"{on_missing}\"");
        let text = PIPELINE.replace("table = \"accounts\"", &line);
        tables().evaluate(&text, &event(Some(ROW), Some(&other)))
    };
    let without = r#"{"email":"a@b.example","plan":null,"owner":null}"#;
    // Without its account there is no key of the owner.
    let (rounds, evaluation) = tables().evaluate(PIPELINE, &event(None, Some(&other)));
    assert_eq!((rounds.len(), fields(evaluation).as_str()), (1, without));
    assert_eq!(fields(missing("without").1), without);
    // It matches no longer, and matched before for all that is known.
    assert_eq!(step(missing("skip").1), Some(Step::Archive));
    let error = missing("fail").1.unwrap_err().message;
    assert!(error.starts_with("the lookup `account` found no row in the table `accounts`; add the row"), "{error}");
    assert!(!error.contains("a-2"), "no value of the row is told: {error}");
}

#[test]
fn a_new_event_that_is_skipped_is_filtered() {
    let text = PIPELINE.replace("table = \"accounts\"", "table = \"accounts\"\non_missing = \"skip\"");
    let (rounds, evaluation) = tables().evaluate(&text, &event(None, Some(&ROW.replace("a-1", "a-2"))));
    assert_eq!((rounds.len(), step(evaluation)), (1, None));
    assert_eq!(step(tables().evaluate(&text, &event(None, Some(ROW))).1), Some(Step::Apply));
}

/// Skipping weighs more than failing, whichever is read first.
#[test]
fn what_comes_of_an_event_does_not_depend_on_the_order_of_reads() {
    let text = PIPELINE
        .replace("table = \"people\"", "table = \"people\"\non_missing = \"skip\"")
        .replace("\"account.owner_id\"", "\"7\"")
        .replace("table = \"accounts\"", "table = \"accounts\"\non_missing = \"fail\"");
    let (rounds, evaluation) = Tables::default().evaluate(&text, &event(None, Some(ROW)));
    assert_eq!((rounds, step(evaluation)), (vec![vec!["people".to_owned(), "accounts".to_owned()]], None));
    let pipeline = parse(&text).unwrap();
    let event = event(None, Some(ROW));
    let rows = Rows::Given(BTreeMap::from([("owner".to_owned(), Value::Object(crate::value::Object::new()))]));
    assert!(pipeline.evaluate(&event, &Scope::of(&event), &rows).is_err());
    assert!(pipeline.evaluate(&event, &Scope::of(&event), &Rows::default()).is_err(), "nothing was read");
}

/// The row of the lookup may have been another one when the event's row was sent, so the ledger decides.
#[test]
fn a_row_that_a_looked_up_value_filters_may_have_matched_before() {
    let text = PIPELINE.replace("\"after.consent\"", "\"after.consent and account.plan == 'pro'\"");
    let free = || Tables::default().with("accounts", r#"{"account_id":"a-1","plan":"free"}"#);
    let touched = ROW.replace("CH", "DE");
    assert_eq!(step(tables().evaluate(&text, &event(Some(ROW), Some(&touched))).1), Some(Step::Apply));
    for (event, expected, rounds) in [
        (event(None, Some(ROW)), None, 1),
        (event(Some(ROW), Some(&touched)), Some(Step::Archive), 1),
        (event(Some(ROW), None), Some(Step::Archive), 0),
    ] {
        let (read, evaluation) = free().evaluate(&text, &event);
        assert_eq!((step(evaluation), read.len()), (expected, rounds), "{event:?}");
    }
    // A filter that judges the change has nothing that could leave.
    let changes = text.replace("after.consent and", "op != 'read' and");
    assert_eq!(step(free().evaluate(&changes, &event(Some(ROW), Some(&touched))).1), None);
    assert_eq!(step(free().evaluate(&changes, &event(Some(ROW), None)).1), None);
    assert_eq!(step(tables().evaluate(&changes, &event(Some(ROW), None)).1), Some(Step::Archive));
}

/// What is cleared is what was sent, whether or not there still is an account.
#[test]
fn a_missing_row_does_not_keep_fields_from_being_cleared() {
    let text = PIPELINE
        .replace("on_leave = \"archive\"", "on_leave = \"clear\"")
        .replace("table = \"accounts\"", "table = \"accounts\"\non_missing = \"fail\"");
    let refused = ROW.replace("true", "false").replace("a-1", "a-2");
    let (_, evaluation) = tables().evaluate(&text, &event(Some(ROW), Some(&refused)));
    assert_eq!(fields(evaluation), r#"{"email":"a@b.example","plan":null,"owner":null}"#);
}

#[test]
fn a_value_that_is_no_key_is_its_events_failure() {
    let number = ROW.replace("\"a-1\"", "1");
    let (rounds, evaluation) = tables().evaluate(PIPELINE, &event(None, Some(&number)));
    assert_eq!(rounds.len(), 0);
    let error = evaluation.unwrap_err().message;
    let mend = "the lookup `account`: `account_id` is a number, and the table `accounts` has texts there; make it one \
                with `| string`";
    assert_eq!(error, mend);
    let mended = PIPELINE.replace("\"after.account_id\"", "\"after.account_id | string\"");
    let accounts = Tables::default().with("accounts", r#"{"account_id":"1","plan":"pro"}"#);
    let (_, evaluation) = accounts.evaluate(&mended, &event(None, Some(&number)));
    assert_eq!(fields(evaluation), r#"{"email":"a@b.example","plan":"pro","owner":null}"#);
}

#[test]
fn each_mistake_has_its_line_its_reason_and_its_mend() {
    let nine = (0..8).map(|at| format!("[lookups.n{at}]\ntable = \"accounts\"\nkey = {{ account_id = \"op\" }}\n"));
    let nine = format!("{}[fields]", nine.collect::<String>());
    for (from, to, line, message) in [
        (
            "\"accounts\"",
            "\"acounts\"",
            14,
            "there is no lookup table `acounts` in this stack; did you mean `accounts`?",
        ),
        ("account_id =", "acount_id =", 15, "has no key attribute `acount_id`; did you mean `account_id`?"),
        ("account_id =", "acount_id =", 15, "are found by `account_id` too; add it to the key, such as account_id = "),
        (", country = \"after.country\"", "", 11, "the rows of the table `people` are found by `country` too"),
        ("\"account.owner_id\"", "\"acount.owner_id\"", 11, "did you mean `account`?"),
        ("\"account.owner_id\"", "\"owner.id\"", 9, "the lookups need each other: `owner` needs `owner`"),
        (
            "\"after.account_id\"",
            "\"owner.id\"",
            9,
            "the lookups need each other: `owner` needs `account` needs `owner`",
        ),
        ("lookups.account", "lookups.after", 13, "the lookup `after` would hide what `after` means in expressions"),
        ("lookups.account", "lookups.changed", 13, "the lookup `changed` would hide"),
        ("lookups.account", "lookups.not", 13, "the lookup `not` would hide"),
        ("lookups.account", "lookups.none", 13, "the lookup `none` would hide"),
        ("lookups.account", "lookups.Account", 13, "lower-case letters, digits and underscores"),
        (
            "table = \"accounts\"",
            "table = \"accounts\"\nmissing = \"skip\"",
            15,
            "a lookup has no `missing`; it has table, key, on_missing",
        ),
        (
            "table = \"accounts\"",
            "table = \"accounts\"\non_missing = \"ignore\"",
            15,
            "on_missing cannot be \"ignore\"; write one of \"skip\", \"without\", \"fail\"",
        ),
        ("\"owner.email\"", "\"ownr.email\"", 20, "did you mean `owner`?"),
        ("[fields]", nine.as_str(), 35, "the lookup `n6` is one too many; a pipeline has at most 8"),
    ] {
        assert!(PIPELINE.contains(from), "{from}");
        let error = parse(&PIPELINE.replacen(from, to, 1)).unwrap_err();
        assert!(
            error.lines().any(|told| told.starts_with(&format!("contacts.toml:{line}: ")) && told.contains(message)),
            "{to}: {error}"
        );
    }
    let without_tables = Pipeline::parse("a.toml", PIPELINE, 1, &Known { lookup_tables: BTreeMap::new(), ..known() });
    let error = without_tables.unwrap_err().to_string();
    assert!(
        error.contains("there is none; tables are declared as `lookup_tables` in the stack's variables"),
        "{error}"
    );
}
