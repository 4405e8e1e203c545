//! Reads the policy of a table from the settings in force, so that a reload reaches every table at once.

use std::fmt;
use std::sync::Arc;

/// A policy that is read at each use from the settings in force.
#[derive(Clone)]
pub struct LivePolicy<T>(Arc<dyn Fn() -> T + Send + Sync>);

impl<T> LivePolicy<T> {
    /// Creates a policy that `read` returns. It is called at each use, so it must be fast.
    #[must_use]
    pub fn new(read: impl Fn() -> T + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// Returns the policy in force.
    pub(super) fn get(&self) -> T {
        (self.0)()
    }
}

/// A policy that never changes.
impl<T: Clone + Send + Sync + 'static> From<T> for LivePolicy<T> {
    fn from(policy: T) -> Self {
        Self::new(move || policy.clone())
    }
}

impl<T> fmt::Debug for LivePolicy<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LivePolicy")
    }
}
