//! Listeners: roles, IPv6, socket files, and sockets of systemd.

use std::net::{Ipv6Addr, SocketAddr};

use crate::support::http::{Connection, UPGRADE, get};
use crate::support::{Client, TestServer};

#[tokio::test]
async fn pages_and_tracker_can_have_separate_listeners() {
    let server = TestServer::start(|config| {
        let listen = ["tracker+127.0.0.1:0", "pages+127.0.0.1:0", "127.0.0.1:0"];
        config.listen = listen.map(|listen| listen.parse().unwrap()).to_vec();
    });
    let [tracker, pages, both] = [0, 1, 2].map(|listener| server.address_of(listener));

    for path in ["/", "/ice", "/sw.js", "/nothing"] {
        let response = get(tracker, path, "").await.expect(404);
        response.expect_text("This address serves no pages");
    }
    get(tracker, "/healthz", "").await.expect(200);
    Client::connect(tracker).await.join("swarm", "peer").await;

    for path in ["/", "/ice", "/sw.js", "/healthz"] {
        get(pages, path, "").await.expect(200);
    }
    let refused = get(pages, "/", UPGRADE).await.expect(404);
    refused.expect_text("This address serves only pages");

    get(both, "/", "").await.expect(200);
    let mut client = Client::connect(both).await;
    // All listeners share the swarms.
    assert_eq!(client.join("swarm", "other").await["incomplete"], 1);
}

#[tokio::test]
async fn ipv6_is_served() {
    let loopback = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    if std::net::TcpListener::bind(loopback).is_err() {
        eprintln!("skipped: this machine has no IPv6 loopback address");
        return;
    }
    let server = TestServer::start(|config| config.listen = vec![loopback.into()]);
    assert!(server.address.is_ipv6());
    server.connect().await.join("swarm", "peer").await;
    server.get("/healthz", "").await.expect(200);
}

#[cfg(unix)]
#[tokio::test]
async fn a_socket_file_serves_pages_and_tracker() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.sock");
    let listen = format!("unix:{}", path.display());
    let server = TestServer::start(|config| config.listen.push(listen.parse().unwrap()));

    let mut connection = Connection::open_file(&path).await;
    connection.get("/healthz", "").await.expect(200);
    // Several connections, as any worker may accept them.
    let mut clients = Vec::new();
    for number in 1..=8 {
        let stream = Connection::open_file(&path).await.stream;
        let mut client = Client::handshake(stream).await;
        let reply = client.join("swarm", &format!("peer{number}")).await;
        assert_eq!(reply["incomplete"], number);
        clients.push(client);
    }
    drop(clients);
    server.stop().unwrap();
    assert!(!path.exists(), "the server removes the file");
}

#[cfg(unix)]
mod program {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::process::Command;

    use super::*;
    use crate::support::program::{BINARY, Finished, Process, command, run};

    /// Starts the program with two sockets passed as systemd does, named `web` and `unknown`.
    fn start_with_sockets(args: &str, first: OwnedFd, second: OwnedFd) -> Process {
        let script = format!(
            "exec 3<&0 4<&2 </dev/null 2>/dev/null; export LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:unknown; \
             exec '{BINARY}' --workers 2 --history off {args}"
        );
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).stdin(first).stderr(second);
        Process::spawn_keeping_stderr(&mut shell)
    }

    #[tokio::test]
    async fn systemd_sockets_are_shared_by_workers_and_stay_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.sock");
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = tcp.local_addr().unwrap();
        let file = UnixListener::bind(&path).unwrap();
        let (first, second) = (tcp.try_clone().unwrap(), file.try_clone().unwrap());
        let args = "--listen tracker+systemd:web --listen pages+systemd";
        let process = start_with_sockets(args, first.into(), second.into());
        let tracker = format!("tracker  ws://{address}/");
        let page = format!("page     unix:{}", path.display());
        assert_eq!(process.first_lines(2), [tracker, page]);

        let mut clients = Vec::new();
        for number in 1..=16 {
            let mut client = Client::connect(address).await;
            let reply = client.join("swarm", &format!("peer{number}")).await;
            assert_eq!(reply["incomplete"], number);
            clients.push(client);
        }
        get(address, "/", "").await.expect(404);
        let mut connection = Connection::open_file(&path).await;
        connection.get("/", "").await.expect(200);

        process.signal("-TERM");
        drop((clients, connection));
        process.end().await;
        // New connections wait for the next server.
        UnixStream::connect(&path).unwrap();
        std::net::TcpStream::connect(address).unwrap();
    }

    /// Starts the program with a listener that it cannot use; expects a code and a one-line error.
    async fn assert_unusable(listen: &str, expected_code: i32, expected_text: &str) {
        let args = ["--log-level", "off", "--listen", listen];
        let mut command = command(&args);
        let finished = run(command.env_remove("LISTEN_FDS")).await;
        let Finished { code, stderr, .. } = finished;
        assert_eq!(code, Some(expected_code), "{stderr}");
        assert!(stderr.contains(expected_text), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }

    #[tokio::test]
    async fn a_missing_systemd_socket_is_a_one_line_error() {
        for listen in ["systemd", "proxy+systemd:web"] {
            let text =
                format!("swarmhub: cannot listen on {listen}: systemd has passed no such socket");
            assert_unusable(listen, 1, &text).await;
        }
    }

    #[tokio::test]
    async fn unusable_listeners_are_a_one_line_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.sock");
        let _other = UnixListener::bind(&path).unwrap();
        let file = format!("unix:{}", path.display());
        for (listen, code, expected_text) in [
            (file.as_str(), 1, "another program listens on this socket"),
            ("unix:/nowhere/hub.sock", 1, "its folder does not exist"),
            ("tls+127.0.0.1:0", 2, "has no certificate"),
        ] {
            assert_unusable(listen, code, expected_text).await;
        }
    }
}
