//! Makes and checks the time-limited credentials of the relay (draft-uberti-behave-turn-rest-00).
//!
//! The password is derived from the username and the secret of the server, so nothing is stored for a user, and a coturn
//! with the same `static-auth-secret` accepts the same credentials. The HTTP module tells them to pages.

use std::fmt;

use base64::prelude::{BASE64_STANDARD, Engine};
use rand::{Rng, RngExt};
use ring::hmac::{self, HMAC_SHA1_FOR_LEGACY_USE_ONLY};

use super::message::IntegrityKey;

/// The realm of all users. It is short because the largest response to a forged source address repeats it.
pub const REALM: &str = "swarmhub";
const LABEL_BYTES: usize = 10;

/// The name of a user: the Unix time in seconds at which the credentials expire, and random letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Username {
    expires_at: u64,
    /// ASCII letters.
    label: [u8; LABEL_BYTES],
}

impl Username {
    /// Returns a new name.
    pub fn generate(expires_at: u64, rng: &mut impl Rng) -> Self {
        let label = std::array::from_fn(|_| rng.random_range(b'a'..=b'z'));
        Self { expires_at, label }
    }

    /// Reads a name. Every name has one spelling.
    fn parse(text: &[u8]) -> Option<Self> {
        let (number, label) = text.split_last_chunk::<LABEL_BYTES>()?;
        let number = str::from_utf8(number.strip_suffix(b":")?).ok()?;
        let username = Self {
            expires_at: number.parse().ok()?,
            label: *label,
        };
        let is_exact =
            label.iter().all(u8::is_ascii_alphabetic) && number == username.expires_at.to_string();
        is_exact.then_some(username)
    }
}

impl fmt::Display for Username {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let label = str::from_utf8(&self.label).unwrap_or_default();
        write!(formatter, "{}:{label}", self.expires_at)
    }
}

/// Whether credentials that this server made may still begin something new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Validity {
    Valid,
    Expired,
}

/// Why credentials are not those of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InvalidCredentials {
    /// This server makes no such usernames.
    Malformed,
    /// The request is not signed with the user's password.
    Forged,
}

/// A user that proved to know the password.
#[derive(Debug)]
pub(super) struct VerifiedUser {
    pub(super) username: Username,
    pub(super) key: IntegrityKey,
    pub(super) validity: Validity,
}

/// Makes and checks credentials with one secret.
#[derive(Clone)]
pub struct Credentials {
    secret: hmac::Key,
}

impl Credentials {
    /// Derives all passwords from the secret.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self {
            secret: hmac::Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret),
        }
    }

    /// Returns the password of a user.
    #[must_use]
    pub fn password(&self, username: &Username) -> String {
        let tag = hmac::sign(&self.secret, username.to_string().as_bytes());
        BASE64_STANDARD.encode(tag)
    }

    /// Returns the key with which a user signs requests.
    #[must_use]
    pub fn integrity_key(&self, username: &Username) -> IntegrityKey {
        IntegrityKey::long_term(&username.to_string(), REALM, &self.password(username))
    }

    /// Checks the username of a request and its signature.
    pub(super) fn verify(
        &self,
        username: &[u8],
        unix_now: u64,
        is_signed_with: impl FnOnce(&IntegrityKey) -> bool,
    ) -> Result<VerifiedUser, InvalidCredentials> {
        let username = Username::parse(username).ok_or(InvalidCredentials::Malformed)?;
        let key = self.integrity_key(&username);
        if !is_signed_with(&key) {
            return Err(InvalidCredentials::Forged);
        }
        let validity = if unix_now < username.expires_at {
            Validity::Valid
        } else {
            Validity::Expired
        };
        Ok(VerifiedUser {
            username,
            key,
            validity,
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn user() -> Username {
        Username::parse(b"1800000060:abcdefghij").expect("a username")
    }

    #[test]
    fn a_password_is_the_one_that_coturn_expects() {
        // printf %s 1800000060:abcdefghij | openssl dgst -sha1 -hmac north -binary | base64
        let password = Credentials::new(b"north").password(&user());
        assert_eq!(password, "UDCKkXhVQz9jGaCxKnuG1MnqUzc=");
    }

    #[test]
    fn valid_expired_forged_and_malformed_are_told_apart() {
        let credentials = Credentials::new(b"north");
        let verify = |username: &[u8], now, is_right| {
            let user = credentials.verify(username, now, |_| is_right);
            user.map(|user| (user.username, user.validity))
        };
        let name = b"1800000060:abcdefghij";
        assert_eq!(verify(name, NOW + 59, true), Ok((user(), Validity::Valid)));
        let expired = Ok((user(), Validity::Expired));
        assert_eq!(verify(name, NOW + 60, true), expired);
        let forged = Err(InvalidCredentials::Forged);
        assert_eq!(verify(name, NOW, false), forged);
        assert_eq!(verify(name, NOW + 60, false), forged);
        for name in [
            &b""[..],
            b":abcdefghij",
            b"abcdefghij",
            b"1800000060abcdefghij",
            b"1800000060:abcdefghi",
            b"1800000060:abcdefghi1",
            b"1800000060:abcdefghijk",
            b"+1800000060:abcdefghij",
            b"01800000060:abcdefghij",
            b"99999999999999999999:abcdefghij",
            b"1800000060:\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
        ] {
            let read = verify(name, NOW, true);
            assert_eq!(read, Err(InvalidCredentials::Malformed), "{name:?}");
        }
    }

    #[test]
    fn secrets_are_not_in_debug_output() {
        let credentials = Credentials::new(b"north");
        let text = format!("{credentials:?} {:?}", credentials.integrity_key(&user()));
        assert_eq!(text, "Credentials(..) IntegrityKey(..)");
    }

    proptest! {
        #[test]
        fn a_name_reads_back(expires_at: u64, seed: u64) {
            let name = Username::generate(expires_at, &mut SmallRng::seed_from_u64(seed));
            prop_assert_eq!(Username::parse(name.to_string().as_bytes()), Some(name));
        }

        #[test]
        fn no_name_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Username::parse(&bytes);
        }
    }
}
