//! Holds everything that the process measures about itself: counters, gauges, refusals, statistics, alerts and the
//! census.

use std::sync::LazyLock;
use std::time::SystemTime;

use crate::alerts::SharedAlerts;
use crate::census::CensusCache;
use crate::metrics::{
    Counters, Gauge, ListenerConnections, Refusals, Snapshot, StatsChannel, Timings, WorkerGauges,
};

/// The gauges of the TURN relay.
#[derive(Debug, Default)]
pub struct RelayGauges {
    /// Its allocations.
    pub allocations: Gauge,
    /// Its connections over TCP and TLS.
    pub connections: Gauge,
    /// The bytes relayed since midnight UTC or the start.
    pub bytes_today: Gauge,
}

/// The measurements of the process.
#[derive(Debug)]
pub struct Telemetry {
    /// One per worker.
    worker_counters: Box<[Counters]>,
    server_counters: Counters,
    ice_counters: Counters,
    relay_gauges: RelayGauges,
    shared_counters: Counters,
    /// One per worker.
    worker_gauges: Box<[WorkerGauges]>,
    /// The names of all listeners, by number.
    listener_names: Box<[String]>,
    stats_channel: StatsChannel,
    pub(super) refusals: Refusals,
    alerts: SharedAlerts,
    census: CensusCache,
}

impl Telemetry {
    pub(super) fn new(workers: usize, listener_names: Box<[String]>) -> Self {
        Self {
            worker_counters: (0..workers).map(|_| Counters::default()).collect(),
            server_counters: Counters::default(),
            ice_counters: Counters::default(),
            relay_gauges: RelayGauges::default(),
            shared_counters: Counters::default(),
            worker_gauges: (0..workers)
                .map(|_| WorkerGauges::new(listener_names.len()))
                .collect(),
            listener_names,
            stats_channel: StatsChannel::default(),
            refusals: Refusals::new(SystemTime::now()),
            alerts: SharedAlerts::default(),
            census: CensusCache::default(),
        }
    }

    /// Returns the counters of a worker. Only its thread may increment them.
    #[must_use]
    pub fn worker_counters(&self, worker: u8) -> &Counters {
        static FALLBACK: LazyLock<Counters> = LazyLock::new(Counters::default);
        let own = self.worker_counters.get(usize::from(worker));
        own.unwrap_or_else(|| &FALLBACK)
    }

    /// Returns the gauges of a worker. Only its thread may set them.
    #[must_use]
    pub fn worker_gauges(&self, worker: u8) -> &WorkerGauges {
        static FALLBACK: LazyLock<WorkerGauges> = LazyLock::new(WorkerGauges::default);
        let own = self.worker_gauges.get(usize::from(worker));
        own.unwrap_or_else(|| &FALLBACK)
    }

    /// Returns the counters of the server's main thread.
    #[must_use]
    pub fn server_counters(&self) -> &Counters {
        &self.server_counters
    }

    /// Returns the counters of the thread of the STUN server and the TURN relay. Only it may increment them.
    #[must_use]
    pub fn ice_counters(&self) -> &Counters {
        &self.ice_counters
    }

    /// Returns the gauges of the TURN relay. Only its thread may set them.
    #[must_use]
    pub fn relay_gauges(&self) -> &RelayGauges {
        &self.relay_gauges
    }

    /// Returns the counters that any thread may increment, with
    /// [`Counter::add_shared`](crate::metrics::Counter::add_shared).
    #[must_use]
    pub fn shared_counters(&self) -> &Counters {
        &self.shared_counters
    }

    /// Returns the sums of all counters.
    #[must_use]
    pub fn counters(&self) -> Snapshot {
        let others = [
            &self.server_counters,
            &self.ice_counters,
            &self.shared_counters,
        ];
        Snapshot::of(self.worker_counters.iter().chain(others))
    }

    /// Returns the gauges of each worker.
    #[must_use]
    pub fn gauges(&self) -> &[WorkerGauges] {
        &self.worker_gauges
    }

    /// Returns the timings of all workers in sum.
    #[must_use]
    pub fn timings(&self) -> Timings {
        let mut timings = Timings::default();
        for own in &self.worker_gauges {
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
                connections: self.worker_gauges.iter().map(of_worker).sum(),
            }
        };
        self.listener_names
            .iter()
            .enumerate()
            .map(reading)
            .collect()
    }

    /// Returns the channel that publishes the statistics of each second.
    #[must_use]
    pub fn stats_channel(&self) -> &StatsChannel {
        &self.stats_channel
    }

    /// Returns all refusals so far.
    #[must_use]
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Returns the alerts.
    #[must_use]
    pub fn alerts(&self) -> &SharedAlerts {
        &self.alerts
    }

    /// Returns the census of clients.
    #[must_use]
    pub fn census(&self) -> &CensusCache {
        &self.census
    }
}
