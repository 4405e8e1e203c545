//! Members over HTTP: shared counts with WebSocket members, but peer lists of HTTP members only.

mod keys_and_families;
mod limits;
mod memberships;

use std::num::NonZeroU64;

use swarmhub::protocol::http::{Endpoint, HttpAnnounceReply, HttpFailure, parse_announce};
use swarmhub::tracker::{HttpOutcome, HttpReservation};

use super::World;

fn room() -> HttpReservation {
    HttpReservation {
        owner: NonZeroU64::new(9),
        quota_usage: None,
    }
}

/// Announces the peer at `192.0.2.NUMBER:6881`.
fn announce_over_http(world: &World, swarm: char, number: u8, more: &str) -> HttpOutcome {
    announce_from(world, swarm, v4(number), more)
}

fn v4(number: u8) -> Endpoint {
    Endpoint::V4([192, 0, 2, number, 0x1a, 0xe1])
}

fn announce_from(world: &World, swarm: char, from: Endpoint, more: &str) -> HttpOutcome {
    let hash = swarm.to_string().repeat(20);
    let query = format!("info_hash={hash}&peer_id=-TR4050-abcdefghijkl&port=6881{more}");
    let announce = parse_announce(query.as_bytes()).expect("an announce");
    let time_and_rng = (world.now.get(), &mut *world.rng.borrow_mut());
    world
        .tracker
        .announce_http(&from, &announce, time_and_rng, || Ok(room()))
}

/// Announces; returns the released owner, or the failure and whether an owner was released.
pub(super) fn try_announce(
    world: &World,
    swarm: char,
    number: u8,
) -> Result<Option<NonZeroU64>, (HttpFailure, bool)> {
    released_or_failure(announce_over_http(world, swarm, number, ""))
}

/// Announces `stopped`; returns the same as [`try_announce`].
pub(super) fn try_stop(
    world: &World,
    swarm: char,
    number: u8,
) -> Result<Option<NonZeroU64>, (HttpFailure, bool)> {
    released_or_failure(announce_over_http(world, swarm, number, "&event=stopped"))
}

fn released_or_failure(outcome: HttpOutcome) -> Result<Option<NonZeroU64>, (HttpFailure, bool)> {
    let released = outcome.released_owner.flatten();
    let failed = |failure| (failure, released.is_some());
    outcome.reply.map(|_| released).map_err(failed)
}

fn expect_reply(world: &World, swarm: char, number: u8, more: &str) -> HttpAnnounceReply {
    announce_over_http(world, swarm, number, more)
        .reply
        .expect("served")
}

/// Announces; returns seeders, leechers, and the last bytes of the listed addresses.
fn reply_summary(world: &World, swarm: char, number: u8, more: &str) -> (u32, u32, Vec<u8>) {
    let reply = expect_reply(world, swarm, number, more);
    let mut peers: Vec<_> = reply
        .peers
        .v4
        .iter()
        .map(|([_, _, _, last, ..], _)| *last)
        .collect();
    peers.sort_unstable();
    (reply.counts.complete, reply.counts.incomplete, peers)
}

fn v6(number: u8) -> Endpoint {
    let mut bytes = [0; 18];
    (bytes[0], bytes[15], bytes[16], bytes[17]) = (0x20, number, 0x1a, 0xe1);
    Endpoint::V6(bytes)
}

/// Returns the numbers of the listed addresses of both families.
fn listed_numbers(reply: &HttpAnnounceReply) -> (Vec<u8>, Vec<u8>) {
    let v4 = reply.peers.v4.iter().map(|(bytes, _)| bytes[3]);
    let v6 = reply.peers.v6.iter().map(|(bytes, _)| bytes[15]);
    (v4.collect(), v6.collect())
}
