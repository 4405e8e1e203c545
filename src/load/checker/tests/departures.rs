//! Tests members that leave, rejoin or lose their connection, and messages that arrive late.

use super::*;

#[test]
fn a_wave_leaves_and_rejoins_without_a_fault() {
    for is_silent in [false, true] {
        let mut world = TestWorld::new(settings());
        world.exchange.measured = 0..Micros::MAX;
        let left = world.exchange.start_wave(0.5, world.now, &mut world.sent);
        assert!(left > 0 && world.exchange.members_in_wave() == left);
        // wt-tracker sends no reply to `stopped`.
        let mut joined = MEMBERS;
        world.deliver(&mut |out| {
            if is_silent && joined > 0 {
                joined -= 1;
                out.retain(|(_, message)| message["incomplete"] == 6);
            }
        });
        let tally = world.counts_after_timeouts();
        assert_eq!(
            (world.exchange.members_in_wave(), tally.faults()),
            (0, vec![]),
            "{tally:?}"
        );
        assert!((0..MEMBERS).all(|member| world.exchange.has_joined(member)));
        let latencies = &world.exchange.latencies;
        let recorded = [&latencies.join, &latencies.reply, &latencies.lateness]
            .map(hdrhistogram::Histogram::len);
        assert_eq!(recorded, [0; 3], "waves are separate from joining and load");
    }
}

/// Regression: such an answer kept its announce in flight until the timeout.
#[test]
fn an_answer_of_a_member_that_has_left_is_not_expected() {
    let mut world = TestWorld::new(settings());
    world.announce(1, &mut |out| {
        out.retain(|(_, message)| !is_answer(message));
    });
    assert_eq!(world.exchange.requests_in_flight, 1);
    world.now += 1000;
    world.exchange.start_wave(1.0, world.now, &mut world.sent);
    world.deliver(&mut |_| {});
    assert_eq!(
        world.exchange.requests_in_flight, 1,
        "the answers may be in transit"
    );
    world.tick_after(100_000);
    let exchange = &world.exchange;
    assert_eq!(
        (exchange.requests_in_flight, exchange.expected_answers),
        (0, 0)
    );
    assert_eq!(exchange.tally.answers_excused, 3);
    world.deliver(&mut |_| {});
    assert_eq!(
        world.exchange.members_in_wave(),
        0,
        "the announcing member can leave too"
    );
    assert_eq!(world.counts_after_timeouts().faults(), []);
}

#[test]
fn a_leaving_member_sends_no_answers() {
    let mut world = TestWorld::new(settings());
    let left = world.exchange.start_wave(0.6, world.now, &mut world.sent);
    let stops = std::mem::take(&mut world.sent);
    assert_eq!(stops.0.len(), left);
    let leaving: Vec<usize> = stops.0.iter().map(|(from, _)| *from).collect();
    // Sent after the members started to leave, but served before.
    world.now += 1000;
    world.announce(4, &mut |_| {});
    let offers: Vec<_> = world.exchange.offers.iter_mut().collect();
    let (theirs, others): (Vec<_>, Vec<_>) = offers
        .into_iter()
        .partition(|offer| leaving.contains(&offer.to.unwrap()));
    assert!(!theirs.is_empty() && !others.is_empty());
    assert!(theirs.iter().all(|offer| offer.answer == AnswerState::None));
    assert!(
        others
            .iter()
            .all(|offer| offer.answer == AnswerState::Received)
    );
    assert!(
        world.exchange.requests_in_flight == 0,
        "no answer of them is expected"
    );
    world.sent = stops;
    world.deliver(&mut |_| {});
    assert_eq!(world.counts_after_timeouts().faults(), []);
}

#[test]
fn an_ended_connection_excuses_its_messages() {
    let mut world = TestWorld::new(settings());
    // All requests are in flight; none has been served.
    world.exchange.pacing = Pacing::Closed {
        at_once: 4,
        to_begin: 4,
    };
    world
        .exchange
        .start_due_requests(world.now, &mut world.sent);
    for member in 0..3 {
        world.exchange.connection_closed(member, world.now);
    }
    world.sent.0.retain(|(from, _)| *from >= 3);
    world.deliver(&mut |out| out.retain(|(to, _)| *to >= 3));
    let tally = world.counts_after_timeouts();
    assert_eq!(tally.faults(), [], "{tally:?}");
    // At most the offers of four announces.
    assert!((1..=12).contains(&tally.offers_excused), "{tally:?}");
}

/// Regression: it was counted as excused and as relayed.
#[test]
fn an_offer_that_arrives_after_its_sender_left_is_relayed() {
    let mut world = TestWorld::new(settings());
    let (from, _, offers) = world.start_announce();
    world.exchange.connection_closed(from, world.now);
    assert_eq!(world.exchange.tally.offers_excused, 3);
    world.deliver_messages(offers);
    world.deliver(&mut |out| out.retain(|(to, _)| *to != from));
    let tally = world.counts_after_timeouts();
    assert_eq!((tally.offers_relayed, tally.offers_excused), (3, 0));
    assert_eq!((tally.answers_sent, tally.answers_excused), (3, 3));
    assert_eq!(tally.faults(), []);
}

/// The tracker may read the last messages of an ended connection after the first announce of the next one.
#[test]
fn an_old_offer_may_reach_its_reconnected_sender() {
    let mut world = TestWorld::new(settings());
    let (from, _, mut offers) = world.start_announce();
    world.exchange.connection_closed(from, world.now);
    world.tracker.connection_ended(from, true);
    world.exchange.connection_opened(from);
    world.exchange.join(
        JoinRequest {
            member: from,
            offers: 0,
            is_counted: false,
        },
        world.now,
        &mut world.sent,
    );
    world.deliver(&mut |_| {});
    offers.truncate(1);
    offers[0].0 = from;
    world.deliver_messages(offers);
    let tally = world.counts_after_timeouts();
    assert_eq!((tally.offers_relayed, tally.offers_excused), (1, 2));
    assert_eq!(tally.faults(), []);
}

/// Regression: it was counted as excused and as relayed.
#[test]
fn an_excused_offer_that_arrives_late_is_relayed() {
    let mut world = TestWorld::new(settings());
    let (from, reply, mut offers) = world.start_announce();
    world.deliver_messages(reply);
    let (departed, offer) = offers.pop().unwrap();
    world.deliver_messages(offers);
    world.deliver(&mut |_| {});
    world.exchange.connection_closed(departed, world.now);
    world.tick_after(1_100_000);
    assert!(world.exchange.is_settled());
    assert_eq!(world.exchange.tally.offers_excused, 1);
    let other = (0..MEMBERS / 2)
        .map(|place| place + from / 6 * 6)
        .find(|&other| other != from && other != departed);
    world.deliver_messages(vec![(other.unwrap(), offer)]);
    world.deliver(&mut |_| {});
    let tally = world.counts_after_timeouts();
    assert_eq!((tally.offers_relayed, tally.offers_excused), (3, 0));
    assert_eq!(tally.faults(), []);
}

/// Regression: it was counted as lost and as relayed.
#[test]
fn a_lost_offer_that_arrives_late_stays_lost() {
    let mut world = TestWorld::new(settings());
    let (_, reply, mut offers) = world.start_announce();
    world.deliver_messages(reply);
    let late = offers.split_off(1);
    world.deliver_messages(offers);
    world.deliver(&mut |_| {});
    world.tick_after(settings().timeout + 100_000);
    assert_eq!(world.exchange.tally.offers_lost, 2);
    world.deliver_messages(late);
    world.deliver(&mut |_| {});
    let tally = world.counts_after_timeouts();
    assert_eq!((tally.offers_relayed, tally.offers_lost), (1, 2));
    assert_eq!(tally.answers_received, 3);
}

/// Regression: it was counted as excused and as received.
#[test]
fn an_excused_answer_that_arrives_late_is_received() {
    let mut world = TestWorld::new(settings());
    world.exchange.measured = 0..Micros::MAX;
    let (_, reply, offers) = world.start_announce();
    let departed = offers[0].0;
    world.deliver_messages(reply);
    world.deliver_messages(offers);
    world.exchange.connection_closed(departed, world.now);
    world.tick_after(100_000);
    assert_eq!(world.exchange.tally.answers_excused, 1);
    world.deliver(&mut |_| {});
    let tally = world.counts_after_timeouts();
    assert_eq!((tally.answers_received, tally.answers_excused), (3, 0));
    assert_eq!(tally.faults(), []);
    assert_eq!(world.exchange.latencies.answer.len(), 3);
}

/// The tracker drops all offers while members leave and join again.
#[test]
fn churn_does_not_excuse_dropping_every_offer() {
    let mut world = TestWorld::new(settings());
    for _ in 0..10 {
        world.exchange.start_wave(0.3, world.now, &mut world.sent);
        world.announce(4, &mut |out| out.retain(|(_, message)| !is_offer(message)));
        world.now += 300_000;
        world.exchange.tick(world.now, &mut world.sent);
    }
    let tally = world.counts_after_timeouts();
    assert!(tally.offers_lost > tally.offers_excused, "{tally:?}");
}

/// Ended connections excuse offers only as long as the tracker still counts them as members.
#[test]
fn ended_connections_excuse_one_offer_each_at_most() {
    for (notices, excused_per_announce) in [(true, 0), (false, 2)] {
        let mut world = TestWorld::new(settings());
        for member in [0, 1, 6, 7] {
            world.exchange.connection_closed(member, world.now);
            world.tracker.connection_ended(member, notices);
        }
        world.announce(4, &mut |out| {
            out.retain(|(_, message)| !is_offer(message));
        });
        let tally = world.counts_after_timeouts();
        // Each swarm has four members left, so each announce has three receivers for its three offers.
        assert_eq!(
            (tally.offers_excused, tally.offers_lost),
            (excused_per_announce * 4, (3 - excused_per_announce) * 4),
            "{tally:?}"
        );
    }
}

/// A tracker may withhold an offer if the only receiver left has an unanswered offer itself.
#[test]
fn an_offer_that_would_cross_is_excused() {
    for (answers, excused) in [(0.0, 1), (1.0, 0)] {
        let mut world = TestWorld::new(RequestSettings {
            answers,
            offers: 5,
            ..settings()
        });
        world.announce(MEMBERS as u64, &mut |_| {});
        world.now += 1_000;
        let mut is_withheld = false;
        world.announce(1, &mut |out| {
            out.retain(|(_, message)| {
                !is_offer(message) || std::mem::replace(&mut is_withheld, true)
            });
        });
        let tally = world.counts_after_timeouts();
        assert_eq!(
            (tally.offers_excused, tally.offers_lost),
            (excused, 1 - excused),
            "{tally:?}"
        );
    }
}
