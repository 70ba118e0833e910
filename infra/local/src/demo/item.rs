//! Rows as DynamoDB items.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::store::{Account, Customer, Order, Row, Ticket, decimal};

/// An item: attribute names and values.
pub type Item = HashMap<String, AttributeValue>;

/// The row as an item; `None` for what is kept on a stream.
pub fn item(row: &Row) -> Option<Item> {
    match row {
        Row::Customer(row) => Some(customer(row)),
        Row::Order(row) => Some(order(row)),
        Row::Ticket(row) => Some(ticket(row)),
        Row::PageView(_) => None,
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn number(number: &impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn attributes<const N: usize>(attributes: [(&str, AttributeValue); N]) -> Item {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn customer(row: &Customer) -> Item {
    let mut item = attributes([
        ("customer_id", text(&row.customer_id)),
        ("email", text(&row.email)),
        ("first_name", text(&row.first_name)),
        ("last_name", text(&row.last_name)),
        ("plan", text(row.plan.as_str())),
        ("mrr_cents", number(&row.mrr_cents)),
        ("marketing_consent", AttributeValue::Bool(row.marketing_consent)),
        ("logins", number(&row.logins)),
        ("updated_at", number(&row.updated_at)),
    ]);
    if let Some(country) = &row.country {
        item.insert("country".to_owned(), text(country));
    }
    if let Some(account_id) = &row.account_id {
        item.insert("account_id".to_owned(), text(account_id));
    }
    // DynamoDB has no empty sets ("Supported data types and naming rules", sets).
    if !row.tags.is_empty() {
        item.insert("tags".to_owned(), AttributeValue::Ss(row.tags.iter().cloned().collect()));
    }
    item
}

fn order(row: &Order) -> Item {
    let items = row.items.iter().map(|item| {
        AttributeValue::M(attributes([
            ("sku", text(&item.sku)),
            ("name", text(&item.name)),
            ("quantity", number(&item.quantity)),
            ("price", AttributeValue::N(decimal(item.price_cents))),
        ]))
    });
    let mut item = attributes([
        ("order_id", text(&row.order_id)),
        ("customer_id", text(&row.customer_id)),
        ("status", text(row.status.as_str())),
        ("items", AttributeValue::L(items.collect())),
        ("total", AttributeValue::N(decimal(row.total_cents()))),
        ("updated_at", number(&row.updated_at)),
    ]);
    if let Some(note) = &row.note {
        item.insert("note".to_owned(), text(note));
    }
    item
}

fn ticket(row: &Ticket) -> Item {
    let mut item = attributes([
        ("ticket_id", text(&row.ticket_id)),
        ("customer_id", text(&row.customer_id)),
        ("subject", text(&row.subject)),
        ("status", text(row.status.as_str())),
        ("priority", text(row.priority.as_str())),
        ("messages", number(&row.messages)),
        ("updated_at", number(&row.updated_at)),
    ]);
    if let Some(account_id) = &row.account_id {
        item.insert("account_id".to_owned(), text(account_id));
    }
    item
}

/// An account as an item.
pub fn account(account: &Account) -> Item {
    attributes([
        ("account_id", text(account.account_id)),
        ("name", text(account.name)),
        ("plan", text(account.plan.as_str())),
        ("owner_email", text(account.owner_email)),
        ("health", number(&account.health)),
    ])
}

/// What an `UpdateItem` has to say to make one item of another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Update {
    /// `SET #n0 = :v0 REMOVE #n1`.
    pub expression: String,
    /// What `#n0`, … stand for.
    pub names: HashMap<String, String>,
    /// What `:v0`, … stand for.
    pub values: Item,
}

impl Update {
    /// Sets what differs, and removes what is gone. Placeholders throughout: `status` and `items` are reserved words
    /// ("Reserved words in DynamoDB").
    pub fn between(before: &Item, after: &Item) -> Self {
        let mut update = Self::default();
        let mut set: Vec<_> = after.iter().filter(|(name, value)| before.get(*name) != Some(*value)).collect();
        let mut gone: Vec<_> = before.keys().filter(|name| !after.contains_key(*name)).collect();
        set.sort_unstable_by_key(|(name, _)| *name);
        gone.sort_unstable();
        let mut clauses = Vec::new();
        let mut assignments = Vec::new();
        for (index, (name, value)) in set.into_iter().enumerate() {
            update.names.insert(format!("#n{index}"), name.clone());
            update.values.insert(format!(":v{index}"), value.clone());
            assignments.push(format!("#n{index} = :v{index}"));
        }
        if !assignments.is_empty() {
            clauses.push(format!("SET {}", assignments.join(", ")));
        }
        let taken = assignments.len();
        let mut removals = Vec::new();
        for (index, name) in gone.into_iter().enumerate() {
            let index = taken + index;
            update.names.insert(format!("#n{index}"), name.clone());
            removals.push(format!("#n{index}"));
        }
        if !removals.is_empty() {
            clauses.push(format!("REMOVE {}", removals.join(", ")));
        }
        update.expression = clauses.join(" ");
        update
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::store::{Source, Story, Write};

    #[test]
    fn an_update_names_what_differs_only() {
        let before = attributes([("id", text("a")), ("plan", text("free")), ("country", text("de"))]);
        let after = attributes([("id", text("a")), ("plan", text("pro")), ("logins", number(&2))]);
        let update = Update::between(&before, &after);
        assert_eq!(update.expression, "SET #n0 = :v0, #n1 = :v1 REMOVE #n2");
        let names = [("#n0", "logins"), ("#n1", "plan"), ("#n2", "country")];
        assert_eq!(update.names, names.into_iter().map(|(of, name)| (of.to_owned(), name.to_owned())).collect());
        assert_eq!(update.values, attributes([(":v0", number(&2)), (":v1", text("pro"))]));
    }

    #[test]
    fn every_update_of_the_story_says_something_and_spares_the_key() {
        for change in Story::new(1).take(3_000).filter(|change| change.write == Write::Update) {
            assert_ne!(change.source, Source::PageViews);
            let images = [&change.before, &change.after].map(|row| item(row.as_ref().unwrap()).unwrap());
            let update = Update::between(&images[0], &images[1]);
            assert!(!update.values.is_empty(), "{change:?}");
            let key = change.source.key_attribute();
            assert!(update.names.values().all(|name| name != key), "{change:?}");
        }
    }
}
