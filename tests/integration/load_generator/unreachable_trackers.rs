//! Trackers that cannot be used: certificates, closed ports, other servers.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread;

use swarmhub::load::{LoadError, Options};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;

use super::{
    assert_correct, closed_port, options, options_for, run_failing, run_load, serve, server,
};

#[test]
fn wss_requires_a_trusted_certificate() {
    let server = server();
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = certified.signing_key.serialize_der();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.try_into().unwrap())
        .unwrap();
    let (acceptor, behind) = (TlsAcceptor::from(Arc::new(config)), server.address);
    let address = serve(move |tcp| {
        let acceptor = acceptor.clone();
        async move {
            let mut front = acceptor.accept(tcp).await.ok()?;
            let mut back = tokio::net::TcpStream::connect(behind).await.ok()?;
            tokio::io::copy_bidirectional(&mut front, &mut back)
                .await
                .ok()
                .map(drop)
        }
    });
    let options = options(&format!("wss://localhost:{}/", address.port()));
    let error = run_failing(&options);
    assert!(matches!(error, LoadError::Tls { .. }), "{error}");
    assert!(error.to_string().contains("--ca"), "{error}");
    assert_correct(&run_load(&Options {
        insecure: true,
        ..options.clone()
    }));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, certified.cert.pem()).unwrap();
    assert_correct(&run_load(&Options {
        ca_file: Some(file.clone()),
        ..options.clone()
    }));
    std::fs::write(&file, "nothing").unwrap();
    let error = run_failing(&Options {
        ca_file: Some(file),
        ..options
    });
    assert!(matches!(error, LoadError::CaFile { .. }), "{error}");
}

#[test]
fn a_server_that_is_not_a_tracker_gives_a_readable_error() {
    let error = run_failing(&options_for(closed_port()));
    assert!(matches!(error, LoadError::Connect { .. }), "{error}");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let responder = thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let read = tcp.read(&mut request).unwrap();
        tcp.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-LENGTH: 17\r\n\r\n")
            .unwrap();
        tcp.write_all(b"\nthere is none\x07\nx").unwrap();
        String::from_utf8_lossy(&request[..read]).into_owned()
    });
    let error = run_failing(&options_for(address)).to_string();
    assert!(error.contains("404 Not Found"), "{error}");
    assert!(error.ends_with(": \"there is none\u{fffd}\""), "{error}");
    let request = responder.join().unwrap();
    for header in [
        &format!("Origin: http://{address}\r\n"),
        "Sec-WebSocket-Version: 13\r\n",
        "User-Agent: Mozilla/5.0",
    ] {
        assert!(request.contains(header), "{request}");
    }

    let server = server();
    let error = run_failing(&Options {
        server_pid: Some(u32::MAX / 2),
        ..options_for(server.address)
    });
    assert!(matches!(error, LoadError::Pid { .. }), "{error}");
    let error = run_failing(&Options {
        connections: 100_000_000,
        ..options_for(server.address)
    })
    .to_string();
    assert!(error.contains("file descriptors"), "{error}");
}
