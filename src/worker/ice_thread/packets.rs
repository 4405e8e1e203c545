//! Handles one packet: answers a request, or relays its data; and counts what became of it.

use std::num::NonZeroU64;

use super::{IceServer, counting, unix_seconds};
use crate::config::is_public_address;
use crate::ice::{ClientTransport, FiveTuple, PacketKind, RequestContext, answer_binding};
use crate::metrics::{Counter, Counters};
use crate::node::ClientAddress;

impl IceServer {
    /// Handles one datagram, and counts what became of it.
    pub(super) fn handle(&self, client: &FiveTuple, packet: &mut [u8], response: &mut Vec<u8>) {
        let counters = self.node.telemetry().ice_counters();
        // Nobody can receive an answer at port 0.
        let handled = if client.client.port() == 0 {
            Err(&counters.stun_malformed)
        } else {
            self.handle_packet(client, packet, response, counters)
        };
        if let Err(counter) = handled {
            counter.add(1);
        }
    }

    /// Handles one packet of a TURN connection. Returns whether to keep the connection. Without an allocation each packet
    /// must be a request that gets a response.
    pub(super) fn handle_stream_packet(
        &self,
        client: &FiveTuple,
        packet: &mut [u8],
        response: &mut Vec<u8>,
    ) -> bool {
        let counters = self.node.telemetry().ice_counters();
        let Err(counter) = self.handle_packet(client, packet, response, counters) else {
            return true;
        };
        counter.add(1);
        self.is_used(client, self.node.clock().uptime())
    }

    fn handle_packet<'a>(
        &self,
        client: &FiveTuple,
        packet: &mut [u8],
        response: &mut Vec<u8>,
        counters: &'a Counters,
    ) -> Result<(), &'a Counter> {
        match PacketKind::of(packet) {
            PacketKind::Data => self.forward(client, packet, response, counters),
            PacketKind::Binding => self.answer_binding(client, packet, response, counters),
            PacketKind::Request => self.answer_request(client, packet, response, counters),
            PacketKind::Unknown => Err(&counters.stun_malformed),
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
        self.admit(client, counters, false)?;
        self.send(client, response, 0, counters)?;
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
        let has_allocation = relay.has_allocation(client, self.node.clock().uptime());
        let address = self.admit(client, counters, has_allocation)?;
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
        self.report_allocations(relay);
        self.send(client, response, 0, counters)
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
        self.send(relayed.to, relayed.bytes, relayed.padding, counters)?;
        counters.turn_packets.add(1);
        counters.bytes_relayed.add(relayed.bytes.len() as u64);
        Ok(())
    }

    /// Asks the limits about a request. A datagram proves that the port is reached.
    fn admit<'a>(
        &self,
        client: &FiveTuple,
        counters: &'a Counters,
        has_allocation: bool,
    ) -> Result<ClientAddress, &'a Counter> {
        let ip = client.client.ip();
        let address = self.node.admission().client_address(Some(ip), false);
        let (keys, now) = (address.keys(), self.node.clock().uptime());
        let is_proven = has_allocation || client.stream_number().is_some();
        let admitted = if is_proven {
            self.rates.admit_proven(keys, now)
        } else {
            self.rates.admit(keys, now)
        };
        admitted.map_err(|refusal| counting::of_refusal(counters, refusal))?;
        if client.transport == ClientTransport::Udp {
            let is_public = is_public_address(ip);
            self.node.stun_reachability().record_binding(is_public);
        }
        Ok(address)
    }

    /// Sends a packet and so many zero bytes after it. A packet without room is lost, as on any router.
    fn send<'a>(
        &self,
        client: &FiveTuple,
        bytes: &[u8],
        padding: usize,
        counters: &'a Counters,
    ) -> Result<(), &'a Counter> {
        match client.transport {
            ClientTransport::Udp => {
                let sent = self.sockets.send(client, bytes);
                sent.map_err(|_| &counters.stun_unsent)
            }
            ClientTransport::Stream(number) => {
                let now = self.node.clock().uptime();
                let queued = self.streams.queue(number, bytes, padding, now);
                queued.map_err(|_| &counters.turn_dropped_output)
            }
        }
    }
}
