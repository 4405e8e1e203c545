//! Counts how many offers each address group has sent to each swarm lately, in a table of fixed size.
//!
//! Two rows of buckets, as in a count-min sketch: a group counts in one bucket of each row, and the emptier one
//! decides. A group that shares both with a sender of many offers is treated like it. With very many such senders at
//! once nearly all groups are, and the table never grows. It outlives memberships, so leaving and joining again resets
//! nothing.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::receiver_quota::{ReceiverQuotaLevel, ReceiverQuotaTime};
use super::{AddressGroup, ReceiverQuota};
use crate::protocol::InfoHash;

/// Buckets in a row: 256 KiB in all.
const BUCKETS_PER_ROW: usize = 1 << 15;

/// The recent offers of all senders of this process.
#[derive(Debug)]
pub struct SenderRates {
    rows: [Box<[AtomicU32]>; 2],
    /// Keyed per process, so that clients cannot choose a bucket.
    secrets: [u64; 2],
}

impl Default for SenderRates {
    fn default() -> Self {
        let key = RandomState::new();
        let row = || (0..BUCKETS_PER_ROW).map(|_| AtomicU32::new(0)).collect();
        Self {
            rows: [row(), row()],
            secrets: [key.hash_one(1), key.hash_one(2)],
        }
    }
}

impl SenderRates {
    /// Counts `offers` that a group sends to a swarm. Returns true if it has sent few until now.
    ///
    /// Two workers at once may lose one of two updates, which does not hide a group that sends many offers repeatedly.
    #[must_use]
    pub fn record_offers(
        &self,
        group: AddressGroup,
        info_hash: &InfoHash,
        offers: usize,
        (quota, now): (ReceiverQuota, Duration),
    ) -> bool {
        if !quota.has_reserve() {
            return true;
        }
        let [first, second] = self.secrets;
        let mixed = (group.bits() ^ first).wrapping_mul(info_hash_prefix(info_hash) ^ second | 1);
        let mixed = (mixed ^ mixed >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let now = ReceiverQuotaTime::from_uptime(now);
        let mut is_light_sender = false;
        for (row, hash) in self.rows.iter().zip([mixed >> 48, mixed >> 32]) {
            let index = usize::try_from(hash % BUCKETS_PER_ROW as u64).unwrap_or(0);
            let Some(bucket) = row.get(index) else {
                continue;
            };
            let mut level = ReceiverQuotaLevel::from_bits(bucket.load(Relaxed));
            is_light_sender |= quota.charge_sender(&mut level, offers, now);
            bucket.store(level.to_bits(), Relaxed);
        }
        is_light_sender
    }
}

/// Returns enough of an info-hash to distinguish swarms. A sender that uses hashes with the same beginning harms only
/// its own group.
fn info_hash_prefix(info_hash: &InfoHash) -> u64 {
    let leading = info_hash.as_bytes().first_chunk();
    u64::from_le_bytes(*leading.unwrap_or(&[0; 8]))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    const HASH: InfoHash = InfoHash::new([b'h'; 20]);

    fn group(number: u64) -> AddressGroup {
        AddressGroup::of_address(
            NonZeroU64::new(number.wrapping_mul(0x5851_f42d_4c95_7f2d) | 1).expect("odd"),
        )
    }

    #[test]
    fn one_flooding_group_does_not_affect_others() {
        let senders = SenderRates::default();
        let quota = ReceiverQuota::new(10, 30).with_reserved_percent(25);
        let now = Duration::from_secs(5);
        let note = |number, hash: &InfoHash, at| {
            senders.record_offers(group(number), hash, 10, (quota, at))
        };
        assert!(note(1, &HASH, now));
        assert!((0..50).all(|_| !note(1, &HASH, now)));
        let other = InfoHash::new([b'i'; 20]);
        assert!(note(1, &other, now), "another swarm");
        let light_senders = (2..1_002)
            .filter(|&number| note(number, &HASH, now))
            .count();
        assert!(light_senders > 980, "{light_senders}");
        assert!(
            note(1, &HASH, now + Duration::from_secs(4)),
            "after a pause"
        );
        assert!(
            senders.record_offers(group(1), &HASH, 1, (ReceiverQuota::new(10, 30), now)),
            "nothing is reserved"
        );
    }
}
