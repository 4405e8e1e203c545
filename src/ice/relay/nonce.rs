//! Nonces that need no state: a time, and its signature together with the source (RFC 8489, section 9.2).

use std::net::IpAddr;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use ring::hmac::{self, HMAC_SHA256};
use subtle::ConstantTimeEq;

use super::five_tuple::FiveTuple;

const LIFETIME_SECONDS: u32 = 600;
const TIME_BYTES: usize = 4;
/// 64 bits of the signature: nobody can try 2⁶³ nonces in their lifetime.
const TAG_BYTES: usize = 8;
const NONCE_BYTES: usize = TIME_BYTES + TAG_BYTES;
const TEXT_BYTES: usize = 16;

/// The key that signs all nonces of this process.
pub(super) struct NonceKey(hmac::Key);

impl NonceKey {
    pub(super) fn new(secret: &[u8; 32]) -> Self {
        Self(hmac::Key::new(HMAC_SHA256, secret))
    }

    /// Returns a nonce for a client, as printable text.
    pub(super) fn make(&self, client: &FiveTuple, now: Duration) -> [u8; TEXT_BYTES] {
        self.sign(client, seconds(now).to_be_bytes())
    }

    /// Returns whether this process made the nonce for this client in the last ten minutes.
    pub(super) fn is_fresh(&self, nonce: &[u8], client: &FiveTuple, now: Duration) -> bool {
        let mut decoded = [0; NONCE_BYTES];
        let length = BASE64_STANDARD.decode_slice(nonce, &mut decoded);
        let (Ok(NONCE_BYTES), Some(&time)) = (length, decoded.first_chunk()) else {
            return false;
        };
        let age = seconds(now).checked_sub(u32::from_be_bytes(time));
        age.is_some_and(|age| age <= LIFETIME_SECONDS)
            && self.sign(client, time).ct_eq(nonce).into()
    }

    fn sign(&self, client: &FiveTuple, time: [u8; TIME_BYTES]) -> [u8; TEXT_BYTES] {
        let mut signed = [0; TIME_BYTES + 18];
        let address = match client.client.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let port = client.client.port().to_be_bytes();
        let bytes = time.into_iter().chain(address.octets()).chain(port);
        for (place, byte) in signed.iter_mut().zip(bytes) {
            *place = byte;
        }
        let tag = hmac::sign(&self.0, &signed);
        let mut nonce = [0; NONCE_BYTES];
        let bytes = time.into_iter().chain(tag.as_ref().iter().copied());
        for (place, byte) in nonce.iter_mut().zip(bytes) {
            *place = byte;
        }
        let mut text = [0; TEXT_BYTES];
        // Twelve bytes are always sixteen characters.
        let _ = BASE64_STANDARD.encode_slice(nonce, &mut text);
        text
    }
}

fn seconds(now: Duration) -> u32 {
    u32::try_from(now.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::ClientTransport;
    use super::*;

    fn client(address: &str) -> FiveTuple {
        FiveTuple {
            transport: ClientTransport::Udp,
            client: address.parse().unwrap(),
            server: "198.51.100.1:3478".parse().unwrap(),
        }
    }

    #[test]
    fn a_nonce_serves_one_source_for_ten_minutes() {
        let key = NonceKey::new(&[1; 32]);
        let [own, other] = ["192.0.2.1:5", "192.0.2.1:6"].map(client);
        let made_at = Duration::from_secs(1000);
        let nonce = key.make(&own, made_at);
        let is_fresh = |client, after| {
            let now = made_at + Duration::from_secs(after);
            key.is_fresh(&nonce, client, now)
        };
        assert!(is_fresh(&own, 0) && is_fresh(&own, 600));
        assert!(!is_fresh(&own, 601) && !is_fresh(&other, 0));
        assert!(!key.is_fresh(&nonce, &own, Duration::from_secs(999)));
        assert!(!NonceKey::new(&[2; 32]).is_fresh(&nonce, &own, made_at));
    }

    #[test]
    fn a_changed_nonce_is_not_fresh() {
        let key = NonceKey::new(&[1; 32]);
        let own = client("[2001:db8::1]:5");
        let nonce = key.make(&own, Duration::ZERO);
        for (place, bit) in (0..TEXT_BYTES).flat_map(|place| (0..8).map(move |bit| (place, bit))) {
            let mut changed = nonce;
            changed[place] ^= 1 << bit;
            assert!(!key.is_fresh(&changed, &own, Duration::from_secs(1)));
        }
        for nonce in [&b""[..], &nonce[..15], &[&nonce[..], b"="].concat()] {
            assert!(!key.is_fresh(nonce, &own, Duration::ZERO));
        }
    }
}
