//! Sends alert notifications to webhooks, Alertmanagers and a chat service.
//!
//! It decides nothing: the alerts say what to send. Each receiver has its own bounded queue, so that one that is down
//! delays no other. It runs on the server's own thread, and uses the client of all outgoing requests.

mod body;
mod message;
mod sink;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use futures::future::join_all;
use parking_lot::Mutex;
use tokio::time::{Duration, Instant};
use tokio_rustls::rustls;

use crate::alerts::{AlertRule, AlertTransition, Comparison, Notice, Severity, SinkStatus};
use crate::config;
use crate::metrics::Counters;
use crate::net::http_client::{HttpClient, RequestPolicy};
use body::AlertSource;
use sink::{Sink, SinkKind};

/// The maximum size of a reply; receivers answer with a few words.
const REPLY_BYTES_MAX: usize = 64 * 1024;
/// The interval at which firing alerts are sent to an Alertmanager again; it drops alerts that are not repeated.
const REPEAT_INTERVAL: Duration = Duration::from_mins(1);

/// All receivers, and the client to reach them.
#[derive(Debug)]
pub(crate) struct Notifier {
    settings: config::Alerts,
    source: AlertSource,
    client: HttpClient,
    sinks: Vec<Sink>,
    /// When firing alerts were last sent again to Alertmanagers.
    repeated_at: Mutex<Option<Instant>>,
}

impl Notifier {
    /// Creates a notifier for the receivers in the settings. `instance` identifies the server, and is the same after a
    /// restart.
    /// Receivers that `former` had as well keep their queues.
    pub(crate) fn new(
        settings: &config::Alerts,
        instance: &str,
        former: Option<Self>,
    ) -> Result<Self, rustls::Error> {
        let rules = RequestPolicy {
            allow_plain: true,
            allow_private: settings.private_addresses,
            timeout: settings.request_timeout,
            reply_bytes_max: REPLY_BYTES_MAX,
        };
        let named = |kind: SinkKind, receivers: &[config::AlertReceiver]| {
            let receivers = receivers.iter().cloned();
            receivers.map(move |receiver| (kind, receiver)).collect()
        };
        let chat: Vec<_> = settings.chat.iter().cloned().collect();
        let all: [Vec<_>; 3] = [
            named(SinkKind::Webhook, &settings.webhook),
            named(SinkKind::Alertmanager, &settings.alertmanager),
            named(SinkKind::Chat, &chat),
        ];
        let mut former = former.map_or_else(Vec::new, |former| former.sinks);
        let sinks = all.into_iter().flatten().map(|(kind, receiver)| {
            let index = former
                .iter()
                .position(|sink| sink.kind == kind && sink.receiver == receiver);
            index.map_or_else(
                || Sink::new(kind, receiver),
                |index| former.swap_remove(index),
            )
        });
        Ok(Self {
            sinks: sinks.collect(),
            settings: settings.clone(),
            source: AlertSource::new(instance, settings.external_url.as_deref()),
            client: HttpClient::with_browser_roots(rules)?,
            repeated_at: Mutex::default(),
        })
    }

    /// Returns whether it uses these settings.
    pub(crate) fn uses_settings(&self, settings: &config::Alerts) -> bool {
        self.settings == *settings
    }

    /// Queues notifications for all receivers.
    pub(crate) fn notify_all(&self, notices: &[Notice], counters: &Counters) {
        for sink in &self.sinks {
            sink.enqueue(notices, self.settings.queue_max, counters);
        }
    }

    /// Returns its settings.
    pub(crate) fn settings(&self) -> &config::Alerts {
        &self.settings
    }

    /// Queues reminders for the receivers that get no regular repeats.
    pub(crate) fn remind(&self, notices: &[Notice], counters: &Counters) {
        for sink in self.sinks_without_repeats() {
            sink.enqueue(notices, self.settings.queue_max, counters);
        }
    }

    /// Returns the rules with undelivered notifications, except those for receivers that get regular repeats.
    pub(crate) fn undelivered_rules(&self) -> BTreeSet<String> {
        self.sinks_without_repeats()
            .flat_map(Sink::queued_rules)
            .collect()
    }

    /// Returns the receivers that get no regular repeats: all but Alertmanagers.
    fn sinks_without_repeats(&self) -> impl Iterator<Item = &Sink> {
        let sinks = self.sinks.iter();
        sinks.filter(|sink| sink.kind != SinkKind::Alertmanager)
    }

    /// Queues all firing alerts again for Alertmanagers with an empty queue, if [`REPEAT_INTERVAL`] has passed.
    pub(crate) fn repeat_firing(&self, firing: impl FnOnce() -> Vec<Notice>, counters: &Counters) {
        let now = Instant::now();
        let mut repeated = self.repeated_at.lock();
        if repeated.is_some_and(|at| now - at < REPEAT_INTERVAL) {
            return;
        }
        *repeated = Some(now);
        drop(repeated);
        let firing = firing();
        let managers = self
            .sinks
            .iter()
            .filter(|sink| sink.kind == SinkKind::Alertmanager);
        for sink in managers.filter(|sink| sink.is_idle()) {
            sink.enqueue(&firing, self.settings.queue_max, counters);
        }
    }

    /// Queues a test notification for all receivers.
    pub(crate) fn send_test(&self, now: f64, counters: &Counters) {
        let rule = AlertRule {
            name: "test".to_owned(),
            doc: "A test was requested, to check whether notifications arrive.".to_owned(),
            series: "alerts_firing".to_owned(),
            of: None,
            of_min: 0.0,
            comparison: Comparison::Above,
            threshold: 0.0,
            clear: 0.0,
            hold: 0.0,
            keep_firing: 0.0,
            severity: Severity::Info,
            enabled: true,
        };
        let notice = Notice {
            rule,
            transition: AlertTransition::Firing,
            // A number for templates that require one.
            value: Some(0.0),
            starts_at: now,
            ends_at: None,
            is_test: true,
        };
        self.notify_all(&[notice], counters);
    }

    /// Returns the status of the receivers.
    pub(crate) fn statuses(&self) -> Vec<SinkStatus> {
        self.sinks.iter().map(Sink::status).collect()
    }

    /// Sends queued notifications to all receivers concurrently; never completes.
    pub(crate) async fn run(&self, counters: &Counters) {
        let running = self.sinks.iter().map(|sink| {
            let give_up_after = self.settings.give_up_after;
            sink.run(give_up_after, counters, move |notices| async move {
                self.send(sink, &notices).await
            })
        });
        join_all(running).await;
        // Without receivers `join_all` completes at once.
        std::future::pending::<()>().await;
    }

    async fn send(
        &self,
        sink: &Sink,
        notices: &Arc<[Notice]>,
    ) -> Result<(), message::DeliveryError> {
        let request = message::request(
            sink,
            notices,
            &self.source,
            &self.settings,
            SystemTime::now(),
        )?;
        message::check_response(self.client.send(request).await)
    }
}
