//! Tests the closing of hostile connections, and bans of addresses and pages.

use super::*;

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
async fn a_flood_of_unmatched_answers_is_closed() {
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
    let unmatched = worker.counters().answers_unwanted;
    assert!((600..800).contains(&unmatched), "{unmatched}");
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
