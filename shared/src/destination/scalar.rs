//! A value of one word in a connector's file.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// Text; a number or a boolean is taken as its text, so that a file may say `count = 100` as well as
/// `count = "{setting.batch}"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scalar(pub String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = Scalar;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("text, a whole number, true or false")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_owned()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar(number.to_string()))
            }

            fn visit_bool<E: de::Error>(self, bool: bool) -> Result<Scalar, E> {
                Ok(Scalar(bool.to_string()))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
