//! Provides readings of the node for statistics and the admin API.

use std::time::Duration;

use super::Node;
use crate::hub::abuse_log::AbuseRecord;
use crate::limits::{Ban, OriginCount};
use crate::metrics::{Gauge, ListenerConnections, Snapshot, Timings, WorkerGauges};

impl Node {
    /// Returns the gauges of each worker.
    #[must_use]
    pub fn gauges(&self) -> &[WorkerGauges] {
        &self.gauges
    }

    /// Returns the timings of all workers in sum.
    #[must_use]
    pub fn timings(&self) -> Timings {
        let mut timings = Timings::default();
        for own in &self.gauges {
            timings.handle_time.add(&own.handle_time);
            timings.answer_time.add(&own.answer_time);
        }
        timings
    }

    /// Returns the number of open WebSockets of each listener.
    #[must_use]
    pub fn listener_readings(&self) -> Vec<ListenerConnections> {
        let reading = |(number, name): (usize, &String)| {
            let of_worker = |own: &WorkerGauges| own.listeners.get(number).map_or(0, Gauge::get);
            ListenerConnections {
                name: name.clone(),
                connections: self.gauges.iter().map(of_worker).sum(),
            }
        };
        self.listener_names
            .iter()
            .enumerate()
            .map(reading)
            .collect()
    }

    /// Returns the origins whose pages are connected, those with most connections first.
    #[must_use]
    pub fn origins(&self) -> Vec<OriginCount> {
        self.origins.list()
    }

    /// Returns the active bans, the longest first.
    #[must_use]
    pub fn active_bans(&self, now: Duration) -> Vec<Ban> {
        self.bans.active(now)
    }

    /// Returns the connections that were closed as hostile within the last hour, the oldest first.
    #[must_use]
    pub fn recent_abuse(&self, now: Duration) -> Vec<AbuseRecord> {
        self.abuse_log.recent(now)
    }

    /// Returns the number of active bans. `now` is the time since the process started.
    #[must_use]
    pub fn active_ban_count(&self, now: Duration) -> usize {
        self.bans.active_count(now)
    }

    /// Returns the sums of all counters.
    #[must_use]
    pub fn counters(&self) -> Snapshot {
        let others = [&self.server_counters, &self.shared_counters];
        let all = self.counters.iter().chain(others);
        Snapshot::of(all).with(self.store.counters())
    }

    /// Returns the number of open connections.
    #[must_use]
    pub fn connections(&self) -> u64 {
        let counters = self.counters();
        // The two counters are read one after the other while workers increment them.
        counters
            .connections_opened
            .saturating_sub(counters.connections_closed)
    }
}
