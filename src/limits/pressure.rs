//! How near the process is to the end of its memory, and what follows: first nobody new, then who is idle has to go.
//!
//! Counts nothing itself: the worker hands in what the system says, the hub acts on it.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::RwLock;

use crate::config;

/// What the kernel holds for a connection beside the process's own memory: its socket with empty buffers.
const KERNEL_BYTES_PER_CONNECTION: usize = 5 * 1024;

/// What the kernel holds beyond that for a connection whose client takes nothing of what is sent to it: unsent bytes and their
/// bookkeeping, as far as the socket's options let it (`net::tcp`).
pub const KERNEL_BYTES_PER_BLOCKED: usize = 64 * 1024;
/// For how long those who hold what is usual are spared after others were closed: until it is seen what that gave back.
const SPARED: Duration = Duration::from_secs(2);

/// How short memory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Not at all.
    Calm,
    /// Over `memory.refuse_percent` of the budget: no new connections and swarms, and the longest interval.
    Refuse,
    /// Over `memory.shed_percent`: also connections are closed, those that hold most first.
    Shed,
}

/// The budget and what is used of it.
#[derive(Debug)]
pub struct Pressure {
    policy: RwLock<config::Memory>,
    /// What the system grants where no budget is set; 0 for none.
    granted_bytes: AtomicUsize,
    used: AtomicUsize,
    /// Until when connections that hold what is usual are spared, in milliseconds since the process started.
    spared_until: AtomicU64,
}

impl Pressure {
    /// By `memory.*`; without a budget there is never any.
    #[must_use]
    pub fn new(memory: &config::Memory) -> Self {
        Self {
            policy: RwLock::new(memory.clone()),
            granted_bytes: AtomicUsize::new(0),
            used: AtomicUsize::new(0),
            spared_until: AtomicU64::new(0),
        }
    }

    /// Goes by another budget from now on.
    pub fn retune(&self, memory: &config::Memory) {
        *self.policy.write() = memory.clone();
    }

    /// Sets the budget that holds where none is set.
    pub fn grant(&self, bytes: usize) {
        self.granted_bytes.store(bytes, Ordering::Relaxed);
    }

    /// The budget in force; 0 for none.
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

    /// Takes note of the memory of the process, and of its connections, of which so many over HTTP take nothing.
    pub fn observe(&self, resident_bytes: usize, connections: usize, blocked: usize) {
        let sockets = connections.saturating_mul(KERNEL_BYTES_PER_CONNECTION);
        let unsent = blocked.saturating_mul(KERNEL_BYTES_PER_BLOCKED);
        let used = resident_bytes
            .saturating_add(sockets)
            .saturating_add(unsent);
        self.used.store(used, Ordering::Relaxed);
    }

    /// Bytes used, sockets included.
    #[must_use]
    pub fn used_bytes(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// How short memory is.
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

    /// Bytes that are to be given back now. None before [`Step::Shed`].
    #[must_use]
    pub fn surplus_bytes(&self) -> usize {
        if self.step() < Step::Shed {
            return 0;
        }
        let refuse = self.policy.read().refuse_percent;
        self.used_bytes().saturating_sub(self.part(refuse))
    }

    /// Spares connections that hold what is usual for some seconds.
    pub fn spare_usual(&self, now: Duration) {
        let until = u64::try_from((now + SPARED).as_millis()).unwrap_or(u64::MAX);
        self.spared_until.store(until, Ordering::Relaxed);
    }

    /// Whether connections may be closed that hold what is usual.
    #[must_use]
    pub fn may_shed_usual(&self, now: Duration) -> bool {
        now.as_millis() >= u128::from(self.spared_until.load(Ordering::Relaxed))
    }

    /// How many of so many connections are to be closed now: those whose share of the memory is over what may be used, a few
    /// at a time, as it takes a moment until their memory is seen to be free. None before [`Step::Shed`].
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

/// At most one in so many connections is closed in a second.
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
