use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};

use super::*;
use crate::ice::ClientTransport;

const LIMITS: StreamLimits = StreamLimits {
    connections: 3,
    output_bytes: 10,
    time_unused: Duration::from_secs(10),
    time_stuck: Duration::from_secs(30),
};

fn client(number: u64) -> FiveTuple {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 4000));
    FiveTuple {
        transport: ClientTransport::Stream(number),
        client: address,
        server: address,
    }
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Adds a connection; those in `used` have an allocation.
fn add(
    table: &StreamTable,
    number: u64,
    used: &[u64],
    now: Duration,
) -> Result<Rc<StreamOutput>, TableFull> {
    table.add(number, client(number), now, is_used(used))
}

fn is_used(used: &[u64]) -> impl Fn(&FiveTuple) -> bool {
    let used: HashSet<_> = used.iter().copied().collect();
    move |client| {
        client
            .stream_number()
            .is_some_and(|number| used.contains(&number))
    }
}

/// Sends up to `room` bytes of the queue and returns what was sent.
fn send(output: &StreamOutput, room: usize, now: Duration) -> Vec<u8> {
    let mut sent = Vec::new();
    let result: Result<(), ()> = output.send_with(now, |bytes| {
        let count = bytes.len().min(room - sent.len());
        sent.extend_from_slice(&bytes[..count]);
        (count > 0).then_some(Ok(count))
    });
    result.expect("sent");
    sent
}

#[test]
fn a_full_table_ends_its_oldest_unused_connection() {
    let table = StreamTable::new(LIMITS);
    let all: Vec<_> = (1..=3)
        .map(|number| add(&table, number, &[], seconds(0)).expect("room"))
        .collect();
    let fourth = add(&table, 4, &[1], seconds(1)).expect("the place of the second");
    let ends = all.iter().chain([&fourth]).map(|output| output.end());
    assert_eq!(
        ends.collect::<Vec<_>>(),
        [None, Some(StreamEnd::Unused), None, None]
    );
    assert_eq!(table.len(), 3);
    table.remove(&all[1]);
    assert_eq!(table.len(), 3, "it has been removed already");
}

#[test]
fn a_table_of_used_connections_is_full() {
    let table = StreamTable::new(LIMITS);
    for number in 1..=3 {
        add(&table, number, &[], seconds(0)).expect("room");
    }
    assert!(add(&table, 4, &[1, 2, 3], seconds(1)).is_err());
    // One of them loses its allocation.
    table.check(LIMITS, seconds(2), is_used(&[1, 3]));
    assert!(add(&table, 5, &[1, 3], seconds(2)).is_ok());
}

#[test]
fn a_connection_without_an_allocation_ends_in_time() {
    let table = StreamTable::new(LIMITS);
    let unused = add(&table, 1, &[], seconds(0)).expect("room");
    let used = add(&table, 2, &[], seconds(0)).expect("room");
    table.check(LIMITS, seconds(10), is_used(&[2]));
    assert_eq!((unused.end(), used.end()), (None, None));
    table.check(LIMITS, seconds(11), is_used(&[2]));
    assert_eq!((unused.end(), used.end()), (Some(StreamEnd::Unused), None));
    // The other one has lost its allocation for as long.
    table.check(LIMITS, seconds(22), is_used(&[]));
    assert_eq!(used.end(), Some(StreamEnd::Unused));
}

#[test]
fn a_packet_is_queued_whole_or_dropped() {
    let table = StreamTable::new(LIMITS);
    let output = add(&table, 1, &[], seconds(0)).expect("room");
    table.queue(1, b"abcde", 3, seconds(0)).expect("room");
    assert!(table.queue(1, b"fgh", 0, seconds(0)).is_err());
    table.queue(1, b"ij", 0, seconds(0)).expect("room");
    assert_eq!(send(&output, 20, seconds(0)), b"abcde\0\0\0ij");
    table.remove(&output);
    assert!(table.queue(1, b"k", 0, seconds(0)).is_err());
}

#[test]
fn a_client_that_takes_nothing_is_stuck() {
    let table = StreamTable::new(LIMITS);
    let output = add(&table, 1, &[], seconds(0)).expect("room");
    table.queue(1, b"abcdef", 0, seconds(1)).expect("room");
    assert_eq!(send(&output, 2, seconds(20)), b"ab");
    table.check(LIMITS, seconds(50), is_used(&[1]));
    assert_eq!(output.end(), None);
    table.check(LIMITS, seconds(51), is_used(&[1]));
    assert_eq!(output.end(), Some(StreamEnd::Stuck));
}
