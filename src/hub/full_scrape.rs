//! Serves full scrapes (`tracker.full_scrape`): one at a time in the whole process, in pieces as the client reads them.
//!
//! Over WebSockets each piece is a separate reply with other swarms; clients use each reply for the swarms that it
//! names. Over HTTP the pieces form one body, which the HTTP layer requests.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::entry::Entry;
use super::{Ended, Hub, Next, Node, State, Visitor};
use crate::protocol::http::{Failure, Target};
use crate::protocol::{self, About, ConnectionId, Failure as MessageFailure, Refusal};
use crate::tracker::ScrapeCursor;

pub use crate::tracker::ScrapePrefix;

/// Number of swarms in one reply over a WebSocket: about 16 KB.
const SWARMS_PER_REPLY: usize = 128;
/// Minimum average read rate of a full scrape, in bytes per second: a million swarms in twenty minutes. Only one runs
/// at a time, and a reader of one byte a second would occupy it for as long as it likes.
const LEAST_BYTES_PER_SECOND: usize = 64 * 1024;
/// Extra time for the first bytes and for a stalled line.
const GRACE: Duration = Duration::from_secs(10);

/// Returns whether a client that has read `taken` bytes of a full scrape in `time` must give it up.
#[must_use]
pub fn takes_too_slowly(taken: usize, time: Duration) -> bool {
    let due = time.saturating_sub(GRACE).as_secs_f64();
    // A float represents these amounts well enough.
    #[expect(clippy::cast_precision_loss, reason = "a few gigabytes at most")]
    let taken = taken as f64 / LEAST_BYTES_PER_SECOND as f64;
    due > taken
}

/// Permits one full scrape until it is dropped.
#[derive(Debug)]
pub struct FullScrape(Arc<Node>);

impl Drop for FullScrape {
    fn drop(&mut self) {
        self.0.is_telling_all.store(false, Ordering::Release);
    }
}

/// A full scrape that is being sent to a WebSocket.
#[derive(Debug)]
pub(super) struct Telling {
    to: ConnectionId,
    cursor: ScrapeCursor,
    began: Duration,
    /// Bytes of the replies so far.
    told: usize,
    _permit: FullScrape,
}

impl Node {
    /// Starts a full scrape if none is running.
    fn begin_full_scrape(self: &Arc<Self>) -> Option<FullScrape> {
        let begun =
            self.is_telling_all
                .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed);
        begun.ok().map(|_| FullScrape(Arc::clone(self)))
    }
}

impl Hub {
    /// Starts a full scrape of a client over HTTP.
    ///
    /// # Errors
    ///
    /// Why the client is refused. The caller counts the refusal.
    pub fn full_scrape_http(
        &self,
        client: &Visitor,
        target: Target<'_>,
    ) -> Result<FullScrape, Failure> {
        let begun = self.check(client, target).and_then(|()| {
            if !self.node.tracker.allows_full_scrape() {
                return Err(Failure::FullScrape);
            }
            let begun = self.node.begin_full_scrape();
            begun.ok_or(Failure::FullScrapeBusy)
        });
        if begun.is_ok() {
            self.counters().http_scrapes.add(1);
        }
        begun
    }

    /// Starts to send a full scrape to a WebSocket.
    pub(super) fn begin_telling_all(
        &self,
        entry: &mut Entry,
        reply: &mut Option<Telling>,
        (interval, now): (u32, Duration),
    ) -> Next {
        let Some(permit) = self.node.begin_full_scrape() else {
            let refusal = Refusal {
                failure: MessageFailure::FullScrapeBusy,
                about: About::Scrape,
            };
            return self.refuse(entry, refusal, interval, now);
        };
        let mut begun = Telling {
            to: entry.id,
            cursor: ScrapeCursor::default(),
            began: now,
            told: 0,
            _permit: permit,
        };
        // The first reply is sent even if it is empty.
        let files = self.tell_some(entry, &mut begun, true);
        if files > 0 {
            self.telling_to.set(Some(entry.id));
            *reply = Some(begun);
        }
        self.charge(entry, 0, now)
    }

    /// Continues the full scrape of a WebSocket after its output was written. Returns false if there is nothing more to
    /// send now.
    pub fn go_on_telling_all(&self, id: ConnectionId) -> bool {
        if self.telling_to.get() != Some(id) {
            return false;
        }
        let state = &mut *self.state.borrow_mut();
        let Some(entry) = state
            .entries
            .get_mut(id.slot())
            .filter(|known| known.id == id)
        else {
            return false;
        };
        let Some(reply) = &mut state.telling else {
            return false;
        };
        if !entry.outbox.is_empty() {
            return false;
        }
        let files = self.tell_some(entry, reply, false);
        if files == 0 {
            state.telling = None;
            self.telling_to.set(None);
        }
        files > 0
    }

    /// Cancels the full scrape of a closed connection.
    pub(super) fn stop_telling_all(&self, reply: &mut Option<Telling>, id: ConnectionId) {
        if reply.as_ref().is_some_and(|reply| reply.to == id) {
            *reply = None;
            self.telling_to.set(None);
        }
    }

    /// Closes a WebSocket that reads its full scrape too slowly.
    pub(super) fn check_telling(&self, state: &mut State) {
        let Some(reply) = &state.telling else {
            return;
        };
        let to = state.entries.get_mut(reply.to.slot());
        if let Some(entry) = to.filter(|entry| entry.id == reply.to) {
            let taken = reply.told.saturating_sub(entry.outbox.bytes());
            let time = self.time.get().saturating_sub(reply.began);
            if takes_too_slowly(taken, time) {
                entry.close(Ended::Stuck);
            }
        }
    }

    /// Sends the next swarms and returns their number.
    fn tell_some(&self, entry: &mut Entry, reply: &mut Telling, is_first: bool) -> usize {
        let files = self
            .node
            .tracker
            .next_swarms(&mut reply.cursor, SWARMS_PER_REPLY);
        let before = entry.outbox.bytes();
        if is_first || !files.is_empty() {
            self.say(entry, protocol::scrape_bytes(files.len()), |out| {
                protocol::scrape_reply(out, &files);
            });
        }
        reply.told += entry.outbox.bytes() - before;
        files.len()
    }
}
