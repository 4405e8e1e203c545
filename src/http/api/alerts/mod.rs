//! The alerts API: firing alerts, rules, silences, and a test notification.
//!
//! All routes except the summary need the admin token. Each change is written to the audit log.

pub(super) mod list;
pub(super) mod routes;
pub(super) mod rules;
pub(super) mod silences;
