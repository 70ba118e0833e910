//! The two cookies.

use http::{HeaderMap, HeaderValue, header};

use crate::door::Transport;

/// What a cookie is for: also the purpose that its value is sealed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    /// Who is signed in.
    Session,
    /// What has to come back with a person from the identity provider.
    SignIn,
}

impl Cookie {
    /// What its value is sealed for.
    pub const fn purpose(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::SignIn => "sign-in",
        }
    }

    /// Its name. The prefix makes browsers refuse it from another host, without `Secure`, or for a part of the paths
    /// (RFC 6265bis, "The `__Host-` Prefix"); over plain HTTP they would refuse ours, too.
    const fn name(self, transport: Transport) -> &'static str {
        match (self, transport) {
            (Self::Session, Transport::Tls) => "__Host-freshet-session",
            (Self::SignIn, Transport::Tls) => "__Host-freshet-sign-in",
            (Self::Session, Transport::Loopback) => "freshet-session",
            (Self::SignIn, Transport::Loopback) => "freshet-sign-in",
        }
    }

    /// Its value in a request.
    pub fn of(self, headers: &HeaderMap, transport: Transport) -> Option<&str> {
        let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == self.name(transport)).map(|(_, value)| value)
    }

    /// `Set-Cookie` with a value in base64url. A session's ends with the browser, and by what is in it.
    pub fn set(self, transport: Transport, value: &str) -> Option<HeaderValue> {
        let lifetime = match self {
            Self::Session => "",
            Self::SignIn => "; Max-Age=600",
        };
        self.header(transport, value, lifetime)
    }

    /// `Set-Cookie` that takes it away.
    pub fn clear(self, transport: Transport) -> Option<HeaderValue> {
        self.header(transport, "", "; Max-Age=0")
    }

    /// `Lax`: the way back from the identity provider begins on another site, and `Strict` would leave it out.
    fn header(self, transport: Transport, value: &str, lifetime: &str) -> Option<HeaderValue> {
        let secure = match transport {
            Transport::Tls => "; Secure",
            Transport::Loopback => "",
        };
        let name = self.name(transport);
        HeaderValue::from_str(&format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{lifetime}")).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append("cookie", "a=b; __Host-freshet-session=one;c".parse().unwrap());
        headers.append("cookie", "freshet-sign-in=two".parse().unwrap());
        assert_eq!(Cookie::Session.of(&headers, Transport::Tls), Some("one"));
        assert_eq!(Cookie::SignIn.of(&headers, Transport::Tls), None);
        assert_eq!(Cookie::SignIn.of(&headers, Transport::Loopback), Some("two"));
    }

    #[test]
    fn only_on_this_machine_is_a_cookie_without_secure() {
        let tls = Cookie::Session.set(Transport::Tls, "v").unwrap();
        assert_eq!(tls, "__Host-freshet-session=v; Path=/; HttpOnly; SameSite=Lax; Secure");
        let short = Cookie::SignIn.set(Transport::Tls, "v").unwrap();
        assert_eq!(short, "__Host-freshet-sign-in=v; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=600");
        let local = Cookie::Session.clear(Transport::Loopback).unwrap();
        assert_eq!(local, "freshet-session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    }
}
