//! Publishes the statistics once a second: the counters, and the gauges of the node, the process, the sockets and the
//! certificates.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::certificate_gauges::CertificateGauges;
use super::handle::ServerState;
use super::private_address_warning::PrivateAddressWarning;
use crate::config::Config;
use crate::history::TopSwarm;
use crate::memory;
use crate::metrics::{Gauge, LastMinute, LoadGauges, Statistics, WorkerGauges};
use crate::net::OpenConnections;
use crate::net::tls::Certificates;
use crate::procfs::Process;
use crate::swarm::{Matchmaking, SwarmScan};

/// How often statistics are published.
const SAMPLE_EVERY: Duration = Duration::from_secs(1);
/// How often the largest swarms are recorded, and how many of them (`history_top_swarms`).
const TOP_SWARMS_EVERY: Duration = Duration::from_mins(10);
const TOP_SWARMS_MAX: usize = 100;

/// How often all swarms and addresses are scanned for the largest.
const LARGEST_EVERY: Duration = Duration::from_secs(10);

/// Collects and publishes the statistics.
pub(super) struct StatsSampler {
    state: Arc<ServerState>,
    open_connections: Arc<OpenConnections>,
    certificates: Option<Certificates>,
    started: Instant,
    /// The start time by the system clock, in seconds since 1970.
    start_time: f64,
    recent: LastMinute,
    /// Time of the last sample, and the processor time up to then.
    last_cpu_sample: Option<(Instant, Duration)>,
    /// When the largest swarms were last recorded, in steps of [`TOP_SWARMS_EVERY`] since 1970.
    top_swarms_step: u64,
    largest: Option<LargestScan>,
    private_share: PrivateAddressWarning,
}

/// What a scan of all swarms and addresses found, and its time.
#[derive(Debug, Clone, Copy)]
struct LargestScan {
    at: Instant,
    swarms: SwarmScan,
    address: u32,
    private_address: u32,
}

impl StatsSampler {
    pub(super) fn new(
        state: &Arc<ServerState>,
        open_connections: &Arc<OpenConnections>,
        certificates: Option<Certificates>,
    ) -> Self {
        Self {
            state: Arc::clone(state),
            open_connections: Arc::clone(open_connections),
            certificates,
            started: Instant::now(),
            start_time: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(f64::NAN, |since| since.as_secs_f64()),
            recent: LastMinute::default(),
            last_cpu_sample: None,
            top_swarms_step: 0,
            largest: None,
            private_share: PrivateAddressWarning::default(),
        }
    }

    /// Samples once a second; never completes.
    pub(super) async fn run(mut self) {
        let mut ticks = interval(SAMPLE_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let statistics = self.sample();
            self.private_share.check(&statistics.gauges);
            self.state.node.storage().history().record(&statistics);
            self.state
                .node
                .telemetry()
                .stats_channel()
                .publish(statistics);
            self.record_top_swarms(statistics.at);
        }
    }

    /// Records the largest swarms when they are due, if enabled.
    fn record_top_swarms(&mut self, now: SystemTime) {
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let step = since.as_secs() / TOP_SWARMS_EVERY.as_secs();
        let is_enabled = self.state.node.settings().history_top_swarms;
        let node = &self.state.node;
        let swarms = node.tracker().swarms();
        if !is_enabled || step == self.top_swarms_step || swarms.totals().swarms == 0 {
            return;
        }
        self.top_swarms_step = step;
        let largest = swarms.largest(TOP_SWARMS_MAX);
        let swarms = largest.into_iter().map(|(info_hash, counts)| TopSwarm {
            info_hash: info_hash.to_string(),
            seeders: counts.complete,
            leechers: counts.incomplete,
        });
        let at = UNIX_EPOCH + TOP_SWARMS_EVERY * u32::try_from(step).unwrap_or(u32::MAX);
        node.storage()
            .history()
            .record_top_swarms(at, swarms.collect());
    }

    fn sample(&mut self) -> Statistics {
        let mut statistics = Statistics {
            at: SystemTime::now(),
            counters: self.state.node.counters(),
            gauges: self.gauges(),
            timings: self.state.node.telemetry().timings(),
        };
        self.recent.set_gauges(&mut statistics);
        if self.state.node.tracker().rules().matchmaking == Matchmaking::Random {
            statistics.gauges.clear_matchmaking();
        }
        statistics
    }

    fn gauges(&mut self) -> LoadGauges {
        let process = Process::current();
        let cpu_time = process.cpu_time().ok();
        let spent = cpu_time.map(|(user, system)| user + system);
        let cpu_cores = spent.map_or(f64::NAN, |spent| self.cpu_cores(spent));
        let largest = self.largest();
        let node = &self.state.node;
        let totals = read_consistent(|| node.tracker().swarms().totals());
        let levels = node.telemetry().gauges();
        let sum = |of: fn(&WorkerGauges) -> &Gauge| {
            to_f64(levels.iter().map(of).map(Gauge::get).sum::<u64>())
        };
        let most = |of: fn(&WorkerGauges) -> &Gauge| {
            to_f64(levels.iter().map(of).map(Gauge::get).max().unwrap_or(0))
        };
        let loopback = sum(|of_worker| &of_worker.loopback);
        let lag = levels.iter().map(WorkerGauges::take_loop_lag).max();
        let certificates = self.certificate_gauges();
        let (history_works, history_size) = node.storage().history().health();
        let settings = node.settings();
        let config = settings.config();
        let (ipv4, ipv6, unix) = (
            sum(|of_worker| &of_worker.ipv4),
            sum(|of_worker| &of_worker.ipv6),
            sum(|of_worker| &of_worker.unix),
        );
        LoadGauges {
            // From the same sample, so that the parts add up to it.
            connections: ipv4 + ipv6 + unix,
            connections_ipv4: ipv4,
            connections_ipv6: ipv6,
            connections_unix: unix,
            connections_max: to_f64(self.connections_max(config)),
            swarms: to_f64(totals.swarms),
            seeders: to_f64(totals.seeders),
            leechers: to_f64(totals.leechers),
            members: to_f64(totals.seeders) + to_f64(totals.leechers),
            http_peers: to_f64(totals.http_peers),
            followers: to_f64(self.state.app_state.live_subscriber_count()),
            outbox: sum(|of_worker| &of_worker.outbox_bytes),
            outbox_fill: most(|of_worker| &of_worker.largest_outbox_bytes)
                / to_f64(config.connection.output_bytes_max),
            responses_waiting: to_f64(node.admission().response_bytes()),
            http_blocked: sum(|of_worker| &of_worker.http_blocked),
            subscriptions: sum(|of_worker| &of_worker.subscriptions),
            bans_in_force: to_f64(node.admission().active_ban_count(node.clock().uptime())),
            addresses_known: to_f64(node.admission().addresses().record_count()),
            largest_address_connections: to_f64(largest.address),
            largest_private_address_connections: loopback.max(to_f64(largest.private_address)),
            largest_swarm_members: to_f64(largest.swarms.largest_members),
            members_alone: to_f64(largest.swarms.alone),
            alerts_firing: to_f64(node.telemetry().alerts().lock().summary().firing),
            memory_resident: memory::resident_bytes().map_or(f64::NAN, to_f64),
            memory_budget: to_f64(node.admission().pressure().budget_bytes()),
            cpu_cores,
            cpu_time: spent.map_or(f64::NAN, |spent| spent.as_secs_f64()),
            open_sockets: to_f64(self.open_connections.open()),
            open_files: process.open_files().map_or(f64::NAN, to_f64),
            open_files_max: self.open_files_max(),
            loop_lag: lag.unwrap_or_default().as_secs_f64(),
            announce_interval: most(|of_worker| &of_worker.announce_interval),
            certificate_left: certificates.left,
            certificate_margin: certificates.margin,
            history_works,
            history_size,
            uptime: self.started.elapsed().as_secs_f64(),
            start_time: self.start_time,
            // Gauges over the last minute are filled in later.
            ..self.ice_gauges(config)
        }
    }

    fn certificate_gauges(&self) -> CertificateGauges {
        let certificates = self.certificates.iter().flat_map(Certificates::all);
        CertificateGauges::new(certificates, SystemTime::now())
    }

    /// Returns the gauges of STUN server and TURN relay; all others are zero.
    fn ice_gauges(&self, config: &Config) -> LoadGauges {
        let relay = self.state.node.telemetry().relay_gauges();
        let ice = &config.ice;
        let unless_off = |value: u64| if ice.turn { to_f64(value) } else { f64::NAN };
        LoadGauges {
            stun_works: self.stun_works(),
            turn_allocations: unless_off(relay.allocations.get()),
            turn_allocations_max: to_f64(ice.turn_allocations_max),
            turn_connections: unless_off(relay.connections.get()),
            turn_connections_max: to_f64(ice.turn_connections_max),
            turn_bytes_today: to_f64(relay.bytes_today.get()),
            turn_bytes_per_day: to_f64(ice.turn_bytes_per_day.unwrap_or(0)),
            ..LoadGauges::default()
        }
    }

    fn connections_max(&self, config: &Config) -> usize {
        let max = self.open_connections.max();
        let limit = config.limits.connections_max;
        limit.map_or(max, |limit| limit.min(max))
    }

    fn open_files_max(&self) -> f64 {
        let max = self.open_connections.open_files_max();
        max.map_or(f64::NAN, to_f64)
    }

    /// Returns whether clients reach the STUN server; NaN if it is off.
    fn stun_works(&self) -> f64 {
        let node = &self.state.node;
        if self.state.app_state.stun_sockets().is_empty() {
            return f64::NAN;
        }
        let status = node.stun_reachability().status(node.clock().uptime());
        f64::from(u8::from(status.is_published()))
    }

    /// Returns the largest swarm and address. Cached, because only this scan visits each swarm and address.
    fn largest(&mut self) -> LargestScan {
        let now = Instant::now();
        let node = &self.state.node;
        let recent = self
            .largest
            .filter(|recent| now - recent.at < LARGEST_EVERY);
        *self.largest.insert(recent.unwrap_or_else(|| LargestScan {
            at: now,
            swarms: node.tracker().swarms().scan(),
            address: node.admission().addresses().largest_connections(),
            private_address: node.admission().addresses().largest_private_connections(),
        }))
    }

    /// Returns the average number of busy cores since the last call.
    fn cpu_cores(&mut self, spent: Duration) -> f64 {
        let now = Instant::now();
        match self.last_cpu_sample.replace((now, spent)) {
            Some((before, spent_before)) if now > before => {
                let elapsed = (now - before).as_secs_f64();
                spent.saturating_sub(spent_before).as_secs_f64() / elapsed
            }
            _ => f64::NAN,
        }
    }
}

/// Reads totals that change concurrently: repeats until two readings agree, or gives up after a few.
fn read_consistent<T: PartialEq>(read: impl Fn() -> T) -> T {
    const READINGS_MAX: usize = 5;
    let mut previous = read();
    for _ in 0..READINGS_MAX {
        let now = read();
        if now == previous {
            break;
        }
        previous = now;
    }
    previous
}

/// Converts a count or a number of bytes.
#[expect(clippy::cast_precision_loss, reason = "exact up to nine quadrillions")]
fn to_f64(number: impl TryInto<u64>) -> f64 {
    number.try_into().map_or(f64::NAN, |number| number as f64)
}
