//! Scrapes of everything (`tracker.full_scrape`): one at a time for the whole process, and made in pieces as they are taken.
//!
//! Over WebSockets each piece is a reply of its own, with other swarms: clients take each reply for what it names. Over HTTP the
//! pieces make one body, which the HTTP layer asks for.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::entry::Entry;
use super::{Hub, Next, Node, Visitor};
use crate::protocol::http::{Failure, Target};
use crate::protocol::{self, About, ConnectionId, Failure as MessageFailure, Refusal};
use crate::tracker::ScrapeCursor;

pub use crate::tracker::ScrapePrefix;

/// Swarms that one reply over a WebSocket names: some 16 KB.
const SWARMS_PER_REPLY: usize = 128;

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
            _permit: permit,
        };
        // The first reply is sent whatever is in it.
        let files = self.tell_some(entry, &mut begun.cursor, true);
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
        let files = self.tell_some(entry, &mut telling.cursor, false);
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

    /// Tells of some more swarms; gives of how many.
    fn tell_some(&self, entry: &mut Entry, cursor: &mut ScrapeCursor, is_first: bool) -> usize {
        let files = self.node.tracker.next_swarms(cursor, SWARMS_PER_REPLY);
        if is_first || !files.is_empty() {
            self.say(entry, protocol::scrape_bytes(files.len()), |out| {
                protocol::scrape_reply(out, &files);
            });
        }
        files.len()
    }
}
