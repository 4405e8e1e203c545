//! Who is kept out, for how long, and what for: in memory only, under hashes of addresses.
//!
//! A ban doubles each time, from `bans.duration_min` to `bans.duration_max`; each `bans.duration_max` without one takes a
//! doubling back. Shared by all workers, behind one lock that is touched only while somebody is banned.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use super::Key;
use crate::config;

/// What is held against somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offence {
    /// `connection.malformed_per_minute_max`
    Malformed,
    /// `limits.refusals_per_minute_max`
    Flood,
    /// `bans.connection_score_max`
    Hostile,
    /// Frames against the WebSocket protocol.
    Protocol,
    /// Nothing that was counted: the operator has seen enough.
    Operator,
}

impl Offence {
    /// What a client is told.
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

/// A ban, as it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ban {
    /// Whose: lift it by this.
    pub key: Key,
    /// What for.
    pub offence: Offence,
    /// For how much longer.
    pub left: Duration,
    /// How many times it was doubled, and one.
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
    /// How many records there are, so that nobody is looked up while there are none.
    count: AtomicUsize,
    policy: RwLock<Policy>,
}

/// By `bans.duration_min`, `bans.duration_max` and `bans.records_max`.
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
    /// Nobody is banned yet.
    #[must_use]
    pub fn new(bans: &config::Bans) -> Self {
        Self {
            records: Mutex::default(),
            count: AtomicUsize::new(0),
            policy: RwLock::new(Policy::new(bans)),
        }
    }

    /// Goes by other settings from now on. Who is banned stays so as long as it was told.
    pub fn retune(&self, bans: &config::Bans) {
        *self.policy.write() = Policy::new(bans);
    }

    fn policy(&self) -> Policy {
        *self.policy.read()
    }

    /// Whether nobody is banned, nor was lately.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::Relaxed) == 0
    }

    /// How many are in force.
    #[must_use]
    pub fn in_force(&self, now: Duration) -> usize {
        if self.is_empty() {
            return 0;
        }
        let records = self.records.lock();
        records.values().filter(|record| record.until > now).count()
    }

    /// What somebody is banned for, and for how much longer.
    #[must_use]
    pub fn find(&self, key: Key, now: Duration) -> Option<Ban> {
        let records = self.records.lock();
        records.get(&key).and_then(|record| record.shown(key, now))
    }

    /// Bans somebody, longer than last time. Also tells whether another's record had to go for it.
    pub fn ban(&self, key: Key, offence: Offence, now: Duration) -> (Ban, bool) {
        let policy = self.policy();
        self.put(key, offence, now, |record| {
            record.times = record.remembered(now, policy.longest) + 1;
            let doubled = 1_u32.checked_shl(record.times - 1).unwrap_or(u32::MAX);
            policy.first.saturating_mul(doubled).min(policy.longest)
        })
    }

    /// Bans somebody for as long as the operator wishes, in place of a ban in force. Also tells whether another's record had
    /// to go for it.
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
        let makes_room = records.len() >= most && !records.contains_key(&key);
        if makes_room {
            let soonest = records.iter().min_by_key(|(_, record)| record.until);
            let soonest = soonest.map(|(key, _)| *key);
            soonest.and_then(|key| records.remove(&key));
        }
        let record = records.entry(key).or_insert(Record {
            until: now,
            times: 0,
            offence,
        });
        let until = now + time(record);
        // What is found by itself does not shorten what the operator wants.
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
        (ban, makes_room)
    }

    /// Those who are banned now, the longest first.
    #[must_use]
    pub fn list(&self, now: Duration) -> Vec<Ban> {
        let records = self.records.lock();
        let shown = records
            .iter()
            .filter_map(|(key, record)| record.shown(*key, now));
        let mut all: Vec<_> = shown.collect();
        drop(records);
        all.sort_by_key(|ban| (std::cmp::Reverse(ban.left), ban.key));
        all
    }

    /// Ends a ban and forgets it. False if there is none.
    pub fn lift(&self, key: Key) -> bool {
        let mut records = self.records.lock();
        let lifted = records.remove(&key).is_some();
        self.count.store(records.len(), Ordering::Relaxed);
        lifted
    }

    /// Forgets the bans that have ended so long ago that the next would be the first again.
    pub fn tidy(&self, now: Duration) {
        if self.count.load(Ordering::Relaxed) > 0 {
            let longest = self.policy().longest;
            let mut records = self.records.lock();
            records.retain(|_, record| record.until > now || record.remembered(now, longest) > 0);
            let room = 2 * records.len();
            records.shrink_to(room);
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

    /// How many bans still count when the next is measured.
    fn remembered(&self, now: Duration, longest: Duration) -> u32 {
        let quiet = now.saturating_sub(self.until).as_secs() / longest.as_secs().max(1);
        self.times
            .saturating_sub(u32::try_from(quiet).unwrap_or(u32::MAX))
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
