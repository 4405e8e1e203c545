//! The measured part of a load: starts the requests on all threads, and records samples while they run.

use std::time::Duration;

use super::{Control, LEAD, micros};
use crate::load::driver::Order;
use crate::load::error::LoadError;
use crate::load::exchange::{Drive, due};
use crate::load::options::{Amount, Loop};
use crate::load::procfs::resident_bytes;
use crate::load::report::Sample;
use crate::load::sizes::spread;
use crate::load::summary::{Window, ratio};

/// Initial interval between two readings of a load with a fixed number of requests.
const READ_EVERY_MIN: Duration = Duration::from_millis(10);
/// Number of readings at which every other one is dropped.
const READINGS_MAX: usize = 100;

/// When a load stops starting requests.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    /// At this time of the run; a closed loop needs a stop command then.
    Time(Duration),
    /// After this exact number of requests on all threads together.
    Requests(u64),
}

impl Control<'_> {
    pub(super) fn load(&mut self) -> Result<(), LoadError> {
        match self.options.amount {
            Amount::For(duration) => self.load_for(duration),
            Amount::Requests(requests) => self.load_requests(requests),
        }
    }

    fn load_for(&mut self, duration: Duration) -> Result<(), LoadError> {
        let begin = self.crew.now() + LEAD;
        let measured = begin + self.options.warmup;
        self.drive(
            begin,
            Until::Time(measured + duration),
            (measured, measured + duration),
        )?;
        self.pause_until(measured, "warming up");
        let before = self.window()?;
        self.sample(measured + duration, "measuring", &before)?;
        let after = self.window()?;
        self.found.load = Some(before.until(&after, after.done().saturating_sub(before.done())));
        self.order("finishing", Order::Finish { stops: true })
    }

    fn load_requests(&mut self, requests: u64) -> Result<(), LoadError> {
        if !self.options.warmup.is_zero() {
            let begin = self.crew.now() + LEAD;
            let end = begin + self.options.warmup;
            self.drive(begin, Until::Time(end), (end, end))?;
            self.pause_until(end, "warming up");
            self.order("warming up", Order::Finish { stops: true })?;
        }
        let begin = self.crew.now() + LEAD;
        let mut before = self.window()?;
        if let Loop::Open { .. } = self.options.pace() {
            before = before.at(self.crew.moment(begin));
        }
        self.drive(
            begin,
            Until::Requests(requests),
            (Duration::ZERO, Duration::MAX),
        )?;
        let readings = self.read_until_done()?;
        // The threads then read on for unexpected messages; that time does not belong to the load.
        let after = self.window()?.at(self.crew.last_done());
        self.found.load = Some(before.until(&after, after.done().saturating_sub(before.done())));
        let mut last = before.clone();
        for (reading, rss_bytes) in readings {
            if reading.is_between(&last, &after) {
                self.note(&before, &last, &reading, rss_bytes);
                last = reading;
            }
        }
        self.note(&before, &last, &after, self.resident());
        Ok(())
    }

    /// Lets the threads finish, and takes readings meanwhile. The duration is unknown, so it reads often at first, and
    /// half as often whenever there are many readings.
    fn read_until_done(&mut self) -> Result<Vec<(Window, Option<f64>)>, LoadError> {
        let (mut readings, mut step) = (Vec::new(), READ_EVERY_MIN);
        self.crew.give(|_| Order::Finish { stops: false });
        while !self.crew.wait(step, "measuring", self.watch)? {
            readings.push((self.window()?, self.resident()));
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
    pub(super) fn drive(
        &mut self,
        begin: Duration,
        until: Until,
        measured: (Duration, Duration),
    ) -> Result<(), LoadError> {
        let requests = match until {
            Until::Time(_) => u64::MAX,
            Until::Requests(requests) => requests,
        };
        let members = self.crew.members();
        let drives: Vec<Drive> = match self.options.pace() {
            Loop::Closed { under_way } => {
                let places = spread(under_way as u64, &members);
                // In proportion to the places: a thread without a place would never complete its requests.
                let requests = spread(requests, &places);
                let closed = |(places, to_begin)| Drive::Closed {
                    at_once: usize::try_from(places).unwrap_or(under_way),
                    to_begin,
                };
                places.into_iter().zip(requests).map(closed).collect()
            }
            Loop::Open { per_second } => {
                let (member_sum, begin) = (members.iter().sum(), micros(begin));
                let own = spread(requests, &members);
                let open = |(members, own)| {
                    let per_second = per_second * ratio(members, member_sum);
                    Drive::Open {
                        begin,
                        end: match until {
                            Until::Time(end) => micros(end),
                            // Just before the next request is due, whatever the rounding of the threads' rates.
                            Until::Requests(_) => due(begin, per_second, own),
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
            let drive = drives.get(thread).copied().unwrap_or(Drive::Idle);
            Order::Drive(drive, measured)
        };
        self.crew.order("measuring", command, self.watch)
    }

    fn pause_until(&mut self, at: Duration, phase: &'static str) {
        let left = at.saturating_sub(self.crew.now());
        self.crew.pause(left, phase, self.watch);
    }

    /// Waits until `end`, and records samples meanwhile.
    fn sample(
        &mut self,
        end: Duration,
        phase: &'static str,
        begin: &Window,
    ) -> Result<(), LoadError> {
        let step = ((end.saturating_sub(self.crew.now())) / 10)
            .clamp(Duration::from_millis(100), Duration::from_secs(1));
        let mut before = begin.clone();
        while self.crew.now() < end && !self.crew.is_stopped() {
            let rest = end.saturating_sub(self.crew.now());
            // Avoids a short last sample.
            let pause = if rest < step * 3 / 2 { rest } else { step };
            self.crew.pause(pause, phase, self.watch);
            let now = self.window()?;
            self.note(begin, &before, &now, self.resident());
            before = now;
        }
        Ok(())
    }

    /// Records a sample: the difference of two readings.
    fn note(&mut self, begin: &Window, before: &Window, now: &Window, rss_bytes: Option<f64>) {
        let difference = before.until(now, 0);
        self.found.samples.push(Sample {
            at_s: begin.until(now, 0).elapsed(),
            elapsed_s: difference.elapsed(),
            announces: difference.announces(),
            sent_messages: difference.sent(),
            received_messages: difference.received(),
            cpu_s: difference.cpu_seconds(),
            rss_bytes,
        });
    }

    fn resident(&self) -> Option<f64> {
        self.options.server_pid.and_then(resident_bytes)
    }
}
