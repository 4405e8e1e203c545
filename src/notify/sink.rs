//! One receiver: its queue, and delivery with retries.

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

/// The delay after the first failed attempt; it doubles after each further one.
const PAUSE_FIRST: Duration = Duration::from_secs(1);
/// The longest delay.
const PAUSE_LAST: Duration = Duration::from_mins(1);

/// The protocol of a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Alertmanager's webhook format.
    Webhook,
    /// Alertmanager's API, as Prometheus uses it.
    Alertmanager,
    /// A template of the operator.
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

/// One receiver and its queue.
#[derive(Debug)]
pub(super) struct Sink {
    pub(super) kind: Kind,
    pub(super) receiver: Receiver,
    line: Mutex<Line>,
    /// Notified when a message is queued.
    more: Notify,
}

/// The queued messages, oldest first, and the delivery status.
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

    /// Queues notices: for an Alertmanager as one message, else one message each. Drops the oldest messages if the
    /// queue is full.
    pub(super) fn put(&self, notices: &[Notice], queue_max: usize, counters: &Counters) {
        let at_once = if self.kind == Kind::Alertmanager {
            notices.len().max(1)
        } else {
            1
        };
        let mut queue = self.line.lock();
        for notices in notices.chunks(at_once) {
            queue.put += 1;
            let number = queue.put;
            queue.waiting.push_back(Job {
                number,
                notices: notices.into(),
                since: Instant::now(),
            });
            while queue.waiting.len() > queue_max {
                queue.waiting.pop_front();
                queue.failed += 1;
                counters.notifications_dropped_queue_max.add(1);
            }
        }
        drop(queue);
        self.more.notify_one();
    }

    pub(super) fn is_idle(&self) -> bool {
        self.line.lock().waiting.is_empty()
    }

    /// Returns the names of the rules in queued messages.
    pub(super) fn waiting(&self) -> Vec<String> {
        let queue = self.line.lock();
        let waiting = queue.waiting.iter().flat_map(|job| job.notices.iter());
        waiting.map(|notice| notice.rule.name.clone()).collect()
    }

    pub(super) fn status(&self) -> SinkStatus {
        let queue = self.line.lock();
        SinkStatus {
            kind: self.kind.label(),
            target: self.receiver.host().to_owned(),
            queued: queue.waiting.len(),
            failed: queue.failed,
            last_error: queue.last_error.clone(),
            last_delivered: queue.last_delivered,
        }
    }

    /// Sends queued messages one after the other; never completes.
    pub(super) async fn run<F>(
        &self,
        give_up_after: Duration,
        counters: &Counters,
        send: impl Fn(Arc<[Notice]>) -> F,
    ) where
        F: Future<Output = Result<(), Failed>>,
    {
        let mut delay = PAUSE_FIRST;
        loop {
            let Some(job) = self.line.lock().waiting.front().cloned() else {
                self.more.notified().await;
                continue;
            };
            let Err(failed) = send(Arc::clone(&job.notices)).await else {
                counters.notifications_sent.add(1);
                delay = PAUSE_FIRST;
                self.settle(&job, None);
                continue;
            };
            counters.notification_attempts_failed.add(1);
            let is_over = !failed.may_pass || job.since.elapsed() + delay > give_up_after;
            self.tell_failed(&failed, is_over);
            if is_over {
                counters.notifications_given_up.add(1);
                self.settle(&job, Some(failed));
                continue;
            }
            self.line.lock().last_error = Some(failed.reason);
            // Jitter between half and the whole delay, so that many servers do not retry at the same moment.
            let jitter = rand::rng().random_range(0.5..=1.0);
            sleep(delay.mul_f64(jitter)).await;
            delay = (delay * 2).min(PAUSE_LAST);
        }
    }

    /// Removes a delivered or failed message. If the queue dropped it in the meantime, that was counted then.
    fn settle(&self, job: &Job, failed: Option<Failed>) {
        let mut queue = self.line.lock();
        if failed.is_none() {
            queue.last_delivered = Some(unix_now());
        }
        if queue
            .waiting
            .front()
            .is_some_and(|first| first.number == job.number)
        {
            queue.waiting.pop_front();
            queue.failed += u64::from(failed.is_some());
        }
        queue.last_error = failed.map(|failed| failed.reason);
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
                "notification not delivered yet; it is retried"
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
