//! What HTTP may ask of the server above it. The server puts itself in; nothing here knows it.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;

use crate::config::{Changed, Config, InvalidConfig};

/// What is done when it is waited for.
pub(crate) type Doing<T> = Pin<Box<dyn Future<Output = T> + Send>>;
/// What became of settings: what has changed, or all that is wrong with them.
pub(crate) type Amended = Result<Vec<Changed>, Vec<InvalidConfig>>;
/// Makes other settings of those in force.
pub(crate) type Amend = Box<dyn FnOnce(&Config) -> Result<Config, Vec<InvalidConfig>> + Send>;

/// The settings, and where they come from.
#[derive(Debug)]
pub(crate) struct InForce {
    /// What everybody goes by.
    pub(crate) config: Config,
    /// What was loaded last, without what was changed since.
    pub(crate) loaded: Config,
    /// Whether there is a change to take back.
    pub(crate) can_undo: bool,
}

/// A running server, for who steers it over HTTP.
pub(crate) trait Steering: Debug + Send + Sync {
    /// The settings as they are now.
    fn in_force(&self) -> InForce;
    /// Changes settings, as a reload would, until the next reload.
    fn change(self: Arc<Self>, amend: Amend) -> Doing<Amended>;
    /// Takes the last change back; `None` if there is none.
    fn undo(self: Arc<Self>) -> Doing<Option<Amended>>;
    /// Leaves, as with SIGTERM.
    fn drain(&self);
}
