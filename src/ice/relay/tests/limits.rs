//! The limits of users, addresses and all, and what an allocation costs.

use proptest::prelude::*;

use super::*;
use crate::ice::relay::allocation::Allocation;
use crate::ice::relay::table::{FIRST_PORT, PORTS};
use crate::ice::relay::usage::Owner;

#[test]
fn allocations_are_limited_by_user_address_and_in_all() {
    let limits = RelayPolicy {
        allocations_max: 5,
        user_allocations_max: 2,
        address_allocations_max: 4,
        ..policy()
    };
    let mut lab = Lab::new(limits);
    let mut allocate = |number: u8, user_number| {
        let name = user(user_number);
        lab.try_allocate(&client(number), &name)
    };
    for number in 0..4 {
        assert_eq!(
            allocate(number, u64::from(number) / 2),
            TurnOutcome::Allocated
        );
    }
    // All addresses in these tests have one key.
    let of_address = refused(TurnRefusal::AddressQuota);
    assert_eq!(allocate(4, 2), of_address);
    lab.relay.update_policy(RelayPolicy {
        address_allocations_max: 9,
        ..limits
    });
    let mut allocate = |number: u8, user_number| {
        let name = user(user_number);
        lab.try_allocate(&client(number), &name)
    };
    assert_eq!(allocate(4, 1), refused(TurnRefusal::UserQuota));
    assert_eq!(allocate(4, 2), TurnOutcome::Allocated);
    assert_eq!(allocate(5, 2), refused(TurnRefusal::TotalQuota));
    assert_eq!(lab.refresh(&client(0), &user(0), 0), TurnOutcome::Ended);
    let outcome = lab.try_allocate(&client(5), &user(2));
    assert_eq!(outcome, TurnOutcome::Allocated);
    assert_eq!(lab.relay.allocations_by_user().sum::<u32>(), 5);
}

#[test]
fn greedy_addresses_leave_places_for_others() {
    let policy = RelayPolicy {
        address_allocations_max: 1500,
        address_free_percent: 20,
        ..policy()
    };
    let mut free = 10_000;
    for address in 0..16 {
        let mut own = 0;
        while policy.admits_address(own, free) {
            own += 1;
            free -= 1;
        }
        // A school has all of its limit while the relay is empty.
        assert_eq!(own == 1500, address == 0, "{own}");
    }
    assert!((500..600).contains(&free), "{free}");
    assert!(policy.admits_address(99, free));
}

#[test]
fn one_address_gets_a_part_of_the_free_places() {
    let mut lab = Lab::new(RelayPolicy {
        allocations_max: 10,
        address_free_percent: 20,
        ..policy()
    });
    // All addresses in these tests have one key.
    for number in 0..2 {
        let outcome = lab.try_allocate(&client(number), &user(1));
        assert_eq!(outcome, TurnOutcome::Allocated);
    }
    let outcome = lab.try_allocate(&client(2), &user(1));
    assert_eq!(outcome, refused(TurnRefusal::AddressQuota));
}

#[test]
fn a_client_without_an_address_key_counts_for_no_address() {
    let mut lab = Lab::new(RelayPolicy {
        address_allocations_max: 0,
        ..policy()
    });
    let outcome = lab.try_allocate(&client(1), &user(1));
    assert_eq!(outcome, refused(TurnRefusal::AddressQuota));
    let nonce = lab.nonce(&client(1));
    let mut request = Vec::new();
    let key = lab.credentials.integrity_key(&user(1));
    let writer = RequestWriter::new(&mut request, ALLOCATE, [1; 12]).udp();
    writer.sign(&user(1).to_string(), REALM, &nonce, &key);
    let context = RequestContext {
        address_key: None,
        now: lab.now,
        unix_now: UNIX_NOW,
    };
    let outcome = lab
        .relay
        .respond(&client(1), &request, &context, &mut lab.response);
    assert_eq!(outcome, Ok(TurnOutcome::Allocated));
}

#[test]
fn no_port_is_used_twice_and_all_are_used() {
    let mut table = AllocationTable::default();
    let mut last = None;
    for number in 0..PORTS as u64 {
        let own = FiveTuple {
            transport: ClientTransport::Stream(number),
            ..client(1)
        };
        last = table.insert(Allocation::new(own, [0; 12], Owner::NOBODY));
        let port = last.expect("a free port").port;
        assert_eq!(u64::from(port), number + u64::from(FIRST_PORT));
    }
    let another = Allocation::new(client(1), [0; 12], Owner::NOBODY);
    assert!(table.insert(another).is_none());
    table.remove(last.expect("the last").id).expect("one less");
    let another = Allocation::new(client(1), [0; 12], Owner::NOBODY);
    assert_eq!(table.insert(another).expect("a free port").port, 65_535);
}

/// Two clients with channels to each other.
fn channels(lab: &mut Lab) -> FiveTuple {
    let own = lab.allocate(&client(1), &user(1));
    let other = lab.allocate(&client(2), &user(2));
    lab.bind(&client(1), &user(1), (0x4000, other));
    lab.bind(&client(2), &user(2), (0x4000, own));
    client(1)
}

#[test]
fn bytes_are_limited_by_user_address_in_all_and_by_day() {
    let packet = channel_data(0x4000, &[0; 96]);
    let rate = |bytes| ByteRate::new(bytes, 10 * bytes);
    for (limits, drop, passing) in [
        (
            RelayPolicy {
                user_rate: rate(100),
                ..policy()
            },
            RelayDrop::UserRate,
            10,
        ),
        (
            RelayPolicy {
                address_rate: rate(100),
                ..policy()
            },
            RelayDrop::AddressRate,
            10,
        ),
        (
            RelayPolicy {
                total_rate: rate(100),
                ..policy()
            },
            RelayDrop::TotalRate,
            10,
        ),
        (
            RelayPolicy {
                bytes_per_day: Some(799),
                ..policy()
            },
            RelayDrop::DayBudget,
            7,
        ),
    ] {
        let mut lab = Lab::new(limits);
        let own = channels(&mut lab);
        for _ in 0..passing {
            assert!(lab.forward(&own, &packet).is_ok());
        }
        assert_eq!(lab.forward(&own, &packet), Err(drop));
        lab.pass(2);
        if drop == RelayDrop::DayBudget {
            lab.relay.expire(0, lab.now, UNIX_NOW + 86_399);
            assert_eq!(
                lab.forward(&own, &packet).is_ok(),
                !UNIX_NOW.is_multiple_of(86_400)
            );
            assert_eq!(lab.relay.bytes_today(), 100);
            continue;
        }
        assert!(lab.forward(&own, &packet).is_ok());
        assert!(lab.forward(&own, &packet).is_ok());
        assert_eq!(lab.forward(&own, &packet), Err(drop));
        assert_eq!(lab.relay.bytes_today(), 1200);
    }
}

#[test]
fn a_new_allocation_does_not_renew_the_bytes_of_a_user() {
    let mut lab = Lab::new(RelayPolicy {
        user_rate: ByteRate::new(100, 1000),
        ..policy()
    });
    let own = channels(&mut lab);
    let packet = channel_data(0x4000, &[0; 996]);
    assert!(lab.forward(&own, &packet).is_ok());
    lab.refresh(&client(1), &user(1), 0);
    lab.refresh(&client(2), &user(2), 0);
    lab.relay.expire(100, lab.now, UNIX_NOW);
    assert_eq!(lab.relay.allocations_by_user().count(), 1);
    let own = channels(&mut lab);
    assert_eq!(lab.forward(&own, &packet), Err(RelayDrop::UserRate));
    lab.refresh(&client(1), &user(1), 0);
    lab.pass(10);
    lab.relay.expire(100, lab.now, UNIX_NOW);
    assert_eq!(lab.relay.allocations_by_user().count(), 1);
}

#[test]
fn an_allocation_with_a_channel_takes_less_than_a_kilobyte() {
    // The first peer makes room for four of 24 bytes. A map has up to 16/7 places for each entry after it has grown.
    let peers = 4 * 24;
    let in_use = size_of::<Allocation>() + peers;
    let client_index = (size_of::<u32>() + 1) * 16 / 7;
    let port_index = (size_of::<(u16, u32)>() + 1) * 16 / 7;
    let user = 48 + (size_of::<(Username, u32)>() + 1) * 16 / 7;
    let address = 24 + (size_of::<(u64, u32)>() + 1) * 16 / 7;
    // A slab doubles like a vector.
    let worst = 2 * size_of::<Allocation>() + peers + client_index + port_index + user + address;
    assert!(in_use <= 256, "{in_use}");
    assert!(worst <= 640, "{worst}");
}

proptest! {
    #[test]
    fn a_rate_lets_through_its_burst_and_what_comes_in(
        rate in 1..10_000_000_u64,
        burst in 0..100_000_u64,
        packets in proptest::collection::vec((0..2_000_u64, 0..3_000_000_000_u64), 1..50),
    ) {
        let bucket = ByteRate::new(rate, burst);
        let (mut full_at, mut now, mut passed) = (0, Duration::ZERO, 0);
        for &(bytes, wait) in &packets {
            now += Duration::from_nanos(wait);
            if let Some(after) = bucket.take(full_at, bytes, now) {
                full_at = after;
                passed += bytes;
            }
            // Each packet is charged to a nanosecond.
            let allowed = u128::from(burst) + now.as_nanos() * u128::from(rate) / 1_000_000_000;
            let rounding = packets.len() as u128 * (u128::from(rate) / 1_000_000_000 + 1);
            prop_assert!(u128::from(passed) <= allowed + rounding, "{passed} {allowed}");
        }
    }
}
