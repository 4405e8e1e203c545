//! Serves HTTP/1.1 on an accepted connection until the connection becomes a WebSocket or ends.
//!
//! Serves the pages, their assets, the API and the tracker over HTTP. Hands upgraded connections back to the
//! worker. Contains no tracking rules. Its files import each other without a circle: connections use the router, the
//! router uses the handlers, and the handlers use the state.

mod accepted;
mod accounting;
mod admission;
mod api;
mod api_error;
mod assets;
mod auth;
mod base_path;
mod browser;
mod cached_routes;
mod connection_monitor;
mod content_security_policy;
mod cpu_time;
mod docs;
mod docs_files;
mod embed;
mod health;
mod host;
mod http_settings;
mod http_tracker;
mod ice;
mod local;
mod metrics;
mod metrics_cache;
mod own_origin;
mod page_urls;
mod pages;
mod paths;
mod reference_stats;
mod request;
mod request_limits;
mod requested_site;
mod response;
mod response_body;
mod response_cache;
mod response_headers;
mod router;
mod routes;
mod scrape_stream;
mod serve;
mod server_control;
mod session;
mod state;
mod transport;
mod unnamed_client_log;
mod upgrade;
mod web_app;
mod websocket_handshake;

pub(crate) use accepted::{AcceptedConnection, HttpTimeouts, ProxyHeaderClient, RefusedPage};
pub(crate) use router::WorkerRouter;
pub(crate) use serve::{address_family, serve};
pub(crate) use server_control::{
    BoxFuture, ServerControl, SettingsChange, SettingsChangeResult, SettingsState,
};
pub(crate) use state::AppState;

#[cfg(test)]
mod tests;
