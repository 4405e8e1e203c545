//! The rules of tracking: what happens to the swarms when a request comes in, and who is to be told.
//!
//! A synchronous function of the participant, its request, the time and a source of randomness; it sends nothing and
//! knows no socket. The hub calls it and delivers the [`Outcome`]. No lock is held when it returns.

mod http;
mod rules;

use std::time::Duration;

use rand::Rng;
use smallvec::SmallVec;

use crate::protocol::{
    About, Announce, Answer, ConnectionId, Counts, Event, Failure, InfoHash, Left, OfferId, PeerId,
    Refusal, Request, Scrape, Sdp,
};
use crate::swarm::{Claim, Given, GivenOffer, Joined, Member, Place, Swarm, Swarms, Swept};
use rules::InForce;

pub use http::HttpOutcome;
pub use rules::Rules;

/// One connection as the tracker sees it. Owned by the hub, which hands it to [`Tracker::close`] in the end.
#[derive(Debug)]
pub struct Participant {
    connection: ConnectionId,
    /// Oldest first. A membership is here exactly while the swarm knows it, or until [`Tracker::forget`] is told.
    memberships: SmallVec<[(InfoHash, PeerId); 1]>,
    blocked: bool,
}

impl Participant {
    /// A connection that is in no swarm.
    #[must_use]
    pub const fn new(connection: ConnectionId) -> Self {
        Self {
            connection,
            memberships: SmallVec::new_const(),
            blocked: false,
        }
    }

    /// Its memberships, oldest first.
    #[must_use]
    pub fn memberships(&self) -> &[(InfoHash, PeerId)] {
        &self.memberships
    }

    fn member(&self, peer_id: PeerId) -> Member {
        Member {
            connection: self.connection,
            peer_id,
        }
    }
}

/// What is to be sent because of one request.
#[derive(Debug, Default)]
pub struct Outcome<'a> {
    /// To the sender of the request.
    pub reply: Option<Reply>,
    /// To others. Never to the sender, never outside of the swarm.
    pub relays: SmallVec<[Relay<'a>; 10]>,
    /// What became of an answer, if the request was one.
    pub answer: Option<AnswerFate>,
    /// Which bounds were met.
    pub bounded: Bounded,
}

/// What a request cost because of a bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bounded {
    /// Offers that no longer wait for their answer because of `tracker.pending_offers_max`.
    pub pending_offers: u32,
    /// Memberships that ended because of `tracker.peer_ids_per_swarm_max`.
    pub peer_ids: u32,
    /// Offers not relayed because others had given the same to the same receiver.
    pub copies: u32,
    /// Members passed over because of `limits.offers_received_per_second`.
    pub receivers: u32,
}

/// What the sender of a request is told.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    /// The counts of the swarm after its announce.
    Announce(InfoHash, Counts),
    /// The counts of the swarms it scraped.
    Scrape(Vec<(InfoHash, Counts)>),
    /// Why its request was not served.
    Failure(Refusal),
}

/// A message to another member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relay<'a> {
    /// Who gets it.
    pub to: Member,
    /// In which swarm.
    pub info_hash: InfoHash,
    /// The id under which the sender is known to the receiver.
    pub from: PeerId,
    /// The offer, or the one that is answered.
    pub offer_id: OfferId,
    /// What the receiver needs to connect.
    pub sdp: Sdp<'a>,
    /// Which of the two it is.
    pub kind: RelayKind,
}

/// What is relayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayKind {
    /// An offer.
    Offer,
    /// The answer to one.
    Answer,
}

/// What became of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerFate {
    /// The offering member gets it.
    Relayed,
    /// Nobody waits for it: the offer was not given to this connection, was answered, expired, or its member left.
    Unwanted,
    /// It is malformed.
    Malformed,
}

/// The swarms and the rules for them. Shared by all workers.
#[derive(Debug)]
pub struct Tracker {
    rules: InForce,
    swarms: Swarms,
}

impl Tracker {
    /// A tracker without swarms.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            swarms: Swarms::new(rules.swarms_max),
            rules: InForce::new(rules),
        }
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> Rules {
        self.rules.get()
    }

    /// Puts other rules in force, for all that happens from now on.
    pub fn set_rules(&self, rules: Rules) {
        self.rules.set(rules);
        self.swarms.set_most(rules.swarms_max);
    }

    /// The table of swarms, for counts and views.
    #[must_use]
    pub fn swarms(&self) -> &Swarms {
        &self.swarms
    }

    /// Serves one request of `who`. `now` is the time since the process started.
    pub fn handle<'a>(
        &self,
        who: &mut Participant,
        request: Request<'a>,
        now: Duration,
        rng: &mut impl Rng,
    ) -> Outcome<'a> {
        match request {
            Request::Announce(announce) if announce.event == Event::Stopped => {
                self.leave(who, &announce)
            }
            Request::Announce(announce) => self.announce(who, &announce, now, rng),
            Request::Answer(answer) => self.answer(who, &answer, now),
            Request::BadAnswer => Outcome {
                answer: Some(AnswerFate::Malformed),
                ..Outcome::default()
            },
            Request::Scrape(scrape) => Outcome {
                reply: Some(self.scrape(scrape)),
                ..Outcome::default()
            },
        }
    }

    fn announce<'a>(
        &self,
        who: &mut Participant,
        announce: &Announce<'a>,
        now: Duration,
        rng: &mut impl Rng,
    ) -> Outcome<'a> {
        let (info_hash, member) = (announce.info_hash, who.member(announce.peer_id));
        if who.memberships.len() >= self.rules.memberships_max()
            && !who.memberships.contains(&(info_hash, announce.peer_id))
        {
            return Outcome {
                reply: Some(refused(Failure::Memberships, info_hash)),
                ..Outcome::default()
            };
        }
        let mut outcome = Outcome::default();
        let counts = self.swarms.with_new(&info_hash, |swarm| {
            let (joined, mut place) = swarm.join(
                member,
                claim(announce.event, announce.left),
                who.blocked,
                now,
            );
            if announce.event == Event::Completed {
                swarm.complete(member);
            }
            if joined == Joined::New {
                let ended = self.remember_membership(who, swarm, info_hash, announce.peer_id);
                outcome.bounded.peer_ids = u32::from(ended);
                if ended {
                    // Another has left, and with it the order of the places.
                    place = swarm.place_of(member).unwrap_or(place);
                }
            }
            let from = (member, place);
            self.relay_offers(swarm, from, announce, (now, rng), &mut outcome);
            swarm.counts()
        });
        outcome.reply = Some(counts.map_or_else(
            || refused(Failure::Swarms, info_hash),
            |counts| Reply::Announce(info_hash, counts),
        ));
        outcome
    }

    /// Notes a new membership; the oldest `peer_id` of the connection in this swarm goes if there are too many, and
    /// true is returned.
    ///
    /// An entry of a membership that has expired without this connection having been told yet is replaced.
    fn remember_membership(
        &self,
        who: &mut Participant,
        swarm: &mut Swarm,
        info_hash: InfoHash,
        peer_id: PeerId,
    ) -> bool {
        who.memberships
            .retain(|known| *known != (info_hash, peer_id));
        let is_own = |(hash, _): &(InfoHash, PeerId)| *hash == info_hash;
        let own = who.memberships.iter().filter(|known| is_own(known)).count();
        let oldest = who.memberships.iter().position(is_own);
        let oldest = oldest.filter(|_| own >= self.rules.peer_ids_per_swarm_max());
        if let Some(oldest) = oldest {
            let (_, peer_id) = who.memberships.remove(oldest);
            swarm.leave(who.member(peer_id));
        }
        who.memberships.push((info_hash, peer_id));
        oldest.is_some()
    }

    fn relay_offers<'a>(
        &self,
        swarm: &mut Swarm,
        (member, place): (Member, Place),
        announce: &Announce<'a>,
        (now, rng): (Duration, &mut impl Rng),
        outcome: &mut Outcome<'a>,
    ) {
        if announce.offers.is_empty() {
            return;
        }
        let intake = (self.rules.intake(), now);
        let chosen = swarm.choose(place, announce.offers.len(), intake, rng);
        outcome.bounded.receivers = chosen.had_enough;
        let pending_max = self.rules.pending_offers_max();
        for (offer, (to, to_place)) in announce.offers.iter().zip(chosen.receivers) {
            let given = GivenOffer {
                offer_id: offer.offer_id,
                from: member,
                to,
                from_place: place,
                to_place,
            };
            match swarm.give_offer(place, given, now, pending_max) {
                Given::New | Given::Again => {}
                Given::InsteadOfOldest => outcome.bounded.pending_offers += 1,
                Given::TooManyCopies => {
                    outcome.bounded.copies += 1;
                    continue;
                }
            }
            outcome.relays.push(Relay {
                to,
                info_hash: announce.info_hash,
                from: member.peer_id,
                offer_id: offer.offer_id,
                sdp: offer.sdp,
                kind: RelayKind::Offer,
            });
        }
    }

    fn leave<'a>(&self, who: &mut Participant, announce: &Announce<'_>) -> Outcome<'a> {
        let (info_hash, member) = (announce.info_hash, who.member(announce.peer_id));
        let counts = self.swarms.with(&info_hash, |swarm| {
            swarm.leave(member);
            swarm.counts()
        });
        self.forget(who, info_hash, announce.peer_id);
        let reply = Reply::Announce(info_hash, counts.unwrap_or_default());
        Outcome {
            reply: Some(reply),
            ..Outcome::default()
        }
    }

    fn answer<'a>(&self, who: &Participant, answer: &Answer<'a>, now: Duration) -> Outcome<'a> {
        let ttl = self.rules.pending_offer_ttl();
        let taken = self.swarms.with(&answer.info_hash, |swarm| {
            swarm.take_answered(who.connection, answer.to_peer_id, answer.offer_id, now, ttl)
        });
        let relay = |offer: GivenOffer| Relay {
            to: offer.from,
            info_hash: answer.info_hash,
            // The id under which the offer was given, whatever the answer says: old libtorrents invent one.
            from: offer.to.peer_id,
            offer_id: offer.offer_id,
            sdp: answer.sdp,
            kind: RelayKind::Answer,
        };
        let relays: SmallVec<_> = taken.unwrap_or_default().into_iter().map(relay).collect();
        let fate = if relays.is_empty() {
            AnswerFate::Unwanted
        } else {
            AnswerFate::Relayed
        };
        Outcome {
            relays,
            answer: Some(fate),
            ..Outcome::default()
        }
    }

    fn scrape(&self, scrape: Scrape) -> Reply {
        let mut files = Vec::new();
        match scrape {
            Scrape::Swarms(hashes) => files.extend(hashes.into_iter().map(|info_hash| {
                (
                    info_hash,
                    self.swarms
                        .with(&info_hash, |swarm| swarm.counts())
                        .unwrap_or_default(),
                )
            })),
            Scrape::Everything if self.rules.full_scrape() => {
                self.swarms
                    .for_each(|info_hash, swarm| files.push((*info_hash, swarm.counts())));
            }
            Scrape::Everything => {
                return Reply::Failure(Refusal {
                    failure: Failure::FullScrape,
                    about: About::Scrape,
                });
            }
        }
        Reply::Scrape(files)
    }

    /// Tells the swarms whether the output of `who` is stuck, so that others are chosen for offers.
    pub fn set_blocked(&self, who: &mut Participant, blocked: bool) {
        who.blocked = blocked;
        for (info_hash, peer_id) in &who.memberships {
            let member = who.member(*peer_id);
            self.swarms
                .with(info_hash, |swarm| swarm.set_blocked(member, blocked));
        }
    }

    /// Removes a membership from the books of its connection after it has ended in the swarm. Nothing happens if the
    /// member has joined again in the meantime.
    pub fn forget(&self, who: &mut Participant, info_hash: InfoHash, peer_id: PeerId) {
        let member = who.member(peer_id);
        let joined_again = self.swarms.with(&info_hash, |swarm| swarm.contains(member));
        if joined_again != Some(true) {
            who.memberships
                .retain(|known| *known != (info_hash, peer_id));
        }
    }

    /// Ends all memberships of a connection that is gone.
    pub fn close(&self, who: &Participant) {
        for (info_hash, peer_id) in &who.memberships {
            self.swarms
                .with(info_hash, |swarm| swarm.leave(who.member(*peer_id)));
        }
    }

    /// Ends what has expired in a slice of one of [`Swarms::parts`]; `None` when the part has been gone through. The
    /// owners of the connections are to be told with [`Self::forget`].
    pub fn sweep_slice(&self, part: usize, now: Duration, swept: &mut Swept) -> Option<()> {
        self.swarms.sweep_slice(part, now, self.rules.ttl(), swept)
    }
}

fn refused(failure: Failure, info_hash: InfoHash) -> Reply {
    let about = About::Announce(info_hash);
    Reply::Failure(Refusal { failure, about })
}

/// `completed` makes a seeder whatever `left` says, as with the reference.
fn claim(event: Event, left: Left) -> Claim {
    match (event, left) {
        (Event::Completed, _) | (_, Left::Nothing) => Claim::Seeder,
        (_, Left::Something) => Claim::Leecher,
        (_, Left::Unknown) => Claim::Unsaid,
    }
}
