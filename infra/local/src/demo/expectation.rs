//! What should arrive: the pipelines of `infra/examples/store/pipelines` once more, by hand.
//!
//! The check would prove little if it asked the code under test what to expect. So nothing here reads the pipelines'
//! files or evaluates an expression; whoever changes a pipeline of the demo changes it here too, or the check fails.

use serde_json::{Value, json};

use super::{
    store::{
        Account, Change, Customer, Order, OrderStatus, PageView, Plan, Priority, Row, Source, Ticket, TicketStatus,
        decimal,
    },
    values::Values,
};

/// What a change should bring about at a destination.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Nothing: the filter does not let it through, or the row leaves it and is kept.
    Filtered,
    /// The destination holds, or is told, these fields.
    Apply(Values),
    /// The destination does not hold the row any more.
    Remove,
}

/// What a destination does with what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeps {
    /// The last of each row.
    State,
    /// Everything.
    Log,
}

/// One pipeline, as the check knows it.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// The pipeline's name.
    pub pipeline: &'static str,
    /// Whose changes it takes.
    pub source: Source,
    /// The destination's name.
    pub destination: &'static str,
    /// What the destination does with them.
    pub keeps: Keeps,
    /// What a change of its source should bring about.
    pub effect: fn(&Change) -> Effect,
    /// Under which name the destination knows the changed row.
    pub key: fn(&Change) -> String,
    /// The row that an event at the destination is about, where it is this pipeline's event. Not asked for states:
    /// there the destination itself names the row.
    pub recognise: fn(&Values) -> Option<&str>,
}

/// The pipelines of the store.
pub const RULES: [Rule; 10] = [
    Rule {
        pipeline: "customers-to-hubspot",
        source: Source::Customers,
        destination: "hubspot",
        keeps: Keeps::State,
        effect: contact,
        key: address,
        recognise: |_| None,
    },
    Rule {
        pipeline: "customers-to-warehouse",
        source: Source::Customers,
        destination: "warehouse",
        keeps: Keeps::Log,
        effect: customer_row,
        key: source_key,
        recognise: |values| of_type(values, "customer", "customer_id"),
    },
    Rule {
        pipeline: "orders-to-warehouse",
        source: Source::Orders,
        destination: "warehouse",
        keeps: Keeps::Log,
        effect: order_row,
        key: source_key,
        recognise: |values| of_type(values, "order", "order_id"),
    },
    Rule {
        pipeline: "orders-to-analytics",
        source: Source::Orders,
        destination: "analytics",
        keeps: Keeps::Log,
        effect: order_paid,
        key: source_key,
        recognise: |values| of_type(values, "order_paid", "order_id"),
    },
    Rule {
        pipeline: "tickets-to-helpdesk",
        source: Source::Tickets,
        destination: "helpdesk",
        keeps: Keeps::Log,
        effect: pressing_ticket,
        key: source_key,
        recognise: |values| of_type(values, "ticket", "ticket_id"),
    },
    Rule {
        pipeline: "page-views-to-analytics",
        source: Source::PageViews,
        destination: "analytics",
        keeps: Keeps::Log,
        effect: shop_view,
        key: source_key,
        recognise: |values| of_type(values, "page_view", "visitor_id"),
    },
    Rule {
        pipeline: "customers-to-klaviyo",
        source: Source::Customers,
        destination: "klaviyo",
        keeps: Keeps::State,
        effect: profile,
        key: address,
        recognise: |_| None,
    },
    Rule {
        pipeline: "orders-to-braze",
        source: Source::Orders,
        destination: "braze",
        keeps: Keeps::Log,
        effect: order_step,
        key: source_key,
        recognise: |values| values.text("name").filter(|name| name.starts_with("order_")).and(values.text("order_id")),
    },
    Rule {
        pipeline: "tickets-to-slack",
        source: Source::Tickets,
        destination: "slack",
        keeps: Keeps::Log,
        effect: alarm,
        key: source_key,
        // A message begins with the ticket's id.
        recognise: |values| values.text("channel").and(values.text("text")?.split(' ').next()),
    },
    Rule {
        pipeline: "customers-to-customer-io",
        source: Source::Customers,
        destination: "customer_io",
        keeps: Keeps::State,
        effect: person,
        key: source_key,
        recognise: |_| None,
    },
];

fn source_key(change: &Change) -> String {
    change.key.clone()
}

fn address(change: &Change) -> String {
    match change.after.as_ref().or(change.before.as_ref()) {
        Some(Row::Customer(customer)) => customer.email.to_lowercase(),
        _ => String::new(),
    }
}

fn of_type<'a>(values: &'a Values, name: &str, key: &str) -> Option<&'a str> {
    (values.text("type") == Some(name)).then(|| values.text(key)).flatten()
}

/// The word for what happened to the row.
fn op(change: &Change) -> &'static str {
    match (&change.before, &change.after) {
        (None, _) => "create",
        (Some(_), Some(_)) => "update",
        (Some(_), None) => "delete",
    }
}

/// Contacts: only with consent and a country; archived when either goes, or the customer.
fn contact(change: &Change) -> Effect {
    match (reachable(change.before.as_ref()), reachable(change.after.as_ref())) {
        (_, Some(customer)) => Effect::Apply(contact_fields(customer)),
        (Some(_), None) => Effect::Remove,
        (None, None) => Effect::Filtered,
    }
}

fn reachable(row: Option<&Row>) -> Option<&Customer> {
    match row {
        Some(Row::Customer(customer)) if customer.marketing_consent && customer.country.is_some() => Some(customer),
        _ => None,
    }
}

/// HubSpot's properties are texts, whatever they mean.
fn contact_fields(customer: &Customer) -> Values {
    let plan = match customer.plan {
        Plan::Free => "Free",
        Plan::Starter => "Starter",
        Plan::Pro => "Pro",
        Plan::Business => "Business",
    };
    Values::from([
        ("email", json!(customer.email.to_lowercase())),
        ("firstname", json!(customer.first_name.trim())),
        ("lastname", json!(customer.last_name)),
        ("country", json!(customer.country.as_deref().map(str::to_uppercase))),
        ("plan", json!(plan)),
        ("mrr", json!(decimal(customer.mrr_cents))),
    ])
}

/// Profiles: only of who agreed and pays; erased when either ends, or the customer goes.
fn profile(change: &Change) -> Effect {
    match (paying(change.before.as_ref()), paying(change.after.as_ref())) {
        (_, Some(customer)) => Effect::Apply(Values::from([
            ("email", json!(customer.email.to_lowercase())),
            ("external_id", json!(customer.customer_id)),
            ("first_name", json!(customer.first_name.trim())),
            ("last_name", json!(customer.last_name)),
            ("country", json!(customer.country)),
            ("plan", json!(customer.plan.as_str())),
            ("mrr", amount(customer.mrr_cents)),
        ])),
        (Some(_), None) => Effect::Remove,
        (None, None) => Effect::Filtered,
    }
}

/// People: only of who agreed; gone with the consent, or with the customer.
fn person(change: &Change) -> Effect {
    match (agreed(change.before.as_ref()), agreed(change.after.as_ref())) {
        (_, Some(customer)) => Effect::Apply(Values::from([
            ("id", json!(customer.customer_id)),
            ("email", json!(customer.email.to_lowercase())),
            ("first_name", json!(customer.first_name.trim())),
            ("plan", json!(customer.plan.as_str())),
            ("logins", json!(customer.logins)),
        ])),
        (Some(_), None) => Effect::Remove,
        (None, None) => Effect::Filtered,
    }
}

fn agreed(row: Option<&Row>) -> Option<&Customer> {
    match row {
        Some(Row::Customer(customer)) if customer.marketing_consent => Some(customer),
        _ => None,
    }
}

fn paying(row: Option<&Row>) -> Option<&Customer> {
    match row {
        Some(Row::Customer(customer)) if customer.marketing_consent && customer.plan != Plan::Free => Some(customer),
        _ => None,
    }
}

/// The warehouse hears of every change of a customer, the last one included.
fn customer_row(change: &Change) -> Effect {
    match change.after.as_ref().or(change.before.as_ref()) {
        Some(Row::Customer(customer)) => Effect::Apply(Values::from([
            ("type", json!("customer")),
            ("op", json!(op(change))),
            ("customer_id", json!(customer.customer_id)),
            ("plan", json!(customer.plan.as_str())),
            ("country", json!(customer.country)),
            ("mrr_cents", json!(customer.mrr_cents)),
            ("logins", json!(customer.logins)),
            ("updated_at", json!(customer.updated_at)),
        ])),
        _ => Effect::Filtered,
    }
}

/// The warehouse hears of orders from their payment on; what is cleaned away stays in it.
fn order_row(change: &Change) -> Effect {
    match &change.after {
        Some(Row::Order(order)) if order.status != OrderStatus::Placed => Effect::Apply(Values::from([
            ("type", json!("order")),
            ("order_id", json!(order.order_id)),
            ("customer_id", json!(order.customer_id)),
            ("status", json!(order.status.as_str())),
            ("total", amount(order.total_cents())),
            ("items", items(order)),
        ])),
        _ => Effect::Filtered,
    }
}

fn items(order: &Order) -> Value {
    let item = |item: &super::store::Item| json!({ "sku": item.sku, "name": item.name, "quantity": item.quantity, "price": amount(item.price_cents) });
    order.items.iter().map(item).collect()
}

/// An amount as a JSON number.
fn amount(cents: u64) -> Value {
    serde_json::from_str(&decimal(cents)).unwrap_or_default()
}

/// Analytics counts an order once: when it becomes paid.
fn order_paid(change: &Change) -> Effect {
    match &change.after {
        Some(Row::Order(order))
            if order.status == OrderStatus::Paid && status(change.before.as_ref()) != Some(OrderStatus::Paid) =>
        {
            Effect::Apply(Values::from([
                ("type", json!("order_paid")),
                ("order_id", json!(order.order_id)),
                ("customer_id", json!(order.customer_id)),
                ("revenue", amount(order.total_cents())),
            ]))
        }
        _ => Effect::Filtered,
    }
}

fn status(row: Option<&Row>) -> Option<OrderStatus> {
    match row {
        Some(Row::Order(order)) => Some(order.status),
        _ => None,
    }
}

/// Braze hears of each step of an order, its placing left out.
fn order_step(change: &Change) -> Effect {
    match &change.after {
        Some(Row::Order(order))
            if order.status != OrderStatus::Placed && status(change.before.as_ref()) != Some(order.status) =>
        {
            Effect::Apply(Values::from([
                ("external_id", json!(order.customer_id)),
                ("name", json!(format!("order_{}", order.status.as_str()))),
                ("order_id", json!(order.order_id)),
                ("total", amount(order.total_cents())),
            ]))
        }
        _ => Effect::Filtered,
    }
}

/// Slack hears of new tickets that are urgent.
fn alarm(change: &Change) -> Effect {
    match (&change.before, &change.after) {
        (None, Some(Row::Ticket(ticket))) if ticket.priority == Priority::Urgent => Effect::Apply(Values::from([
            ("channel", json!("C0123456789")),
            ("text", json!(format!("{} is urgent: {}", ticket.ticket_id, ticket.subject.replace('<', "&lt;")))),
        ])),
        _ => Effect::Filtered,
    }
}

/// The help desk hears of high and urgent tickets until they are closed, with the account that they are about.
fn pressing_ticket(change: &Change) -> Effect {
    match &change.after {
        Some(Row::Ticket(ticket)) if is_pressing(ticket) => {
            let account = ticket.account_id.as_deref().and_then(Account::of);
            Effect::Apply(Values::from([
                ("type", json!("ticket")),
                ("ticket_id", json!(ticket.ticket_id)),
                ("customer_id", json!(ticket.customer_id)),
                ("subject", json!(ticket.subject)),
                ("status", json!(ticket.status.as_str())),
                ("priority", json!(ticket.priority.as_str().to_uppercase())),
                ("messages", json!(ticket.messages)),
                ("account_plan", json!(account.map(|account| account.plan.as_str()))),
                ("account_owner", json!(account.map(|account| account.owner_email))),
            ]))
        }
        _ => Effect::Filtered,
    }
}

fn is_pressing(ticket: &Ticket) -> bool {
    matches!(ticket.priority, Priority::High | Priority::Urgent) && ticket.status != TicketStatus::Closed
}

/// Analytics hears of views of the shop itself, not of the imprint or the health checks.
fn shop_view(change: &Change) -> Effect {
    match &change.after {
        Some(Row::PageView(view)) if is_shop(view) => Effect::Apply(Values::from([
            ("type", json!("page_view")),
            ("view_id", json!(view.view_id)),
            ("visitor_id", json!(view.visitor_id)),
            ("page", json!(view.page)),
            ("referrer", json!(view.referrer.as_deref().unwrap_or("direct"))),
            ("at", json!(view.at)),
        ])),
        _ => Effect::Filtered,
    }
}

fn is_shop(view: &PageView) -> bool {
    view.page.starts_with("/products") || view.page == "/pricing" || view.page == "/checkout"
}

#[cfg(test)]
mod agreement;

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::demo::store::Story;

    #[test]
    fn every_pipeline_lets_some_through_and_filters_some() {
        let changes: Vec<_> = Story::new(1).take(2_000).collect();
        for rule in RULES {
            let effects: Vec<_> = changes
                .iter()
                .filter(|change| change.source == rule.source)
                .map(|change| (rule.effect)(change))
                .collect();
            let applied = effects.iter().filter(|effect| matches!(effect, Effect::Apply(_))).count();
            let filtered = effects.iter().filter(|effect| **effect == Effect::Filtered).count();
            let removed = effects.iter().filter(|effect| **effect == Effect::Remove).count();
            // Slack takes about one message a second.
            assert!(applied > if rule.destination == "slack" { 10 } else { 30 }, "{}: {applied}", rule.pipeline);
            assert!(filtered > 30 || rule.pipeline == "customers-to-warehouse", "{}: {filtered}", rule.pipeline);
            assert_eq!(removed > 30, rule.keeps == Keeps::State, "{}: {removed}", rule.pipeline);
        }
    }

    #[test]
    fn an_event_names_its_row_to_its_own_pipeline_only() {
        for change in Story::new(2).take(2_000) {
            for rule in RULES.iter().filter(|rule| rule.source == change.source && rule.keeps == Keeps::Log) {
                if let Effect::Apply(values) = (rule.effect)(&change) {
                    let known: Vec<_> = RULES
                        .iter()
                        .filter_map(|other| (other.recognise)(&values).map(|key| (other.pipeline, key)))
                        .collect();
                    assert_eq!(known, [(rule.pipeline, change.key.as_str())]);
                }
            }
        }
    }

    #[test]
    fn contacts_come_leave_and_repeat_themselves() {
        let mut held: HashMap<String, Effect> = HashMap::new();
        let (mut same, mut back) = (0, 0);
        for change in Story::new(1).take(2_000).filter(|change| change.source == Source::Customers) {
            let effect = contact(&change);
            if effect != Effect::Filtered {
                let before = held.insert(address(&change), effect.clone());
                same += u32::from(before.as_ref() == Some(&effect));
                back += u32::from(before == Some(Effect::Remove) && effect != Effect::Remove);
            }
        }
        assert!(same > 50, "{same}");
        assert!(back > 5, "{back}");
    }
}
