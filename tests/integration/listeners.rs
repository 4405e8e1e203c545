//! Listeners: roles, IPv6, socket files, and sockets of systemd.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Client, TIMEOUT, TestServer};

const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// Sends bytes and reads until the server ends the connection.
pub(crate) async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    bytes: &[u8],
) -> String {
    // The server may close before it has read everything, and a reset counts as an end.
    let _ = stream.write_all(bytes).await;
    let mut received = Vec::new();
    let _ = timeout(TIMEOUT, stream.read_to_end(&mut received))
        .await
        .expect("in time");
    String::from_utf8_lossy(&received).into_owned()
}

pub(crate) fn get_request(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: x.example\r\nConnection: close\r\n{headers}\r\n")
}

pub(crate) fn upgrade_request(headers: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: x.example\r\n{HANDSHAKE}{headers}\r\n")
}

pub(crate) async fn connect(address: SocketAddr) -> TcpStream {
    TcpStream::connect(address).await.unwrap()
}

fn status(response: &str) -> &str {
    response.get(9..12).unwrap_or(response)
}

async fn get(address: SocketAddr, path: &str) -> String {
    exchange(connect(address).await, get_request(path, "").as_bytes()).await
}

#[tokio::test]
async fn pages_and_tracker_can_have_separate_listeners() {
    let server = TestServer::start(|config| {
        let listen = ["tracker+127.0.0.1:0", "pages+127.0.0.1:0", "127.0.0.1:0"];
        config.listen = listen.map(|listen| listen.parse().unwrap()).to_vec();
    });
    let [tracker, pages, both] = [0, 1, 2].map(|listener| server.address_of(listener));

    for path in ["/", "/ice", "/sw.js", "/nothing"] {
        let response = get(tracker, path).await;
        assert_eq!(status(&response), "404", "{path}");
        assert!(
            response.contains("This address serves no pages"),
            "{response}"
        );
    }
    assert_eq!(status(&get(tracker, "/healthz").await), "200");
    Client::connect(tracker).await.join("swarm", "peer").await;

    for path in ["/", "/ice", "/sw.js", "/healthz"] {
        assert_eq!(status(&get(pages, path).await), "200", "{path}");
    }
    let refused = exchange(
        connect(pages).await,
        upgrade_request("Connection: close\r\n").as_bytes(),
    )
    .await;
    assert_eq!(status(&refused), "404");
    assert!(
        refused.contains("This address serves only pages"),
        "{refused}"
    );

    assert_eq!(status(&get(both, "/").await), "200");
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
    assert_eq!(status(&get(server.address, "/healthz").await), "200");
}

#[cfg(unix)]
#[tokio::test]
async fn a_socket_file_serves_pages_and_tracker() {
    use futures::{SinkExt, StreamExt};
    use tokio::net::UnixStream;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.sock");
    let listen = format!("unix:{}", path.display());
    let server = TestServer::start(|config| config.listen.push(listen.parse().unwrap()));

    let stream = UnixStream::connect(&path).await.unwrap();
    let response = exchange(stream, get_request("/healthz", "").as_bytes()).await;
    assert_eq!(status(&response), "200");
    // Several connections, as any worker may accept them.
    let mut clients = Vec::new();
    for number in 1..=8 {
        let stream = UnixStream::connect(&path).await.unwrap();
        let connected = tokio_tungstenite::client_async("ws://localhost/", stream);
        let (mut socket, _) = timeout(TIMEOUT, connected).await.expect("in time").unwrap();
        let text = crate::support::announce("swarm", &format!("peer{number}")).to_string();
        socket.send(text.into()).await.unwrap();
        let reply = timeout(TIMEOUT, socket.next()).await.expect("in time");
        let reply = reply.expect("a message").unwrap().into_text().unwrap();
        assert!(
            reply.contains(&format!("\"incomplete\":{number}")),
            "{reply}"
        );
        clients.push(socket);
    }
    drop(clients);
    server.stop().unwrap();
    assert!(!path.exists(), "the server removes the file");
}

#[cfg(unix)]
mod program {
    use std::io::{BufRead, BufReader};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::process::{Command, Stdio};

    use super::*;
    use crate::process::Program;

    /// Starts the program with two sockets passed as systemd does, named `web` and `unknown`.
    fn start_with_sockets(
        args: &str,
        first: OwnedFd,
        second: OwnedFd,
        lines: usize,
    ) -> (Program, Vec<String>) {
        let binary = env!("CARGO_BIN_EXE_swarmhub");
        let script = format!(
            "exec 3<&0 4<&2 </dev/null 2>/dev/null; export LISTEN_PID=$$ LISTEN_FDS=2 LISTEN_FDNAMES=web:unknown; \
             exec '{binary}' --workers 2 --history off {args}"
        );
        let mut child = Command::new("sh")
            .args(["-c", &script])
            .stdin(first)
            .stderr(second)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines_read = BufReader::new(child.stdout.take().unwrap()).lines();
        let lines_read: Vec<_> = lines_read.take(lines).map(Result::unwrap).collect();
        let program = Program {
            child,
            address: ([127, 0, 0, 1], 0).into(),
        };
        (program, lines_read)
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
        let (program, lines_read) = start_with_sockets(args, first.into(), second.into(), 2);
        assert_eq!(lines_read[0], format!("tracker  ws://{address}/"));
        assert_eq!(lines_read[1], format!("page     unix:{}", path.display()));

        let mut clients = Vec::new();
        for number in 1..=16 {
            let mut client = Client::connect(address).await;
            let reply = client.join("swarm", &format!("peer{number}")).await;
            assert_eq!(reply["incomplete"], number);
            clients.push(client);
        }
        assert_eq!(status(&get(address, "/").await), "404");
        let stream = tokio::net::UnixStream::connect(&path).await.unwrap();
        assert_eq!(
            status(&exchange(stream, get_request("/", "").as_bytes()).await),
            "200"
        );

        program.signal("-TERM");
        drop(clients);
        let mut child = program;
        let ended = timeout(TIMEOUT, async {
            while child.child.try_wait().unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        ended.await.expect("it ends");
        // New connections wait for the next server.
        UnixStream::connect(&path).unwrap();
        std::net::TcpStream::connect(address).unwrap();
    }

    #[test]
    fn a_missing_systemd_socket_is_a_one_line_error() {
        for listen in ["systemd", "proxy+systemd:web"] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_swarmhub"));
            let output = command
                .args(["--log-level", "off", "--history", "off", "--listen", listen])
                .env_remove("LISTEN_FDS")
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(1));
            assert!(
                stderr.starts_with(&format!(
                    "swarmhub: cannot listen on {listen}: systemd has passed no such socket"
                )),
                "{stderr}"
            );
            assert_eq!(stderr.lines().count(), 1, "{stderr}");
        }
    }

    #[test]
    fn unusable_listeners_are_a_one_line_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.sock");
        let _other = UnixListener::bind(&path).unwrap();
        let file = format!("unix:{}", path.display());
        for (listen, code, expected) in [
            (file.as_str(), 1, "another program listens on this socket"),
            (
                "unix:/nowhere/at/all/hub.sock",
                1,
                "its folder does not exist",
            ),
            ("tls+127.0.0.1:0", 2, "has no certificate"),
        ] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_swarmhub"));
            let output = command
                .args(["--log-level", "off", "--history", "off", "--listen", listen])
                .stdin(Stdio::null())
                .output()
                .unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(code), "{stderr}");
            assert!(stderr.contains(expected), "{stderr}");
            assert_eq!(stderr.lines().count(), 1, "{stderr}");
        }
    }
}
