//! The measured part of a load: how requests are begun on all threads, and what is noted while they run.

use std::time::Duration;

use super::{Control, LEAD, micros};
use crate::load::driver::Order;
use crate::load::error::LoadError;
use crate::load::exchange::Drive;
use crate::load::options::{Amount, Loop};
use crate::load::procfs::resident_bytes;
use crate::load::report::Sample;
use crate::load::summary::Window;

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
            u64::MAX,
            begin,
            measured + duration,
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
            self.drive(u64::MAX, begin, end, (end, end))?;
            self.pause_until(end, "warming up");
            self.order("warming up", Order::Finish { stops: true })?;
        }
        let begin = self.crew.now() + LEAD;
        let end = match self.options.pace {
            Loop::Closed { .. } => Duration::MAX,
            Loop::Open { per_second } => {
                begin + Duration::from_secs_f64(requests_in(requests, per_second))
            }
        };
        let mut before = self.window()?;
        if let Loop::Open { .. } = self.options.pace {
            before = before.at(self.crew.moment(begin));
        }
        self.drive(requests, begin, end, (Duration::ZERO, Duration::MAX))?;
        self.order("measuring", Order::Finish { stops: false })?;
        // The threads have listened on for messages that nobody asked for, which is no time of the load.
        let after = self.window()?.at(self.crew.last_done());
        self.found.load = Some(before.until(&after, after.done().saturating_sub(before.done())));
        Ok(())
    }

    /// Begins the load on all threads, each with its share.
    pub(super) fn drive(
        &mut self,
        requests: u64,
        begin: Duration,
        end: Duration,
        measured: (Duration, Duration),
    ) -> Result<(), LoadError> {
        let pace = self.options.pace;
        let shares = self.crew.shares();
        let mut left = requests;
        let last = shares.len().saturating_sub(1);
        let measured = (micros(measured.0), micros(measured.1));
        let order = |thread: usize| {
            let share = shares.get(thread).copied().unwrap_or(0.0);
            let drive = match pace {
                Loop::Closed { under_way } => {
                    let own = if thread == last || requests == u64::MAX {
                        left
                    } else {
                        share_of(requests, share).min(left)
                    };
                    if requests < u64::MAX {
                        left -= own;
                    }
                    let at_once = usize::try_from(share_of(under_way as u64, share))
                        .unwrap_or(1)
                        .max(1);
                    Drive::Closed {
                        at_once,
                        to_begin: own,
                    }
                }
                Loop::Open { per_second } => Drive::Open {
                    begin: micros(begin),
                    end: micros(end),
                    per_second: per_second * share,
                    next: 0,
                },
            };
            Order::Drive(drive, measured)
        };
        self.crew.order("measuring", order, self.watch)
    }

    fn pause_until(&mut self, at: Duration, phase: &'static str) {
        let left = at.saturating_sub(self.crew.now());
        self.crew.pause(left, phase, self.watch);
    }

    /// Waits until `end`, and notes the course of things on the way.
    fn sample(
        &mut self,
        end: Duration,
        phase: &'static str,
        begin: &Window,
    ) -> Result<(), LoadError> {
        let step = ((end.saturating_sub(self.crew.now())) / 10)
            .clamp(Duration::from_millis(100), Duration::from_secs(1));
        let mut before = begin.clone();
        while self.crew.now() < end {
            let rest = end.saturating_sub(self.crew.now());
            // No crumb in the end.
            let pause = if rest < step * 3 / 2 { rest } else { step };
            self.crew.pause(pause, phase, self.watch);
            let now = self.window()?;
            let rss_bytes = self.options.server_pid.and_then(resident_bytes);
            let piece = before.until(&now, 0);
            self.found.samples.push(Sample {
                at_s: begin.until(&now, 0).elapsed(),
                elapsed_s: piece.elapsed(),
                announces: piece.announces(),
                sent_messages: piece.sent(),
                received_messages: piece.received(),
                cpu_s: piece.cpu_seconds(),
                rss_bytes,
            });
            before = now;
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 requests")]
fn requests_in(requests: u64, per_second: f64) -> f64 {
    requests as f64 / per_second
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "far fewer than 2^52 requests, and a positive share"
)]
fn share_of(whole: u64, share: f64) -> u64 {
    (whole as f64 * share).round() as u64
}
