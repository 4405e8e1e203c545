//! Tests connections over the limits of their address, their origin and the process.

use tokio::io::AsyncWriteExt;

use super::*;
use crate::hub::Priority;
use crate::limits::{ConnectionMemory, Limited, PressureLevel, RateKey};
use crate::node::AcceptDecision;
use crate::protocol::ConnectionId;

fn page_of(origin: &str) -> ClientInfo {
    ClientInfo {
        origin: Some(origin.into()),
        ..ClientInfo::default()
    }
}

async fn sleep_seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Sends malformed messages until the connection is closed.
async fn send_malformed_until_closed(worker: &TestWorker, client_info: &ClientInfo) -> Ended {
    let mut client = worker.connect_as(client_info).await;
    while client.socket.send(Message::text("{")).await.is_ok() {}
    client.task.await.expect("no panic")
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_flood_of_pings_is_slowed_and_then_closed() {
    let worker = TestWorker::new(|config| {
        config.limits.messages_burst = 20;
        config.limits.delay_max = Duration::from_millis(10);
        config.limits.patience = Duration::from_millis(100);
        config.limits.refusals_per_minute_max = 50;
    });
    let mut client = worker.connect().await;
    while client
        .socket
        .send(Message::Ping(vec![1].into()))
        .await
        .is_ok()
    {}
    assert_eq!(client.task.await.expect("no panic"), Ended::Flood);
    assert!(worker.pauses() > 0);
    assert_eq!(worker.counters().connections_flooding, 1);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_flood_of_unwanted_answers_is_closed() {
    let worker = TestWorker::new(|_| {});
    let mut client = worker.connect().await;
    client.send_json(&announce('a', 'p')).await;
    client.receive_json().await;
    let mut answer = announce('a', 'p');
    answer["to_peer_id"] = json!("x".repeat(20));
    answer["offer_id"] = json!("o".repeat(20));
    answer["answer"] = json!({"type": "answer", "sdp": "v=0"});
    let answer = Message::text(answer.to_string());
    while client.socket.send(answer.clone()).await.is_ok() {}
    assert_eq!(client.task.await.expect("no panic"), Ended::Hostile);
    // 150 points, at a quarter each; some have decayed.
    let unwanted = worker.counters().answers_unwanted;
    assert!((600..800).contains(&unwanted), "{unwanted}");
    assert_eq!(worker.counters().connections_hostile, 1);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_hostile_address_is_banned_and_later_admitted_again() {
    let worker = TestWorker::new(|_| {});
    let (bad, good) = (worker.client_at("192.0.2.1"), worker.client_at("192.0.2.2"));
    let began = Instant::now();
    while worker.hub.admission().admit_connection(&bad).is_ok() {
        assert_eq!(
            send_malformed_until_closed(&worker, &bad).await,
            Ended::Malformed
        );
        sleep_seconds(10).await;
        assert!(began.elapsed() < Duration::from_mins(5), "never banned");
    }
    let refused = worker
        .hub
        .admission()
        .admit_connection(&bad)
        .expect_err("banned");
    assert_eq!(refused.status(), 403);
    assert!(
        refused.to_string().contains("too many malformed messages"),
        "{refused}"
    );
    assert!((1..=60).contains(&refused.retry_after()));
    assert!(worker.hub.admission().admit_connection(&good).is_ok());
    assert_eq!((worker.counters().bans, worker.active_bans().len()), (1, 1));
    sleep_seconds(61).await;
    assert!(worker.hub.admission().admit_connection(&bad).is_ok());
    // The strikes have not decayed yet, so the next one bans again, for twice as long.
    send_malformed_until_closed(&worker, &bad).await;
    let refused = worker
        .hub
        .admission()
        .admit_connection(&bad)
        .expect_err("banned again");
    assert!((110..=121).contains(&refused.retry_after()), "{refused}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn disconnecting_before_a_close_does_not_prevent_a_ban() {
    let worker = TestWorker::new(|config| config.bans.strikes_max = 1);
    let bad = worker.client_at("192.0.2.1");
    for _ in 0..3 {
        let mut client = worker.connect_as(&bad).await;
        for _ in 0..80 {
            client.send(Message::text("{")).await;
            client.receive_json().await;
        }
        drop(client.socket);
        assert_eq!(client.task.await.expect("no panic"), Ended::Lost);
        // The malformed-message allowance of one minute is not refilled before.
        sleep_seconds(50).await;
    }
    assert!(worker.hub.admission().admit_connection(&bad).is_err());
    // A few malformed messages do not count as a strike.
    let good = worker.client_at("192.0.2.2");
    for _ in 0..10 {
        let mut client = worker.connect_as(&good).await;
        for _ in 0..5 {
            client.send(Message::text("{")).await;
            client.receive_json().await;
        }
        drop(client.socket);
        client.task.await.expect("no panic");
        sleep_seconds(10).await;
    }
    assert!(worker.hub.admission().admit_connection(&good).is_ok());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_ban_is_listed_by_its_hash_and_can_be_lifted() {
    let worker = TestWorker::new(|config| config.bans.strikes_max = 0);
    let bad = worker.client_at("2001:db8:1:2::3");
    for _ in 0..2 {
        send_malformed_until_closed(&worker, &bad).await;
        sleep_seconds(11).await;
    }
    let bans = worker.active_bans();
    assert_eq!(bans.len(), 2, "its /64 and its /48: {bans:?}");
    let other_in_network = worker.client_at("2001:db8:1:2:ffff::9");
    assert!(matches!(
        worker.hub.admission().admit_connection(&other_in_network),
        Err(Limited::Banned { .. })
    ));
    for ban in bans {
        let name = ban.key.to_string();
        assert!(!name.contains("2001"));
        let key = RateKey::parse(&name).expect("a name");
        assert!(worker.hub.node().admission().lift_ban(key));
        assert!(!worker.hub.node().admission().lift_ban(key), "once");
    }
    assert!(worker.hub.admission().admit_connection(&bad).is_ok());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn exempt_addresses_are_never_limited_or_banned() {
    let worker = TestWorker::new(|config| {
        config.limits.exempt = vec!["192.168.0.0/16".parse().expect("a network")];
        config.bans.strikes_max = 0;
        config.limits.address_connections_max = 1;
        config.limits.address_connections_burst = 1;
        config.limits.arrival_delay_max = Duration::ZERO;
    });
    let home = worker.client_at("192.168.1.7");
    for _ in 0..3 {
        send_malformed_until_closed(&worker, &home).await;
        sleep_seconds(11).await;
    }
    let permits = [(); 3].map(|()| {
        worker
            .hub
            .admission()
            .admit_connection(&home)
            .expect("exempt")
    });
    assert!(
        permits
            .iter()
            .all(|_| worker.hub.admission().admit_upgrade(&home) == Ok(Duration::ZERO))
    );
    let address = home.address;
    assert!(
        (0..100)
            .all(|_| worker.hub.admission().accept_connection(address, false)
                == AcceptDecision::Serve)
    );
    assert_eq!(worker.counters().bans, 0);
    assert_eq!(worker.hub.node().admission().addresses().record_count(), 0);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_thousand_viewers_of_one_address_are_admitted_at_once() {
    let worker = TestWorker::new(|_| {});
    let school = worker.client_at("192.0.2.1");
    let mut permits = Vec::new();
    for _ in 0..1000 {
        for _ in 0..6 {
            permits.push(
                worker
                    .hub
                    .admission()
                    .admit_connection(&school)
                    .expect("a page"),
            );
        }
        permits.push(
            worker
                .hub
                .admission()
                .admit_connection(&school)
                .expect("a tracker"),
        );
        assert_eq!(
            worker.hub.admission().admit_upgrade(&school),
            Ok(Duration::ZERO)
        );
    }
    assert_eq!(worker.hub.node().admission().counted_connections(), 7000);
    drop(permits);
    assert_eq!(worker.hub.node().admission().counted_connections(), 0);
    // All reconnect at the same moment, after a network outage.
    assert!((0..1000).all(|_| worker.hub.admission().admit_upgrade(&school) == Ok(Duration::ZERO)));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_end_of_a_connection_frees_its_slot() {
    let worker = TestWorker::new(|config| {
        config.limits.address_connections_max = 2;
        config.limits.origin_connections_max = Some(2);
    });
    let client_info = ClientInfo {
        origin: Some("https://a.example".into()),
        ..worker.client_at("192.0.2.1")
    };
    let mut clients = [
        worker.connect_as(&client_info).await,
        worker.connect_as(&client_info).await,
    ];
    for client in &mut clients {
        client.send_json(&announce('a', 'p')).await;
        client.receive_json().await;
    }
    assert_eq!(
        worker.hub.admission().admit_connection(&client_info).err(),
        Some(Limited::AddressConnections)
    );
    assert_eq!(
        worker.hub.admission().admit_upgrade(&client_info),
        Err(Limited::OriginConnections)
    );
    let [closing, aborted] = clients;
    aborted.task.abort();
    drop(closing.socket);
    closing.task.await.expect("no panic");
    drop(aborted.task.await);
    assert!(
        worker
            .hub
            .admission()
            .admit_connection(&client_info)
            .is_ok()
            && worker.hub.admission().admit_upgrade(&client_info).is_ok()
    );
    assert_eq!(worker.hub.node().admission().counted_connections(), 0);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn announces_over_the_origin_limit_are_slowed_then_refused() {
    let worker = TestWorker::new(|config| {
        config.limits.origin_announces_per_second = Some(10);
        config.limits.origin_announces_burst = 20;
    });
    let site = page_of("https://a.example");
    let mut clients = Vec::new();
    for _ in 0..60 {
        clients.push(worker.connect_as(&site).await);
    }
    let mut refused = 0;
    for (number, client) in clients.iter_mut().enumerate() {
        client.send_json(&announce('a', 'p')).await;
        let reply = client.receive_json().await;
        if let Some(reason) = reply["failure reason"].as_str() {
            assert!(reason.contains("limits.origin_announces_per_second"));
            assert!(reply["interval"].is_u64() && reply["info_hash"].is_string());
            refused += 1;
        } else {
            assert!(number < 41, "{number} is served");
        }
    }
    // Twenty at once, and the announces of the two seconds of `limits.delay_max`.
    assert_eq!(refused, 20);
    let counters = worker.counters();
    assert_eq!(counters.failures_origin_announces_per_second, 20);
    assert_eq!(counters.paused_origin_announces_per_second, 20);
    let mut other = worker.connect_as(&page_of("https://b.example")).await;
    other.send_json(&announce('a', 'p')).await;
    assert!(other.receive_json().await["complete"].is_u64());
    // A `stopped` announce is served without waiting.
    let stopping = clients.last_mut().expect("sixty");
    let mut stopped = announce('a', 'p');
    stopped["event"] = json!("stopped");
    stopping.send_json(&stopped).await;
    assert!(stopping.receive_json().await["complete"].is_u64());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_swarm_over_the_limit_is_refused_and_others_continue() {
    let worker = TestWorker::new(|config| config.limits.swarms_max = 2);
    let mut client = worker.connect().await;
    for (swarm, is_served) in [('a', true), ('b', true), ('c', false), ('a', true)] {
        client.send_json(&announce(swarm, 'p')).await;
        let reply = client.receive_json().await;
        assert_eq!(reply["info_hash"], swarm.to_string().repeat(20));
        assert_eq!(reply["failure reason"].is_null(), is_served);
        if !is_served {
            let reason = reply["failure reason"].as_str().expect("text");
            assert!(reason.contains("limits.swarms_max"), "{reason}");
        }
    }
    assert_eq!(worker.counters().failures_swarms_max, 1);
    assert_eq!(worker.totals().swarms, 2);
}

/// Announces to new swarms with these names. Returns how many were refused by `limits.address_swarms_percent`.
async fn announce_new_swarms(
    client: &mut TestClient,
    names: std::ops::RangeInclusive<char>,
) -> usize {
    let mut refused = 0;
    for name in names {
        client.send_json(&announce(name, 'p')).await;
        let reply = client.receive_json().await;
        assert_eq!(reply["info_hash"], name.to_string().repeat(20));
        if let Some(reason) = reply["failure reason"].as_str() {
            assert!(reason.contains("limits.address_swarms_percent"), "{reason}");
            refused += 1;
        }
    }
    refused
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_address_with_many_swarms_leaves_room_for_others() {
    let worker = TestWorker::new(|config| config.limits.swarms_max = 100);
    let greedy = worker.client_at("192.0.2.1");
    let (mut one, mut other) = (
        worker.connect_as(&greedy).await,
        worker.connect_as(&greedy).await,
    );
    // A tenth of the free swarms: nine, when 91 are left.
    assert_eq!(announce_new_swarms(&mut one, 'a'..='f').await, 0);
    assert_eq!(announce_new_swarms(&mut other, 'g'..='n').await, 4);
    assert_eq!(worker.counters().failures_address_swarms_percent, 4);
    // Other addresses are not affected, and this one may join their swarms.
    let mut modest = worker.connect_as(&worker.client_at("192.0.2.2")).await;
    assert_eq!(announce_new_swarms(&mut modest, 'u'..='w').await, 0);
    assert_eq!(announce_new_swarms(&mut one, 'u'..='w').await, 0);
    assert_eq!(announce_new_swarms(&mut one, 'x'..='x').await, 1);
    // A connection that ends returns its swarms to the quota.
    drop(other.socket);
    other.task.await.expect("no panic");
    assert_eq!(announce_new_swarms(&mut one, 'y'..='y').await, 0);
    drop((one.socket, modest.socket));
    one.task.await.expect("no panic");
    modest.task.await.expect("no panic");
    assert_eq!(worker.totals().swarms, 0);
    let mut again = worker.connect_as(&greedy).await;
    assert_eq!(announce_new_swarms(&mut again, 'a'..='k').await, 1);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_48_network_may_have_four_times_the_swarms_of_a_64() {
    let worker = TestWorker::new(|config| config.limits.swarms_max = 100);
    let mut clients = Vec::new();
    for (network, names) in (0..).zip(['A'..='H', 'I'..='P', 'Q'..='X', 'a'..='h', 'i'..='p']) {
        let from = worker.client_at(&format!("2001:db8:1:{network}::1"));
        let mut client = worker.connect_as(&from).await;
        clients.push((announce_new_swarms(&mut client, names).await, client));
    }
    // Together no more than four tenths of the free swarms.
    assert_eq!(worker.totals().swarms, 29);
    assert!(clients.last().is_some_and(|(refused, _)| *refused == 8));
    let mut elsewhere = worker.connect_as(&worker.client_at("2001:db8:2::1")).await;
    assert_eq!(announce_new_swarms(&mut elsewhere, 'r'..='s').await, 0);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_swarm_quota_changes_at_once_and_zero_disables_it() {
    let worker = TestWorker::new(|config| config.limits.swarms_max = 100);
    let mut client = worker.connect_as(&worker.client_at("192.0.2.1")).await;
    let apply = |change: fn(&mut Config)| {
        let mut config = Config::default();
        config.limits.swarms_max = 100;
        change(&mut config);
        worker.hub.node().apply_config(&config);
        worker.hub.update_settings();
    };
    assert_eq!(announce_new_swarms(&mut client, 'A'..='L').await, 2);
    apply(|config| config.limits.address_swarms_percent = 20);
    assert_eq!(announce_new_swarms(&mut client, 'A'..='T').await, 3);
    apply(|config| config.limits.address_swarms_percent = 0);
    assert_eq!(announce_new_swarms(&mut client, 'A'..='X').await, 0);
    apply(|_| {});
    assert_eq!(announce_new_swarms(&mut client, 'a'..='b').await, 2);
    apply(|config| config.no_limits = true);
    assert_eq!(announce_new_swarms(&mut client, 'a'..='z').await, 0);
}

const BUDGET: usize = 1_000_000_000;

fn worker_with_budget() -> TestWorker {
    TestWorker::new(|config| config.memory.budget_bytes = BUDGET)
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn low_memory_refuses_new_clients_and_lengthens_the_interval() {
    let worker = worker_with_budget();
    let mut client = worker.connect().await;
    client.send_json(&announce('a', 'p')).await;
    assert_eq!(client.receive_json().await["interval"], 45);
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
    assert_eq!(client.receive_json().await["interval"], 45);
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

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_full_process_refuses_clients_until_one_disconnects() {
    let worker = TestWorker::new(|config| config.limits.connections_max = Some(2));
    let anybody = ClientInfo::default();
    let one = worker
        .hub
        .admission()
        .admit_connection(&anybody)
        .expect("room");
    let _two = worker
        .hub
        .admission()
        .admit_connection(&anybody)
        .expect("room");
    assert_eq!(
        worker.hub.admission().admit_connection(&anybody).err(),
        Some(Limited::Connections)
    );
    drop(one);
    assert!(worker.hub.admission().admit_connection(&anybody).is_ok());
    assert_eq!(worker.counters().refused_connections_max, 1);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn without_limits_addresses_and_origins_are_not_counted() {
    let worker = TestWorker::new(|config| {
        config.no_limits = true;
        config.limits.address_connections_max = 1;
        config.limits.origin_connections_max = Some(1);
    });
    let client_info = ClientInfo {
        origin: Some("https://a.example".into()),
        ..worker.client_at("192.0.2.1")
    };
    let _clients = [
        worker.connect_as(&client_info).await,
        worker.connect_as(&client_info).await,
    ];
    assert!(
        worker
            .hub
            .admission()
            .admit_connection(&client_info)
            .is_ok()
    );
    assert_eq!(
        worker.hub.admission().admit_upgrade(&client_info),
        Ok(Duration::ZERO)
    );
    assert_eq!(worker.hub.node().admission().addresses().record_count(), 0);
}

/// Announces on new connections repeatedly; returns the number of announces answered within `time`.
async fn announce_on_new_connections(
    worker: &TestWorker,
    client_info: &ClientInfo,
    announces: usize,
    time: Duration,
) -> usize {
    let mut answered = 0;
    let churning = async {
        // Without a limit no time would pass, as time is paused.
        while answered < 20_000 {
            let mut client = worker.connect_as(client_info).await;
            for _ in 0..announces {
                client.send_json(&announce('a', 'p')).await;
                client.receive_json().await;
                answered += 1;
            }
            drop(client.socket);
            client.task.await.expect("no panic");
        }
    };
    let _ = timeout(time, churning).await;
    answered
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn reconnecting_does_not_renew_a_burst() {
    let worker = TestWorker::new(|_| {});
    // One burst, another that is not carried over, then eight times the rate of one connection and its own rate.
    for announces in [500, 10] {
        let client_info = worker.client_at(&format!("192.0.2.{}", announces / 10));
        let answered =
            announce_on_new_connections(&worker, &client_info, announces, Duration::from_secs(20))
                .await;
        assert!(
            (1_000..=2 * 500 + 20 * 20 * 9 + 50).contains(&answered),
            "{announces}: {answered}"
        );
    }
    assert!(worker.counters().limits_carried_over > 100);
    // Another address has its full allowance.
    let other = worker.client_at("192.0.2.200");
    let served = announce_on_new_connections(&worker, &other, 500, Duration::from_millis(10)).await;
    assert!(served >= 500, "{served}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn many_clients_of_one_address_may_reconnect_at_once() {
    let worker = TestWorker::new(|_| {});
    let school = worker.client_at("192.0.2.1");
    for _ in 0..3 {
        let mut clients = Vec::new();
        for _ in 0..200 {
            let mut client = worker.connect_as(&school).await;
            for swarm in ['a', 'b', 'c'] {
                client.send_json(&announce(swarm, 'p')).await;
                assert_eq!(client.receive_json().await["action"], "announce");
            }
            clients.push(client);
        }
        for client in clients {
            client.disconnect().await;
        }
    }
    assert_eq!(worker.pauses(), 0);
}

/// Returns a page of this origin at this address.
fn page_at(worker: &TestWorker, address: &str, origin: &str) -> ClientInfo {
    ClientInfo {
        origin: Some(origin.into()),
        ..worker.client_at(address)
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_hostile_page_bans_only_its_origin_at_that_address() {
    let worker = TestWorker::new(|_| {});
    let hostile = page_at(&worker, "192.0.2.1", "https://evil.example");
    let began = Instant::now();
    while worker.hub.admission().admit_connection(&hostile).is_ok() {
        send_malformed_until_closed(&worker, &hostile).await;
        sleep_seconds(10).await;
        assert!(began.elapsed() < Duration::from_mins(5), "never banned");
    }
    let refused = worker
        .hub
        .admission()
        .admit_connection(&hostile)
        .expect_err("banned");
    assert_eq!(refused.status(), 403);
    assert!(
        refused.to_string().contains("Pages of this site"),
        "{refused}"
    );
    for other in [
        page_at(&worker, "192.0.2.1", "https://good.example"),
        page_at(&worker, "192.0.2.1", "https://tracker.example"),
        worker.client_at("192.0.2.1"),
        page_at(&worker, "192.0.2.2", "https://evil.example"),
    ] {
        assert!(
            worker.hub.admission().admit_connection(&other).is_ok(),
            "{other:?}"
        );
    }
    let address = hostile.address;
    assert_eq!(
        worker.hub.admission().accept_connection(address, false),
        AcceptDecision::Serve
    );
    let counters = worker.counters();
    assert_eq!((counters.bans, counters.page_bans), (0, 1));
    // The operator sees the ban and can lift it.
    let bans = worker.active_bans();
    assert_eq!(bans.len(), 1);
    assert!(worker.hub.node().admission().lift_ban(bans[0].key));
    assert!(worker.hub.admission().admit_connection(&hostile).is_ok());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_client_that_invents_origins_is_banned_by_address() {
    let worker = TestWorker::new(|config| config.bans.origins_max = 5);
    let program = worker.client_at("192.0.2.1");
    let address = program.address;
    let mut invented = 0;
    while worker.hub.admission().accept_connection(address, false) == AcceptDecision::Serve {
        invented += 1;
        assert!(invented < 20, "never banned");
        let page = page_at(&worker, "192.0.2.1", &format!("https://{invented}.example"));
        send_malformed_until_closed(&worker, &page).await;
        sleep_seconds(10).await;
    }
    assert!((6..=8).contains(&invented), "{invented}");
    assert!(worker.hub.admission().admit_connection(&program).is_err());
    let counters = worker.counters();
    assert_eq!((counters.bans, counters.bans_origins_max), (1, 1));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn private_addresses_are_limited_but_not_banned_by_default() {
    let worker = TestWorker::new(|config| {
        config.bans.strikes_max = 0;
        config.limits.address_connections_max = 1;
        config.limits.private_factor = 3;
    });
    let bridge = worker.client_at("172.17.0.1");
    for _ in 0..3 {
        send_malformed_until_closed(&worker, &bridge).await;
        send_malformed_until_closed(
            &worker,
            &page_at(&worker, "172.17.0.1", "https://evil.example"),
        )
        .await;
        sleep_seconds(11).await;
    }
    let permits: Vec<_> = (0..9)
        .map(|_| worker.hub.admission().admit_connection(&bridge))
        .collect();
    assert_eq!(permits.iter().filter(|permit| permit.is_ok()).count(), 3);
    let counters = worker.counters();
    assert_eq!((counters.bans, counters.page_bans), (0, 0));
    assert_eq!(counters.refused_address_connections_max, 6);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn clients_unnamed_by_a_proxy_share_one_limit() {
    let worker = TestWorker::new(|config| config.limits.address_connections_max = 2);
    let admission = worker.hub.admission().shared();
    let unnamed = |proxy: &str| ClientInfo {
        address: admission.client_address(proxy.parse().ok(), true),
        ..ClientInfo::default()
    };
    // A Unix socket has no address.
    let socket_file = unnamed("");
    // As addresses, all of them are exempt.
    let _one = worker
        .hub
        .admission()
        .admit_connection(&unnamed("127.0.0.1"))
        .expect("room");
    let _two = worker
        .hub
        .admission()
        .admit_connection(&socket_file)
        .expect("room");
    for client_info in [unnamed("127.0.0.1"), unnamed("::1"), socket_file] {
        let refused = worker.hub.admission().admit_connection(&client_info).err();
        assert_eq!(refused, Some(Limited::AddressConnections));
    }
    assert!(
        worker
            .hub
            .admission()
            .admit_connection(&worker.client_at("127.0.0.1"))
            .is_ok(),
        "the proxy itself"
    );
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn connections_of_a_banned_address_are_soon_reset() {
    let worker = TestWorker::new(|config| {
        config.bans.strikes_max = 0;
        config.limits.address_accepts_burst = Some(50);
    });
    let bad = worker.client_at("192.0.2.1");
    let address = bad.address;
    assert_eq!(
        worker.hub.admission().accept_connection(address, false),
        AcceptDecision::Serve
    );
    while worker.counters().bans == 0 {
        send_malformed_until_closed(&worker, &bad).await;
        sleep_seconds(11).await;
    }
    let answers: Vec<_> = (0..8)
        .map(|_| worker.hub.admission().accept_connection(address, false))
        .collect();
    assert_eq!(answers[..5], [AcceptDecision::ServeBriefly; 5]);
    assert_eq!(answers[5..], [AcceptDecision::Reset; 3]);
    assert_eq!(worker.counters().refused_address_accepts_per_second, 3);
}
