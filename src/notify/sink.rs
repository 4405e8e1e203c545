//! One receiver: what waits for it, and trying until it takes that.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use rand::RngExt;
use tokio::sync::Notify;
use tokio::time::{Duration, Instant, sleep};

use super::message::Failed;
use crate::config::Receiver;
use crate::insight::Counters;
use crate::insight::alerts::{Notice, SinkStatus};

/// The pause after a first failed attempt; each further one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// The longest pause.
const PAUSE_LAST: Duration = Duration::from_mins(1);

/// How a receiver wants to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// As Alertmanager tells webhooks.
    Webhook,
    /// As Prometheus tells an Alertmanager.
    Alertmanager,
    /// By a template of the operator.
    Chat,
}

impl Kind {
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Alertmanager => "alertmanager",
            Self::Chat => "chat",
        }
    }
}

/// One receiver.
#[derive(Debug)]
pub(super) struct Sink {
    pub(super) kind: Kind,
    pub(super) receiver: Receiver,
    line: Mutex<Line>,
    /// Told when something is put into an empty queue.
    more: Notify,
}

/// What waits for it, the oldest first, and how it did.
#[derive(Debug, Default)]
struct Line {
    waiting: VecDeque<Job>,
    put: u64,
    failed: u64,
    last_error: Option<String>,
    /// Unix seconds.
    last_delivered: Option<f64>,
}

#[derive(Debug, Clone)]
struct Job {
    number: u64,
    notices: Arc<[Notice]>,
    since: Instant,
}

impl Sink {
    pub(super) fn new(kind: Kind, receiver: Receiver) -> Self {
        Self {
            kind,
            receiver,
            line: Mutex::default(),
            more: Notify::new(),
        }
    }

    /// Puts notices into the queue: for an Alertmanager as one message, else one each. What is too much goes, the oldest
    /// first.
    pub(super) fn put(&self, notices: &[Notice], queue_max: usize, counters: &Counters) {
        let at_once = if self.kind == Kind::Alertmanager {
            notices.len().max(1)
        } else {
            1
        };
        let mut line = self.line.lock();
        for notices in notices.chunks(at_once) {
            line.put += 1;
            let number = line.put;
            line.waiting.push_back(Job {
                number,
                notices: notices.into(),
                since: Instant::now(),
            });
            while line.waiting.len() > queue_max {
                line.waiting.pop_front();
                line.failed += 1;
                counters.notifications_dropped_queue_max.add(1);
            }
        }
        drop(line);
        self.more.notify_one();
    }

    pub(super) fn is_idle(&self) -> bool {
        self.line.lock().waiting.is_empty()
    }

    /// The names of the rules of which something waits.
    pub(super) fn waiting(&self) -> Vec<String> {
        let line = self.line.lock();
        let waiting = line.waiting.iter().flat_map(|job| job.notices.iter());
        waiting.map(|notice| notice.rule.name.clone()).collect()
    }

    pub(super) fn status(&self) -> SinkStatus {
        let line = self.line.lock();
        SinkStatus {
            kind: self.kind.label(),
            target: self.receiver.host().to_owned(),
            queued: line.waiting.len(),
            failed: line.failed,
            last_error: line.last_error.clone(),
            last_delivered: line.last_delivered,
        }
    }

    /// Sends what waits, one after the other; never completes.
    pub(super) async fn run<F>(
        &self,
        give_up_after: Duration,
        counters: &Counters,
        send: impl Fn(Arc<[Notice]>) -> F,
    ) where
        F: Future<Output = Result<(), Failed>>,
    {
        let mut pause = PAUSE_FIRST;
        loop {
            let Some(job) = self.line.lock().waiting.front().cloned() else {
                self.more.notified().await;
                continue;
            };
            let Err(failed) = send(Arc::clone(&job.notices)).await else {
                counters.notifications_sent.add(1);
                pause = PAUSE_FIRST;
                self.settle(&job, None);
                continue;
            };
            counters.notification_attempts_failed.add(1);
            let is_over = !failed.may_pass || job.since.elapsed() + pause > give_up_after;
            self.tell_failed(&failed, is_over);
            if is_over {
                counters.notifications_given_up.add(1);
                self.settle(&job, Some(failed));
                continue;
            }
            self.line.lock().last_error = Some(failed.reason);
            // Between half and all of it, so that many servers do not come back at the same moment.
            let part = rand::rng().random_range(0.5..=1.0);
            sleep(pause.mul_f64(part)).await;
            pause = (pause * 2).min(PAUSE_LAST);
        }
    }

    /// A job is done, for better or worse. It may have been dropped for others in the meantime, which was counted then.
    fn settle(&self, job: &Job, failed: Option<Failed>) {
        let mut line = self.line.lock();
        if failed.is_none() {
            line.last_delivered = Some(unix_now());
        }
        if line
            .waiting
            .front()
            .is_some_and(|first| first.number == job.number)
        {
            line.waiting.pop_front();
            line.failed += u64::from(failed.is_some());
        }
        line.last_error = failed.map(|failed| failed.reason);
    }

    fn tell_failed(&self, failed: &Failed, is_over: bool) {
        let (kind, host, error) = (self.kind.label(), self.receiver.host(), &failed.reason);
        if is_over {
            tracing::error!(kind, host, error, "notification given up");
        } else if self.line.lock().last_error.is_none() {
            tracing::warn!(
                kind,
                host,
                error,
                "notification not sent yet; it is tried again"
            );
        }
    }
}

fn unix_now() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs_f64()
}

#[cfg(test)]
#[path = "tests/sink.rs"]
mod tests;
