//! Tests connections over the limits of their address, their origin and the process.

use tokio::io::AsyncWriteExt;

use super::*;
use crate::hub::{Accepted, Worth};
use crate::limits::{Holding, Key, Limited, Step};
use crate::protocol::ConnectionId;

fn visitor(address: &str) -> Visitor {
    Visitor {
        address: Some(address.parse().expect("an address")),
        ..Visitor::default()
    }
}

fn page(origin: &str) -> Visitor {
    Visitor {
        origin: Some(origin.into()),
        ..Visitor::default()
    }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Sends malformed messages until the connection is closed.
async fn misbehave(worker: &World, visitor: &Visitor) -> Ended {
    let mut client = worker.connect_as(visitor).await;
    while client.socket.send(Message::text("{")).await.is_ok() {}
    client.task.await.expect("no panic")
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_flood_of_pings_is_slowed_and_then_closed() {
    let worker = World::new(|config| {
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
async fn unwanted_answers_are_dropped_without_a_word_and_a_flood_of_them_is_closed() {
    let worker = World::new(|_| {});
    let mut client = worker.connect().await;
    client.say(&announce('a', 'p')).await;
    client.hear_json().await;
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
async fn an_address_of_hostile_connections_is_banned_and_let_in_again_when_that_is_over() {
    let worker = World::new(|_| {});
    let (bad, good) = (visitor("192.0.2.1"), visitor("192.0.2.2"));
    let began = Instant::now();
    while worker.hub.let_in(&bad).is_ok() {
        assert_eq!(misbehave(&worker, &bad).await, Ended::Malformed);
        pass(10).await;
        assert!(began.elapsed() < Duration::from_mins(5), "never banned");
    }
    let refused = worker.hub.let_in(&bad).expect_err("banned");
    assert_eq!(refused.status(), 403);
    assert!(
        refused.to_string().contains("too many malformed messages"),
        "{refused}"
    );
    assert!((1..=60).contains(&refused.retry_after()));
    assert!(worker.hub.let_in(&good).is_ok());
    assert_eq!((worker.counters().bans, worker.hub.bans().len()), (1, 1));
    pass(61).await;
    assert!(worker.hub.let_in(&bad).is_ok());
    // The strikes have not decayed yet, so the next one bans again, for twice as long.
    misbehave(&worker, &bad).await;
    let refused = worker.hub.let_in(&bad).expect_err("banned again");
    assert!((110..=121).contains(&refused.retry_after()), "{refused}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn who_hangs_up_just_before_it_would_be_closed_is_banned_like_others() {
    let worker = World::new(|config| config.bans.strikes_max = 1);
    let bad = visitor("192.0.2.1");
    for _ in 0..3 {
        let mut client = worker.connect_as(&bad).await;
        for _ in 0..80 {
            client.send(Message::text("{")).await;
            client.hear_json().await;
        }
        drop(client.socket);
        assert_eq!(client.task.await.expect("no panic"), Ended::Lost);
        // The malformed-message allowance of one minute is not refilled before.
        pass(50).await;
    }
    assert!(worker.hub.let_in(&bad).is_err());
    // A few malformed messages do not count as a strike.
    let good = visitor("192.0.2.2");
    for _ in 0..10 {
        let mut client = worker.connect_as(&good).await;
        for _ in 0..5 {
            client.send(Message::text("{")).await;
            client.hear_json().await;
        }
        drop(client.socket);
        client.task.await.expect("no panic");
        pass(10).await;
    }
    assert!(worker.hub.let_in(&good).is_ok());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_ban_is_seen_by_its_hash_and_can_be_lifted() {
    let worker = World::new(|config| config.bans.strikes_max = 0);
    let bad = visitor("2001:db8:1:2::3");
    for _ in 0..2 {
        misbehave(&worker, &bad).await;
        pass(11).await;
    }
    let bans = worker.hub.bans();
    assert_eq!(bans.len(), 2, "its /64 and its /48: {bans:?}");
    let other_in_network = visitor("2001:db8:1:2:ffff::9");
    assert!(matches!(
        worker.hub.let_in(&other_in_network),
        Err(Limited::Banned { .. })
    ));
    for ban in bans {
        let name = ban.key.to_string();
        assert!(!name.contains("2001"));
        let key = Key::from_name(&name).expect("a name");
        assert!(worker.hub.node().lift_ban(key));
        assert!(!worker.hub.node().lift_ban(key), "once");
    }
    assert!(worker.hub.let_in(&bad).is_ok());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn addresses_of_exempt_networks_are_never_limited_or_banned() {
    let worker = World::new(|config| {
        config.limits.exempt = vec!["192.168.0.0/16".parse().expect("a network")];
        config.bans.strikes_max = 0;
        config.limits.address_connections_max = 1;
        config.limits.address_connections_burst = 1;
        config.limits.arrival_delay_max = Duration::ZERO;
    });
    let home = visitor("192.168.1.7");
    for _ in 0..3 {
        misbehave(&worker, &home).await;
        pass(11).await;
    }
    let permits = [(); 3].map(|()| worker.hub.let_in(&home).expect("exempt"));
    assert!(
        permits
            .iter()
            .all(|_| worker.hub.let_open(&home) == Ok(Duration::ZERO))
    );
    let address = home.address.expect("one");
    assert!((0..100).all(|_| worker.hub.accept(address) == Accepted::Serve));
    assert_eq!(worker.counters().bans, 0);
    assert_eq!(worker.hub.node().addresses_known(), 0);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_school_of_a_thousand_viewers_comes_in_with_page_and_tracker_at_once() {
    let worker = World::new(|_| {});
    let school = visitor("192.0.2.1");
    let mut permits = Vec::new();
    for _ in 0..1000 {
        for _ in 0..6 {
            permits.push(worker.hub.let_in(&school).expect("a page"));
        }
        permits.push(worker.hub.let_in(&school).expect("a tracker"));
        assert_eq!(worker.hub.let_open(&school), Ok(Duration::ZERO));
    }
    assert_eq!(worker.hub.node().connections_held(), 7000);
    drop(permits);
    assert_eq!(worker.hub.node().connections_held(), 0);
    // All reconnect at the same moment, after a network outage.
    assert!((0..1000).all(|_| worker.hub.let_open(&school) == Ok(Duration::ZERO)));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn every_end_of_a_connection_gives_its_place_back() {
    let worker = World::new(|config| {
        config.limits.address_connections_max = 2;
        config.limits.origin_connections_max = Some(2);
    });
    let client_info = Visitor {
        origin: Some("https://a.example".into()),
        ..visitor("192.0.2.1")
    };
    let mut clients = [
        worker.connect_as(&client_info).await,
        worker.connect_as(&client_info).await,
    ];
    for client in &mut clients {
        client.say(&announce('a', 'p')).await;
        client.hear_json().await;
    }
    assert_eq!(
        worker.hub.let_in(&client_info).err(),
        Some(Limited::AddressConnections)
    );
    assert_eq!(
        worker.hub.let_open(&client_info),
        Err(Limited::OriginConnections)
    );
    let [closing, aborted] = clients;
    aborted.task.abort();
    drop(closing.socket);
    closing.task.await.expect("no panic");
    drop(aborted.task.await);
    assert!(worker.hub.let_in(&client_info).is_ok() && worker.hub.let_open(&client_info).is_ok());
    assert_eq!(worker.hub.node().connections_held(), 0);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn pages_of_a_site_that_announce_too_fast_are_slowed_and_then_refused_readably() {
    let worker = World::new(|config| {
        config.limits.origin_announces_per_second = Some(10);
        config.limits.origin_announces_burst = 20;
    });
    let site = page("https://a.example");
    let mut clients = Vec::new();
    for _ in 0..60 {
        clients.push(worker.connect_as(&site).await);
    }
    let mut refused = 0;
    for (number, client) in clients.iter_mut().enumerate() {
        client.say(&announce('a', 'p')).await;
        let reply = client.hear_json().await;
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
    let mut other = worker.connect_as(&page("https://b.example")).await;
    other.say(&announce('a', 'p')).await;
    assert!(other.hear_json().await["complete"].is_u64());
    // A `stopped` announce is served without waiting.
    let stopping = clients.last_mut().expect("sixty");
    let mut stopped = announce('a', 'p');
    stopped["event"] = json!("stopped");
    stopping.say(&stopped).await;
    assert!(stopping.hear_json().await["complete"].is_u64());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_swarm_too_many_is_refused_readably_and_the_others_go_on() {
    let worker = World::new(|config| config.limits.swarms_max = 2);
    let mut client = worker.connect().await;
    for (swarm, is_served) in [('a', true), ('b', true), ('c', false), ('a', true)] {
        client.say(&announce(swarm, 'p')).await;
        let reply = client.hear_json().await;
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
async fn begin(client: &mut Client, names: std::ops::RangeInclusive<char>) -> usize {
    let mut refused = 0;
    for name in names {
        client.say(&announce(name, 'p')).await;
        let reply = client.hear_json().await;
        assert_eq!(reply["info_hash"], name.to_string().repeat(20));
        if let Some(reason) = reply["failure reason"].as_str() {
            assert!(reason.contains("limits.address_swarms_percent"), "{reason}");
            refused += 1;
        }
    }
    refused
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_address_with_many_swarms_leaves_room_for_those_with_few() {
    let worker = World::new(|config| config.limits.swarms_max = 100);
    let greedy = visitor("192.0.2.1");
    let (mut one, mut other) = (
        worker.connect_as(&greedy).await,
        worker.connect_as(&greedy).await,
    );
    // A tenth of the free swarms: nine, when 91 are left.
    assert_eq!(begin(&mut one, 'a'..='f').await, 0);
    assert_eq!(begin(&mut other, 'g'..='n').await, 4);
    assert_eq!(worker.counters().failures_address_swarms_percent, 4);
    // Other addresses are not affected, and this one may join their swarms.
    let mut modest = worker.connect_as(&visitor("192.0.2.2")).await;
    assert_eq!(begin(&mut modest, 'u'..='w').await, 0);
    assert_eq!(begin(&mut one, 'u'..='w').await, 0);
    assert_eq!(begin(&mut one, 'x'..='x').await, 1);
    // A connection that ends returns its swarms to the quota.
    drop(other.socket);
    other.task.await.expect("no panic");
    assert_eq!(begin(&mut one, 'y'..='y').await, 0);
    drop((one.socket, modest.socket));
    one.task.await.expect("no panic");
    modest.task.await.expect("no panic");
    assert_eq!(worker.totals().swarms, 0);
    let mut again = worker.connect_as(&greedy).await;
    assert_eq!(begin(&mut again, 'a'..='k').await, 1);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn the_networks_of_a_site_have_four_times_the_swarms_of_one() {
    let worker = World::new(|config| config.limits.swarms_max = 100);
    let mut clients = Vec::new();
    for (network, names) in (0..).zip(['A'..='H', 'I'..='P', 'Q'..='X', 'a'..='h', 'i'..='p']) {
        let from = visitor(&format!("2001:db8:1:{network}::1"));
        let mut client = worker.connect_as(&from).await;
        clients.push((begin(&mut client, names).await, client));
    }
    // Together no more than four tenths of the free swarms.
    assert_eq!(worker.totals().swarms, 29);
    assert!(clients.last().is_some_and(|(refused, _)| *refused == 8));
    let mut elsewhere = worker.connect_as(&visitor("2001:db8:2::1")).await;
    assert_eq!(begin(&mut elsewhere, 'r'..='s').await, 0);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn how_many_swarms_an_address_may_begin_is_changed_at_once_and_none_is_no_limit() {
    let worker = World::new(|config| config.limits.swarms_max = 100);
    let mut client = worker.connect_as(&visitor("192.0.2.1")).await;
    let apply = |change: fn(&mut Config)| {
        let mut config = Config::default();
        config.limits.swarms_max = 100;
        change(&mut config);
        worker.hub.node().apply(&config);
        worker.hub.retune();
    };
    assert_eq!(begin(&mut client, 'A'..='L').await, 2);
    apply(|config| config.limits.address_swarms_percent = 20);
    assert_eq!(begin(&mut client, 'A'..='T').await, 3);
    apply(|config| config.limits.address_swarms_percent = 0);
    assert_eq!(begin(&mut client, 'A'..='X').await, 0);
    apply(|_| {});
    assert_eq!(begin(&mut client, 'a'..='b').await, 2);
    apply(|config| config.no_limits = true);
    assert_eq!(begin(&mut client, 'a'..='z').await, 0);
}

const BUDGET: usize = 1_000_000_000;

fn with_budget() -> World {
    World::new(|config| config.memory.budget_bytes = BUDGET)
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn short_of_memory_nobody_new_comes_and_the_interval_is_longest() {
    let worker = with_budget();
    let mut client = worker.connect().await;
    client.say(&announce('a', 'p')).await;
    assert_eq!(client.hear_json().await["interval"], 45);
    worker.hub.observe_memory(BUDGET / 100 * 90);
    worker.hub.observe_load(Duration::from_secs(1));
    assert_eq!(worker.hub.node().pressure().step(), Step::Refuse);
    assert_eq!(
        worker.hub.let_in(&Visitor::default()).err(),
        Some(Limited::Memory)
    );
    assert!(!worker.hub.shed(&[], |_| {}));
    client.say(&announce('a', 'p')).await;
    assert_eq!(client.hear_json().await["interval"], 120);
    client.say(&announce('b', 'p')).await;
    assert!(client.hear_json().await["failure reason"].is_string());
    worker.hub.observe_memory(BUDGET / 2);
    worker.hub.observe_load(Duration::from_secs(1));
    assert!(worker.hub.let_in(&Visitor::default()).is_ok());
    client.say(&announce('b', 'p')).await;
    assert_eq!(client.hear_json().await["interval"], 45);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn out_of_memory_those_who_hold_most_are_closed_and_the_silent_stay() {
    let worker = with_budget();
    let mut silent = worker.connect().await;
    let mut large = worker.connect().await;
    for swarm in 'A'..='Z' {
        for peer in ['p', 'q', 'r', 's'] {
            large.say(&announce(swarm, peer)).await;
            large.hear_json().await;
        }
    }
    let (unread_pipe, unread_task) = worker.pipe(64);
    while worker.hub.connections() < 3 {
        tokio::task::yield_now().await;
    }
    let third = ConnectionId::new(0, 2, 2 * ConnectionId::SERIAL_STEP);
    for _ in 0..20 {
        worker.hub.deliver(third, Worth::Kept, &[b'x'; 4000]);
    }
    pass(5).await;
    large.say(&announce('a', 'p')).await;
    large.hear_json().await;
    worker.hub.observe_memory(BUDGET / 100 * 95 + 1);
    assert!(worker.hub.shed(&[], |_| {}));
    // Both are closed; shedding waits for the memory that they release.
    assert!(!worker.hub.shed(&[], |_| {}));
    assert_eq!(large.hear_close().await, 1013);
    drop(unread_pipe);
    unread_task.await.expect("no panic");
    silent.say(&announce('a', 'p')).await;
    assert_eq!(silent.hear_json().await["action"], "announce");
    assert_eq!(worker.counters().connections_shed, 2);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn unfinished_messages_are_held_and_their_address_goes_first() {
    let worker = World::new(|config| config.memory.budget_bytes = 10_000_000);
    let mut honest = Vec::new();
    for number in 1..=20 {
        honest.push(
            worker
                .connect_as(&visitor(&format!("192.0.2.{number}")))
                .await,
        );
    }
    for swarm in ('A'..='Z').chain('a'..='m') {
        honest[0].say(&announce(swarm, 'p')).await;
        honest[0].hear_json().await;
    }
    pass(20).await;
    // Each holds less than the client in many swarms: half of them as a frame, half as a fragment.
    let length = [0xfe, 0x3a, 0x98, 0, 0, 0, 0];
    let mut attack = Vec::new();
    for number in 0..100 {
        let (mut pipe, task) = worker.pipe_of(&visitor("198.51.100.6"), 1 << 16);
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
    pass(3).await;
    worker.hub.observe_memory(9_500_000);
    assert!(worker.hub.shed(&[], |_| {}));
    pass(3).await;
    assert!(attack.iter().any(|(_, task)| task.is_finished()));
    for client in &mut honest {
        client.say(&announce('z', 'p')).await;
        assert_eq!(client.hear_json().await["action"], "announce");
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_message_that_has_ended_is_held_no_more() {
    let worker = World::new(|config| config.memory.budget_bytes = 10_000_000);
    let sender = visitor("192.0.2.1");
    let (mut pipe, _task) = worker.pipe_of(&sender, 1 << 20);
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
    pass(1).await;
    pipe.write_all(end).await.expect("room");
    pass(1).await;
    assert!(!is_shed());
    pipe.write_all(start).await.expect("room");
    pass(1).await;
    assert!(is_shed());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn http_connections_of_an_address_count_together_with_its_websockets() {
    let worker = World::new(|config| config.memory.budget_bytes = 10_000_000);
    let hub = &worker.hub;
    let mut silent = worker.connect_as(&visitor("192.0.2.1")).await;
    pass(20).await;
    let of = |address: &str, bytes| Holding {
        group: hub.address_group(address.parse().expect("an address")),
        bytes,
        silent: Duration::ZERO,
    };
    let mut others = vec![of("192.0.2.2", 30_000); 1];
    others.extend(vec![of("198.51.100.6", 24_000); 200]);
    hub.observe_memory(9_600_000);
    let mut ended = Vec::new();
    assert!(hub.shed(&others, |place| ended.push(place)));
    assert!((40..=60).contains(&ended.len()), "{ended:?}");
    assert!(!ended.contains(&0));
    // An HTTP connection that holds more than others is closed before WebSockets that hold the same as all.
    pass(3).await;
    ended.clear();
    assert!(hub.shed(&others[..1], |place| ended.push(place)));
    assert_eq!(ended, [0]);
    silent.say(&announce('a', 'p')).await;
    assert_eq!(silent.hear_json().await["action"], "announce");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn out_of_memory_those_silent_for_longest_go_when_nobody_holds_more() {
    let worker = with_budget();
    let mut clients = Vec::new();
    for _ in 0..32 {
        clients.push(worker.connect().await);
        while worker.hub.connections() < clients.len() {
            tokio::task::yield_now().await;
        }
        pass(1).await;
    }
    // The two oldest have just sent a message.
    for client in &mut clients[..2] {
        client.say(&announce('a', 'p')).await;
        client.hear_json().await;
    }
    worker.hub.observe_memory(BUDGET);
    // Connections that hold more are searched first, in all workers.
    assert!(!worker.hub.shed(&[], |_| {}));
    pass(3).await;
    // One in sixteen per second.
    for closed in [2, 4] {
        assert!(worker.hub.shed(&[], |_| {}));
        while worker.hub.connections() > 32 - closed {
            tokio::task::yield_now().await;
        }
    }
    for client in &mut clients[2..6] {
        assert_eq!(client.hear_close().await, 1013);
    }
    assert_eq!(worker.counters().connections_shed, 4);
    for place in [0, 1, 6, 31] {
        clients[place].say(&announce('a', 'p')).await;
        assert_eq!(clients[place].hear_json().await["action"], "announce");
    }
    worker.hub.observe_memory(BUDGET / 2);
    assert!(!worker.hub.shed(&[], |_| {}));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_full_process_lets_nobody_in_until_somebody_leaves() {
    let worker = World::new(|config| config.limits.connections_max = Some(2));
    let anybody = Visitor::default();
    let one = worker.hub.let_in(&anybody).expect("room");
    let _two = worker.hub.let_in(&anybody).expect("room");
    assert_eq!(
        worker.hub.let_in(&anybody).err(),
        Some(Limited::Connections)
    );
    drop(one);
    assert!(worker.hub.let_in(&anybody).is_ok());
    assert_eq!(worker.counters().refused_connections_max, 1);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn without_limits_addresses_and_origins_are_not_counted() {
    let worker = World::new(|config| {
        config.no_limits = true;
        config.limits.address_connections_max = 1;
        config.limits.origin_connections_max = Some(1);
    });
    let client_info = Visitor {
        origin: Some("https://a.example".into()),
        ..visitor("192.0.2.1")
    };
    let _clients = [
        worker.connect_as(&client_info).await,
        worker.connect_as(&client_info).await,
    ];
    assert!(worker.hub.let_in(&client_info).is_ok());
    assert_eq!(worker.hub.let_open(&client_info), Ok(Duration::ZERO));
    assert_eq!(worker.hub.node().addresses_known(), 0);
}

/// Announces on new connections repeatedly; returns the number of announces answered within `time`.
async fn churn(worker: &World, visitor: &Visitor, announces: usize, time: Duration) -> usize {
    let mut answered = 0;
    let churning = async {
        // Without a limit no time would pass, as time is paused.
        while answered < 20_000 {
            let mut client = worker.connect_as(visitor).await;
            for _ in 0..announces {
                client.say(&announce('a', 'p')).await;
                client.hear_json().await;
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
async fn hanging_up_and_coming_back_renews_no_burst() {
    let worker = World::new(|_| {});
    // One burst, another that is not carried over, then eight times the rate of one connection and its own rate.
    for announces in [500, 10] {
        let visitor = visitor(&format!("192.0.2.{}", announces / 10));
        let answered = churn(&worker, &visitor, announces, Duration::from_secs(20)).await;
        assert!(
            (1_000..=2 * 500 + 20 * 20 * 9 + 50).contains(&answered),
            "{announces}: {answered}"
        );
    }
    assert!(worker.counters().limits_carried_over > 100);
    // Another address has its full allowance.
    let other = visitor("192.0.2.200");
    let served = churn(&worker, &other, 500, Duration::from_millis(10)).await;
    assert!(served >= 500, "{served}");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_school_whose_network_fails_is_served_again_at_once() {
    let worker = World::new(|_| {});
    let school = visitor("192.0.2.1");
    for _ in 0..3 {
        let mut clients = Vec::new();
        for _ in 0..200 {
            let mut client = worker.connect_as(&school).await;
            for swarm in ['a', 'b', 'c'] {
                client.say(&announce(swarm, 'p')).await;
                assert_eq!(client.hear_json().await["action"], "announce");
            }
            clients.push(client);
        }
        for client in clients {
            client.ended().await;
        }
    }
    assert_eq!(worker.pauses(), 0);
}

/// Returns a page of this origin at this address.
fn page_at(address: &str, origin: &str) -> Visitor {
    Visitor {
        origin: Some(origin.into()),
        ..visitor(address)
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_hostile_page_costs_its_visitor_that_page_and_nothing_else() {
    let worker = World::new(|_| {});
    let hostile = page_at("192.0.2.1", "https://evil.example");
    let began = Instant::now();
    while worker.hub.let_in(&hostile).is_ok() {
        misbehave(&worker, &hostile).await;
        pass(10).await;
        assert!(began.elapsed() < Duration::from_mins(5), "never banned");
    }
    let refused = worker.hub.let_in(&hostile).expect_err("banned");
    assert_eq!(refused.status(), 403);
    assert!(
        refused.to_string().contains("Pages of this site"),
        "{refused}"
    );
    for other in [
        page_at("192.0.2.1", "https://good.example"),
        page_at("192.0.2.1", "https://tracker.example"),
        visitor("192.0.2.1"),
        page_at("192.0.2.2", "https://evil.example"),
    ] {
        assert!(worker.hub.let_in(&other).is_ok(), "{other:?}");
    }
    let address = hostile.address.expect("one");
    assert_eq!(worker.hub.accept(address), Accepted::Serve);
    let counters = worker.counters();
    assert_eq!((counters.bans, counters.page_bans), (0, 1));
    // The operator sees the ban and can lift it.
    let bans = worker.hub.bans();
    assert_eq!(bans.len(), 1);
    assert!(worker.hub.node().lift_ban(bans[0].key));
    assert!(worker.hub.let_in(&hostile).is_ok());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_program_that_invents_an_origin_each_time_is_banned_in_the_end() {
    let worker = World::new(|config| config.bans.origins_max = 5);
    let program = visitor("192.0.2.1");
    let address = program.address.expect("one");
    let mut invented = 0;
    while worker.hub.accept(address) == Accepted::Serve {
        invented += 1;
        assert!(invented < 20, "never banned");
        let page = page_at("192.0.2.1", &format!("https://{invented}.example"));
        misbehave(&worker, &page).await;
        pass(10).await;
    }
    assert!((6..=8).contains(&invented), "{invented}");
    assert!(worker.hub.let_in(&program).is_err());
    let counters = worker.counters();
    assert_eq!((counters.bans, counters.bans_origins_max), (1, 1));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn private_addresses_are_limited_together_and_not_banned_by_default() {
    let worker = World::new(|config| {
        config.bans.strikes_max = 0;
        config.limits.address_connections_max = 1;
        config.limits.private_factor = 3;
    });
    let bridge = visitor("172.17.0.1");
    for _ in 0..3 {
        misbehave(&worker, &bridge).await;
        misbehave(&worker, &page_at("172.17.0.1", "https://evil.example")).await;
        pass(11).await;
    }
    let permits: Vec<_> = (0..9).map(|_| worker.hub.let_in(&bridge)).collect();
    assert_eq!(permits.iter().filter(|permit| permit.is_ok()).count(), 3);
    let counters = worker.counters();
    assert_eq!((counters.bans, counters.page_bans), (0, 0));
    assert_eq!(counters.refused_address_connections_max, 6);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn whom_a_trusted_proxy_does_not_name_shares_the_limits_of_one() {
    let worker = World::new(|config| config.limits.address_connections_max = 2);
    let unnamed = |proxy: &str| Visitor {
        is_unnamed: true,
        ..visitor(proxy)
    };
    let socket_file = Visitor {
        is_unnamed: true,
        ..Visitor::default()
    };
    // As addresses, all of them are exempt.
    let _one = worker.hub.let_in(&unnamed("127.0.0.1")).expect("room");
    let _two = worker.hub.let_in(&socket_file).expect("room");
    for visitor in [unnamed("127.0.0.1"), unnamed("::1"), socket_file] {
        let refused = worker.hub.let_in(&visitor).err();
        assert_eq!(refused, Some(Limited::AddressConnections));
    }
    assert!(
        worker.hub.let_in(&visitor("127.0.0.1")).is_ok(),
        "the proxy itself"
    );
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_banned_address_is_soon_not_even_accepted() {
    let worker = World::new(|config| {
        config.bans.strikes_max = 0;
        config.limits.address_accepts_burst = Some(50);
    });
    let bad = visitor("192.0.2.1");
    let address = bad.address.expect("one");
    assert_eq!(worker.hub.accept(address), Accepted::Serve);
    while worker.counters().bans == 0 {
        misbehave(&worker, &bad).await;
        pass(11).await;
    }
    let answers: Vec<_> = (0..8).map(|_| worker.hub.accept(address)).collect();
    assert_eq!(answers[..5], [Accepted::Banned; 5]);
    assert_eq!(answers[5..], [Accepted::TooMany; 3]);
    assert_eq!(worker.counters().refused_address_accepts_per_second, 3);
}
