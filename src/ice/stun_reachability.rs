//! Decides whether pages get the address of the STUN server: a server whose UDP port is blocked makes every connection slow.
//!
//! The server cannot see its own port from outside. But pages that get its address send Bindings within seconds. So it
//! withholds the server for a while if pages at public addresses got it and no Binding came from any. One Binding
//! proves the port. Times are arguments.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// Pages that get the address before a missing Binding counts. Some visitors only look at a page and connect to nobody.
const PUBLISHED_MIN: u32 = 10;
/// The time that those pages have for a Binding.
const WAIT: Duration = Duration::from_mins(1);
/// How long the server is withheld before it gets another try.
const WITHHOLD: Duration = Duration::from_mins(10);

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
    has_proof: bool,
    /// Pages that got the address since the last Binding, and when the first of them did.
    published: u32,
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

    /// Records that a client with a public address asks for the servers. Returns the status, and whether it has just
    /// become worse: then a log line is due.
    pub fn record_request(&self, now: Duration) -> (StunStatus, bool) {
        let mut state = self.state.lock();
        self.update(&mut state, now);
        if let Some((_, status)) = state.withheld {
            return (status, false);
        }
        if state.published == 0 {
            state.published_since = now;
        }
        state.published = state.published.saturating_add(1);
        let is_overdue = now.saturating_sub(state.published_since) >= WAIT;
        if state.published < PUBLISHED_MIN || !is_overdue {
            return (state.status(), false);
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
                has_proof: true,
                ..State::default()
            };
        } else if state.withheld.is_some_and(|(until, _)| now >= until) {
            *state = State::default();
        }
    }
}

impl State {
    fn status(&self) -> StunStatus {
        match self.withheld {
            Some((_, status)) => status,
            None if self.has_proof => StunStatus::Reachable,
            None => StunStatus::Untested,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Lets `number` pages ask, one each ten seconds from `start` on. Returns the last result.
    fn request_each(port: &StunReachability, start: Duration, number: u32) -> (StunStatus, bool) {
        (0..number)
            .map(|page| port.record_request(start + 10 * SECOND * page))
            .last()
            .expect("at least one page")
    }

    #[test]
    fn a_port_that_no_binding_reaches_is_withheld_and_tried_again() {
        let port = StunReachability::default();
        assert_eq!(
            request_each(&port, SECOND, 9),
            (StunStatus::Untested, false)
        );
        let now = 100 * SECOND;
        assert_eq!(port.record_request(now), (StunStatus::Unreachable, true));
        assert_eq!(port.record_request(now), (StunStatus::Unreachable, false));
        assert!(!port.status(now + 599 * SECOND).is_published());
        assert_eq!(port.status(now + WITHHOLD), StunStatus::Untested);
        assert_eq!(
            request_each(&port, now + WITHHOLD, 10),
            (StunStatus::Unreachable, true)
        );
    }

    #[test]
    fn one_binding_proves_the_port_at_once() {
        let port = StunReachability::default();
        request_each(&port, SECOND, 10);
        port.record_binding(true);
        assert_eq!(port.status(200 * SECOND), StunStatus::Reachable);
        // A firewall may change later.
        assert_eq!(
            request_each(&port, 201 * SECOND, 9),
            (StunStatus::Reachable, false)
        );
        port.record_binding(true);
        assert_eq!(
            request_each(&port, 300 * SECOND, 9),
            (StunStatus::Reachable, false)
        );
        assert_eq!(
            request_each(&port, 400 * SECOND, 1),
            (StunStatus::Unreachable, true)
        );
    }

    #[test]
    fn many_pages_at_once_are_no_evidence() {
        let port = StunReachability::default();
        for _ in 0..1000 {
            assert_eq!(port.record_request(SECOND), (StunStatus::Untested, false));
        }
    }

    #[test]
    fn bindings_from_private_addresses_only_are_another_fault() {
        let port = StunReachability::default();
        port.record_binding(false);
        assert_eq!(
            request_each(&port, SECOND, 10),
            (StunStatus::SourcesHidden, true)
        );
        port.record_binding(true);
        assert_eq!(port.status(200 * SECOND), StunStatus::Reachable);
    }
}
