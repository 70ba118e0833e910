//! The reference pipeline as a person would write it for this source and this destination alone: typed structs, and no
//! engine.

use serde::{Deserialize, Serialize, Serializer};

#[derive(Deserialize)]
struct Event {
    id: String,
    source: String,
    op: Op,
    key: Key,
    before: Option<Customer>,
    after: Option<Customer>,
    occurred_at: i64,
    epoch: u64,
    position: String,
}

#[derive(Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Op {
    Create,
    Update,
    Delete,
    Read,
}

#[derive(Deserialize, Serialize)]
struct Key {
    customer_id: String,
}

/// The row, of which a person who writes structs reads all attributes.
#[derive(Deserialize)]
#[expect(dead_code, reason = "the mapping needs ten of them")]
#[expect(clippy::struct_field_names, reason = "so the source names it")]
struct Customer {
    customer_id: String,
    email: String,
    first_name: String,
    last_name: String,
    job_title: Option<String>,
    company: String,
    country: Option<String>,
    address: Address,
    plan: String,
    mrr_cents: i64,
    seats: i64,
    marketing_consent: bool,
    logins: i64,
    tags: Vec<String>,
    updated_at: i64,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "the mapping does not need it")]
struct Address {
    street: String,
    city: String,
}

#[derive(Serialize)]
struct Delivery {
    id: String,
    pipeline: &'static str,
    version: u64,
    source: String,
    op: Op,
    key: Key,
    epoch: u64,
    position: String,
    occurred_at: i64,
    arrived_at: i64,
    action: &'static str,
    step: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Contact>,
}

#[derive(Serialize)]
struct Contact {
    email: String,
    firstname: String,
    lastname: String,
    full_name: String,
    jobtitle: String,
    company: String,
    country: Option<String>,
    plan: String,
    #[serde(serialize_with = "amount")]
    mrr: f64,
    segment: &'static str,
}

/// From an event's JSON to its delivery's; `None` where nothing is sent.
pub fn map(json: &str) -> anyhow::Result<Option<String>> {
    let event: Event = serde_json::from_str(json)?;
    let (step, fields) = match (event.op, event.after) {
        (Op::Delete, _) if event.before.as_ref().is_none_or(Customer::is_wanted) => ("archive", None),
        (_, Some(after)) if after.is_wanted() => ("apply", Some(Contact::of(after))),
        (Op::Update, Some(_)) if event.before.as_ref().is_none_or(Customer::is_wanted) => ("archive", None),
        _ => return Ok(None),
    };
    let delivery = Delivery {
        id: format!("customers-to-hubspot/{}", event.id),
        pipeline: "customers-to-hubspot",
        version: 1,
        source: event.source,
        op: event.op,
        key: event.key,
        epoch: event.epoch,
        position: event.position,
        occurred_at: event.occurred_at,
        arrived_at: event.occurred_at,
        action: "upsert_contact",
        step,
        fields,
    };
    Ok(Some(serde_json::to_string(&delivery)?))
}

impl Customer {
    fn is_wanted(&self) -> bool {
        self.marketing_consent && self.country.is_some()
    }
}

impl Contact {
    fn of(customer: Customer) -> Self {
        Self {
            email: customer.email.trim().to_lowercase(),
            firstname: customer.first_name.trim().to_owned(),
            lastname: title(customer.last_name.trim()),
            full_name: format!("{} {}", customer.first_name, customer.last_name),
            jobtitle: customer.job_title.unwrap_or_else(|| "unknown".to_owned()),
            company: customer.company,
            country: customer.country.map(|country| country.to_uppercase()),
            plan: title(&customer.plan),
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            mrr: customer.mrr_cents as f64 / 100.0,
            segment: if customer.seats >= 10 { "business" } else { "self-service" },
        }
    }
}

fn title(text: &str) -> String {
    let mut titled = String::with_capacity(text.len());
    let mut begins = true;
    for letter in text.chars() {
        if begins {
            titled.extend(letter.to_uppercase());
        } else {
            titled.extend(letter.to_lowercase());
        }
        begins = !(letter.is_alphanumeric() || letter == '\'');
    }
    titled
}

/// Whole amounts without a fraction, as Freshet writes them.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
#[expect(clippy::cast_possible_truncation, reason = "a whole number")]
fn amount<S: Serializer>(amount: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    if amount.fract() == 0.0 { serializer.serialize_i64(*amount as i64) } else { serializer.serialize_f64(*amount) }
}
