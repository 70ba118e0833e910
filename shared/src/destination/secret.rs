//! What a person types as a destination's secret, and the text that is kept of it.

use std::collections::BTreeMap;

use super::{
    codec::Message,
    configure::Destination,
    descriptor::{Auth, Connector},
    oauth::Grant,
};
use crate::{
    time::Timestamp,
    value::{Object, Value},
};

/// The longest secret that Secrets Manager keeps, in bytes ("`PutSecretValue`", API reference).
const LONGEST: usize = 65_536;

/// A field of a secret's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SecretField {
    /// Its name in the form, and in a secret that is a JSON object.
    pub name: &'static str,
    /// What the form calls it.
    pub label: &'static str,
}

const SECRET: SecretField = SecretField { name: "secret", label: "Secret" };
const USER: SecretField = SecretField { name: "user", label: "User or id" };
const PASSWORD: SecretField = SecretField { name: "password", label: "Password or key" };
const CLIENT_ID: SecretField = SecretField { name: "client_id", label: "Client id" };
const CLIENT_SECRET: SecretField = SecretField { name: "client_secret", label: "Client secret" };
const REFRESH_TOKEN: SecretField = SecretField { name: "refresh_token", label: "Refresh token" };

impl Connector {
    /// The fields of its secret, in the order of the form; none where it takes no secret.
    pub fn secret_fields(&self) -> Vec<SecretField> {
        match &self.auth {
            Auth::None => Vec::new(),
            Auth::Basic { user: None, .. } => vec![USER, PASSWORD],
            Auth::Oauth(oauth) if oauth.grant == Grant::RefreshToken => vec![CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN],
            Auth::Oauth(_) => vec![CLIENT_ID, CLIENT_SECRET],
            Auth::Bearer { .. }
            | Auth::Basic { .. }
            | Auth::Header { .. }
            | Auth::Query { .. }
            | Auth::Signature { .. } => vec![SECRET],
        }
    }

    /// What its secret is, and where the vendor shows it; `None` where it takes none.
    pub fn secret_help(&self) -> Option<&str> {
        match &self.auth {
            Auth::None => None,
            Auth::Oauth(oauth) => Some(&oauth.help),
            Auth::Bearer { help }
            | Auth::Basic { help, .. }
            | Auth::Header { help, .. }
            | Auth::Query { help, .. }
            | Auth::Signature { help, .. } => Some(help),
        }
    }
}

impl Destination {
    /// The text to keep of what was typed, by the fields' names, if requests can be made with it. No error holds a value.
    pub fn secret_of(&self, typed: &BTreeMap<String, String>) -> Result<String, String> {
        let fields = self.connector().secret_fields();
        let mut values = Vec::new();
        for field in &fields {
            let value = typed.get(field.name).map(|value| value.trim()).unwrap_or_default();
            if value.is_empty() {
                return Err(format!("The field “{}” is empty.", field.label));
            }
            values.push((field.name, value));
        }
        let secret = match values[..] {
            [] => return Err("It takes no secret.".to_owned()),
            [(_, secret)] => secret.to_owned(),
            [("user", user), (_, password)] => {
                if user.contains(':') {
                    return Err(format!("The field “{}” has a colon, and no user has one.", USER.label));
                }
                format!("{user}:{password}")
            }
            _ => {
                let object = values.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
                Value::Object(object.collect::<Object>()).to_json()
            }
        };
        if secret.len() > LONGEST {
            return Err(format!("It is longer than the {LONGEST} bytes that Secrets Manager keeps."));
        }
        if let Some(oauth) = self.oauth() {
            oauth.request(&secret).map_err(|error| error.to_string())?;
        } else {
            let message = Message { ids: &[], body: "", at: Timestamp::default() };
            self.credentials(Some(&secret), &message).map_err(|error| error.to_string())?;
        }
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::{connector, connectors};

    fn destination(slug: &str) -> Destination {
        let settings = [("url".to_owned(), Value::from("https://a.example"))].into_iter();
        let settings = settings.filter(|_| slug == "webhook").collect();
        connector(slug).unwrap().configure("there", &settings).unwrap()
    }

    fn secret(slug: &str, typed: &[(&str, &str)]) -> Result<String, String> {
        let typed = typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        destination(slug).secret_of(&typed)
    }

    #[test]
    fn what_is_typed_becomes_the_text_that_requests_are_made_with() {
        assert_eq!(secret("hubspot", &[("secret", " pat-eu1-0000\n")]).as_deref(), Ok("pat-eu1-0000"));
        let pair = [("user", "site-00000"), ("password", "key-0000")];
        assert_eq!(secret("customer_io", &pair).as_deref(), Ok("site-00000:key-0000"));
    }

    #[test]
    fn what_no_request_can_carry_is_refused_without_being_repeated() {
        for (slug, typed, message) in [
            ("hubspot", vec![], "The field “Secret” is empty."),
            ("hubspot", vec![("secret", " \n ")], "The field “Secret” is empty."),
            ("hubspot", vec![("secret", "pät-hidden")], "characters that no header can carry"),
            ("customer_io", vec![("user", "site:hidden"), ("password", "k")], "has a colon"),
            ("customer_io", vec![("user", "site")], "“Password or key” is empty"),
            ("webhook", vec![("secret", "hidden")], "the secret of the destination there"),
        ] {
            let error = secret(slug, &typed).unwrap_err();
            assert!(error.contains(message) && !error.contains("hidden"), "{slug}: {error}");
        }
        let long = "x".repeat(LONGEST + 1);
        assert!(secret("hubspot", &[("secret", &long)]).unwrap_err().contains("65536 bytes"));
    }

    #[test]
    fn every_connector_that_takes_a_secret_has_a_form_with_its_help() {
        for connector in connectors().unwrap() {
            let fields = connector.secret_fields();
            assert_eq!(fields.is_empty(), connector.secret_help().is_none(), "{}", connector.slug());
            assert!(!connector.needs_secret() || !fields.is_empty(), "{}", connector.slug());
        }
    }
}
