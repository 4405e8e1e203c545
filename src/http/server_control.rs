//! Defines the interface through which the admin API controls the server. The server implements it and registers
//! itself; this module does not depend on the server.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;

use crate::config::{ChangedSetting, Config, InvalidConfig};

/// A boxed future.
pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// The result of a settings change: the changed settings, or all errors.
pub(crate) type SettingsChangeResult = Result<Vec<ChangedSetting>, Vec<InvalidConfig>>;
/// Computes new settings from the active ones.
pub(crate) type SettingsChange =
    Box<dyn FnOnce(&Config) -> Result<Config, Vec<InvalidConfig>> + Send>;

/// The active settings, the loaded ones, and whether a change can be undone.
#[derive(Debug)]
pub(crate) struct SettingsState {
    /// The active settings.
    pub(crate) config: Config,
    /// The settings as loaded last, without later changes.
    pub(crate) loaded: Config,
    /// Whether there is a change to undo.
    pub(crate) can_undo: bool,
}

/// The control interface of a running server.
pub(crate) trait ServerControl: Debug + Send + Sync {
    /// Returns the active and the loaded settings.
    fn settings_state(&self) -> SettingsState;
    /// Changes settings, as a reload would, until the next reload.
    fn change_settings(self: Arc<Self>, change: SettingsChange) -> BoxFuture<SettingsChangeResult>;
    /// Undoes the last change; `None` if there is none.
    fn undo_settings(self: Arc<Self>) -> BoxFuture<Option<SettingsChangeResult>>;
    /// Starts draining, as on SIGTERM.
    fn drain(&self);
}
