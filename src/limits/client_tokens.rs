//! Checks the tokens of clients.
//!
//! Stores only a keyed digest of each token, so a memory dump shows no token. The timing of a comparison leaks nothing,
//! because no outsider can compute the digest of a guess.

use std::fmt;

use ring::hmac::{self, HMAC_SHA256, Key};

use crate::config::Secret;

/// Bytes of a digest.
const DIGEST_BYTES: usize = 32;

type Digest = [u8; DIGEST_BYTES];

/// The valid tokens: 32 bytes each.
pub struct ClientTokens {
    key: Key,
    /// Sorted.
    digests: Box<[Digest]>,
}

impl ClientTokens {
    /// Hashes the tokens with a random `key`.
    #[must_use]
    pub fn new(tokens: &[Secret], key: [u8; DIGEST_BYTES]) -> Self {
        let key = Key::new(HMAC_SHA256, &key);
        let digests = tokens
            .iter()
            .map(|token| digest(&key, token.reveal().as_bytes()));
        let mut digests: Box<[_]> = digests.collect();
        digests.sort_unstable();
        Self { key, digests }
    }

    /// Returns whether a token is valid.
    #[must_use]
    pub fn contains(&self, token: &[u8]) -> bool {
        let digest = digest(&self.key, token);
        self.digests.binary_search(&digest).is_ok()
    }
}

fn digest(key: &Key, token: &[u8]) -> Digest {
    let mut digest = [0; DIGEST_BYTES];
    let tag = hmac::sign(key, token);
    digest
        .iter_mut()
        .zip(tag.as_ref())
        .for_each(|(to, byte)| *to = *byte);
    digest
}

impl fmt::Debug for ClientTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tokens", self.digests.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complete_tokens_match_and_debug_output_hides_them() {
        let words = ["0123456789abcdef", "correct-horse-battery-staple"];
        let tokens = ClientTokens::new(&words.map(Secret::new), [7; 32]);
        assert!(words.iter().all(|word| tokens.contains(word.as_bytes())));
        for other in [
            "",
            "0123456789abcde",
            "0123456789abcdef0",
            "0123456789abcdeF",
        ] {
            assert!(!tokens.contains(other.as_bytes()), "{other}");
        }
        assert_eq!(format!("{tokens:?}"), "2 tokens");
        assert!(!ClientTokens::new(&[], [7; 32]).contains(b""));
    }
}
