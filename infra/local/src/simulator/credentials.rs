//! Whether a request proves who sends it, as the connector's file says that it does.
//!
//! Written apart from the code in `shared` that makes the proof.

use axum::http::{HeaderMap, Uri, header};
use shared::{
    destination::{Auth, Codec, Connector},
    time::{Clock as _, SystemClock},
};

use super::{catalogue::Settings, signature::Verifier, tokens::Tokens};

/// What a vendor accepts.
#[derive(Debug)]
pub enum Credentials {
    /// Anybody.
    None,
    /// A header with exactly this value.
    Header(String, String),
    /// A parameter of the address with exactly this value.
    Query(String, String),
    /// A signature.
    Signature(Verifier),
    /// A token that was granted here.
    Tokens(Tokens),
}

impl Credentials {
    /// Those of a vendor that knows this secret. An error where there cannot be such a secret.
    pub fn of(connector: &'static Connector, settings: &Settings, secret: Option<&str>) -> anyhow::Result<Self> {
        let Some(secret) = secret else { return Ok(Self::None) };
        let authorization = |value: String| Self::Header(header::AUTHORIZATION.as_str().to_owned(), value);
        Ok(match &connector.auth {
            Auth::None => Self::None,
            Auth::Bearer { .. } => authorization(format!("Bearer {secret}")),
            Auth::Basic { user, .. } => {
                let user = user.as_ref().map(|user| settings.fill(user.get_ref())).transpose()?;
                let pair = user.map_or_else(|| secret.to_owned(), |user| format!("{user}:{secret}"));
                authorization(format!("Basic {}", base64_simd::STANDARD.encode_to_string(pair)))
            }
            Auth::Header { header, prefix, .. } => Self::Header(header.clone(), format!("{prefix}{secret}")),
            Auth::Oauth(auth) => Self::Tokens(Tokens::new(auth, secret)?),
            Auth::Query { parameter, .. } => Self::Query(parameter.clone(), secret.to_owned()),
            Auth::Signature { codec: Codec::StandardWebhooks, .. } => {
                Self::Signature(Verifier::new(secret).map_err(anyhow::Error::msg)?)
            }
        })
    }

    /// Whether the request has them; otherwise what it lacks.
    pub fn check(&self, headers: &HeaderMap, uri: &Uri, body: &[u8]) -> Result<(), &'static str> {
        let is = |fits: bool, otherwise: &'static str| if fits { Ok(()) } else { Err(otherwise) };
        match self {
            Self::None => Ok(()),
            Self::Header(name, value) => {
                let sent = headers.get(name).and_then(|sent| sent.to_str().ok());
                is(sent == Some(value), "the credentials are missing or wrong")
            }
            Self::Query(name, value) => {
                let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
                let mut sent = query.filter(|(sent, _)| sent == name).map(|(_, value)| value);
                is(sent.next().is_some_and(|sent| sent == *value), "the credentials are missing or wrong")
            }
            Self::Tokens(tokens) => is(tokens.accepts(headers), "the token is missing or was never granted"),
            Self::Signature(verifier) => verifier.verify(headers, body, SystemClock.now().seconds()),
        }
    }
}
