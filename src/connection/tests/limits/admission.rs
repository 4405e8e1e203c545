//! Tests which connections are admitted: limits of addresses, of a proxy and of the process.

use super::*;

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
