//! Scrapes of everything (`tracker.full_scrape`): one at a time for the whole process, and made in pieces as they are taken.
//!
//! Over WebSockets each piece is a reply of its own, with other swarms: clients take each reply for what it names. Over HTTP the
//! pieces make one body, which the HTTP layer asks for.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::entry::Entry;
use super::{Ended, Hub, Next, Node, State, Visitor};
use crate::protocol::http::{Failure, Target};
use crate::protocol::{self, About, ConnectionId, Failure as MessageFailure, Refusal};
use crate::tracker::ScrapeCursor;

pub use crate::tracker::ScrapePrefix;

/// Swarms that one reply over a WebSocket names: some 16 KB.
const SWARMS_PER_REPLY: usize = 128;
/// Bytes a second in which a scrape of everything has to be taken on average: all of a million swarms in twenty minutes. There is one
/// place for it, which a reader of a byte a second would have for as long as it likes.
const LEAST_BYTES_PER_SECOND: usize = 64 * 1024;
/// So much longer it may take: for the first bytes, and for a line that rests.
const GRACE: Duration = Duration::from_secs(10);

/// Whether whoever has taken so many bytes of a scrape of everything in this time gives its place up.
#[must_use]
pub fn takes_too_slowly(taken: usize, time: Duration) -> bool {
    let due = time.saturating_sub(GRACE).as_secs_f64();
    // Nobody takes so much that a float could not tell.
    #[expect(clippy::cast_precision_loss, reason = "a few gigabytes at most")]
    let taken = taken as f64 / LEAST_BYTES_PER_SECOND as f64;
    due > taken
}

/// Lets one scrape of everything be told, until it is dropped.
#[derive(Debug)]
pub struct FullScrape(Arc<Node>);

impl Drop for FullScrape {
    fn drop(&mut self) {
        self.0.is_telling_all.store(false, Ordering::Release);
    }
}

/// One that a WebSocket is being told.
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
    /// Lets a scrape of everything begin, if there is none under way.
    fn begin_full_scrape(self: &Arc<Self>) -> Option<FullScrape> {
        let begun =
            self.is_telling_all
                .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed);
        begun.ok().map(|_| FullScrape(Arc::clone(self)))
    }
}

impl Hub {
    /// Lets a visitor scrape everything over HTTP.
    ///
    /// # Errors
    ///
    /// Why not; it is counted.
    pub fn full_scrape_http(
        &self,
        visitor: &Visitor,
        target: Target<'_>,
    ) -> Result<FullScrape, Failure> {
        let begun = self.check(visitor, target).and_then(|()| {
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

    /// Begins to tell a WebSocket everything.
    pub(super) fn begin_telling_all(
        &self,
        entry: &mut Entry,
        telling: &mut Option<Telling>,
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
        // The first reply is sent whatever is in it.
        let files = self.tell_some(entry, &mut begun, true);
        if files > 0 {
            self.telling_to.set(Some(entry.id));
            *telling = Some(begun);
        }
        self.charge(entry, 0, now)
    }

    /// Goes on telling a WebSocket everything once it has taken what it was told; false if there is nothing more to tell now.
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
        let Some(telling) = &mut state.telling else {
            return false;
        };
        if !entry.outbox.is_empty() {
            return false;
        }
        let files = self.tell_some(entry, telling, false);
        if files == 0 {
            state.telling = None;
            self.telling_to.set(None);
        }
        files > 0
    }

    /// Forgets what a connection is being told that has gone.
    pub(super) fn stop_telling_all(&self, telling: &mut Option<Telling>, id: ConnectionId) {
        if telling.as_ref().is_some_and(|telling| telling.to == id) {
            *telling = None;
            self.telling_to.set(None);
        }
    }

    /// Closes a WebSocket that takes what it is told too slowly.
    pub(super) fn check_telling(&self, state: &mut State) {
        let Some(telling) = &state.telling else {
            return;
        };
        let to = state.entries.get_mut(telling.to.slot());
        if let Some(entry) = to.filter(|entry| entry.id == telling.to) {
            let taken = telling.told.saturating_sub(entry.outbox.bytes());
            let time = self.time.get().saturating_sub(telling.began);
            if takes_too_slowly(taken, time) {
                entry.close(Ended::Stuck);
            }
        }
    }

    /// Tells of some more swarms; gives of how many.
    fn tell_some(&self, entry: &mut Entry, telling: &mut Telling, is_first: bool) -> usize {
        let files = self
            .node
            .tracker
            .next_swarms(&mut telling.cursor, SWARMS_PER_REPLY);
        let before = entry.outbox.bytes();
        if is_first || !files.is_empty() {
            self.say(entry, protocol::scrape_bytes(files.len()), |out| {
                protocol::scrape_reply(out, &files);
            });
        }
        telling.told += entry.outbox.bytes() - before;
        files.len()
    }
}
