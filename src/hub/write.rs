//! Queues frames in outboxes and mailboxes, and writes outboxes to sockets.

use std::hint::black_box;
use std::io;
use std::task::Poll;

use super::connection_entry::{ConnectionEntry, WrappingMillis};
use super::{Ended, Hub, HubState, Mailboxes, Priority, PushResult, entry_mut};
use crate::limits::IntervalController;
use crate::protocol::{self, ConnectionId, Counts, InfoHash};
use crate::swarm::Pace;
use crate::tracker::{Relay, RelayKind, Reply};
use crate::websocket;

/// Bytes of a control frame without payload, and the room that writing it takes.
pub(super) const CONTROL_FRAME_BYTES: usize = 4;
/// Bytes of a close frame with a code and no reason.
const CLOSE_FRAME_BYTES: usize = 6;
/// Bytes of the longest header of a server's frame.
pub(super) const HEADER_BYTES_MAX: usize = 10;

impl Hub {
    /// Queues the relays of a message.
    pub(super) fn deliver_relays(&self, state: &mut HubState, relays: &[Relay<'_>]) {
        if self.node.introductions().is_active() {
            self.node.introductions().record(relays, self.time.get());
        }
        self.prefetch_receivers(state, relays);
        for relay in relays {
            self.relay(state, relay);
        }
    }

    /// Reads a word of each receiver, so that the processor loads all of them in parallel. Loading them one by one
    /// would wait for each.
    fn prefetch_receivers(&self, state: &HubState, relays: &[Relay<'_>]) {
        let own = relays.iter().map(|relay| relay.to.connection);
        let waiting: usize = own
            .filter(|to| to.worker() == self.worker)
            .filter_map(|to| state.entries.get(to.slot()))
            .map(|entry| entry.outbox.bytes())
            .sum();
        black_box(waiting);
    }

    /// Queues a relay in the outbox of its receiver, or in the mailbox of the receiver's worker.
    fn relay(&self, state: &mut HubState, relay: &Relay<'_>) {
        let to = relay.to.connection;
        if to.worker() == self.worker {
            let (priority, size) = (relay_priority(relay.kind), relay_bytes(relay));
            self.enqueue((state, to), priority, size, |out| write_relay(out, relay));
        } else if !self.mailboxes.push_relay(relay) {
            self.counters().relays_dropped_inbox_full.add(1);
        }
    }

    /// Queues a frame in the outbox of a connection of this worker.
    pub(crate) fn deliver(&self, to: ConnectionId, priority: Priority, frame: &[u8]) {
        let state = &mut self.state.borrow_mut();
        self.enqueue((state, to), priority, frame.len(), |out| {
            out.extend_from_slice(frame);
        });
    }

    fn enqueue(
        &self,
        (state, to): (&mut HubState, ConnectionId),
        priority: Priority,
        size: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        match entry_mut(&mut state.entries, to) {
            Some(entry) => {
                self.push_output(entry, priority, size, write);
                entry.wake();
            }
            None => self.counters().relays_without_receiver.add(1),
        }
    }

    /// Queues the reply of the tracker to the connection being served. [`Self::answer_refusal`] sends failures.
    pub(super) fn reply_to(
        &self,
        entry: &mut ConnectionEntry,
        reply: &Reply,
        intervals: &IntervalController,
    ) {
        match reply {
            Reply::Announce(info_hash, counts, pace) => {
                let interval = match pace {
                    Pace::Lonely(before) => intervals.lonely_interval(*before),
                    Pace::Brisk => intervals.brisk_interval(),
                    Pace::Usual => intervals.interval(),
                    Pace::Sated => intervals.sated_interval(),
                };
                self.reply(entry, protocol::REPLY_BYTES, |out| {
                    protocol::write_announce_reply(out, info_hash, *counts, interval);
                });
            }
            Reply::Scrape(files) => {
                self.reply(entry, protocol::scrape_bytes(files.len()), |out| {
                    protocol::write_scrape_reply(out, files);
                });
            }
            Reply::Failure(_) => {}
        }
    }

    /// Queues a reply to the connection being served.
    pub(super) fn reply(
        &self,
        entry: &mut ConnectionEntry,
        size: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        self.push_output(entry, Priority::Required, size + HEADER_BYTES_MAX, |out| {
            websocket::write_text(out, write);
        });
    }

    /// Queues frames in an outbox. Marks the member as blocked when the outbox is half full.
    pub(super) fn push_output(
        &self,
        entry: &mut ConnectionEntry,
        priority: Priority,
        size: usize,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let bytes_max = self.hot_settings.get().output_bytes_max;
        let pool = &mut self.buffer_pool.borrow_mut();
        let pushed = entry.outbox.push(priority, (size, bytes_max), pool, write);
        match (priority, pushed) {
            (_, PushResult::Queued) => {}
            (Priority::Droppable, PushResult::Dropped) => {
                self.counters().offers_dropped_output_full.add(1);
            }
            (Priority::Required, PushResult::Dropped) => {
                self.counters().messages_dropped_output_full.add(1);
            }
        }
        if !entry.output_blocked && entry.outbox.bytes() > bytes_max / 2 {
            entry.output_blocked = true;
            self.node
                .tracker()
                .set_blocked(&mut entry.participant, true);
        }
    }

    /// Answers a client's close frame with its own code, if it has one.
    pub fn answer_close(&self, id: ConnectionId, code: Option<u16>) {
        self.with_entry(id, |entry| {
            self.push_output(entry, Priority::Required, CLOSE_FRAME_BYTES, |out| {
                websocket::write_close(out, code.map(|code| (code, "")));
            });
        });
    }

    /// Writes an outbox. `write` is that of [`Self::end_turn`]. If it fails or writes no byte, the output is dropped.
    pub(super) fn write_output(
        &self,
        entry: &mut ConnectionEntry,
        mut write: impl FnMut(&[u8]) -> Poll<io::Result<usize>>,
    ) -> Result<(), Ended> {
        let (now, bytes_max) = (self.time.get(), self.hot_settings.get().output_bytes_max);
        let pool = &mut self.buffer_pool.borrow_mut();
        let before = entry.outbox.bytes();
        while !entry.outbox.is_empty() {
            match write(entry.outbox.queued()) {
                Poll::Ready(Ok(bytes @ 1..)) => entry.outbox.advance(bytes, pool),
                Poll::Ready(_) => {
                    drop(entry.outbox.take());
                    return Err(Ended::Lost);
                }
                Poll::Pending => break,
            }
        }
        let after = entry.outbox.bytes();
        self.counters().bytes_sent.add((before - after) as u64);
        let progress = after < before;
        if progress && after > bytes_max / 2 {
            // It is not read now, so progress in writing counts as a sign of life.
            entry.record_input(now);
        }
        entry.stuck_since = match entry.stuck_since {
            _ if after == 0 => None,
            Some(since) if !progress => Some(since),
            _ => Some(WrappingMillis::from_uptime(now)),
        };
        if entry.output_blocked && after <= bytes_max / 4 {
            entry.output_blocked = false;
            self.node
                .tracker()
                .set_blocked(&mut entry.participant, false);
        }
        Ok(())
    }

    /// Takes all output of a connection that is about to close.
    #[must_use]
    pub fn take_output(&self, id: ConnectionId) -> Vec<u8> {
        self.with_entry(id, |entry| entry.outbox.take())
            .unwrap_or_default()
    }
}

impl Mailboxes {
    /// Queues a relay in the mailbox of the receiver's worker. Returns false if there is no room.
    #[must_use]
    pub fn push_relay(&self, relay: &Relay<'_>) -> bool {
        let to = relay.to.connection;
        let (priority, size) = (relay_priority(relay.kind), relay_bytes(relay));
        self.of_worker(to.worker())
            .is_none_or(|mailbox| mailbox.push(to, priority, size, |out| write_relay(out, relay)))
    }
}

impl Mailboxes {
    /// Queues the reply to a scrape in the mailbox of the connection's worker. Returns false if there is no room.
    #[must_use]
    pub fn push_scrape_reply(&self, to: ConnectionId, files: &[(InfoHash, Counts)]) -> bool {
        let size = protocol::scrape_bytes(files.len()) + HEADER_BYTES_MAX;
        let write = |out: &mut Vec<u8>| {
            websocket::write_text(out, |out| protocol::write_scrape_reply(out, files));
        };
        let mailbox = self.of_worker(to.worker());
        mailbox.is_none_or(|mailbox| mailbox.push(to, Priority::Required, size, write))
    }
}

#[inline]
const fn relay_priority(kind: RelayKind) -> Priority {
    match kind {
        RelayKind::Offer => Priority::Droppable,
        RelayKind::Answer => Priority::Required,
    }
}

#[inline]
fn relay_bytes(relay: &Relay<'_>) -> usize {
    protocol::relay_bytes(relay.sdp) + HEADER_BYTES_MAX
}

#[inline]
fn write_relay(out: &mut Vec<u8>, relay: &Relay<'_>) {
    let Relay {
        info_hash,
        from,
        offer_id,
        sdp,
        kind,
        ..
    } = relay;
    websocket::write_text(out, |out| match kind {
        RelayKind::Offer => protocol::write_relayed_offer(out, info_hash, from, offer_id, *sdp),
        RelayKind::Answer => protocol::write_relayed_answer(out, info_hash, from, offer_id, *sdp),
    });
}
