//! The events of a simulation, in the order of their times; those of one time in the order of their creation.

use std::collections::BTreeMap;
use std::time::Duration;

/// A queue of future events. Times count from the start of the simulation.
pub(crate) struct EventQueue<E> {
    events: BTreeMap<(Duration, u64), E>,
    added: u64,
}

impl<E> Default for EventQueue<E> {
    fn default() -> Self {
        Self {
            events: BTreeMap::new(),
            added: 0,
        }
    }
}

impl<E> EventQueue<E> {
    /// Adds an event.
    pub(crate) fn add(&mut self, at: Duration, event: E) {
        self.added += 1;
        self.events.insert((at, self.added), event);
    }

    /// Returns the time of the next event.
    pub(crate) fn next_at(&self) -> Option<Duration> {
        self.events.keys().next().map(|(at, _)| *at)
    }

    /// Removes the next event if it happens until `end`.
    pub(crate) fn pop_until(&mut self, end: Duration) -> Option<(Duration, E)> {
        let next = self.events.first_entry()?;
        let (at, _) = *next.key();
        (at <= end).then(|| (at, next.remove()))
    }
}
