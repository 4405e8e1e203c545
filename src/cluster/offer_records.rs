//! Remembers which offers passed between nodes, so that an answer is accepted once, and only from the receiver.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::protocol::{ConnectionId, InfoHash, OfferId, PeerId};

/// How long an offer may be answered. Clients discard theirs after 50 s.
pub(super) const OFFER_TTL: Duration = Duration::from_mins(1);

/// Most records in each of the two tables of a node.
pub(super) const OFFER_RECORDS_MAX: usize = 1 << 20;

/// An offer on one of its two nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct OfferKey {
    /// The connection on this node: of the offering peer, or of the receiver.
    pub(super) connection: ConnectionId,
    pub(super) info_hash: InfoHash,
    /// The offering peer.
    pub(super) from: PeerId,
    pub(super) offer_id: OfferId,
}

/// Records of offers that expire after [`OFFER_TTL`]. A full table drops its oldest record.
#[derive(Debug)]
pub(super) struct OfferRecords<V> {
    records: HashMap<OfferKey, Record<V>>,
    /// All records by age, and records that were replaced or taken.
    by_age: VecDeque<(Duration, OfferKey)>,
    max: usize,
}

#[derive(Debug)]
struct Record<V> {
    value: V,
    added: Duration,
}

impl<V> OfferRecords<V> {
    pub(super) fn new(max: usize) -> Self {
        Self {
            records: HashMap::new(),
            by_age: VecDeque::new(),
            max,
        }
    }

    /// Adds a record, or replaces it. Returns whether the oldest one had to be dropped before it had expired.
    pub(super) fn add(&mut self, key: OfferKey, value: V, now: Duration) -> bool {
        let mut is_dropped = false;
        if self.by_age.len() >= self.max {
            is_dropped = self.drop_oldest();
        }
        self.records.insert(key, Record { value, added: now });
        self.by_age.push_back((now, key));
        is_dropped
    }

    /// Returns a record that has not expired.
    pub(super) fn get_mut(&mut self, key: &OfferKey, now: Duration) -> Option<&mut V> {
        let record = self.records.get_mut(key)?;
        (record.added + OFFER_TTL > now).then_some(&mut record.value)
    }

    /// Removes a record. Returns it if it has not expired.
    pub(super) fn take(&mut self, key: &OfferKey, now: Duration) -> Option<V> {
        let record = self.records.remove(key)?;
        (record.added + OFFER_TTL > now).then_some(record.value)
    }

    /// Removes expired records.
    pub(super) fn expire(&mut self, now: Duration) {
        while let Some((added, _)) = self.by_age.front() {
            if *added + OFFER_TTL > now {
                return;
            }
            self.drop_oldest();
        }
    }

    /// Returns whether there was a record in the oldest place.
    fn drop_oldest(&mut self) -> bool {
        let Some((added, key)) = self.by_age.pop_front() else {
            return false;
        };
        // The record may be a newer one of the same offer.
        let is_same = self.records.get(&key).is_some_and(|it| it.added == added);
        if is_same {
            self.records.remove(&key);
        }
        is_same
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> OfferKey {
        OfferKey {
            connection: ConnectionId::new(0, u32::from(number), 0),
            info_hash: InfoHash::new([1; 20]),
            from: PeerId::new([2; 20]),
            offer_id: OfferId::new([number; 20]),
        }
    }

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn an_offer_is_taken_once_and_not_after_a_minute() {
        let mut records = OfferRecords::new(10);
        for number in 0..3 {
            assert!(!records.add(key(number), number, seconds(0)));
        }
        assert_eq!(records.take(&key(0), seconds(59)), Some(0));
        assert_eq!(records.take(&key(0), seconds(59)), None);
        assert_eq!(records.take(&key(1), seconds(60)), None);
        assert_eq!(records.get_mut(&key(2), seconds(60)), None);
        records.expire(seconds(60));
        assert!(records.records.is_empty() && records.by_age.is_empty());
    }

    #[test]
    fn a_repeated_offer_lives_from_its_last_time() {
        let mut records = OfferRecords::new(10);
        records.add(key(1), 'a', seconds(0));
        records.add(key(1), 'b', seconds(40));
        records.expire(seconds(70));
        assert_eq!(records.take(&key(1), seconds(99)), Some('b'));
    }

    #[test]
    fn a_full_table_drops_its_oldest_record() {
        let mut records = OfferRecords::new(3);
        let dropped: Vec<_> = (0..5)
            .map(|number| records.add(key(number), number, seconds(0)))
            .collect();
        assert_eq!(dropped, [false, false, false, true, true]);
        assert_eq!(records.take(&key(1), seconds(1)), None);
        assert_eq!(records.take(&key(2), seconds(1)), Some(2));
        assert!(records.by_age.len() <= 3 && records.records.len() <= 3);
    }
}
