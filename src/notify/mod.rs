//! Tells others of alerts: webhooks, Alertmanagers, a chat service.
//!
//! Decides nothing: what is to be told comes from the alerts. Each receiver has a bounded queue of its own, so that one that is down
//! keeps no other waiting. Runs on the server's own thread, and speaks through the client that all outgoing requests use.

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

use crate::config;
use crate::insight::Counters;
use crate::insight::alerts::{Comparison, Notice, Rule, Severity, SinkStatus, Turn};
use crate::net::client::{Client, Rules};
use body::Origin;
use sink::{Kind, Sink};

/// Receivers answer with a word or two.
const REPLY_BYTES_MAX: usize = 64 * 1024;
/// How often an Alertmanager is told again of what fires; it forgets what it is not told of.
const REPEAT_EVERY: Duration = Duration::from_mins(1);

/// All receivers, and the way to them.
#[derive(Debug)]
pub(crate) struct Notifier {
    settings: config::Alerts,
    origin: Origin,
    client: Client,
    sinks: Vec<Sink>,
    /// When Alertmanagers were told again.
    repeated: Mutex<Option<Instant>>,
}

impl Notifier {
    /// Tells those whom the settings name. `instance` says which server it is, and stays the same over a restart. What waits for a
    /// receiver that `former` had as well goes on waiting.
    pub(crate) fn new(
        settings: &config::Alerts,
        instance: &str,
        former: Option<Self>,
    ) -> Result<Self, rustls::Error> {
        let rules = Rules {
            plain: true,
            private: settings.private_addresses,
            timeout: settings.request_timeout,
            reply_bytes_max: REPLY_BYTES_MAX,
        };
        let named = |kind: Kind, receivers: &[config::Receiver]| {
            let receivers = receivers.iter().cloned();
            receivers.map(move |receiver| (kind, receiver)).collect()
        };
        let chat: Vec<_> = settings.chat.iter().cloned().collect();
        let all: [Vec<_>; 3] = [
            named(Kind::Webhook, &settings.webhook),
            named(Kind::Alertmanager, &settings.alertmanager),
            named(Kind::Chat, &chat),
        ];
        let mut former = former.map_or_else(Vec::new, |former| former.sinks);
        let sinks = all.into_iter().flatten().map(|(kind, receiver)| {
            let place = former
                .iter()
                .position(|sink| sink.kind == kind && sink.receiver == receiver);
            place.map_or_else(
                || Sink::new(kind, receiver),
                |place| former.swap_remove(place),
            )
        });
        Ok(Self {
            sinks: sinks.collect(),
            settings: settings.clone(),
            origin: Origin::new(instance, settings.external_url.as_deref()),
            client: Client::of_browsers(rules)?,
            repeated: Mutex::default(),
        })
    }

    /// Whether it goes by these settings.
    pub(crate) fn goes_by(&self, settings: &config::Alerts) -> bool {
        self.settings == *settings
    }

    /// Has everybody told of these.
    pub(crate) fn tell(&self, notices: &[Notice], counters: &Counters) {
        for sink in &self.sinks {
            sink.put(notices, self.settings.queue_max, counters);
        }
    }

    /// The settings it goes by.
    pub(crate) fn settings(&self) -> &config::Alerts {
        &self.settings
    }

    /// Has those told again who are not told all the time.
    pub(crate) fn remind(&self, notices: &[Notice], counters: &Counters) {
        for sink in self.told_once() {
            sink.put(notices, self.settings.queue_max, counters);
        }
    }

    /// The rules of which something waits for somebody who is not told again anyway.
    pub(crate) fn waiting(&self) -> BTreeSet<String> {
        self.told_once().flat_map(Sink::waiting).collect()
    }

    /// All but Alertmanagers.
    fn told_once(&self) -> impl Iterator<Item = &Sink> {
        let sinks = self.sinks.iter();
        sinks.filter(|sink| sink.kind != Kind::Alertmanager)
    }

    /// Has Alertmanagers told again of all that fires, if it is time and they have nothing else to be told.
    pub(crate) fn repeat(&self, firing: impl FnOnce() -> Vec<Notice>, counters: &Counters) {
        let now = Instant::now();
        let mut repeated = self.repeated.lock();
        if repeated.is_some_and(|at| now - at < REPEAT_EVERY) {
            return;
        }
        *repeated = Some(now);
        drop(repeated);
        let firing = firing();
        let managers = self
            .sinks
            .iter()
            .filter(|sink| sink.kind == Kind::Alertmanager);
        for sink in managers.filter(|sink| sink.is_idle()) {
            sink.put(&firing, self.settings.queue_max, counters);
        }
    }

    /// Has everybody told of an alert that is none, to try whether it arrives.
    pub(crate) fn test(&self, now: f64, counters: &Counters) {
        let rule = Rule {
            name: "test".to_owned(),
            doc: "Somebody asked for it, to try whether notifications arrive.".to_owned(),
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
            turn: Turn::Firing,
            // A number for templates that want one.
            value: Some(0.0),
            starts_at: now,
            ends_at: None,
            is_test: true,
        };
        self.tell(&[notice], counters);
    }

    /// How the receivers do.
    pub(crate) fn statuses(&self) -> Vec<SinkStatus> {
        self.sinks.iter().map(Sink::status).collect()
    }

    /// Sends what waits, to all receivers at once; never completes.
    pub(crate) async fn run(&self, counters: &Counters) {
        let running = self.sinks.iter().map(|sink| {
            let give_up_after = self.settings.give_up_after;
            sink.run(give_up_after, counters, move |notices| async move {
                self.send(sink, &notices).await
            })
        });
        join_all(running).await;
        // Without receivers there is nothing to do.
        std::future::pending::<()>().await;
    }

    async fn send(&self, sink: &Sink, notices: &Arc<[Notice]>) -> Result<(), message::Failed> {
        let request = message::request(
            sink,
            notices,
            &self.origin,
            &self.settings,
            SystemTime::now(),
        )?;
        message::judge(self.client.send(request).await)
    }
}
