//! Decides whether pages get the address of the STUN server: a server whose UDP port is blocked makes every connection slow.
//!
//! The server cannot see its own port from outside. But pages that get its address send Bindings within seconds. So it
//! withholds the server for a while if pages at several public addresses got it and no Binding came from any. One Binding
//! proves the port for a day, so that no few clients can have the server withheld from all. Times are arguments.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// Different networks whose pages get the address before a missing Binding counts. Some visitors only look at a page and
/// connect to nobody, and one client can ask many times.
const PUBLISHED_MIN: usize = 10;
/// The time that those pages have for a Binding.
const WAIT: Duration = Duration::from_mins(1);
/// How long the server is withheld before it gets another try.
const WITHHOLD: Duration = Duration::from_mins(10);
/// How long a Binding proves the port. A firewall may change later.
const PROOF: Duration = Duration::from_hours(24);

/// Whether the UDP port is reached from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StunStatus {
    /// Not known yet, or about to be tried again.
    Untested,
    /// A Binding came from a public address since the last doubt.
    Reachable,
    /// Pages got the address, but no Binding came. The server is withheld.
    Unreachable,
    /// Bindings come only from private addresses, so something in front hides the clients. The server is withheld.
    SourcesHidden,
}

impl StunStatus {
    /// Returns whether pages get the address of the server.
    #[must_use]
    pub const fn is_published(self) -> bool {
        matches!(self, Self::Untested | Self::Reachable)
    }
}

/// The evidence for and against the UDP port. The thread of the STUN server only sets flags; `/ice` takes the lock.
#[derive(Debug, Default)]
pub struct StunReachability {
    seen_public: AtomicBool,
    seen_private: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Until when the last Binding proves the port.
    proven_until: Option<Duration>,
    /// Hashes of the networks whose pages got the address since the proof ended, and when the first of them did.
    published: Vec<u64>,
    published_since: Duration,
    /// Until when, and why, the server is withheld.
    withheld: Option<(Duration, StunStatus)>,
}

impl StunReachability {
    /// Records a Binding request. `is_public` tells whether its source is an address of the internet.
    pub fn record_binding(&self, is_public: bool) {
        let seen = if is_public {
            &self.seen_public
        } else {
            &self.seen_private
        };
        // Reads first, so that cores do not pass the cache line around for each datagram.
        if !seen.load(Ordering::Relaxed) {
            seen.store(true, Ordering::Relaxed);
        }
    }

    /// Records that a client with a public address asks for the servers. `network` is the hash of its address or network.
    /// Returns the status, and whether it has just become worse: then a log line is due.
    pub fn record_request(&self, network: u64, now: Duration) -> (StunStatus, bool) {
        let mut state = self.state.lock();
        self.update(&mut state, now);
        let status = state.status();
        if status != StunStatus::Untested {
            return (status, false);
        }
        if state.published.is_empty() {
            state.published_since = now;
        }
        if state.published.len() < PUBLISHED_MIN && !state.published.contains(&network) {
            state.published.push(network);
        }
        let is_overdue = now.saturating_sub(state.published_since) >= WAIT;
        if state.published.len() < PUBLISHED_MIN || !is_overdue {
            return (status, false);
        }
        let status = if self.seen_private.swap(false, Ordering::Relaxed) {
            StunStatus::SourcesHidden
        } else {
            StunStatus::Unreachable
        };
        *state = State {
            withheld: Some((now + WITHHOLD, status)),
            ..State::default()
        };
        (status, true)
    }

    /// Returns the status.
    pub fn status(&self, now: Duration) -> StunStatus {
        let mut state = self.state.lock();
        self.update(&mut state, now);
        state.status()
    }

    /// Takes the evidence of the STUN server's thread, and ends a withholding that is over.
    fn update(&self, state: &mut State, now: Duration) {
        if self.seen_public.swap(false, Ordering::Relaxed) {
            self.seen_private.store(false, Ordering::Relaxed);
            *state = State {
                proven_until: Some(now + PROOF),
                ..State::default()
            };
        }
        let is_over = |until: Duration| now >= until;
        if state.proven_until.is_some_and(is_over)
            || state.withheld.is_some_and(|(until, _)| is_over(until))
        {
            *state = State::default();
        }
    }
}

impl State {
    fn status(&self) -> StunStatus {
        match self.withheld {
            Some((_, status)) => status,
            None if self.proven_until.is_some() => StunStatus::Reachable,
            None => StunStatus::Untested,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Lets pages of `number` networks ask, one each ten seconds from `start` on. Returns the last result.
    fn request_each(port: &StunReachability, start: Duration, number: u32) -> (StunStatus, bool) {
        (0..number)
            .map(|page| port.record_request(page.into(), start + 10 * SECOND * page))
            .last()
            .expect("at least one page")
    }

    #[test]
    fn a_port_that_no_binding_reaches_is_withheld_and_tried_again() {
        let port = StunReachability::default();
        let untested = (StunStatus::Untested, false);
        assert_eq!(request_each(&port, SECOND, 9), untested);
        let (now, failed) = (100 * SECOND, StunStatus::Unreachable);
        assert_eq!(port.record_request(99, now), (failed, true));
        assert_eq!(port.record_request(98, now), (failed, false));
        assert!(!port.status(now + 599 * SECOND).is_published());
        assert_eq!(port.status(now + WITHHOLD), StunStatus::Untested);
        assert_eq!(request_each(&port, now + WITHHOLD, 10), (failed, true));
    }

    #[test]
    fn one_binding_proves_the_port_for_a_day() {
        let port = StunReachability::default();
        request_each(&port, SECOND, 10);
        port.record_binding(true);
        let now = 200 * SECOND;
        assert_eq!(port.status(now), StunStatus::Reachable);
        let reachable = (StunStatus::Reachable, false);
        assert_eq!(request_each(&port, now, 1000), reachable);
        assert_eq!(port.status(now + PROOF), StunStatus::Untested);
        let failed = (StunStatus::Unreachable, true);
        assert_eq!(request_each(&port, now + PROOF, 10), failed);
    }

    #[test]
    fn one_network_cannot_have_the_server_withheld() {
        let port = StunReachability::default();
        for second in 0..1000 {
            let result = port.record_request(7, SECOND * second);
            assert_eq!(result, (StunStatus::Untested, false));
        }
    }

    #[test]
    fn many_pages_at_once_are_no_evidence() {
        let port = StunReachability::default();
        for page in 0..1000 {
            let result = port.record_request(page, SECOND);
            assert_eq!(result, (StunStatus::Untested, false));
        }
    }

    #[test]
    fn bindings_from_private_addresses_only_are_another_fault() {
        let port = StunReachability::default();
        port.record_binding(false);
        let hidden = (StunStatus::SourcesHidden, true);
        assert_eq!(request_each(&port, SECOND, 10), hidden);
        port.record_binding(true);
        assert_eq!(port.status(200 * SECOND), StunStatus::Reachable);
    }
}
