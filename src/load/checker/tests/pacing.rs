//! Tests when requests and answers are sent, and by which members.

use super::*;

/// Returns an exchange that sends requests at this rate for one second, whether or not they are answered.
fn open_loop(per_second: f64) -> TestWorld {
    let mut world = TestWorld::new(settings());
    let begin = world.now;
    world.exchange.measured = 0..Micros::MAX;
    world.exchange.pacing = Pacing::Open {
        begin,
        end: begin + 1_000_000,
        per_second,
        next: 0,
    };
    world
}

#[test]
fn open_loop_latency_counts_from_the_due_time() {
    let mut world = open_loop(20.0);
    let begin = world.now;
    // The loop runs half a second late: all requests due by then are sent at once.
    world.now += 500_000;
    world
        .exchange
        .start_due_requests(world.now, &mut world.sent);
    assert_eq!(world.sent.0.len(), 11, "requests 0 to 10, one every 50 ms");
    world.deliver(&mut |_| {});
    let latencies = &world.exchange.latencies;
    assert!(
        latencies.lateness.max() >= 499_000,
        "{}",
        latencies.lateness.max()
    );
    assert!(latencies.reply.max() >= 500_000);
    assert!(latencies.reply.min() < 100_000);
    // The loop never sends the others.
    world.exchange.stop(begin + 1_000_000);
    assert_eq!(world.exchange.latencies.unsent, 9);
}

#[test]
fn an_open_loop_does_not_wait_for_a_stuck_tracker() {
    let mut world = open_loop(100.0);
    for _ in 0..100 {
        world.now += 10_000;
        world
            .exchange
            .start_due_requests(world.now, &mut world.sent);
    }
    // Every member has one request in flight; the rest waits, and its waiting time is recorded.
    assert_eq!(world.sent.0.len(), MEMBERS);
    world.exchange.stop(world.now);
    assert_eq!(world.exchange.latencies.unsent, 100 - MEMBERS as u64);
    assert!(world.exchange.latencies.reply.max() > 800_000);
}

#[test]
fn think_time_delays_answers() {
    let mut world = TestWorld::new(RequestSettings {
        think: (20_000, 40_000),
        ..settings()
    });
    world.announce(1, &mut |_| {});
    assert_eq!(world.exchange.tally.answers_sent, 0);
    world
        .exchange
        .send_due_answers(world.now + 10_000, &mut world.sent);
    assert_eq!(world.exchange.tally.answers_sent, 0);
    world
        .exchange
        .send_due_answers(world.now + 50_000, &mut world.sent);
    assert_eq!(world.exchange.tally.answers_sent, 3);
    world.deliver(&mut |_| {});
    assert_eq!(world.counts_after_timeouts().faults(), []);
}

#[test]
fn the_share_of_answered_offers_is_respected() {
    let mut world = TestWorld::new(RequestSettings {
        answers: 0.5,
        ..settings()
    });
    world.announce(400, &mut |_| {});
    let tally = world.counts_after_timeouts();
    assert!(
        (500..700).contains(&tally.answers_sent),
        "{}",
        tally.answers_sent
    );
    assert_eq!(tally.faults(), []);
}

#[test]
fn the_share_of_seeders_is_exact() {
    for (share, members, expected) in [
        (0.2, 50, 10),
        (0.0, 50, 0),
        (1.0, 50, 50),
        (0.25, 4, 1),
        (0.5, 7, 3),
    ] {
        let count = (0..members)
            .filter(|&place| is_seeder(place, share))
            .count();
        assert_eq!(count, expected, "{share} of {members}");
    }
}

#[test]
fn every_member_has_a_turn() {
    for members in [1, 2, 3, 50, 200, 7919, 10_000] {
        let stride = coprime_stride(members);
        let turns: std::collections::HashSet<_> =
            (0..members).map(|turn| turn * stride % members).collect();
        assert_eq!(turns.len(), members);
    }
}
