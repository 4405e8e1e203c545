//! The groups of operations in the OpenAPI document.

/// Counts of named swarms, which need no token.
pub(in crate::http) const COUNTS: &str = "counts";
/// Statistics: readable without a token while `public_stats` is on.
pub(in crate::http) const STATISTICS: &str = "statistics";
/// The check of a page; readable without a token.
pub(in crate::http) const CHECK: &str = "check";
/// Everything that needs the admin token.
pub(in crate::http) const ADMIN: &str = "admin";
/// Alerts; all operations except the summary need the admin token.
pub(in crate::http) const ALERTS: &str = "alerts";
