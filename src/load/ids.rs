//! Identifiers that the load sends. They look random, but an `offer_id` encodes the number of its offer, so no table of
//! sent offers is needed.

use std::fmt::Write as _;

use crate::protocol::{InfoHash, OfferId, PeerId};

/// The bits of an offer's number from here on identify its thread; a swarm stays on one thread.
const THREAD_SHIFT: u32 = 56;

/// Returns the number of a thread's first offer.
pub(super) fn first_offer_number(thread: usize) -> u64 {
    (thread as u64) << THREAD_SHIFT
}

/// Returns the info-hash of a swarm in the run with this `salt`.
pub(super) fn info_hash(salt: u64, swarm: u64) -> InfoHash {
    InfoHash::new(expand(mix(salt ^ mix(swarm))))
}

/// Returns the `offer_id` of a number.
pub(super) fn offer_id(salt: u64, number: u64) -> OfferId {
    OfferId::new(expand(mix(number ^ salt)))
}

/// Returns the number of an `offer_id`; `None` if it does not belong to this run.
pub(super) fn offer_number(salt: u64, id: OfferId) -> Option<u64> {
    let first = id.as_bytes().first_chunk().copied()?;
    let number = unmix(u64::from_le_bytes(first)) ^ salt;
    (offer_id(salt, number) == id).then_some(number)
}

/// Returns a `peer_id` in the format of webtorrent: its client name and twelve letters and digits.
pub(super) fn peer_id(salt: u64, number: u64) -> PeerId {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut bytes = *b"-WW0208-000000000000";
    let mut rest = mix(number ^ salt);
    for byte in bytes.iter_mut().rev().take(12) {
        let digit = usize::try_from(rest % 62).unwrap_or(0);
        *byte = DIGITS.get(digit).copied().unwrap_or(b'0');
        rest /= 62;
    }
    PeerId::new(bytes)
}

/// Appends an identifier as a JSON string: each byte becomes a character.
pub(super) fn write_json(id: &[u8; 20], text: &mut String) {
    text.push('"');
    for &byte in id {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            0x20.. => text.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => drop(write!(text, "\\u{byte:04x}")),
        }
    }
    text.push('"');
}

/// Expands a number to 20 bytes; different numbers give different bytes.
fn expand(first: u64) -> [u8; 20] {
    let second = mix(first ^ 0x6a09_e667_f3bc_c908);
    let third = mix(second);
    let mut bytes = [0; 20];
    let words = [first, second, third];
    let source = words.iter().flat_map(|word| word.to_le_bytes());
    bytes
        .iter_mut()
        .zip(source)
        .for_each(|(byte, from)| *byte = from);
    bytes
}

/// The final step of `SplitMix64`: a bijection in which every output bit depends on every input bit.
fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

fn unmix(mut word: u64) -> u64 {
    word = (word ^ (word >> 31) ^ (word >> 62)).wrapping_mul(0x3196_42b2_d24d_8ec3);
    word = (word ^ (word >> 27) ^ (word >> 54)).wrapping_mul(0x96de_1b17_3f11_9089);
    word ^ (word >> 30) ^ (word >> 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offer_id_decodes_to_its_number_in_its_own_run_only() {
        for number in [0, 1, 77, first_offer_number(3) + 5, u64::MAX] {
            let id = offer_id(42, number);
            assert_eq!(offer_number(42, id), Some(number));
            assert_ne!(offer_number(43, id), Some(number));
        }
        assert_eq!(offer_number(42, OfferId::new([b'x'; 20])), None);
    }

    #[test]
    fn a_written_identifier_is_read_back_unchanged() {
        let mut bytes = *b"\"\\\0\n\x1f\x20\x7f\x80\xff/abcdefghij";
        for first in 0..=255 {
            bytes[0] = first;
            let mut text = String::new();
            write_json(&bytes, &mut text);
            assert_eq!(InfoHash::from_json(&text), Ok(InfoHash::new(bytes)));
            assert!(serde_json::from_str::<String>(&text).is_ok());
        }
    }

    #[test]
    fn peer_ids_are_readable_and_differ() {
        let ids: std::collections::HashSet<_> = (0..1000).map(|n| peer_id(7, n)).collect();
        assert_eq!(ids.len(), 1000);
        assert!(
            ids.iter()
                .all(|id| id.as_bytes().starts_with(b"-WW0208-") && id.as_bytes().is_ascii())
        );
    }
}
