use super::*;

fn one() -> Whence {
    Whence {
        kind: AddressKind::Public,
        own: Key::new(7),
        wider: None,
    }
}

fn of(own: u64, wider: u64) -> Whence {
    Whence {
        kind: AddressKind::Public,
        own: Key::new(own),
        wider: Some(Key::new(wider)),
    }
}

fn used(change: impl FnOnce(&mut config::Limits)) -> Arc<HttpUse> {
    let mut limits = config::Limits {
        address_response_bytes_max: 100,
        response_bytes_max: 250,
        address_followers_max: 2,
        followers_max: 5,
        address_http_time_per_second: Duration::from_millis(100),
        address_http_time_burst: Duration::from_secs(1),
        ..config::Limits::default()
    };
    change(&mut limits);
    HttpUse::new(&limits)
}

#[test]
fn response_bytes_have_a_bound_for_an_address_and_for_all() {
    let usage = used(|_| {});
    let claim = |keys, bytes| usage.claim(Claimed::ResponseBytes, keys, bytes);
    let mut first = claim(Some(one()), 100).expect("room");
    assert_eq!(claim(Some(one()), 1).err(), Some(NoRoom::Address));
    first.release(40);
    let second = claim(Some(one()), 40).expect("room again");
    assert_eq!(usage.claimed(Claimed::ResponseBytes), 100);
    // A client without limits has only the bound of all.
    let third = claim(None, 150).expect("room");
    assert_eq!(claim(None, 1).err(), Some(NoRoom::All));
    let other = Whence {
        kind: AddressKind::Public,
        own: Key::new(8),
        wider: None,
    };
    assert_eq!(claim(Some(other), 1).err(), Some(NoRoom::All));
    drop((first, second, third));
    assert_eq!(usage.claimed(Claimed::ResponseBytes), 0);
    assert!(claim(Some(one()), 100).is_ok());
}

#[test]
fn strangers_cannot_take_what_is_kept_for_the_operator() {
    let usage = used(|_| {});
    let claims: Vec<_> = (0..3)
        .map(|number| of(10 + number, 100 + number))
        .map(|keys| usage.claim(Claimed::Followers, Some(keys), 2))
        .collect();
    assert_eq!(claims.iter().filter(|claim| claim.is_ok()).count(), 2);
    let operator = || usage.claim_for_operator(Claimed::Followers, 1);
    let own: Vec<_> = (0..OPERATOR_FOLLOWERS_MAX).map(|_| operator()).collect();
    assert!(own.iter().all(Result::is_ok));
    assert_eq!(operator().err(), Some(NoRoom::All));
    let most = OPERATOR_RESPONSE_BYTES_MAX;
    assert!(
        usage
            .claim_for_operator(Claimed::ResponseBytes, most)
            .is_ok()
    );
    assert!(
        usage
            .claim_for_operator(Claimed::ResponseBytes, most + 1)
            .is_err()
    );
}

#[test]
fn the_networks_of_a_site_share_four_times_as_much_of_http() {
    let usage = used(|limits| limits.response_bytes_max = 10_000);
    let claim = |own| usage.claim(Claimed::ResponseBytes, Some(of(own, 1000)), 100);
    let held: Vec<_> = (10..14).map(claim).collect();
    assert!(held.iter().all(Result::is_ok));
    assert_eq!(claim(14).err(), Some(NoRoom::Address));
    // Refused claims are not counted.
    drop(held);
    assert_eq!(usage.claimed(Claimed::ResponseBytes), 0);
    assert!((10..14).map(claim).all(|claim| claim.is_ok()));
}

#[test]
fn processor_time_comes_back_at_its_rate() {
    let usage = used(|_| {});
    let payer = Payer::Address(one());
    let now = Duration::from_secs(100);
    usage.spend(payer, Duration::from_secs(1), now);
    assert_eq!(usage.may_spend(payer, now), Ok(()));
    usage.spend(payer, Duration::from_millis(50), now);
    let wait = Duration::from_millis(500);
    assert_eq!(usage.may_spend(payer, now), Err(wait));
    assert_eq!(usage.may_spend(payer, now + wait), Ok(()));
    // Other addresses and health checks are not affected.
    assert_eq!(usage.may_spend(Payer::Watcher(one()), now), Ok(()));
    assert_eq!(usage.may_spend(Payer::Address(of(8, 9)), now), Ok(()));
    assert_eq!(usage.may_spend(Payer::Operator, now), Ok(()));
}

#[test]
fn the_api_takes_a_part_of_what_an_address_may_and_leaves_the_rest() {
    let usage = used(|_| {});
    let now = Duration::from_secs(100);
    let (api, pages) = (Payer::Api(one()), Payer::Address(one()));
    usage.spend(api, Duration::from_millis(750), now);
    assert_eq!(usage.may_spend(api, now), Ok(()));
    usage.spend(api, Duration::from_millis(75), now);
    assert_eq!(usage.may_spend(api, now), Err(Duration::from_secs(1)));
    assert_eq!(usage.may_spend(pages, now), Ok(()));
    // It continues for a minute at its maximum rate.
    let mut now = now;
    for _ in 0..60 {
        now += Duration::from_secs(1);
        usage.spend(api, Duration::from_millis(75), now);
        assert!(usage.may_spend(api, now).is_err());
        assert_eq!(usage.may_spend(pages, now), Ok(()));
    }
    // Pages get no more because of it.
    usage.spend(pages, Duration::from_secs(2), now);
    assert!(usage.may_spend(pages, now).is_err());
    assert!(usage.may_spend(api, now + Duration::from_secs(2)).is_err());
}

#[test]
fn watchers_and_the_operator_have_bounds_of_their_own() {
    let usage = used(|_| {});
    let now = Duration::from_secs(100);
    usage.spend(Payer::Watcher(one()), Duration::from_millis(1050), now);
    assert!(usage.may_spend(Payer::Watcher(one()), now).is_err());
    assert!(usage.may_spend(Payer::Address(one()), now).is_ok());
    usage.spend(Payer::Operator, Duration::from_secs(4), now);
    assert!(usage.may_spend(Payer::Operator, now).is_ok());
    usage.spend(Payer::Operator, Duration::from_millis(50), now);
    assert!(usage.may_spend(Payer::Operator, now).is_err());
}

#[test]
fn a_site_that_takes_turns_pays_for_all_its_networks() {
    let usage = used(|_| {});
    let now = Duration::from_secs(100);
    for own in 10..14 {
        usage.spend(Payer::Address(of(own, 1000)), Duration::from_secs(1), now);
    }
    let next = Payer::Address(of(15, 1000));
    assert_eq!(usage.may_spend(next, now), Ok(()));
    usage.spend(next, Duration::from_millis(4), now);
    assert!(usage.may_spend(Payer::Address(of(16, 1000)), now).is_err());
    assert!(usage.may_spend(Payer::Address(of(16, 2000)), now).is_ok());
}

#[test]
fn one_expensive_request_keeps_an_address_out_for_a_minute_at_most() {
    let usage = used(|_| {});
    let now = Duration::from_secs(100);
    usage.spend(Payer::Address(one()), Duration::from_hours(1), now);
    let wait = usage
        .may_spend(Payer::Address(one()), now)
        .expect_err("over");
    assert_eq!(wait, OVERDRAFT_MAX);
}

#[test]
fn addresses_that_ask_no_more_are_forgotten_and_those_beyond_the_bound_share_one() {
    let usage = used(|limits| limits.addresses_max = 10);
    let now = Duration::from_secs(100);
    for own in 10..50 {
        let payer = Payer::Address(Whence {
            kind: AddressKind::Public,
            own: Key::new(own),
            wider: None,
        });
        usage.spend(payer, Duration::from_millis(40), now);
    }
    assert!(usage.known.load(Ordering::Relaxed) <= 11);
    let newcomer = Payer::Address(one());
    assert!(usage.may_spend(newcomer, now).is_err());
    let later = now + Duration::from_mins(2);
    (0..usage.parts()).for_each(|part| usage.tidy(part, later));
    assert_eq!(usage.known.load(Ordering::Relaxed), 0);
    assert!(usage.may_spend(newcomer, later).is_ok());
}

#[test]
fn a_private_address_may_use_eight_times_as_much() {
    let usage = used(|limits| limits.private_factor = 8);
    let private = Whence {
        kind: AddressKind::Private,
        ..one()
    };
    let followers = (0..100).map(|_| usage.claim(Claimed::Followers, Some(private), 1));
    let held: Vec<_> = followers.flatten().collect();
    assert_eq!(held.len(), 5, "the bound of all");
    drop(held);
    // Two for others is 16 for it.
    let limits = config::Limits {
        address_followers_max: 2,
        followers_max: 100,
        private_factor: 8,
        ..config::Limits::default()
    };
    let wide = HttpUse::new(&limits);
    let held: Vec<_> = (0..100)
        .filter_map(|_| wide.claim(Claimed::Followers, Some(private), 1).ok())
        .collect();
    assert_eq!(held.len(), 16);
    // It also has eight times the processor time: usage that exhausts another address for seconds does not exhaust this
    // one.
    let now = Duration::from_secs(10);
    for (payer, is_over) in [
        (Payer::Address(one()), true),
        (Payer::Address(of(9, 10)), true),
    ] {
        usage.spend(payer, Duration::from_secs(2), now);
        assert_eq!(usage.may_spend(payer, now).is_err(), is_over);
    }
    let own = Payer::Address(Whence {
        own: Key::new(11),
        ..private
    });
    usage.spend(own, Duration::from_secs(2), now);
    assert!(usage.may_spend(own, now).is_ok());
}
