//! The clients of a town, as a test describes them.

use std::collections::BTreeSet;
use std::time::Duration;

use swarmhub::protocol::{Left, PeerId};
use swarmhub::tracker::Participant;

/// What a client does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conduct {
    Honest,
    /// Announces without offers and answers nothing.
    Mute,
    /// Answers every offer and never connects.
    Liar,
    /// Sends offers that nobody can answer, and answers nothing.
    Junk,
}

/// A client as a test describes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resident {
    pub(crate) conduct: Conduct,
    pub(crate) address: u64,
    pub(crate) left: Left,
    /// After this time it leaves.
    pub(crate) stays: Duration,
    /// How often it announces, if it ignores the interval of the tracker.
    pub(crate) every: Option<Duration>,
    /// The offers of each announce.
    pub(crate) offers: usize,
}

impl Resident {
    /// Returns a leecher that stays to the end.
    pub(crate) fn new(conduct: Conduct, address: u64) -> Self {
        Self {
            conduct,
            address,
            left: Left::Something,
            stays: Duration::MAX,
            every: None,
            offers: if conduct == Conduct::Honest { 5 } else { 0 },
        }
    }
}

/// A client and what it got.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) what: Resident,
    pub(super) peer_id: PeerId,
    pub(super) participant: Participant,
    pub(super) joined_at: Duration,
    pub(super) is_open: bool,
    /// Peers to which it has, or opens, a connection.
    pub(super) known: BTreeSet<PeerId>,
    pub(super) linked_at: Option<Duration>,
}
