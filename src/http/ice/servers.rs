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
    let mut stun = own_stun_urls(shared, client, host);
    let turn: Vec<String> = match &live.turn {
        TurnServers::BuiltIn => {
            // Over UDP, a TURN server is a STUN server, too. One is enough: each costs a page further allocations.
            let first = (!stun.is_empty()).then(|| stun.remove(0));
            let relay =
                |url: String| format!("{}?transport=udp", url.replacen("stun:", "turn:", 1));
            let over_udp = first.map(relay);
            let over_tcp = own_stream_url(shared, client, host);
            over_udp.into_iter().chain(over_tcp).collect()
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

/// Returns the URLs of this server's STUN server that a client can reach; none if nothing reaches its port.
fn own_stun_urls(shared: &AppState, client: &IceClient, host: Option<&str>) -> Vec<String> {
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
        return urls;
    }
    let node = shared.node();
    // Other clients may have another way to the port, such as that of a local network.
    if ip.is_some_and(is_public_address)
        && let Some(keys) = client.address.keys()
    {
        let (network, now) = (NonZeroU64::from(keys.widest().key), node.clock().uptime());
        let port = node.stun_reachability();
        let (status, has_failed) = port.record_request(network.get(), now);
        if has_failed {
            log_failure(status, sockets);
        }
        if !status.is_published() {
            return Vec::new();
        }
    }
    node.telemetry()
        .shared_counters()
        .ice_with_stun
        .add_shared(1);
    urls
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
             host networking, or set ice_server. Pages do not get its address for ten minutes"
        );
    } else {
        tracing::warn!(
            ?ports,
            "pages got the address of the STUN server, but no request reached its UDP port: let the port through the firewall, \
             or set ice.stun = false. Pages do not get its address for ten minutes"
        );
    }
}
