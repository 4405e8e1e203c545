//! Stores bans of addresses with duration and reason: in memory only, by hashes of addresses.
//!
//! A ban doubles each time, from `bans.duration_min` to `bans.duration_max`. Each `bans.duration_max` without a ban
//! reverts one doubling. Shared by all workers; the lock is not taken while there are no bans.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::{LivePolicy, RateKey};
use crate::config;

/// Why an address is banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BanReason {
    /// `connection.malformed_per_minute_max`
    Malformed,
    /// `limits.refusals_per_minute_max`
    Flood,
    /// `bans.connection_score_max`
    Hostile,
    /// Frames that violate the WebSocket protocol.
    Protocol,
    /// Banned by the operator.
    Operator,
}

impl BanReason {
    /// Returns the text for clients.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Malformed => "too many malformed messages",
            Self::Flood => "floods of messages",
            Self::Hostile => "hostile behaviour",
            Self::Protocol => "broken WebSocket frames",
            Self::Operator => "by the operator of this tracker",
        }
    }
}

/// An active ban.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// The banned key; used to lift the ban.
    pub key: RateKey,
    /// Why it is banned.
    pub reason: BanReason,
    /// The remaining time.
    pub remaining: Duration,
    /// Number of bans in a row that count for the duration.
    pub times: u32,
}

#[derive(Debug)]
struct BanRecord {
    until: Duration,
    times: u32,
    reason: BanReason,
}

/// All bans.
#[derive(Debug)]
pub struct Bans {
    records: Mutex<HashMap<RateKey, BanRecord>>,
    /// Number of records, so that lookups are skipped while it is 0.
    count: AtomicUsize,
    policy: LivePolicy<BanPolicy>,
}

/// From `bans.duration_min`, `bans.duration_max` and `bans.records_max`.
#[derive(Debug, Clone, Copy)]
pub struct BanPolicy {
    duration_min: Duration,
    duration_max: Duration,
    records_max: usize,
}

impl BanPolicy {
    /// Creates the policy from the settings.
    #[must_use]
    pub const fn new(bans: &config::Bans) -> Self {
        Self {
            duration_min: bans.duration_min,
            duration_max: bans.duration_max,
            records_max: bans.records_max,
        }
    }
}

impl Bans {
    /// Creates an empty table. A change of the policy leaves the duration of active bans.
    #[must_use]
    pub fn new(policy: impl Into<LivePolicy<BanPolicy>>) -> Self {
        Self {
            records: Mutex::default(),
            count: AtomicUsize::new(0),
            policy: policy.into(),
        }
    }

    fn policy(&self) -> BanPolicy {
        self.policy.get()
    }

    /// Returns whether there are no records, active or recent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// Returns the number of active bans.
    #[must_use]
    pub fn active_count(&self, now: Duration) -> usize {
        if self.is_empty() {
            return 0;
        }
        let records = self.records.lock();
        records.values().filter(|record| record.until > now).count()
    }

    /// Returns the active ban of a key.
    #[must_use]
    pub fn find(&self, key: RateKey, now: Duration) -> Option<Ban> {
        let records = self.records.lock();
        records
            .get(&key)
            .and_then(|record| record.active_ban(key, now))
    }

    /// Bans a key, longer than last time. Also returns whether another record was evicted for it.
    pub fn ban(&self, key: RateKey, reason: BanReason, now: Duration) -> (Ban, bool) {
        let policy = self.policy();
        self.put(key, reason, now, |record| {
            record.times = record.counted_bans(now, policy.duration_max) + 1;
            let doubled = 1_u32.checked_shl(record.times - 1).unwrap_or(u32::MAX);
            policy
                .duration_min
                .saturating_mul(doubled)
                .min(policy.duration_max)
        })
    }

    /// Bans a key for a time set by the operator, replacing an active ban. Also returns whether another record was
    /// evicted for it.
    pub fn ban_by_operator(&self, key: RateKey, time: Duration, now: Duration) -> (Ban, bool) {
        self.put(key, BanReason::Operator, now, |record| {
            record.times = record.times.max(1);
            time
        })
    }

    fn put(
        &self,
        key: RateKey,
        reason: BanReason,
        now: Duration,
        time: impl FnOnce(&mut BanRecord) -> Duration,
    ) -> (Ban, bool) {
        let records_max = self.policy().records_max;
        let mut records = self.records.lock();
        let evicts = records.len() >= records_max && !records.contains_key(&key);
        if evicts {
            let first_to_end = records.iter().min_by_key(|(_, record)| record.until);
            let first_to_end = first_to_end.map(|(key, _)| *key);
            first_to_end.and_then(|key| records.remove(&key));
        }
        let record = records.entry(key).or_insert(BanRecord {
            until: now,
            times: 0,
            reason,
        });
        let until = now + time(record);
        // An automatic ban does not shorten one by the operator.
        if reason == BanReason::Operator || until > record.until {
            (record.until, record.reason) = (until, reason);
        }
        let ban = Ban {
            key,
            reason: record.reason,
            remaining: record.until.saturating_sub(now),
            times: record.times,
        };
        self.count.store(records.len(), Ordering::Relaxed);
        (ban, evicts)
    }

    /// Returns the active bans, the longest first.
    #[must_use]
    pub fn active(&self, now: Duration) -> Vec<Ban> {
        let records = self.records.lock();
        let active = records
            .iter()
            .filter_map(|(key, record)| record.active_ban(*key, now));
        let mut all: Vec<_> = active.collect();
        drop(records);
        all.sort_by_key(|ban| (std::cmp::Reverse(ban.remaining), ban.key));
        all
    }

    /// Removes a ban. Returns false if there is none.
    pub fn lift(&self, key: RateKey) -> bool {
        let mut records = self.records.lock();
        let lifted = records.remove(&key).is_some();
        self.count.store(records.len(), Ordering::Relaxed);
        lifted
    }

    /// Evicts bans that ended so long ago that the next would be the first again.
    pub fn evict_expired(&self, now: Duration) {
        if self.count.load(Ordering::Relaxed) > 0 {
            let longest = self.policy().duration_max;
            let mut records = self.records.lock();
            records.retain(|_, record| record.until > now || record.counted_bans(now, longest) > 0);
            let capacity = 2 * records.len();
            records.shrink_to(capacity);
            self.count.store(records.len(), Ordering::Relaxed);
        }
    }
}

impl BanRecord {
    fn active_ban(&self, key: RateKey, now: Duration) -> Option<Ban> {
        let left = self.until.checked_sub(now).filter(|left| !left.is_zero())?;
        Some(Ban {
            key,
            reason: self.reason,
            remaining: left,
            times: self.times,
        })
    }

    /// Returns how many past bans count for the duration of the next.
    fn counted_bans(&self, now: Duration, longest: Duration) -> u32 {
        let reverted = now.saturating_sub(self.until).as_secs() / longest.as_secs().max(1);
        self.times
            .saturating_sub(u32::try_from(reverted).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);
    const HOUR: Duration = Duration::from_hours(1);

    fn bans() -> Bans {
        Bans::new(BanPolicy::new(&config::Bans::default()))
    }

    #[test]
    fn a_ban_lasts_a_minute_and_doubles_up_to_an_hour() {
        let (bans, key) = (bans(), RateKey::new(7));
        let mut now = MINUTE;
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            let (ban, _) = bans.ban(key, BanReason::Malformed, now);
            assert_eq!(ban.remaining, minutes * MINUTE);
            now += ban.remaining.saturating_sub(Duration::from_secs(1));
            assert!(bans.find(key, now).is_some());
            now += Duration::from_secs(1);
            assert_eq!(bans.find(key, now), None);
        }
    }

    #[test]
    fn each_hour_without_a_ban_reverts_one_doubling() {
        let (bans, key) = (bans(), RateKey::new(7));
        let mut now = MINUTE;
        for _ in 0..3 {
            now += bans.ban(key, BanReason::Flood, now).0.remaining;
        }
        now += HOUR;
        bans.evict_expired(now);
        assert_eq!(bans.ban(key, BanReason::Flood, now).0.remaining, 4 * MINUTE);
        now += 4 * MINUTE + 3 * HOUR;
        bans.evict_expired(now);
        assert_eq!(bans.records.lock().len(), 0);
        assert_eq!(bans.ban(key, BanReason::Flood, now).0.remaining, MINUTE);
    }

    #[test]
    fn an_operator_ban_does_not_double_later_bans() {
        let (bans, key) = (bans(), RateKey::new(7));
        bans.ban(key, BanReason::Flood, MINUTE);
        let (ban, _) = bans.ban_by_operator(key, 5 * HOUR, MINUTE);
        assert_eq!((ban.remaining, ban.times), (5 * HOUR, 1));
        assert_eq!(ban.reason, BanReason::Operator);
        let (kept, _) = bans.ban(key, BanReason::Hostile, MINUTE);
        assert_eq!(
            (kept.remaining, kept.reason),
            (5 * HOUR, BanReason::Operator)
        );
        let shorter = bans.ban_by_operator(key, MINUTE, MINUTE).0.remaining;
        assert_eq!(shorter, MINUTE, "also back to less");
        let now = 2 * MINUTE;
        assert_eq!(bans.find(key, now), None);
        assert_eq!(bans.ban(key, BanReason::Flood, now).0.remaining, 4 * MINUTE);
    }

    #[test]
    fn bans_are_listed_and_lifted() {
        let bans = bans();
        let (one, two) = (RateKey::new(11), RateKey::new(12));
        bans.ban(one, BanReason::Hostile, MINUTE);
        bans.ban(two, BanReason::Protocol, MINUTE + Duration::from_secs(5));
        let now = MINUTE + Duration::from_secs(10);
        let list = bans.active(now);
        assert_eq!(
            list.iter().map(|ban| ban.key).collect::<Vec<_>>(),
            [two, one]
        );
        assert_eq!(list[1].remaining, Duration::from_secs(50));
        assert_eq!(list[1].reason, BanReason::Hostile);
        let name = list[0].key.to_string();
        assert!(RateKey::parse(&name).is_some_and(|key| bans.lift(key)));
        assert!(!bans.lift(two));
        assert_eq!(bans.find(two, now), None);
        assert!(bans.find(one, now).is_some());
    }

    #[test]
    fn the_ban_that_ends_first_is_evicted_when_the_table_is_full() {
        let bans = Bans::new(BanPolicy::new(&config::Bans {
            records_max: 2,
            ..config::Bans::default()
        }));
        let (first, second, third) = (RateKey::new(11), RateKey::new(12), RateKey::new(13));
        assert!(!bans.ban(first, BanReason::Flood, MINUTE).1);
        assert!(!bans.ban(second, BanReason::Flood, 2 * MINUTE).1);
        assert!(bans.ban(third, BanReason::Flood, 2 * MINUTE).1);
        assert_eq!(bans.records.lock().len(), 2);
        assert!(bans.find(first, MINUTE).is_none());
        assert!(bans.find(third, 2 * MINUTE).is_some());
    }
}
