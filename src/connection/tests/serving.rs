use super::*;

#[tokio::test(flavor = "local", start_paused = true)]
async fn two_hundred_torrents_at_once_are_all_answered() {
    let worker = TestWorker::new(|_| {});
    let mut client = worker.connect().await;
    for torrent in 0..200 {
        client.send_json(&json!({"action": "announce", "info_hash": format!("{torrent:020}"), "peer_id": "p".repeat(20)})).await;
    }
    for torrent in 0..200 {
        assert_eq!(
            client.receive_json().await["info_hash"],
            format!("{torrent:020}")
        );
    }
    assert_eq!(worker.totals().swarms, 200);
    assert_eq!(worker.pauses(), 0);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn all_offers_of_a_burst_reach_a_healthy_member() {
    let worker = TestWorker::new(|config| config.limits.offers_received_burst = 100);
    let mut receiver = worker.connect().await;
    receiver.send_json(&announce('a', 'r')).await;
    receiver.receive_json().await;
    for peer in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789bcdefghijklmno".chars() {
        let mut sender = worker.connect().await;
        sender
            .send_json(&announce_with_offers('a', peer, 1, "v=0"))
            .await;
        sender.receive_json().await;
        let relayed = receiver.receive_json().await;
        assert_eq!(relayed["peer_id"], peer.to_string().repeat(20));
        assert_eq!(relayed["offer"], json!({"type": "offer", "sdp": "v=0"}));
        drop(sender);
        tokio::task::yield_now().await;
        while worker.totals().leechers > 1 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn an_offer_and_its_answer_are_relayed() {
    let worker = TestWorker::new(|_| {});
    let (mut one, mut other) = (worker.connect().await, worker.connect().await);
    other.send_json(&announce('a', 'o')).await;
    // Its peer_id has the form of trystero's.
    assert_eq!(other.receive_json().await["interval"], 15);
    one.send_json(&announce_with_offers('a', 'p', 2, "the offer\r\n"))
        .await;
    assert_eq!(one.receive_json().await["incomplete"], 2);
    let offer = other.receive_json().await;
    assert_eq!(offer["offer"]["sdp"], "the offer\r\n");
    let mut answer = announce('a', 'o');
    answer["to_peer_id"] = offer["peer_id"].clone();
    answer["offer_id"] = offer["offer_id"].clone();
    answer["answer"] = json!({"type": "answer", "sdp": "the answer", "interval": 1});
    answer["interval"] = json!(1);
    other.send_json(&answer).await;
    let expected = json!({"action": "announce", "info_hash": "a".repeat(20), "peer_id": "o".repeat(20),
        "offer_id": offer["offer_id"], "answer": {"type": "answer", "sdp": "the answer"}});
    assert_eq!(one.receive_json().await, expected);
    // A second answer is not relayed.
    other.send_json(&answer).await;
    assert!(one.receive().await.is_none());
    assert_eq!(
        (
            worker.counters().answers_relayed,
            worker.counters().answers_unwanted
        ),
        (1, 1)
    );
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_client_over_the_limit_is_slowed_but_served() {
    let worker = TestWorker::new(|config| config.limits.messages_burst = 50);
    let mut client = worker.connect().await;
    let since = Instant::now();
    for _ in 0..150 {
        client.send_json(&announce('a', 'p')).await;
    }
    for _ in 0..150 {
        assert_eq!(client.receive_json().await["incomplete"], 1);
    }
    let elapsed = since.elapsed();
    assert!(
        elapsed >= Duration::from_millis(4_900) && elapsed < Duration::from_secs(6),
        "{elapsed:?}"
    );
    assert!((90..=101).contains(&worker.pauses()));
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn sustained_excess_is_refused_and_only_a_flood_closes() {
    let worker = TestWorker::new(|config| {
        config.limits.messages_burst = 10;
        config.limits.delay_max = Duration::from_millis(10);
        config.limits.patience = Duration::from_millis(10);
        config.limits.refusals_per_minute_max = 50;
    });
    let mut client = worker.connect().await;
    let mut refused = 0;
    for _ in 0..1000 {
        // When the server closes, sends still under way fail; the replies were received before.
        if client
            .socket
            .feed(Message::text(announce('a', 'p').to_string()))
            .await
            .is_err()
        {
            break;
        }
    }
    let _ = client.socket.flush().await;
    loop {
        match client.receive().await {
            Some(Message::Text(text)) if text.contains("failure reason") => {
                let failure: Value = serde_json::from_str(&text).expect("JSON");
                assert_eq!(
                    (&failure["action"], &failure["info_hash"]),
                    (&json!("announce"), &json!("a".repeat(20)))
                );
                assert!(failure["interval"].is_u64());
                refused += 1;
            }
            Some(Message::Text(_)) => {}
            Some(Message::Close(Some(frame))) => {
                assert_eq!(u16::from(frame.code), 1008);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, 50);
    assert_eq!(worker.counters().failures_messages_per_second, 50);
    assert_eq!(worker.counters().connections_flooding, 1);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn over_a_hundred_malformed_messages_a_minute_close() {
    let worker = TestWorker::new(|_| {});
    let mut client = worker.connect().await;
    for _ in 0..100 {
        client.send(Message::text("{")).await;
        assert_eq!(
            client.receive_json().await,
            json!({"failure reason": "The message is not valid JSON"})
        );
    }
    client.send_json(&announce('a', 'p')).await;
    assert_eq!(client.receive_json().await["incomplete"], 1);
    client.send(Message::binary(vec![0xff])).await;
    assert_eq!(client.receive_close().await, 1008);
    assert_eq!(client.disconnect().await, Ended::Malformed);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn pings_count_as_messages() {
    let worker = TestWorker::new(|config| config.limits.messages_burst = 5);
    let mut client = worker.connect().await;
    for _ in 0..20 {
        client.send(Message::Ping(vec![1].into())).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(worker.pauses() >= 10, "{}", worker.pauses());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn other_clients_are_served_between_two_large_scrapes() {
    let worker = TestWorker::new(|_| {});
    let mut large = worker.connect_with(1 << 20).await;
    let mut small = worker.connect().await;
    let hashes: Vec<_> = (0..255).map(|number| format!("{number:020}")).collect();
    // All of them fit into the bytes read in one turn.
    for _ in 0..5 {
        large
            .send_json(&json!({"action": "scrape", "info_hash": hashes}))
            .await;
    }
    small.send_json(&announce('a', 'p')).await;
    let hub = Rc::clone(&worker.hub);
    let scrapes_before = tokio::task::spawn_local(async move {
        small.receive_json().await;
        hub.node().counters().scrapes
    });
    assert_eq!(scrapes_before.await.expect("no panic"), 1);
    for _ in 0..5 {
        let files = large.receive_json().await;
        assert_eq!(
            files["files"].as_object().map(serde_json::Map::len),
            Some(255)
        );
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn without_limits_nothing_is_slowed() {
    let worker = TestWorker::new(|config| config.no_limits = true);
    let mut client = worker.connect().await;
    for _ in 0..2000 {
        client.send_json(&announce('a', 'p')).await;
        client.receive_json().await;
        client.send(Message::text("[]")).await;
        client.receive_json().await;
    }
    assert_eq!(
        (worker.pauses(), worker.counters().failures_malformed),
        (0, 2000)
    );
}
