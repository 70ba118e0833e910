//! An identity provider on a socket of its own, which does as OpenID Connect says until a test makes it hostile.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Form, Json, Router,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use base64_simd::URL_SAFE_NO_PAD;
use ring::{
    digest, hmac,
    rand::SystemRandom,
    rsa,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use serde_json::{Value, json};
use shared::testing::lock;
use url::Url;

pub const CLIENT: &str = "freshet-console";
pub const SECRET: &str = "the client's secret";
/// 2027-01-15, when the console's clock stands still.
pub const NOW: i64 = 1_800_000_000;

/// A key, and the algorithm of its signatures.
pub enum Key {
    Es256(Box<EcdsaKeyPair>),
    EdDsa(Box<Ed25519KeyPair>),
    Rs256(Box<RsaKeyPair>),
    /// A message authentication code with these bytes as its key.
    Hs256(Vec<u8>),
    /// No signature.
    None,
}

impl Key {
    pub fn es256() -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap();
        Self::Es256(Box::new(key))
    }

    pub fn eddsa() -> Self {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        Self::EdDsa(Box::new(Ed25519KeyPair::from_pkcs8(document.as_ref()).unwrap()))
    }

    pub fn rs256() -> Self {
        let key = RsaKeyPair::from_pkcs8(include_bytes!("issuer/rsa-for-tests-only.pk8")).unwrap();
        Self::Rs256(Box::new(key))
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Es256(_) => "ES256",
            Self::EdDsa(_) => "EdDSA",
            Self::Rs256(_) => "RS256",
            Self::Hs256(_) => "HS256",
            Self::None => "none",
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::EdDsa(key) => key.sign(message).as_ref().to_vec(),
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Self::Hs256(key) => hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message).as_ref().to_vec(),
            Self::None => Vec::new(),
        }
    }

    /// The public key, as anybody can read it (RFC 7517, RFC 8037).
    pub fn public(&self, id: &str) -> Value {
        match self {
            Self::Es256(key) => {
                let point = &key.public_key().as_ref()[1..];
                let (x, y) = (base64(&point[..32]), base64(&point[32..]));
                json!({"kty": "EC", "use": "sig", "alg": "ES256", "crv": "P-256", "kid": id, "x": x, "y": y})
            }
            Self::EdDsa(key) => {
                let x = base64(key.public_key().as_ref());
                json!({"kty": "OKP", "use": "sig", "alg": "EdDSA", "crv": "Ed25519", "kid": id, "x": x})
            }
            Self::Rs256(key) => {
                let parts = rsa::PublicKeyComponents::<Vec<u8>>::from(key.public());
                json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": id, "n": base64(&parts.n), "e": base64(&parts.e)})
            }
            Self::Hs256(_) | Self::None => json!({}),
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode_to_string(bytes)
}

type Twist = Box<dyn Fn(&mut Value) + Send>;

/// How it behaves.
pub struct Behaviour {
    /// What it signs with, and the key's id in the token.
    pub signs_with: (Key, &'static str),
    /// What its key set has.
    pub serves: Value,
    /// What becomes of the ID token's claims before they are signed.
    pub twist: Twist,
    /// What becomes of its description of itself.
    pub twist_discovery: Twist,
    /// What becomes of the signed token.
    pub twist_token: fn(String) -> Option<String>,
    /// How often its keys were asked for.
    pub asked_for_keys: u32,
    /// The codes that nobody has redeemed yet: each with its nonce, challenge and redirect address.
    codes: HashMap<String, [String; 3]>,
}

#[derive(Clone)]
pub struct Issuer {
    pub url: String,
    pub behaviour: Arc<Mutex<Behaviour>>,
}

impl Issuer {
    pub async fn start(key: Key) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let behaviour = Behaviour {
            serves: json!({"keys": [key.public("one")]}),
            signs_with: (key, "one"),
            twist: Box::new(|_| {}),
            twist_discovery: Box::new(|_| {}),
            twist_token: Some,
            asked_for_keys: 0,
            codes: HashMap::new(),
        };
        let issuer = Self { url, behaviour: Arc::new(Mutex::new(behaviour)) };
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    pub fn set(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut lock(&self.behaviour));
    }

    /// The person signs in at the page to which the console has sent them: the state and the code that come back.
    pub fn authorise(&self, location: &str) -> (String, String) {
        let url = Url::parse(location).unwrap();
        assert_eq!(format!("{}{}", url.origin().ascii_serialization(), url.path()), format!("{}/authorise", self.url));
        let asked: HashMap<String, String> = url.query_pairs().into_owned().collect();
        assert_eq!(asked["client_id"], CLIENT);
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["code_challenge_method"], "S256");
        assert_eq!(asked["redirect_uri"], "https://console.example/sign-in/return");
        assert!(asked["scope"].split(' ').any(|scope| scope == "openid"), "{}", asked["scope"]);
        let mut behaviour = lock(&self.behaviour);
        let code = format!("code-{}", behaviour.codes.len());
        let kept = ["nonce", "code_challenge", "redirect_uri"].map(|name| asked[name].clone());
        behaviour.codes.insert(code.clone(), kept);
        (asked["state"].clone(), code)
    }
}

async fn discovery(State(issuer): State<Issuer>) -> Json<Value> {
    let Issuer { url, behaviour } = issuer;
    let mut told = json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorise"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post"],
    });
    (lock(&behaviour).twist_discovery)(&mut told);
    Json(told)
}

async fn keys(State(issuer): State<Issuer>) -> Json<Value> {
    let mut behaviour = lock(&issuer.behaviour);
    behaviour.asked_for_keys += 1;
    Json(behaviour.serves.clone())
}

async fn token(State(issuer): State<Issuer>, Form(form): Form<HashMap<String, String>>) -> Response {
    let refuse = |error: &str| (StatusCode::BAD_REQUEST, Json(json!({"error": error}))).into_response();
    let has = |name: &str, value: &str| form.get(name).is_some_and(|held| held == value);
    if !has("client_id", CLIENT) || !has("client_secret", SECRET) {
        return refuse("invalid_client");
    }
    let mut behaviour = lock(&issuer.behaviour);
    // A code is redeemed once (RFC 6749, 4.1.2).
    let Some([nonce, challenge, redirect]) = form.get("code").and_then(|code| behaviour.codes.remove(code)) else {
        return refuse("invalid_grant");
    };
    let verifier = form.get("code_verifier").map(String::as_bytes).unwrap_or_default();
    if base64(digest::digest(&digest::SHA256, verifier).as_ref()) != challenge || !has("redirect_uri", &redirect) {
        return refuse("invalid_grant");
    }
    let mut claims = json!({
        "iss": issuer.url, "aud": CLIENT, "sub": "idp|1", "nonce": nonce, "iat": NOW, "exp": NOW + 300,
        "name": "Ada Lovelace", "email": "ada@example.com", "groups": ["staff", "sales"],
    });
    (behaviour.twist)(&mut claims);
    let (key, id) = &behaviour.signs_with;
    let header = json!({"typ": "JWT", "alg": key.algorithm(), "kid": id});
    let signed = format!("{}.{}", base64(header.to_string().as_bytes()), base64(claims.to_string().as_bytes()));
    let signed = format!("{signed}.{}", base64(&key.sign(signed.as_bytes())));
    let mut answer = json!({"access_token": "worth nothing", "token_type": "Bearer", "expires_in": 300});
    if let Some(signed) = (behaviour.twist_token)(signed) {
        answer["id_token"] = signed.into();
    }
    Json(answer).into_response()
}
