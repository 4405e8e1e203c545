use super::*;

fn ipv4_keys() -> RateKeys {
    RateKeys {
        kind: AddressKind::Public,
        address: RateKey::new(7),
        network: None,
    }
}

fn ipv6_keys(own: u64, wider: u64) -> RateKeys {
    RateKeys {
        kind: AddressKind::Public,
        address: RateKey::new(own),
        network: Some(RateKey::new(wider)),
    }
}

fn http_usage(change: impl FnOnce(&mut config::Limits)) -> Arc<HttpUsage> {
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
    HttpUsage::new(HttpUsagePolicy::new(&limits))
}

#[test]
fn response_bytes_are_bounded_per_address_and_in_total() {
    let usage = http_usage(|_| {});
    let claim = |keys, bytes| usage.claim(HttpResource::ResponseBytes, keys, bytes);
    let mut first = claim(Some(ipv4_keys()), 100).expect("room");
    assert_eq!(
        claim(Some(ipv4_keys()), 1).err(),
        Some(QuotaExceeded::Address)
    );
    first.release(40);
    let second = claim(Some(ipv4_keys()), 40).expect("room again");
    assert_eq!(usage.claimed_total(HttpResource::ResponseBytes), 100);
    // A client without limits has only the bound of all.
    let third = claim(None, 150).expect("room");
    assert_eq!(claim(None, 1).err(), Some(QuotaExceeded::All));
    let other = RateKeys {
        kind: AddressKind::Public,
        address: RateKey::new(8),
        network: None,
    };
    assert_eq!(claim(Some(other), 1).err(), Some(QuotaExceeded::All));
    drop((first, second, third));
    assert_eq!(usage.claimed_total(HttpResource::ResponseBytes), 0);
    assert!(claim(Some(ipv4_keys()), 100).is_ok());
}

#[test]
fn clients_cannot_use_the_reserve_of_the_operator() {
    let usage = http_usage(|_| {});
    let claims: Vec<_> = (0..3)
        .map(|number| ipv6_keys(10 + number, 100 + number))
        .map(|keys| usage.claim(HttpResource::Followers, Some(keys), 2))
        .collect();
    assert_eq!(claims.iter().filter(|claim| claim.is_ok()).count(), 2);
    let operator = || usage.claim_for_operator(HttpResource::Followers, 1);
    let own: Vec<_> = (0..OPERATOR_FOLLOWERS_MAX).map(|_| operator()).collect();
    assert!(own.iter().all(Result::is_ok));
    assert_eq!(operator().err(), Some(QuotaExceeded::All));
    let most = OPERATOR_RESPONSE_BYTES_MAX;
    assert!(
        usage
            .claim_for_operator(HttpResource::ResponseBytes, most)
            .is_ok()
    );
    assert!(
        usage
            .claim_for_operator(HttpResource::ResponseBytes, most + 1)
            .is_err()
    );
}

#[test]
fn the_networks_of_a_site_share_four_times_the_http_resources() {
    let usage = http_usage(|limits| limits.response_bytes_max = 10_000);
    let claim = |own| usage.claim(HttpResource::ResponseBytes, Some(ipv6_keys(own, 1000)), 100);
    let held: Vec<_> = (10..14).map(claim).collect();
    assert!(held.iter().all(Result::is_ok));
    assert_eq!(claim(14).err(), Some(QuotaExceeded::Address));
    // Refused claims are not counted.
    drop(held);
    assert_eq!(usage.claimed_total(HttpResource::ResponseBytes), 0);
    assert!((10..14).map(claim).all(|claim| claim.is_ok()));
}

#[test]
fn processor_time_is_replenished_at_its_rate() {
    let usage = http_usage(|_| {});
    let budget = CpuBudget::Address(ipv4_keys());
    let now = Duration::from_secs(100);
    usage.charge_cpu_time(budget, Duration::from_secs(1), now);
    assert_eq!(usage.check_cpu_time(budget, now), Ok(()));
    usage.charge_cpu_time(budget, Duration::from_millis(50), now);
    let wait = Duration::from_millis(500);
    assert_eq!(usage.check_cpu_time(budget, now), Err(wait));
    assert_eq!(usage.check_cpu_time(budget, now + wait), Ok(()));
    // Other addresses and health checks are not affected.
    assert_eq!(
        usage.check_cpu_time(CpuBudget::HealthCheck(ipv4_keys()), now),
        Ok(())
    );
    assert_eq!(
        usage.check_cpu_time(CpuBudget::Address(ipv6_keys(8, 9)), now),
        Ok(())
    );
    assert_eq!(usage.check_cpu_time(CpuBudget::Operator, now), Ok(()));
}

#[test]
fn the_api_uses_only_a_part_of_the_processor_time() {
    let usage = http_usage(|_| {});
    let now = Duration::from_secs(100);
    let (api, pages) = (CpuBudget::Api(ipv4_keys()), CpuBudget::Address(ipv4_keys()));
    usage.charge_cpu_time(api, Duration::from_millis(750), now);
    assert_eq!(usage.check_cpu_time(api, now), Ok(()));
    usage.charge_cpu_time(api, Duration::from_millis(75), now);
    assert_eq!(usage.check_cpu_time(api, now), Err(Duration::from_secs(1)));
    assert_eq!(usage.check_cpu_time(pages, now), Ok(()));
    // It continues for a minute at its maximum rate.
    let mut now = now;
    for _ in 0..60 {
        now += Duration::from_secs(1);
        usage.charge_cpu_time(api, Duration::from_millis(75), now);
        assert!(usage.check_cpu_time(api, now).is_err());
        assert_eq!(usage.check_cpu_time(pages, now), Ok(()));
    }
    // Pages get no more because of it.
    usage.charge_cpu_time(pages, Duration::from_secs(2), now);
    assert!(usage.check_cpu_time(pages, now).is_err());
    assert!(
        usage
            .check_cpu_time(api, now + Duration::from_secs(2))
            .is_err()
    );
}

#[test]
fn health_checks_and_the_operator_have_separate_budgets() {
    let usage = http_usage(|_| {});
    let now = Duration::from_secs(100);
    usage.charge_cpu_time(
        CpuBudget::HealthCheck(ipv4_keys()),
        Duration::from_millis(1050),
        now,
    );
    assert!(
        usage
            .check_cpu_time(CpuBudget::HealthCheck(ipv4_keys()), now)
            .is_err()
    );
    assert!(
        usage
            .check_cpu_time(CpuBudget::Address(ipv4_keys()), now)
            .is_ok()
    );
    usage.charge_cpu_time(CpuBudget::Operator, Duration::from_secs(4), now);
    assert!(usage.check_cpu_time(CpuBudget::Operator, now).is_ok());
    usage.charge_cpu_time(CpuBudget::Operator, Duration::from_millis(50), now);
    assert!(usage.check_cpu_time(CpuBudget::Operator, now).is_err());
}

#[test]
fn a_site_pays_for_all_its_networks() {
    let usage = http_usage(|_| {});
    let now = Duration::from_secs(100);
    for own in 10..14 {
        usage.charge_cpu_time(
            CpuBudget::Address(ipv6_keys(own, 1000)),
            Duration::from_secs(1),
            now,
        );
    }
    let next = CpuBudget::Address(ipv6_keys(15, 1000));
    assert_eq!(usage.check_cpu_time(next, now), Ok(()));
    usage.charge_cpu_time(next, Duration::from_millis(4), now);
    assert!(
        usage
            .check_cpu_time(CpuBudget::Address(ipv6_keys(16, 1000)), now)
            .is_err()
    );
    assert!(
        usage
            .check_cpu_time(CpuBudget::Address(ipv6_keys(16, 2000)), now)
            .is_ok()
    );
}

#[test]
fn one_expensive_request_blocks_an_address_for_at_most_a_minute() {
    let usage = http_usage(|_| {});
    let now = Duration::from_secs(100);
    usage.charge_cpu_time(
        CpuBudget::Address(ipv4_keys()),
        Duration::from_hours(1),
        now,
    );
    let wait = usage
        .check_cpu_time(CpuBudget::Address(ipv4_keys()), now)
        .expect_err("over");
    assert_eq!(wait, OVERDRAFT_MAX);
}

#[test]
fn idle_addresses_are_evicted_and_excess_ones_share_a_record() {
    let usage = http_usage(|limits| limits.addresses_max = 10);
    let now = Duration::from_secs(100);
    for own in 10..50 {
        let budget = CpuBudget::Address(RateKeys {
            kind: AddressKind::Public,
            address: RateKey::new(own),
            network: None,
        });
        usage.charge_cpu_time(budget, Duration::from_millis(40), now);
    }
    assert!(usage.record_count.load(Ordering::Relaxed) <= 11);
    let other = CpuBudget::Address(ipv4_keys());
    assert!(usage.check_cpu_time(other, now).is_err());
    let later = now + Duration::from_mins(2);
    (0..usage.shard_count()).for_each(|part| usage.evict_idle(part, later));
    assert_eq!(usage.record_count.load(Ordering::Relaxed), 0);
    assert!(usage.check_cpu_time(other, later).is_ok());
}

#[test]
fn a_private_address_may_use_eight_times_as_much() {
    let usage = http_usage(|limits| limits.private_factor = 8);
    let private = RateKeys {
        kind: AddressKind::Private,
        ..ipv4_keys()
    };
    let followers = (0..100).map(|_| usage.claim(HttpResource::Followers, Some(private), 1));
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
    let wide = HttpUsage::new(HttpUsagePolicy::new(&limits));
    let held: Vec<_> = (0..100)
        .filter_map(|_| wide.claim(HttpResource::Followers, Some(private), 1).ok())
        .collect();
    assert_eq!(held.len(), 16);
    // It also has eight times the processor time: usage that exhausts another address for seconds does not exhaust this
    // one.
    let now = Duration::from_secs(10);
    for (budget, is_over) in [
        (CpuBudget::Address(ipv4_keys()), true),
        (CpuBudget::Address(ipv6_keys(9, 10)), true),
    ] {
        usage.charge_cpu_time(budget, Duration::from_secs(2), now);
        assert_eq!(usage.check_cpu_time(budget, now).is_err(), is_over);
    }
    let own = CpuBudget::Address(RateKeys {
        address: RateKey::new(11),
        ..private
    });
    usage.charge_cpu_time(own, Duration::from_secs(2), now);
    assert!(usage.check_cpu_time(own, now).is_ok());
}
