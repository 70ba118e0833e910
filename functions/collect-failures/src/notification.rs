//! S3's event notifications ("Event message structure", Amazon S3 user guide).

use std::borrow::Cow;

use serde::Deserialize;

/// An object that S3 tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The bucket.
    pub bucket: String,
    /// The object's key, decoded.
    pub key: String,
}

/// Reads one of a notification's records. `None` where no object was created: only created ones are of interest.
pub fn read(raw: &[u8]) -> Result<Option<Notice>, serde_json::Error> {
    #[derive(Deserialize)]
    struct Record<'a> {
        #[serde(borrow, rename = "eventName")]
        event_name: Cow<'a, str>,
        s3: S3,
    }
    #[derive(Deserialize)]
    struct S3 {
        bucket: Bucket,
        object: Object,
    }
    #[derive(Deserialize)]
    struct Bucket {
        name: String,
    }
    #[derive(Deserialize)]
    struct Object {
        key: String,
    }
    let Record { event_name, s3 } = serde_json::from_slice(raw)?;
    // S3 writes `ObjectCreated:Put`; some that speak its protocol write `s3:` before it.
    let created = event_name.trim_start_matches("s3:").starts_with("ObjectCreated:");
    Ok(created.then(|| Notice { bucket: s3.bucket.name, key: decode(&s3.object.key) }))
}

/// Whether the payload is what S3 sends once, when notifications are set up.
pub fn is_test(payload: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Test<'a> {
        #[serde(borrow, rename = "Event")]
        event: Cow<'a, str>,
    }
    serde_json::from_slice::<Test<'_>>(payload).is_ok_and(|test| test.event == "s3:TestEvent")
}

/// A key as it is, from a notification's, which is encoded like a form's field: `+` is a space, `%C3%BC` is `ü`.
/// What is no such encoding stands for itself.
fn decode(key: &str) -> String {
    let bytes = key.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let encoded = bytes.get(at + 1..at + 3).and_then(hex).filter(|_| *byte == b'%');
        decoded.push(match (byte, encoded) {
            (_, Some(value)) => value,
            (b'+', None) => b' ',
            (other, None) => *other,
        });
        at += if encoded.is_some() { 3 } else { 1 };
    }
    String::from_utf8(decoded).unwrap_or_else(|_| key.to_owned())
}

fn hex(digits: &[u8]) -> Option<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let [high, low] = digits else { return None };
    u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded() {
        // "red flower.jpg" is the example of the page named above.
        for (encoded, key) in [
            ("red+flower.jpg", "red flower.jpg"),
            ("aws/lambda/a%3Ab%2Bc+d", "aws/lambda/a:b+c d"),
            ("%C3%BC%e2%82%ac", "ü€"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
            ("%FF", "%FF"),
            ("", ""),
        ] {
            assert_eq!(decode(encoded), key);
        }
    }

    #[test]
    fn only_created_objects_are_of_interest() {
        let record = |event: &str| {
            read(
                format!(r#"{{"eventName":"{event}","s3":{{"bucket":{{"name":"b"}},"object":{{"key":"k"}}}}}}"#)
                    .as_bytes(),
            )
        };
        let notice = Notice { bucket: "b".into(), key: "k".into() };
        for event in ["ObjectCreated:Put", "ObjectCreated:CompleteMultipartUpload", "s3:ObjectCreated:Put"] {
            assert_eq!(record(event).unwrap(), Some(notice.clone()), "{event}");
        }
        assert_eq!(record("ObjectRemoved:Delete").unwrap(), None);
        assert!(read(b"{}").is_err());
    }
}
