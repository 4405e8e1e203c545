//! Fills a history database with years of synthetic data through the server's own store, and measures file size and
//! time per sample.
//!
//! `cargo run --release --example history -- FILE YEARS` writes as many samples into each level as it takes to fill it,
//! and prints sizes and times. With `memory` as FILE nothing is written to disk. `history FILE swarms` writes the
//! largest swarms of thirty days. `history FILE forever` writes samples without end and prints a line after each; a
//! test kills it.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use swarmhub::history::{HistoryLocation, HistoryStore, TopSwarm};
use swarmhub::metrics::Statistics;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
/// For ages above the first number, the second is the seconds between samples: three samples per step of the level that
/// covers that age.
const SAMPLE_SPACING: [(u64, u64); 4] = [(180 * DAY, 1200), (14 * DAY, 200), (DAY, 20), (0, 10)];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [file, amount] = arguments.as_slice() else {
        return Err("usage: history FILE YEARS|swarms|forever".into());
    };
    let location = match file.as_str() {
        "memory" => HistoryLocation::Memory,
        file => HistoryLocation::File(PathBuf::from(file)),
    };
    let before = resident();
    let (store, writer) = HistoryStore::open(location.clone());
    std::thread::spawn(move || writer.run());
    match amount.as_str() {
        "forever" => record_forever(&store).await?,
        "swarms" => record_swarms(&store).await,
        years => fill(&store, years.parse()?).await?,
    }
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{} bytes in {location}", store.health().1)?;
    if let (Some(before), Some(now)) = (before, resident()) {
        writeln!(stdout, "{} bytes more in the process", now - before)?;
    }
    store.close().await;
    if let HistoryLocation::File(file) = location {
        let bytes = std::fs::metadata(file)?.len();
        writeln!(stdout, "{bytes} bytes after closing")?;
    }
    Ok(())
}

/// Returns the resident memory of the process in bytes (proc(5), `statm`), where available.
fn resident() -> Option<i64> {
    const PAGE: i64 = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: i64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * PAGE)
}

/// Records the hundred largest swarms every ten minutes for thirty-one days, so that the oldest day is deleted.
async fn record_swarms(store: &HistoryStore) {
    const MOMENTS: u64 = 31 * 144;
    let mut stats = SyntheticStats::new(SystemTime::now() - Duration::from_secs(MOMENTS * 600));
    for _ in 0..MOMENTS {
        stats.skip(600);
        let swarm = |_| TopSwarm {
            info_hash: [(); 5]
                .map(|()| format!("{:08x}", stats.random_below(u32::MAX)))
                .concat(),
            seeders: stats.random_below(10_000),
            leechers: stats.random_below(10_000),
        };
        let swarms = (0..100).map(swarm).collect();
        store.record_top_swarms(stats.statistics.at, swarms);
        store.flush().await;
    }
    // Sizes are updated with each sample.
    for _ in 0..2 {
        stats.record(store, 10).await;
    }
}

async fn record_forever(store: &HistoryStore) -> Result<(), Box<dyn Error>> {
    let mut stats = SyntheticStats::new(SystemTime::now());
    loop {
        stats.record(store, 10).await;
        writeln!(std::io::stdout(), "{}", store.counters().history_samples)?;
    }
}

async fn fill(store: &HistoryStore, years: u64) -> Result<(), Box<dyn Error>> {
    let mut ago = years * 365 * DAY;
    let start = Instant::now();
    let mut stats = SyntheticStats::new(SystemTime::now() - Duration::from_secs(ago));
    let (mut samples, mut longest) = (0_u32, Duration::ZERO);
    while ago > 20 {
        let spacing = SAMPLE_SPACING.iter().find(|(before, _)| ago > *before);
        let step = spacing.map_or(10, |(_, step)| *step).min(ago);
        // A longer interval counts as a gap, so a sample takes two records.
        if step > 10 {
            stats.skip(step - 10);
            store.record(&stats.statistics);
        }
        let since = Instant::now();
        stats.record(store, 10).await;
        longest = longest.max(since.elapsed());
        samples += 1;
        ago -= step;
    }
    let per_sample = start.elapsed() / samples.max(1);
    writeln!(
        std::io::stdout(),
        "{samples} samples, {per_sample:?} each and {longest:?} at most, on the history thread and back"
    )?;
    Ok(())
}

/// Synthetic statistics of a busy tracker: every value changes, no value is round.
struct SyntheticStats {
    statistics: Statistics,
    noise: u64,
}

impl SyntheticStats {
    fn new(at: SystemTime) -> Self {
        let statistics = Statistics {
            at,
            ..Statistics::default()
        };
        Self {
            statistics,
            noise: 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// Returns a pseudo-random number below `most` (xorshift).
    fn random_below(&mut self, bound: u32) -> u32 {
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 7;
        self.noise ^= self.noise << 17;
        u32::try_from(self.noise % u64::from(bound)).unwrap_or(0)
    }

    fn skip(&mut self, seconds: u64) {
        self.statistics.at += Duration::from_secs(seconds);
    }

    /// Advances by `seconds`, records a sample, and waits until it is written.
    async fn record(&mut self, store: &HistoryStore, seconds: u64) {
        self.skip(seconds);
        let mut gauge = |most| f64::from(self.random_below(most));
        let (connections, swarms, seeders) = (gauge(100_000), gauge(20_000), gauge(50_000));
        let (memory, sockets, bans) = (gauge(900_000_000), gauge(100_000), gauge(100));
        let (cores, lag, interval) = (gauge(2_000) / 1e3, gauge(100_000) / 1e6, gauge(75) + 45.0);
        let gauges = &mut self.statistics.gauges;
        gauges.connections = connections;
        gauges.connections_ipv4 = seeders;
        gauges.connections_ipv6 = connections - seeders;
        gauges.offers_answered = cores / 3.0;
        gauges.answer_time_p50 = lag * 7.0;
        gauges.answer_time_p99 = lag * 31.0;
        gauges.handle_time_p50 = lag / 77.0;
        gauges.handle_time_p99 = lag / 11.0;
        gauges.outbox_fill = lag * 3.0;
        gauges.swarms = swarms;
        gauges.seeders = seeders;
        gauges.leechers = connections - seeders;
        gauges.http_peers = swarms / 2.0;
        gauges.memory_resident = memory;
        gauges.open_sockets = sockets;
        gauges.bans_in_force = bans;
        gauges.cpu_cores = cores;
        gauges.loop_lag = lag;
        gauges.announce_interval = interval;
        let mut more = |most| u64::from(self.random_below(most));
        let (announces, offers, answers) = (more(20_000), more(100_000), more(50_000));
        let (opened, closed, refused) = (more(1_000), more(1_000), more(100));
        let counters = &mut self.statistics.counters;
        counters.announces += announces;
        counters.offers_relayed += offers;
        counters.answers_relayed += answers;
        counters.scrapes += opened;
        counters.connections_opened += opened;
        counters.connections_closed += closed;
        counters.connections_dead += refused;
        counters.offers_received += offers;
        counters.answers_received += answers;
        counters.bytes_received += offers * 2000;
        counters.bytes_sent += offers * 2100;
        counters.memberships_expired += refused;
        counters.failures_malformed += refused;
        counters.http_announces += opened;
        counters.http_scrapes += refused;
        counters.failures_http_malformed += refused;
        counters.handshakes_failed += refused;
        store.record(&self.statistics);
        store.flush().await;
    }
}
