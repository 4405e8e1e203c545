//! Computes the report from readings and counts: differences, ratios, and texts for problems and remarks.

use std::collections::BTreeMap;
use std::time::Instant;

use super::checker::Latencies;
use super::churn::{StormReport, WaveReport, merge_reports};
use super::driver::WorkerResults;
use super::message_tally::{ErrorCounts, MessageTally};
use super::options::{Amount, Loop, Options};
use super::process_usage::CpuTime;
use super::report::{
    ClosingReport, CpuUsage, LatencyCurves, LoadReport, LoadSample, MemoryReport, Percentiles,
    PhaseReport, PlanReport, Report, ServerReport, StormPlan, SyscallReport, ToolUsage, WavePlan,
    percentile_curve,
};
use super::stop::EndedEarly;
use super::worker_pool::LoadTotals;

/// Share of a core above which a thread of the load counts as saturated.
const FULL_CORE_SHARE: f64 = 0.9;
/// Exit code if messages were wrong or missing.
const EXIT_INCORRECT: u8 = 3;

/// Possible reason for offers that reach no member.
const OFFER_LIMIT_HINT: &str = "a tracker may limit the offers to a member. swarmhub does (limits.offers_received_per_second): \
                       start it with --no-limits for a higher load, or use a lower --rate";

/// A reading of all running totals, or the difference of two readings.
#[derive(Debug, Clone)]
pub(super) struct CounterReading {
    at: Instant,
    elapsed: f64,
    units: u64,
    server_cpu: Option<CpuTime>,
    totals: LoadTotals,
    thread_cpu: Vec<CpuTime>,
}

impl CounterReading {
    pub(super) fn now(
        server_cpu: Option<CpuTime>,
        totals: LoadTotals,
        thread_cpu: Vec<CpuTime>,
    ) -> Self {
        Self {
            at: Instant::now(),
            elapsed: 0.0,
            units: 0,
            server_cpu,
            totals,
            thread_cpu,
        }
    }

    /// Returns this reading with another time. Nothing may have happened between the two times.
    pub(super) fn with_time(self, at: Instant) -> Self {
        Self { at, ..self }
    }

    /// Whether the reading was taken between two others.
    pub(super) fn is_between(&self, before: &Self, after: &Self) -> bool {
        before.at < self.at && self.at < after.at
    }

    /// Returns the difference to a later reading; `units` is the work done between them.
    pub(super) fn until(&self, later: &Self, units: u64) -> Self {
        let (before, now) = (&self.totals, &later.totals);
        Self {
            at: later.at,
            elapsed: later.at.saturating_duration_since(self.at).as_secs_f64(),
            units,
            server_cpu: self
                .server_cpu
                .zip(later.server_cpu)
                .map(|(before, now)| now - before),
            totals: LoadTotals {
                connections: now.connections,
                announces: now.announces.saturating_sub(before.announces),
                scrapes: now.scrapes.saturating_sub(before.scrapes),
                sent: now.sent.saturating_sub(before.sent),
                received: now.received.saturating_sub(before.received),
                faults: now.faults.saturating_sub(before.faults),
                timed_out: now.timed_out.saturating_sub(before.timed_out),
            },
            thread_cpu: self
                .thread_cpu
                .iter()
                .zip(&later.thread_cpu)
                .map(|(before, now)| *now - *before)
                .collect(),
        }
    }

    pub(super) fn elapsed(&self) -> f64 {
        self.elapsed
    }

    pub(super) fn announces(&self) -> u64 {
        self.totals.announces
    }

    pub(super) fn sent(&self) -> u64 {
        self.totals.sent
    }

    pub(super) fn received(&self) -> u64 {
        self.totals.received
    }

    /// Returns the number of completed requests: announces and scrapes.
    pub(super) fn requests_done(&self) -> u64 {
        self.totals.announces + self.totals.scrapes
    }

    pub(super) fn cpu_seconds(&self) -> Option<f64> {
        self.server_cpu.map(|cpu| cpu.run_s)
    }

    /// Returns the system calls of this window per request.
    pub(super) fn syscalls(&self, calls: BTreeMap<String, u64>) -> SyscallReport {
        let each = |calls: u64| ratio(calls, self.requests_done());
        SyscallReport {
            seconds: self.elapsed,
            announces: self.totals.announces,
            scrapes: self.totals.scrapes,
            per_request: each(calls.values().sum()),
            by_name: calls
                .into_iter()
                .map(|(name, calls)| (name, each(calls)))
                .collect(),
        }
    }

    /// Returns the CPU time of the server in this window.
    pub(super) fn cpu_used(&self) -> Option<CpuUsage> {
        let cpu = self.server_cpu?;
        let (user, system) = (
            cpu.run_s * cpu.user_share(),
            cpu.run_s * (1.0 - cpu.user_share()),
        );
        let each = |seconds: f64| {
            if self.units == 0 {
                0.0
            } else {
                seconds * 1e6 / to_f64(self.units)
            }
        };
        Some(CpuUsage {
            cpu_s: cpu.run_s,
            user_s: user,
            system_s: system,
            waited_s: cpu.wait_s,
            cpu_share: cpu.run_s / self.elapsed.max(1e-9),
            cpu_us_per_unit: each(cpu.run_s),
            user_us_per_unit: each(user),
            system_us_per_unit: each(system),
            cpu_us_per_message: None,
        })
    }

    fn phase_report(&self, latency_us: Percentiles) -> PhaseReport {
        PhaseReport {
            units: usize::try_from(self.units).unwrap_or(usize::MAX),
            elapsed_s: self.elapsed,
            per_s: self.per_second(self.units),
            latency_us,
            server: self.cpu_used(),
        }
    }

    fn per_second(&self, count: u64) -> f64 {
        to_f64(count) / self.elapsed.max(1e-9)
    }

    fn tool_usage(&self, threads: usize) -> ToolUsage {
        let share = |seconds: f64| seconds / self.elapsed.max(1e-9);
        let busiest = self
            .thread_cpu
            .iter()
            .map(|cpu| share(cpu.run_s + cpu.wait_s))
            .reduce(f64::max);
        let ran: f64 = self.thread_cpu.iter().map(|cpu| cpu.run_s).sum();
        ToolUsage {
            threads,
            cpu_share: (!self.thread_cpu.is_empty())
                .then(|| share(ran) / to_f64(self.thread_cpu.len() as u64)),
            busy_share_max: busiest,
            full: busiest.is_some_and(|busiest| busiest > FULL_CORE_SHARE),
        }
    }
}

/// Returns a quotient; 0 if the divisor is 0.
pub(super) fn ratio(whole: u64, parts: u64) -> f64 {
    if parts == 0 {
        0.0
    } else {
        to_f64(whole) / to_f64(parts)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(super) fn to_f64(count: u64) -> f64 {
    count as f64
}

/// The controller's results so far.
#[derive(Debug, Default)]
pub(super) struct RunResults {
    pub(super) swarm_sizes: Vec<usize>,
    pub(super) threads: usize,
    pub(super) open: Option<CounterReading>,
    pub(super) join: Option<CounterReading>,
    pub(super) load: Option<CounterReading>,
    pub(super) samples: Vec<LoadSample>,
    pub(super) close: Option<ClosingReport>,
    pub(super) memory: Option<MemoryReport>,
    pub(super) server: Option<ServerReport>,
    /// Remarks on values that could not be measured.
    pub(super) remarks: Vec<String>,
    pub(super) ended_early: Option<EndedEarly>,
}

impl RunResults {
    /// Adds the results of the threads, and decides whether the run was correct.
    pub(super) fn report(self, options: &Options, results: Vec<WorkerResults>) -> Report {
        let merged = MergedResults::merge(results);
        let problems = self.problems(&merged);
        let is_correct = problems.is_empty();
        let own = self.tool_usage();
        let remarks = self.all_remarks(&merged, &own, options.has_load());
        let latencies = &merged.latencies;
        let load = self
            .load
            .as_ref()
            .map(|window| load_report(window, latencies, self.samples));
        let phase = |window: Option<CounterReading>, latency| {
            window.map_or_else(empty_phase, |window| window.phase_report(latency))
        };
        Report {
            tool: "swarmhub load".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            target: options.target.to_string(),
            seed: options.seed,
            plan: plan_report(options, self.threads, &self.swarm_sizes),
            correct: is_correct,
            exit_code: exit_code(self.ended_early, is_correct),
            ended_early: self.ended_early,
            problems,
            remarks,
            own,
            open: phase(self.open, Percentiles::of(&latencies.connect)),
            join: phase(self.join, Percentiles::of(&latencies.join)),
            load,
            close: self.close.unwrap_or(ClosingReport {
                connections: 0,
                elapsed_s: 0.0,
                server: None,
            }),
            memory: self.memory,
            server: self.server,
            curves: LatencyCurves {
                reply: percentile_curve(&latencies.reply),
                answer: percentile_curve(&latencies.answer),
            },
            storms: merged.storms,
            waves: merged.waves,
            correctness: merged.tally,
            errors: merged.errors.into_map(),
        }
    }

    /// Returns what was incorrect. A stopped load may be correct until its end; a load without its tracker is not.
    fn problems(&self, merged: &MergedResults) -> Vec<String> {
        let lost_tracker = self.early_end().filter(|_| self.is_tracker_lost());
        let faults = with_counts(&merged.tally.faults());
        let incomplete = incomplete_waves(&merged.waves, &merged.storms);
        lost_tracker
            .into_iter()
            .chain(faults)
            .chain(incomplete)
            .collect()
    }

    fn is_tracker_lost(&self) -> bool {
        self.ended_early.is_some_and(EndedEarly::is_tracker_lost)
    }

    fn early_end(&self) -> Option<String> {
        self.ended_early
            .map(|reason| format!("the load ended early: {}", reason.describe()))
    }

    fn tool_usage(&self) -> ToolUsage {
        let window = self.load.as_ref().or(self.join.as_ref());
        window.map_or(
            ToolUsage {
                threads: self.threads,
                cpu_share: None,
                busy_share_max: None,
                full: false,
            },
            |window| window.tool_usage(self.threads),
        )
    }

    /// Returns what a reader should know, although it is not incorrect.
    fn all_remarks(&self, merged: &MergedResults, own: &ToolUsage, has_load: bool) -> Vec<String> {
        let mut remarks = Vec::new();
        if own.full && has_load {
            let share = own.busy_share_max.unwrap_or_default() * 100.0;
            remarks.push(format!(
                "the load tool's own core was full ({share:.0} %): the figures may show the tool, not the tracker; use --threads, \
                 or give the tool its own core"
            ));
        }
        // A lost tracker is a problem instead.
        remarks.extend(self.early_end().filter(|_| !self.is_tracker_lost()));
        remarks.extend(with_counts(&merged.tally.remarks()));
        if merged.tally.offers_lost > 0 {
            remarks.push(OFFER_LIMIT_HINT.to_owned());
        }
        remarks.extend(self.remarks.iter().cloned());
        let unsent = merged.latencies.unsent;
        if unsent > 0 {
            remarks.push(format!(
                "{unsent} requests were due but not sent: the tracker did not keep up"
            ));
        }
        remarks
    }
}

/// The results of all threads together.
struct MergedResults {
    tally: MessageTally,
    errors: ErrorCounts,
    latencies: Latencies,
    waves: Vec<WaveReport>,
    storms: Vec<StormReport>,
}

impl MergedResults {
    fn merge(results: Vec<WorkerResults>) -> Self {
        let (mut tally, mut errors, mut latencies) = (
            MessageTally::default(),
            ErrorCounts::default(),
            Latencies::default(),
        );
        let (mut waves, mut storms) = (BTreeMap::new(), BTreeMap::new());
        for result in results {
            tally += result.tally;
            errors.merge(result.errors);
            latencies.merge(&result.latencies);
            merge_reports(&mut waves, result.waves);
            merge_reports(&mut storms, result.storms);
        }
        Self {
            tally,
            errors,
            latencies,
            waves: waves.into_values().collect(),
            storms: storms.into_values().collect(),
        }
    }
}

/// Returns the program's exit code.
fn exit_code(ended_early: Option<EndedEarly>, is_correct: bool) -> u8 {
    match ended_early {
        Some(reason) => reason.exit_code(),
        None if is_correct => 0,
        None => EXIT_INCORRECT,
    }
}

/// Returns the problem of storms and waves whose members did not all come back.
fn incomplete_waves(waves: &[WaveReport], storms: &[StormReport]) -> Option<String> {
    let incomplete = storms.iter().filter(|storm| storm.back_s.is_none()).count()
        + waves.iter().filter(|wave| wave.back_s.is_none()).count();
    (incomplete > 0).then(|| format!("{incomplete} storms or waves ended without all members back"))
}

fn with_counts(counted: &[(u64, &str)]) -> Vec<String> {
    counted
        .iter()
        .map(|(count, text)| format!("{count} {text}"))
        .collect()
}

fn empty_phase() -> PhaseReport {
    PhaseReport {
        units: 0,
        elapsed_s: 0.0,
        per_s: 0.0,
        latency_us: Percentiles::default(),
        server: None,
    }
}

fn load_report(
    window: &CounterReading,
    latencies: &Latencies,
    samples: Vec<LoadSample>,
) -> LoadReport {
    let LoadTotals {
        announces,
        scrapes,
        sent,
        received,
        ..
    } = window.totals;
    let mut server = window.cpu_used();
    if let Some(cpu) = &mut server {
        cpu.cpu_us_per_message = Some(if sent + received == 0 {
            0.0
        } else {
            cpu.cpu_s * 1e6 / to_f64(sent + received)
        });
    }
    LoadReport {
        elapsed_s: window.elapsed,
        announces,
        announces_per_s: window.per_second(announces),
        scrapes,
        scrapes_per_s: window.per_second(scrapes),
        sent_messages: sent,
        sent_messages_per_s: window.per_second(sent),
        received_messages: received,
        received_messages_per_s: window.per_second(received),
        reply_latency_us: Percentiles::of(&latencies.reply),
        answer_latency_us: Percentiles::of(&latencies.answer),
        scrape_latency_us: Percentiles::of(&latencies.scrape),
        lateness_us: Percentiles::of(&latencies.lateness),
        unsent: latencies.unsent,
        server,
        samples,
    }
}

fn plan_report(options: &Options, threads: usize, sizes: &[usize]) -> PlanReport {
    let (under_way, rate_per_s) = match options.pace() {
        Loop::Closed { under_way } => (Some(under_way), None),
        Loop::Open { per_second } => (None, Some(per_second)),
    };
    let (duration_s, announces) = match options.amount {
        Amount::Time(time) => (Some(time.as_secs_f64()), None),
        Amount::Requests(requests) => (None, Some(requests)),
    };
    PlanReport {
        connections: options.connections,
        threads,
        swarms: sizes.len(),
        swarm_size: options.swarm_size.to_string(),
        swarm_members_min: sizes.iter().copied().min().unwrap_or(0),
        swarm_members_max: sizes.iter().copied().max().unwrap_or(0),
        seeders: options.seeders,
        offers: options.offers,
        offer_bytes: options.offer_bytes,
        answer_bytes: options.answer_bytes,
        answers: options.answers,
        think_ms: [options.think.min, options.think.max].map(|time| time.as_secs_f64() * 1e3),
        r#loop: if under_way.is_some() {
            "closed"
        } else {
            "open"
        },
        under_way,
        rate_per_s,
        warmup_s: options.warmup.as_secs_f64(),
        duration_s,
        announces,
        scrapes: options.scrapes,
        wave: options.wave.map(|wave| WavePlan {
            every_s: wave.every.as_secs_f64(),
            share: wave.share,
        }),
        storm: options.storm.map(|storm| StormPlan {
            every_s: storm.every.as_secs_f64(),
            share: storm.share,
            reset_share: storm.reset_share,
        }),
    }
}
