//! Who is signed in, and for how long.
//!
//! A session is a sealed cookie, and nothing is kept on the server. So signing out takes it from the browser; a copy that
//! somebody has stolen before ends with its hour or its day. Setting the secret with the sessions' keys to `{"keys":[]}`
//! signs everybody out. A role counts as it was when its person signed in.

use std::time::Duration;

use base64_simd::URL_SAFE_NO_PAD;
use ring::hmac;
use serde::{Deserialize, Serialize};
use shared::time::Timestamp;

use crate::{
    door::Person,
    random::{self, NoRandom},
};

/// A session ends after so long, whatever is done.
pub const LONGEST: Duration = Duration::from_hours(8);

/// And after so long without a request.
pub const IDLE: Duration = Duration::from_hours(1);

/// The last request is noted no more often than this: each time costs a cookie.
const NOTED: Duration = Duration::from_mins(5);

/// How many random bytes a token begins with.
const SALT: usize = 16;

/// A signed-in person's session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Who.
    pub person: Person,
    /// What tokens against forged requests are made with.
    secret: String,
    began: Timestamp,
    seen: Timestamp,
}

impl Session {
    /// Begins.
    pub fn begin(person: Person, now: Timestamp) -> Result<Self, NoRandom> {
        Ok(Self { person, secret: random::text::<32>()?, began: now, seen: now })
    }

    /// Whether it goes on.
    pub fn lasts(&self, now: Timestamp) -> bool {
        now.since(self.began) < LONGEST && now.since(self.seen) < IDLE
    }

    /// The session with this request noted, where that is due.
    pub fn noted(&self, now: Timestamp) -> Option<Self> {
        (now.since(self.seen) >= NOTED).then(|| Self { seen: now, ..self.clone() })
    }

    /// A token for a form: only pages of this session have one. Each is another, so that the size of a compressed page
    /// tells nothing of it (BREACH).
    pub fn token(&self) -> Result<String, NoRandom> {
        let salt: [u8; SALT] = random::bytes()?;
        let tag = hmac::sign(&self.key(), &salt);
        Ok(URL_SAFE_NO_PAD.encode_to_string([&salt[..], tag.as_ref()].concat()))
    }

    /// Whether a token is of this session.
    pub fn made(&self, token: &str) -> bool {
        let Ok(token) = URL_SAFE_NO_PAD.decode_to_vec(token) else { return false };
        let parts = token.split_at_checked(SALT);
        parts.is_some_and(|(salt, tag)| hmac::verify(&self.key(), salt, tag).is_ok())
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::role::Role;

    const BEGAN: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn session() -> Session {
        let person = Person { id: "1".into(), name: "Ada".into(), role: Role::Editor };
        Session::begin(person, BEGAN).unwrap()
    }

    #[test]
    fn it_ends_after_an_hour_without_a_request_and_after_a_working_day_with_them() {
        let minutes = |minutes| BEGAN + Duration::from_mins(minutes);
        let mut session = session();
        assert!(session.lasts(minutes(59)) && !session.lasts(minutes(60)));
        assert_eq!(session.noted(minutes(4)), None);
        for minute in (0..480).step_by(50) {
            session = session.noted(minutes(minute)).unwrap_or(session);
        }
        assert!(session.lasts(minutes(479)), "the last request was at 450 minutes");
        assert!(!session.lasts(minutes(480)));
    }

    #[test]
    fn a_token_is_of_one_session() {
        let (session, other) = (session(), session());
        let token = session.token().unwrap();
        assert!(session.made(&token) && !other.made(&token));
        assert_ne!(token, session.token().unwrap());
        for wrong in ["", "A", "no base64!", &token[..token.len() - 2], &token[4..]] {
            assert!(!session.made(wrong), "{wrong}");
        }
    }
}
