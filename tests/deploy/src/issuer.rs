//! An identity provider on this machine, as OpenID Connect has it, with one person who is always signed in.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::anyhow;
use axum::{
    Form, Json, Router,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use base64_simd::URL_SAFE_NO_PAD;
use ring::{
    digest,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use serde_json::{Value, json};
use shared::time::{Clock as _, SystemClock};
use tokio::net::TcpListener;

const CLIENT: &str = "freshet-console";
const SECRET: &str = "known to the console and to nobody else";

/// The name of whoever signs in.
pub const PERSON: &str = "Ada Lovelace";

/// A claim's value that stands for the greatest role.
pub const GROUP: &str = "platform";

/// The running provider.
#[derive(Clone)]
pub struct Issuer {
    url: String,
    key: Arc<EcdsaKeyPair>,
    /// The codes that nobody has redeemed yet: each with its nonce, challenge and redirect address.
    codes: Arc<Mutex<HashMap<String, [String; 3]>>>,
}

impl Issuer {
    /// Starts it on a free port.
    pub async fn start() -> anyhow::Result<Self> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
            .map_err(|error| anyhow!("no key can be made: {error}"))?;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random)
            .map_err(|error| anyhow!("the key that was made is none: {error}"))?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let issuer = Self { url, key: Arc::new(key), codes: Arc::default() };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/authorise", get(authorise))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(issuer)
    }

    /// What the console's secret has to say.
    pub fn registration(&self) -> Value {
        json!({"issuer": self.url, "client_id": CLIENT, "client_secret": SECRET})
    }

    fn id_token(&self, nonce: &str) -> anyhow::Result<String> {
        let now = SystemClock.now().seconds();
        let header = json!({"typ": "JWT", "alg": "ES256", "kid": "one"});
        let claims = json!({
            "iss": self.url, "aud": CLIENT, "sub": "idp|1", "nonce": nonce, "iat": now, "exp": now + 300,
            "name": PERSON, "groups": [GROUP],
        });
        let signed = format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.map_err(|error| anyhow!("the token cannot be signed: {error}"))?;
        Ok(format!("{signed}.{}", base64(signature.as_ref())))
    }
}

fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

async fn discovery(State(Issuer { url, .. }): State<Issuer>) -> Json<Value> {
    Json(json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorise"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }))
}

/// The public key (RFC 7518, 6.2.1).
async fn keys(State(issuer): State<Issuer>) -> Json<Value> {
    let point = &issuer.key.public_key().as_ref()[1..];
    let (x, y) = (base64(&point[..32]), base64(&point[32..]));
    Json(json!({"keys": [{"kty": "EC", "use": "sig", "alg": "ES256", "crv": "P-256", "kid": "one", "x": x, "y": y}]}))
}

/// The page to which the console sends a person, who is signed in here: they are sent back with a code at once.
async fn authorise(State(issuer): State<Issuer>, Query(asked): Query<HashMap<String, String>>) -> Response {
    let is = |name: &str, value: &str| asked.get(name).is_some_and(|asked| asked == value);
    let kept = ["nonce", "code_challenge", "redirect_uri"].map(|name| asked.get(name).cloned().unwrap_or_default());
    let state = asked.get("state").cloned().unwrap_or_default();
    let is_whole = is("client_id", CLIENT) && is("response_type", "code") && is("code_challenge_method", "S256");
    if !is_whole || state.is_empty() || kept.iter().any(String::is_empty) {
        return (StatusCode::BAD_REQUEST, "this is no request for a code").into_response();
    }
    let redirect = kept[2].clone();
    let mut codes = issuer.codes.lock().unwrap_or_else(PoisonError::into_inner);
    let code = format!("code-{}", codes.len());
    codes.insert(code.clone(), kept);
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("code", &code)
        .append_pair("state", &state)
        .finish();
    Redirect::to(&format!("{redirect}?{query}")).into_response()
}

async fn token(
    State(issuer): State<Issuer>,
    headers: axum::http::HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let refuse = |error: &str| (StatusCode::BAD_REQUEST, Json(json!({"error": error}))).into_response();
    let is = |name: &str, value: &str| form.get(name).is_some_and(|held| held == value);
    // Discovery names no way to authenticate, so it is that of HTTP (OpenID Connect Discovery 1.0, section 3), of parts
    // that are encoded as in a form (RFC 6749, 2.3.1).
    let encoded: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let basic = base64_simd::STANDARD.encode_to_string(format!("{CLIENT}:{encoded}"));
    let given = headers.get("authorization").and_then(|value| value.to_str().ok());
    if given != Some(format!("Basic {basic}").as_str()) {
        return refuse("invalid_client");
    }
    let mut codes = issuer.codes.lock().unwrap_or_else(PoisonError::into_inner);
    // A code is redeemed once (RFC 6749, 4.1.2), by who has begun (RFC 7636, 4.6).
    let Some([nonce, challenge, redirect]) = form.get("code").and_then(|code| codes.remove(code)) else {
        return refuse("invalid_grant");
    };
    let verifier = form.get("code_verifier").map(String::as_bytes).unwrap_or_default();
    if base64(digest::digest(&digest::SHA256, verifier).as_ref()) != challenge || !is("redirect_uri", &redirect) {
        return refuse("invalid_grant");
    }
    match issuer.id_token(&nonce) {
        Ok(id_token) => {
            let access = json!({"access_token": "worth nothing", "token_type": "Bearer", "expires_in": 300, "id_token": id_token});
            Json(access).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error:#}")).into_response(),
    }
}
