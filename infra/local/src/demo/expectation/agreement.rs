//! The pipelines' files and the hand-written rules say the same. Only this test asks the code under test; the check
//! does not.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use shared::{
    delivery::Step,
    event::{ChangeEvent, Op, Origin},
    expression::Scope,
    key::Key,
    lookup::{KeyType, Rows},
    pipeline::{Evaluation, Known, KnownDestination, Pipeline},
    position::Position,
    time::Timestamp,
    value::{Number, Object, Value as Shared},
};

use super::*;
use crate::demo::{
    item::{self, item},
    store::{Account, Story},
};

const DOCUMENTS: [&str; 10] = [
    include_str!("../../../../examples/store/pipelines/customers-to-hubspot.toml"),
    include_str!("../../../../examples/store/pipelines/customers-to-warehouse.toml"),
    include_str!("../../../../examples/store/pipelines/orders-to-warehouse.toml"),
    include_str!("../../../../examples/store/pipelines/orders-to-analytics.toml"),
    include_str!("../../../../examples/store/pipelines/tickets-to-helpdesk.toml"),
    include_str!("../../../../examples/store/pipelines/page-views-to-analytics.toml"),
    include_str!("../../../../examples/store/pipelines/customers-to-klaviyo.toml"),
    include_str!("../../../../examples/store/pipelines/orders-to-braze.toml"),
    include_str!("../../../../examples/store/pipelines/tickets-to-slack.toml"),
    include_str!("../../../../examples/store/pipelines/customers-to-customer-io.toml"),
];

fn value(attribute: &AttributeValue) -> Shared {
    match attribute {
        AttributeValue::S(text) => Shared::from(text.as_str()),
        AttributeValue::N(text) => Shared::Number(Number::parse(text).unwrap()),
        AttributeValue::Bool(bool) => Shared::from(*bool),
        AttributeValue::Ss(texts) => Shared::Array(texts.iter().map(|text| Shared::from(text.as_str())).collect()),
        AttributeValue::L(items) => Shared::Array(items.iter().map(value).collect()),
        AttributeValue::M(fields) => {
            Shared::Object(fields.iter().map(|(name, attribute)| (name.clone(), value(attribute))).collect())
        }
        other => panic!("the store has no {other:?}"),
    }
}

fn image(row: Option<&Row>) -> Option<Shared> {
    match row? {
        Row::PageView(view) => Some(Shared::from_json(&serde_json::to_vec(view).unwrap()).unwrap()),
        row => item(row).map(|item| value(&AttributeValue::M(item))),
    }
}

/// The change as capture would tell it.
fn event(change: &Change) -> ChangeEvent {
    let position = Position::parse(&(change.number + 1).to_string()).unwrap();
    ChangeEvent {
        id: ChangeEvent::id_at(change.source.name(), 1, &position),
        source: change.source.name().to_owned(),
        op: match (&change.before, &change.after) {
            (None, _) => Op::Create,
            (_, Some(_)) => Op::Update,
            (_, None) => Op::Delete,
        },
        key: Key::single(change.source.key_attribute(), change.key.as_str()),
        before: image(change.before.as_ref()),
        after: image(change.after.as_ref()),
        occurred_at: Timestamp::from_millis(0),
        epoch: 1,
        position,
        origin: Origin::User,
    }
}

/// What the pipeline looks up for an event: accounts, as they stand in their table.
fn rows(pipeline: &Pipeline, event: &ChangeEvent) -> Rows {
    let mut rows = Rows::default();
    for key in pipeline.wants(event, &Scope::of(event), &rows) {
        let account = key.attributes().find_map(|(_, _, id)| Account::of(id));
        let row = account.map(|account| Arc::new(value(&AttributeValue::M(item::account(account)))));
        rows.insert(key, row);
    }
    rows
}

/// HubSpot is told texts, and an empty one for null.
fn as_text(value: Value) -> Value {
    match value {
        Value::Null => Value::from(""),
        Value::String(text) => Value::from(text),
        other => Value::from(other.to_string()),
    }
}

fn fields(rule: &Rule, fields: &Object) -> Values {
    let json = Shared::Object(fields.clone()).to_json();
    let fields: serde_json::Map<String, Value> = serde_json::from_str(&json).unwrap();
    if rule.destination == "hubspot" {
        return Values::of(fields.into_iter().map(|(name, value)| (name, as_text(value))).collect());
    }
    Values::of(fields)
}

#[test]
fn the_pipelines_and_the_rules_say_the_same_of_every_change() {
    let known = Known {
        sources: Source::ALL.map(|source| source.name().to_owned()).to_vec(),
        destinations: [
            ("hubspot", "hubspot"),
            ("warehouse", "webhook"),
            ("helpdesk", "webhook"),
            ("analytics", "webhook"),
            ("klaviyo", "klaviyo"),
            ("braze", "braze"),
            ("slack", "slack"),
            ("customer_io", "customer_io"),
        ]
        .map(|(name, connector)| KnownDestination::new(name, connector))
        .to_vec(),
        lookup_tables: [("accounts".to_owned(), [("account_id".to_owned(), KeyType::S)].into())].into(),
        ..Known::default()
    };
    for (rule, document) in RULES.iter().zip(DOCUMENTS) {
        let pipeline = Pipeline::parse(rule.pipeline, document, 1, &known).unwrap();
        let names = (pipeline.name.as_str(), pipeline.source.as_str(), pipeline.destination.as_str());
        assert_eq!(names, (rule.pipeline, rule.source.name(), rule.destination));
        for change in Story::new(1).take(3_000).filter(|change| change.source == rule.source) {
            let event = event(&change);
            let effect = match pipeline.evaluate(&event, &Scope::of(&event), &rows(&pipeline, &event)).unwrap() {
                Evaluation::Filtered => Effect::Filtered,
                Evaluation::Deliver(delivery) => match delivery.step {
                    Step::Apply => Effect::Apply(fields(rule, &delivery.fields)),
                    Step::Archive | Step::Delete | Step::Erase | Step::Clear | Step::Unsubscribe => Effect::Remove,
                    Step::Keep => Effect::Filtered,
                },
            };
            assert_eq!(effect, (rule.effect)(&change), "{} {change:?}", rule.pipeline);
        }
    }
}
