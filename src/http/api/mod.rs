//! The modules of the API: statistics, the live stream, history, alerts and the [admin API](admin).

pub(super) mod admin;
mod alerts;
pub(super) mod check;
pub(super) mod clients;
mod counts;
mod history;
mod json_number;
pub(super) mod live_events;
mod live_stats;
pub(super) mod openapi;
mod request_params;
pub(super) mod routes;
mod stats;
pub(super) mod stats_access;
pub(super) mod tags;
