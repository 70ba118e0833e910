//! What every answer has in its headers, so that browsers protect the person who reads it.

use std::{fmt, net::IpAddr};

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts, uri::Authority};

use crate::{
    Console, World,
    door::{Door, Transport},
    random,
};

/// Marks the scripts of one answer as ours. A page that is read later, or that somebody has put a script into, has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(String);

impl fmt::Display for Nonce {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// Gives the request its [`Nonce`], and the answer its headers.
pub async fn harden<W: World>(mut request: Request, next: Next) -> Response {
    let Ok(nonce) = random::text::<18>() else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let (parts, body) = request.into_parts();
    let is_ours = W::Door::TRANSPORT == Transport::Tls || authority(&parts).is_some_and(|host| is_loopback(&host));
    request = Request::from_parts(parts, body);
    request.extensions_mut().insert(Nonce(nonce.clone()));
    let mut response = if is_ours { next.run(request).await } else { StatusCode::MISDIRECTED_REQUEST.into_response() };
    protect(response.headers_mut(), &nonce, W::Door::TRANSPORT);
    response
}

fn protect(headers: &mut HeaderMap, nonce: &str, transport: Transport) {
    // Nothing but what is named: our style sheet, our one script, and requests and forms to ourselves.
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self'; connect-src 'self'; \
         form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Not `no-referrer`: with that, browsers send `Origin: null` with our own forms (Fetch, "append a request Origin
        // header").
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if transport == Transport::Tls {
        // Two years, as the preload list's page advises. Over plain HTTP it must not be sent (RFC 6797, 7.2).
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=63072000"));
    }
    // What is not said to be public is somebody's.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

fn is_loopback(authority: &Authority) -> bool {
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The host and port that a browser asked for.
fn authority(parts: &Parts) -> Option<Authority> {
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    host.and_then(|host| host.parse().ok()).or_else(|| parts.uri.authority().cloned())
}

impl<W: World> Console<W> {
    /// Our own origin, as browsers write it: `https://abc.lambda-url.eu-central-1.on.aws`.
    pub(crate) fn origin(&self, parts: &Parts) -> Option<String> {
        if let Some(url) = &self.settings.public_url {
            return Some(url.origin().ascii_serialization());
        }
        let scheme = match W::Door::TRANSPORT {
            Transport::Tls => "https",
            Transport::Loopback => "http",
        };
        authority(parts).map(|authority| format!("{scheme}://{authority}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_three_names() {
        for (host, expected) in [
            ("127.0.0.1:8321", true),
            ("localhost:8321", true),
            ("[::1]:8321", true),
            ("127.0.0.2", true),
            ("evil.example:8321", false),
            ("localhost.evil.example", false),
            ("127.0.0.1.evil.example", false),
            ("10.0.0.1", false),
            ("0.0.0.0:8321", false),
        ] {
            assert_eq!(is_loopback(&host.parse().unwrap()), expected, "{host}");
        }
    }
}
