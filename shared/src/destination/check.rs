//! Whether the credentials are accepted: one cheap request, which changes nothing at the vendor.

use serde::Deserialize;
use toml::Spanned;

use super::{
    answer::{at, reason},
    codec::Message,
    configure::Destination,
    operation::{RenderError, with_query},
    status::{Class, classify},
    template::Text,
};
use crate::{
    ports::{HttpRequest, HttpResponse},
    time::Timestamp,
    value::Value,
};

/// The request, and how its answer is read: any success will do, unless a flag in it says otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckRequest {
    /// The method.
    pub method: CheckMethod,
    /// The address.
    pub url: Spanned<Text>,
    /// True in a success that is one, where the vendor has such a flag: names with dots between.
    pub flag: Option<String>,
}

/// The method of a check. What is posted is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "they are HTTP's own names")]
pub enum CheckMethod {
    Get,
    Post,
}

impl CheckMethod {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

impl Destination {
    /// The request that tells whether the credentials are accepted; `None` where the vendor has none that is cheap. It
    /// holds the secret.
    pub fn check(&self, secret: Option<&str>, now: Timestamp) -> Option<Result<HttpRequest, RenderError>> {
        let check = self.connector.check.as_ref()?;
        let credentials = self.credentials(secret, &Message { ids: &[], body: "", at: now });
        Some(credentials.map(|credentials| {
            let headers = self.headers.iter().filter(|(name, _)| name != "content-type").cloned();
            HttpRequest {
                method: check.method.as_str().to_owned(),
                url: with_query(&self.check_url, credentials.query.as_deref()),
                headers: headers.chain(credentials.headers).collect(),
                body: Vec::new(),
            }
        }))
    }

    /// What the answer to [`Destination::check`] says, the secret taken out of it: the vendor's words where the
    /// credentials are not accepted, or where it cannot be told.
    pub fn checked(&self, secret: Option<&str>, response: HttpResponse, now: Timestamp) -> Result<(), String> {
        let response = self.redact(response, secret);
        let told = reason(self.connector, &response);
        match classify(&self.connector.statuses, &self.connector.limits, &response, now) {
            Class::Success => {}
            Class::Unauthorised | Class::Rejected => return Err(told),
            Class::Retry | Class::Throttled(_) => return Err(format!("{told}; try again")),
        }
        let Some(flag) = self.connector.check.as_ref().and_then(|check| check.flag.as_ref()) else { return Ok(()) };
        let body = Value::from_json(&response.body).unwrap_or_default();
        if at(&body, flag) == Some(&Value::Bool(true)) { Ok(()) } else { Err(told) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{destination::connector, value::Object};

    fn checked(slug: &str, status: u16, body: &str) -> Result<(), String> {
        let destination = connector(slug).unwrap().configure("there", &Object::new()).unwrap();
        let response = HttpResponse { status, headers: Vec::new(), body: body.into() };
        destination.checked(Some("xoxb-hidden"), response, Timestamp::from_millis(0))
    }

    #[test]
    fn a_check_carries_the_credentials_and_nothing_else() {
        let destination = connector("slack").unwrap().configure("there", &Object::new()).unwrap();
        let request = destination.check(Some("xoxb-1"), Timestamp::from_millis(0)).unwrap().unwrap();
        assert_eq!((request.method.as_str(), request.url.as_str()), ("POST", "https://slack.com/api/auth.test"));
        assert_eq!(request.headers, [("authorization".to_owned(), "Bearer xoxb-1".to_owned())]);
        assert!(request.body.is_empty());
        let unset = destination.check(None, Timestamp::from_millis(0)).unwrap().unwrap_err().to_string();
        assert!(unset.contains("has no secret; set it: "), "{unset}");
        let settings = [("url".to_owned(), Value::from("https://a.example"))].into_iter().collect();
        let webhook = connector("webhook").unwrap().configure("there", &settings).unwrap();
        assert_eq!(webhook.check(None, Timestamp::from_millis(0)), None, "a receiver of events has nothing to ask");
    }

    #[test]
    fn the_vendors_own_words_say_what_is_wrong() {
        // https://docs.slack.dev/reference/methods/auth.test, its examples.
        assert_eq!(checked("slack", 200, r#"{"ok":true,"url":"https://subarachnoid.slack.com/"}"#), Ok(()));
        let refused = checked("slack", 200, r#"{"ok":false,"error":"invalid_auth"}"#).unwrap_err();
        assert!(refused.contains("invalid_auth"), "{refused}");
        let refused = checked("hubspot", 401, r#"{"status":"error","message":"xoxb-hidden is expired"}"#).unwrap_err();
        assert_eq!(refused, "HubSpot answered 401: [secret] is expired");
        assert!(checked("hubspot", 503, "").unwrap_err().ends_with("; try again"));
        assert_eq!(checked("hubspot", 200, "{}"), Ok(()));
    }
}
