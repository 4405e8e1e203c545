//! Who is in which swarm.
//!
//! Owns the members of each swarm, the choice of receivers for offers, the offers that wait for an answer, and the
//! table of all swarms. Does no I/O, reads no clock and sends nothing; the tracker calls it.

mod clients;
mod family;
mod group;
mod groups;
mod http;
mod intake;
mod largest;
mod list;
mod members;
mod offers;
mod selection;
mod senders;
mod table;
mod view;

pub use group::Group;
pub use http::{HttpJoined, HttpRefreshed, HttpSaid, Owner};
pub use intake::Intake;
pub use members::{Member, Role};
pub use offers::{Given, GivenOffer};
pub use selection::Chosen;
pub use senders::Senders;
pub use table::{Expired, Full, Swarms, Swept, Totals, Ttl, Walk};
pub use view::{Shown, Way};

use std::time::Duration;

use smallvec::SmallVec;

use crate::protocol::{ConnectionId, Counts, OfferId, PeerId};
use http::HttpMembers;
use intake::Tick;
use members::Members;
use offers::{Moment, PendingOffers};

/// One swarm: all members that announced the same info-hash.
#[derive(Debug, Default)]
pub struct Swarm {
    members: Members,
    pending: PendingOffers,
    /// Those who announce over HTTP, if there are any: never an empty list.
    http: Option<Box<HttpMembers>>,
    downloaded: u32,
}

/// What an announce says about its sender's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It has everything.
    Seeder,
    /// It lacks something.
    Leecher,
    /// It does not say: a new member is a leecher, an old one stays what it is.
    Unsaid,
}

/// The place of a member in its swarm, until somebody joins, leaves or changes its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(usize);

/// Whether an announce made its sender a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// It was none before.
    New,
    /// It was one already.
    Before,
}

impl Swarm {
    /// Joins a member, or refreshes it, and tells its place. `group` is that of its address, `blocked` says that the connection's
    /// output is stuck.
    pub fn join(
        &mut self,
        (member, group): (Member, Group),
        claim: Claim,
        blocked: bool,
        now: Duration,
    ) -> (Joined, Place) {
        let (joined, place) = self.members.touch(member, group, seconds(now), blocked);
        let place = match claim {
            Claim::Seeder => self.members.set_role(place, Role::Seeder),
            Claim::Leecher => self.members.set_role(place, Role::Leecher),
            Claim::Unsaid => place,
        };
        (joined, Place(place))
    }

    /// Counts a download as complete, once per member.
    pub fn complete(&mut self, member: Member) {
        if self.members.complete(member) {
            self.downloaded = self.downloaded.saturating_add(1);
        }
    }

    /// Removes a member together with its unanswered offers. Nothing happens if it is none.
    pub fn leave(&mut self, member: Member) {
        if let Some(offers) = self.members.remove(member) {
            self.pending.forget(offers);
        }
    }

    /// Whether somebody is a member.
    #[must_use]
    pub fn contains(&self, member: Member) -> bool {
        self.members.place_of(member).is_some()
    }

    /// Marks a member as one whose output is stuck, or no longer is: it is left out when receivers are chosen.
    pub fn set_blocked(&mut self, member: Member, blocked: bool) {
        self.members.set_blocked(member, blocked);
    }

    /// The counts as they go into replies: of all members, however they announce.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let counts = Counts {
            complete: self.members.seeders(),
            incomplete: self.members.leechers(),
            downloaded: self.downloaded,
        };
        match &self.http {
            None => counts,
            Some(http) => http.added_to(counts),
        }
    }

    /// Where a member is, so that it need not be looked up again and again.
    #[must_use]
    pub fn place_of(&self, member: Member) -> Option<Place> {
        self.members.place_of(member).map(Place)
    }

    /// Chooses up to `wanted` different members for the offers of `sender` at random, by address group first: never the sender,
    /// its connection or its `peer_id`, and nobody whose output is stuck or who was given as many as `intake` allows: others
    /// are chosen instead. A seeder's offers go to leechers first. `gives_little` says so of the sender's address group
    /// ([`Senders::note`]).
    pub fn choose(
        &mut self,
        sender: Place,
        wanted: usize,
        (intake, gives_little, now): (Intake, bool, Duration),
        rng: &mut impl rand::Rng,
    ) -> Chosen {
        let intake = (intake, gives_little, Tick::of(now));
        selection::choose(&mut self.members, sender.0, wanted, intake, rng)
    }

    /// Remembers that an offer of the member at `from` is given to another, so that this one may answer it.
    /// `pending_max` bounds how many offers of one member wait; the oldest is forgotten.
    pub fn give_offer(
        &mut self,
        from: Place,
        offer: GivenOffer,
        now: Duration,
        pending_max: usize,
    ) -> Given {
        self.members
            .offers_at(from.0)
            .map_or(Given::TooManyCopies, |offers| {
                self.pending
                    .remember(offer, offers, Moment::of(now), pending_max)
            })
    }

    /// Takes the offers that an answer from connection `from` is for: those with this id that a member `to_peer_id`
    /// made and that were given to `from`. Mostly one, none if the answer is not wanted. Also for how long each has waited.
    /// The answering member counts as alive.
    pub fn take_answered(
        &mut self,
        from: ConnectionId,
        to_peer_id: PeerId,
        offer_id: OfferId,
        now: Duration,
        ttl: Duration,
    ) -> SmallVec<[(GivenOffer, Duration); 1]> {
        let lifetime = (Moment::of(now), ttl.into());
        let taken = self.pending.take(from, to_peer_id, offer_id, lifetime);
        for (slot, offer, _) in &taken {
            if let Some(offers) = self.members.offers_of(offer.from, offer.from_place.0) {
                offers.retain(|other| other != slot);
            }
            self.members
                .refresh(offer.to, offer.to_place.0, seconds(now));
        }
        let waited = taken.into_iter();
        waited.map(|(_, offer, age)| (offer, age.into())).collect()
    }

    /// Whether nobody is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.len() == 0 && self.http.is_none()
    }

    /// How many offers wait for an answer.
    #[must_use]
    pub fn pending_offers(&self) -> usize {
        self.pending.len()
    }

    /// How many members announce over WebSockets.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.members.len()
    }

    /// Whether what is kept beside the lists of members (their indexes by address group, clients with two addresses) is what a recount
    /// gives. For tests.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.members.agrees() && self.http.as_ref().is_none_or(|http| http.agrees())
    }

    /// All members who announce over WebSockets, with their roles, for recounts and views.
    pub fn members(&self) -> impl Iterator<Item = (Member, Role)> + '_ {
        self.members.iter()
    }
}

/// Whole seconds since the process started, which is fine enough for expiry and keeps a member small.
fn seconds(now: Duration) -> u32 {
    u32::try_from(now.as_secs()).unwrap_or(u32::MAX)
}
