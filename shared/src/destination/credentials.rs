//! How a request proves who sends it, and how what proves it stays secret.

use url::form_urlencoded;

use super::{
    codec::Message,
    configure::Destination,
    descriptor::Auth,
    oauth::{hidden_in, token_in},
    operation::RenderError,
};
use crate::ports::HttpResponse;

/// A shorter text is not looked for in answers: it would be found in any.
const SHORTEST: usize = 4;

/// What stands in a secret's place.
const REDACTED: &[u8] = b"[secret]";

/// What a request carries.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Credentials {
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// A part of the address' query.
    pub query: Option<String>,
}

impl Destination {
    /// What a request carries, or why the secret cannot be used.
    pub(super) fn credentials(&self, secret: Option<&str>, message: &Message<'_>) -> Result<Credentials, RenderError> {
        let name = self.name();
        let secret = trimmed(secret);
        let needed = |help: &str| {
            let secret = secret
                .ok_or_else(|| RenderError::Secret(format!("the destination {name} has no secret; set it: {help}")))?;
            if secret.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
                Ok(secret)
            } else {
                Err(RenderError::Secret(format!(
                    "the secret of the destination {name} has characters that no header can carry; set it again: {help}"
                )))
            }
        };
        let header = |name: &str, value: String| Credentials { headers: vec![(name.to_owned(), value)], query: None };
        Ok(match &self.connector.auth {
            Auth::None => Credentials::default(),
            Auth::Bearer { help } => header("authorization", format!("Bearer {}", needed(help)?)),
            Auth::Basic { help, .. } => {
                let pair = pair(self.user.as_deref(), needed(help)?).ok_or_else(|| {
                    RenderError::Secret(format!(
                        "the secret of the destination {name} is no user and password with a colon between; set it \
                         again: {help}"
                    ))
                })?;
                header("authorization", format!("Basic {}", base64(&pair)))
            }
            Auth::Header { header: place, prefix, help } => header(place, format!("{prefix}{}", needed(help)?)),
            Auth::Query { parameter, help } => {
                let query =
                    form_urlencoded::Serializer::new(String::new()).append_pair(parameter, needed(help)?).finish();
                Credentials { headers: Vec::new(), query: Some(query) }
            }
            Auth::Oauth(auth) => {
                let token = token_in(needed(&auth.help)?)
                    .ok_or_else(|| RenderError::Secret(format!("the destination {name} has no token yet")))?;
                header("authorization", format!("Bearer {token}"))
            }
            Auth::Signature { optional: true, .. } if secret.is_none() => Credentials::default(),
            Auth::Signature { codec, help, .. } => {
                let headers = codec
                    .sign(needed(help)?, message)
                    .map_err(|reason| RenderError::Secret(format!("the secret of the destination {name} {reason}")))?;
                Credentials { headers, query: None }
            }
        })
    }

    /// The answer without the secret, in any way in which the request had it.
    pub(super) fn redact(&self, mut response: HttpResponse, secret: Option<&str>) -> HttpResponse {
        let Some(secret) = trimmed(secret) else { return response };
        let mut hidden = vec![secret.to_owned(), form_urlencoded::byte_serialize(secret.as_bytes()).collect()];
        if matches!(self.connector.auth, Auth::Basic { .. })
            && let Some(pair) = pair(self.user.as_deref(), secret)
        {
            hidden.extend(pair.split_once(':').map(|(_, password)| password.to_owned()));
            hidden.push(base64(&pair));
        }
        if matches!(self.connector.auth, Auth::Oauth(_)) {
            hidden.extend(hidden_in(secret));
        }
        if matches!(self.connector.auth, Auth::Signature { .. }) {
            // Two of them may stand in one, while a receiver changes from one to the other.
            hidden.extend(secret.split_whitespace().map(str::to_owned));
        }
        // What contains another goes first, so that nothing of it is left.
        hidden.sort_by_key(|text| std::cmp::Reverse(text.len()));
        for text in hidden.iter().filter(|text| text.len() >= SHORTEST) {
            if let Some(body) = without(&response.body, text.as_bytes()) {
                response.body = body;
            }
            for (_, value) in &mut response.headers {
                if let Some(clean) = without(value.as_bytes(), text.as_bytes()) {
                    *value = String::from_utf8_lossy(&clean).into_owned();
                }
            }
        }
        response
    }
}

/// A secret pasted with its line's end is the commonest mistake, and no vendor's secret has blanks around it.
fn trimmed(secret: Option<&str>) -> Option<&str> {
    secret.map(str::trim).filter(|secret| !secret.is_empty())
}

/// User and password as HTTP takes them; `None` where there are no two. The first colon parts them (RFC 7617, section 2).
fn pair(user: Option<&str>, secret: &str) -> Option<String> {
    match user {
        Some(user) => Some(format!("{user}:{secret}")),
        None => secret.contains(':').then(|| secret.to_owned()),
    }
}

fn base64(text: &str) -> String {
    base64_simd::STANDARD.encode_to_string(text)
}

/// The text without each place of `hidden`; `None` where it has none.
fn without(text: &[u8], hidden: &[u8]) -> Option<Vec<u8>> {
    let mut clean = Vec::new();
    let mut rest = text;
    let mut found = false;
    while let Some(place) = rest.windows(hidden.len()).position(|window| window == hidden) {
        found = true;
        clean.extend_from_slice(&rest[..place]);
        clean.extend_from_slice(REDACTED);
        rest = &rest[place + hidden.len()..];
    }
    clean.extend_from_slice(rest);
    found.then_some(clean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        delivery::{Delivery, Outcome, Removes, Step},
        destination::{Answered, Connector, Operation, Parcel},
        event::Op,
        key::Key,
        ports::HttpRequest,
        position::Position,
        time::Timestamp,
        value::{Object, Value},
    };

    /// A destination of a connector with this `auth`.
    fn destination(auth: &str, query: &str) -> Destination {
        let file = format!(
            r#"
slug = "example"
name = "Example"
summary = "An example."
auth = {auth}

[[settings]]
name = "account"
label = "Account"
help = "Whose."
type = "text"
default = "Aladdin"

[[actions]]
name = "send"
label = "Send"
help = "Sends."
mode = "append"

[actions.request]
method = "POST"
url = "https://api.example.com/in{query}"
shape = "single"
count = 1
bytes = 1_000
item = '{{ "id": "{{delivery.id}}" }}'
"#
        );
        let connector: &'static Connector = Box::leak(Box::new(Connector::parse("example.toml", &file).unwrap()));
        connector.configure("there", &Object::new()).unwrap()
    }

    fn delivery() -> Delivery {
        Delivery {
            id: "p/s/1/1".into(),
            pipeline: "p".into(),
            version: 1,
            source: "s".into(),
            op: Op::Create,
            key: Key::single("id", 1_i64),
            epoch: 1,
            position: Position::parse("1").unwrap(),
            occurred_at: Timestamp::from_millis(0),
            arrived_at: Timestamp::default(),
            action: "send".into(),
            step: Step::Apply,
            removes: Removes::Created,
            redriven: false,
            fields: Object::new(),
        }
    }

    fn request(destination: &Destination, secret: Option<&str>) -> Result<HttpRequest, RenderError> {
        let delivery = delivery();
        let parcel = Parcel { delivery: &delivery, destination_key: None };
        destination.operation("send", Step::Apply).unwrap().render(&[parcel], secret, Timestamp::from_millis(0))
    }

    fn authorization(request: &HttpRequest) -> Option<&str> {
        request.headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value.as_str())
    }

    #[test]
    fn basic_is_a_user_and_a_password() {
        // RFC 7617, section 2: the example's user is Aladdin, its password "open sesame".
        let expected = Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        let whole = destination(r#"{ basic = { help = "user:password" } }"#, "");
        assert_eq!(authorization(&request(&whole, Some("Aladdin:open sesame")).unwrap()), expected);
        let password = destination(r#"{ basic = { user = "{setting.account}", help = "the password" } }"#, "");
        assert_eq!(authorization(&request(&password, Some("open sesame\n")).unwrap()), expected);
        let colon: Object = [("account".to_owned(), Value::from("Alad:din"))].into_iter().collect();
        let problems = password.connector().configure("there", &colon).unwrap_err();
        assert_eq!(problems[0].setting, "account");
        assert!(problems[0].reason.contains("colon"), "{problems:?}");
        let error = request(&whole, Some("sesame")).unwrap_err().to_string();
        assert!(error.contains("with a colon between; set it again: user:password"), "{error}");
        assert!(!error.contains("sesame"), "{error}");
    }

    #[test]
    fn a_header_of_the_vendors_own() {
        let example = destination(r#"{ header = { header = "x-api-key", prefix = "key ", help = "the key" } }"#, "");
        assert!(request(&example, Some("k-1")).unwrap().headers.contains(&("x-api-key".into(), "key k-1".into())));
    }

    #[test]
    fn a_secret_in_the_address_is_encoded_and_never_shown() {
        let auth = r#"{ query = { parameter = "access_token", help = "the token" } }"#;
        let example = destination(auth, "");
        let rendered = request(&example, Some("s3cr&t/+ =")).unwrap();
        // application/x-www-form-urlencoded serializing, URL Standard, section 5.2.
        assert_eq!(rendered.url, "https://api.example.com/in?access_token=s3cr%26t%2F%2B+%3D");
        assert_eq!(authorization(&rendered), None);
        let shown = format!("{rendered:?}");
        assert!(shown.contains("https://api.example.com/in") && !shown.contains("s3cr"), "{shown}");
        let again = request(&destination(auth, "?v=2"), Some("hidden")).unwrap();
        assert_eq!(again.url, "https://api.example.com/in?v=2&access_token=hidden");

        for secret in [None, Some("hid\nden")] {
            let error = request(&example, secret).unwrap_err().to_string();
            assert!(error.contains("the token") && !error.contains("hid"), "{error}");
        }
    }

    #[test]
    fn what_a_vendor_repeats_of_a_secret_is_not_kept() {
        let basic = r#"{ basic = { help = "user:password" } }"#;
        let query = r#"{ query = { parameter = "key", help = "the key" } }"#;
        for (auth, secret, repeated) in [
            (query, "s3cr&t/+ =\n", "POST /in?key=s3cr%26t%2F%2B+%3D is not allowed"),
            (query, "s3cr&t/+ =", "the key s3cr&t/+ = is not valid, s3cr&t/+ ="),
            (basic, "Aladdin:open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ== is not valid"),
            (basic, "Aladdin:open sesame", "wrong password: open sesame"),
            (r#"{ bearer = { help = "the token" } }"#, "tok-123456", "Invalid API key: tok-123456"),
            (
                r#"{ signature = { codec = "standard_webhooks", help = "the secret" } }"#,
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                "not signed with whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            ),
        ] {
            let destination = destination(auth, "");
            let operation = destination.operation("send", Step::Apply).unwrap();
            let response = HttpResponse {
                status: 400,
                headers: vec![("x-request".into(), repeated.into())],
                body: repeated.as_bytes().to_vec(),
            };
            let clean = operation.redact(response, Some(secret));
            let delivery = delivery();
            let parcel = Parcel { delivery: &delivery, destination_key: None };
            let answered = operation.read(&[parcel], &clean, Timestamp::from_millis(0));
            let Answered::Ended(Outcome::Rejected { reason, answer }) = &answered[0] else { panic!("{answered:?}") };
            let kept = format!("{reason} {answer:?} {:?}", clean.headers);
            assert!(reason.contains("[secret]"), "{kept}");
            for hidden in ["s3cr", "sesame", "QWxh", "tok-", "whsec"] {
                assert!(!kept.contains(hidden), "{kept}");
            }
        }
    }

    #[test]
    fn an_answer_that_repeats_nothing_stays_as_it_is() {
        let destination = destination(r#"{ bearer = { help = "the token" } }"#, "");
        let operation: Operation<'_> = destination.operation("send", Step::Apply).unwrap();
        let response = HttpResponse { status: 200, headers: Vec::new(), body: Value::from("abc").to_json().into() };
        for secret in [None, Some(" "), Some("abc"), Some("something else")] {
            assert_eq!(operation.redact(response.clone(), secret), response, "{secret:?}");
        }
    }
}
