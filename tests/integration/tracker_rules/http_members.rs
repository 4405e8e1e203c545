//! Members over HTTP: shared counts with WebSocket members, but peer lists of HTTP members only.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::sync::Arc;

use serde_json::json;
use swarmhub::limits::{QuotaUsage, SwarmQuota};
use swarmhub::protocol::http::{
    Endpoint, HttpAnnounceReply as ForwardedHosts, HttpFailure, parse_announce,
};
use swarmhub::swarm::Lifetimes;
use swarmhub::tracker::{HttpOutcome, HttpReservation, Rules};

use super::{RULES, World, announce, offers, sweep, with_fields};

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

/// Announces `stopped`; returns the same as [`tells`].
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

fn expect_reply(world: &World, swarm: char, number: u8, more: &str) -> ForwardedHosts {
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

#[test]
fn http_and_websocket_members_share_the_counts() {
    let world = World::new(RULES);
    let [mut a, _b] = world.join('h', ['a', 'b']);
    assert_eq!(reply_summary(&world, 'h', 1, "&left=0"), (1, 2, vec![]));
    assert_eq!(a.counts(&announce('h', 'a')), (1, 2));
    assert_eq!(reply_summary(&world, 'h', 2, "&left=5"), (1, 3, vec![1]));
    assert_eq!(world.scrape('h'), (1, 3, 0));
    reply_summary(&world, 'h', 2, "&event=completed");
    assert_eq!(world.scrape('h'), (2, 2, 1));
    assert_eq!(
        a.counts(&with_fields(announce('h', 'a'), &json!({"left": 0}))),
        (3, 1)
    );
    assert_eq!(world.totals(), (1, 3, 1));
}

#[test]
fn http_members_get_each_other_and_never_offers() {
    let world = World::new(RULES);
    let [mut a] = world.join('h', ['a']);
    for number in 1..4 {
        reply_summary(&world, 'h', number, "");
    }
    assert_eq!(reply_summary(&world, 'h', 1, "").2, [2, 3]);
    let outcome = a.send(&with_fields(announce('h', 'a'), &offers("123")));
    assert!(outcome.relays.is_empty(), "{:?}", outcome.relays);
    assert_eq!(
        reply_summary(&world, 'i', 1, ""),
        (0, 1, vec![]),
        "another swarm"
    );
}

#[test]
fn an_http_member_is_identified_by_address_and_port() {
    let world = World::new(RULES);
    let other_port = Endpoint::V4([192, 0, 2, 1, 0, 80]);
    reply_summary(&world, 'h', 1, "");
    assert_eq!(reply_summary(&world, 'h', 1, "&left=0"), (1, 0, vec![]));
    announce_from(&world, 'h', other_port, "");
    assert_eq!(reply_summary(&world, 'h', 1, ""), (1, 1, vec![1]));
    // A client that knows only address and port of another peer cannot end its membership.
    let query = format!(
        "info_hash={}&peer_id={}&port=80&event=stopped",
        "h".repeat(20),
        "x".repeat(20)
    );
    let stranger = parse_announce(query.as_bytes()).expect("an announce");
    let mut rng = world.rng.borrow_mut();
    let now = world.now.get();
    let outcome = world
        .tracker
        .announce_http(&other_port, &stranger, (now, &mut *rng), || {
            Ok(HttpReservation::default())
        });
    drop(rng);
    assert_eq!(outcome.released_owner, None);
    assert_eq!(world.totals(), (1, 1, 1));
    let outcome = announce_from(&world, 'h', other_port, "&event=stopped");
    assert_eq!(outcome.released_owner, Some(NonZeroU64::new(9)));
    assert_eq!(outcome.reply.expect("served").peers.v4, []);
    assert_eq!(world.totals(), (1, 1, 0));
}

#[test]
fn a_swarm_ends_with_its_last_http_member() {
    let world = World::new(RULES);
    reply_summary(&world, 'h', 1, "");
    let [b] = world.join('h', ['b']);
    b.close();
    assert_eq!(world.totals(), (1, 0, 1));
    reply_summary(&world, 'h', 1, "&event=stopped");
    assert_eq!(world.totals(), (0, 0, 0));
    assert_eq!(
        reply_summary(&world, 'h', 1, "&event=stopped"),
        (0, 0, vec![])
    );
    assert_eq!(
        world.totals(),
        (0, 0, 0),
        "a stopped event creates no swarm"
    );
}

#[test]
fn an_http_membership_has_its_own_lifetime() {
    let world = World::new(Rules {
        ttl: Lifetimes {
            membership: std::time::Duration::from_mins(1),
            ..RULES.ttl
        },
        ..RULES
    });
    let _a = world.join('h', ['a']);
    reply_summary(&world, 'h', 1, "");
    reply_summary(&world, 'i', 2, "");
    world.wait(1_800);
    reply_summary(&world, 'h', 3, "");
    assert_eq!(
        world.sweep().len(),
        1,
        "WebSocket members have a shorter lifetime"
    );
    assert_eq!(world.totals(), (2, 0, 3));
    reply_summary(&world, 'h', 1, "");
    world.wait(1);
    let swept = sweep(&world.tracker, world.now.get());
    assert_eq!(swept.http_owners, [NonZeroU64::new(9)]);
    assert_eq!(world.totals(), (1, 0, 2));
}

#[test]
fn thousands_of_expired_peers_are_removed_in_slices() {
    let world = World::new(RULES);
    for number in 0..3_000_u16 {
        let [high, low] = number.to_be_bytes();
        announce_from(
            &world,
            'h',
            Endpoint::V4([10, 0, high, low, 0, 1]),
            "&numwant=0",
        );
        let mut v6 = [0xfd; 18];
        v6[15] = low;
        v6[14] = high;
        announce_from(&world, 'h', Endpoint::V6(v6), "&left=0&numwant=0");
    }
    assert_eq!(world.totals(), (1, 3_000, 3_000));
    world.wait(1_801);
    let (mut swept, mut slices) = (swarmhub::swarm::SweepResult::default(), 0);
    for part in 0..world.tracker.swarms().shard_count() {
        while world
            .tracker
            .sweep_slice(part, world.now.get(), &mut swept)
            .is_some()
        {
            slices += 1;
            assert!(swept.http_owners.len() <= slices * 1_024);
            world.totals();
        }
    }
    assert_eq!(
        (swept.http_owners.len(), world.totals()),
        (6_000, (0, 0, 0))
    );
    assert!(slices >= 5, "{slices}");
}

#[test]
fn peers_are_listed_equally_often_and_never_the_requester() {
    let world = World::new(RULES);
    for number in 1..=10 {
        let role = if number > 7 { "&left=0" } else { "" };
        reply_summary(&world, 'h', number, role);
    }
    let mut times = BTreeMap::new();
    for _ in 0..9_000 {
        let (_, _, peers) = reply_summary(&world, 'h', 1, "&numwant=2");
        assert_eq!(BTreeSet::from_iter(&peers).len(), 2, "no duplicates");
        for peer in peers {
            *times.entry(peer).or_insert(0) += 1;
        }
    }
    assert_eq!(times.len(), 9);
    assert!(!times.contains_key(&1));
    // 2,000 expected for each; six standard deviations are 237.
    assert!(
        times.values().all(|count| (1_763..2_237).contains(count)),
        "{times:?}"
    );
}

#[test]
fn an_http_seeder_gets_leechers_first() {
    let world = World::new(RULES);
    for number in 1..=6 {
        let role = if number > 3 { "&left=0" } else { "" };
        reply_summary(&world, 'h', number, role);
    }
    for _ in 0..50 {
        let (_, _, peers) = reply_summary(&world, 'h', 6, "&numwant=4");
        assert_eq!((&peers[..3], peers.len()), (&[1, 2, 3][..], 4));
    }
}

#[test]
fn http_peers_over_the_limit_are_refused() {
    let world = World::new(Rules {
        http_peers_max: 2,
        ..RULES
    });
    reply_summary(&world, 'h', 1, "");
    reply_summary(&world, 'i', 2, "");
    let refused = announce_over_http(&world, 'h', 3, "");
    assert_eq!(refused.reply, Err(HttpFailure::PeersMax));
    assert_eq!(
        refused.released_owner,
        Some(NonZeroU64::new(9)),
        "its owner is released"
    );
    assert_eq!(reply_summary(&world, 'h', 1, ""), (0, 1, vec![]));
    reply_summary(&world, 'i', 2, "&event=stopped");
    assert_eq!(reply_summary(&world, 'h', 3, ""), (0, 2, vec![1]));
}

#[test]
fn swarms_over_the_limit_are_refused_over_http() {
    let world = World::new(Rules {
        swarms_max: 1,
        ..RULES
    });
    reply_summary(&world, 'h', 1, "");
    let refused = announce_over_http(&world, 'i', 1, "");
    assert_eq!(refused.reply, Err(HttpFailure::SwarmsMax));
    assert_eq!(refused.released_owner, Some(NonZeroU64::new(9)));
    assert_eq!(world.tracker.swarms().totals().http_peers, 1);
}

#[test]
fn the_swarm_quota_of_an_address_applies_over_http() {
    let world = World::new(Rules {
        swarms_max: 10,
        address_swarm_quota: SwarmQuota::new(20, 4),
        ..RULES
    });
    let share = Arc::new(QuotaUsage::default());
    let announce = |swarm: char| {
        let hash = swarm.to_string().repeat(20);
        let query = format!("info_hash={hash}&peer_id={hash}&port=1");
        let announce = parse_announce(query.as_bytes()).expect("an announce");
        let time_and_rng = (world.now.get(), &mut *world.rng.borrow_mut());
        let room = || {
            share.record_change(0, 1);
            Ok(HttpReservation {
                owner: None,
                quota_usage: Some(Arc::clone(&share)),
            })
        };
        let outcome = world
            .tracker
            .announce_http(&v4(1), &announce, time_and_rng, room);
        if outcome.released_owner.is_some() {
            share.record_change(1, 0);
        }
        outcome.reply.map(|_| ())
    };
    // A fifth of ten free swarms is two, a fifth of nine nearly two.
    assert_eq!([announce('a'), announce('b')], [Ok(()), Ok(())]);
    assert_eq!(announce('c'), Err(HttpFailure::AddressSwarmsMax));
    let _other = world.join('d', ['x']);
    assert_eq!(announce('d'), Ok(()), "it may join swarms of others");
    assert_eq!(share.memberships(), 3);
}

fn v6(number: u8) -> Endpoint {
    let mut bytes = [0; 18];
    (bytes[0], bytes[15], bytes[16], bytes[17]) = (0x20, number, 0x1a, 0xe1);
    Endpoint::V6(bytes)
}

/// Returns the numbers of the listed addresses of both families.
fn listed_numbers(reply: &ForwardedHosts) -> (Vec<u8>, Vec<u8>) {
    let v4 = reply.peers.v4.iter().map(|(bytes, _)| bytes[3]);
    let v6 = reply.peers.v6.iter().map(|(bytes, _)| bytes[15]);
    (v4.collect(), v6.collect())
}

#[test]
fn a_keyed_membership_changes_only_with_its_key() {
    let world = World::new(RULES);
    reply_summary(&world, 'h', 1, "&key=secret&left=5");
    for key in [
        "",
        "&key=",
        "&key=Secret",
        "&key=secret1",
        "&key=secret&key=x",
    ] {
        let stranger = announce_over_http(&world, 'h', 1, &format!("{key}&event=stopped"));
        assert_eq!(
            (stranger.released_owner, stranger.key_mismatch),
            (None, true),
            "{key}"
        );
        // It is answered as usual, but changes neither id nor role.
        let stranger = announce_over_http(
            &world,
            'h',
            1,
            &format!("{key}&left=0&peer_id=xxxxxxxxxxxxxxxxxxxx"),
        );
        assert!(stranger.key_mismatch && stranger.reply.is_ok());
        assert_eq!(world.totals(), (1, 0, 1));
    }
    let stranger = announce_over_http(&world, 'h', 1, "&key=x&event=completed");
    assert!(stranger.key_mismatch);
    assert_eq!(world.scrape('h'), (0, 1, 0));
    // With the key anything may change.
    let own = announce_over_http(
        &world,
        'h',
        1,
        "&key=secret&left=0&peer_id=yyyyyyyyyyyyyyyyyyyy",
    );
    assert!(!own.key_mismatch);
    assert_eq!(world.totals(), (1, 1, 0));
    let stopped = "&key=secret&event=stopped";
    assert_eq!(
        announce_over_http(&world, 'h', 1, stopped).released_owner,
        None,
        "the id is different now"
    );
    let stopped = announce_over_http(
        &world,
        'h',
        1,
        &format!("{stopped}&peer_id=yyyyyyyyyyyyyyyyyyyy"),
    );
    assert_eq!(stopped.released_owner, Some(NonZeroU64::new(9)));
    assert_eq!(world.totals(), (0, 0, 0));
}

#[test]
fn a_restarted_client_without_a_key_replaces_itself() {
    let world = World::new(RULES);
    reply_summary(&world, 'h', 1, "&left=5");
    // A new session of the client, without and with a key.
    for more in ["", "&key=new"] {
        let restarted = format!("{more}&left=0&peer_id=yyyyyyyyyyyyyyyyyyyy");
        assert!(!announce_over_http(&world, 'h', 1, &restarted).key_mismatch);
        assert_eq!(world.totals(), (1, 1, 0));
        reply_summary(&world, 'h', 1, "&left=5");
        assert_eq!(
            world.totals(),
            (1, 0, 1),
            "{more}: the membership has no key"
        );
    }
    announce_over_http(&world, 'h', 1, "&peer_id=yyyyyyyyyyyyyyyyyyyy");
    let stopped = announce_over_http(
        &world,
        'h',
        1,
        "&event=stopped&peer_id=yyyyyyyyyyyyyyyyyyyy",
    );
    assert!(stopped.released_owner.is_some());
}

#[test]
fn a_new_key_takes_over_a_silent_membership() {
    let world = World::new(RULES);
    reply_summary(&world, 'h', 2, "");
    reply_summary(&world, 'h', 1, "&key=old");
    // It gets peers at once, and is still listed at the same address and port.
    let restarted = announce_over_http(&world, 'h', 1, "&key=new&peer_id=yyyyyyyyyyyyyyyyyyyy");
    assert!(restarted.key_mismatch);
    assert_eq!(listed_numbers(&restarted.reply.expect("served")).0, [2]);
    assert_eq!(reply_summary(&world, 'h', 2, "").2, [1]);
    // Two thirds of the membership lifetime of half an hour.
    world.wait(1_200);
    assert!(announce_over_http(&world, 'h', 1, "&key=new").key_mismatch);
    world.wait(1);
    assert!(!announce_over_http(&world, 'h', 1, "&key=new&left=0").key_mismatch);
    assert!(announce_over_http(&world, 'h', 1, "&key=old").key_mismatch);
    assert_eq!(world.totals(), (1, 1, 1));
}

#[test]
fn a_client_with_ipv4_and_ipv6_counts_once_without_itself() {
    let world = World::new(RULES);
    let at = |from, more: &str| {
        announce_from(&world, 'h', from, more)
            .reply
            .expect("served")
    };
    at(v4(1), "&key=k&left=5");
    let both = at(v6(1), "&key=k&left=5");
    assert_eq!((both.counts.complete, both.counts.incomplete), (0, 1));
    assert_eq!(listed_numbers(&both), (vec![], vec![]), "without itself");
    assert_eq!(listed_numbers(&at(v4(1), "&key=k")), (vec![], vec![]));
    // Others get both of its addresses.
    let other = at(v4(2), "&key=other&peer_id=yyyyyyyyyyyyyyyyyyyy&left=0");
    assert_eq!(listed_numbers(&other), (vec![1], vec![1]));
    assert_eq!((other.counts.complete, other.counts.incomplete), (1, 1));
    // Both memberships share the role, and a download counts once.
    let done = at(v4(1), "&key=k&event=completed&left=0");
    assert_eq!((done.counts.complete, done.counts.incomplete), (2, 0));
    at(v6(1), "&key=k&event=completed&left=0");
    assert_eq!(world.scrape('h'), (2, 0, 1));
    assert_eq!(world.totals(), (1, 2, 0));
    assert_eq!(world.tracker.swarms().totals().http_peers, 3);
}

#[test]
fn a_stop_ends_the_membership_of_one_address_family_only() {
    let world = World::new(RULES);
    let at = |from, more: &str| {
        announce_from(&world, 'h', from, more)
            .reply
            .expect("served")
    };
    for (first, second) in [(v4(1), v6(1)), (v6(1), v4(1))] {
        at(first, "&key=k&left=0");
        at(second, "&key=k&left=0");
        assert_eq!(world.totals(), (1, 1, 0));
        let left = at(first, "&key=k&event=stopped");
        assert_eq!((left.counts.complete, left.counts.incomplete), (1, 0));
        assert_eq!(world.tracker.swarms().totals().http_peers, 1);
        at(second, "&key=k&event=stopped");
        assert_eq!(world.totals(), (0, 0, 0));
    }
    at(v4(1), "&key=k");
    world.wait(1_000);
    at(v6(1), "&key=k");
    world.wait(1_000);
    assert_eq!(sweep(&world.tracker, world.now.get()).http_owners.len(), 1);
    assert_eq!(world.totals(), (1, 0, 1));
    world.wait(1_000);
    assert_eq!(sweep(&world.tracker, world.now.get()).http_owners.len(), 1);
    assert_eq!(world.totals(), (0, 0, 0));
}

#[test]
fn memberships_pair_only_with_the_same_key_and_id() {
    let world = World::new(RULES);
    let at = |from, more: &str| {
        announce_from(&world, 'h', from, more)
            .reply
            .expect("served")
    };
    for (number, (one, other)) in (1..).zip([
        ("", ""),
        ("&key=", "&key="),
        ("&key=a", "&key=b"),
        ("&key=a", ""),
        ("&key=c", "&key=c&peer_id=yyyyyyyyyyyyyyyyyyyy"),
    ]) {
        at(v4(number), one);
        let reply = at(v6(number), other);
        assert_eq!(
            reply.counts.incomplete,
            2 * u32::from(number),
            "{one} {other}"
        );
    }
    // The same id and key at further addresses count separately.
    at(v4(10), "&key=k");
    let two = at(v6(10), "&key=k");
    assert_eq!(two.counts.incomplete, 11);
    let three = at(v4(11), "&key=k");
    assert_eq!(three.counts.incomplete, 12);
    world.totals();
}

/// Announces from an endpoint that belongs to this address group.
fn announce_in_group(world: &World, from: Endpoint, group: u64, more: &str) -> HttpOutcome {
    let query = format!("info_hash={0}&peer_id={0}&port=1{more}", "h".repeat(20));
    let announce = parse_announce(query.as_bytes()).expect("an announce");
    let time_and_rng = (world.now.get(), &mut *world.rng.borrow_mut());
    let group = NonZeroU64::new(group).expect("not 0");
    world
        .tracker
        .announce_http(&from, &announce, time_and_rng, || {
            Ok(HttpReservation {
                owner: Some(group),
                quota_usage: Some(Arc::new(QuotaUsage::default().with_group(group))),
            })
        })
}

#[test]
fn http_peers_per_address_in_one_swarm_are_limited() {
    let world = World::new(Rules {
        address_http_peers_per_swarm_max: 3,
        ..RULES
    });
    let port = |port: u8| Endpoint::V4([192, 0, 2, 66, 0, port]);
    for number in 0..5 {
        let outcome = announce_in_group(&world, port(number), 66, "");
        if number < 3 {
            assert!(outcome.reply.is_ok(), "{number}");
        } else {
            assert_eq!(outcome.reply, Err(HttpFailure::AddressSwarmPeersMax));
            assert_eq!(outcome.released_owner, Some(NonZeroU64::new(66)));
        }
    }
    assert!(
        announce_in_group(&world, v4(1), 1, "").reply.is_ok(),
        "another address"
    );
    assert!(
        announce_over_http(&world, 'i', 66, "").reply.is_ok(),
        "another swarm"
    );
    assert_eq!(world.tracker.swarms().totals().http_peers, 5);
    announce_in_group(&world, port(0), 66, "&event=stopped");
    assert!(
        announce_in_group(&world, port(4), 66, "").reply.is_ok(),
        "there is room again"
    );
    world.totals();
}

#[test]
fn a_crowd_at_one_address_is_listed_like_a_single_peer() {
    let world = World::new(RULES);
    for number in 0..=50 {
        announce_in_group(&world, v4(number), 1 + u64::from(number), "");
    }
    for port in 0..2_000_u16 {
        let [high, low] = port.to_be_bytes();
        announce_in_group(&world, Endpoint::V4([10, 0, 0, 66, high, low]), 66, "");
    }
    let mut crowd = 0;
    for _ in 0..100 {
        let reply = announce_in_group(&world, v4(0), 1, "&numwant=25")
            .reply
            .expect("served");
        let peers = reply.peers.v4;
        assert_eq!(peers.len(), 25);
        crowd += peers.iter().filter(|(bytes, _)| bytes[0] == 10).count();
    }
    // One of 51 groups: 49 of 2,500 expected.
    assert!((15..=90).contains(&crowd), "{crowd}");
}
