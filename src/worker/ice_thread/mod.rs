//! The thread of the STUN server and the TURN relay: receives datagrams, asks the limits, answers and relays.
//!
//! It is a thread of its own, so that a flood of datagrams delays no message of the tracker, and both ends of a relayed
//! connection meet in one table.

mod counting;
mod sockets;

use std::cell::RefCell;
use std::io;
use std::net::UdpSocket;
use std::num::NonZeroU64;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::runtime::LocalOptions;
use tokio::task::yield_now;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use crate::config::is_public_address;
use crate::ice::{
    FiveTuple, PacketKind, RequestContext, STUN_RESPONSE_BYTES_MAX, TurnRelay, answer_binding,
};
use crate::limits::HashedRates;
use crate::metrics::{Counter, Counters};
use crate::net::ReceiveBuffers;
use crate::node::{ClientAddress, Node};
use sockets::IceSockets;

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
                node: self.node,
            });
            for number in 0..server.sockets.len() {
                tokio::task::spawn_local(Rc::clone(&server).serve(number));
            }
            tokio::task::spawn_local(Rc::clone(&server).expire_allocations());
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

    /// Handles one datagram, and counts what became of it.
    fn handle(&self, client: &FiveTuple, packet: &mut [u8], response: &mut Vec<u8>) {
        let counters = self.node.telemetry().ice_counters();
        let result = match PacketKind::of(packet) {
            // Nobody can receive an answer there.
            _ if client.client.port() == 0 => Err(&counters.stun_malformed),
            PacketKind::Data => self.forward(client, packet, response, counters),
            PacketKind::Binding => self.answer_binding(client, packet, response, counters),
            PacketKind::Request => self.answer_request(client, packet, response, counters),
            PacketKind::Unknown => Err(&counters.stun_malformed),
        };
        if let Err(counter) = result {
            counter.add(1);
        }
    }

    fn answer_binding<'a>(
        &self,
        client: &FiveTuple,
        packet: &[u8],
        response: &mut Vec<u8>,
        counters: &'a Counters,
    ) -> Result<(), &'a Counter> {
        let written = answer_binding(packet, client.client, response);
        written.map_err(|reason| counting::of_no_response(counters, reason))?;
        self.admit(client, counters)?;
        self.send(client, response, counters)?;
        counters.stun_bindings.add(1);
        Ok(())
    }

    /// Answers a TURN request.
    fn answer_request<'a>(
        &self,
        client: &FiveTuple,
        packet: &[u8],
        response: &mut Vec<u8>,
        counters: &'a Counters,
    ) -> Result<(), &'a Counter> {
        let relay = &mut *self.relay.borrow_mut();
        let relay = relay.as_mut().ok_or(&counters.stun_not_binding)?;
        let address = self.admit(client, counters)?;
        let context = RequestContext {
            // That of a whole /48: its renter has 65,536 networks of a household.
            address_key: address
                .keys()
                .map(|keys| NonZeroU64::from(keys.widest().key).get()),
            now: self.node.clock().uptime(),
            unix_now: unix_seconds(),
        };
        let outcome = relay.respond(client, packet, &context, response);
        let outcome = outcome.map_err(|reason| counting::of_ignored(counters, reason))?;
        counting::of_outcome(counters, outcome).add(1);
        let gauges = self.node.telemetry().relay_gauges();
        gauges.allocations.set(relay.allocations() as u64);
        self.send(client, response, counters)
    }

    /// Relays a packet.
    fn forward<'a>(
        &self,
        client: &FiveTuple,
        packet: &mut [u8],
        buffer: &mut Vec<u8>,
        counters: &'a Counters,
    ) -> Result<(), &'a Counter> {
        let relay = &mut *self.relay.borrow_mut();
        let relay = relay.as_mut().ok_or(&counters.stun_not_binding)?;
        let now = self.node.clock().uptime();
        let relayed = relay.forward(client, packet, buffer, now);
        let relayed = relayed.map_err(|reason| counting::of_drop(counters, reason))?;
        self.send(relayed.to, relayed.bytes, counters)?;
        counters.turn_packets.add(1);
        counters.bytes_relayed.add(relayed.bytes.len() as u64);
        Ok(())
    }

    /// Admits a request. Its client proves that the port is reached.
    fn admit<'a>(
        &self,
        client: &FiveTuple,
        counters: &'a Counters,
    ) -> Result<ClientAddress, &'a Counter> {
        let ip = client.client.ip();
        let address = self.node.admission().client_address(Some(ip), false);
        let admitted = self.rates.admit(address.keys(), self.node.clock().uptime());
        admitted.map_err(|refusal| counting::of_refusal(counters, refusal))?;
        let is_public = is_public_address(ip);
        self.node.stun_reachability().record_binding(is_public);
        Ok(address)
    }

    fn send<'a>(
        &self,
        client: &FiveTuple,
        bytes: &[u8],
        counters: &'a Counters,
    ) -> Result<(), &'a Counter> {
        let sent = self.sockets.send(client, bytes);
        sent.map_err(|_| &counters.stun_unsent)
    }

    /// Ends what has expired, once a second.
    async fn expire_allocations(self: Rc<Self>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if let Some(relay) = &mut *self.relay.borrow_mut() {
                relay.expire(EXPIRY_SLOTS, self.node.clock().uptime(), unix_seconds());
                let gauges = self.node.telemetry().relay_gauges();
                gauges.allocations.set(relay.allocations() as u64);
                gauges.bytes_today.set(relay.bytes_today());
            }
        }
    }
}

/// Returns the Unix time in seconds.
fn unix_seconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}
