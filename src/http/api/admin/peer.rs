//! Describes one peer of a swarm for the API.

use std::time::Duration;

use serde::Serialize;

use super::connections::name;
use super::seconds;
use crate::hub::{Network, Seen, Unbannable};
use crate::insight::census::Client;
use crate::protocol::http::Endpoint;
use crate::swarm::{Role, Shown};

/// One peer as serialised. An HTTP peer has no connection.
#[derive(Debug, Default, Serialize)]
pub(super) struct Peer {
    #[serde(rename = "peer_id")]
    id: String,
    client: Option<String>,
    seeder: bool,
    http: bool,
    age: Option<f64>,
    heard: f64,
    offers: Option<u32>,
    answers: Option<u32>,
    family: &'static str,
    address: Option<String>,
    port: Option<u16>,
    connection: Option<String>,
    blocked: bool,
    ban_refused: Option<&'static str>,
}

impl Peer {
    /// Describes a peer with a WebSocket.
    pub(super) fn connected(member: &Shown, seen: &Seen) -> Self {
        Self {
            age: Some(seconds(seen.age)),
            heard: seconds(seen.silent),
            offers: Some(seen.offers),
            answers: Some(seen.answers),
            family: seen.network.family().label(),
            address: seen.network.shown(),
            connection: Some(name(seen.connection)),
            blocked: seen.blocked,
            ban_refused: seen.unbannable.map(Unbannable::text),
            ..Self::new(member)
        }
    }

    /// Describes a peer that announces over HTTP. `heard` is the second of its last announce, and `now` the time, both
    /// since the process started. Its address is shortened as for all peers.
    pub(super) fn over_http(member: &Shown, at: &Endpoint, heard: u32, now: Duration) -> Self {
        let network = Network::of(Some(at.address()));
        let heard = Duration::from_secs(heard.into());
        Self {
            http: true,
            heard: seconds(now.saturating_sub(heard)),
            family: network.family().label(),
            address: network.shown(),
            port: Some(at.port()),
            ..Self::new(member)
        }
    }

    fn new(member: &Shown) -> Self {
        let client = Client::of(member.peer_id.as_bytes());
        Self {
            id: member.peer_id.to_string(),
            client: client.map(|client| client.to_string()),
            seeder: member.role == Role::Seeder,
            ..Self::default()
        }
    }
}
