//! TLS: page and tracker over TLS, certificate changes with open connections, handshake deadlines, slow readers.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::{CertificateDer, ServerName};
use serde_json::json;
use swarmhub::config::Config;
use swarmhub::load::{self, Amount, Options};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::support::{Client, TIMEOUT, TestServer, announce, id, offer, wait_until};

/// A self-signed certificate for `localhost`, and clients that trust only it.
pub(crate) struct LocalhostCertificate {
    certificate: String,
    key: String,
    der: CertificateDer<'static>,
}

impl LocalhostCertificate {
    pub(crate) fn new() -> Self {
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().clone(),
        }
    }

    pub(crate) fn write(&self, folder: &Path) -> (PathBuf, PathBuf) {
        std::fs::create_dir_all(folder).unwrap();
        let files = (folder.join("tls.crt"), folder.join("tls.key"));
        std::fs::write(&files.0, &self.certificate).unwrap();
        std::fs::write(&files.1, &self.key).unwrap();
        files
    }

    pub(crate) async fn connect_tls(
        &self,
        address: SocketAddr,
    ) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let tcp = TcpStream::connect(address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, tcp);
        timeout(TIMEOUT, connecting).await.expect("in time")
    }

    async fn connect(&self, address: SocketAddr) -> Client<TlsStream<TcpStream>> {
        Client::handshake(self.connect_tls(address).await.expect("trusted")).await
    }
}

/// Starts a server with a TLS and a plain listener; returns it with the folder of its certificate.
pub(crate) fn start_with_tls(
    certified: &LocalhostCertificate,
    change: impl FnOnce(&mut Config),
) -> (TestServer, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certified.write(folder.path());
    let server = TestServer::start(|config| {
        let listen = ["tls+127.0.0.1:0", "127.0.0.1:0"];
        config.listen = listen.map(|listen| listen.parse().unwrap()).to_vec();
        (config.tls.certificate, config.tls.key) = (vec![certificate], vec![key]);
        change(config);
    });
    (server, folder)
}

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
    let message_in = secure.receive().await;
    assert_eq!(message_in["offer"]["sdp"], sdp);
    let answer = json!({"action": "announce", "info_hash": id("swarm"), "peer_id": id("secure"),
        "to_peer_id": id("plain"), "offer_id": id("one"), "answer": {"type": "answer", "sdp": sdp}});
    secure.send(&answer).await;
    let message_in = loop {
        let message_in = plain.receive().await;
        if message_in.get("answer").is_some() {
            break message_in;
        }
    };
    assert_eq!(message_in["answer"]["sdp"], sdp);
    assert_eq!(server.node.counters().tls_handshakes, 1);
}

#[tokio::test]
async fn the_page_is_served_over_https() {
    let certified = LocalhostCertificate::new();
    let (server, _folder) = start_with_tls(&certified, |_| {});
    let mut stream = certified.connect_tls(server.address).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut response = String::new();
    // rustls reports an end without close_notify as an error.
    let read = timeout(TIMEOUT, stream.read_to_string(&mut response)).await;
    read.expect("in time").expect("a close_notify");
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert!(response.contains("connect-src 'self' ws://localhost wss://localhost;"));
    assert!(response.trim_end().ends_with("</html>"));
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
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(start_bytes).await.unwrap();
        let mut received = Vec::new();
        let read = timeout(TIMEOUT, stream.read_to_end(&mut received)).await;
        assert_eq!(read.expect("in time").unwrap_or_default(), 0);
    }
    wait_until("both are counted", || {
        server.node.counters().tls_handshakes_timed_out == 2
    })
    .await;
}

#[tokio::test]
async fn tls_on_a_plain_port_and_plain_http_on_a_tls_port_fail() {
    let certified = LocalhostCertificate::new();
    let (server, _folder) = start_with_tls(&certified, |_| {});
    assert!(certified.connect_tls(server.address_of(1)).await.is_err());
    let mut plain = TcpStream::connect(server.address).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    plain.write_all(request).await.unwrap();
    let mut received = Vec::new();
    let read = timeout(TIMEOUT, plain.read_to_end(&mut received)).await;
    // An alert, not HTTP.
    assert!(read.expect("in time").is_err() || received.first() != Some(&b'H'));
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
    let sending = async {
        while !dropped() {
            sender.send(&message).await;
            sender.receive().await;
        }
    };
    timeout(TIMEOUT, sending)
        .await
        .expect("the client is dropped");
}

#[tokio::test]
async fn unread_responses_over_tls_stop_further_requests() {
    const REQUESTS: usize = 4000;
    let certified = LocalhostCertificate::new();
    let (server, _folder) = start_with_tls(&certified, |config| {
        config.connection.stuck_after = Duration::from_secs(1);
    });
    let mut stream = certified.connect_tls(server.address_of(0)).await.unwrap();
    let request = "GET /api/v1/series HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(REQUESTS);
    let writing = timeout(TIMEOUT, stream.write_all(request.as_bytes()));
    let ended = wait_until("the connection ends", || {
        server.node.counters().http_stuck == 1
    });
    // The write fails, as the server stops reading.
    let (_, ()) = tokio::join!(writing, ended);
    let answered = server.node.counters().http_requests;
    assert!((1..REQUESTS as u64 / 2).contains(&answered), "{answered}");
}
