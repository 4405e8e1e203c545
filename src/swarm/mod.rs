//! Stores the members of all swarms.
//!
//! Owns the members of each swarm, the choice of receivers for offers, the pending offers, and the table of all swarms.
//! Does no I/O, reads no clock and sends nothing. The tracker calls it.

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
    /// The members that announce over HTTP, if there are any: never an empty list.
    http: Option<Box<HttpMembers>>,
    downloaded: u32,
}

/// The role that an announce reports for its sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It has everything.
    Seeder,
    /// It lacks something.
    Leecher,
    /// Not reported: a new member becomes a leecher, an existing one keeps its role.
    Unsaid,
}

/// The position of a member in its swarm. Valid until a member joins, leaves or changes its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(usize);

/// Whether an announce added its sender as a new member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joined {
    /// It was not a member before.
    New,
    /// It was a member already.
    Before,
}

impl Swarm {
    /// Adds or refreshes a member, and returns its position. `group` is its address group. `blocked` is true if the
    /// output of the connection is stuck.
    pub fn join(
        &mut self,
        (member, group): (Member, Group),
        claim: Claim,
        blocked: bool,
        now: Duration,
    ) -> (Joined, Place) {
        let (joined, position) = self.members.touch(member, group, seconds(now), blocked);
        let position = match claim {
            Claim::Seeder => self.members.set_role(position, Role::Seeder),
            Claim::Leecher => self.members.set_role(position, Role::Leecher),
            Claim::Unsaid => position,
        };
        (joined, Place(position))
    }

    /// Counts a completed download, once per member.
    pub fn complete(&mut self, member: Member) {
        if self.members.complete(member) {
            self.downloaded = self.downloaded.saturating_add(1);
        }
    }

    /// Removes a member together with its pending offers. Does nothing if there is no such member.
    pub fn leave(&mut self, member: Member) {
        if let Some(offers) = self.members.remove(member) {
            self.pending.forget(offers);
        }
    }

    /// Returns whether this is a member.
    #[must_use]
    pub fn contains(&self, member: Member) -> bool {
        self.members.place_of(member).is_some()
    }

    /// Sets whether the output of a member is stuck. Such members are not chosen as receivers.
    pub fn set_blocked(&mut self, member: Member, blocked: bool) {
        self.members.set_blocked(member, blocked);
    }

    /// Returns the counts for replies: of all members, over WebSockets and HTTP.
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

    /// Returns the position of a member, to avoid repeated lookups.
    #[must_use]
    pub fn place_of(&self, member: Member) -> Option<Place> {
        self.members.place_of(member).map(Place)
    }

    /// Chooses up to `wanted` different members for the offers of `sender` at random, by address group first. Skips the
    /// sender, its connection, its `peer_id`, members with stuck output, and members that reached their quota; others
    /// are chosen instead. A seeder's offers go to leechers first. `is_light_sender` is the result of [`Senders::note`]
    /// for the sender's address group.
    pub fn choose(
        &mut self,
        sender: Place,
        wanted: usize,
        (quota, is_light_sender, now): (Intake, bool, Duration),
        rng: &mut impl rand::Rng,
    ) -> Chosen {
        let quota = (quota, is_light_sender, Tick::of(now));
        selection::choose(&mut self.members, sender.0, wanted, quota, rng)
    }

    /// Stores that an offer of the member at `from` was given to another member, which may answer it. `pending_max`
    /// limits the pending offers of one member; the oldest is dropped.
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

    /// Removes and returns the offers that an answer from connection `from` matches, each with the time it was pending.
    /// These have this id, come from a member `to_peer_id`, and were given to `from`. Mostly one; none if the answer is
    /// unmatched. Also refreshes the answering member.
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

    /// Returns whether the swarm has no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.len() == 0 && self.http.is_none()
    }

    /// Returns the number of pending offers.
    #[must_use]
    pub fn pending_offers(&self) -> usize {
        self.pending.len()
    }

    /// Returns the number of members that announce over WebSockets.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.members.len()
    }

    /// Returns whether the indexes beside the member lists (by address group, clients with two addresses) equal a
    /// recount. For tests.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.members.agrees() && self.http.as_ref().is_none_or(|http| http.agrees())
    }

    /// Returns all members that announce over WebSockets with their roles, for recounts and views.
    pub fn members(&self) -> impl Iterator<Item = (Member, Role)> + '_ {
        self.members.iter()
    }
}

/// Returns whole seconds since the process started, which is precise enough for expiry and keeps a member small.
fn seconds(now: Duration) -> u32 {
    u32::try_from(now.as_secs()).unwrap_or(u32::MAX)
}
