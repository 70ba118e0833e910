//! What tests of pipelines find.

use super::*;
use crate::pipeline::{Known, KnownDestination, Pipeline};

const PIPELINE: &str = r#"
name = "contacts"
source = "customers"
destination = "crm"
action = "upsert_contact"
when = "after.consent"
on_leave = "archive"
on_delete = "archive"

[fields]
email = "after.email | lower"
mrr = "after.mrr_cents / 100"

[[tests]]
name = "x"
"#;

/// Runs one test, whose file has these events.
fn run(test: &str, file: &str) -> Vec<Mismatch> {
    let document = format!("{PIPELINE}{test}");
    let known = Known {
        sources: vec!["customers".into()],
        destinations: vec![KnownDestination::new("crm", "hubspot").with_settings(Object::new())],
        ..Known::default()
    };
    let pipeline = Pipeline::parse("p.toml", &document, 0, &known).unwrap();
    let cases = cases("p.toml", &document).unwrap();
    Bench::new(&pipeline, &known).unwrap().run(&cases[0], |_| ChangeEvent::read_written("customers", file))
}

const ADA: &str = "event = { after = { consent = true, email = \"Ada@x.example\", mrr_cents = 12900 } }\n";
const LEFT: &str = "event = { before = { consent = true }, after = { consent = false } }\n";

#[test]
fn what_is_as_expected_passes() {
    for test in [
        &format!("{ADA}expect = \"apply\""),
        // Numbers by value, fields in any order.
        &format!("{ADA}fields = {{ mrr = 129.00, email = \"ada@x.example\" }}"),
        &format!("{ADA}fields = '{{\"email\":\"ada@x.example\",\"mrr\":1.29e2}}'"),
        &format!("{ADA}request = {{ method = \"POST\", path = \"/crm/v3/objects/contacts/batch/upsert\" }}"),
        &format!(
            "{ADA}settings = {{ base_url = \"https://eu.example\" }}\nrequest.url = \"https://eu.example/crm/v3/objects/contacts/batch/upsert\""
        ),
        &format!("{LEFT}expect = \"archive\""),
        &format!("{LEFT}destination_key = \"7\"\nrequest.body = '{{ \"inputs\": [{{ \"id\": \"7\" }}] }}'"),
        &format!("{LEFT}destination_key = \"7\"\nrequest.body = {{ inputs = [{{ id = \"7\" }}] }}"),
        "event = { after = { consent = false } }\nexpect = \"filtered\"",
        // What the expressions cannot do, and what the destination cannot take.
        "event = { after = { consent = true } }\nerror = \"has no field `email`\"",
        "event = { after = { consent = true, email = \" \", mrr_cents = 0 } }\nerror = \"HubSpot tells rows by\"",
    ] {
        assert_eq!(run(test, ""), [], "{test}");
    }
}

#[test]
fn what_is_not_as_expected_is_told() {
    let outcome = |expected: &str, actual: &str| Mismatch::Outcome {
        delivery: None,
        expected: expected.to_owned(),
        actual: actual.to_owned(),
    };
    assert_eq!(run(&format!("{ADA}expect = \"filtered\""), ""), [outcome("filtered", "apply")]);
    assert_eq!(run(&format!("{LEFT}fields = {{}}"), ""), [], "an archive sends no fields");
    assert_eq!(run(&format!("{LEFT}expect = \"apply\""), ""), [outcome("apply", "archive")]);
    assert_eq!(run(&format!("{ADA}error = \"x\""), ""), [outcome("a failure that says \"x\"", "apply")]);
    let [Mismatch::Outcome { expected, actual, .. }] =
        &run("event = { after = { consent = true } }\nfields = {}", "")[..]
    else {
        panic!()
    };
    assert!(expected == "a delivery" && actual.starts_with("a failure: the field `email`"), "{actual}");
    let [Mismatch::Fields { fields, .. }] =
        &run(&format!("{ADA}fields = {{ email = \"Ada\", plan = \"pro\" }}"), "")[..]
    else {
        panic!()
    };
    let told = |field: &FieldMismatch| {
        let json = |value: &Option<Value>| value.as_ref().map(Value::to_json);
        (field.name.clone(), json(&field.expected), json(&field.actual))
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        fields.iter().map(told).collect::<Vec<_>>(),
        [
            ("email".to_owned(), some("\"Ada\""), some("\"ada@x.example\"")),
            ("plan".to_owned(), some("\"pro\""), None),
            ("mrr".to_owned(), None, some("129")),
        ]
    );
    let mismatches = run(&format!("{ADA}request = {{ method = \"PUT\", body = \"no JSON\" }}"), "");
    assert!(matches!(&mismatches[..], [Mismatch::Request { part: "method", .. }, Mismatch::Body { .. }]));
    let [Mismatch::Undecided(reason)] = &run(&format!("{LEFT}request.method = \"POST\""), "")[..] else { panic!() };
    assert!(reason.contains("give the test one: destination_key"), "{reason}");
    let wrong = format!("{ADA}settings = {{ base_ulr = \"x\" }}\nrequest.method = \"POST\"");
    let [Mismatch::Undecided(reason)] = &run(&wrong, "")[..] else { panic!() };
    assert!(reason.contains("did you mean `base_url`?"), "{reason}");
}

#[test]
fn of_several_events_the_deliveries_are_expected() {
    let file = r#"{"after":{"consent":true,"email":"A@x.example","mrr_cents":0}} {"after":{"consent":false}}
                  {"source":"orders","after":{"id":1}} {"before":{"consent":true},"after":{"consent":false}}"#;
    let test = |deliveries: &str| format!("file = \"events.json\"\n{deliveries}");
    let both = test("deliveries = [{ fields = { email = \"a@x.example\", mrr = 0 } }, { expect = \"archive\" }]");
    assert_eq!(run(&both, file), []);
    assert_eq!(
        run(&test("deliveries = [{ expect = \"apply\" }]"), file),
        [Mismatch::Count { expected: 1, actual: vec!["apply".to_owned(), "archive".to_owned()] }]
    );
    let swapped = test("[[tests.deliveries]]\nexpect = \"archive\"\n[[tests.deliveries]]\nexpect = \"archive\"");
    assert_eq!(
        run(&swapped, file),
        [Mismatch::Outcome { delivery: Some(1), expected: "archive".to_owned(), actual: "apply".to_owned() }]
    );
    let [Mismatch::Undecided(reason)] = &run(&test("expect = \"apply\""), file)[..] else { panic!() };
    assert!(reason.starts_with("the file has 3 events of the source customers"), "{reason}");
    let [Mismatch::Undecided(reason)] = &run(&test("expect = \"apply\""), "[{")[..] else { panic!() };
    assert!(reason.starts_with("event 1: EOF"), "{reason}");
}
