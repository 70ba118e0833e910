//! A vendor's token endpoint, by RFC 6749: it grants tokens to a client, and gives a new refresh token for each that is
//! shown, which then is worth nothing any more.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::Context as _;
use axum::{
    Json,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use serde::Deserialize;
use serde_json::json;
use shared::destination::{ClientProof, Grant, OauthAuth};

/// How long a token lasts, in seconds.
const LASTS: u32 = 3_600;

/// What a person has of a client, as it stands in the secret.
#[derive(Debug, Deserialize)]
struct Registered {
    client_id: String,
    client_secret: String,
    #[serde(default)]
    refresh_token: String,
}

/// The endpoint, and what it has granted.
#[derive(Debug)]
pub struct Tokens {
    auth: &'static OauthAuth,
    client: Registered,
    granted: Mutex<Granted>,
}

#[derive(Debug)]
struct Granted {
    tokens: HashSet<String>,
    refresh: String,
}

impl Tokens {
    /// For the client of this secret: a JSON object.
    pub fn new(auth: &'static OauthAuth, secret: &str) -> anyhow::Result<Self> {
        let client: Registered = serde_json::from_str(secret)
            .context("the secret of a client is a JSON object with client_id and client_secret")?;
        let granted = Granted { tokens: HashSet::new(), refresh: client.refresh_token.clone() };
        Ok(Self { auth, client, granted: Mutex::new(granted) })
    }

    /// Whether a request shows a token that was granted.
    pub fn accepts(&self, headers: &HeaderMap) -> bool {
        let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = sent.and_then(|value| value.strip_prefix("Bearer "));
        token.is_some_and(|token| self.granted().tokens.contains(token))
    }

    /// Answers a request for a token (section 5).
    pub fn grant(&self, headers: &HeaderMap, body: &[u8]) -> Response {
        let form: HashMap<_, _> = url::form_urlencoded::parse(body).collect();
        let sent = |name: &str| form.get(name).map(AsRef::as_ref).unwrap_or_default();
        let Registered { client_id, client_secret, .. } = &self.client;
        let proves = match self.auth.client {
            ClientProof::Body => sent("client_id") == client_id && sent("client_secret") == client_secret,
            ClientProof::Basic => {
                let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
                let pair = format!("{}:{}", encoded(client_id), encoded(client_secret));
                let wanted = format!("Basic {}", base64_simd::STANDARD.encode_to_string(pair));
                headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) == Some(&wanted)
            }
        };
        let refuse = |status: StatusCode, error: &str| (status, Json(json!({ "error": error }))).into_response();
        if !proves {
            return refuse(StatusCode::UNAUTHORIZED, "invalid_client");
        }
        let mut granted = self.granted();
        let number = granted.tokens.len() + 1;
        let mut answer = json!({ "token_type": "Bearer", "expires_in": LASTS });
        match (self.auth.grant, sent("grant_type")) {
            (Grant::ClientCredentials, "client_credentials") => {}
            (Grant::RefreshToken, "refresh_token") if sent("refresh_token") == granted.refresh => {
                granted.refresh = format!("{}-{number}", self.client.refresh_token);
                answer["refresh_token"] = granted.refresh.as_str().into();
            }
            (Grant::RefreshToken, "refresh_token") => return refuse(StatusCode::BAD_REQUEST, "invalid_grant"),
            _ => return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type"),
        }
        let token = format!("token-{number}");
        answer["access_token"] = token.as_str().into();
        granted.tokens.insert(token);
        Json(answer).into_response()
    }

    fn granted(&self) -> MutexGuard<'_, Granted> {
        self.granted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
