//! The admin API, which needs the admin token (`docs/admin.md`).
//!
//! No response header allows other origins, and no cookie is ever set, so a page of another site cannot use it through a
//! browser. Each change is written to the audit log.

mod alone_reason;
pub(super) mod bans;
pub(super) mod connections;
pub(super) mod operations;
mod peer_report;
pub(in crate::http) mod ranking;
pub(super) mod refusals;
pub(super) mod routes;
mod setting_report;
pub(super) mod settings;
pub(super) mod sites;
pub(in crate::http::api) mod swarm;
pub(in crate::http::api) mod swarms;
mod times;
