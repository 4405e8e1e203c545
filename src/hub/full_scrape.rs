//! Serves full scrapes (`tracker.full_scrape`) of WebSockets: one at a time in the whole process, in pieces as the client
//! reads them. Each piece is a separate reply with other swarms; clients use each reply for the swarms that it names.

use std::time::Duration;

use super::connection_entry::ConnectionEntry;
use super::{Ended, Hub, HubState, entry_mut};
use crate::node::FullScrapePermit;
use crate::protocol::{self, ConnectionId, Failure, Refusal, RefusalSubject};
use crate::tracker::ScrapeCursor;

/// Number of swarms in one reply over a WebSocket: about 16 KB.
const SWARMS_PER_REPLY: usize = 128;
/// Minimum average read rate of a full scrape, in bytes per second: a million swarms in twenty minutes. Only one runs
/// at a time, and a reader of one byte a second would occupy it for as long as it likes.
const READ_BYTES_PER_SECOND_MIN: usize = 64 * 1024;
/// Extra time for the first bytes and for a stalled line.
const READ_GRACE_PERIOD: Duration = Duration::from_secs(10);

/// Returns whether a client that has read `taken` bytes of a full scrape in `time` must give it up.
#[must_use]
pub fn reads_too_slowly(taken: usize, time: Duration) -> bool {
    let due = time.saturating_sub(READ_GRACE_PERIOD).as_secs_f64();
    // A float represents these amounts well enough.
    #[expect(clippy::cast_precision_loss, reason = "a few gigabytes at most")]
    let taken = taken as f64 / READ_BYTES_PER_SECOND_MIN as f64;
    due > taken
}

/// A full scrape that is being sent to a WebSocket.
#[derive(Debug)]
pub(super) struct FullScrapeReply {
    receiver: ConnectionId,
    cursor: ScrapeCursor,
    started_at: Duration,
    /// Bytes of the replies so far.
    sent_bytes: usize,
    _permit: FullScrapePermit,
}

impl Hub {
    /// Starts to send a full scrape to a WebSocket.
    pub(super) fn start_full_scrape(
        &self,
        entry: &mut ConnectionEntry,
        reply: &mut Option<FullScrapeReply>,
    ) -> Result<(), Refusal> {
        let permit = self.node.full_scrapes().try_take().ok_or(Refusal {
            failure: Failure::FullScrapeBusy,
            subject: RefusalSubject::Scrape,
        })?;
        let mut begun = FullScrapeReply {
            receiver: entry.id,
            cursor: ScrapeCursor::default(),
            started_at: self.time.get(),
            sent_bytes: 0,
            _permit: permit,
        };
        // The first reply is sent even if it is empty.
        let files = self.send_next_swarms(entry, &mut begun, true);
        if files > 0 {
            self.full_scrape_receiver.set(Some(entry.id));
            *reply = Some(begun);
        }
        Ok(())
    }

    /// Continues the full scrape of a WebSocket after its output was written. Returns false if there is nothing more to
    /// send now.
    pub(super) fn continue_full_scrape(&self, id: ConnectionId) -> bool {
        if self.full_scrape_receiver.get() != Some(id) {
            return false;
        }
        let state = &mut *self.state.borrow_mut();
        let Some(entry) = entry_mut(&mut state.entries, id) else {
            return false;
        };
        let Some(reply) = &mut state.full_scrape else {
            return false;
        };
        if !entry.outbox.is_empty() {
            return false;
        }
        let files = self.send_next_swarms(entry, reply, false);
        if files == 0 {
            state.full_scrape = None;
            self.full_scrape_receiver.set(None);
        }
        files > 0
    }

    /// Cancels the full scrape of a closed connection.
    pub(super) fn cancel_full_scrape(&self, reply: &mut Option<FullScrapeReply>, id: ConnectionId) {
        if reply.as_ref().is_some_and(|reply| reply.receiver == id) {
            *reply = None;
            self.full_scrape_receiver.set(None);
        }
    }

    /// Closes a WebSocket that reads its full scrape too slowly.
    pub(super) fn check_full_scrape_speed(&self, state: &mut HubState) {
        let Some(reply) = &state.full_scrape else {
            return;
        };
        if let Some(entry) = entry_mut(&mut state.entries, reply.receiver) {
            let taken = reply.sent_bytes.saturating_sub(entry.outbox.bytes());
            let time = self.time.get().saturating_sub(reply.started_at);
            if reads_too_slowly(taken, time) {
                entry.close(Ended::Stuck);
            }
        }
    }

    /// Sends the next swarms and returns their number.
    fn send_next_swarms(
        &self,
        entry: &mut ConnectionEntry,
        reply: &mut FullScrapeReply,
        is_first: bool,
    ) -> usize {
        let tracker = self.node.tracker();
        let mut files = tracker.next_scrape_chunk(&mut reply.cursor, SWARMS_PER_REPLY);
        self.node.add_others(&mut files);
        let before = entry.outbox.bytes();
        if is_first || !files.is_empty() {
            self.reply(entry, protocol::scrape_bytes(files.len()), |out| {
                protocol::write_scrape_reply(out, &files);
            });
        }
        reply.sent_bytes += entry.outbox.bytes() - before;
        files.len()
    }
}
