//! Selects the STUN and TURN servers that a client gets.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::client::IceClient;
use crate::config::{IceServer, is_public_address};
use crate::http::http_settings::TurnServers;
use crate::http::state::AppState;
use crate::ice::{
    ProxyKind, StunRequester, StunStatus, TurnRequester, Username, stream_turn_url, stun_urls,
};
use crate::net::own_addresses;

/// Returns the servers for a client: those of `ice_server`, or else this server's own and those of `ice.turn_server`.
///
/// # Errors
///
/// The time after which the address of the client may have more credentials, if it asked too often.
pub(super) fn ice_servers(
    shared: &AppState,
    client: &IceClient,
    host: Option<&str>,
) -> Result<Vec<IceServer>, Duration> {
    let live = shared.http_settings();
    if !live.ice_servers.is_empty() {
        return Ok(live.ice_servers.clone());
    }
    let (stun_urls, status) = own_stun_urls(shared, client, host);
    let has_relay = matches!(live.turn, TurnServers::BuiltIn);
    let UdpUrls { stun, turn } = UdpUrls::new(stun_urls, status, has_relay);
    let turn: Vec<String> = match &live.turn {
        TurnServers::BuiltIn => {
            let over_tcp = own_stream_url(shared, client, host);
            turn.into_iter().chain(over_tcp).collect()
        }
        TurnServers::External(urls) => urls.clone(),
    };
    let without_user = |urls| IceServer {
        urls,
        username: None,
        credential: None,
    };
    let mut servers: Vec<_> = stun.into_iter().map(without_user).collect();
    if turn.is_empty() {
        return Ok(servers);
    }
    let node = shared.node();
    let counters = node.telemetry().shared_counters();
    let admitted = node
        .admission()
        .admit_ice_credentials(client.address, node.clock().uptime());
    if let Err(wait) = admitted {
        counters.refused_address_ice_per_second.add_shared(1);
        return Err(wait);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let expires_at = now.unwrap_or_default() + live.credentials_lifetime;
    let username = Username::generate(expires_at.as_secs(), &mut rand::rng());
    let password = node.turn_credentials().password(&username);
    counters.ice_credentials.add_shared(1);
    servers.extend(turn.into_iter().map(|urls| IceServer {
        urls,
        username: Some(username.to_string()),
        credential: Some(password.clone()),
    }));
    Ok(servers)
}

/// Returns whether `/ice` offers STUN servers, and TURN servers. It makes no credentials, and a client gets only those that
/// it can reach.
pub(in crate::http) fn offered_kinds(shared: &AppState) -> (bool, bool) {
    let (live, node) = (shared.http_settings(), shared.node());
    if !live.ice_servers.is_empty() {
        let has = |scheme| {
            live.ice_servers
                .iter()
                .any(|it| it.urls.starts_with(scheme))
        };
        return (has("stun"), has("turn"));
    }
    let status = node.stun_reachability().status(node.clock().uptime());
    let has_turn = match &live.turn {
        TurnServers::BuiltIn => true,
        TurnServers::External(urls) => !urls.is_empty(),
    };
    let has_stun = !shared.stun_sockets().is_empty() && status.is_published();
    (has_stun, has_turn)
}

/// The URLs of this server's UDP ports for a page.
#[derive(Debug, PartialEq, Eq)]
struct UdpUrls {
    stun: Vec<String>,
    turn: Option<String>,
}

impl UdpUrls {
    /// Divides the URLs that a client can reach. Over UDP, a TURN server is a STUN server, too. One is enough: each costs a
    /// page further allocations. Hidden sources make STUN useless, but not the relay.
    fn new(mut urls: Vec<String>, status: StunStatus, has_relay: bool) -> Self {
        if status == StunStatus::Unreachable {
            urls.clear();
        }
        let first = (has_relay && !urls.is_empty()).then(|| urls.remove(0));
        if status == StunStatus::SourcesHidden {
            urls.clear();
        }
        let relay = |url: String| format!("{}?transport=udp", url.replacen("stun:", "turn:", 1));
        Self {
            stun: urls,
            turn: first.map(relay),
        }
    }
}

/// Returns the URLs of this server's STUN server that a client can reach, and what is known about its port.
fn own_stun_urls(
    shared: &AppState,
    client: &IceClient,
    host: Option<&str>,
) -> (Vec<String>, StunStatus) {
    let live = shared.http_settings();
    let ip = client.address.own_ip();
    let requester = StunRequester {
        client: ip,
        local: client.local,
        is_forwarded: client.proxy != ProxyKind::None,
        host,
    };
    let sockets = shared.stun_sockets();
    let urls = stun_urls(sockets, &requester, &live.stun_addresses, own_addresses);
    if urls.is_empty() {
        let is_remote = ip.is_some_and(|ip| !ip.is_loopback());
        if requester.is_forwarded && is_remote && !sockets.is_empty() {
            shared.log_hidden_stun_server();
        }
        return (urls, StunStatus::Untested);
    }
    let node = shared.node();
    let mut status = StunStatus::Untested;
    // Other clients may have another way to the port, such as that of a local network.
    if ip.is_some_and(is_public_address)
        && let Some(keys) = client.address.keys()
    {
        let (network, now) = (NonZeroU64::from(keys.widest().key), node.clock().uptime());
        let port = node.stun_reachability();
        let has_failed;
        (status, has_failed) = port.record_request(network.get(), now);
        if has_failed {
            log_failure(status, sockets);
        }
    }
    if status.is_published() {
        let counters = node.telemetry().shared_counters();
        counters.ice_with_stun.add_shared(1);
    }
    (urls, status)
}

/// Returns the URL of this server's TURN relay over TCP or TLS, if a client can reach it.
fn own_stream_url(shared: &AppState, client: &IceClient, host: Option<&str>) -> Option<String> {
    let requester = TurnRequester {
        client: client.address.own_ip(),
        proxy: client.proxy,
        is_tls: client.is_tls,
        host,
    };
    let is_trusted = shared.http_settings().has_trusted_certificates;
    stream_turn_url(&requester, is_trusted)
}

/// Logs why pages no longer get the address of the STUN server.
fn log_failure(status: StunStatus, sockets: &[SocketAddr]) {
    let ports: Vec<_> = sockets.iter().map(SocketAddr::port).collect();
    if status == StunStatus::SourcesHidden {
        tracing::warn!(
            ?ports,
            "all STUN requests come from private addresses, so browsers do not learn their own; run the container with \
             host networking, or set ice_server. Pages get no STUN server for ten minutes, only the relay of ice.turn"
        );
    } else {
        tracing::warn!(
            ?ports,
            "pages got the address of the STUN server, but no request reached its UDP port: let the port through the firewall, \
             or set ice.stun = false. Pages do not get its address for ten minutes"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn udp_urls(status: StunStatus, has_relay: bool) -> (usize, Option<String>) {
        let urls = ["stun:192.0.2.7:443", "stun:[2001:db8::7]:443"];
        let urls = UdpUrls::new(urls.map(str::to_owned).to_vec(), status, has_relay);
        assert!(urls.stun.iter().all(|url| url.starts_with("stun:")));
        (urls.stun.len(), urls.turn)
    }

    #[test]
    fn hidden_sources_withhold_stun_but_not_the_relay() {
        let turn = Some("turn:192.0.2.7:443?transport=udp".to_owned());
        for (status, with_relay, stun_only) in [
            (StunStatus::Untested, (1, turn.clone()), 2),
            (StunStatus::Reachable, (1, turn.clone()), 2),
            (StunStatus::SourcesHidden, (0, turn), 0),
            (StunStatus::Unreachable, (0, None), 0),
        ] {
            assert_eq!(udp_urls(status, true), with_relay, "{status:?}");
            assert_eq!(udp_urls(status, false), (stun_only, None), "{status:?}");
        }
    }
}
