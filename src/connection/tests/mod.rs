//! Tests connections over in-memory pipes, under paused time: deadlines are exact and take no real time.

mod deadlines;
mod disconnect;
mod echo;
mod fairness;
mod frames;
mod limits;
mod serving;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::{WorkerContext, serve};
use crate::config::Config;
use crate::hub::{DEADLINE_SLICES, Ended, Hub, Mailboxes};
use crate::limits::Ban;
use crate::metrics::Snapshot;
use crate::node::{ClientInfo, ConnectionPermit, Node};
use crate::swarm::SwarmTotals;

/// A worker without sockets: a hub, its clock and its tick.
struct TestWorker {
    hub: Rc<Hub>,
    context: Rc<WorkerContext>,
}

impl TestWorker {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        change(&mut config);
        let node = Arc::new(Node::new(&config, 1));
        let mailboxes = Mailboxes::new(&config, 1, node.telemetry());
        let (hub, started) = (Hub::new(node, mailboxes, 0, 1), Instant::now());
        let ticking_hub = Rc::clone(&hub);
        tokio::task::spawn_local(async move {
            let mut ticks = interval(Duration::from_millis(1000 / DEADLINE_SLICES as u64));
            loop {
                ticks.tick().await;
                ticking_hub.advance_to(started.elapsed());
                ticking_hub.check_deadlines();
            }
        });
        let message_bytes_max = config.connection.message_bytes_max;
        Self {
            context: WorkerContext::new(Rc::clone(&hub), started, message_bytes_max),
            hub,
        }
    }

    fn active_bans(&self) -> Vec<Ban> {
        let admission = self.hub.admission().shared();
        admission.active_bans(self.hub.time())
    }

    /// Returns the client at an address.
    fn client_at(&self, address: &str) -> ClientInfo {
        let admission = self.hub.admission().shared();
        ClientInfo {
            address: admission.client_address(address.parse().ok(), false),
            ..ClientInfo::default()
        }
    }

    /// Admits a connection of a client.
    fn admit(&self, client_info: &ClientInfo) -> ConnectionPermit {
        let admitted = self.hub.admission().admit_connection(client_info);
        admitted.expect("room")
    }

    /// Returns the client's end of a new connection, and the task of the server's end.
    fn pipe(&self, pipe_bytes: usize) -> (DuplexStream, JoinHandle<Ended>) {
        self.pipe_as(&ClientInfo::default(), pipe_bytes)
    }

    /// As [`Self::pipe`], for a given client.
    fn pipe_as(
        &self,
        client_info: &ClientInfo,
        pipe_bytes: usize,
    ) -> (DuplexStream, JoinHandle<Ended>) {
        let (client, server) = tokio::io::duplex(pipe_bytes);
        let context = Rc::clone(&self.context);
        let admitted = (client_info, self.admit(client_info));
        let task = serve(server, Vec::new(), admitted, context);
        (client, tokio::task::spawn_local(task))
    }

    async fn connect(&self) -> TestClient {
        self.connect_with(1 << 20).await
    }

    async fn connect_with(&self, pipe_bytes: usize) -> TestClient {
        Self::attach_client(self.pipe(pipe_bytes)).await
    }

    async fn connect_as(&self, client_info: &ClientInfo) -> TestClient {
        Self::attach_client(self.pipe_as(client_info, 1 << 20)).await
    }

    async fn attach_client((pipe, task): (DuplexStream, JoinHandle<Ended>)) -> TestClient {
        TestClient {
            socket: WebSocketStream::from_raw_socket(pipe, Role::Client, None).await,
            task,
        }
    }

    fn totals(&self) -> SwarmTotals {
        let totals = self.hub.node().tracker().swarms().totals();
        assert_eq!(self.hub.node().tracker().swarms().recount(), Some(totals));
        totals
    }

    fn counters(&self) -> Snapshot {
        self.hub.node().counters()
    }

    /// Returns the number of pauses in reading, of all reasons.
    fn pauses(&self) -> u64 {
        let counters = self.counters();
        counters.paused_messages_per_second
            + counters.paused_offers_per_second
            + counters.paused_bytes_per_second
    }
}

/// A client of the tracker.
struct TestClient {
    socket: WebSocketStream<DuplexStream>,
    task: JoinHandle<Ended>,
}

impl TestClient {
    async fn send_json(&mut self, message: &Value) {
        self.send(Message::text(message.to_string())).await;
    }

    async fn send(&mut self, message: Message) {
        self.socket.send(message).await.expect("the server reads");
    }

    /// Returns the next message that is neither ping nor pong; `None` if none arrives within a minute.
    async fn receive(&mut self) -> Option<Message> {
        let next = async {
            loop {
                match self.socket.next().await.and_then(Result::ok) {
                    Some(Message::Ping(_) | Message::Pong(_)) => {}
                    other => return other,
                }
            }
        };
        timeout(Duration::from_mins(1), next).await.ok().flatten()
    }

    async fn receive_json(&mut self) -> Value {
        match self.receive().await {
            Some(Message::Text(text)) => serde_json::from_str(&text).expect("JSON"),
            other => panic!("a text message expected, not {other:?}"),
        }
    }

    async fn receive_close(&mut self) -> u16 {
        loop {
            match self.receive().await {
                Some(Message::Close(Some(frame))) => return frame.code.into(),
                Some(Message::Text(_)) => {}
                other => panic!("a close frame expected, not {other:?}"),
            }
        }
    }

    async fn disconnect(self) -> Ended {
        drop(self.socket);
        self.task.await.expect("no panic")
    }
}

fn announce(swarm: char, peer: char) -> Value {
    json!({"action": "announce", "info_hash": swarm.to_string().repeat(20), "peer_id": peer.to_string().repeat(20)})
}

fn announce_with_offers(swarm: char, peer: char, offers: usize, sdp: &str) -> Value {
    let offer = |number| json!({"offer_id": format!("{peer}{number:019}"), "offer": {"type": "offer", "sdp": sdp}});
    let mut message = announce(swarm, peer);
    message["offers"] = (0..offers).map(offer).collect();
    message
}
