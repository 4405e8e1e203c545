//! Serves the received bytes of one connection: the upgrade, then messages, queued at their receivers.

use std::io::Write as _;

use crate::frame::{self, Frame};
use crate::handshake::{self, Request};
use crate::message::{Kind, Message};
use crate::relay::{Relay, number};

const INTERVAL_SECONDS: u32 = 3600;

impl Relay {
    /// Serves complete messages in `bytes` and returns their length, or `None` if the connection must be closed.
    pub fn serve(&mut self, slot: usize, bytes: &mut [u8]) -> Option<usize> {
        let mut used = 0;
        if !self.connections[slot].upgraded {
            self.touch(slot);
            match handshake::upgrade(bytes, &mut self.connections[slot].out) {
                Request::Upgraded(length) => used = length,
                Request::Partial => return Some(0),
                Request::Bad => return None,
            }
            self.connections[slot].upgraded = true;
        }
        while let Some(frame) = Frame::read(&bytes[used..]) {
            let payload = frame.unmask(&mut bytes[used..]);
            match frame.opcode {
                frame::TEXT => self.message(slot, &self.reader.read(payload)?),
                frame::PING => {
                    self.touch(slot);
                    let out = &mut self.connections[slot].out;
                    frame::head(frame::PONG, payload.len(), out);
                    out.extend_from_slice(payload);
                }
                frame::PONG => {}
                _ => return None,
            }
            used += frame.end;
        }
        Some(used)
    }

    fn message(&mut self, slot: usize, message: &Message<'_>) {
        let from = number(slot);
        match message.kind {
            Kind::Announce { stopped: true, .. } => {
                let known = (message.info_hash, message.peer_id);
                let swarm = self.swarms.join(&mut self.connections, from, known, false);
                self.swarms.leave(&mut self.connections, from);
                self.reply(slot, message.info_hash, swarm);
            }
            Kind::Announce { seeder, offers, .. } => {
                let known = (message.info_hash, message.peer_id);
                let swarm = self.swarms.join(&mut self.connections, from, known, seeder);
                self.reply(slot, message.info_hash, swarm);
                self.offer(from, swarm, message.head, offers);
            }
            Kind::Answer { ref to, tail } => {
                if let Some(to) = self.swarms.find(&self.connections, from, to) {
                    self.send(to as usize, &[b"{", message.head, tail]);
                }
            }
        }
    }

    fn reply(&mut self, slot: usize, info_hash: &[u8], swarm: u32) {
        let (complete, incomplete) = self.swarms.counts(swarm);
        let mut numbers = [0; 96];
        let mut rest = &mut numbers[..];
        // Three numbers of at most ten digits fit.
        let _ = write!(
            rest,
            r#"","complete":{complete},"incomplete":{incomplete},"interval":{INTERVAL_SECONDS}}}"#
        );
        let unused = rest.len();
        let length = numbers.len() - unused;
        self.send(
            slot,
            &[
                br#"{"action":"announce","info_hash":""#,
                info_hash,
                &numbers[..length],
            ],
        );
    }

    fn offer(&mut self, from: u32, swarm: u32, head: &[u8], mut offers: &[u8]) {
        self.chosen.clear();
        while let Some(offer) = self.reader.next_offer(&mut offers)
            && let Some(to) = self.swarms.choose(swarm, from, &self.chosen)
        {
            self.chosen.push(to);
            self.send(to as usize, &[b"{", head, b",", offer]);
        }
    }

    /// Appends one text message.
    fn send(&mut self, slot: usize, parts: &[&[u8]]) {
        self.touch(slot);
        let out = &mut self.connections[slot].out;
        frame::head(frame::TEXT, parts.iter().map(|part| part.len()).sum(), out);
        for part in parts {
            out.extend_from_slice(part);
        }
    }

    /// Marks a connection as having output, and gives it a buffer.
    pub fn touch(&mut self, slot: usize) {
        let connection = &mut self.connections[slot];
        if !connection.touched {
            connection.touched = true;
            self.touched.push(number(slot));
            if connection.out.capacity() == 0 {
                connection.out = self.spare.pop().unwrap_or_default();
            }
        }
    }
}
