//! The limits of the relay.

use std::time::Duration;

use crate::config;
use crate::timing::Gcra;

/// The limits of the relay, from the settings.
#[derive(Debug, Clone, Copy)]
pub struct RelayPolicy {
    /// Allocations in all. Relay ports limit them to 64,512 in any case.
    pub allocations_max: usize,
    /// Allocations of one username.
    pub user_allocations_max: u32,
    /// Allocations of one address or network, by the key that the caller names.
    pub address_allocations_max: u32,
    /// The part of the free places that one address or network may have, in percent; 0 for no such limit. So the places
    /// that are left are for others.
    pub address_free_percent: u32,
    /// What one user may send.
    pub user_rate: ByteRate,
    /// What all users of one address or network may send.
    pub address_rate: ByteRate,
    /// What all users may send.
    pub total_rate: ByteRate,
    /// The bytes that all users may send on one day in UTC.
    pub bytes_per_day: Option<u64>,
}

impl RelayPolicy {
    /// Returns whether an address may have one more allocation while so many places are free.
    pub(super) fn admits_address(&self, allocations: u32, free: usize) -> bool {
        let share = free.saturating_mul(self.address_free_percent as usize);
        let is_within_share =
            self.address_free_percent == 0 || (allocations as usize).saturating_mul(100) < share;
        allocations < self.address_allocations_max && is_within_share
    }
}

/// A number of bytes per second, with a burst. Each relayed packet counts once, with its TURN header.
#[derive(Debug, Clone, Copy)]
pub struct ByteRate {
    /// At least one.
    bytes_per_second: u64,
    /// The time in which the whole burst is replenished.
    burst_nanos: u64,
}

const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// The burst of the rates that settings give, in seconds of the rate.
const BURST_SECONDS: u64 = 2;

/// The part of the free places that one address may have: sixteen greedy addresses leave 500 of 10,000.
const ADDRESS_FREE_PERCENT: u32 = 20;

impl RelayPolicy {
    /// Returns the limits that the settings give.
    #[must_use]
    pub fn new(ice: &config::Ice) -> Self {
        let rate = |per_second: usize| {
            let per_second = per_second as u64;
            ByteRate::new(per_second, BURST_SECONDS * per_second)
        };
        Self {
            allocations_max: ice.turn_allocations_max,
            user_allocations_max: ice.turn_user_allocations_max,
            address_allocations_max: ice.turn_address_allocations_max,
            address_free_percent: ADDRESS_FREE_PERCENT,
            user_rate: rate(ice.turn_user_bytes_per_second),
            address_rate: rate(ice.turn_address_bytes_per_second),
            total_rate: rate(ice.turn_bytes_per_second),
            bytes_per_day: ice.turn_bytes_per_day.map(|bytes| bytes as u64),
        }
    }
}

impl ByteRate {
    /// Creates a rate. A packet that is longer than the burst never passes.
    #[must_use]
    pub fn new(bytes_per_second: u64, burst_bytes: u64) -> Self {
        let bytes_per_second = bytes_per_second.max(1);
        let nanos = u128::from(burst_bytes) * u128::from(NANOS_PER_SECOND);
        let nanos = nanos / u128::from(bytes_per_second);
        Self {
            bytes_per_second,
            burst_nanos: u64::try_from(nanos).unwrap_or(u64::MAX),
        }
    }

    /// Takes so many bytes from a bucket that is full at `full_at` nanoseconds. Returns when it is full then, or `None` if
    /// it has too few.
    pub(super) fn take(&self, full_at: u64, bytes: u64, now: Duration) -> Option<u64> {
        let now = nanos(now);
        // The packet is the token.
        let gcra = Gcra {
            token_period: bytes.saturating_mul(NANOS_PER_SECOND) / self.bytes_per_second,
            burst_time: self.burst_nanos,
        };
        let until_full = full_at.saturating_sub(now);
        let has_enough = gcra.wait(until_full) == 0;
        has_enough.then(|| now.saturating_add(gcra.take(until_full, 1, u64::MAX)))
    }
}

/// Returns a time in nanoseconds, at most 584 years.
pub(super) fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
