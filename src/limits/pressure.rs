//! Measures memory pressure and its consequences: first new connections are refused, then existing ones are closed.
//!
//! Measures nothing itself: the worker passes in the system's numbers, and the hub acts on the result.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::RwLock;

use crate::config;

/// Kernel memory of a connection, in addition to the process's own: its socket with empty buffers.
const KERNEL_BYTES_PER_CONNECTION: usize = 5 * 1024;

/// Additional kernel memory of a connection whose client reads nothing: unsent bytes and their bookkeeping, as bounded
/// by the socket's options (`net::tcp`).
pub const KERNEL_BYTES_PER_BLOCKED: usize = 64 * 1024;
/// How long connections with a typical amount stay open after others were closed, until the freed memory shows.
const SPARED: Duration = Duration::from_secs(2);

/// The level of memory pressure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Memory is not short.
    Calm,
    /// Over `memory.refuse_percent` of the budget: no new connections and swarms, and the longest interval.
    Refuse,
    /// Over `memory.shed_percent`: connections are closed as well, those that hold most first.
    Shed,
}

/// The memory budget and its usage.
#[derive(Debug)]
pub struct Pressure {
    policy: RwLock<config::Memory>,
    /// The budget from the system if none is configured; 0 for none.
    granted_bytes: AtomicUsize,
    used: AtomicUsize,
    /// Until when connections with a typical amount stay open, in milliseconds since the process started.
    spared_until: AtomicU64,
}

impl Pressure {
    /// Creates it from `memory.*`. Without a budget there is never any pressure.
    #[must_use]
    pub fn new(memory: &config::Memory) -> Self {
        Self {
            policy: RwLock::new(memory.clone()),
            granted_bytes: AtomicUsize::new(0),
            used: AtomicUsize::new(0),
            spared_until: AtomicU64::new(0),
        }
    }

    /// Applies new settings.
    pub fn retune(&self, memory: &config::Memory) {
        *self.policy.write() = memory.clone();
    }

    /// Sets the budget to use if none is configured.
    pub fn grant(&self, bytes: usize) {
        self.granted_bytes.store(bytes, Ordering::Relaxed);
    }

    /// Returns the active budget; 0 for none.
    #[must_use]
    pub fn budget_bytes(&self) -> usize {
        match self.policy.read().budget_bytes {
            0 => self.granted_bytes.load(Ordering::Relaxed),
            budget => budget,
        }
    }

    fn part(&self, percent: u32) -> usize {
        match self.budget_bytes() {
            0 => usize::MAX,
            budget => budget / 100 * percent as usize,
        }
    }

    /// Updates the usage from the resident memory and the connections. Of these, `blocked` HTTP ones read nothing.
    pub fn observe(&self, resident_bytes: usize, connections: usize, blocked: usize) {
        let sockets = connections.saturating_mul(KERNEL_BYTES_PER_CONNECTION);
        let unsent = blocked.saturating_mul(KERNEL_BYTES_PER_BLOCKED);
        let used = resident_bytes
            .saturating_add(sockets)
            .saturating_add(unsent);
        self.used.store(used, Ordering::Relaxed);
    }

    /// Returns the bytes used, sockets included.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Returns the level of memory pressure.
    #[must_use]
    pub fn step(&self) -> Step {
        let (refuse, shed) = {
            let policy = self.policy.read();
            (policy.refuse_percent, policy.shed_percent)
        };
        match self.used_bytes() {
            used if used > self.part(shed) => Step::Shed,
            used if used > self.part(refuse) => Step::Refuse,
            _ => Step::Calm,
        }
    }

    /// Returns the bytes to free now; 0 below [`Step::Shed`].
    #[must_use]
    pub fn surplus_bytes(&self) -> usize {
        if self.step() < Step::Shed {
            return 0;
        }
        let refuse = self.policy.read().refuse_percent;
        self.used_bytes().saturating_sub(self.part(refuse))
    }

    /// Keeps connections with a typical amount open for some seconds.
    pub fn spare_usual(&self, now: Duration) {
        let until = u64::try_from((now + SPARED).as_millis()).unwrap_or(u64::MAX);
        self.spared_until.store(until, Ordering::Relaxed);
    }

    /// Returns whether connections with a typical amount may be closed.
    #[must_use]
    pub fn may_shed_usual(&self, now: Duration) -> bool {
        now.as_millis() >= u128::from(self.spared_until.load(Ordering::Relaxed))
    }

    /// Returns how many of `connections` to close now, by their share of the excess memory. It is a few at a time,
    /// because freed memory shows only after a moment. 0 below [`Step::Shed`].
    #[must_use]
    pub fn surplus(&self, connections: usize) -> usize {
        if self.step() < Step::Shed {
            return 0;
        }
        let each = (self.used_bytes() / connections.max(1)).max(1);
        let surplus = self.surplus_bytes().div_ceil(each);
        surplus.min(connections.div_ceil(SHED_PART))
    }
}

/// At most one in this many connections is closed per second.
const SHED_PART: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn pressure() -> Pressure {
        Pressure::new(&config::Memory {
            budget_bytes: 100_000_000,
            ..config::Memory::default()
        })
    }

    #[test]
    fn memory_is_refused_first_and_shed_later() {
        let pressure = pressure();
        for (used, step) in [
            (0, Step::Calm),
            (85_000_000, Step::Calm),
            (85_000_001, Step::Refuse),
            (95_000_000, Step::Refuse),
            (95_000_001, Step::Shed),
            (usize::MAX, Step::Shed),
            (1, Step::Calm),
        ] {
            pressure.observe(used, 0, 0);
            assert_eq!(pressure.step(), step, "{used}");
        }
    }

    #[test]
    fn what_the_kernel_holds_for_connections_counts() {
        let pressure = pressure();
        pressure.observe(50_000_000, 7_000, 0);
        assert_eq!(pressure.step(), Step::Refuse);
        pressure.observe(50_000_000, 600, 600);
        assert_eq!(pressure.step(), Step::Refuse);
    }

    #[test]
    fn as_many_connections_go_as_take_what_is_too_much_but_few_at_a_time() {
        let pressure = pressure();
        pressure.observe(90_000_000, 0, 0);
        assert_eq!(pressure.surplus(1_000), 0);
        pressure.observe(96_000_000, 0, 0);
        // 11 of 96 MB are too much, which is more than one in sixteen.
        assert_eq!(pressure.surplus(1_000), 63);
        assert_eq!((pressure.surplus(1), pressure.surplus(0)), (1, 0));
    }

    #[test]
    fn what_the_system_grants_holds_where_no_budget_is_set() {
        let pressure = Pressure::new(&config::Memory::default());
        pressure.grant(100_000_000);
        pressure.observe(90_000_000, 0, 0);
        assert_eq!(pressure.step(), Step::Refuse);
        pressure.retune(&config::Memory {
            budget_bytes: 1_000_000_000,
            ..config::Memory::default()
        });
        assert_eq!(pressure.step(), Step::Calm);
    }

    #[test]
    fn without_a_budget_memory_is_never_short() {
        let pressure = Pressure::new(&config::Memory::default());
        pressure.observe(usize::MAX, usize::MAX, 0);
        assert_eq!((pressure.step(), pressure.surplus(9)), (Step::Calm, 0));
    }
}
