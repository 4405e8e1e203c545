//! Keys of HTTP members, and clients with an address of both families (BEP 7).

use std::num::NonZeroU64;

use super::super::{RULES, World, sweep};
use super::{announce_from, announce_over_http, listed_numbers, reply_summary, v4, v6};

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
        let other_client = announce_over_http(&world, 'h', 1, &format!("{key}&event=stopped"));
        assert_eq!(
            (other_client.released_owner, other_client.key_mismatch),
            (None, true),
            "{key}"
        );
        // It is answered as usual, but changes neither id nor role.
        let other_client = announce_over_http(
            &world,
            'h',
            1,
            &format!("{key}&left=0&peer_id=xxxxxxxxxxxxxxxxxxxx"),
        );
        assert!(other_client.key_mismatch && other_client.reply.is_ok());
        assert_eq!(world.totals(), (1, 0, 1));
    }
    let other_client = announce_over_http(&world, 'h', 1, "&key=x&event=completed");
    assert!(other_client.key_mismatch);
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
