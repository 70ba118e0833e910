//! The door of a deployed console: OpenID Connect's authorization code flow with PKCE, by the crate `openidconnect`, over
//! our own HTTP client.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use chrono::{DateTime, Utc};
use openidconnect::{
    AdditionalClaims, AsyncHttpClient, AuthType, AuthenticationFlow, AuthorizationCode, ClaimsVerificationError,
    Client, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields, EndpointMaybeSet, EndpointNotSet, EndpointSet,
    IdTokenClaims, IdTokenFields, IdTokenVerifier, IssuerUrl, JsonWebKeySet, Nonce, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, SignatureVerificationError, StandardErrorResponse,
    StandardTokenResponse, TokenResponse as _,
    core::{
        CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim, CoreJsonWebKey,
        CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreResponseType,
        CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse, CoreTokenType,
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use shared::{
    ports::{Http, HttpError, HttpRequest, Secrets},
    time::{Clock, Timestamp},
};

use crate::{
    door::{Arrival, Departure, Door, DoorError, DoorRules, Handshake, Person, Transport},
    role::RoleRules,
};

/// Clocks may differ by so much.
const SKEW: Duration = Duration::from_mins(1);

/// What the provider says of itself is asked again after so long.
const KEPT: Duration = Duration::from_hours(1);

/// The signatures that are taken, all by the provider's private key: never `none`, and never HMAC, whose key would be one
/// that anybody may read.
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// The secret: what the provider knows the console by.
#[derive(Deserialize)]
struct Registration {
    /// The issuer, letter by letter as its ID tokens have it.
    issuer: String,
    client_id: String,
    /// Not for a public client: PKCE protects it alone.
    client_secret: Option<String>,
}

/// The claims beyond those that the crate knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Claims {
    /// Before this second since 1970 the token is worth nothing (RFC 7519, 4.1.5).
    nbf: Option<i64>,
    #[serde(flatten)]
    more: Map<String, Json>,
}

impl AdditionalClaims for Claims {}

type Fields = IdTokenFields<
    Claims,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJwsSigningAlgorithm,
>;
type TokenAnswer = StandardTokenResponse<Fields, CoreTokenType>;
type OpenIdClient = Client<
    Claims,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    StandardErrorResponse<CoreErrorResponseType>,
    TokenAnswer,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What the provider says of itself, as it was last asked.
#[derive(Clone)]
struct Discovered {
    metadata: Arc<CoreProviderMetadata>,
    at: Timestamp,
}

/// The door of a deployed console. The provider is found and asked when somebody first signs in.
pub struct OpenId<S, H, C> {
    secret_arn: String,
    roles: RoleRules,
    secrets: S,
    http: H,
    clock: C,
    discovered: Mutex<Option<Discovered>>,
}

impl<S: Secrets + Send, H: Http + Send, C: Clock> OpenId<S, H, C> {
    /// For the client that the secret has, as `{"issuer":"https://…","client_id":"…","client_secret":"…"}`.
    pub fn new(secret_arn: String, roles: RoleRules, secrets: S, http: H, clock: C) -> Self {
        Self { secret_arn, roles, secrets, http, clock, discovered: Mutex::default() }
    }

    async fn registration(&self, fresh: bool) -> Result<Registration, DoorError> {
        let text = self.secrets.secret(&self.secret_arn, fresh).await.map_err(unavailable)?;
        serde_json::from_str(&text).map_err(|_| {
            let message = "the secret of the OpenID Connect client is not what it has to be; set it to \
                           {\"issuer\":\"https://…\",\"client_id\":\"…\",\"client_secret\":\"…\"}, the last only \
                           where the provider has given one";
            DoorError::Unavailable(message.to_owned())
        })
    }

    /// The provider's endpoints and keys; `fresh` asks for them again.
    async fn metadata(&self, issuer: &str, fresh: bool) -> Result<Arc<CoreProviderMetadata>, DoorError> {
        let now = self.clock.now();
        let held = self.discovered.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(held) = held.filter(|held| !fresh && now.since(held.at) < KEPT)
            && held.metadata.issuer().as_str() == issuer
        {
            return Ok(held.metadata);
        }
        let issuer = IssuerUrl::new(issuer.to_owned())
            .map_err(|_| DoorError::Unavailable("the issuer in the secret is no address".to_owned()))?;
        // The answer's text may be anything, so it does not reach the log.
        let metadata = CoreProviderMetadata::discover_async(issuer, &Calls(&self.http)).await.map_err(|error| {
            let why = match error {
                openidconnect::DiscoveryError::Request(error) => error.to_string(),
                openidconnect::DiscoveryError::Response(status, ..) => format!("it answers {status}"),
                openidconnect::DiscoveryError::Validation(_) => "it names another issuer".to_owned(),
                _ => "its answer is not that of OpenID Connect Discovery".to_owned(),
            };
            DoorError::Unavailable(format!("the identity provider cannot be found out about: {why}"))
        })?;
        let metadata = Arc::new(metadata);
        let discovered = Discovered { metadata: Arc::clone(&metadata), at: now };
        *self.discovered.lock().unwrap_or_else(PoisonError::into_inner) = Some(discovered);
        Ok(metadata)
    }

    fn client(
        registration: &Registration,
        metadata: &CoreProviderMetadata,
        callback: &str,
    ) -> Result<OpenIdClient, DoorError> {
        let methods = metadata.token_endpoint_auth_methods_supported();
        let takes = |method| methods.is_some_and(|methods| methods.contains(&method));
        // Where a provider does not say, the secret goes into the header (OpenID Connect Discovery 1.0, section 3).
        let in_body = takes(CoreClientAuthMethod::ClientSecretPost) && !takes(CoreClientAuthMethod::ClientSecretBasic);
        let callback = RedirectUrl::new(callback.to_owned())
            .map_err(|_| DoorError::Refused("the request's host makes no address".to_owned()))?;
        let secret = registration.client_secret.clone().map(ClientSecret::new);
        Ok(Client::from_provider_metadata(metadata.clone(), ClientId::new(registration.client_id.clone()), secret)
            .set_auth_type(if in_body { AuthType::RequestBody } else { AuthType::BasicAuth })
            .set_redirect_uri(callback))
    }

    /// Redeems the code.
    async fn redeem(&self, client: &OpenIdClient, code: String, verifier: String) -> Result<TokenAnswer, DoorError> {
        let request = client.exchange_code(AuthorizationCode::new(code)).map_err(unavailable)?;
        let request = request.set_pkce_verifier(PkceCodeVerifier::new(verifier));
        request.request_async(&Calls(&self.http)).await.map_err(|error| match error {
            // The provider's code for what is wrong (RFC 6749, 5.2), and not its words.
            RequestTokenError::ServerResponse(answer) => {
                DoorError::Refused(format!("the provider does not take the code: {}", answer.error().as_ref()))
            }
            RequestTokenError::Request(error) => unavailable(error),
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                DoorError::Refused("the provider's token endpoint answers something else".to_owned())
            }
        })
    }

    /// The claims of an ID token that holds. A key that we do not know, or that has changed under its name, makes us ask
    /// once for the provider's present keys.
    async fn verified<'t>(
        &self,
        registration: &Registration,
        metadata: &CoreProviderMetadata,
        answer: &'t TokenAnswer,
        nonce: &str,
    ) -> Result<&'t IdTokenClaims<Claims, CoreGenderClaim>, DoorError> {
        let token = answer.id_token().ok_or_else(|| DoorError::Refused("there is no ID token".to_owned()))?;
        let nonce = Nonce::new(nonce.to_owned());
        let verify = |keys: &JsonWebKeySet<CoreJsonWebKey>| {
            token.claims(&verifier(registration, metadata, keys.clone(), self.clock.now()), &nonce)
        };
        let claims = match verify(metadata.jwks()) {
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey | SignatureVerificationError::CryptoError(_),
            )) => {
                let fresh = self.metadata(&registration.issuer, true).await?;
                verify(fresh.jwks())
            }
            verified => verified,
        };
        let claims = claims.map_err(|error| DoorError::Refused(words(&error)))?;
        let begins = claims.additional_claims().nbf.unwrap_or(i64::MIN);
        if begins > (self.clock.now() + SKEW).seconds() {
            return Err(DoorError::Refused("the ID token is not valid yet".to_owned()));
        }
        Ok(claims)
    }
}

fn verifier<'a>(
    registration: &Registration,
    metadata: &CoreProviderMetadata,
    keys: JsonWebKeySet<CoreJsonWebKey>,
    now: Timestamp,
) -> IdTokenVerifier<'a, CoreJsonWebKey> {
    let client = ClientId::new(registration.client_id.clone());
    let time = |at: Timestamp| DateTime::<Utc>::from_timestamp_millis(at.millis()).unwrap_or_default();
    let (earliest, latest) = (time(now - SKEW), time(now + SKEW));
    // "Public" means that the client's secret is never a key, whatever the token's header says.
    IdTokenVerifier::new_public_client(client, metadata.issuer().clone(), keys)
        .set_allowed_algs(ALGORITHMS)
        .set_time_fn(move || earliest)
        .set_issue_time_verifier_fn(
            move |issued| {
                if issued > latest { Err("issued in the future".to_owned()) } else { Ok(()) }
            },
        )
}

/// What is wrong with an ID token, without anything that it says.
fn words(error: &ClaimsVerificationError) -> String {
    let what = match error {
        ClaimsVerificationError::Expired(_) => "has expired, or is issued in the future",
        ClaimsVerificationError::InvalidAudience(_) => "is for another audience",
        ClaimsVerificationError::InvalidIssuer(_) => "is of another issuer",
        ClaimsVerificationError::InvalidNonce(_) => "answers another request: its nonce is another",
        ClaimsVerificationError::SignatureVerification(error) => match error {
            SignatureVerificationError::DisallowedAlg(_) | SignatureVerificationError::UnsupportedAlg(_) => {
                "is signed in a way that is not taken"
            }
            SignatureVerificationError::NoMatchingKey => "is signed with none of the provider's keys",
            SignatureVerificationError::NoSignature => "is not signed",
            _ => "is not signed by the provider",
        },
        _ => "is not what it has to be",
    };
    format!("the ID token {what}")
}

fn unavailable(error: impl std::fmt::Display) -> DoorError {
    DoorError::Unavailable(format!("the identity provider cannot be asked: {error}"))
}

impl<S, H, C> Door for OpenId<S, H, C>
where
    S: Secrets + Send + 'static,
    H: Http + Send + 'static,
    C: Clock + 'static,
{
    const TRANSPORT: Transport = Transport::Tls;

    async fn depart(&self, callback: &str) -> Result<Departure, DoorError> {
        let registration = self.registration(false).await?;
        let metadata = self.metadata(&registration.issuer, false).await?;
        let client = Self::client(&registration, &metadata, callback)?;
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let flow = AuthenticationFlow::<CoreResponseType>::AuthorizationCode;
        let request = client.authorize_url(flow, CsrfToken::new_random, Nonce::new_random);
        let request = ["profile", "email"]
            .into_iter()
            .fold(request, |request, scope| request.add_scope(Scope::new(scope.to_owned())));
        let (url, state, nonce) = request.set_pkce_challenge(challenge).url();
        let handshake = Handshake {
            state: state.secret().clone(),
            nonce: nonce.secret().clone(),
            verifier: verifier.secret().clone(),
        };
        Ok(Departure { url: url.into(), handshake })
    }

    async fn arrive(&self, callback: &str, handshake: Handshake, code: String) -> Result<Arrival, DoorError> {
        let registration = self.registration(false).await?;
        let metadata = self.metadata(&registration.issuer, false).await?;
        let client = Self::client(&registration, &metadata, callback)?;
        let answer = self.redeem(&client, code, handshake.verifier).await;
        if answer.is_err() {
            // The client's secret may have been renewed: whoever signs in next is known by the new one.
            self.registration(true).await?;
        }
        let answer = answer?;
        let claims = self.verified(&registration, &metadata, &answer, &handshake.nonce).await?;
        let more = &claims.additional_claims().more;
        let id = claims.subject().to_string();
        let name = claims.name().and_then(|name| name.get(None)).map(|name| name.to_string());
        let name = name
            .or_else(|| claims.email().map(|email| email.to_string()))
            .or_else(|| claims.preferred_username().map(|name| name.to_string()))
            .unwrap_or_else(|| id.clone());
        Ok(match self.roles.of(more) {
            Some(role) => Arrival::Person(Person { id, name, role }),
            None => Arrival::Stranger { name },
        })
    }

    async fn rules(&self) -> DoorRules {
        let issuer = self.registration(false).await.map(|registration| registration.issuer);
        DoorRules { issuer: issuer.unwrap_or_default(), roles: Some(self.roles.clone()) }
    }
}

/// Our HTTP client as the crate wants it.
struct Calls<'h, H>(&'h H);

impl<'c, H: Http> AsyncHttpClient<'c> for Calls<'_, H> {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<openidconnect::HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: openidconnect::HttpRequest) -> Self::Future {
        let Self(http) = self;
        Box::pin(async move {
            let host = request.uri().host().unwrap_or("the identity provider").to_owned();
            let (parts, body) = request.into_parts();
            let headers = parts.headers.iter().map(|(name, value)| {
                (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
            });
            let request = HttpRequest {
                method: parts.method.to_string(),
                url: parts.uri.to_string(),
                headers: headers.collect(),
                body,
            };
            let answer = http.call(&request).await?;
            let mut response = http::Response::builder().status(answer.status);
            for (name, value) in &answer.headers {
                response = response.header(name, value);
            }
            let unreadable = |error: http::Error| HttpError::NoAnswer { host, reason: error.to_string() };
            response.body(answer.body).map_err(unreadable)
        })
    }
}
