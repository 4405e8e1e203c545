//! Serves `/stats` and `/stats.json` in the format of the reference tracker, for dashboards that read it.
//!
//! Totals only: no info-hash, no whole `peer_id`, no address. Text from a `peer_id` is escaped.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header::{
    ACCEPT, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    HeaderMap, HeaderValue, VARY,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::api::clients::census;
use super::api::tags::STATISTICS;
use super::api_error::ApiError;
use super::response::{JSON, NO_STORE};
use super::state::AppState;
use crate::census::Census;

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");

/// The totals, named as in the reference tracker.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReferenceStats {
    torrents: u64,
    active_torrents: u64,
    peers_all: u64,
    peers_seeder_only: u64,
    peers_leecher_only: u64,
    peers_seeder_and_leecher: u64,
    #[serde(rename = "peersIPv4")]
    peers_ipv4: u64,
    #[serde(rename = "peersIPv6")]
    peers_ipv6: u64,
    /// Peers by client and version.
    #[schema(value_type = BTreeMap<String, BTreeMap<String, u64>>)]
    clients: BTreeMap<&'static str, BTreeMap<String, u64>>,
}

impl ReferenceStats {
    /// Builds all totals from one census: values of two censuses would contradict each other.
    fn new(census: &Census) -> Self {
        let mut clients: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for counted in &census.clients {
            let versions = clients.entry(counted.client.name).or_default();
            versions.insert(counted.client.version.clone(), counted.peers);
        }
        // A swarm without members is removed, so each is active.
        Self {
            torrents: census.swarms,
            active_torrents: census.swarms,
            peers_all: census.peers,
            peers_seeder_only: census.seeders_only,
            peers_leecher_only: census.leechers_only,
            peers_seeder_and_leecher: census.both,
            // HTTP peers have no lasting connection, so they are added.
            peers_ipv4: census.connections.ipv4 + census.transports.http_ipv4,
            peers_ipv6: census.connections.ipv6 + census.transports.http_ipv6,
            clients,
        }
    }

    fn html(&self) -> String {
        let mut rows = String::new();
        for (label, number) in [
            ("Torrents", self.torrents),
            ("Active torrents", self.active_torrents),
            ("Peers", self.peers_all),
            ("Peers that only seed", self.peers_seeder_only),
            ("Peers that only leech", self.peers_leecher_only),
            ("Peers that do both", self.peers_seeder_and_leecher),
            ("Connections and HTTP peers by IPv4", self.peers_ipv4),
            ("Connections and HTTP peers by IPv6", self.peers_ipv6),
        ] {
            write_row(&mut rows, label, number);
        }
        let mut clients = String::new();
        for (name, versions) in &self.clients {
            for (version, peers) in versions {
                write_row(&mut clients, &format!("{name} {version}"), *peers);
            }
        }
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>Tracker statistics</title>\n\
             <h1>Tracker statistics</h1>\n<table>\n{rows}</table>\n<h2>Clients</h2>\n<table>\n{clients}</table>\n</html>\n"
        )
    }
}

fn write_row(table: &mut String, label: &str, number: u64) {
    // Writing to a string cannot fail.
    let _ = writeln!(
        table,
        "<tr><th scope=\"row\">{}</th><td>{number}</td></tr>",
        escape_html(label)
    );
}

fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            character => out.push(character),
        }
    }
    out
}

/// Returns totals in the format of the reference tracker.
#[utoipa::path(
    get,
    path = "/stats.json",
    operation_id = "getReferenceStats",
    tag = STATISTICS,
    responses((status = OK, body = ReferenceStats))
)]
pub(super) async fn json(State(shared): State<Arc<AppState>>) -> Response {
    respond(&shared, true).await
}

/// Returns a page, or the document of `/stats.json` for clients that accept JSON.
#[utoipa::path(
    get,
    path = "/stats",
    operation_id = "getReferenceStatsPage",
    tag = STATISTICS,
    responses((status = OK, content((ReferenceStats = "application/json"), (String = "text/html"))))
)]
pub(super) async fn page(State(shared): State<Arc<AppState>>, headers: HeaderMap) -> Response {
    let accepted = headers.get_all(ACCEPT).iter();
    let is_json = accepted
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("application/json"));
    respond(&shared, is_json).await
}

async fn respond(shared: &AppState, is_json: bool) -> Response {
    let mut response = match stats(shared).await {
        Err(refusal) => refusal.into_response(),
        Ok(stats) if is_json => {
            let text = serde_json::to_string(&stats).unwrap_or_default();
            ([(CONTENT_TYPE, JSON)], text).into_response()
        }
        Ok(stats) => {
            let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
            let headers = [(CONTENT_TYPE, HTML), (CONTENT_SECURITY_POLICY, policy)];
            (headers, stats.html()).into_response()
        }
    };
    response.headers_mut().extend([
        (ACCESS_CONTROL_ALLOW_ORIGIN, ANY_ORIGIN),
        (CACHE_CONTROL, NO_STORE),
        (VARY, HeaderValue::from_static("accept")),
    ]);
    response
}

async fn stats(shared: &AppState) -> Result<ReferenceStats, ApiError> {
    let census = census(shared).await?;
    Ok(ReferenceStats::new(&census))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_a_peer_id_is_escaped() {
        let mut clients = BTreeMap::new();
        let versions = BTreeMap::from([("<b>'&\"".to_owned(), 2)]);
        clients.insert("unknown", versions);
        let html = ReferenceStats {
            torrents: 1,
            active_torrents: 1,
            peers_all: 2,
            peers_seeder_only: 0,
            peers_leecher_only: 2,
            peers_seeder_and_leecher: 0,
            peers_ipv4: 2,
            peers_ipv6: 0,
            clients,
        }
        .html();
        assert!(
            html.contains("unknown &lt;b&gt;&#39;&amp;&quot;</th><td>2"),
            "{html}"
        );
        assert!(!html.contains("<b>"));
    }
}
