//! `DynamoDB`'s attribute values as values: sets become lists and binaries base64 text, as in captured rows.

use aws_sdk_dynamodb::types::AttributeValue;

use super::batch_get::Item;
use crate::{decimal, value::Value};

/// An item as an object.
pub(super) fn row(item: Item) -> Result<Value, String> {
    let field = |(name, attribute)| Ok((name, value(attribute)?));
    item.into_iter().map(field).collect::<Result<_, String>>().map(Value::Object)
}

fn value(attribute: AttributeValue) -> Result<Value, String> {
    let binary = |bytes: &[u8]| Value::String(base64_simd::STANDARD.encode_to_string(bytes));
    match attribute {
        AttributeValue::Null(_) => Ok(Value::Null),
        AttributeValue::Bool(bool) => Ok(Value::Bool(bool)),
        AttributeValue::S(text) => Ok(Value::String(text)),
        AttributeValue::N(text) => number(&text),
        AttributeValue::B(bytes) => Ok(binary(bytes.as_ref())),
        AttributeValue::L(items) => items.into_iter().map(value).collect::<Result<_, _>>().map(Value::Array),
        AttributeValue::M(fields) => row(fields),
        AttributeValue::Ss(texts) => Ok(Value::Array(texts.into_iter().map(Value::String).collect())),
        AttributeValue::Ns(texts) => texts.iter().map(|text| number(text)).collect::<Result<_, _>>().map(Value::Array),
        AttributeValue::Bs(all) => Ok(Value::Array(all.iter().map(|bytes| binary(bytes.as_ref())).collect())),
        other => Err(format!("an attribute of a type that is not known: {other:?}")),
    }
}

fn number(text: &str) -> Result<Value, String> {
    decimal::parse(text).map(Value::Number).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::primitives::Blob;

    use super::*;

    #[test]
    fn every_type_comes_as_it_does_from_capture() {
        let text = |text: &str| text.to_owned();
        let digits = "12345678901234567890123456789012345678";
        for (attribute, json) in [
            (AttributeValue::Null(true), "null"),
            (AttributeValue::Bool(true), "true"),
            (AttributeValue::S(text("ä")), "\"ä\""),
            (AttributeValue::N(text(digits)), digits),
            (AttributeValue::N(text("-1.50")), "-1.50"),
            (AttributeValue::B(Blob::new(b"ada")), "\"YWRh\""),
            (AttributeValue::L(vec![AttributeValue::N(text("1")), AttributeValue::Null(true)]), "[1,null]"),
            (AttributeValue::M(Item::from([(text("a"), AttributeValue::S(text("b")))])), r#"{"a":"b"}"#),
            (AttributeValue::Ss(vec![text("a"), text("b")]), r#"["a","b"]"#),
            (AttributeValue::Ns(vec![text("1"), text(digits)]), "[1,12345678901234567890123456789012345678]"),
            (AttributeValue::Bs(vec![Blob::new(b"ada")]), r#"["YWRh"]"#),
        ] {
            assert_eq!(value(attribute).unwrap().to_json(), json);
        }
        assert!(value(AttributeValue::N(text("ten"))).is_err());
    }
}
