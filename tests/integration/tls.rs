//! TLS: page and tracker over TLS, certificate changes with open connections, handshake deadlines, slow readers.

use std::path::Path;
use std::time::Duration;

use serde_json::json;
use swarmhub::load::{self, Amount, Options};

use crate::support::certificates::{LocalhostCertificate, start_with_tls};
use crate::support::http::{Connection, request};
use crate::support::{
    Client, TestServer, announce, answer, in_time, offer, wait_for_value, wait_until,
};

#[tokio::test]
async fn plain_and_tls_clients_are_introduced_to_each_other() {
    let certified = LocalhostCertificate::new();
    let (server, _folder) = start_with_tls(&certified, |_| {});
    let mut secure = certified.connect(server.address).await;
    let mut plain = Client::connect(server.address_of(1)).await;
    secure.join("swarm", "secure").await;
    let sdp = "v=0 ".repeat(4000);
    let mut message = announce("swarm", "plain");
    message["offers"] = json!([offer("one", &sdp)]);
    plain.send(&message).await;
    let relayed = secure.receive().await;
    assert_eq!(relayed["offer"]["sdp"], sdp);
    secure
        .send(&answer("swarm", "secure", &relayed, &sdp))
        .await;
    // The reply to the announce comes first.
    assert_eq!(plain.receive().await["incomplete"], 2);
    assert_eq!(plain.receive().await["answer"]["sdp"], sdp);
    assert_eq!(server.node.counters().tls_handshakes, 1);
}

#[tokio::test]
async fn the_page_is_served_over_https() {
    let certified = LocalhostCertificate::new();
    let (server, _folder) = start_with_tls(&certified, |_| {});
    let connection = certified.open(server.address).await;
    let page = connection.send_last("GET /", "", "").await;
    let page = page.expect(200);
    let policy = page.expect_header("content-security-policy");
    assert!(policy.contains("connect-src 'self' ws://localhost wss://localhost;"));
    assert!(page.text().trim_end().ends_with("</html>"));
    // rustls reports an end without close_notify as an error.
    let mut connection = certified.open(server.address).await;
    let last = request("GET /healthz", "Connection: close\r\n", "");
    connection.write(last).await;
    connection.read_response(true).await.expect("a response");
    let mut rest = [0; 1];
    let end = tokio::io::AsyncReadExt::read(&mut connection.stream, &mut rest);
    assert_eq!(in_time("the end", end).await.expect("a close_notify"), 0);
}

/// As Kubernetes updates a secret: the files are links through one link, which is replaced.
#[cfg(unix)]
#[tokio::test]
async fn valid_certificates_are_reloaded_and_invalid_ones_ignored() {
    use std::os::unix::fs::symlink;

    let (old, new) = (LocalhostCertificate::new(), LocalhostCertificate::new());
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let swap = |to: &str| {
        symlink(to, at("..data_tmp")).unwrap();
        std::fs::rename(at("..data_tmp"), at("..data")).unwrap();
    };
    old.write(&at("..1"));
    new.write(&at("..2"));
    swap("..1");
    for file in ["tls.crt", "tls.key"] {
        symlink(Path::new("..data").join(file), at(file)).unwrap();
    }
    let (server, _unused) = start_with_tls(&old, |config| {
        (config.tls.certificate, config.tls.key) = (vec![at("tls.crt")], vec![at("tls.key")]);
    });
    let mut open = old.connect(server.address).await;
    open.join("swarm", "early").await;
    let counted = || server.node.counters();

    swap("..2");
    wait_until("the new certificate", || counted().certificate_reloads == 1).await;
    assert!(old.connect_tls(server.address).await.is_err());
    new.connect(server.address)
        .await
        .join("swarm", "late")
        .await;

    std::fs::write(at("..2/tls.key"), "no key").unwrap();
    wait_until("the bad key is detected", || {
        counted().certificate_reloads_failed == 1
    })
    .await;
    new.connect(server.address)
        .await
        .join("swarm", "later")
        .await;

    open.join("other", "early").await;
    let counted = counted();
    assert_eq!(
        (
            counted.certificate_reloads,
            counted.certificate_reloads_failed
        ),
        (1, 1)
    );
    assert_eq!(
        (counted.tls_handshakes, counted.tls_handshakes_refused),
        (3, 1)
    );
}

#[tokio::test]
async fn an_unfinished_tls_handshake_is_dropped_after_the_timeout() {
    let certified = LocalhostCertificate::new();
    let (server, _folder) = start_with_tls(&certified, |config| {
        config.tls.handshake_timeout = Duration::from_millis(300);
    });
    for start_bytes in [&b""[..], &[0x16, 3, 1, 1, 0]] {
        let mut connection = Connection::open(server.address).await;
        connection.write(start_bytes).await;
        assert_eq!(connection.read_to_end().await, b"");
    }
    let timed_out = || server.node.counters().tls_handshakes_timed_out;
    wait_for_value("both are counted", timed_out, 2).await;
}

#[tokio::test]
async fn tls_on_a_plain_port_and_plain_http_on_a_tls_port_fail() {
    let certified = LocalhostCertificate::new();
    let (server, _folder) = start_with_tls(&certified, |_| {});
    assert!(certified.connect_tls(server.address_of(1)).await.is_err());
    let mut plain = Connection::open(server.address).await;
    plain.write(request("GET /", "", "")).await;
    // An alert, not HTTP.
    assert_ne!(plain.read_to_end().await.first(), Some(&b'H'));
    wait_until("the failed handshake is counted", || {
        server.node.counters().tls_handshakes_malformed == 1
    })
    .await;
}

/// The load generator checks every message, so nothing may be stuck, lost or duplicated over TLS.
#[test]
fn a_load_over_tls_loses_no_message() {
    let server = TestServer::start(|config| {
        config.listen = vec!["tls+127.0.0.1:0".parse().unwrap()];
        config.tls.self_signed = true;
        config.no_limits = true;
    });
    let url = format!("wss://{}/", server.address);
    let report = load::run(
        &Options {
            connections: 60,
            amount: Amount::Requests(400),
            insecure: true,
            ..Options::new(url.parse().unwrap())
        },
        &mut |_| {},
    );
    let report = report.unwrap();
    assert!(report.correct, "{}", report.to_text());
    assert!(server.node.counters().tls_handshakes >= 60);
}

#[tokio::test]
async fn a_tls_client_that_stops_reading_is_dropped() {
    let certified = LocalhostCertificate::new();
    let (server, _folder) = start_with_tls(&certified, |config| {
        config.connection.stuck_after = Duration::from_millis(500);
        config.no_limits = true;
    });
    let mut slow = certified.connect(server.address).await;
    slow.join("swarm", "slow").await;
    let mut sender = certified.connect(server.address).await;
    let mut message = announce("swarm", "sender");
    let sdp = "v=0 ".repeat(7000);
    let offers: Vec<_> = (0..4).map(|n| offer(&format!("offer-{n}"), &sdp)).collect();
    message["offers"] = json!(offers);
    let dropped = || server.node.counters().connections_stuck == 1;
    // Until the buffers of the system are full; buffering in rustls must not hide that.
    let mut sent = 0;
    while !dropped() {
        sender.send(&message).await;
        sender.receive().await;
        sent += 1;
        assert!(sent < 100_000, "the client is not dropped");
    }
}

#[tokio::test]
async fn unread_responses_over_tls_stop_further_requests() {
    const REQUESTS: usize = 4000;
    let certified = LocalhostCertificate::new();
    let (server, _folder) = start_with_tls(&certified, |config| {
        config.connection.stuck_after = Duration::from_secs(1);
    });
    let mut connection = certified.open(server.address_of(0)).await;
    let requests = request("GET /api/v1/series", "", "").repeat(REQUESTS);
    let writing = connection.try_write(requests);
    let ended = wait_until("the connection ends", || {
        server.node.counters().http_stuck == 1
    });
    // The write fails, as the server stops reading.
    let (_, ()) = tokio::join!(writing, ended);
    let answered = server.node.counters().http_requests;
    assert!((1..REQUESTS as u64 / 2).contains(&answered), "{answered}");
}
