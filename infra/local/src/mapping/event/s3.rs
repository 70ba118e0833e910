//! The notification that S3 sends when an object was created ("Event message structure" of the S3 user guide).

use bytes::Bytes;
use serde_json::json;

/// An object that was just written.
#[derive(Debug, Clone, Copy)]
pub struct CreatedObject<'a> {
    /// The bucket's region.
    pub aws_region: &'a str,
    /// The bucket's name.
    pub bucket: &'a str,
    /// The object's key as it was put, not encoded.
    pub key: &'a str,
    /// The object's size in bytes.
    pub size: usize,
    /// The object's entity tag, without quotes.
    pub e_tag: &'a str,
    /// When it was written, as `YYYY-MM-DDTHH:MM:SS.mmmZ`.
    pub event_time: &'a str,
    /// A hexadecimal number that grows with each write, by which writes of one key are ordered.
    pub sequencer: &'a str,
}

/// The whole event, `{"Records":[…]}`, of one created object.
pub fn object_created(object: &CreatedObject<'_>) -> Bytes {
    let record = json!({
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": object.aws_region,
        "eventTime": object.event_time,
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "bucket": {
                "name": object.bucket,
                "arn": format!("arn:aws:s3:::{}", object.bucket),
            },
            "object": {
                "key": encoded(object.key),
                "size": object.size,
                "eTag": object.e_tag,
                "sequencer": object.sequencer,
            },
        },
    });
    super::payload([record.to_string().as_str()])
}

/// A key as notifications carry it: URL-encoded as in a form, with `+` for a space. Slashes stay (unverified: the guide
/// does not say; a decoder reads both).
fn encoded(key: &str) -> String {
    let mut text = String::with_capacity(key.len());
    for byte in key.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' | b'/' => {
                text.push(char::from(byte));
            }
            b' ' => text.push('+'),
            _ => text.extend(['%', hex(byte >> 4), hex(byte & 0xF)]),
        }
    }
    text
}

fn hex(digit: u8) -> char {
    char::from_digit(digit.into(), 16).map_or('0', |digit| digit.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn the_fields_that_the_guide_lists() {
        let event = object_created(&CreatedObject {
            aws_region: "us-west-2",
            bucket: "amzn-s3-demo-bucket",
            key: "HappyFace.jpg",
            size: 1024,
            e_tag: "d41d8cd98f00b204e9800998ecf8427e",
            event_time: "1970-01-01T00:00:00.000Z",
            sequencer: "0055AED6DCD90281E5",
        });
        // The guide's example, without the fields that name the caller and the request.
        assert_eq!(
            serde_json::from_slice::<Value>(&event).unwrap(),
            json!({"Records": [{
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "awsRegion": "us-west-2",
                "eventTime": "1970-01-01T00:00:00.000Z",
                "eventName": "ObjectCreated:Put",
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "bucket": {
                        "name": "amzn-s3-demo-bucket",
                        "arn": "arn:aws:s3:::amzn-s3-demo-bucket"
                    },
                    "object": {
                        "key": "HappyFace.jpg",
                        "size": 1024,
                        "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                        "sequencer": "0055AED6DCD90281E5"
                    }
                }
            }]})
        );
    }

    /// "For example, if the object name is `red flower.jpg`, Amazon S3 URL encodes it as `red+flower.jpg`."
    #[test]
    fn keys_are_url_encoded() {
        assert_eq!(encoded("red flower.jpg"), "red+flower.jpg");
        assert_eq!(encoded("a/b+c:é"), "a/b%2Bc%3A%C3%A9");
    }
}
