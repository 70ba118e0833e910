//! Whether a value is what a field takes, as far as that can be told before the vendor is asked.

use super::descriptor::{Action, Field, FieldType, Values};
use crate::value::{Number, Value};

impl Action {
    /// Whether the vendor takes the value in the field; otherwise what it takes, and the mend. Null is a matter of the
    /// pipeline's null policy, and fits. A field of a name of one's own takes anything that can be written.
    pub fn fits(&self, field: &str, value: &Value) -> Result<(), String> {
        match (self.field(field), value) {
            (_, Value::Null) => Ok(()),
            (Some(field), value) => self.fits_known(field, value),
            (None, Value::Array(_) | Value::Object(_)) if self.values == Values::Text => Err(wants_text(value)),
            (None, _) => Ok(()),
        }
    }

    fn fits_known(&self, field: &Field, value: &Value) -> Result<(), String> {
        if let Some(format) = field.format {
            return format.write(value).map(drop);
        }
        // A vendor that takes all values as text takes a number's and a boolean's own.
        let written = |value: &Value| match value {
            Value::String(text) if self.values == Values::Text => Some(text.trim().to_owned()),
            _ => None,
        };
        match (field.r#type, value) {
            (
                FieldType::Text | FieldType::Email | FieldType::Phone | FieldType::Url,
                Value::Array(_) | Value::Object(_),
            ) => Err(wants_text(value)),
            (FieldType::Json | FieldType::Text | FieldType::Email | FieldType::Phone | FieldType::Url, _)
            | (FieldType::Number | FieldType::Time, Value::Number(_))
            | (FieldType::Time, Value::String(_))
            | (FieldType::Boolean, Value::Bool(_)) => Ok(()),
            (FieldType::Number, value) if written(value).is_some_and(|text| Number::parse(&text).is_ok()) => Ok(()),
            (FieldType::Boolean, value) if written(value).is_some_and(|text| text.parse::<bool>().is_ok()) => Ok(()),
            (FieldType::Number, Value::String(_)) => {
                Err("is text, and the vendor takes a number; map one, or make one of it, as in `after.total | float`"
                    .to_owned())
            }
            (FieldType::Number, value) => Err(format!("is {}, and the vendor takes a number; map one", value.kind())),
            (FieldType::Boolean, value) => Err(format!(
                "is {}, and the vendor takes true or false; compare it with something, as in `after.status == 'active'`",
                value.kind()
            )),
            (FieldType::Time, value) => Err(format!(
                "is {}, and the vendor takes a point in time; map one such as after.updated_at",
                value.kind()
            )),
        }
    }
}

fn wants_text(value: &Value) -> String {
    format!(
        "is {}, and the vendor takes text; map one value of it, or join it to a text, as in `after.tags | join(';')`",
        value.kind()
    )
}

#[cfg(test)]
mod tests {
    use crate::{destination::connector, value::Value};

    #[test]
    fn values_are_judged_by_the_fields_type() {
        for (slug, action, field, value, says) in [
            ("hubspot", "upsert_contact", "email", r#""a@b.example""#, None),
            ("hubspot", "upsert_contact", "email", "null", None),
            ("hubspot", "upsert_contact", "email", r#"["a"]"#, Some("is a list, and the vendor takes text")),
            ("hubspot", "upsert_contact", "my_own", r#"{"a":1}"#, Some("is an object, and the vendor takes text")),
            ("hubspot", "upsert_contact", "my_own", "true", None),
            // HubSpot takes all values as text.
            ("hubspot", "upsert_company", "annualrevenue", r#""12.50""#, None),
            ("hubspot", "upsert_company", "annualrevenue", r#""much""#, Some("is text, and the vendor takes a number")),
            (
                "hubspot",
                "upsert_company",
                "annualrevenue",
                "true",
                Some("is true or false, and the vendor takes a number"),
            ),
            ("customer_io", "upsert_person", "unsubscribed", r#""true""#, Some("the vendor takes true or false")),
            ("customer_io", "upsert_person", "unsubscribed", "false", None),
            ("customer_io", "upsert_person", "created_at", r#""soon""#, Some("is no time")),
            ("webhook", "send", "anything", r#"[{"a":1}]"#, None),
        ] {
            let value = Value::from_json(value.as_bytes()).unwrap();
            let fits = connector(slug).unwrap().action(action).unwrap().fits(field, &value);
            match (says, &fits) {
                (None, Ok(())) => {}
                (Some(says), Err(reason)) if reason.contains(says) => {}
                _ => panic!("{slug} {field} {value:?}: {fits:?}"),
            }
        }
    }
}
