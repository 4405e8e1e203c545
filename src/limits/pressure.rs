//! Measures memory pressure and its consequences: first new connections are refused, then existing ones are closed.
//!
//! Measures nothing itself: the worker passes in the system's numbers, and the hub acts on the result.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use super::LivePolicy;
use crate::config;

/// Kernel memory of a connection, in addition to the process's own: its socket with empty buffers.
const KERNEL_BYTES_PER_CONNECTION: usize = 5 * 1024;

/// Additional kernel memory of a connection whose client reads nothing: unsent bytes and their bookkeeping, as bounded
/// by the socket's options (`net::tcp`).
pub const KERNEL_BYTES_PER_BLOCKED: usize = 64 * 1024;
/// How long connections with a typical amount stay open after others were closed, until the freed memory shows.
const TYPICAL_SHED_DELAY: Duration = Duration::from_secs(2);

/// The level of memory pressure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PressureLevel {
    /// Memory is not short.
    Normal,
    /// Over `memory.refuse_percent` of the budget: no new connections and swarms, and the longest interval.
    Refuse,
    /// Over `memory.shed_percent`: connections are closed as well, those that hold most first.
    Shed,
}

/// The memory budget and its usage.
#[derive(Debug)]
pub struct Pressure {
    settings: LivePolicy<config::Memory>,
    /// The budget from the system if none is configured; 0 for none.
    default_budget_bytes: AtomicUsize,
    used_bytes: AtomicUsize,
    /// Until when connections with a typical amount stay open, in milliseconds since the process started.
    typical_shed_after: AtomicU64,
}

impl Pressure {
    /// Creates it from `memory.*`. Without a budget there is never any pressure.
    #[must_use]
    pub fn new(memory: impl Into<LivePolicy<config::Memory>>) -> Self {
        Self {
            settings: memory.into(),
            default_budget_bytes: AtomicUsize::new(0),
            used_bytes: AtomicUsize::new(0),
            typical_shed_after: AtomicU64::new(0),
        }
    }

    /// Sets the budget to use if none is configured.
    pub fn set_default_budget(&self, bytes: usize) {
        self.default_budget_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Returns the active budget; 0 for none.
    #[must_use]
    pub fn budget_bytes(&self) -> usize {
        match self.settings.get().budget_bytes {
            0 => self.default_budget_bytes.load(Ordering::Relaxed),
            budget => budget,
        }
    }

    fn budget_part(&self, percent: u32) -> usize {
        match self.budget_bytes() {
            0 => usize::MAX,
            budget => budget / 100 * percent as usize,
        }
    }

    /// Updates the usage from the resident memory and the connections. Of these, `blocked` HTTP ones read nothing.
    pub fn update_usage(&self, resident_bytes: usize, connections: usize, blocked: usize) {
        let sockets = connections.saturating_mul(KERNEL_BYTES_PER_CONNECTION);
        let unsent = blocked.saturating_mul(KERNEL_BYTES_PER_BLOCKED);
        let used = resident_bytes
            .saturating_add(sockets)
            .saturating_add(unsent);
        self.used_bytes.store(used, Ordering::Relaxed);
    }

    /// Returns the bytes used, sockets included.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// Returns the level of memory pressure.
    #[must_use]
    pub fn level(&self) -> PressureLevel {
        let settings = self.settings.get();
        let (refuse, shed) = (settings.refuse_percent, settings.shed_percent);
        match self.used_bytes() {
            used if used > self.budget_part(shed) => PressureLevel::Shed,
            used if used > self.budget_part(refuse) => PressureLevel::Refuse,
            _ => PressureLevel::Normal,
        }
    }

    /// Returns the bytes to free now; 0 below [`PressureLevel::Shed`].
    #[must_use]
    pub fn excess_bytes(&self) -> usize {
        if self.level() < PressureLevel::Shed {
            return 0;
        }
        let refuse = self.settings.get().refuse_percent;
        self.used_bytes().saturating_sub(self.budget_part(refuse))
    }

    /// Keeps connections with a typical amount open for some seconds.
    pub fn delay_typical_shedding(&self, now: Duration) {
        let until = u64::try_from((now + TYPICAL_SHED_DELAY).as_millis()).unwrap_or(u64::MAX);
        self.typical_shed_after.store(until, Ordering::Relaxed);
    }

    /// Returns whether connections with a typical amount may be closed.
    #[must_use]
    pub fn may_shed_typical(&self, now: Duration) -> bool {
        now.as_millis() >= u128::from(self.typical_shed_after.load(Ordering::Relaxed))
    }

    /// Returns how many of `connections` to close now, by their share of the excess memory. It is a few at a time,
    /// because freed memory shows only after a moment. 0 below [`PressureLevel::Shed`].
    #[must_use]
    pub fn excess_connections(&self, connections: usize) -> usize {
        if self.level() < PressureLevel::Shed {
            return 0;
        }
        let each = (self.used_bytes() / connections.max(1)).max(1);
        let surplus = self.excess_bytes().div_ceil(each);
        surplus.min(connections.div_ceil(SHED_DIVISOR))
    }
}

/// At most one in this many connections is closed per second.
const SHED_DIVISOR: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn pressure() -> Pressure {
        Pressure::new(config::Memory {
            budget_bytes: 100_000_000,
            ..config::Memory::default()
        })
    }

    #[test]
    fn connections_are_refused_first_and_shed_later() {
        let pressure = pressure();
        for (used, step) in [
            (0, PressureLevel::Normal),
            (85_000_000, PressureLevel::Normal),
            (85_000_001, PressureLevel::Refuse),
            (95_000_000, PressureLevel::Refuse),
            (95_000_001, PressureLevel::Shed),
            (usize::MAX, PressureLevel::Shed),
            (1, PressureLevel::Normal),
        ] {
            pressure.update_usage(used, 0, 0);
            assert_eq!(pressure.level(), step, "{used}");
        }
    }

    #[test]
    fn kernel_memory_of_connections_counts() {
        let pressure = pressure();
        pressure.update_usage(50_000_000, 7_000, 0);
        assert_eq!(pressure.level(), PressureLevel::Refuse);
        pressure.update_usage(50_000_000, 600, 600);
        assert_eq!(pressure.level(), PressureLevel::Refuse);
    }

    #[test]
    fn excess_connections_are_closed_a_few_at_a_time() {
        let pressure = pressure();
        pressure.update_usage(90_000_000, 0, 0);
        assert_eq!(pressure.excess_connections(1_000), 0);
        pressure.update_usage(96_000_000, 0, 0);
        // 11 of 96 MB are too much, which is more than one in sixteen.
        assert_eq!(pressure.excess_connections(1_000), 63);
        assert_eq!(
            (
                pressure.excess_connections(1),
                pressure.excess_connections(0)
            ),
            (1, 0)
        );
    }

    #[test]
    fn the_system_budget_applies_if_none_is_configured() {
        let mut pressure = Pressure::new(config::Memory::default());
        pressure.set_default_budget(100_000_000);
        pressure.update_usage(90_000_000, 0, 0);
        assert_eq!(pressure.level(), PressureLevel::Refuse);
        let memory = config::Memory {
            budget_bytes: 1_000_000_000,
            ..config::Memory::default()
        };
        pressure.settings = memory.into();
        assert_eq!(pressure.level(), PressureLevel::Normal);
    }

    #[test]
    fn without_a_budget_memory_is_never_short() {
        let pressure = Pressure::new(config::Memory::default());
        pressure.update_usage(usize::MAX, usize::MAX, 0);
        assert_eq!(
            (pressure.level(), pressure.excess_connections(9)),
            (PressureLevel::Normal, 0)
        );
    }
}
