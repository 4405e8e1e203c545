use std::cell::Cell;
use std::sync::Arc;

use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt, duplex};
use tokio_rustls::TlsConnector;

use super::super::tests::{NoCost, client, handshake, make, tls};
use super::*;

/// Returns the handshake counters: completed, resumed, and failed by reason.
fn handshake_counters(counters: &Counters) -> [u64; 7] {
    [
        &counters.tls_handshakes,
        &counters.tls_handshakes_resumed,
        &counters.tls_handshakes_timed_out,
        &counters.tls_handshakes_cut,
        &counters.tls_handshakes_refused,
        &counters.tls_handshakes_incompatible,
        &counters.tls_handshakes_malformed,
    ]
    .map(Counter::get)
}

#[tokio::test]
async fn server_names_select_certificates() {
    let (first, star) = (make(&["a.example"]), make(&["*.b.example"]));
    let (tls, _folder) = tls(&[&first, &star]);
    let config = Arc::new(client(&[&first, &star]));
    for (name, trusted) in [
        ("a.example", true),
        ("x.b.example", true),
        ("A.eXample", true),
        ("c.example", false),
    ] {
        let ends = handshake(&tls, &config, name).await;
        assert_eq!(ends.client.is_ok(), trusted, "{name}");
        assert_eq!(ends.server.is_some(), trusted, "{name}");
        let refused = u64::from(!trusted);
        assert_eq!(
            handshake_counters(&ends.counters),
            [1 - refused, 0, 0, 0, refused, 0, 0],
            "{name}"
        );
    }
}

#[tokio::test]
async fn a_client_with_a_ticket_resumes() {
    let made = make(&["a.example"]);
    let (tls, _folder) = tls(&[&made]);
    for version in [
        &tokio_rustls::rustls::version::TLS13,
        &tokio_rustls::rustls::version::TLS12,
    ] {
        let mut config = client(&[&made]);
        config = {
            let provider = Arc::clone(config.crypto_provider());
            let mut roots = tokio_rustls::rustls::RootCertStore::empty();
            roots.add(made.der.clone()).unwrap();
            tokio_rustls::rustls::ClientConfig::builder_with_provider(provider)
                .with_protocol_versions(&[version])
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth()
        };
        let config = Arc::new(config);
        for resumed in 0..2 {
            let ends = handshake(&tls, &config, "a.example").await;
            assert_eq!(
                handshake_counters(&ends.counters)[..2],
                [1, resumed],
                "{version:?}"
            );
            // The client receives a ticket with the first bytes that it reads.
            let (mut server, mut client) = (ends.server.unwrap(), ends.client.unwrap());
            server.write_all(b"x").await.unwrap();
            client.read_u8().await.unwrap();
        }
    }
}

#[tokio::test]
async fn an_open_connection_outlives_a_new_certificate() {
    let (old, new) = (make(&["a.example"]), make(&["a.example"]));
    let (tls, _folder) = tls(&[&old]);
    let (knows_old, knows_new) = (Arc::new(client(&[&old])), Arc::new(client(&[&new])));
    let before = handshake(&tls, &knows_old, "a.example").await;
    tls.resolver.replace(0, new.pair());
    assert!(
        handshake(&tls, &Arc::new(client(&[&old])), "a.example")
            .await
            .client
            .is_err()
    );
    assert!(
        handshake(&tls, &knows_new, "a.example")
            .await
            .client
            .is_ok()
    );
    let (mut server, mut client) = (before.server.unwrap(), before.client.unwrap());
    for byte in 0..3 {
        client.write_u8(byte).await.unwrap();
        client.flush().await.unwrap();
        assert_eq!(server.read_u8().await.unwrap(), byte);
        server.write_u8(byte).await.unwrap();
        assert_eq!(client.read_u8().await.unwrap(), byte);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_handshake_times_out() {
    let (tls, _folder) = tls(&[&make(&["a.example"])]);
    let counters = Counters::default();
    let (server_end, mut client_end) = duplex(1024);
    let started = tokio::time::Instant::now();
    // The beginning of a ClientHello, then a byte per second.
    let trickle = async {
        client_end
            .write_all(&[0x16, 3, 1, 1, 0, 1, 0, 0, 0xfc])
            .await
            .unwrap();
        while client_end.write_u8(3).await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    };
    let (accepted, ()) = tokio::join!(tls.accept(server_end, &counters, NoCost), trickle);
    assert!(accepted.is_none());
    assert_eq!(handshake_counters(&counters), [0, 0, 1, 0, 0, 0, 0]);
    let seconds = started.elapsed().as_secs();
    assert!((10..=11).contains(&seconds), "{seconds} s");
}

#[tokio::test]
async fn each_handshake_failure_has_its_own_counter() {
    let made = make(&["a.example"]);
    let (tls, _folder) = tls(&[&made]);
    let counters_after = async |bytes: &[u8]| {
        let counters = Counters::default();
        let (server_end, mut client_end) = duplex(1024);
        client_end.write_all(bytes).await.unwrap();
        drop(client_end);
        assert!(tls.accept(server_end, &counters, NoCost).await.is_none());
        handshake_counters(&counters)
    };
    assert_eq!(counters_after(b"").await, [0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(counters_after(&[0x16, 3, 1]).await, [0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(
        counters_after(b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").await,
        [0, 0, 0, 0, 0, 0, 1]
    );

    let mut foreign = client(&[&made]);
    foreign.alpn_protocols = vec![b"h2".to_vec()];
    let ends = handshake(&tls, &Arc::new(foreign), "a.example").await;
    assert_eq!(handshake_counters(&ends.counters), [0, 0, 0, 0, 0, 1, 0]);

    let distrust = Arc::new(client(&[]));
    let ends = handshake(&tls, &distrust, "a.example").await;
    assert_eq!(handshake_counters(&ends.counters), [0, 0, 0, 0, 1, 0, 0]);
}

#[tokio::test]
async fn only_sent_bytes_count_and_pending_ones_are_sent_once() {
    let made = make(&["a.example"]);
    let (tls, _folder) = tls(&[&made]);
    let ends = handshake(&tls, &Arc::new(client(&[&made])), "a.example").await;
    let (mut server, mut client) = (ends.server.unwrap(), ends.client.unwrap());
    // Far more than the capacity of the pipe, so that every write is pending at first.
    let text: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    let pipe_bytes = 16 * 1024;
    let refused = std::future::poll_fn(|cx| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut *server).poll_write(cx, &text))
    });
    assert!(
        refused.await.is_pending(),
        "unsent bytes do not count as written"
    );
    let writing = async {
        server.write_all(&text).await.unwrap();
        server
    };
    let mut received = vec![0; text.len()];
    let (mut server, read) = tokio::join!(writing, client.read_exact(&mut received));
    read.unwrap();
    assert!(received == text && text.len() > pipe_bytes);

    // The server sends close_notify.
    server.shutdown().await.unwrap();
    assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test]
async fn only_acme_validators_get_the_challenge_certificate() {
    let (made, proof) = (make(&["a.example"]), make(&["a.example"]));
    let (tls, _folder) = tls(&[&made]);
    let mut validator = client(&[&proof]);
    validator.alpn_protocols = vec![ACME_PROTOCOL.to_vec()];
    let validator = Arc::new(validator);
    tls.resolver
        .set_challenge("a.example", Some(Arc::clone(&proof.pair().certified)));
    // These settings name no directory, so its ALPN protocol is not offered.
    assert!(
        handshake(&tls, &validator, "a.example")
            .await
            .client
            .is_err()
    );

    let config = super::super::server_config(Arc::clone(&tls.resolver), true).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let shake = async |config: &Arc<tokio_rustls::rustls::ClientConfig>| {
        let (server_end, client_end) = duplex(16 * 1024);
        let name = ServerName::try_from("a.example").unwrap();
        let connector = TlsConnector::from(Arc::clone(config));
        let (_, client) = tokio::join!(
            acceptor.accept(server_end),
            connector.connect(name, client_end)
        );
        client.is_ok()
    };
    assert!(shake(&validator).await);
    assert!(
        shake(&Arc::new(client(&[&made]))).await,
        "other clients get the normal certificate"
    );
    tls.resolver.set_challenge("a.example", None);
    assert!(
        !shake(&validator).await,
        "there is no challenge certificate without a challenge"
    );
}

/// The numbers of charges and refunds.
#[derive(Default)]
struct ChargeLog(Cell<(u32, u32)>);

impl HandshakeCost for &ChargeLog {
    fn charge(&mut self) {
        let (charged, given_back) = self.0.get();
        self.0.set((charged + 1, given_back));
    }

    fn refund(&mut self) {
        let (charged, given_back) = self.0.get();
        self.0.set((charged, given_back + 1));
    }
}

/// Returns the ClientHello of a client for this name.
fn client_hello(name: &str) -> Vec<u8> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let config = Arc::new(client(&[]));
    let mut client = tokio_rustls::rustls::ClientConnection::new(config, name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    hello
}

#[tokio::test(start_paused = true)]
async fn only_handshakes_with_a_signature_are_charged_at_once() {
    let (tls, _folder) = tls(&[&make(&["a.example"])]);
    let counters = Counters::default();
    let charges_after = async |bytes: &[u8], hangs_up: bool| {
        let charged = ChargeLog::default();
        let (server_end, mut client_end) = duplex(1 << 16);
        client_end.write_all(bytes).await.unwrap();
        let open_end = (!hangs_up).then_some(client_end);
        let mut accepting = Box::pin(tls.accept(server_end, &counters, &charged));
        // The charge must not wait for the end of the handshake.
        let _ = timeout(std::time::Duration::from_secs(1), &mut accepting).await;
        drop(open_end);
        charged.0.get()
    };
    let hello = client_hello("a.example");
    let alert = [0x15, 3, 3, 0, 2, 2, 48];
    for hangs_up in [true, false] {
        assert_eq!(charges_after(b"", hangs_up).await, (0, 0));
        assert_eq!(charges_after(&[0x16, 3, 1], hangs_up).await, (0, 0));
        let plain = charges_after(b"GET / HTTP/1.1\r\n\r\n", hangs_up).await;
        assert_eq!(plain, (0, 0));
        assert_eq!(charges_after(&hello, hangs_up).await, (1, 0));
        // A replayed ClientHello followed by an alert costs its sender nothing either.
        let with_alert = [&hello[..], &alert].concat();
        assert_eq!(charges_after(&with_alert, hangs_up).await, (1, 0));
        let with_more = [&with_alert[..], &[0x17, 3, 3, 0, 2, 0, 0]].concat();
        assert_eq!(charges_after(&with_more, hangs_up).await, (1, 0));
    }
}

#[tokio::test]
async fn completed_or_refused_handshakes_with_keys_are_refunded() {
    let made = make(&["a.example"]);
    let (tls, _folder) = tls(&[&made]);
    for (trusted, name) in [
        (true, "a.example"),
        (false, "a.example"),
        (true, "b.example"),
    ] {
        let config = if trusted {
            client(&[&made])
        } else {
            client(&[])
        };
        let (counters, charged) = (Counters::default(), ChargeLog::default());
        let (server_end, client_end) = duplex(1 << 16);
        let connector = TlsConnector::from(Arc::new(config));
        let connecting = connector.connect(ServerName::try_from(name).unwrap(), client_end);
        let (accepted, connected) =
            tokio::join!(tls.accept(server_end, &counters, &charged), connecting);
        assert_eq!(accepted.is_some(), connected.is_ok(), "{name}");
        assert_eq!(charged.0.get(), (1, 1), "{trusted} {name}");
    }
}
