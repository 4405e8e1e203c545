//! Settings changed while the server runs: by a reload, by the admin API, and taken back. One at a time.
//!
//! A change of the API holds until the next reload, which is whatever the configuration says.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::handle::{Control, Wanted};
use crate::config::{Changed, Config, InvalidConfig, Takes};
use crate::http::{Amend, Amended, Doing, Steering, SteeringInForce};
use crate::worker::InForce;

/// How long a reload waits for the workers. They need no time; one that is stuck shall not hold up the others.
const TAKEN_WITHIN: Duration = Duration::from_secs(2);
/// Changes that can be taken back, one after the other.
const UNDO_MAX: usize = 16;

/// What was changed since the configuration was read.
#[derive(Debug)]
pub(super) struct Amendments {
    loaded: Config,
    /// The settings before each change, the last one behind.
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

    /// Goes by what was read anew, whatever was changed before.
    pub(super) async fn reload(&self, wanted: &Config) -> Result<Vec<Changed>, Vec<InvalidConfig>> {
        let _one = self.reloading.lock().await;
        let access = self.access.read_aside().await?;
        let changes = self.put_in_force(wanted, "configuration").await?;
        self.access.put_in_force(access);
        *self.amendments.lock() = Amendments::new(&self.config());
        self.audit("read again: ", &changes);
        Ok(changes)
    }

    async fn amend(&self, amend: Amend) -> Amended {
        let _one = self.reloading.lock().await;
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
        let _one = self.reloading.lock().await;
        let before = self.amendments.lock().before.back().cloned()?;
        let undone = self.put_in_force(&before, "undo").await;
        if let Ok(changes) = &undone {
            self.amendments.lock().before.pop_back();
            self.audit("taken back: ", changes);
        }
        Some(undone)
    }

    /// Tells everybody who goes by settings, and the log by what they changed. When it returns the workers do.
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
        // Those who go by a setting are told here, each in its own way.
        let lowered = self.node.apply(&config);
        self.site.apply(&config);
        let in_force = InForce::new(config);
        self.in_force.send_replace(Arc::clone(&in_force));
        let due = lowered.map(|after| Instant::now() + after);
        self.ttl_due.send_replace(due);
        let taken = in_force.taken_by(self.pulses.len());
        if timeout(TAKEN_WITHIN, taken).await.is_err() {
            tracing::warn!("a worker has not taken over the settings yet");
        }
        Ok(changes)
    }

    /// The log has them already.
    fn audit(&self, how: &str, changes: &[Changed]) {
        for Changed { setting, from, to } in changes {
            let told = |value: &Option<String>| value.clone().unwrap_or("not set".to_owned());
            let (key, from, to) = (setting.key, told(from), told(to));
            let late = match setting.takes {
                Takes::Live | Takes::Reload => "",
                Takes::Restart => " (with the next start)",
            };
            let detail = format!("{how}{key}: {from} → {to}{late}");
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
