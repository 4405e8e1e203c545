//! Computes the report from readings and counts: differences, ratios, and texts for problems and remarks.

use std::collections::BTreeMap;
use std::time::Instant;

use super::churn::add_seen;
use super::crew::Totals;
use super::driver::Part;
use super::exchange::Latencies;
use super::options::{Amount, Loop, Options};
use super::procfs::Cpu;
use super::report::{
    Closing, CpuUsed, Curves, Load, Memories, Own, Percentiles, Phase, PlanMade, Report, Sample,
    ServerSeen, StormPlan, Syscalls, WavePlan, curve,
};
use super::stop::EndedEarly;
use super::tally::{Errors, Tally};

/// Share of a core above which a thread of the load counts as saturated.
const FULL: f64 = 0.9;
/// Exit code if messages were wrong or missing.
const EXIT_INCORRECT: u8 = 3;

/// Possible reason for offers that reach no member.
const LIMITED: &str = "a tracker may limit the offers to a member. swarmhub does (limits.offers_received_per_second): \
                       start it with --no-limits for a higher load, or use a lower --rate";

/// A reading of all running totals, or the difference of two readings.
#[derive(Debug, Clone)]
pub(super) struct Window {
    at: Instant,
    elapsed: f64,
    units: u64,
    server: Option<Cpu>,
    totals: Totals,
    own: Vec<Cpu>,
}

impl Window {
    pub(super) fn now(server_cpu: Option<Cpu>, totals: Totals, thread_cpu: Vec<Cpu>) -> Self {
        Self {
            at: Instant::now(),
            elapsed: 0.0,
            units: 0,
            server: server_cpu,
            totals,
            own: thread_cpu,
        }
    }

    /// Returns this reading with another time. Nothing may have happened between the two times.
    pub(super) fn at(self, at: Instant) -> Self {
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
            server: self
                .server
                .zip(later.server)
                .map(|(before, now)| now - before),
            totals: Totals {
                connections: now.connections,
                announces: now.announces.saturating_sub(before.announces),
                scrapes: now.scrapes.saturating_sub(before.scrapes),
                sent: now.sent.saturating_sub(before.sent),
                received: now.received.saturating_sub(before.received),
                faults: now.faults.saturating_sub(before.faults),
                timed_out: now.timed_out.saturating_sub(before.timed_out),
            },
            own: self
                .own
                .iter()
                .zip(&later.own)
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
    pub(super) fn done(&self) -> u64 {
        self.totals.announces + self.totals.scrapes
    }

    pub(super) fn cpu_seconds(&self) -> Option<f64> {
        self.server.map(|cpu| cpu.ran)
    }

    /// Returns the system calls of this window per request.
    pub(super) fn syscalls(&self, calls: BTreeMap<String, u64>) -> Syscalls {
        let each = |calls: u64| ratio(calls, self.done());
        Syscalls {
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
    pub(super) fn cpu_used(&self) -> Option<CpuUsed> {
        let cpu = self.server?;
        let (user, system) = (
            cpu.ran * cpu.user_share(),
            cpu.ran * (1.0 - cpu.user_share()),
        );
        let each = |seconds: f64| {
            if self.units == 0 {
                0.0
            } else {
                seconds * 1e6 / float(self.units)
            }
        };
        Some(CpuUsed {
            cpu_s: cpu.ran,
            user_s: user,
            system_s: system,
            waited_s: cpu.waited,
            cpu_share: cpu.ran / self.elapsed.max(1e-9),
            cpu_us_per_unit: each(cpu.ran),
            user_us_per_unit: each(user),
            system_us_per_unit: each(system),
            cpu_us_per_message: None,
        })
    }

    fn phase(&self, latency_us: Percentiles) -> Phase {
        Phase {
            units: usize::try_from(self.units).unwrap_or(usize::MAX),
            elapsed_s: self.elapsed,
            per_s: self.per_second(self.units),
            latency_us,
            server: self.cpu_used(),
        }
    }

    fn per_second(&self, count: u64) -> f64 {
        float(count) / self.elapsed.max(1e-9)
    }

    fn own(&self, threads: usize) -> Own {
        let share = |seconds: f64| seconds / self.elapsed.max(1e-9);
        let busiest = self
            .own
            .iter()
            .map(|cpu| share(cpu.ran + cpu.waited))
            .reduce(f64::max);
        let ran: f64 = self.own.iter().map(|cpu| cpu.ran).sum();
        Own {
            threads,
            cpu_share: (!self.own.is_empty()).then(|| share(ran) / float(self.own.len() as u64)),
            busy_share_max: busiest,
            full: busiest.is_some_and(|busiest| busiest > FULL),
        }
    }
}

/// Returns a quotient; 0 if the divisor is 0.
pub(super) fn ratio(whole: u64, parts: u64) -> f64 {
    if parts == 0 {
        0.0
    } else {
        float(whole) / float(parts)
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

/// The controller's results so far.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) swarm_sizes: Vec<usize>,
    pub(super) threads: usize,
    pub(super) open: Option<Window>,
    pub(super) join: Option<Window>,
    pub(super) load: Option<Window>,
    pub(super) samples: Vec<Sample>,
    pub(super) close: Option<Closing>,
    pub(super) memory: Option<Memories>,
    pub(super) server: Option<ServerSeen>,
    /// Remarks on values that could not be measured.
    pub(super) remarks: Vec<String>,
    pub(super) ended_early: Option<EndedEarly>,
}

impl Found {
    /// Adds the results of the threads, and decides whether the run was correct.
    pub(super) fn report(self, options: &Options, results: Vec<Part>) -> Report {
        let (mut tally, mut errors, mut latencies) =
            (Tally::default(), Errors::default(), Latencies::default());
        let (mut waves, mut storms) = (BTreeMap::new(), BTreeMap::new());
        for result in results {
            tally += result.tally;
            errors.merge(result.errors);
            latencies.merge(&result.latencies);
            add_seen(&mut waves, result.waves);
            add_seen(&mut storms, result.storms);
        }
        let waves: Vec<_> = waves.into_values().collect();
        let storms: Vec<_> = storms.into_values().collect();
        let incomplete = storms.iter().filter(|storm| storm.back_s.is_none()).count()
            + waves.iter().filter(|wave| wave.back_s.is_none()).count();
        let mut problems: Vec<String> = words(&tally.faults());
        if incomplete > 0 {
            problems.push(format!(
                "{incomplete} storms or waves ended without all members back"
            ));
        }
        let early_end = self
            .ended_early
            .map(|reason| format!("the load ended early: {}", reason.words()));
        let is_tracker_lost = self.ended_early.is_some_and(EndedEarly::is_tracker_lost);
        // A stopped load may be correct until its end; a load without its tracker is not.
        if is_tracker_lost {
            problems.splice(0..0, early_end.clone());
        }
        let is_correct = problems.is_empty();
        let own = self
            .load
            .as_ref()
            .or(self.join.as_ref())
            .map(|window| window.own(self.threads));
        let own = own.unwrap_or(Own {
            threads: self.threads,
            cpu_share: None,
            busy_share_max: None,
            full: false,
        });
        let mut remarks = words(&tally.remarks());
        if is_correct || !is_tracker_lost {
            remarks.splice(0..0, early_end);
        }
        if own.full && options.has_load() {
            let share = own.busy_share_max.unwrap_or_default() * 100.0;
            remarks.insert(0, format!(
                "the load tool's own core was full ({share:.0} %): the figures may show the tool, not the tracker; use --threads, \
                 or give the tool its own core"
            ));
        }
        if tally.offers_lost > 0 {
            remarks.push(LIMITED.to_owned());
        }
        remarks.extend(self.remarks);
        if latencies.unsent > 0 {
            remarks.push(format!(
                "{} requests were due but not sent: the tracker did not keep up",
                latencies.unsent
            ));
        }
        let load = self
            .load
            .as_ref()
            .map(|window| measured(window, &latencies, self.samples));
        let phase = |window: Option<Window>, latency| {
            window.map_or_else(empty_phase, |window| window.phase(latency))
        };
        Report {
            tool: "swarmhub load".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            target: options.target.to_string(),
            seed: options.seed,
            plan: plan(options, self.threads, &self.swarm_sizes),
            correct: is_correct,
            exit_code: exit_code(self.ended_early, is_correct),
            ended_early: self.ended_early,
            problems,
            remarks,
            own,
            open: phase(self.open, Percentiles::of(&latencies.connect)),
            join: phase(self.join, Percentiles::of(&latencies.join)),
            load,
            close: self.close.unwrap_or(Closing {
                connections: 0,
                elapsed_s: 0.0,
                server: None,
            }),
            memory: self.memory,
            server: self.server,
            storms,
            waves,
            correctness: tally,
            errors: errors.into_map(),
            curves: Curves {
                reply: curve(&latencies.reply),
                answer: curve(&latencies.answer),
            },
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

fn words(counted: &[(u64, &str)]) -> Vec<String> {
    counted
        .iter()
        .map(|(count, text)| format!("{count} {text}"))
        .collect()
}

fn empty_phase() -> Phase {
    Phase {
        units: 0,
        elapsed_s: 0.0,
        per_s: 0.0,
        latency_us: Percentiles::default(),
        server: None,
    }
}

fn measured(window: &Window, latencies: &Latencies, samples: Vec<Sample>) -> Load {
    let Totals {
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
            cpu.cpu_s * 1e6 / float(sent + received)
        });
    }
    Load {
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

fn plan(options: &Options, threads: usize, sizes: &[usize]) -> PlanMade {
    let (under_way, rate_per_s) = match options.pace() {
        Loop::Closed { under_way } => (Some(under_way), None),
        Loop::Open { per_second } => (None, Some(per_second)),
    };
    let (duration_s, announces) = match options.amount {
        Amount::For(time) => (Some(time.as_secs_f64()), None),
        Amount::Requests(requests) => (None, Some(requests)),
    };
    PlanMade {
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
        think_ms: [options.think.least, options.think.most].map(|time| time.as_secs_f64() * 1e3),
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
