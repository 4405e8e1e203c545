//! Stores bans of addresses with duration and reason: in memory only, by hashes of addresses.
//!
//! A ban doubles each time, from `bans.duration_min` to `bans.duration_max`. Each `bans.duration_max` without a ban
//! reverts one doubling. Shared by all workers; the lock is not taken while there are no bans.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use super::Key;
use crate::config;

/// Why an address is banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offence {
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

impl Offence {
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
    pub key: Key,
    /// Why it is banned.
    pub offence: Offence,
    /// The remaining time.
    pub left: Duration,
    /// Number of bans in a row that count for the duration.
    pub times: u32,
}

#[derive(Debug)]
struct Record {
    until: Duration,
    times: u32,
    offence: Offence,
}

/// All bans.
#[derive(Debug)]
pub struct Bans {
    records: Mutex<HashMap<Key, Record>>,
    /// Number of records, so that lookups are skipped while it is 0.
    count: AtomicUsize,
    policy: RwLock<Policy>,
}

/// From `bans.duration_min`, `bans.duration_max` and `bans.records_max`.
#[derive(Debug, Clone, Copy)]
struct Policy {
    first: Duration,
    longest: Duration,
    most: usize,
}

impl Policy {
    const fn new(bans: &config::Bans) -> Self {
        Self {
            first: bans.duration_min,
            longest: bans.duration_max,
            most: bans.records_max,
        }
    }
}

impl Bans {
    /// Creates an empty table.
    #[must_use]
    pub fn new(bans: &config::Bans) -> Self {
        Self {
            records: Mutex::default(),
            count: AtomicUsize::new(0),
            policy: RwLock::new(Policy::new(bans)),
        }
    }

    /// Applies new settings. Active bans keep their duration.
    pub fn retune(&self, bans: &config::Bans) {
        *self.policy.write() = Policy::new(bans);
    }

    fn policy(&self) -> Policy {
        *self.policy.read()
    }

    /// Returns whether there are no records, active or recent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// Returns the number of active bans.
    #[must_use]
    pub fn in_force(&self, now: Duration) -> usize {
        if self.is_empty() {
            return 0;
        }
        let records = self.records.lock();
        records.values().filter(|record| record.until > now).count()
    }

    /// Returns the active ban of a key.
    #[must_use]
    pub fn find(&self, key: Key, now: Duration) -> Option<Ban> {
        let records = self.records.lock();
        records.get(&key).and_then(|record| record.shown(key, now))
    }

    /// Bans a key, longer than last time. Also returns whether another record was evicted for it.
    pub fn ban(&self, key: Key, offence: Offence, now: Duration) -> (Ban, bool) {
        let policy = self.policy();
        self.put(key, offence, now, |record| {
            record.times = record.remembered(now, policy.longest) + 1;
            let doubled = 1_u32.checked_shl(record.times - 1).unwrap_or(u32::MAX);
            policy.first.saturating_mul(doubled).min(policy.longest)
        })
    }

    /// Bans a key for a time set by the operator, replacing an active ban. Also returns whether another record was
    /// evicted for it.
    pub fn ban_for(&self, key: Key, time: Duration, now: Duration) -> (Ban, bool) {
        self.put(key, Offence::Operator, now, |record| {
            record.times = record.times.max(1);
            time
        })
    }

    fn put(
        &self,
        key: Key,
        offence: Offence,
        now: Duration,
        time: impl FnOnce(&mut Record) -> Duration,
    ) -> (Ban, bool) {
        let most = self.policy().most;
        let mut records = self.records.lock();
        let evicts = records.len() >= most && !records.contains_key(&key);
        if evicts {
            let first_to_end = records.iter().min_by_key(|(_, record)| record.until);
            let first_to_end = first_to_end.map(|(key, _)| *key);
            first_to_end.and_then(|key| records.remove(&key));
        }
        let record = records.entry(key).or_insert(Record {
            until: now,
            times: 0,
            offence,
        });
        let until = now + time(record);
        // An automatic ban does not shorten one by the operator.
        if offence == Offence::Operator || until > record.until {
            (record.until, record.offence) = (until, offence);
        }
        let ban = Ban {
            key,
            offence: record.offence,
            left: record.until.saturating_sub(now),
            times: record.times,
        };
        self.count.store(records.len(), Ordering::Relaxed);
        (ban, evicts)
    }

    /// Returns the active bans, the longest first.
    #[must_use]
    pub fn list(&self, now: Duration) -> Vec<Ban> {
        let records = self.records.lock();
        let active = records
            .iter()
            .filter_map(|(key, record)| record.shown(*key, now));
        let mut all: Vec<_> = active.collect();
        drop(records);
        all.sort_by_key(|ban| (std::cmp::Reverse(ban.left), ban.key));
        all
    }

    /// Removes a ban. Returns false if there is none.
    pub fn lift(&self, key: Key) -> bool {
        let mut records = self.records.lock();
        let lifted = records.remove(&key).is_some();
        self.count.store(records.len(), Ordering::Relaxed);
        lifted
    }

    /// Evicts bans that ended so long ago that the next would be the first again.
    pub fn tidy(&self, now: Duration) {
        if self.count.load(Ordering::Relaxed) > 0 {
            let longest = self.policy().longest;
            let mut records = self.records.lock();
            records.retain(|_, record| record.until > now || record.remembered(now, longest) > 0);
            let capacity = 2 * records.len();
            records.shrink_to(capacity);
            self.count.store(records.len(), Ordering::Relaxed);
        }
    }
}

impl Record {
    fn shown(&self, key: Key, now: Duration) -> Option<Ban> {
        let left = self.until.checked_sub(now).filter(|left| !left.is_zero())?;
        Some(Ban {
            key,
            offence: self.offence,
            left,
            times: self.times,
        })
    }

    /// Returns how many past bans count for the duration of the next.
    fn remembered(&self, now: Duration, longest: Duration) -> u32 {
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
        Bans::new(&config::Bans::default())
    }

    #[test]
    fn a_ban_lasts_a_minute_and_doubles_to_an_hour() {
        let (bans, key) = (bans(), Key::new(7));
        let mut now = MINUTE;
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            let (ban, _) = bans.ban(key, Offence::Malformed, now);
            assert_eq!(ban.left, minutes * MINUTE);
            now += ban.left.saturating_sub(Duration::from_secs(1));
            assert!(bans.find(key, now).is_some());
            now += Duration::from_secs(1);
            assert_eq!(bans.find(key, now), None);
        }
    }

    #[test]
    fn each_quiet_hour_takes_a_doubling_back_until_all_is_forgotten() {
        let (bans, key) = (bans(), Key::new(7));
        let mut now = MINUTE;
        for _ in 0..3 {
            now += bans.ban(key, Offence::Flood, now).0.left;
        }
        now += HOUR;
        bans.tidy(now);
        assert_eq!(bans.ban(key, Offence::Flood, now).0.left, 4 * MINUTE);
        now += 4 * MINUTE + 3 * HOUR;
        bans.tidy(now);
        assert_eq!(bans.records.lock().len(), 0);
        assert_eq!(bans.ban(key, Offence::Flood, now).0.left, MINUTE);
    }

    #[test]
    fn the_operator_bans_for_a_time_of_its_own_which_makes_later_ones_no_longer() {
        let (bans, key) = (bans(), Key::new(7));
        bans.ban(key, Offence::Flood, MINUTE);
        let (ban, _) = bans.ban_for(key, 5 * HOUR, MINUTE);
        assert_eq!((ban.left, ban.times), (5 * HOUR, 1));
        assert_eq!(ban.offence, Offence::Operator);
        let (kept, _) = bans.ban(key, Offence::Hostile, MINUTE);
        assert_eq!((kept.left, kept.offence), (5 * HOUR, Offence::Operator));
        let shorter = bans.ban_for(key, MINUTE, MINUTE).0.left;
        assert_eq!(shorter, MINUTE, "also back to less");
        let now = 2 * MINUTE;
        assert_eq!(bans.find(key, now), None);
        assert_eq!(bans.ban(key, Offence::Flood, now).0.left, 4 * MINUTE);
    }

    #[test]
    fn bans_are_seen_and_lifted() {
        let bans = bans();
        let (one, two) = (Key::new(11), Key::new(12));
        bans.ban(one, Offence::Hostile, MINUTE);
        bans.ban(two, Offence::Protocol, MINUTE + Duration::from_secs(5));
        let now = MINUTE + Duration::from_secs(10);
        let list = bans.list(now);
        assert_eq!(
            list.iter().map(|ban| ban.key).collect::<Vec<_>>(),
            [two, one]
        );
        assert_eq!(list[1].left, Duration::from_secs(50));
        assert_eq!(list[1].offence, Offence::Hostile);
        let name = list[0].key.to_string();
        assert!(Key::from_name(&name).is_some_and(|key| bans.lift(key)));
        assert!(!bans.lift(two));
        assert_eq!(bans.find(two, now), None);
        assert!(bans.find(one, now).is_some());
    }

    #[test]
    fn of_too_many_bans_the_one_that_ends_first_goes() {
        let bans = Bans::new(&config::Bans {
            records_max: 2,
            ..config::Bans::default()
        });
        let (first, second, third) = (Key::new(11), Key::new(12), Key::new(13));
        assert!(!bans.ban(first, Offence::Flood, MINUTE).1);
        assert!(!bans.ban(second, Offence::Flood, 2 * MINUTE).1);
        assert!(bans.ban(third, Offence::Flood, 2 * MINUTE).1);
        assert_eq!(bans.records.lock().len(), 2);
        assert!(bans.find(first, MINUTE).is_none());
        assert!(bans.find(third, 2 * MINUTE).is_some());
    }
}
