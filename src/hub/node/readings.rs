//! What can be read of the node, by whoever shows numbers: statistics, the admin API.

use std::time::Duration;

use super::Node;
use crate::hub::offenders::Offender;
use crate::insight::{Level, Levels, ListenerReading, Snapshot, Timings};
use crate::limits::{Ban, OriginCount};

impl Node {
    /// What each worker measures about itself.
    #[must_use]
    pub fn levels(&self) -> &[Levels] {
        &self.levels
    }

    /// How long things took on all workers.
    #[must_use]
    pub fn timings(&self) -> Timings {
        let mut timings = Timings::default();
        for own in &self.levels {
            timings.handle_time.add(&own.handle_time);
            timings.answer_time.add(&own.answer_time);
        }
        timings
    }

    /// How many WebSockets came in at each listener and are open.
    #[must_use]
    pub fn listeners(&self) -> Vec<ListenerReading> {
        let reading = |(number, name): (usize, &String)| {
            let of_worker = |own: &Levels| own.listeners.get(number).map_or(0, Level::get);
            ListenerReading {
                name: name.clone(),
                connections: self.levels.iter().map(of_worker).sum(),
            }
        };
        self.listeners.iter().enumerate().map(reading).collect()
    }

    /// The sites whose pages are connected, those with the most first.
    #[must_use]
    pub fn origins(&self) -> Vec<OriginCount> {
        self.origins.list()
    }

    /// The bans in force, the longest first.
    #[must_use]
    pub fn bans(&self, now: Duration) -> Vec<Ban> {
        self.bans.list(now)
    }

    /// The connections that were closed as hostile within the last hour, the oldest first.
    #[must_use]
    pub fn offenders(&self, now: Duration) -> Vec<Offender> {
        self.offenders.list(now)
    }

    /// How many bans are in force; `now` is the time since the process started.
    #[must_use]
    pub fn bans_in_force(&self, now: Duration) -> usize {
        self.bans.in_force(now)
    }

    /// All counters, added up.
    #[must_use]
    pub fn counters(&self) -> Snapshot {
        let others = [&self.own_counters, &self.shared_counters];
        let all = self.counters.iter().chain(others);
        Snapshot::of(all).with(self.store.counters())
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> u64 {
        let counters = self.counters();
        // Read one after the other, while workers count on.
        counters
            .connections_opened
            .saturating_sub(counters.connections_closed)
    }
}
