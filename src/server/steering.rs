//! Changes settings while the server runs: by a reload, by the admin API, and by undo. One at a time.
//!
//! A change over the API lasts until the next reload, which restores the configuration as it is read.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::handle::{Control, Wanted};
use crate::config::{Changed, Config, InvalidConfig, Takes};
use crate::http::{Amend, Amended, Doing, Steering, SteeringInForce};
use crate::worker::InForce;

/// How long a reload waits for the workers. They apply settings at once; a stuck worker must not delay the others.
const TAKEN_WITHIN: Duration = Duration::from_secs(2);
/// Number of changes that can be undone.
const UNDO_MAX: usize = 16;

/// The changes since the configuration was read.
#[derive(Debug)]
pub(super) struct Amendments {
    loaded: Config,
    /// The settings before each change, the newest last.
    before: VecDeque<Config>,
}

impl Amendments {
    pub(super) fn new(loaded: &Config) -> Self {
        Self {
            loaded: loaded.clone(),
            before: VecDeque::new(),
        }
    }
}

impl Control {
    pub(super) fn config(&self) -> Config {
        self.in_force.borrow().config.clone()
    }

    /// Applies a newly read configuration and forgets earlier changes over the API.
    pub(super) async fn reload(&self, wanted: &Config) -> Result<Vec<Changed>, Vec<InvalidConfig>> {
        let _guard = self.reloading.lock().await;
        let access = self.access.read_aside().await?;
        let changes = self.put_in_force(wanted, "configuration").await?;
        self.access.put_in_force(access);
        *self.amendments.lock() = Amendments::new(&self.config());
        self.audit("reload: ", &changes);
        Ok(changes)
    }

    async fn amend(&self, amend: Amend) -> Amended {
        let _guard = self.reloading.lock().await;
        let before = self.config();
        let changes = self.put_in_force(&amend(&before)?, "operator").await?;
        if !changes.is_empty() {
            let undo = &mut self.amendments.lock().before;
            if undo.len() >= UNDO_MAX {
                undo.pop_front();
            }
            undo.push_back(before);
        }
        self.audit("", &changes);
        Ok(changes)
    }

    async fn undo(&self) -> Option<Amended> {
        let _guard = self.reloading.lock().await;
        let before = self.amendments.lock().before.back().cloned()?;
        let undone = self.put_in_force(&before, "undo").await;
        if let Ok(changes) = &undone {
            self.amendments.lock().before.pop_back();
            self.audit("undo: ", changes);
        }
        Some(undone)
    }

    /// Applies settings everywhere and logs the changes with their source. When it returns, the workers use them.
    async fn put_in_force(
        &self,
        wanted: &Config,
        by: &str,
    ) -> Result<Vec<Changed>, Vec<InvalidConfig>> {
        let (config, changes) = self.config().reloaded(wanted)?;
        for change in &changes {
            match change.setting.takes {
                Takes::Live | Takes::Reload => tracing::info!(by, "{change}"),
                Takes::Restart => tracing::warn!(by, "{change}"),
            }
        }
        // Each component is updated here in its own way.
        let lowered = self.node.apply(&config);
        self.site.apply(&config);
        let active = InForce::new(config);
        self.in_force.send_replace(Arc::clone(&active));
        let due = lowered.map(|after| Instant::now() + after);
        self.ttl_due.send_replace(due);
        let acknowledged = active.taken_by(self.pulses.len());
        if timeout(TAKEN_WITHIN, acknowledged).await.is_err() {
            tracing::warn!("a worker has not applied the settings yet");
        }
        Ok(changes)
    }

    /// Writes the changes to the audit journal; they are logged already.
    fn audit(&self, prefix: &str, changes: &[Changed]) {
        for Changed { setting, from, to } in changes {
            let shown = |value: &Option<String>| value.clone().unwrap_or("not set".to_owned());
            let (key, from, to) = (setting.key, shown(from), shown(to));
            let note = match setting.takes {
                Takes::Live | Takes::Reload => "",
                Takes::Restart => " (after a restart)",
            };
            let detail = format!("{prefix}{key}: {from} → {to}{note}");
            self.node.write_down("settings", &detail);
        }
    }
}

impl Steering for Control {
    fn in_force(&self) -> SteeringInForce {
        let amendments = self.amendments.lock();
        SteeringInForce {
            config: self.config(),
            loaded: amendments.loaded.clone(),
            can_undo: !amendments.before.is_empty(),
        }
    }

    fn change(self: Arc<Self>, amend: Amend) -> Doing<Amended> {
        Box::pin(async move { self.amend(amend).await })
    }

    fn undo(self: Arc<Self>) -> Doing<Option<Amended>> {
        Box::pin(async move { Self::undo(&self).await })
    }

    fn drain(&self) {
        self.want(Wanted::Drain);
    }
}
