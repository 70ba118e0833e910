//! Sealing what a browser keeps for us: nobody else can read it, make it, or use it for another purpose.
//!
//! AES-256-GCM (NIST SP 800-38D) with a random nonce, under a key that the console makes itself and keeps in Secrets
//! Manager, where no Terraform state has it. After [`RENEWED`] it makes another; what the one before has sealed can be
//! opened for as long again.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use base64_simd::URL_SAFE_NO_PAD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use shared::{
    ports::{PortError, Secrets},
    time::Timestamp,
};

use crate::random::{self, NoRandom};

/// After so long a new key is made.
const RENEWED: Duration = Duration::from_hours(30 * 24);

/// How many keys are kept.
const KEPT: usize = 2;

/// What cannot be opened makes us look for newer keys, but not more often than this.
const LOOKED_FOR: Duration = Duration::from_mins(1);

/// Why nothing could be sealed or opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each is what it holds")]
pub enum SealError {
    #[error(transparent)]
    Port(#[from] PortError),
    #[error(transparent)]
    Random(#[from] NoRandom),
    #[error("the secret with the sessions' keys is not what the console writes; set it to {{\"keys\":[]}}")]
    Malformed,
}

/// The secret: `{"keys":[{"key":"…","made_at":1767225600000}]}`, the newest first; `{"keys":[]}` to begin with.
#[derive(Serialize, Deserialize)]
struct Stored {
    keys: Vec<StoredKey>,
}

#[derive(Serialize, Deserialize)]
struct StoredKey {
    /// 32 bytes in base64url.
    key: String,
    made_at: Timestamp,
}

/// The keys, as they were last read.
struct Ring {
    keys: Vec<LessSafeKey>,
    newest_at: Timestamp,
    read_at: Timestamp,
}

/// Seals and opens. One for the life of an execution environment.
pub struct Seals {
    secret_arn: String,
    ring: Mutex<Option<Arc<Ring>>>,
}

impl Seals {
    /// With the keys in this secret.
    pub fn new(secret_arn: String) -> Self {
        Self { secret_arn, ring: Mutex::default() }
    }

    /// Seals a value for a purpose, as text for a cookie.
    pub async fn seal<T: Serialize + Sync>(
        &self,
        secrets: &impl Secrets,
        now: Timestamp,
        purpose: &str,
        value: &T,
    ) -> Result<String, SealError> {
        let ring = self.ring(secrets, now).await?;
        let key = ring.keys.first().ok_or(SealError::Malformed)?;
        let mut sealed = serde_json::to_vec(value).map_err(|_| SealError::Malformed)?;
        let nonce: [u8; NONCE_LEN] = random::bytes()?;
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(purpose), &mut sealed)
            .map_err(|_| SealError::Malformed)?;
        Ok(URL_SAFE_NO_PAD.encode_to_string([&nonce[..], &sealed].concat()))
    }

    /// Opens what was sealed for this purpose; `None` where it was not.
    pub async fn open<T: DeserializeOwned>(
        &self,
        secrets: &impl Secrets,
        now: Timestamp,
        purpose: &str,
        text: &str,
    ) -> Result<Option<T>, SealError> {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode_to_vec(text) else { return Ok(None) };
        let mut ring = self.ring(secrets, now).await?;
        let mut plain = ring.open(purpose, &bytes);
        if plain.is_none() && now.since(ring.read_at) >= LOOKED_FOR {
            // Another instance may have made a key meanwhile.
            ring = self.read(secrets, now, true).await?;
            plain = ring.open(purpose, &bytes);
        }
        Ok(plain.and_then(|plain| serde_json::from_slice(&plain).ok()))
    }

    async fn ring(&self, secrets: &impl Secrets, now: Timestamp) -> Result<Arc<Ring>, SealError> {
        let held = self.ring.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match held {
            Some(ring) if now.since(ring.newest_at) < RENEWED => Ok(ring),
            _ => self.read(secrets, now, false).await,
        }
    }

    /// Reads the keys, and makes a new one where the newest is too old or there is none. Where two instances do so at
    /// once the last one's is read by both, and who was sealed by the first signs in once more.
    async fn read(&self, secrets: &impl Secrets, now: Timestamp, fresh: bool) -> Result<Arc<Ring>, SealError> {
        let mut stored = self.stored(secrets, fresh).await?;
        if needs_a_key(&stored, now) {
            stored = self.stored(secrets, true).await?;
        }
        if needs_a_key(&stored, now) {
            let key = URL_SAFE_NO_PAD.encode_to_string(random::bytes::<32>()?);
            stored.keys.insert(0, StoredKey { key, made_at: now });
            stored.keys.truncate(KEPT);
            let text = serde_json::to_string(&stored).map_err(|_| SealError::Malformed)?;
            let replaced = secrets.replace(&self.secret_arn, &text).await;
            stored = self.stored(secrets, true).await?;
            match replaced {
                Ok(()) => {}
                Err(error) if stored.keys.is_empty() => return Err(error.into()),
                Err(error) => tracing::error!("the sessions' key could not be renewed, and is used on: {error}"),
            }
        }
        let newest_at = stored.keys.first().ok_or(SealError::Malformed)?.made_at;
        let keys = stored.keys.iter().map(StoredKey::key).collect::<Option<Vec<_>>>().ok_or(SealError::Malformed)?;
        let ring = Arc::new(Ring { keys, newest_at, read_at: now });
        *self.ring.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&ring));
        Ok(ring)
    }

    async fn stored(&self, secrets: &impl Secrets, fresh: bool) -> Result<Stored, SealError> {
        let text = secrets.secret(&self.secret_arn, fresh).await?;
        serde_json::from_str(&text).map_err(|_| SealError::Malformed)
    }
}

fn needs_a_key(stored: &Stored, now: Timestamp) -> bool {
    stored.keys.first().is_none_or(|newest| now.since(newest.made_at) >= RENEWED)
}

impl StoredKey {
    fn key(&self) -> Option<LessSafeKey> {
        let bytes = URL_SAFE_NO_PAD.decode_to_vec(&self.key).ok()?;
        UnboundKey::new(&AES_256_GCM, &bytes).ok().map(LessSafeKey::new)
    }
}

impl Ring {
    fn open(&self, purpose: &str, bytes: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = bytes.split_at_checked(NONCE_LEN)?;
        self.keys.iter().find_map(|key| {
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            let mut sealed = sealed.to_vec();
            let plain = key.open_in_place(nonce, Aad::from(purpose), &mut sealed).ok()?;
            Some(plain.to_vec())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shared::testing::{MemorySecrets, lock};

    use super::*;

    const ARN: &str = "arn:sessions";

    fn empty() -> MemorySecrets {
        let secrets = MemorySecrets::default();
        lock(&secrets.current).insert(ARN.to_owned(), r#"{"keys":[]}"#.to_owned());
        secrets
    }

    fn day(day: u64) -> Timestamp {
        Timestamp::from_millis(1_800_000_000_000) + Duration::from_hours(24 * day)
    }

    #[tokio::test]
    async fn what_is_sealed_is_opened_for_its_purpose_only() {
        let (secrets, seals) = (empty(), Seals::new(ARN.to_owned()));
        let sealed = seals.seal(&secrets, day(0), "session", &"ada").await.unwrap();
        let open = async |purpose, text: &str| seals.open::<String>(&secrets, day(0), purpose, text).await.unwrap();
        assert_eq!(open("session", &sealed).await.as_deref(), Some("ada"));
        assert_eq!(open("sign-in", &sealed).await, None);
        assert_ne!(sealed, seals.seal(&secrets, day(0), "session", &"ada").await.unwrap(), "each has its nonce");
        let mut other = sealed.clone();
        let last = if other.pop() == Some('A') { 'B' } else { 'A' };
        other.push(last);
        for text in ["", "A", "no base64!", &sealed[..20], &other] {
            assert_eq!(open("session", text).await, None, "{text}");
        }
    }

    #[tokio::test]
    async fn a_key_is_made_on_first_use_and_shared_by_all_instances() {
        let secrets = empty();
        let (one, two) = (Seals::new(ARN.to_owned()), Seals::new(ARN.to_owned()));
        let sealed = one.seal(&secrets, day(0), "p", &1).await.unwrap();
        assert_eq!(two.open::<u8>(&secrets, day(0), "p", &sealed).await.unwrap(), Some(1));
    }

    #[tokio::test]
    async fn an_old_key_is_followed_by_a_new_one_and_still_opens() {
        let (secrets, seals) = (empty(), Seals::new(ARN.to_owned()));
        let mut sealed = Vec::new();
        for month in 0..3 {
            sealed.push(seals.seal(&secrets, day(30 * month), "p", &month).await.unwrap());
        }
        let open = async |text: &str| seals.open::<u64>(&secrets, day(60), "p", text).await.unwrap();
        assert_eq!(open(&sealed[2]).await, Some(2));
        assert_eq!(open(&sealed[1]).await, Some(1), "the key before");
        assert_eq!(open(&sealed[0]).await, None, "the key before that is gone");
        let stored: Stored = serde_json::from_str(&lock(&secrets.current)[ARN]).unwrap();
        assert_eq!(stored.keys.len(), KEPT);
    }

    #[tokio::test]
    async fn keys_that_somebody_else_has_made_are_found() {
        let (secrets, one) = (empty(), Seals::new(ARN.to_owned()));
        one.seal(&secrets, day(0), "p", &1).await.unwrap();
        // Everybody is signed out, on purpose; this instance does not know it yet.
        lock(&secrets.current).insert(ARN.to_owned(), r#"{"keys":[]}"#.to_owned());
        let other = Seals::new("arn:other".to_owned());
        lock(&secrets.current).insert("arn:other".to_owned(), r#"{"keys":[]}"#.to_owned());
        let sealed = other.seal(&secrets, day(0), "p", &2).await.unwrap();
        let keys = lock(&secrets.current)["arn:other"].clone();
        lock(&secrets.current).insert(ARN.to_owned(), keys);
        assert_eq!(one.open::<u8>(&secrets, day(0), "p", &sealed).await.unwrap(), None, "looked for a moment ago");
        assert_eq!(one.open::<u8>(&secrets, day(1), "p", &sealed).await.unwrap(), Some(2));
    }

    #[tokio::test]
    async fn a_secret_that_is_something_else_is_left_alone() {
        let secrets = MemorySecrets::default();
        for text in ["", "{}", "a password", r#"{"keys":[{"key":"short","made_at":1800000000000}]}"#] {
            lock(&secrets.current).insert(ARN.to_owned(), text.to_owned());
            lock(&secrets.cached).clear();
            let error = Seals::new(ARN.to_owned()).seal(&secrets, day(0), "p", &1).await.unwrap_err();
            assert_eq!(error, SealError::Malformed, "{text}");
            assert!(error.to_string().ends_with(r#"set it to {"keys":[]}"#), "{error}");
            assert_eq!(lock(&secrets.current)[ARN], text);
        }
    }
}
