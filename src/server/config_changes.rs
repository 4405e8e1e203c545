//! Changes settings while the server runs: by a reload, by the admin API, and by undo. One at a time.
//!
//! A change over the API lasts until the next reload, which restores the configuration as it is read.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::handle::{RequestedState, ServerState};
use crate::config::{ChangedSetting, Config, InvalidConfig, ReloadPolicy};
use crate::http::{BoxFuture, ServerControl, SettingsChange, SettingsChangeResult, SettingsState};
use crate::worker::SettingsNotice;

/// How long a reload waits for the workers. They apply settings at once; a stuck worker must not delay the others.
const APPLY_TIMEOUT: Duration = Duration::from_secs(2);
/// Number of changes that can be undone.
const UNDO_MAX: usize = 16;

/// The changes since the configuration was read.
#[derive(Debug)]
pub(super) struct ConfigHistory {
    loaded: Config,
    /// The settings before each change, the newest last.
    undo_stack: VecDeque<Config>,
}

impl ConfigHistory {
    pub(super) fn new(loaded: &Config) -> Self {
        Self {
            loaded: loaded.clone(),
            undo_stack: VecDeque::new(),
        }
    }
}

impl ServerState {
    pub(super) fn config(&self) -> Config {
        self.node.settings().config().clone()
    }

    /// Applies a newly read configuration and forgets earlier changes over the API.
    pub(super) async fn reload(
        &self,
        wanted: &Config,
    ) -> Result<Vec<ChangedSetting>, Vec<InvalidConfig>> {
        let _guard = self.reload_lock.lock().await;
        let lists = self.lists.read_in_background().await?;
        let changes = self.apply_config(wanted, "configuration").await?;
        self.lists.activate(lists);
        *self.config_history.lock() = ConfigHistory::new(&self.config());
        self.audit_changes("reload: ", &changes);
        Ok(changes)
    }

    /// Applies a change over the API and stores the configuration before it for undo.
    async fn apply_change(&self, change: SettingsChange) -> SettingsChangeResult {
        let _guard = self.reload_lock.lock().await;
        let before = self.config();
        let changes = self.apply_config(&change(&before)?, "operator").await?;
        if !changes.is_empty() {
            let undo = &mut self.config_history.lock().undo_stack;
            if undo.len() >= UNDO_MAX {
                undo.pop_front();
            }
            undo.push_back(before);
        }
        self.audit_changes("", &changes);
        Ok(changes)
    }

    async fn undo(&self) -> Option<SettingsChangeResult> {
        let _guard = self.reload_lock.lock().await;
        let before = self.config_history.lock().undo_stack.back().cloned()?;
        let undone = self.apply_config(&before, "undo").await;
        if let Ok(changes) = &undone {
            self.config_history.lock().undo_stack.pop_back();
            self.audit_changes("undo: ", changes);
        }
        Some(undone)
    }

    /// Applies settings everywhere and logs the changes with their source. When it returns, the workers use
    /// them, or [`APPLY_TIMEOUT`] has passed.
    async fn apply_config(
        &self,
        wanted: &Config,
        by: &str,
    ) -> Result<Vec<ChangedSetting>, Vec<InvalidConfig>> {
        let (config, changes) = self.config().reloaded(wanted)?;
        for change in &changes {
            match change.setting.reload_policy {
                ReloadPolicy::Live | ReloadPolicy::Reload => tracing::info!(by, "{change}"),
                ReloadPolicy::Restart => tracing::warn!(by, "{change}"),
            }
        }
        // The settings of the node first, then HTTP, then the workers, which acknowledge.
        let lowered = self.node.apply_config(&config);
        self.app_state.update_settings(&config);
        let update = SettingsNotice::new();
        self.settings_notices.send_replace(Arc::clone(&update));
        let due = lowered.map(|after| Instant::now() + after);
        self.ttl_change_at.send_replace(due);
        let acknowledged = update.acknowledged_by(self.liveness.len());
        if timeout(APPLY_TIMEOUT, acknowledged).await.is_err() {
            tracing::warn!("a worker has not applied the settings yet");
        }
        Ok(changes)
    }

    /// Writes the changes to the audit journal; they are logged already.
    fn audit_changes(&self, prefix: &str, changes: &[ChangedSetting]) {
        for ChangedSetting { setting, from, to } in changes {
            let shown = |value: &Option<String>| value.clone().unwrap_or("not set".to_owned());
            let (key, from, to) = (setting.key, shown(from), shown(to));
            let note = match setting.reload_policy {
                ReloadPolicy::Live | ReloadPolicy::Reload => "",
                ReloadPolicy::Restart => " (after a restart)",
            };
            let detail = format!("{prefix}{key}: {from} → {to}{note}");
            self.node.storage().journal("settings", &detail);
        }
    }
}

impl ServerControl for ServerState {
    fn settings_state(&self) -> SettingsState {
        let history = self.config_history.lock();
        SettingsState {
            config: self.config(),
            loaded: history.loaded.clone(),
            can_undo: !history.undo_stack.is_empty(),
        }
    }

    fn change_settings(self: Arc<Self>, change: SettingsChange) -> BoxFuture<SettingsChangeResult> {
        Box::pin(async move { self.apply_change(change).await })
    }

    fn undo_settings(self: Arc<Self>) -> BoxFuture<Option<SettingsChangeResult>> {
        Box::pin(async move { Self::undo(&self).await })
    }

    fn drain(&self) {
        self.request(RequestedState::Drain);
    }
}
