//! Limits how many offers one member receives: a token bucket of four bytes for each.
//!
//! Time is an argument, from the tracker. The choice of receivers calls it.

use crate::timing::{Gcra, WrappingTime};

/// Ticks of the clock in a second.
const TICKS_PER_SECOND: u32 = 10_000;
/// Longest time that an empty bucket takes to fill. It is short enough to recognise a level from before the clock
/// wrapped around.
const BURST_SECONDS_MAX: u32 = 3600;

/// `limits.offers_received_per_second`, `limits.offers_received_burst` and `limits.offers_received_reserved_percent`,
/// for one member of a swarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiverQuota {
    /// The time in which one offer is replenished, in ticks; at most [`TICKS_PER_SECOND`].
    token_period: u32,
    /// The time in which a whole burst is replenished, in ticks.
    burst_time: u32,
    /// The part of the burst that is reserved for senders that have sent few offers lately.
    reserved_percent: u32,
}

/// Why a member does not receive an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReceiverQuotaExhausted {
    /// It has received as many as its quota allows.
    Total,
    /// Only the part reserved for senders of few offers is left.
    Unreserved,
}

/// The level of one member's bucket: the time when it will be full. A time in the past means full. The default is the
/// moment at which the clock wraps around, which is in the future for the seconds before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ReceiverQuotaLevel(ReceiverQuotaTime);

/// A time in the ticks of levels. It wraps around after five days.
pub(super) type ReceiverQuotaTime = WrappingTime<u32, TICKS_PER_SECOND>;

impl ReceiverQuota {
    /// No limit.
    pub const UNLIMITED: Self = Self {
        token_period: 0,
        burst_time: 0,
        reserved_percent: 0,
    };

    /// Creates a quota of `per_second` offers in the long run and `burst` at once; both at least one.
    #[must_use]
    pub const fn new(per_second: u32, burst: u32) -> Self {
        let per_second = if per_second == 0 { 1 } else { per_second };
        let apart = TICKS_PER_SECOND / per_second;
        let token_period = if apart == 0 { 1 } else { apart };
        let burst_time_max = TICKS_PER_SECOND * BURST_SECONDS_MAX;
        let burst = if burst == 0 { 1 } else { burst };
        let burst_time = token_period.saturating_mul(burst);
        Self {
            token_period,
            burst_time: if burst_time > burst_time_max {
                burst_time_max
            } else {
                burst_time
            },
            reserved_percent: 0,
        }
    }

    /// Reserves `percent` of the quota (at most 100) for senders whose address group has sent few offers to the swarm
    /// lately.
    #[must_use]
    pub const fn with_reserved_percent(self, percent: u32) -> Self {
        Self {
            reserved_percent: if percent > 100 { 100 } else { percent },
            ..self
        }
    }

    /// Packs the quota into one number, which may be stored atomically.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        (self.reserved_percent as u64) << 48
            | (self.token_period as u64) << 32
            | self.burst_time as u64
    }

    /// Unpacks the result of [`Self::to_bits`].
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self {
            token_period: (bits >> 32 & 0xffff) as u32,
            burst_time: (bits & 0xffff_ffff) as u32,
            reserved_percent: (bits >> 48 & 0xff) as u32,
        }
    }

    /// Charges one offer to the bucket of a member, if it has room for one from such a sender.
    pub(super) fn charge(
        self,
        level: &mut ReceiverQuotaLevel,
        is_light_sender: bool,
        now: ReceiverQuotaTime,
    ) -> Result<(), ReceiverQuotaExhausted> {
        let until_full = level.until_full(now, self.burst_time);
        let all = self.gcra();
        if all.wait(until_full) > 0 {
            return Err(ReceiverQuotaExhausted::Total);
        }
        if !is_light_sender && self.unreserved().wait(until_full) > 0 {
            return Err(ReceiverQuotaExhausted::Unreserved);
        }
        level.set_until_full(all.take(until_full, 1, all.burst_time), now);
        Ok(())
    }

    /// Returns the bucket without the reserved part of the burst: room for one offer at least.
    fn unreserved(self) -> Gcra {
        let all = self.gcra();
        let reserved = all.burst_time * u64::from(self.reserved_percent) / 100;
        Gcra {
            burst_time: (all.burst_time - reserved).max(all.token_period),
            ..all
        }
    }

    /// Returns whether any part is reserved.
    pub(super) const fn has_reserve(self) -> bool {
        self.reserved_percent > 0 && self.token_period > 0
    }

    /// Counts `offers` that an address group sends to a swarm; `level` holds what it sent lately. Returns true if that
    /// was little before: no more than a quarter of what one member may receive.
    pub(super) fn charge_sender(
        self,
        level: &mut ReceiverQuotaLevel,
        offers: usize,
        now: ReceiverQuotaTime,
    ) -> bool {
        let allowed = Gcra {
            token_period: u64::from(self.token_period) * 4,
            ..self.gcra()
        };
        // A sender above this must pause for a whole burst time: a bucket of two of them drains to one.
        let max = 2 * self.burst_time;
        let before = level.until_full(now, max);
        let offers = u32::try_from(offers).unwrap_or(u32::MAX);
        level.set_until_full(allowed.take(before, offers, max.into()), now);
        before <= allowed.burst_time
    }

    fn gcra(self) -> Gcra {
        Gcra {
            token_period: self.token_period.into(),
            burst_time: self.burst_time.into(),
        }
    }
}

impl ReceiverQuotaLevel {
    /// Returns the ticks until the bucket is full, which takes at most `max`.
    fn until_full(self, now: ReceiverQuotaTime, max: u32) -> u64 {
        let ticks = self.0.ticks_since(now).ticks();
        // A level further ahead than an empty bucket is in the past.
        if ticks > max { 0 } else { ticks.into() }
    }

    /// Stores that the bucket is full in that number of ticks, which fits: a bucket has at most two burst times.
    fn set_until_full(&mut self, ticks: u64, now: ReceiverQuotaTime) {
        self.0 = now.add_ticks(u32::try_from(ticks).unwrap_or(u32::MAX));
    }

    pub(super) const fn to_bits(self) -> u32 {
        self.0.to_bits()
    }

    pub(super) const fn from_bits(bits: u32) -> Self {
        Self(ReceiverQuotaTime::from_bits(bits))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn milliseconds(milliseconds: u64) -> ReceiverQuotaTime {
        ReceiverQuotaTime::from_uptime(Duration::from_millis(milliseconds))
    }

    #[test]
    fn a_burst_passes_then_the_rate_applies() {
        let quota = ReceiverQuota::new(10, 30);
        // Also where the clock wraps around, and long after.
        for start in [10_000, 5_000_000, 429_496_729, 3 * 429_496_729 + 5] {
            let mut level = ReceiverQuotaLevel::default();
            let _ = quota.charge(&mut level, true, milliseconds(start - 10_000));
            let mut given = |at: u64, tries: u32| {
                (0..tries)
                    .filter(|_| {
                        quota
                            .charge(&mut level, true, milliseconds(start + at))
                            .is_ok()
                    })
                    .count()
            };
            assert_eq!(given(0, 100), 30, "{start}");
            assert_eq!(given(99, 5), 0);
            assert_eq!(given(100, 5), 1);
            assert_eq!(given(1_100, 50), 10);
            assert_eq!(given(10_000, 50), 30);
        }
    }

    #[test]
    fn an_idle_member_has_its_full_burst_after_days() {
        let quota = ReceiverQuota::new(10, 30);
        let mut level = ReceiverQuotaLevel::default();
        for days in [0, 1, 3, 5, 7] {
            let now = ReceiverQuotaTime::from_uptime(Duration::from_hours(24 * days));
            assert_eq!(
                (0..50)
                    .filter(|_| quota.charge(&mut level, true, now).is_ok())
                    .count(),
                30,
                "{days}"
            );
        }
    }

    #[test]
    fn everything_passes_without_a_limit() {
        let mut level = ReceiverQuotaLevel::default();
        let mut is_given = |at: u64| {
            let given = ReceiverQuota::UNLIMITED.charge(
                &mut level,
                at.is_multiple_of(2),
                milliseconds(at / 100),
            );
            given.is_ok()
        };
        assert!((0..10_000).all(&mut is_given));
    }

    #[test]
    fn a_quota_survives_bit_packing() {
        for quota in [
            ReceiverQuota::UNLIMITED,
            ReceiverQuota::new(10, 30),
            ReceiverQuota::new(10, 30).with_reserved_percent(25),
            ReceiverQuota::new(1, u32::MAX).with_reserved_percent(100),
        ] {
            assert_eq!(ReceiverQuota::from_bits(quota.to_bits()), quota);
        }
    }

    #[test]
    fn extreme_settings_do_not_overflow_the_clock() {
        for (per_second, burst) in [(1, u32::MAX), (u32::MAX, u32::MAX), (0, 0)] {
            let quota = ReceiverQuota::new(per_second, burst);
            let mut level = ReceiverQuotaLevel::default();
            assert_eq!(quota.charge(&mut level, true, milliseconds(0)), Ok(()));
            let (mut level, all) = (
                ReceiverQuotaLevel::default(),
                quota.with_reserved_percent(100),
            );
            assert_eq!(
                all.charge(&mut level, false, milliseconds(0)),
                Ok(()),
                "one at least"
            );
            assert!(all.charge_sender(&mut level, usize::MAX, milliseconds(0)));
        }
    }

    #[test]
    fn a_part_is_reserved_for_light_senders() {
        let quota = ReceiverQuota::new(10, 40).with_reserved_percent(25);
        let mut level = ReceiverQuotaLevel::default();
        let mut given = |is_light_sender: bool, at: u64| {
            let now = milliseconds(at);
            let mut results: Vec<_> = (0..100)
                .map(|_| quota.charge(&mut level, is_light_sender, now))
                .collect();
            let refused = results.pop();
            (
                results.iter().filter(|given| given.is_ok()).count(),
                refused,
            )
        };
        assert_eq!(
            given(false, 0),
            (30, Some(Err(ReceiverQuotaExhausted::Unreserved)))
        );
        assert_eq!(
            given(true, 0),
            (10, Some(Err(ReceiverQuotaExhausted::Total)))
        );
        // While others use up everything, a sender of many offers gets nothing.
        assert_eq!(
            given(false, 900),
            (0, Some(Err(ReceiverQuotaExhausted::Unreserved)))
        );
        assert_eq!(given(true, 900).0, 9);
        assert_eq!(given(false, 2_900).0, 10);
    }

    #[test]
    fn a_heavy_sender_must_pause_to_become_light() {
        let quota = ReceiverQuota::new(10, 30).with_reserved_percent(25);
        let mut level = ReceiverQuotaLevel::default();
        let mut is_light = |offers, at| quota.charge_sender(&mut level, offers, milliseconds(at));
        assert!(is_light(20, 0), "the first announce of any size");
        assert!(!is_light(20, 10));
        for at in 1..100 {
            assert!(!is_light(10, 10 + at * 20));
        }
        assert!(!is_light(0, 4_000), "its pause is too short");
        assert!(is_light(5, 5_100));
        // Two offers a second are within a quarter of ten.
        assert!((0..100).all(|at| is_light(1, 20_000 + at * 500)));
    }
}
