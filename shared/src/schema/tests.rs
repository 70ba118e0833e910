use proptest::{collection::vec, prelude::*};

use super::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn row(json: &str) -> Value {
    Value::from_json(json.as_bytes()).unwrap()
}

fn learned(rows: &[(i64, &str)]) -> Schema {
    let mut schema = Schema::default();
    for (millis, json) in rows {
        schema.learn(&row(json), at(*millis));
    }
    schema
}

/// Each kind of a field with its first and last time and count: `text 1-3 x2`.
fn told(schema: &Schema, path: &str) -> String {
    let kind = |(kind, seen): (&Kind, &Seen)| {
        format!("{} {}-{} x{}", kind.as_str(), seen.first.millis(), seen.last.millis(), seen.count)
    };
    schema.fields[path].kinds.iter().map(kind).collect::<Vec<_>>().join(", ")
}

#[test]
fn rows_teach_paths_and_kinds() {
    let schema = learned(&[
        (1, r#"{"email":"a","address":{"city":"Bern","geo":{"lat":1,"deep":{"er":1}}}}"#),
        (2, r#"{"email":null,"address":null,"tags":[1],"a.b":1,"":2}"#),
        (3, r#"{"email":7,"address":"Bern","vip":true}"#),
    ]);
    for (path, kinds) in [
        ("email", "text 1-1 x1, number 3-3 x1, null 2-2 x1"),
        ("address", "text 3-3 x1, object 1-1 x1, null 2-2 x1"),
        ("address.city", "text 1-1 x1, absent 2-3 x2"),
        ("address.geo.deep", "object 1-1 x1, absent 2-3 x2"),
        // What is new was absent before.
        ("tags", "list 2-2 x1, absent 1-3 x2"),
        ("vip", "boolean 3-3 x1, absent 1-2 x2"),
    ] {
        assert_eq!(told(&schema, path), kinds, "{path}");
    }
    let paths: Vec<_> = schema.fields().map(|(path, _)| path).collect();
    assert_eq!(
        paths,
        ["address", "address.city", "address.geo", "address.geo.deep", "address.geo.lat", "email", "tags", "vip"]
    );
}

#[test]
fn what_names_a_row_is_known_by_the_newest_event() {
    let key = |json: &str| serde_json::from_str::<crate::key::Key>(json).unwrap();
    let mut schema = Schema::default();
    assert!(schema.learn_key(&key(r#"{"order_id":"o-1","line":7}"#)));
    assert!(!schema.learn_key(&key(r#"{"line":8,"order_id":"o-2"}"#)));
    schema.count(at(5));
    let expected = BTreeMap::from([("line".to_owned(), Kind::Number), ("order_id".to_owned(), Kind::Text)]);
    assert_eq!(schema.key, expected);
    let mut later = Schema::default();
    later.learn_key(&key(r#"{"id":7}"#));
    later.count(at(9));
    for (mut one, other) in [(schema.clone(), later.clone()), (later.clone(), schema.clone())] {
        one.merge(&other);
        assert_eq!(one.key, later.key);
    }
    // One that has learned no key says nothing of it.
    let mut counted = Schema::default();
    counted.count(at(20));
    counted.merge(&schema);
    assert_eq!(counted.key, expected);
    let json = serde_json::to_string(&schema).unwrap();
    assert_eq!(serde_json::from_str::<Schema>(&json).unwrap(), schema);
}

#[test]
fn news_is_a_path_or_a_kind_that_was_not_there() {
    let mut schema = Schema::default();
    let mut learn = |json| schema.learn(&row(json), at(1));
    assert!(learn(r#"{"a":1}"#));
    assert!(!learn(r#"{"a":2}"#));
    assert!(learn(r#"{"a":2,"b":1}"#));
    assert!(!learn(r#"{"a":2}"#), "without b it has been");
    assert!(learn(r#"{"a":"x"}"#));
    assert!(learn("{}"), "without a it has not been");
    assert!(!learn("[]"), "no row");
    assert_eq!(schema.rows.unwrap().count, 6);
}

#[test]
fn what_is_known_by_a_time_or_is_early_is_accepted() {
    let mut schema = Schema::default();
    for millis in 1..=20 {
        let json = if millis == 3 { r#"{"n":"early"}"# } else { r#"{"n":1}"# };
        let settled = schema.accepted("n", at(0)) != Kinds::ALL;
        assert!(!settled, "after {} sightings", millis - 1);
        schema.learn(&row(json), at(millis));
    }
    schema.learn(&row(r#"{"n":true}"#), at(30));
    schema.learn(&row("{}"), at(40));
    let accepted = |time| {
        let kinds = schema.accepted("n", at(time));
        Kind::ALL.into_iter().filter(|kind| kinds.contains(*kind)).map(Kind::as_str).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(accepted(0), "text number null");
    assert_eq!(accepted(30), "text number boolean null");
    assert_eq!(accepted(40), "text number boolean null absent");
    assert_eq!(schema.accepted("unknown", at(0)), Kinds::ALL);
}

#[test]
fn columns_stay_where_maps_have_names_of_their_own_in_every_row() {
    let mut schema = Schema::default();
    let mut news = 0;
    for id in 0..1_000 {
        news += u32::from(schema.learn(&row(&format!(r#"{{"flags":{{"u-{id}":true}}}}"#)), at(id)));
    }
    assert_eq!((schema.fields.len(), schema.more), (MAX_PATHS, 1));
    assert_eq!(news, 299, "and each of these names vanishes with the next row, which is no news any more");
    assert!(schema.learn(&row(r#"{"flags":{},"plan":"pro"}"#), at(1_000)));
    assert!(schema.fields.contains_key("plan") && schema.fields.contains_key("flags"));
    schema.learn(&row(&format!(r#"{{"{}":1}}"#, "x".repeat(201))), at(1_001));
    assert_eq!(schema.fields.len(), MAX_PATHS);
}

#[test]
fn the_largest_schema_fits_an_item() {
    let seen = Seen { first: at(1_700_000_000_000), last: at(1_700_000_000_000), count: u64::MAX };
    let kinds: BTreeMap<_, _> = Kind::ALL.map(|kind| (kind, seen)).into();
    let field = Field { kinds, settled: Some(seen.last) };
    let fields = (0..MAX_PATHS).map(|number| (format!("{number:0>200}"), field.clone())).collect();
    let schema =
        Schema { events: Some(seen), rows: Some(seen), fields, key: BTreeMap::new(), more: 9, notices: Vec::new() };
    let json = serde_json::to_string(&schema).unwrap();
    assert!(json.len() < 250_000, "{}", json.len());
    assert_eq!(serde_json::from_str::<Schema>(&json).unwrap(), schema);
}

#[test]
fn the_json_is_this() {
    let mut schema = learned(&[(1, r#"{"email":"a"}"#), (2, "{}")]);
    schema.count(at(2));
    let drift = Drift { pipeline: "contacts".into(), path: "email".into(), kind: Kind::Absent };
    schema.note(Notice { drift, version: 3, at: at(2) });
    let json = concat!(
        r#"{"events":{"first":2,"last":2,"count":1},"rows":{"first":1,"last":2,"count":2},"#,
        r#""fields":{"email":{"kinds":{"text":{"first":1,"last":1,"count":1},"absent":{"first":2,"last":2,"count":1}}}},"#,
        r#""more":0,"notices":[{"pipeline":"contacts","path":"email","kind":"absent","version":3,"at":2}]}"#,
    );
    assert_eq!(serde_json::to_string(&schema).unwrap(), json);
    assert_eq!(serde_json::from_str::<Schema>(json).unwrap(), schema);
}

#[test]
fn a_notice_is_kept_once_and_the_newest_are_kept() {
    let drift = |path: usize| Drift { pipeline: "p".into(), path: format!("f{path:03}"), kind: Kind::Text };
    let mut schema = Schema::default();
    for number in 0..250 {
        schema.note(Notice { drift: drift(number), version: 1, at: at(number.try_into().unwrap()) });
    }
    assert_eq!(schema.notices.len(), 200);
    assert!(!schema.is_noted(&drift(49)) && schema.is_noted(&drift(50)));
    schema.note(Notice { drift: drift(60), version: 1, at: at(900) });
    schema.note(Notice { drift: drift(61), version: 1, at: at(55) });
    assert_eq!(schema.notices.len(), 200);
    let of = |path| schema.notices.iter().find(|notice| notice.drift == drift(path)).unwrap().at;
    assert_eq!((of(60), of(61)), (at(60), at(55)), "the first event's arrival");
}

#[test]
fn a_sample_is_of_the_usual_kinds_and_says_that_it_is_made_up() {
    let schema = learned(&[
        (
            1,
            r#"{"contact_email":"a","name":"Ada","mrr":1,"vip":true,"tags":["x"],"address":{"city":"Bern"},"note":null}"#,
        ),
        (2, r#"{"contact_email":"a","name":"Ada","mrr":"1","address":null}"#),
        (3, r#"{"mrr":2,"created_at":"2020-02-02T00:00:00Z"}"#),
    ]);
    let json = concat!(
        r#"{"address":{"city":"made up"},"contact_email":"made.up@example.com","created_at":"2026-01-01T00:00:00Z","#,
        r#""mrr":1,"name":"made up","note":null,"tags":[],"vip":true}"#,
    );
    assert_eq!(Value::Object(schema.sample()), row(json));
    assert!(Schema::default().sample().is_empty());
}

fn rows() -> impl Strategy<Value = Vec<(i64, Value)>> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z]{0,3}".prop_map(Value::from),
        Just(Value::Array(Vec::new())),
    ];
    let object = |value: BoxedStrategy<Value>| {
        vec(("[abc]", value), 0..4).prop_map(|fields| Value::Object(fields.into_iter().collect()))
    };
    let inner = object(leaf.clone().boxed());
    let inner = object(prop_oneof![leaf.clone(), inner].boxed());
    let value = prop_oneof![leaf, inner].boxed();
    vec((0_i64..1_000, object(value)), 0..60)
}

/// Without the moments at which fields settled, which depend on the order.
fn unsettled(mut schema: Schema) -> Schema {
    for field in schema.fields.values_mut() {
        field.settled = None;
    }
    schema
}

fn of_rows(rows: &[(i64, Value)]) -> Schema {
    let mut schema = Schema::default();
    for (millis, row) in rows {
        schema.count(at(*millis));
        schema.learn(row, at(*millis));
    }
    schema
}

fn merged(mut one: Schema, other: &Schema) -> Schema {
    one.merge(other);
    one
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_two_have_learned_is_what_one_would_have(one in rows(), other in rows()) {
        let both: Vec<_> = one.iter().chain(&other).cloned().collect();
        let merged = merged(of_rows(&one), &of_rows(&other));
        prop_assert_eq!(unsettled(merged), unsettled(of_rows(&both)));
    }

    #[test]
    fn the_order_of_merging_is_all_the_same(one in rows(), other in rows(), third in rows()) {
        let [one, other, third] = [one, other, third].map(|rows| of_rows(&rows));
        prop_assert_eq!(merged(one.clone(), &other), merged(other.clone(), &one));
        let left = merged(merged(one.clone(), &other), &third);
        let right = merged(one, &merged(other, &third));
        prop_assert_eq!(unsettled(left), unsettled(right));
    }

    #[test]
    fn merged_once_more_only_counts_grow(one in rows(), other in rows()) {
        let once = merged(of_rows(&one), &of_rows(&other));
        let twice = merged(once.clone(), &of_rows(&other));
        for (path, field) in &once.fields {
            let again = &twice.fields[path];
            for (kind, seen) in &field.kinds {
                let seen_again = again.kinds[kind];
                prop_assert_eq!((seen.first, seen.last), (seen_again.first, seen_again.last));
            }
            prop_assert_eq!(field.kinds.len(), again.kinds.len());
        }
    }

    #[test]
    fn what_was_accepted_of_a_settled_field_stays_so(one in rows(), more in rows(), since in 0_i64..1_000) {
        // Later rows arrive later.
        let more: Vec<_> = more.into_iter().map(|(millis, row)| (millis + 1_000, row)).collect();
        let before = of_rows(&one);
        let after = merged(before.clone(), &of_rows(&more));
        for (path, field) in before.fields.iter().filter(|(_, field)| field.settled.is_some()) {
            let (was, is) = (before.accepted(path, at(since)), after.accepted(path, at(since)));
            for kind in field.kinds.keys().filter(|kind| was.contains(**kind)) {
                prop_assert!(is.contains(*kind), "{} {:?}", path, kind);
            }
        }
    }
}
