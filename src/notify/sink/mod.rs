//! One receiver: its queue, and delivery with retries.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use rand::RngExt;
use tokio::sync::Notify;
use tokio::time::{Duration, Instant, sleep};

use super::message::DeliveryError;
use crate::alerts::{Notice, SinkStatus};
use crate::config::AlertReceiver;
use crate::metrics::Counters;

/// The delay after the first failed attempt; it doubles after each further one.
const RETRY_DELAY_MIN: Duration = Duration::from_secs(1);
/// The longest delay.
const RETRY_DELAY_MAX: Duration = Duration::from_mins(1);

/// The protocol of a receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SinkKind {
    /// Alertmanager's webhook format.
    Webhook,
    /// Alertmanager's API, as Prometheus uses it.
    Alertmanager,
    /// A template of the operator.
    Chat,
}

impl SinkKind {
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
    pub(super) kind: SinkKind,
    pub(super) receiver: AlertReceiver,
    queue: Mutex<SinkQueue>,
    /// Notified when a message is queued.
    wakeup: Notify,
}

/// The queued messages, oldest first, and the delivery status.
#[derive(Debug, Default)]
struct SinkQueue {
    messages: VecDeque<QueuedMessage>,
    enqueued: u64,
    failed: u64,
    last_error: Option<String>,
    /// Unix seconds.
    last_delivered: Option<f64>,
}

#[derive(Debug, Clone)]
struct QueuedMessage {
    number: u64,
    notices: Arc<[Notice]>,
    since: Instant,
}

impl Sink {
    pub(super) fn new(kind: SinkKind, receiver: AlertReceiver) -> Self {
        Self {
            kind,
            receiver,
            queue: Mutex::default(),
            wakeup: Notify::new(),
        }
    }

    /// Queues notices: for an Alertmanager as one message, else one message each. Drops the oldest messages if the
    /// queue is full.
    pub(super) fn enqueue(&self, notices: &[Notice], queue_max: usize, counters: &Counters) {
        let at_once = if self.kind == SinkKind::Alertmanager {
            notices.len().max(1)
        } else {
            1
        };
        let mut queue = self.queue.lock();
        for notices in notices.chunks(at_once) {
            queue.enqueued += 1;
            let number = queue.enqueued;
            queue.messages.push_back(QueuedMessage {
                number,
                notices: notices.into(),
                since: Instant::now(),
            });
            while queue.messages.len() > queue_max {
                queue.messages.pop_front();
                queue.failed += 1;
                counters.notifications_dropped_queue_max.add(1);
            }
        }
        drop(queue);
        self.wakeup.notify_one();
    }

    pub(super) fn is_idle(&self) -> bool {
        self.queue.lock().messages.is_empty()
    }

    /// Returns the names of the rules in queued messages.
    pub(super) fn queued_rules(&self) -> Vec<String> {
        let queue = self.queue.lock();
        let waiting = queue.messages.iter().flat_map(|job| job.notices.iter());
        waiting.map(|notice| notice.rule.name.clone()).collect()
    }

    pub(super) fn status(&self) -> SinkStatus {
        let queue = self.queue.lock();
        SinkStatus {
            kind: self.kind.label(),
            target: self.receiver.host().to_owned(),
            queued: queue.messages.len(),
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
        F: Future<Output = Result<(), DeliveryError>>,
    {
        let mut delay = RETRY_DELAY_MIN;
        loop {
            let Some(job) = self.queue.lock().messages.front().cloned() else {
                self.wakeup.notified().await;
                continue;
            };
            let Err(failed) = send(Arc::clone(&job.notices)).await else {
                counters.notifications_sent.add(1);
                delay = RETRY_DELAY_MIN;
                self.finish(&job, None);
                continue;
            };
            counters.notification_attempts_failed.add(1);
            let is_over = !failed.is_retryable || job.since.elapsed() + delay > give_up_after;
            self.log_failure(&failed, is_over);
            if is_over {
                counters.notifications_given_up.add(1);
                self.finish(&job, Some(failed));
                continue;
            }
            self.queue.lock().last_error = Some(failed.reason);
            // Jitter between half and the whole delay, so that many servers do not retry at the same moment.
            let jitter = rand::rng().random_range(0.5..=1.0);
            sleep(delay.mul_f64(jitter)).await;
            delay = (delay * 2).min(RETRY_DELAY_MAX);
        }
    }

    /// Removes a delivered or failed message. If the queue dropped it in the meantime, that was counted then.
    fn finish(&self, job: &QueuedMessage, failed: Option<DeliveryError>) {
        let mut queue = self.queue.lock();
        if failed.is_none() {
            queue.last_delivered = Some(unix_now());
        }
        if queue
            .messages
            .front()
            .is_some_and(|first| first.number == job.number)
        {
            queue.messages.pop_front();
            queue.failed += u64::from(failed.is_some());
        }
        queue.last_error = failed.map(|failed| failed.reason);
    }

    fn log_failure(&self, failed: &DeliveryError, is_over: bool) {
        let (kind, host, error) = (self.kind.label(), self.receiver.host(), &failed.reason);
        if is_over {
            tracing::error!(kind, host, error, "notification given up");
        } else if self.queue.lock().last_error.is_none() {
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
mod tests;
