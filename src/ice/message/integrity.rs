//! The signature of messages: MESSAGE-INTEGRITY with HMAC-SHA1, as browsers write it (RFC 8489, section 14.5).

use std::fmt;

use md5::{Digest, Md5};
use ring::hmac::{Context, HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key};
use subtle::ConstantTimeEq;

use super::{HEADER_BYTES, MESSAGE_INTEGRITY, Message, MessageWriter, split_attribute};

const TAG_BYTES: usize = 20;
/// The attribute with its header.
const ATTRIBUTE_BYTES: usize = 4 + TAG_BYTES;

/// The key with which a user signs messages.
#[derive(Clone)]
pub struct IntegrityKey(Key);

impl IntegrityKey {
    /// Returns the key of long-term credentials (RFC 8489, section 9.2.2).
    #[must_use]
    pub fn long_term(username: &str, realm: &str, password: &str) -> Self {
        let mut digest = Md5::new();
        for part in [username, ":", realm, ":", password] {
            digest.update(part);
        }
        Self::new(&digest.finalize())
    }

    fn new(bytes: &[u8]) -> Self {
        Self(Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, bytes))
    }
}

impl fmt::Debug for IntegrityKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("IntegrityKey(..)")
    }
}

impl Message<'_> {
    /// Returns whether the message has a signature, right or wrong.
    pub(in crate::ice) fn has_integrity(&self) -> bool {
        self.integrity().is_some()
    }

    /// Returns whether the message is signed with the key.
    pub(in crate::ice) fn is_signed_with(&self, key: &IntegrityKey) -> bool {
        let Some((covered, signature)) = self.integrity() else {
            return false;
        };
        sign(key, covered)
            .as_ref()
            .is_some_and(|tag| tag.ct_eq(signature).into())
    }

    /// Returns the bytes before the signature, and the signature.
    fn integrity(&self) -> Option<(&[u8], &[u8])> {
        let mut rest = self.bytes.get(HEADER_BYTES..)?;
        loop {
            let ((kind, value), after) = split_attribute(rest)?;
            if kind == MESSAGE_INTEGRITY {
                let covered = self.bytes.get(..self.bytes.len() - rest.len())?;
                return Some((covered, value));
            }
            rest = after;
        }
    }
}

impl MessageWriter<'_> {
    /// Completes the message with a signature, and a fingerprint after it if wanted.
    pub(in crate::ice) fn finish_signed(mut self, key: &IntegrityKey, has_fingerprint: bool) {
        if let Some(tag) = sign(key, self.out) {
            self.attribute(MESSAGE_INTEGRITY, &tag);
        }
        self.finish(has_fingerprint);
    }
}

/// Returns the signature over `covered`, whose header then counts the signature as the last attribute.
fn sign(key: &IntegrityKey, covered: &[u8]) -> Option<[u8; TAG_BYTES]> {
    let (&[high, low, _, _], rest) = covered.split_first_chunk()?;
    let length = covered.len() + ATTRIBUTE_BYTES - HEADER_BYTES;
    let [length_high, length_low] = u16::try_from(length).ok()?.to_be_bytes();
    let mut context = Context::with_key(&key.0);
    context.update(&[high, low, length_high, length_low]);
    context.update(rest);
    context.sign().as_ref().try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ice::message::{Class, NONCE, REALM, USERNAME};

    /// The sample messages of RFC 5769, sections 2.1 to 2.4.
    const REQUEST: &str = "000100582112a442b7e7a701bc34d686fa87dfae80220010\
        5354554e207465737420636c69656e74002400046e0001ff80290008932ff9b151263b360006000965\
        76746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcf";
    const IPV4_RESPONSE: &str = "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b\
        7465737420766563746f7220002000080001a147e112a643000800142b91f599fd9e90c38c7489f92af9ba\
        53f06be7d780280004c07d4c96";
    const IPV6_RESPONSE: &str = "010100482112a442b7e7a701bc34d686fa87dfae8022000b\
        7465737420766563746f7220002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d900080014a38295\
        4e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c";
    const LONG_TERM: &str = "000100602112a44278ad3433c6ad72c029da412e00060012\
        e3839ee38388e383aae38383e382afe382b900000015001c662f2f3439396b393534643\
        64f4c33346f4c394653547679363473410014000b6578616d706c652e6f72670000080014\
        f67024656dd64a3e02b8e0712e85c9a28ca89666";
    const SHORT_TERM_PASSWORD: &[u8] = b"VOkJxbRl1RmTxUk/WvJxBt";
    const USER: &str = "マトリックス";

    fn bytes(hexadecimal: &str) -> Vec<u8> {
        let digits = hexadecimal.as_bytes();
        let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.chunks(2).map(byte).collect()
    }

    /// The password is "The<U+00AD>M<U+00AA>tr<U+2168>" after `SASLprep`.
    fn long_term_key() -> IntegrityKey {
        IntegrityKey::long_term(USER, "example.org", "TheMatrIX")
    }

    #[test]
    fn the_signatures_of_rfc_5769_are_right() {
        let short_term = IntegrityKey::new(SHORT_TERM_PASSWORD);
        for (sample, key) in [
            (REQUEST, &short_term),
            (IPV4_RESPONSE, &short_term),
            (IPV6_RESPONSE, &short_term),
            (LONG_TERM, &long_term_key()),
        ] {
            let sample = bytes(sample);
            let message = Message::parse(&sample).expect("a message");
            assert!(message.is_signed_with(key));
            assert!(!message.is_signed_with(&IntegrityKey::new(b"another key")));
        }
    }

    #[test]
    fn the_responses_of_rfc_5769_hold_its_addresses() {
        for (sample, address) in [
            (IPV4_RESPONSE, "192.0.2.1:32853"),
            (
                IPV6_RESPONSE,
                "[2001:db8:1234:5678:11:2233:4455:6677]:32853",
            ),
        ] {
            let sample = bytes(sample);
            let message = Message::parse(&sample).expect("a message");
            let value = message.find(0x20).expect("an address");
            assert_eq!(message.unmask(value), address.parse().ok());
        }
    }

    #[test]
    fn the_long_term_request_of_rfc_5769_is_written() {
        let sample = bytes(LONG_TERM);
        let transaction_id = Message::parse(&sample).expect("a message").transaction_id;
        let mut out = Vec::new();
        let mut writer = MessageWriter::begin(&mut out, 1, Class::Request, transaction_id);
        writer.attribute(USERNAME, USER.as_bytes());
        writer.attribute(NONCE, b"f//499k954d6OL34oL9FSTvy64sA");
        writer.attribute(REALM, b"example.org");
        writer.finish_signed(&long_term_key(), false);
        assert_eq!(out, sample);
    }

    #[test]
    fn a_changed_bit_breaks_the_signature() {
        let sample = bytes(LONG_TERM);
        for place in 0..sample.len() {
            let mut changed = sample.clone();
            changed[place] ^= 1;
            let is_signed = |message: Message<'_>| message.is_signed_with(&long_term_key());
            assert!(!Message::parse(&changed).is_some_and(is_signed), "{place}");
        }
    }

    #[test]
    fn what_follows_the_signature_is_ignored() {
        let mut out = Vec::new();
        let mut writer = MessageWriter::begin(&mut out, 1, Class::Request, [1; 12]);
        writer.attribute(USERNAME, b"a");
        writer.finish_signed(&long_term_key(), false);
        let length = out.len() + 8;
        out.extend_from_slice(&[0, 0x14, 0, 1, b'b', 0, 0, 0]);
        out[3] = u8::try_from(length - HEADER_BYTES).unwrap();
        let message = Message::parse(&out).expect("a message");
        assert!(message.is_signed_with(&long_term_key()));
        assert_eq!(message.find(USERNAME), Some(&b"a"[..]));
        assert_eq!(message.find(REALM), None);
        assert_eq!(message.attributes().count(), 3);
    }
}
