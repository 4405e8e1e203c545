//! A server in this process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use swarmhub::config::{Config, HistoryStorage, ListenSpec, ListenTarget};
use swarmhub::node::Node;
use swarmhub::{ClusterStart, Server, ServerError, ServerHandle};
use tokio::sync::oneshot;

use super::http::{self, Response};
use super::{Client, PROGRESS_TIMEOUT};

/// A server in this process.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    /// All its listeners, with actual ports.
    listeners: Vec<ListenSpec>,
    /// The UDP addresses of its STUN server.
    pub(crate) stun_addresses: Vec<SocketAddr>,
    pub(crate) node: Arc<Node>,
    pub(crate) handle: ServerHandle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<Result<(), ServerError>>>,
}

/// How many TCP ports are tried until the UDP port with the same number is free.
const PORTS_TRIED: usize = 20;

/// Binds the ports. The UDP port with the number of the TCP port may belong to another program: then the next number is
/// tried.
async fn bind(config: &Config) -> Result<Server, ServerError> {
    let needs_udp = config.ice.stun && config.ice.listen.is_empty();
    for _ in 0..PORTS_TRIED {
        let server = Server::builder().config(config.clone()).bind().await?;
        if !needs_udp || !server.stun_addresses().is_empty() {
            return Ok(server);
        }
    }
    Server::builder().config(config.clone()).bind().await
}

impl TestServer {
    /// Starts a server with two workers and the settings of `change`.
    pub(crate) fn start(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_as(None, change)
    }

    /// Does the same for a node of a cluster.
    pub(crate) fn start_in_cluster(start: ClusterStart, change: impl FnOnce(&mut Config)) -> Self {
        Self::start_as(Some(start), change)
    }

    fn start_as(in_cluster: Option<ClusterStart>, change: impl FnOnce(&mut Config)) -> Self {
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
                let mut server = bind(&config).await?;
                if let Some(start) = in_cluster {
                    server.join_cluster(start);
                }
                let address = server.addresses().next().unwrap();
                let listening: Vec<_> = server.listeners().cloned().collect();
                ready
                    .send((
                        address,
                        listening,
                        server.stun_addresses().to_vec(),
                        Arc::clone(server.node()),
                        server.handle(),
                    ))
                    .unwrap();
                server.run(async { drop(stopped.await) }).await
            })
        });
        let bound = when_ready.recv_timeout(PROGRESS_TIMEOUT);
        let (address, listeners, stun_addresses, node, handle) = bound.expect("the server binds");
        Self {
            address,
            listeners,
            stun_addresses,
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

    /// Sends a GET request on a new connection.
    pub(crate) async fn get(&self, path: &str, headers: &str) -> Response {
        http::get(self.address, path, headers).await
    }

    /// Sends a request on a new connection. `target` is method and path.
    pub(crate) async fn send(&self, target: &str, headers: &str, body: &str) -> Response {
        http::send(self.address, target, headers, body).await
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
