//! What a load found out: plain values, which serde writes as JSON, `text` for people and `html` with plots.

mod html;
mod plot;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::churn::{StormSeen, WaveSeen};
use super::procfs::Memory;
use super::stop::EndedEarly;
use super::tally::Tally;

/// All that a load found out. The fields' names are those of the JSON; units stand last in them.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// `swarmhub load`.
    pub tool: String,
    /// Its version.
    pub version: String,
    /// The tracker's address.
    pub target: String,
    /// The seed of ids and choices.
    pub seed: u64,
    /// What was to be done.
    pub plan: PlanMade,
    /// Whether no message was found lost, doubled, misdirected or altered. What could not be judged, because members came
    /// or went, is counted in `correctness.offers_excused` and `correctness.answers_excused`.
    pub correct: bool,
    /// What the program exits with.
    pub exit_code: u8,
    /// What ended the load before its time, if anything did: the figures are of what was done until then.
    pub ended_early: Option<EndedEarly>,
    /// What went wrong, in words.
    pub problems: Vec<String>,
    /// What is worth knowing, but no fault.
    pub remarks: Vec<String>,
    /// The load tool itself.
    pub own: Own,
    /// Opening all connections.
    pub open: Phase,
    /// Joining of all members.
    pub join: Phase,
    /// The load, if there was one.
    pub load: Option<Load>,
    /// Closing all connections.
    pub close: Closing,
    /// Memory of the server, if its process was given.
    pub memory: Option<Memories>,
    /// The server's process, if given.
    pub server: Option<ServerSeen>,
    /// Storms made, each over all threads.
    pub storms: Vec<StormSeen>,
    /// Waves made, each over all threads.
    pub waves: Vec<WaveSeen>,
    /// What became of every message, warm-up included.
    pub correctness: Tally,
    /// Errors in their own words.
    pub errors: BTreeMap<String, u64>,
    /// Latencies over their percentiles, for the plot.
    #[serde(skip)]
    pub(super) curves: Curves,
}

/// What was to be done.
#[derive(Debug, Clone, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are those of the options, by the same names"
)]
pub struct PlanMade {
    pub connections: usize,
    pub threads: usize,
    pub swarms: usize,
    pub swarm_size: String,
    pub swarm_members_min: usize,
    pub swarm_members_max: usize,
    pub seeders: f64,
    pub offers: u64,
    pub offer_bytes: usize,
    pub answer_bytes: usize,
    pub answers: f64,
    pub think_ms: [f64; 2],
    pub r#loop: &'static str,
    pub under_way: Option<usize>,
    pub rate_per_s: Option<f64>,
    pub warmup_s: f64,
    pub duration_s: Option<f64>,
    pub announces: Option<u64>,
    pub scrapes: f64,
    pub wave: Option<WavePlan>,
    pub storm: Option<StormPlan>,
}

/// Waves to be made.
#[derive(Debug, Clone, Copy, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are those of the options, by the same names"
)]
pub struct WavePlan {
    pub every_s: f64,
    pub share: f64,
}

/// Storms to be made.
#[derive(Debug, Clone, Copy, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are those of the options, by the same names"
)]
pub struct StormPlan {
    pub every_s: f64,
    pub share: f64,
    pub reset_share: f64,
}

/// The load tool itself, while the load was measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Own {
    /// Threads that drove connections.
    pub threads: usize,
    /// Share of a core that a thread used, in the mean.
    pub cpu_share: Option<f64>,
    /// Share of the time in which the busiest thread had a core or waited for one.
    pub busy_share_max: Option<f64>,
    /// Whether a thread was so busy that the tool, and not the tracker, may be what was measured.
    pub full: bool,
}

/// Connections opened, or members joined.
#[derive(Debug, Clone, Serialize)]
pub struct Phase {
    /// How many.
    pub units: usize,
    /// In what time.
    pub elapsed_s: f64,
    /// How many a second.
    pub per_s: f64,
    /// How long each took.
    pub latency_us: Percentiles,
    /// What it cost the server.
    pub server: Option<CpuUsed>,
}

/// Connections closed.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Closing {
    /// How many.
    pub connections: usize,
    /// In what time they were given up.
    pub elapsed_s: f64,
    /// What it cost the server within two seconds.
    pub server: Option<CpuUsed>,
}

/// CPU time of the server.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CpuUsed {
    /// All of it.
    pub cpu_s: f64,
    /// In the program itself.
    pub user_s: f64,
    /// In the kernel.
    pub system_s: f64,
    /// Ready to run, while others had the core.
    pub waited_s: f64,
    /// Cores used.
    pub cpu_share: f64,
    /// For each unit: a connection, a member, or a request of the load (an announce or a scrape).
    pub cpu_us_per_unit: f64,
    /// For each unit, in the program itself.
    pub user_us_per_unit: f64,
    /// For each unit, in the kernel.
    pub system_us_per_unit: f64,
    /// For each message in or out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_us_per_message: Option<f64>,
}

/// Times in microseconds; the last are missing when nothing was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the names of the percentiles say it all")]
pub struct Percentiles {
    pub count: u64,
    pub min: Option<u64>,
    pub mean: Option<f64>,
    pub p50: Option<u64>,
    pub p90: Option<u64>,
    pub p99: Option<u64>,
    pub p999: Option<u64>,
    pub max: Option<u64>,
}

impl Percentiles {
    pub(super) fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        let at = |share| Some(histogram.value_at_quantile(share));
        Self {
            count: histogram.len(),
            min: Some(histogram.min()),
            mean: Some(histogram.mean()),
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: Some(histogram.max()),
        }
    }
}

/// The measured load.
#[derive(Debug, Clone, Serialize)]
pub struct Load {
    /// How long it was.
    pub elapsed_s: f64,
    /// Announces done: replied to, and all their offers and answers over. With waves and storms also those that leave
    /// and join again.
    pub announces: u64,
    /// The same a second.
    pub announces_per_s: f64,
    /// Scrapes replied to.
    pub scrapes: u64,
    /// The same a second.
    pub scrapes_per_s: f64,
    /// Messages that the tool sent.
    pub sent_messages: u64,
    /// The same a second.
    pub sent_messages_per_s: f64,
    /// Messages that the tool received.
    pub received_messages: u64,
    /// The same a second.
    pub received_messages_per_s: f64,
    /// Announce to reply; in the open loop from when it was due.
    pub reply_latency_us: Percentiles,
    /// Offer to answer, the receiver's think time (`plan.think_ms`) included; in the open loop from when the announce was due.
    pub answer_latency_us: Percentiles,
    /// Scrape to reply.
    pub scrape_latency_us: Percentiles,
    /// Due to really sent.
    pub lateness_us: Percentiles,
    /// Requests that were due and never sent.
    pub unsent: u64,
    /// What it cost the server.
    pub server: Option<CpuUsed>,
    /// The course of the load.
    pub samples: Vec<Sample>,
}

/// A piece of the load: each figure since the sample before.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Sample {
    /// When it ended, since the measuring began.
    pub at_s: f64,
    /// How long it was.
    pub elapsed_s: f64,
    /// Announces done.
    pub announces: u64,
    /// Messages that the tool sent.
    pub sent_messages: u64,
    /// Messages that the tool received.
    pub received_messages: u64,
    /// CPU time of the server.
    pub cpu_s: Option<f64>,
    /// Memory of the server in the end.
    pub rss_bytes: Option<f64>,
}

/// Memory of the server at the stations of the run.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Memories {
    /// After the warm-up connections had gone.
    pub fresh: Memory,
    /// All connections open.
    pub open: Memory,
    /// All members joined.
    pub joined: Memory,
    /// After the load, all connections open still.
    pub loaded: Option<Memory>,
    /// Two seconds after all were closed.
    pub closed: Memory,
    /// What an open connection costs.
    pub per_open_connection: Memory,
    /// What a joined connection costs.
    pub per_joined_connection: Memory,
    /// What a connection costs after the load.
    pub per_loaded_connection: Option<Memory>,
}

/// The server's process.
#[derive(Debug, Clone, Serialize)]
pub struct ServerSeen {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// Its threads.
    pub threads: usize,
    /// Its system calls, if they were counted.
    pub syscalls: Option<Syscalls>,
}

/// System calls of the server, in a window of their own.
#[derive(Debug, Clone, Serialize)]
pub struct Syscalls {
    /// How long the window was.
    pub seconds: f64,
    /// Announces done in it.
    pub announces: u64,
    /// Scrapes done in it.
    pub scrapes: u64,
    /// Calls for each request, be it an announce or a scrape.
    pub per_request: f64,
    /// The same by name.
    pub by_name: BTreeMap<String, f64>,
}

/// Latencies over their percentiles: share of all, microseconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Curves {
    pub(super) reply: Vec<(f64, u64)>,
    pub(super) answer: Vec<(f64, u64)>,
}

/// The curve of a histogram, finer where it is steep: at the slowest.
pub(super) fn curve(histogram: &Histogram<u64>) -> Vec<(f64, u64)> {
    if histogram.is_empty() {
        return Vec::new();
    }
    let points = histogram.iter_quantiles(4);
    points
        .map(|point| (point.quantile_iterated_to(), point.value_iterated_to()))
        .take(400)
        .collect()
}

impl Report {
    /// One JSON object and the end of its line.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Fails only for maps with keys that are no text.
        let mut json = serde_json::to_string(self).unwrap_or_default();
        json.push('\n');
        json
    }

    /// Lines for people.
    #[must_use]
    pub fn to_text(&self) -> String {
        text::write(self)
    }

    /// A page with plots that needs nothing from elsewhere.
    #[must_use]
    pub fn to_html(&self) -> String {
        html::write(self)
    }
}
