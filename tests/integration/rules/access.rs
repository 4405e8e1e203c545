//! Allow and deny lists of info-hashes in the core.

use serde_json::json;
use swarmhub::protocol::{About, Failure, InfoHash};
use swarmhub::tracker::{AnswerFate, InfoHashes, Reply, Rules};

use super::http::{leaves, tells};
use super::{Outcome, RULES, World, announce, answer, id, offers, text, with};

fn deny(world: &World, swarm: char) {
    let denied = vec![InfoHash::new(id(swarm))];
    let lists = InfoHashes::new(None, Some(denied));
    world.tracker.set_info_hashes(lists);
}

#[track_caller]
fn assert_refused(outcome: &Outcome, swarm: char) {
    let Some(Reply::Failure(refusal)) = &outcome.reply else {
        panic!("not refused: {outcome:?}");
    };
    assert_eq!(refusal.failure, Failure::NotAllowed);
    assert_eq!(refusal.about, About::Announce(InfoHash::new(id(swarm))));
    assert!(outcome.relays.is_empty() && outcome.answer.is_none());
}

#[test]
fn a_swarm_that_is_not_allowed_is_not_begun_and_others_are_served() {
    let world = World::new(RULES);
    deny(&world, 'h');
    let mut connection = world.connect();
    assert_refused(&connection.say(&announce('h', 'a')), 'h');
    assert_eq!(world.totals(), (0, 0, 0));
    assert!(matches!(
        connection.say(&announce('i', 'a')).reply,
        Some(Reply::Announce(..))
    ));
    let only = InfoHashes::new(Some(vec![InfoHash::new(id('h'))]), None);
    world.tracker.set_info_hashes(only);
    assert_refused(&connection.say(&announce('i', 'a')), 'i');
    assert!(connection.say(&announce('h', 'a')).reply.is_some());
    assert_eq!(world.totals(), (1, 0, 1), "it left the other swarm");
}

#[test]
fn members_of_a_swarm_that_is_denied_are_introduced_no_more_and_leave_it() {
    let world = World::new(RULES);
    let [mut one, mut other, mut third] = world.join('h', ['a', 'b', 'c']);
    one.say(&announce('i', 'a'));
    assert_eq!(
        one.say(&with(announce('h', 'a'), &offers("12")))
            .relays
            .len(),
        2
    );
    deny(&world, 'h');
    assert_eq!(world.scrape('h'), (0, 0, 0), "as if the swarm were unknown");
    let dropped = other.say(&answer('h', 'b', 'a', '1'));
    assert_eq!(dropped.answer, Some(AnswerFate::Unwanted));
    assert!(dropped.relays.is_empty() && dropped.reply.is_none());
    assert_refused(&other.say(&with(announce('h', 'b'), &offers("3"))), 'h');
    assert_eq!(world.totals(), (2, 0, 3));
    let left: Vec<_> = other.participant.memberships().collect();
    assert_eq!(left, []);
    // A stopped event is answered as usual.
    let stopped = with(announce('h', 'c'), &json!({"event": "stopped"}));
    assert!(matches!(
        third.say(&stopped).reply,
        Some(Reply::Announce(..))
    ));
    assert_refused(&one.say(&announce('h', 'a')), 'h');
    assert_eq!(world.totals(), (1, 0, 1));

    world.tracker.set_info_hashes(InfoHashes::default());
    one.say(&announce('h', 'a'));
    assert_eq!(world.scrape('h'), (0, 1, 0));
}

#[test]
fn who_never_announces_again_in_a_denied_swarm_expires() {
    let world = World::new(RULES);
    let [_one] = world.join('h', ['a']);
    deny(&world, 'h');
    world.wait(RULES.ttl.membership.as_secs() + 1);
    assert_eq!(world.sweep().len(), 1);
    assert_eq!(world.totals(), (0, 0, 0));
}

#[test]
fn a_full_scrape_leaves_out_what_is_not_allowed() {
    let world = World::new(Rules {
        full_scrape: true,
        ..RULES
    });
    let [mut one] = world.join('h', ['a']);
    one.say(&announce('i', 'a'));
    deny(&world, 'h');
    let Some(Reply::Scrape(files)) = one.say(&json!({"action": "scrape"})).reply else {
        panic!("no scrape reply");
    };
    let hashes: Vec<_> = files.iter().map(|(hash, _)| *hash).collect();
    assert_eq!(hashes, [InfoHash::new(id('i'))]);
    let named = json!({"action": "scrape", "info_hash": [text('h'), text('i')]});
    let Some(Reply::Scrape(files)) = one.say(&named).reply else {
        panic!("no scrape reply");
    };
    let members: Vec<_> = files.iter().map(|(_, counts)| counts.incomplete).collect();
    assert_eq!(members, [0, 1]);
}

#[test]
fn peers_over_http_of_a_denied_swarm_are_refused_and_no_longer_counted() {
    use swarmhub::protocol::http::Failure;

    let world = World::new(RULES);
    assert_eq!(tells(&world, 'h', 1), Ok(None));
    deny(&world, 'h');
    // The released owner is returned.
    assert_eq!(tells(&world, 'h', 1), Err((Failure::NotAllowed, true)));
    assert_eq!(tells(&world, 'h', 1), Err((Failure::NotAllowed, false)));
    assert_eq!(world.tracker.swarms().totals().http_peers, 0);
    assert_eq!(leaves(&world, 'h', 1), Ok(None));
    assert_eq!(tells(&world, 'i', 1), Ok(None));
}
