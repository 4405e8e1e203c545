//! Tests the memory budget: refused clients, counted buffers, and the connections that are closed.

use super::*;

const BUDGET: usize = 1_000_000_000;

fn worker_with_budget() -> TestWorker {
    TestWorker::new(|config| config.memory.budget_bytes = BUDGET)
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn low_memory_refuses_new_clients_and_lengthens_the_interval() {
    let worker = worker_with_budget();
    let mut client = worker.connect().await;
    client.send_json(&announce('a', 'p')).await;
    // Its peer_id has the form of trystero's.
    assert_eq!(client.receive_json().await["interval"], 15);
    worker.hub.observe_memory(BUDGET / 100 * 90);
    worker.hub.observe_load(Duration::from_secs(1));
    assert_eq!(
        worker.hub.node().admission().pressure().level(),
        PressureLevel::Refuse
    );
    assert_eq!(
        worker
            .hub
            .admission()
            .admit_connection(&ClientInfo::default())
            .err(),
        Some(Limited::Memory)
    );
    assert!(!worker.hub.shed(&[], |_| {}));
    client.send_json(&announce('a', 'p')).await;
    assert_eq!(client.receive_json().await["interval"], 120);
    client.send_json(&announce('b', 'p')).await;
    assert!(client.receive_json().await["failure reason"].is_string());
    worker.hub.observe_memory(BUDGET / 2);
    worker.hub.observe_load(Duration::from_secs(1));
    assert!(
        worker
            .hub
            .admission()
            .admit_connection(&ClientInfo::default())
            .is_ok()
    );
    client.send_json(&announce('b', 'p')).await;
    assert_eq!(client.receive_json().await["interval"], 15);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn out_of_memory_the_largest_holders_are_closed() {
    let worker = worker_with_budget();
    let mut silent = worker.connect().await;
    let mut large = worker.connect().await;
    for swarm in 'A'..='Z' {
        for peer in ['p', 'q', 'r', 's'] {
            large.send_json(&announce(swarm, peer)).await;
            large.receive_json().await;
        }
    }
    let (unread_pipe, unread_task) = worker.pipe(64);
    while worker.hub.connections() < 3 {
        tokio::task::yield_now().await;
    }
    let third = ConnectionId::new(0, 2, 2 * ConnectionId::SERIAL_STEP);
    for _ in 0..20 {
        worker.hub.deliver(third, Priority::Required, &[b'x'; 4000]);
    }
    sleep_seconds(5).await;
    large.send_json(&announce('a', 'p')).await;
    large.receive_json().await;
    worker.hub.observe_memory(BUDGET / 100 * 95 + 1);
    assert!(worker.hub.shed(&[], |_| {}));
    // Both are closed; shedding waits for the memory that they release.
    assert!(!worker.hub.shed(&[], |_| {}));
    assert_eq!(large.receive_close().await, 1013);
    drop(unread_pipe);
    unread_task.await.expect("no panic");
    silent.send_json(&announce('a', 'p')).await;
    assert_eq!(silent.receive_json().await["action"], "announce");
    assert_eq!(worker.counters().connections_shed, 2);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn unfinished_messages_count_as_memory_of_their_address() {
    let worker = TestWorker::new(|config| config.memory.budget_bytes = 10_000_000);
    let mut honest = Vec::new();
    for number in 1..=20 {
        honest.push(
            worker
                .connect_as(&worker.client_at(&format!("192.0.2.{number}")))
                .await,
        );
    }
    for swarm in ('A'..='Z').chain('a'..='m') {
        honest[0].send_json(&announce(swarm, 'p')).await;
        honest[0].receive_json().await;
    }
    sleep_seconds(20).await;
    // Each holds less than the client in many swarms: half of them as a frame, half as a fragment.
    let length = [0xfe, 0x3a, 0x98, 0, 0, 0, 0];
    let mut attack = Vec::new();
    for number in 0..100 {
        let (mut pipe, task) = worker.pipe_as(&worker.client_at("198.51.100.6"), 1 << 16);
        let (first, bytes) = if number % 2 == 0 {
            (0x81, 14_000)
        } else {
            (0x01, 15_000)
        };
        pipe.write_all(&[&[first], &length[..], &vec![b'x'; bytes]].concat())
            .await
            .expect("room");
        attack.push((pipe, task));
    }
    sleep_seconds(3).await;
    worker.hub.observe_memory(9_500_000);
    assert!(worker.hub.shed(&[], |_| {}));
    sleep_seconds(3).await;
    assert!(attack.iter().any(|(_, task)| task.is_finished()));
    for client in &mut honest {
        client.send_json(&announce('z', 'p')).await;
        assert_eq!(client.receive_json().await["action"], "announce");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_finished_message_no_longer_counts_as_memory() {
    let worker = TestWorker::new(|config| config.memory.budget_bytes = 10_000_000);
    let sender = worker.client_at("192.0.2.1");
    let (mut pipe, _task) = worker.pipe_as(&sender, 1 << 20);
    let frame = [
        &[0x81, 0xfe, 0xea, 0x60, 0, 0, 0, 0][..],
        &vec![b'x'; 60_000],
    ]
    .concat();
    let (start, end) = frame.split_at(50_000);
    let is_shed = || {
        worker.hub.observe_memory(9_600_000);
        worker.hub.shed(&[], |_| {})
    };
    pipe.write_all(start).await.expect("room");
    sleep_seconds(1).await;
    pipe.write_all(end).await.expect("room");
    sleep_seconds(1).await;
    assert!(!is_shed());
    pipe.write_all(start).await.expect("room");
    sleep_seconds(1).await;
    assert!(is_shed());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn http_and_websocket_memory_of_an_address_is_summed() {
    let worker = TestWorker::new(|config| config.memory.budget_bytes = 10_000_000);
    let hub = &worker.hub;
    let mut silent = worker.connect_as(&worker.client_at("192.0.2.1")).await;
    sleep_seconds(20).await;
    let of = |address: &str, bytes| ConnectionMemory {
        group: hub
            .admission()
            .address_group(worker.client_at(address).address),
        bytes,
        silence: Duration::ZERO,
    };
    let mut others = vec![of("192.0.2.2", 30_000); 1];
    others.extend(vec![of("198.51.100.6", 24_000); 200]);
    hub.observe_memory(9_600_000);
    let mut ended = Vec::new();
    assert!(hub.shed(&others, |place| ended.push(place)));
    assert!((40..=60).contains(&ended.len()), "{ended:?}");
    assert!(!ended.contains(&0));
    // An HTTP connection that holds more than others is closed before WebSockets that hold the same as all.
    sleep_seconds(3).await;
    ended.clear();
    assert!(hub.shed(&others[..1], |place| ended.push(place)));
    assert_eq!(ended, [0]);
    silent.send_json(&announce('a', 'p')).await;
    assert_eq!(silent.receive_json().await["action"], "announce");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn out_of_memory_equal_holders_are_closed_longest_idle_first() {
    let worker = worker_with_budget();
    let mut clients = Vec::new();
    for _ in 0..32 {
        clients.push(worker.connect().await);
        while worker.hub.connections() < clients.len() {
            tokio::task::yield_now().await;
        }
        sleep_seconds(1).await;
    }
    // The two oldest have just sent a message.
    for client in &mut clients[..2] {
        client.send_json(&announce('a', 'p')).await;
        client.receive_json().await;
    }
    worker.hub.observe_memory(BUDGET);
    // Connections that hold more are searched first, in all workers.
    assert!(!worker.hub.shed(&[], |_| {}));
    sleep_seconds(3).await;
    // One in sixteen per second.
    for closed in [2, 4] {
        assert!(worker.hub.shed(&[], |_| {}));
        while worker.hub.connections() > 32 - closed {
            tokio::task::yield_now().await;
        }
    }
    for client in &mut clients[2..6] {
        assert_eq!(client.receive_close().await, 1013);
    }
    assert_eq!(worker.counters().connections_shed, 4);
    for place in [0, 1, 6, 31] {
        clients[place].send_json(&announce('a', 'p')).await;
        assert_eq!(clients[place].receive_json().await["action"], "announce");
    }
    worker.hub.observe_memory(BUDGET / 2);
    assert!(!worker.hub.shed(&[], |_| {}));
}
