//! Test support: a server on a free port, and a WebSocket client of the tracker.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use swarmhub::config::{Config, HistoryStorage, ListenSpec, ListenTarget};
use swarmhub::node::Node;
use swarmhub::{Server, ServerError, ServerHandle};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// Maximum wait for anything that should happen at once.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);

/// A server in this process.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    /// All its listeners, with actual ports.
    listeners: Vec<ListenSpec>,
    pub(crate) node: Arc<Node>,
    pub(crate) handle: ServerHandle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<Result<(), ServerError>>>,
}

impl TestServer {
    /// Starts a server with two workers and the settings of `change`.
    pub(crate) fn start(change: impl FnOnce(&mut Config)) -> Self {
        let listen = vec![SocketAddr::from(([127, 0, 0, 1], 0)).into()];
        let mut config = Config {
            workers: 2,
            listen,
            history: HistoryStorage::Off,
            ..Config::default()
        };
        // A test that ends does not wait for its clients.
        config.drain.quiet = Duration::ZERO;
        config.drain.spread = Duration::ZERO;
        change(&mut config);
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, when_ready) = std::sync::mpsc::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let server = Server::builder().config(config).bind().await?;
                let address = server.addresses().next().unwrap();
                let listening: Vec<_> = server.listeners().cloned().collect();
                ready
                    .send((
                        address,
                        listening,
                        Arc::clone(server.node()),
                        server.handle(),
                    ))
                    .unwrap();
                server.run(async { drop(stopped.await) }).await
            })
        });
        let (address, listeners, node, handle) = when_ready.recv().expect("the server binds");
        Self {
            address,
            listeners,
            node,
            handle,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// Stops the server and returns its result.
    pub(crate) fn stop(mut self) -> Result<(), ServerError> {
        drop(self.stop.take());
        self.thread.take().unwrap().join().expect("no panic")
    }

    /// Returns the address of the listener with this index.
    pub(crate) fn address_of(&self, listener: usize) -> SocketAddr {
        match self.listeners[listener].target {
            ListenTarget::Tcp(address) => address,
            ref other => panic!("{other}"),
        }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            assert!(
                thread::panicking() || matches!(ended, Ok(Ok(()))),
                "{ended:?}"
            );
        }
    }
}

/// A client of the tracker.
pub(crate) struct Client<S = MaybeTlsStream<TcpStream>> {
    pub(crate) socket: WebSocketStream<S>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let connected = tokio_tungstenite::connect_async(format!("ws://{address}/announce"));
        let (socket, _) = timeout(TIMEOUT, connected)
            .await
            .expect("in time")
            .expect("accepted");
        Self { socket }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Performs the handshake on an existing connection.
    pub(crate) async fn handshake(stream: S) -> Self {
        let connected = tokio_tungstenite::client_async("ws://localhost/announce", stream);
        let (socket, _) = timeout(TIMEOUT, connected)
            .await
            .expect("in time")
            .expect("accepted");
        Self { socket }
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.socket
            .send(Message::text(message.to_string()))
            .await
            .expect("the server reads");
    }

    pub(crate) async fn receive(&mut self) -> Value {
        loop {
            let next = timeout(TIMEOUT, self.socket.next()).await.expect("in time");
            match next.expect("the connection stays").expect("no error") {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits for the close; returns its code and reason.
    pub(crate) async fn receive_close(&mut self) -> (u16, String) {
        loop {
            let next = timeout(TIMEOUT, self.socket.next()).await.expect("in time");
            match next.expect("a close").expect("no error") {
                Message::Close(Some(close)) => {
                    return (close.code.into(), close.reason.to_string());
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Joins a swarm and returns the reply.
    pub(crate) async fn join(&mut self, swarm: &str, peer: &str) -> Value {
        self.send(&announce(swarm, peer)).await;
        self.receive().await
    }
}

/// Returns an id: `name` padded to twenty characters.
pub(crate) fn id(name: &str) -> String {
    format!("{name:-<20}")
}

pub(crate) fn announce(swarm: &str, peer: &str) -> Value {
    json!({"action": "announce", "info_hash": id(swarm), "peer_id": id(peer)})
}

pub(crate) fn offer(name: &str, sdp: &str) -> Value {
    json!({"offer_id": id(name), "offer": {"type": "offer", "sdp": sdp}})
}

/// Waits until `condition` holds.
pub(crate) async fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(TIMEOUT, waiting)
        .await
        .unwrap_or_else(|_| panic!("{what}"));
}
