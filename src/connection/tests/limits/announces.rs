//! Tests the limits on announces of an origin or a swarm, and on the swarms of an address.

use super::*;

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
