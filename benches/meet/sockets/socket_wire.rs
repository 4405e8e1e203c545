//! Real WebSockets, one task each, on the thread of the simulation.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use http::Uri;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::meet::codec;
use crate::meet::ids::Socket;
use crate::meet::messages::{Identity, ToTracker};
use crate::meet::wire::{Incoming, Wire};

/// Messages of one client that wait for its socket; an answer for each offer of a burst.
const OUTGOING_MAX: usize = 256;
/// Messages of all clients that wait for the simulation. Tasks wait when it is full.
const INCOMING_MAX: usize = 65_536;

/// The sockets of all clients.
pub(crate) struct SocketWire {
    url: String,
    server: SocketAddr,
    sockets: BTreeMap<Socket, (Identity, mpsc::Sender<String>)>,
    incoming: mpsc::Receiver<(Socket, SocketEvent)>,
    events: mpsc::Sender<(Socket, SocketEvent)>,
    /// Received by [`Self::wait`].
    next: Option<(Socket, SocketEvent)>,
    connect_times: Vec<Duration>,
    failed: u32,
}

/// What the task of a socket reports.
enum SocketEvent {
    /// It is open, after this time.
    Opened(Duration),
    Text(String),
    /// It could not be opened, or failed.
    Failed,
}

impl SocketWire {
    /// Creates the sockets to a tracker.
    pub(crate) fn new(url: &str) -> Self {
        let (events, incoming) = mpsc::channel(INCOMING_MAX);
        Self {
            url: url.to_owned(),
            server: server_address(url),
            sockets: BTreeMap::new(),
            incoming,
            events,
            next: None,
            connect_times: Vec::new(),
            failed: 0,
        }
    }

    /// Waits until something comes from the tracker.
    pub(crate) async fn wait(&mut self) {
        if self.next.is_none() {
            self.next = self.incoming.recv().await;
        }
    }

    /// Returns how long sockets took to open.
    pub(crate) fn connect_times(&self) -> Vec<Duration> {
        self.connect_times.clone()
    }

    /// Returns how many sockets could not be opened, or failed.
    pub(crate) fn failed(&self) -> u32 {
        self.failed
    }
}

impl Wire for SocketWire {
    fn open(&mut self, socket: Socket, identity: Identity) {
        let (sender, outgoing) = mpsc::channel(OUTGOING_MAX);
        self.sockets.insert(socket, (identity, sender));
        let (url, server, events) = (self.url.clone(), self.server, self.events.clone());
        tokio::task::spawn_local(async move {
            let started = Instant::now();
            let event = match connect(&url, server, identity.address).await {
                Some(stream) => {
                    let opened = SocketEvent::Opened(started.elapsed());
                    let _ = events.send((socket, opened)).await;
                    drive(stream, outgoing, socket, &events).await
                }
                None => Some(SocketEvent::Failed),
            };
            if let Some(event) = event {
                let _ = events.send((socket, event)).await;
            }
        });
    }

    fn send(&mut self, socket: Socket, message: &ToTracker, _now: Duration) {
        if let Some((identity, outgoing)) = self.sockets.get(&socket) {
            let is_sent = outgoing.try_send(codec::encode(identity, message)).is_ok();
            self.failed += u32::from(!is_sent);
        }
    }

    fn close(&mut self, socket: Socket) {
        // Its task closes the WebSocket when the sender is gone.
        self.sockets.remove(&socket);
    }

    fn receive(&mut self) -> Option<(Socket, Incoming)> {
        loop {
            let next = self.next.take();
            let (socket, event) = next.or_else(|| self.incoming.try_recv().ok())?;
            let incoming = match event {
                SocketEvent::Opened(time) => {
                    self.connect_times.push(time);
                    Some(Incoming::Opened)
                }
                SocketEvent::Text(text) => codec::decode(&text).map(Incoming::Message),
                SocketEvent::Failed => {
                    self.failed += 1;
                    None
                }
            };
            if let Some(incoming) = incoming {
                return Some((socket, incoming));
            }
        }
    }
}

type Stream = WebSocketStream<TcpStream>;

/// Opens a WebSocket from an address of its own, if the tracker is on this machine.
async fn connect(url: &str, server: SocketAddr, address: Ipv4Addr) -> Option<Stream> {
    let socket = match server {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    let socket = socket.ok()?;
    if server.is_ipv4() && server.ip().is_loopback() {
        socket.bind(SocketAddr::from((address, 0))).ok()?;
    }
    let stream = socket.connect(server).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let (stream, _) = tokio_tungstenite::client_async(url, stream).await.ok()?;
    Some(stream)
}

/// Passes messages on until the client closes the socket; returns an event if the tracker does.
async fn drive(
    mut stream: Stream,
    mut outgoing: mpsc::Receiver<String>,
    socket: Socket,
    events: &mpsc::Sender<(Socket, SocketEvent)>,
) -> Option<SocketEvent> {
    loop {
        tokio::select! {
            message = outgoing.recv() => {
                let Some(text) = message else {
                    let frame = CloseFrame { code: CloseCode::Away, reason: "".into() };
                    let _ = stream.close(Some(frame)).await;
                    return None;
                };
                stream.send(Message::text(text)).await.ok()?;
            }
            message = stream.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let text = SocketEvent::Text(text.to_string());
                    events.send((socket, text)).await.ok()?;
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return Some(SocketEvent::Failed),
            },
        }
    }
}

/// Returns the address of the tracker at a URL.
fn server_address(url: &str) -> SocketAddr {
    let uri: Uri = url.parse().expect("--url is a URL");
    let host = uri.host().expect("--url contains a host");
    let address = (host.trim_matches(['[', ']']), uri.port_u16().unwrap_or(80));
    let mut addresses = address.to_socket_addrs().expect("the host of --url");
    addresses.next().expect("the host of --url has an address")
}
