use super::*;

/// A connection with a clock that the test advances.
struct TestConnection {
    usage: ConnectionUsage,
    limiter: Limiter<CachedTime>,
    clock: CachedTime,
}

impl TestConnection {
    fn new(change: impl FnOnce(&mut config::Limits)) -> Self {
        let mut limits = config::Limits::default();
        change(&mut limits);
        let clock = CachedTime::default();
        let limiter = Limiter::new(
            &ConnectionPolicy::new(&limits, &config::Bans::default(), 100),
            &clock,
        );
        clock.advance_to(Duration::from_secs(10));
        Self {
            usage: ConnectionUsage::default(),
            limiter,
            clock,
        }
    }

    fn advance(&self, time: Duration) {
        self.clock.advance_to(self.clock.get() + time);
    }

    /// Sends one message with relayed offers. Returns the pause if it is served.
    fn send(&mut self, offers: u32) -> Result<Option<Duration>, MessageVerdict> {
        let now = self.clock.get();
        match self.limiter.check_message(&mut self.usage, now) {
            MessageVerdict::Serve => {
                let pause = self.limiter.charge_message(&mut self.usage, offers, now);
                Ok(pause.map(|pause| pause.time))
            }
            refused => Err(refused),
        }
    }
}

#[test]
fn a_burst_passes_at_once_and_then_reading_slows_to_the_rate() {
    let mut case = TestConnection::new(|_| {});
    for _ in 0..500 {
        assert_eq!(case.send(0), Ok(None));
    }
    for _ in 0..100 {
        let pause = case.send(0).expect("served").expect("slowed");
        assert!(pause <= Duration::from_millis(50), "{pause:?}");
        case.advance(pause);
    }
}

#[test]
fn a_client_with_two_hundred_torrents_is_served_completely() {
    let mut case = TestConnection::new(|_| {});
    let mut slowed = Duration::ZERO;
    for _ in 0..200 {
        let pause = case.send(5).expect("served").unwrap_or_default();
        assert!(pause <= Duration::from_secs(2));
        slowed += pause;
        case.advance(pause);
    }
    // 1,000 offers are 500 at once and 500 at 20 per second.
    assert!(
        slowed >= Duration::from_secs(24) && slowed <= Duration::from_secs(26),
        "{slowed:?}"
    );
}

#[test]
fn a_pause_lasts_at_most_delay_max_and_more_debt_is_refused() {
    let mut case = TestConnection::new(|limits| limits.offers_per_second = 1);
    for _ in 0..25 {
        assert_eq!(case.send(20), Ok(None));
    }
    assert_eq!(case.send(20), Ok(Some(Duration::from_secs(2))));
    case.advance(Duration::from_secs(2));
    assert_eq!(
        case.send(0),
        Err(MessageVerdict::Refuse(ConnectionRate::Offers))
    );
    case.advance(Duration::from_secs(18));
    assert_eq!(case.send(0), Ok(None));
}

#[test]
fn refusals_start_when_patience_ends_and_stop_when_calm() {
    let mut case = TestConnection::new(|limits| limits.patience = Duration::from_secs(3));
    while case.send(0) == Ok(None) {}
    case.advance(Duration::from_millis(50));
    let began = case.clock.get();
    while let Ok(pause) = case.send(0) {
        case.advance(
            pause
                .unwrap_or(Duration::from_millis(1))
                .min(Duration::from_millis(50)),
        );
    }
    let lasted = case.clock.get().saturating_sub(began);
    assert!(
        lasted >= Duration::from_secs(3) && lasted < Duration::from_secs(4),
        "{lasted:?}"
    );
    case.advance(Duration::from_secs(3));
    assert_eq!(case.send(0), Ok(None));
}

#[test]
fn the_longest_wait_of_all_exceeded_limits_is_the_pause() {
    for slowest in [
        ConnectionRate::Messages,
        ConnectionRate::Offers,
        ConnectionRate::Bytes,
    ] {
        let rate = |rate| if rate == slowest { 1 } else { 10 };
        let mut case = TestConnection::new(|limits| {
            limits.messages_per_second = rate(ConnectionRate::Messages);
            limits.offers_per_second = rate(ConnectionRate::Offers);
            limits.bytes_per_second = rate(ConnectionRate::Bytes);
            (limits.messages_burst, limits.offers_burst) = (1, 1);
            limits.bytes_burst = 1;
            limits.delay_max = Duration::from_mins(1);
        });
        assert_eq!(case.send(1), Ok(None));
        // Each is now over its limit by one.
        let now = case.clock.get();
        assert_eq!(
            case.limiter.check_message(&mut case.usage, now),
            MessageVerdict::Serve,
            "nothing is owed yet"
        );
        let _ = case.limiter.charge_bytes(&mut case.usage, 2, now);
        let pause = case.limiter.charge_message(&mut case.usage, 1, now);
        let pause = pause.expect("over all limits");
        assert_eq!((pause.rate, pause.time.as_secs()), (slowest, 1));
    }
}

#[test]
fn only_a_flood_of_refused_messages_closes_the_connection() {
    let mut case = TestConnection::new(|limits| {
        limits.patience = Duration::ZERO;
        limits.refusals_per_minute_max = 50;
    });
    let mut refused = 0;
    for _ in 0..5_000 {
        match case.send(0) {
            Ok(pause) => case.advance(pause.unwrap_or_default() / 100),
            Err(MessageVerdict::Refuse(_)) => refused += 1,
            Err(_) => break,
        }
    }
    assert_eq!(refused, 50);
}

#[test]
fn malformed_messages_are_limited_per_minute() {
    let mut case = TestConnection::new(|_| {});
    let mut malformed = |seconds, times| {
        let now = Duration::from_secs(seconds);
        case.clock.advance_to(now);
        (0..times).all(|_| case.limiter.allow_malformed(&mut case.usage))
    };
    assert!(malformed(10, 100));
    assert!(!malformed(10, 1));
    assert!(malformed(71, 100));
}

#[test]
fn bytes_are_charged_even_without_a_complete_message() {
    let mut case = TestConnection::new(|limits| {
        limits.bytes_per_second = 1000;
        limits.bytes_burst = 10_000;
    });
    let mut read = |bytes| {
        let now = case.clock.get();
        case.limiter.charge_bytes(&mut case.usage, bytes, now)
    };
    assert_eq!(read(10_000), None);
    let pause = read(500).expect("slowed");
    assert_eq!(pause.rate, ConnectionRate::Bytes);
    let time = pause.time;
    assert!(time <= Duration::from_millis(500) && time > Duration::from_millis(490));
}

#[test]
fn connections_have_separate_buckets_and_new_ones_start_full() {
    let mut case = TestConnection::new(|_| {});
    while case.send(0) == Ok(None) {}
    let carried = std::mem::take(&mut case.usage);
    assert!(case.send(0).is_ok_and(|pause| pause.is_none()));
    case.usage = carried;
    assert!(case.send(0) != Ok(None));
    case.advance(Duration::from_hours(1));
    case.usage = ConnectionUsage::default();
    assert_eq!((0..500).filter(|_| case.send(0) == Ok(None)).count(), 500);
    assert!(case.send(0) != Ok(None));
}

#[test]
fn usage_is_retained_when_limits_change() {
    let served_after = |messages: u32, rate: u32, burst: u32, wait: u64| {
        // 500 at once, 20 per second.
        let mut case = TestConnection::new(|_| {});
        for _ in 0..messages {
            assert_eq!(case.send(0), Ok(None));
        }
        let limits = config::Limits {
            messages_per_second: rate,
            messages_burst: burst,
            ..config::Limits::default()
        };
        let others = Limiter::new(
            &ConnectionPolicy::new(&limits, &config::Bans::default(), 100),
            &case.clock,
        );
        case.limiter.convert_usage(&mut case.usage, &others);
        case.limiter = others;
        case.advance(Duration::from_secs(wait));
        (0..10_000).take_while(|_| case.send(0) == Ok(None)).count()
    };
    assert_eq!(served_after(0, 20, 500, 0), 500);
    assert_eq!(served_after(500, 20, 500, 0), 0);
    assert_eq!(served_after(500, 20, 500, 2), 40);
    // A larger bucket lacks the tokens taken from the smaller one.
    assert_eq!(served_after(300, 20, 1_000, 0), 700);
    // A smaller one is at most empty and refills at its own rate: old debts do not count.
    assert_eq!(served_after(500, 1, 10, 0), 0);
    assert_eq!(served_after(500, 1, 10, 5), 5);
    assert_eq!(served_after(3, 1, 10, 0), 7);
}

#[test]
fn violations_of_all_kinds_add_up_and_decay() {
    let mut case = TestConnection::new(|_| {});
    let mut violate = |seconds, violation, times| {
        let now = Duration::from_secs(seconds);
        (0..times).all(|_| {
            case.limiter
                .allow_violation(&mut case.usage, violation, now)
        })
    };
    // A client on a bad day: an answer per second to peers that have left.
    assert!((0..3600).all(|second| violate(second, Violation::UnmatchedAnswer, 1)));
    assert!(violate(5000, Violation::Malformed, 100));
    assert!(violate(5000, Violation::UnmatchedAnswer, 190));
    assert!(!violate(5000, Violation::Refused, 20));
    assert!(violate(5060, Violation::Malformed, 70));
    assert!(!violate(5060, Violation::Malformed, 10));
}

#[test]
fn the_state_of_an_exceeded_limit_is_freed_with_time() {
    let mut case = TestConnection::new(|_| {});
    let now = case.clock.get();
    case.limiter
        .allow_violation(&mut case.usage, Violation::Malformed, now);
    case.advance(Duration::from_mins(9));
    assert_eq!(case.send(0), Ok(None));
    assert!(case.usage.over_limit.is_some());
    case.advance(Duration::from_mins(2));
    assert_eq!(case.send(0), Ok(None));
    assert!(case.usage.over_limit.is_none());
}

#[test]
fn a_pause_and_a_refusal_name_their_limit() {
    let mut case = TestConnection::new(|limits| {
        (limits.messages_per_second, limits.messages_burst) = (1_000, 1_000);
        (limits.offers_per_second, limits.offers_burst) = (1, 20);
        limits.patience = Duration::ZERO;
    });
    let now = case.clock.get();
    assert_eq!(
        case.limiter.check_message(&mut case.usage, now),
        MessageVerdict::Serve
    );
    let pause = case
        .limiter
        .charge_message(&mut case.usage, 21, now)
        .unwrap();
    assert_eq!(pause.rate, ConnectionRate::Offers);
    let refused = case.limiter.check_message(&mut case.usage, now);
    assert_eq!(refused, MessageVerdict::Refuse(ConnectionRate::Offers));
}

/// Sends until the connection is slowed, then ends it. Returns how many messages were served at once and the usage for
/// the next connection.
fn use_up_limits(case: &mut TestConnection) -> (usize, Option<CarriedUsage>) {
    let at_once = (0..10_000).take_while(|_| case.send(1) == Ok(None)).count();
    let usage = std::mem::take(&mut case.usage);
    (
        at_once,
        case.limiter.carried_usage(&usage, case.clock.get()),
    )
}

#[test]
fn a_connection_continues_the_usage_of_an_ended_one() {
    let mut case = TestConnection::new(|_| {});
    let (at_once, carried) = use_up_limits(&mut case);
    assert_eq!(at_once, 500);
    let carried = carried.expect("all is used up");
    let now = case.clock.get();
    case.usage = case.limiter.restore_usage(&carried, now);
    // The message that was served but not charged makes it wait before it is read.
    let pause = case.limiter.charge_message(&mut case.usage, 0, now);
    let time = pause.expect("it owes").time;
    assert!(time <= Duration::from_millis(51), "{time:?}");
    case.advance(time);
    assert!(case.send(1).is_ok_and(|pause| pause.is_some()), "slowed");
    case.advance(Duration::from_secs(10));
    let (at_once, _) = use_up_limits(&mut case);
    assert!((198..=200).contains(&at_once), "{at_once}");
    // An unused connection leaves no usage.
    case.advance(Duration::from_mins(1));
    let usage = std::mem::take(&mut case.usage);
    assert_eq!(case.limiter.carried_usage(&usage, case.clock.get()), None);
}

#[test]
fn bytes_refusals_malformed_messages_and_points_carry_over() {
    let mut case = TestConnection::new(|limits| limits.patience = Duration::ZERO);
    let now = case.clock.get();
    let _ = case.limiter.charge_bytes(&mut case.usage, 8_388_608, now);
    assert!((0..100).all(|_| case.limiter.allow_malformed(&mut case.usage)));
    let violations = (0..60).filter(|_| {
        let (usage, malformed) = (&mut case.usage, Violation::Malformed);
        case.limiter.allow_violation(usage, malformed, now)
    });
    assert_eq!(violations.count(), 60);
    let carried = case.limiter.carried_usage(&case.usage, now).expect("much");
    case.usage = case.limiter.restore_usage(&carried, now);
    assert!(
        case.limiter
            .charge_bytes(&mut case.usage, 1000, now)
            .is_some()
    );
    assert!(!case.limiter.allow_malformed(&mut case.usage));
    let points = case
        .limiter
        .abuse_report(&case.usage, now)
        .expect("some")
        .points;
    assert!((points - 60.0).abs() < 0.1, "{points}");
    // Above half of the closing score, the address gets a strike instead.
    (0..20).for_each(|_| {
        let (usage, malformed) = (&mut case.usage, Violation::Malformed);
        assert!(case.limiter.allow_violation(usage, malformed, now));
    });
    let carried = case.limiter.carried_usage(&case.usage, now).expect("much");
    assert!(
        carried.points == 0.0 && carried.malformed > 1.0,
        "{carried:?}"
    );
    // Refusals: a connection is refused repeatedly and continued by new ones.
    let mut case = TestConnection::new(|limits| {
        limits.patience = Duration::ZERO;
        limits.refusals_per_minute_max = 50;
    });
    let mut refused = 0;
    for _ in 0..5_000 {
        match case.send(0) {
            Ok(_) => {}
            Err(MessageVerdict::Refuse(_)) => refused += 1,
            Err(_) => break,
        }
        let now = case.clock.get();
        if refused % 7 == 3 {
            let carried = case.limiter.carried_usage(&case.usage, now).expect("much");
            case.usage = case.limiter.restore_usage(&carried, now);
        }
    }
    assert!((50..=52).contains(&refused), "{refused}");
}
