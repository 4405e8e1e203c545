use std::rc::Rc;
use std::time::Duration;

use futures::FutureExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::monitor::{IDLE_CONNECTION_BYTES, UNFINISHED_BYTES_MAX};
use super::*;

const STUCK_AFTER: Duration = Duration::from_secs(20);

#[tokio::test(start_paused = true)]
async fn a_connection_is_stuck_after_no_byte_is_taken_for_a_while() {
    let (mut client, server) = tokio::io::duplex(4);
    let monitor = Rc::<ConnectionMonitor>::default();
    let mut stream = MonitoredStream::new(server, Rc::clone(&monitor));
    let began = Instant::now();
    let writing = stream.write_all(&[0; 64]);
    let reading = async {
        for _ in 0..10 {
            tokio::time::sleep(STUCK_AFTER.saturating_sub(Duration::from_secs(1))).await;
            client.read_u8().await.expect("a byte");
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        reason = monitor.close_requested(STUCK_AFTER) => assert_eq!(reason, HttpCloseReason::Stuck),
        _ = writing => panic!("the client has not read everything"),
        () = reading => {}
    }
    let expected = STUCK_AFTER.saturating_sub(Duration::from_secs(1)) * 10 + STUCK_AFTER;
    assert!(
        began.elapsed().abs_diff(expected) < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_has_nothing_to_send_is_never_stuck() {
    let monitor = ConnectionMonitor::default();
    let reason = tokio::time::timeout(10 * STUCK_AFTER, monitor.close_requested(STUCK_AFTER));
    assert!(reason.await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_request_waits_while_responses_cannot_be_sent() {
    let (mut client, server) = tokio::io::duplex(4);
    let monitor = Rc::<ConnectionMonitor>::default();
    let mut stream = MonitoredStream::new(server, Rc::clone(&monitor));
    let unblocked = || tokio::time::timeout(Duration::from_secs(1), monitor.wait_until_unblocked());
    assert!(unblocked().await.is_ok());
    let mut writing = Box::pin(stream.write_all(&[0; 8]));
    assert!((&mut writing).now_or_never().is_none());
    assert!(unblocked().await.is_err());
    client.read_exact(&mut [0; 4]).await.expect("four bytes");
    assert!(writing.now_or_never().is_some());
    assert!(unblocked().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn only_slow_readers_of_rate_checked_responses_are_closed() {
    let monitors = Rc::<ConnectionMonitors>::default();
    let entered: Vec<_> = (0..3).map(|_| monitors.register()).collect();
    let [(fast, _), (slow, _), (other, _)] = &entered[..] else {
        panic!("three")
    };
    fast.begin_rate_check();
    slow.begin_rate_check();
    for _ in 0..60 {
        tokio::time::advance(Duration::from_secs(1)).await;
        fast.add_sent_bytes(70_000);
        slow.add_sent_bytes(1);
        other.add_sent_bytes(1);
        monitors.close_slow();
    }
    assert_eq!(slow.close_reason(), Some(HttpCloseReason::Stuck));
    assert_eq!((fast.close_reason(), other.close_reason()), (None, None));
    fast.end_rate_check();
    tokio::time::advance(Duration::from_hours(1)).await;
    monitors.close_slow();
    assert_eq!(fast.close_reason(), None);
}

#[tokio::test(start_paused = true)]
async fn memory_held_is_unsent_and_unfinished_bytes() {
    let monitors = Rc::<ConnectionMonitors>::default();
    let (monitor, _guard) = monitors.register();
    let (mut client, server) = tokio::io::duplex(1 << 20);
    let mut stream = MonitoredStream::new(server, Rc::clone(&monitor));
    let held = || monitors.memory_held().1[0].bytes - IDLE_CONNECTION_BYTES;
    client.write_all(&[b'x'; 10_000]).await.expect("room");
    stream
        .read_exact(&mut [0; 10_000])
        .await
        .expect("the bytes arrive");
    assert_eq!(held(), 10_000);
    monitor.begin_request();
    monitor.set_unsent_bytes(1000);
    assert_eq!(held(), 1000);
    client.write_all(&vec![b'x'; 100_000]).await.expect("room");
    stream
        .read_exact(&mut vec![0; 100_000])
        .await
        .expect("the bytes arrive");
    assert_eq!(held(), 1000 + UNFINISHED_BYTES_MAX);
    monitors.shed(monitors.memory_held().0[0]);
    assert_eq!(
        monitor.close_requested(STUCK_AFTER).await,
        HttpCloseReason::Shed
    );
    assert!(monitors.memory_held().0.is_empty());
}
