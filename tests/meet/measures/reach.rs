//! How fast leechers reach the only seeder, and clients of one address each other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use serde::Serialize;

use super::graph::spread;
use super::numbers::Spread;
use crate::meet::client::Client;
use crate::meet::ids::ClientId;
use crate::meet::world::World;

/// Times from joining to the only seeder of a scenario in which nobody leaves.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct SeederReach {
    pub(crate) itself: Spread,
    /// Through others, or to itself.
    pub(crate) path: Spread,
}

/// The name of the group whose only client is the seeder.
const SEEDER: &str = "seeder";

impl SeederReach {
    /// Measures the times of those whose networks allow a link to the seeder. `None` if there is not one seeder.
    pub(super) fn of(world: &World) -> Option<Self> {
        let clients = world.clients.iter();
        let is_seeder = |client: &&Client| client.spec.group.as_deref() == Some(SEEDER);
        let seeders: Vec<&Client> = clients.clone().filter(is_seeder).collect();
        let [seeder] = seeders[..] else {
            return None;
        };
        let leechers = clients.filter(|client| client.id != seeder.id);
        let leechers = leechers.filter(|client| reaches(world, client, seeder));
        let (itself, path) = reached_at(world, seeder.id);
        let times = |reached_at: &BTreeMap<ClientId, Duration>| {
            Spread::of(leechers.clone().map(|client| {
                let at = reached_at.get(&client.id)?;
                Some(at.saturating_sub(client.record.joined_at?))
            }))
        };
        Some(Self {
            itself: times(&itself),
            path: times(&path),
        })
    }
}

fn reaches(world: &World, one: &Client, other: &Client) -> bool {
    let peer_ids = [one.peer_id.as_bytes(), other.peer_id.as_bytes()];
    one.network.reaches(&other.network, peer_ids, world.seed)
}

type ReachedAt = BTreeMap<ClientId, Duration>;

/// Returns when each client was linked to the seeder for the first time, and when there was a path.
fn reached_at(world: &World, seeder: ClientId) -> (ReachedAt, ReachedAt) {
    let (mut itself, mut path) = (ReachedAt::new(), ReachedAt::new());
    let mut links: BTreeMap<ClientId, Vec<ClientId>> = BTreeMap::new();
    let mut connected = BTreeSet::from([seeder]);
    for (at, one, other) in &world.meetings {
        for (from, to) in [(*one, *other), (*other, *one)] {
            links.entry(from).or_default().push(to);
            if from == seeder {
                itself.entry(to).or_insert(*at);
            }
        }
        if connected.contains(one) != connected.contains(other) {
            let mut seen = BTreeSet::new();
            spread(seeder, &links, &mut seen);
            for client in seen.difference(&connected) {
                path.insert(*client, *at);
            }
            connected = seen;
        }
    }
    (itself, path)
}

/// Measures the times from the second one's joining to a link, over the addresses of two clients. `None` if there are
/// none.
pub(super) fn same_address(world: &World) -> Option<Spread> {
    let mut addresses: BTreeMap<Ipv4Addr, Vec<&Client>> = BTreeMap::new();
    for client in &world.clients {
        let clients = addresses.entry(client.network.address).or_default();
        clients.push(client);
    }
    let pairs = addresses.values().filter_map(|clients| match clients[..] {
        [one, other] => Some((one, other)),
        _ => None,
    });
    let pairs: Vec<_> = pairs.collect();
    let time = |(one, other): &(&Client, &Client)| {
        let is_meant = |(_, a, b): &&(Duration, ClientId, ClientId)| {
            (*a, *b) == (one.id, other.id) || (*a, *b) == (other.id, one.id)
        };
        let (at, ..) = world.meetings.iter().find(is_meant)?;
        Some(at.saturating_sub(one.record.joined_at?.max(other.record.joined_at?)))
    };
    (!pairs.is_empty()).then(|| Spread::of(pairs.iter().map(time)))
}
