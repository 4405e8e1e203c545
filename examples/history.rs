//! Fills a history with made-up years, through the same door as the server: what the file takes and what a sample costs.
//!
//! `cargo run --release --example history -- FILE YEARS` writes as many samples into each level as it takes to fill it, and
//! prints sizes and times; with the word `memory` for the file, nothing goes to the disk. `history FILE swarms` writes the largest
//! swarms of thirty days. `history FILE forever` writes samples without end, and a line after each: a test kills it.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use swarmhub::insight::Statistics;
use swarmhub::insight::history::{Place, Store, TopSwarm};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
/// Before so many seconds, so many apart: three samples in each step of the level that reaches back that far.
const PACE: [(u64, u64); 4] = [(180 * DAY, 1200), (14 * DAY, 200), (DAY, 20), (0, 10)];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [file, amount] = arguments.as_slice() else {
        return Err(
            "give a file, and a number of years or one of the words swarms and forever".into(),
        );
    };
    let place = match file.as_str() {
        "memory" => Place::Memory,
        file => Place::File(PathBuf::from(file)),
    };
    let before = resident();
    let (store, keeper) = Store::at(place.clone());
    std::thread::spawn(move || keeper.run());
    match amount.as_str() {
        "forever" => forever(&store).await?,
        "swarms" => swarms(&store).await,
        years => fill(&store, years.parse()?).await?,
    }
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{} bytes in {place}", store.health().1)?;
    if let (Some(before), Some(now)) = (before, resident()) {
        writeln!(stdout, "{} bytes more in the process", now - before)?;
    }
    store.close().await;
    if let Place::File(file) = place {
        let bytes = std::fs::metadata(file)?.len();
        writeln!(stdout, "{bytes} bytes when it was closed")?;
    }
    Ok(())
}

/// Bytes of memory that the process has (proc(5), `statm`), where the system tells.
fn resident() -> Option<i64> {
    const PAGE: i64 = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: i64 = statm.split(' ').nth(1)?.parse().ok()?;
    Some(pages * PAGE)
}

/// The hundred largest swarms of each ten minutes in thirty days, and of one day more, so that the oldest have gone.
async fn swarms(store: &Store) {
    const MOMENTS: u64 = 31 * 144;
    let mut made = Made::new(SystemTime::now() - Duration::from_secs(MOMENTS * 600));
    for _ in 0..MOMENTS {
        made.skip(600);
        let swarm = |_| TopSwarm {
            info_hash: [(); 5]
                .map(|()| format!("{:08x}", made.upto(u32::MAX)))
                .concat(),
            seeders: made.upto(10_000),
            leechers: made.upto(10_000),
        };
        let swarms = (0..100).map(swarm).collect();
        store.record_top_swarms(made.statistics.at, swarms);
        store.flush().await;
    }
    // Sizes are told with a sample.
    for _ in 0..2 {
        made.record(store, 10).await;
    }
}

async fn forever(store: &Store) -> Result<(), Box<dyn Error>> {
    let mut made = Made::new(SystemTime::now());
    loop {
        made.record(store, 10).await;
        writeln!(std::io::stdout(), "{}", store.counters().history_samples)?;
    }
}

async fn fill(store: &Store, years: u64) -> Result<(), Box<dyn Error>> {
    let mut ago = years * 365 * DAY;
    let began = Instant::now();
    let mut made = Made::new(SystemTime::now() - Duration::from_secs(ago));
    let (mut samples, mut longest) = (0_u32, Duration::ZERO);
    while ago > 20 {
        let pace = PACE.iter().find(|(before, _)| ago > *before);
        let step = pace.map_or(10, |(_, step)| *step).min(ago);
        // What lies further apart is a gap, so a sample takes two looks.
        if step > 10 {
            made.skip(step - 10);
            store.record(&made.statistics);
        }
        let since = Instant::now();
        made.record(store, 10).await;
        longest = longest.max(since.elapsed());
        samples += 1;
        ago -= step;
    }
    let each = began.elapsed() / samples.max(1);
    writeln!(
        std::io::stdout(),
        "{samples} samples, {each:?} each and {longest:?} at most, on the thread of the history and back"
    )?;
    Ok(())
}

/// Statistics of a busy tracker: everything moves, nothing is round.
struct Made {
    statistics: Statistics,
    noise: u64,
}

impl Made {
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

    /// Up to `most`, another one each time (xorshift).
    fn upto(&mut self, most: u32) -> u32 {
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 7;
        self.noise ^= self.noise << 17;
        u32::try_from(self.noise % u64::from(most)).unwrap_or(0)
    }

    fn skip(&mut self, seconds: u64) {
        self.statistics.at += Duration::from_secs(seconds);
    }

    /// Goes on by so many seconds, and waits until it is written.
    async fn record(&mut self, store: &Store, seconds: u64) {
        self.skip(seconds);
        let mut gauge = |most| f64::from(self.upto(most));
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
        let mut more = |most| u64::from(self.upto(most));
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
