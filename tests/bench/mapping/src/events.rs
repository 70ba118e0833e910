//! The change events that are mapped: updates of customers, as JSON, as they stand in a frame.

use serde_json::{Value, json};

/// Updates of so many customers, no two alike.
pub fn updates(count: usize) -> Vec<String> {
    (0..count).map(|number| event(number, "update", Some(row(number, "starter")), Some(row(number, "pro")))).collect()
}

/// One event.
pub fn event(number: usize, op: &str, before: Option<Value>, after: Option<Value>) -> String {
    let position = format!("{}", 4_421_584_500_000_000_017_450_439_091_u128 + number as u128);
    let mut images = String::new();
    for (name, image) in [("before", before), ("after", after)] {
        if let Some(image) = image {
            images = images + r#"""# + name + r#"":"# + &image.to_string() + ",";
        }
    }
    // The order of the fields is that of the wire, which a `json!` would sort.
    format!(
        r#"{{"id":"customers/1/{position}","source":"customers","op":"{op}","key":{{"customer_id":"c-{number}"}},{images}"occurred_at":{},"epoch":1,"position":"{position}","origin":"user"}}"#,
        1_767_225_600_000 + number
    )
}

/// A customer of fifteen attributes, of which some lack one.
pub fn row(number: usize, plan: &str) -> Value {
    let first = ["Ada", " Grace ", "Ève", "Jean-Luc", "Søren"][number % 5];
    let last = ["Byron", "o'neill", "de la Cruz", "KIERKEGAARD"][number % 4];
    let (name, country) = (["Ada", "grace", "EVE"][number % 3], ["gb", "CH", "de"][number % 3]);
    let mut row = json!({
        "customer_id": format!("c-{number}"),
        "email": format!(" {name}.{number}@Example.com"),
        "first_name": first,
        "last_name": last,
        "job_title": "Head of Data",
        "company": "Example \"Widgets\" Ltd",
        "country": country,
        "address": {"street": "1 Long Street", "city": "Bern"},
        "plan": plan,
        "mrr_cents": 12_900 + number,
        "seats": number % 30,
        "marketing_consent": true,
        "logins": number % 97,
        "tags": ["early", "newsletter"],
        "updated_at": 1_767_225_600_000_i64 + i64::try_from(number).unwrap_or_default(),
    });
    if number % 4 == 1
        && let Some(fields) = row.as_object_mut()
    {
        fields.remove("job_title");
    }
    row
}
