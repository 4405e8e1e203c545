//! The measured part of a load: starts the requests on all threads, and records samples while they run.

use std::time::Duration;

use super::{Controller, START_LEAD_TIME, micros};
use crate::load::checker::{Pacing, due};
use crate::load::driver::WorkerCommand;
use crate::load::error::LoadError;
use crate::load::options::{Amount, Loop};
use crate::load::process_usage::resident_bytes;
use crate::load::report::LoadSample;
use crate::load::summary::{CounterReading, ratio};
use crate::load::swarm_sizes::split_by_weight;

/// Initial interval between two readings of a load with a fixed number of requests.
const READ_INTERVAL_MIN: Duration = Duration::from_millis(10);
/// Number of readings at which every other one is dropped.
const READINGS_MAX: usize = 100;

/// When a load stops starting requests.
#[derive(Debug, Clone, Copy)]
pub(super) enum LoadEnd {
    /// At this time of the run; a closed loop needs a stop command then.
    Time(Duration),
    /// After this exact number of requests on all threads together.
    Requests(u64),
}

impl Controller<'_> {
    pub(super) fn run_load(&mut self) -> Result<(), LoadError> {
        match self.options.amount {
            Amount::Time(duration) => self.run_load_for(duration),
            Amount::Requests(requests) => self.run_load_requests(requests),
        }
    }

    fn run_load_for(&mut self, duration: Duration) -> Result<(), LoadError> {
        let begin = self.workers.elapsed() + START_LEAD_TIME;
        let measured = begin + self.options.warmup;
        self.start_load(
            begin,
            LoadEnd::Time(measured + duration),
            (measured, measured + duration),
        )?;
        self.pause_until(measured, "warming up");
        let before = self.read_counters()?;
        self.sample_until(measured + duration, "measuring", &before)?;
        let after = self.read_counters()?;
        self.results.load = Some(before.until(
            &after,
            after.requests_done().saturating_sub(before.requests_done()),
        ));
        self.run_command("finishing", WorkerCommand::Finish { only_started: true })
    }

    fn run_load_requests(&mut self, requests: u64) -> Result<(), LoadError> {
        if !self.options.warmup.is_zero() {
            let begin = self.workers.elapsed() + START_LEAD_TIME;
            let end = begin + self.options.warmup;
            self.start_load(begin, LoadEnd::Time(end), (end, end))?;
            self.pause_until(end, "warming up");
            self.run_command("warming up", WorkerCommand::Finish { only_started: true })?;
        }
        let begin = self.workers.elapsed() + START_LEAD_TIME;
        let mut before = self.read_counters()?;
        if let Loop::Open { .. } = self.options.pace() {
            before = before.with_time(self.workers.instant_at(begin));
        }
        self.start_load(
            begin,
            LoadEnd::Requests(requests),
            (Duration::ZERO, Duration::MAX),
        )?;
        let readings = self.read_until_done()?;
        // The threads then read on for unexpected messages; that time does not belong to the load.
        let after = self
            .read_counters()?
            .with_time(self.workers.last_request_end());
        self.results.load = Some(before.until(
            &after,
            after.requests_done().saturating_sub(before.requests_done()),
        ));
        let mut last = before.clone();
        for (reading, rss_bytes) in readings {
            if reading.is_between(&last, &after) {
                self.record_sample(&before, &last, &reading, rss_bytes);
                last = reading;
            }
        }
        self.record_sample(&before, &last, &after, self.resident_memory());
        Ok(())
    }

    /// Lets the threads finish, and takes readings meanwhile. The duration is unknown, so it reads often at first, and
    /// half as often whenever there are many readings.
    fn read_until_done(&mut self) -> Result<Vec<(CounterReading, Option<f64>)>, LoadError> {
        let (mut readings, mut step) = (Vec::new(), READ_INTERVAL_MIN);
        self.workers.send_command(|_| WorkerCommand::Finish {
            only_started: false,
        });
        while !self
            .workers
            .wait_until_finished(step, "measuring", self.on_progress)?
        {
            readings.push((self.read_counters()?, self.resident_memory()));
            if readings.len() >= READINGS_MAX {
                let mut number = 0_usize;
                readings.retain(|_| {
                    number += 1;
                    number.is_multiple_of(2)
                });
                step *= 2;
            }
        }
        Ok(readings)
    }

    /// Starts the load on all threads, each with its share.
    pub(super) fn start_load(
        &mut self,
        begin: Duration,
        until: LoadEnd,
        measured: (Duration, Duration),
    ) -> Result<(), LoadError> {
        let requests = match until {
            LoadEnd::Time(_) => u64::MAX,
            LoadEnd::Requests(requests) => requests,
        };
        let members = self.workers.members_per_thread();
        let drives: Vec<Pacing> = match self.options.pace() {
            Loop::Closed { under_way } => {
                let places = split_by_weight(under_way as u64, &members);
                // In proportion to the places: a thread without a place would never complete its requests.
                let requests = split_by_weight(requests, &places);
                let closed = |(places, to_begin)| Pacing::Closed {
                    at_once: usize::try_from(places).unwrap_or(under_way),
                    to_begin,
                };
                places.into_iter().zip(requests).map(closed).collect()
            }
            Loop::Open { per_second } => {
                let (member_sum, begin) = (members.iter().sum(), micros(begin));
                let own = split_by_weight(requests, &members);
                let open = |(members, own)| {
                    let per_second = per_second * ratio(members, member_sum);
                    Pacing::Open {
                        begin,
                        end: match until {
                            LoadEnd::Time(end) => micros(end),
                            // Just before the next request is due, whatever the rounding of the threads' rates.
                            LoadEnd::Requests(_) => due(begin, per_second, own),
                        },
                        per_second,
                        next: 0,
                    }
                };
                members.into_iter().zip(own).map(open).collect()
            }
        };
        let measured = (micros(measured.0), micros(measured.1));
        let command = |thread: usize| {
            let drive = drives.get(thread).copied().unwrap_or(Pacing::Idle);
            WorkerCommand::StartLoad(drive, measured)
        };
        self.workers
            .run_command("measuring", command, self.on_progress)
    }

    fn pause_until(&mut self, at: Duration, phase: &'static str) {
        let left = at.saturating_sub(self.workers.elapsed());
        self.workers.pause(left, phase, self.on_progress);
    }

    /// Waits until `end`, and records samples meanwhile.
    fn sample_until(
        &mut self,
        end: Duration,
        phase: &'static str,
        begin: &CounterReading,
    ) -> Result<(), LoadError> {
        let step = ((end.saturating_sub(self.workers.elapsed())) / 10)
            .clamp(Duration::from_millis(100), Duration::from_secs(1));
        let mut before = begin.clone();
        while self.workers.elapsed() < end && !self.workers.is_stopped() {
            let rest = end.saturating_sub(self.workers.elapsed());
            // Avoids a short last sample.
            let pause = if rest < step * 3 / 2 { rest } else { step };
            self.workers.pause(pause, phase, self.on_progress);
            let now = self.read_counters()?;
            self.record_sample(begin, &before, &now, self.resident_memory());
            before = now;
        }
        Ok(())
    }

    /// Records a sample: the difference of two readings.
    fn record_sample(
        &mut self,
        begin: &CounterReading,
        before: &CounterReading,
        now: &CounterReading,
        rss_bytes: Option<f64>,
    ) {
        let difference = before.until(now, 0);
        self.results.samples.push(LoadSample {
            at_s: begin.until(now, 0).elapsed(),
            elapsed_s: difference.elapsed(),
            announces: difference.announces(),
            sent_messages: difference.sent(),
            received_messages: difference.received(),
            cpu_s: difference.cpu_seconds(),
            rss_bytes,
        });
    }

    fn resident_memory(&self) -> Option<f64> {
        self.options.server_pid.and_then(resident_bytes)
    }
}
