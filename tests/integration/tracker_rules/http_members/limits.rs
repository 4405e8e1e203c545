//! Limits of HTTP members, in total and for one address, and crowds at one address.

use std::num::NonZeroU64;
use std::sync::Arc;

use swarmhub::limits::{QuotaUsage, SwarmQuota};
use swarmhub::protocol::http::{Endpoint, HttpFailure, parse_announce};
use swarmhub::tracker::{HttpOutcome, HttpReservation, Rules};

use super::super::{RULES, World};
use super::{announce_over_http, reply_summary, v4};

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
