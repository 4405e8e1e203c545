//! Creates and checks the key of a NATS user (an *nkey*: Ed25519, as text), so that operators need no tool of NATS for it.

use std::fmt;

use nkeys::KeyPair;

/// The key of a NATS user.
pub struct UserKey(KeyPair);

impl UserKey {
    /// Creates a random one.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "each one is another")]
    pub fn new() -> Self {
        Self(KeyPair::new_user())
    }

    /// Reads the seed of a user.
    ///
    /// # Errors
    ///
    /// Why it is none.
    pub fn from_seed(seed: &str) -> Result<Self, String> {
        if !seed.starts_with("SU") {
            return Err("it does not begin with SU".to_owned());
        }
        let pair = KeyPair::from_seed(seed);
        pair.map(Self).map_err(|error| error.to_string())
    }

    /// Returns the secret seed.
    #[must_use]
    pub fn seed(&self) -> String {
        // Fails only for a public key alone.
        self.0.seed().unwrap_or_default()
    }

    /// Returns the public key, by which NATS servers know the user.
    #[must_use]
    pub fn public(&self) -> String {
        self.0.public_key()
    }
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UserKey").field(&self.public()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_again_from_its_seed() {
        let key = UserKey::new();
        assert!(key.public().starts_with('U'), "{key:?}");
        let again = UserKey::from_seed(&key.seed()).expect("a seed");
        assert_eq!(again.public(), key.public());
        assert!(!format!("{key:?}").contains(&key.seed()));
        assert_ne!(UserKey::new().public(), key.public());
    }

    #[test]
    fn other_words_are_no_seed() {
        let seed = UserKey::new().seed();
        let account = KeyPair::new_account().seed().expect("a seed");
        for word in ["", "SU", &seed[..57], &account, &seed.replace('S', "T")] {
            assert!(UserKey::from_seed(word).is_err(), "{word}");
        }
    }
}
