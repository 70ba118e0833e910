//! OAuth 2.0 (RFC 6749): a token is asked for with the secret, kept beside it, and renewed before it ends.
//!
//! The secret is a JSON object in Secrets Manager: `client_id`, `client_secret`, and for the grant `refresh_token` that
//! one too. What the vendor grants is written beside them, so that all instances share one token, and a refresh token
//! that the vendor has replaced is never used twice.

use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;
use url::form_urlencoded;

use super::{
    configure::Destination,
    descriptor::{Auth, Statuses},
    operation::RenderError,
    status::{Class, classify},
    template::Text,
};
use crate::{
    delivery::Outcome,
    ports::{HttpRequest, HttpResponse},
    time::Timestamp,
    value::{Object, Value},
};

/// How a vendor grants tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OauthAuth {
    /// What is shown for a token.
    pub grant: Grant,
    /// The token endpoint.
    pub token_url: Spanned<Text>,
    /// The scope asked for, where the vendor wants it named.
    pub scope: Option<Spanned<Text>>,
    /// How the client proves itself at the token endpoint.
    #[serde(default)]
    pub client: ClientProof,
    /// What the secret is and where the vendor shows it.
    pub help: String,
}

/// What is shown for a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// The client's own credentials (section 4.4).
    ClientCredentials,
    /// A refresh token, which the vendor may replace with every answer (section 6).
    RefreshToken,
}

/// How a client proves itself (section 2.3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientProof {
    /// `client_id` and `client_secret` in the body.
    #[default]
    Body,
    /// In `Authorization: Basic …`.
    Basic,
}

/// A token that ends within this time is renewed: a request may be under way so long.
const MARGIN: Duration = Duration::from_mins(1);

/// How long a token is believed where the vendor does not say (`expires_in` is only recommended, section 5.1). One that
/// ends earlier is noticed by its 401.
const UNTOLD: i64 = 3_600;

/// A destination's way to tokens, from [`Destination::oauth`].
#[derive(Clone, Copy, Debug)]
pub struct Oauth<'a> {
    destination: &'a Destination,
    auth: &'static OauthAuth,
}

impl Destination {
    /// How tokens are granted; `None` where the connector needs none.
    pub const fn oauth(&self) -> Option<Oauth<'_>> {
        match &self.connector.auth {
            Auth::Oauth(auth) => Some(Oauth { destination: self, auth }),
            _ => None,
        }
    }
}

/// The access token that stands in a secret.
pub(super) fn token_in(secret: &str) -> Option<String> {
    text(&object(secret)?, "access_token").map(str::to_owned)
}

/// Everything in a secret that has to stay one.
pub(super) fn hidden_in(secret: &str) -> Vec<String> {
    let object = object(secret).unwrap_or_default();
    let hidden = ["client_secret", "refresh_token", "access_token"];
    hidden.into_iter().filter_map(|name| text(&object, name)).map(str::to_owned).collect()
}

impl Oauth<'_> {
    /// Whether a secret holds a token that lasts.
    pub fn has_token(&self, secret: &str, now: Timestamp) -> bool {
        let Some(object) = object(secret) else { return false };
        let ends = object.get("expires_at").and_then(seconds);
        text(&object, "access_token").is_some() && ends.is_some_and(|ends| (now + MARGIN).seconds() < ends)
    }

    /// The request for a token, or what is wrong with the secret.
    pub fn request(&self, secret: &str) -> Result<HttpRequest, RenderError> {
        let wrong = |what: &str| {
            let name = self.destination.name();
            RenderError::Secret(format!(
                "the secret of the destination {name} {what}; set it again: {}",
                self.auth.help
            ))
        };
        let object = object(secret).ok_or_else(|| wrong("is no JSON object"))?;
        let needed = |name: &str| text(&object, name).ok_or_else(|| wrong(&format!("has no {name}")));
        let (id, password) = (needed("client_id")?, needed("client_secret")?);
        let mut form = form_urlencoded::Serializer::new(String::new());
        match self.auth.grant {
            Grant::ClientCredentials => form.append_pair("grant_type", "client_credentials"),
            Grant::RefreshToken => {
                form.append_pair("grant_type", "refresh_token").append_pair("refresh_token", needed("refresh_token")?)
            }
        };
        if let Some(scope) = &self.destination.scope {
            form.append_pair("scope", scope);
        }
        let mut headers = vec![
            ("accept".to_owned(), "application/json".to_owned()),
            ("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
        ];
        match self.auth.client {
            ClientProof::Body => {
                form.append_pair("client_id", id).append_pair("client_secret", password);
            }
            ClientProof::Basic => {
                // Both are form-encoded before they are joined (section 2.3.1).
                let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let pair = format!("{}:{}", encoded(id), encoded(password));
                headers.push((
                    "authorization".to_owned(),
                    format!("Basic {}", base64_simd::STANDARD.encode_to_string(pair)),
                ));
            }
        }
        Ok(HttpRequest {
            method: "POST".to_owned(),
            url: self.destination.token_url.clone(),
            headers,
            body: form.finish().into_bytes(),
        })
    }

    /// The secret with what the vendor has granted, to be stored; otherwise what happens to the deliveries that wait for
    /// the token: none of them is ever rejected for its sake.
    pub fn granted(&self, secret: &str, response: &HttpResponse, now: Timestamp) -> Result<String, Outcome> {
        let vendor = &self.destination.connector.name;
        let body = Value::from_json(&response.body).unwrap_or_default();
        let said = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let reason = || {
            let (error, words) = (said("error"), said("error_description"));
            let status = response.status;
            format!("{vendor} granted no token and answered {status}: {error} {words}").trim_end().to_owned()
        };
        match classify(&Statuses::default(), &[], response, now) {
            Class::Success => {}
            Class::Retry => return Err(Outcome::Retry { reason: reason() }),
            Class::Throttled(until) => return Err(Outcome::Throttled { until, reason: reason() }),
            Class::Unauthorised | Class::Rejected => return Err(Outcome::Unauthorised { reason: reason() }),
        }
        let token = body.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty());
        let (Some(token), Some(mut object)) = (token, object(secret)) else {
            // Whoever answered, it was not the vendor's token endpoint.
            return Err(Outcome::Retry { reason: format!("{vendor} answered {} without a token", response.status) });
        };
        let lasts = body.get("expires_in").and_then(seconds).unwrap_or(UNTOLD);
        object.insert("access_token".to_owned(), Value::from(token));
        object.insert("expires_at".to_owned(), Value::from(now.seconds().saturating_add(lasts)));
        if let Some(refresh) = body.get("refresh_token").and_then(Value::as_str).filter(|token| !token.is_empty()) {
            object.insert("refresh_token".to_owned(), Value::from(refresh));
        }
        Ok(Value::Object(object).to_json())
    }
}

fn object(secret: &str) -> Option<Object> {
    Value::from_json(secret.as_bytes()).ok()?.as_object().cloned()
}

fn text<'o>(object: &'o Object, name: &str) -> Option<&'o str> {
    object.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty())
}

/// A whole number, also as text: some vendors quote `expires_in`.
fn seconds(value: &Value) -> Option<i64> {
    super::template::text_of(value)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::Connector;

    const NOW: Timestamp = Timestamp::from_millis(1_785_000_000_000);

    fn destination(grant: &str, client: &str) -> Destination {
        let file = format!(
            r#"
slug = "example"
name = "Example"
summary = "An example."

[[settings]]
name = "account"
label = "Account"
help = "Whose."
type = "text"
default = "acme"

[auth.oauth]
grant = "{grant}"
token_url = "https://{{setting.account}}.example.com/oauth/token"
scope = "crm.write"
client = "{client}"
help = "client_id and client_secret of an app"

[[actions]]
name = "send"
label = "Send"
help = "Sends."
mode = "append"

[actions.request]
method = "POST"
url = "https://api.example.com/in"
shape = "single"
count = 1
bytes = 1_000
item = '{{ "id": "{{delivery.id}}" }}'
"#
        );
        let connector: &'static Connector = Box::leak(Box::new(Connector::parse("example.toml", &file).unwrap()));
        connector.configure("there", &Object::new()).unwrap()
    }

    fn body(request: &HttpRequest) -> String {
        String::from_utf8(request.body.clone()).unwrap()
    }

    fn answer(status: u16, body: &str) -> HttpResponse {
        HttpResponse { status, headers: Vec::new(), body: body.into() }
    }

    #[test]
    fn a_client_shows_its_credentials_in_the_body_or_the_header() {
        let secret =
            r#"{"client_id":"s6BhdRkqt3","client_secret":"gX1fBat3bV","refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA"}"#;
        let there = destination("client_credentials", "body");
        let request = there.oauth().unwrap().request(secret).unwrap();
        assert_eq!(request.url, "https://acme.example.com/oauth/token");
        let expected = "grant_type=client_credentials&scope=crm.write&client_id=s6BhdRkqt3&client_secret=gX1fBat3bV";
        assert_eq!(body(&request), expected);

        // RFC 6749, section 6: this client's header, and this refresh token.
        let there = destination("refresh_token", "basic");
        let request = there.oauth().unwrap().request(secret).unwrap();
        let header = ("authorization".to_owned(), "Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW".to_owned());
        assert!(request.headers.contains(&header), "{:?}", request.headers);
        assert_eq!(body(&request), "grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA&scope=crm.write");
    }

    #[test]
    fn a_secret_without_its_parts_says_which_and_shows_none() {
        let there = destination("refresh_token", "body");
        for (secret, says) in [
            ("hidden", "is no JSON object"),
            (r#"{"client_secret":"hidden"}"#, "has no client_id"),
            (r#"{"client_id":"a","client_secret":" "}"#, "has no client_secret"),
            (r#"{"client_id":"a","client_secret":"hidden"}"#, "has no refresh_token"),
        ] {
            let error = there.oauth().unwrap().request(secret).unwrap_err().to_string();
            assert!(error.contains(says) && error.contains("set it again: client_id and"), "{error}");
            assert!(!error.contains("hidden"), "{error}");
        }
    }

    #[test]
    fn what_is_granted_is_kept_beside_the_secret_and_lasts_so_long() {
        let there = destination("refresh_token", "body");
        let oauth = there.oauth().unwrap();
        let secret = r#"{"client_id":"a","client_secret":"b","refresh_token":"old","note":"from ops"}"#;
        assert!(!oauth.has_token(secret, NOW));
        // RFC 6749, section 5.1, the example's answer.
        let granted = answer(
            200,
            r#"{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"example","expires_in":3600,
                "refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA","example_parameter":"example_value"}"#,
        );
        let kept = oauth.granted(secret, &granted, NOW).unwrap();
        let expected = r#"{"client_id":"a","client_secret":"b","refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA","note":"from ops","access_token":"2YotnFZFEjr1zCsicMWpAA","expires_at":1785003600}"#;
        assert_eq!(kept, expected);
        assert!(oauth.has_token(&kept, NOW + Duration::from_secs(3_539)));
        assert!(!oauth.has_token(&kept, NOW + Duration::from_mins(59)), "a minute before its end");
        // A vendor that keeps the refresh token does not send it again, and one may not say how long a token lasts.
        let again = oauth.granted(&kept, &answer(200, r#"{"access_token":"new"}"#), NOW).unwrap();
        assert!(
            again.contains(r#""refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA""#) && again.contains("1785003600"),
            "{again}"
        );
    }

    #[test]
    fn a_token_that_is_not_granted_rejects_no_delivery() {
        let there = destination("refresh_token", "body");
        let refused = |response: &HttpResponse| there.oauth().unwrap().granted("{}", response, NOW).unwrap_err();
        // RFC 6749, section 5.2, the example's answer.
        let invalid = refused(&answer(400, r#"{"error":"invalid_grant","error_description":"expired"}"#));
        let reason = "Example granted no token and answered 400: invalid_grant expired".to_owned();
        assert_eq!(invalid, Outcome::Unauthorised { reason });
        for (status, body) in [(500, ""), (503, "<html>"), (302, ""), (200, "<html>"), (200, r#"{"access_token":""}"#)]
        {
            let outcome = refused(&answer(status, body));
            assert!(matches!(outcome, Outcome::Retry { .. }), "{status} {body}: {outcome:?}");
        }
        let mut slow = answer(429, "");
        slow.headers.push(("retry-after".to_owned(), "7".to_owned()));
        assert!(matches!(refused(&slow), Outcome::Throttled { until, .. } if until == NOW + Duration::from_secs(7)));
    }
}
