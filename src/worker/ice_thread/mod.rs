//! The thread of the STUN server and the TURN relay: receives packets, asks the limits, answers and relays.
//!
//! It is a thread of its own, so that a flood of packets delays no message of the tracker, and both ends of a relayed
//! connection meet in one table. Clients send datagrams; those whose network lets out no UDP connect by TCP or TLS, and
//! workers pass these connections on.

mod counting;
mod packets;
mod sockets;
mod stream;
mod stream_table;

use std::cell::RefCell;
use std::io;
use std::net::UdpSocket;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::runtime::LocalOptions;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::ice::{FiveTuple, STUN_RESPONSE_BYTES_MAX, TurnRelay};
use crate::limits::HashedRates;
use crate::net::ReceiveBuffers;
use crate::node::Node;
use sockets::IceSockets;
use stream::StreamBuffers;
use stream_table::{StreamLimits, StreamOutput, StreamTable, TableFull};

pub(crate) use stream::TurnConnection;

/// How often expired allocations are looked for, and how many places of the tables are visited then.
const TICK: Duration = Duration::from_secs(1);
const EXPIRY_SLOTS: usize = 4096;
/// The pause after an error of a socket, so that a lasting one does not use up a core.
const RECEIVE_RETRY_DELAY: Duration = Duration::from_millis(10);

/// What the thread needs.
#[derive(Debug)]
pub(crate) struct IceThread {
    pub(crate) sockets: Vec<UdpSocket>,
    pub(crate) node: Arc<Node>,
    /// `ice.turn`
    pub(crate) relay: Option<TurnRelay>,
    /// What workers accept for the relay.
    pub(crate) turn_connections: mpsc::Receiver<TurnConnection>,
    /// Cancelled when the listeners close.
    pub(crate) stop: CancellationToken,
}

impl IceThread {
    /// Serves until `stop` is cancelled.
    pub(crate) fn run(self) -> io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())?;
        runtime.block_on(async {
            let server = Rc::new(IceServer {
                sockets: IceSockets::new(self.sockets)?,
                rates: self.node.admission().stun_rates(),
                relay: RefCell::new(self.relay),
                streams: StreamTable::new(StreamLimits::of(&self.node)),
                buffers: RefCell::default(),
                node: self.node,
            });
            for number in 0..server.sockets.len() {
                tokio::task::spawn_local(Rc::clone(&server).serve(number));
            }
            tokio::task::spawn_local(Rc::clone(&server).accept_streams(self.turn_connections));
            tokio::task::spawn_local(Rc::clone(&server).tick());
            self.stop.cancelled().await;
            Ok(())
        })
    }
}

struct IceServer {
    sockets: IceSockets,
    node: Arc<Node>,
    rates: HashedRates,
    relay: RefCell<Option<TurnRelay>>,
    streams: StreamTable,
    buffers: RefCell<StreamBuffers>,
}

impl IceServer {
    /// Serves one socket.
    async fn serve(self: Rc<Self>, number: usize) {
        let mut buffers = ReceiveBuffers::default();
        let mut response = Vec::with_capacity(STUN_RESPONSE_BYTES_MAX);
        loop {
            let received = self
                .sockets
                .receive(number, &mut buffers, |client, packet| {
                    self.handle(&client, packet, &mut response);
                });
            if let Err(error) = received.await {
                // ICMP reports that a client refused an earlier datagram; the socket itself works.
                tracing::debug!(%error, "receiving datagrams");
                sleep(RECEIVE_RETRY_DELAY).await;
            }
            // Sockets take turns.
            yield_now().await;
        }
    }

    /// Serves the connections that workers accept for the relay.
    async fn accept_streams(self: Rc<Self>, mut accepted: mpsc::Receiver<TurnConnection>) {
        let mut number = 0;
        while let Some(connection) = accepted.recv().await {
            number += 1;
            tokio::task::spawn_local(Rc::clone(&self).serve_stream(number, connection));
        }
    }

    fn add_stream(&self, number: u64, client: FiveTuple) -> Result<Rc<StreamOutput>, TableFull> {
        let now = self.node.clock().uptime();
        let added = self
            .streams
            .add(number, client, now, |client| self.is_used(client, now));
        self.report_streams();
        added
    }

    /// Removes a connection, and ends its allocation.
    fn remove_stream(&self, output: &StreamOutput) {
        self.streams.remove(output);
        self.report_streams();
        if let Some(relay) = &mut *self.relay.borrow_mut() {
            relay.end_client(&output.client, self.node.clock().uptime());
            self.report_allocations(relay);
        }
    }

    /// Returns whether a client has an allocation.
    fn is_used(&self, client: &FiveTuple, now: Duration) -> bool {
        let relay = self.relay.borrow();
        relay
            .as_ref()
            .is_some_and(|relay| relay.has_allocation(client, now))
    }

    fn report_streams(&self) {
        let gauges = self.node.telemetry().relay_gauges();
        gauges.connections.set(self.streams.len() as u64);
    }

    fn report_allocations(&self, relay: &TurnRelay) {
        let gauges = self.node.telemetry().relay_gauges();
        gauges.allocations.set(relay.allocations() as u64);
    }

    /// Ends what has expired, and applies changed settings, once a second.
    async fn tick(self: Rc<Self>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let now = self.node.clock().uptime();
            if let Some(relay) = &mut *self.relay.borrow_mut() {
                relay.update_policy(self.node.settings().turn.relay);
                relay.expire(EXPIRY_SLOTS, now, unix_seconds());
                self.report_allocations(relay);
                let gauges = self.node.telemetry().relay_gauges();
                gauges.bytes_today.set(relay.bytes_today());
            }
            let limits = StreamLimits::of(&self.node);
            self.streams
                .check(limits, now, |client| self.is_used(client, now));
        }
    }
}

impl StreamLimits {
    /// Returns the limits in force.
    fn of(node: &Node) -> Self {
        let settings = node.settings();
        Self {
            connections: settings.turn.connections_max,
            output_bytes: settings.turn.output_bytes_max,
            time_unused: settings.accept.handshake_timeout,
            time_stuck: settings.accept.stuck_after,
        }
    }
}

/// Returns the Unix time in seconds.
fn unix_seconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}
