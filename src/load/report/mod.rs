//! The report of a load: plain values, written as JSON by serde, as text by `text`, and as a page with plots by `html`.

mod html;
mod plot;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use serde::Serialize;

use super::churn::{StormReport, WaveReport};
use super::message_tally::MessageTally;
use super::process_usage::ProcessMemory;
use super::stop::EndedEarly;

/// All results of a load. The field names are the JSON keys; each ends in its unit.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Always `swarmhub load`.
    pub tool: String,
    /// Its version.
    pub version: String,
    /// The tracker's address.
    pub target: String,
    /// The seed of ids and choices.
    pub seed: u64,
    /// The planned load.
    pub plan: PlanReport,
    /// Whether no lost, duplicated, misdirected or altered message was found. Messages that could not be judged because
    /// members joined or left, or offers would have crossed, are counted in `correctness.offers_excused` and `correctness.answers_excused`.
    pub correct: bool,
    /// The program's exit code.
    pub exit_code: u8,
    /// The reason why the load ended early, if it did. The figures then end at that time.
    pub ended_early: Option<EndedEarly>,
    /// Texts of all problems.
    pub problems: Vec<String>,
    /// Texts of remarks that are not faults.
    pub remarks: Vec<String>,
    /// CPU usage of the load tool itself.
    pub own: ToolUsage,
    /// Opening all connections.
    pub open: PhaseReport,
    /// Joining of all members.
    pub join: PhaseReport,
    /// The measured load, if there was one.
    pub load: Option<LoadReport>,
    /// Closing all connections.
    pub close: ClosingReport,
    /// Memory of the server, if its process was given.
    pub memory: Option<MemoryReport>,
    /// The server's process, if given.
    pub server: Option<ServerReport>,
    /// The storms, each over all threads.
    pub storms: Vec<StormReport>,
    /// The waves, each over all threads.
    pub waves: Vec<WaveReport>,
    /// Counts of all messages by their fate, including the warm-up.
    pub correctness: MessageTally,
    /// Error texts with their counts.
    pub errors: BTreeMap<String, u64>,
    /// Latency by percentile, for the plot.
    #[serde(skip)]
    pub(super) curves: LatencyCurves,
}

/// The planned load.
#[derive(Debug, Clone, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are those of the options, by the same names"
)]
pub struct PlanReport {
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

/// The planned waves.
#[derive(Debug, Clone, Copy, Serialize)]
#[expect(
    missing_docs,
    reason = "the fields are those of the options, by the same names"
)]
pub struct WavePlan {
    pub every_s: f64,
    pub share: f64,
}

/// The planned storms.
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

/// CPU usage of the load tool itself during the measured load.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ToolUsage {
    /// Threads that drove connections.
    pub threads: usize,
    /// Mean share of a core that a thread used.
    pub cpu_share: Option<f64>,
    /// Share of the time in which the busiest thread ran or waited for a core.
    pub busy_share_max: Option<f64>,
    /// Whether a thread was so busy that the figures may show the tool instead of the tracker.
    pub full: bool,
}

/// Connections opened, or members joined.
#[derive(Debug, Clone, Serialize)]
pub struct PhaseReport {
    /// Number of connections or members.
    pub units: usize,
    /// Total time.
    pub elapsed_s: f64,
    /// Units a second.
    pub per_s: f64,
    /// Time of each unit.
    pub latency_us: Percentiles,
    /// CPU time of the server.
    pub server: Option<CpuUsage>,
}

/// Connections closed.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct ClosingReport {
    /// Number of connections.
    pub connections: usize,
    /// Time in which they were closed.
    pub elapsed_s: f64,
    /// CPU time of the server within two seconds.
    pub server: Option<CpuUsage>,
}

/// CPU time of the server.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CpuUsage {
    /// Total CPU time.
    pub cpu_s: f64,
    /// CPU time in user mode.
    pub user_s: f64,
    /// CPU time in the kernel.
    pub system_s: f64,
    /// Time in which it was ready to run, but others had the core.
    pub waited_s: f64,
    /// Cores used.
    pub cpu_share: f64,
    /// CPU time per unit: a connection, a member, or a request of the load (an announce or a scrape).
    pub cpu_us_per_unit: f64,
    /// CPU time per unit in user mode.
    pub user_us_per_unit: f64,
    /// CPU time per unit in the kernel.
    pub system_us_per_unit: f64,
    /// CPU time per message sent or received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_us_per_message: Option<f64>,
}

/// Percentiles of times in microseconds. All but `count` are `None` if nothing was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
#[expect(missing_docs, reason = "the names are those of the percentiles")]
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
pub struct LoadReport {
    /// Its duration.
    pub elapsed_s: f64,
    /// Completed announces: with their reply, and all offers and answers done. With waves and storms, rejoins are
    /// included.
    pub announces: u64,
    /// The same per second.
    pub announces_per_s: f64,
    /// Scrapes with a reply.
    pub scrapes: u64,
    /// The same per second.
    pub scrapes_per_s: f64,
    /// Messages that the tool sent.
    pub sent_messages: u64,
    /// The same per second.
    pub sent_messages_per_s: f64,
    /// Messages that the tool received.
    pub received_messages: u64,
    /// The same per second.
    pub received_messages_per_s: f64,
    /// Announce to reply; in the open loop from the due time.
    pub reply_latency_us: Percentiles,
    /// Offer to answer, including the think time of the receiver (`plan.think_ms`); in the open loop from the due time
    /// of the announce.
    pub answer_latency_us: Percentiles,
    /// Scrape to reply.
    pub scrape_latency_us: Percentiles,
    /// Due time to actual sending.
    pub lateness_us: Percentiles,
    /// Requests that were due but not sent.
    pub unsent: u64,
    /// CPU time of the server.
    pub server: Option<CpuUsage>,
    /// The time series of the load.
    pub samples: Vec<LoadSample>,
}

/// A sample of the time series: each figure since the previous sample.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct LoadSample {
    /// End of the sample, since the start of the measurement.
    pub at_s: f64,
    /// Its duration.
    pub elapsed_s: f64,
    /// Completed announces.
    pub announces: u64,
    /// Messages that the tool sent.
    pub sent_messages: u64,
    /// Messages that the tool received.
    pub received_messages: u64,
    /// CPU time of the server.
    pub cpu_s: Option<f64>,
    /// Resident memory of the server at its end.
    pub rss_bytes: Option<f64>,
}

/// Memory of the server after each phase.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct MemoryReport {
    /// After the warm-up connections were closed.
    pub fresh: ProcessMemory,
    /// With all connections open.
    pub open: ProcessMemory,
    /// With all members joined.
    pub joined: ProcessMemory,
    /// After the load, with all connections still open.
    pub loaded: Option<ProcessMemory>,
    /// Two seconds after all connections were closed.
    pub closed: ProcessMemory,
    /// Growth per open connection.
    pub per_open_connection: ProcessMemory,
    /// Growth per joined connection.
    pub per_joined_connection: ProcessMemory,
    /// Growth per connection after the load.
    pub per_loaded_connection: Option<ProcessMemory>,
}

/// The server's process.
#[derive(Debug, Clone, Serialize)]
pub struct ServerReport {
    /// Its process id.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// Its number of threads.
    pub threads: usize,
    /// Its system calls, if they were counted.
    pub syscalls: Option<SyscallReport>,
}

/// System calls of the server, counted in a separate window.
#[derive(Debug, Clone, Serialize)]
pub struct SyscallReport {
    /// Length of the window.
    pub seconds: f64,
    /// Announces completed in it.
    pub announces: u64,
    /// Scrapes completed in it.
    pub scrapes: u64,
    /// Calls per request, which is an announce or a scrape.
    pub per_request: f64,
    /// Calls per request by name.
    pub by_name: BTreeMap<String, f64>,
}

/// Latency curves: points of percentile (0 to 1) and microseconds.
#[derive(Debug, Clone, Default)]
pub(super) struct LatencyCurves {
    pub(super) reply: Vec<(f64, u64)>,
    pub(super) answer: Vec<(f64, u64)>,
}

/// Returns the curve of a histogram, with more points near the slowest requests, where it is steep.
pub(super) fn percentile_curve(histogram: &Histogram<u64>) -> Vec<(f64, u64)> {
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
    /// Returns the report as one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Fails only for maps with keys that are not strings.
        let mut json = serde_json::to_string(self).unwrap_or_default();
        json.push('\n');
        json
    }

    /// Returns the report as lines of text.
    #[must_use]
    pub fn to_text(&self) -> String {
        text::write(self)
    }

    /// Returns the report as a self-contained HTML page with plots.
    #[must_use]
    pub fn to_html(&self) -> String {
        html::write(self)
    }
}
