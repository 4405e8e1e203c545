//! Allow and deny lists of info-hashes in the core.

use serde_json::json;
use swarmhub::protocol::{Failure, InfoHash, RefusalSubject};
use swarmhub::tracker::{AnswerFate, InfoHashLists, Reply, Rules};

use super::http_members::{try_announce, try_stop};
use super::{Outcome, RULES, World, announce, answer, id, offers, text, with_fields};

fn deny(world: &World, swarm: char) {
    let denied = vec![InfoHash::new(id(swarm))];
    let lists = InfoHashLists::new(None, Some(denied));
    world.tracker.set_info_hash_lists(lists);
}

#[track_caller]
fn assert_refused(outcome: &Outcome, swarm: char) {
    let Some(Reply::Failure(refusal)) = &outcome.reply else {
        panic!("not refused: {outcome:?}");
    };
    assert_eq!(refusal.failure, Failure::NotAllowed);
    assert_eq!(
        refusal.subject,
        RefusalSubject::Announce(InfoHash::new(id(swarm)))
    );
    assert!(outcome.relays.is_empty() && outcome.answer.is_none());
}

#[test]
fn a_denied_swarm_cannot_be_joined() {
    let world = World::new(RULES);
    deny(&world, 'h');
    let mut connection = world.connect();
    assert_refused(&connection.send(&announce('h', 'a')), 'h');
    assert_eq!(world.totals(), (0, 0, 0));
    assert!(matches!(
        connection.send(&announce('i', 'a')).reply,
        Some(Reply::Announce(..))
    ));
    let only = InfoHashLists::new(Some(vec![InfoHash::new(id('h'))]), None);
    world.tracker.set_info_hash_lists(only);
    assert_refused(&connection.send(&announce('i', 'a')), 'i');
    assert!(connection.send(&announce('h', 'a')).reply.is_some());
    assert_eq!(world.totals(), (1, 0, 1), "it left the other swarm");
}

#[test]
fn members_of_a_newly_denied_swarm_leave_at_their_announce() {
    let world = World::new(RULES);
    let [mut one, mut other, mut third] = world.join('h', ['a', 'b', 'c']);
    one.send(&announce('i', 'a'));
    assert_eq!(
        one.send(&with_fields(announce('h', 'a'), &offers("12")))
            .relays
            .len(),
        2
    );
    deny(&world, 'h');
    assert_eq!(world.scrape('h'), (0, 0, 0), "as if the swarm were unknown");
    let dropped = other.send(&answer('h', 'b', 'a', '1'));
    assert_eq!(dropped.answer, Some(AnswerFate::Unmatched));
    assert!(dropped.relays.is_empty() && dropped.reply.is_none());
    assert_refused(
        &other.send(&with_fields(announce('h', 'b'), &offers("3"))),
        'h',
    );
    assert_eq!(world.totals(), (2, 0, 3));
    let left: Vec<_> = other.participant.memberships().collect();
    assert_eq!(left, []);
    // A stopped event is answered as usual.
    let stopped = with_fields(announce('h', 'c'), &json!({"event": "stopped"}));
    assert!(matches!(
        third.send(&stopped).reply,
        Some(Reply::Announce(..))
    ));
    assert_refused(&one.send(&announce('h', 'a')), 'h');
    assert_eq!(world.totals(), (1, 0, 1));

    world.tracker.set_info_hash_lists(InfoHashLists::default());
    one.send(&announce('h', 'a'));
    assert_eq!(world.scrape('h'), (0, 1, 0));
}

#[test]
fn silent_members_of_a_denied_swarm_expire() {
    let world = World::new(RULES);
    let [_one] = world.join('h', ['a']);
    deny(&world, 'h');
    world.wait(RULES.ttl.membership.as_secs() + 1);
    assert_eq!(world.sweep().len(), 1);
    assert_eq!(world.totals(), (0, 0, 0));
}

#[test]
fn a_full_scrape_omits_denied_swarms() {
    let world = World::new(Rules {
        full_scrape: true,
        ..RULES
    });
    let [mut one] = world.join('h', ['a']);
    one.send(&announce('i', 'a'));
    deny(&world, 'h');
    let Some(Reply::Scrape(files)) = one.send(&json!({"action": "scrape"})).reply else {
        panic!("no scrape reply");
    };
    let hashes: Vec<_> = files.iter().map(|(hash, _)| *hash).collect();
    assert_eq!(hashes, [InfoHash::new(id('i'))]);
    let named = json!({"action": "scrape", "info_hash": [text('h'), text('i')]});
    let Some(Reply::Scrape(files)) = one.send(&named).reply else {
        panic!("no scrape reply");
    };
    let members: Vec<_> = files.iter().map(|(_, counts)| counts.incomplete).collect();
    assert_eq!(members, [0, 1]);
}

#[test]
fn http_peers_of_a_denied_swarm_are_refused_and_removed() {
    use swarmhub::protocol::http::HttpFailure;

    let world = World::new(RULES);
    assert_eq!(try_announce(&world, 'h', 1), Ok(None));
    deny(&world, 'h');
    // The released owner is returned.
    assert_eq!(
        try_announce(&world, 'h', 1),
        Err((HttpFailure::NotAllowed, true))
    );
    assert_eq!(
        try_announce(&world, 'h', 1),
        Err((HttpFailure::NotAllowed, false))
    );
    assert_eq!(world.tracker.swarms().totals().http_peers, 0);
    assert_eq!(try_stop(&world, 'h', 1), Ok(None));
    assert_eq!(try_announce(&world, 'i', 1), Ok(None));
}
