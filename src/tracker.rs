//! The rules of tracking: what happens to the swarms when a request comes in, and who is to be told.
//!
//! A synchronous function of the participant, its request, the time and a source of randomness; it sends nothing and
//! knows no socket. The hub calls it and delivers the [`Outcome`]. No lock is held when it returns.

mod access;
mod full_scrape;
mod http;
mod memberships;
mod outcome;
mod participant;
mod rules;
mod tally;

use std::time::Duration;

use rand::Rng;
use smallvec::SmallVec;

use crate::protocol::{
    About, Announce, Answer, Event, Failure, InfoHash, Left, PeerId, Refusal, Request, Scrape,
};
use crate::swarm::{
    Claim, Full, Given, GivenOffer, Joined, Member, Place, Senders, Swarm, Swarms, Swept,
};
use access::Access;
use rules::InForce;

pub use access::InfoHashes;
pub use full_scrape::{ScrapeCursor, ScrapePrefix};
pub use http::{HttpOutcome, HttpRoom};
pub use outcome::{AnswerFate, Bounded, Outcome, Relay, RelayKind, Reply};
pub use participant::Participant;
pub use rules::Rules;

/// The swarms and the rules for them. Shared by all workers.
#[derive(Debug)]
pub struct Tracker {
    rules: InForce,
    access: Access,
    swarms: Swarms,
    senders: Senders,
}

impl Tracker {
    /// A tracker without swarms.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            swarms: Swarms::new(rules.swarms_max),
            rules: InForce::new(rules),
            access: Access::default(),
            senders: Senders::default(),
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

    /// Puts other lists of info-hashes in force. Who is in a swarm that they do not allow leaves it with its next announce, or when
    /// its membership expires; until then nothing is relayed there.
    pub fn set_info_hashes(&self, lists: InfoHashes) {
        self.access.set(lists);
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
            Request::Announce(announce) if !self.access.allows(&announce.info_hash) => {
                self.expel(who, &announce)
            }
            Request::Announce(announce) => self.announce(who, &announce, now, rng),
            // As one that nobody waits for: to an answer nothing is ever said.
            Request::Answer(answer) if !self.access.allows(&answer.info_hash) => Outcome {
                answer: Some(AnswerFate::Unwanted),
                ..Outcome::default()
            },
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
        let membership = (info_hash, announce.peer_id);
        let before = who.memberships.len();
        if before >= self.rules.memberships_max() && !who.memberships.contains(membership) {
            return Outcome {
                reply: Some(refused(Failure::Memberships, info_hash)),
                ..Outcome::default()
            };
        }
        let may_begin = |free| {
            let portion = self.rules.address_swarms();
            let share = who.share.as_deref();
            share.is_none_or(|share| share.may_begin(free, portion))
        };
        let mut outcome = Outcome::default();
        let group = who.group();
        let gives_little = announce.offers.is_empty() || {
            let intake = (self.rules.intake(), now);
            let offers = announce.offers.len();
            self.senders.note(group, &info_hash, offers, intake)
        };
        let counts = self.swarms.with_new(&info_hash, may_begin, |swarm| {
            let (joined, mut place) = swarm.join(
                (member, group),
                claim(announce.event, announce.left),
                who.tally.is_blocked(),
                now,
            );
            if announce.event == Event::Completed {
                swarm.complete(member);
            }
            if joined == Joined::New {
                let most = self.rules.peer_ids_per_swarm_max();
                if let Some(oldest) = who.memberships.add(membership, most) {
                    outcome.bounded.peer_ids = 1;
                    swarm.leave(Member {
                        peer_id: oldest,
                        ..member
                    });
                    // Another has left, and with it the order of the places.
                    place = swarm.place_of(member).unwrap_or(place);
                }
            }
            let from = (member, place, gives_little);
            self.relay_offers(swarm, from, announce, (now, rng), &mut outcome);
            swarm.counts()
        });
        who.note_share(before);
        outcome.reply = Some(match counts {
            Ok(counts) => Reply::Announce(info_hash, counts),
            Err(Full::Table) => refused(Failure::Swarms, info_hash),
            Err(Full::Sender) => refused(Failure::AddressSwarms, info_hash),
        });
        outcome
    }

    fn relay_offers<'a>(
        &self,
        swarm: &mut Swarm,
        (member, place, gives_little): (Member, Place, bool),
        announce: &Announce<'a>,
        (now, rng): (Duration, &mut impl Rng),
        outcome: &mut Outcome<'a>,
    ) {
        if announce.offers.is_empty() {
            return;
        }
        let intake = (self.rules.intake(), gives_little, now);
        let chosen = swarm.choose(place, announce.offers.len(), intake, rng);
        outcome.bounded.receivers = chosen.had_enough;
        outcome.bounded.reserved = chosen.had_enough_for_many;
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

    /// Refuses an announce of a swarm that may not be here; its sender is no longer in it if it was.
    #[cold]
    fn expel<'a>(&self, who: &mut Participant, announce: &Announce<'_>) -> Outcome<'a> {
        Outcome {
            reply: Some(refused(Failure::NotAllowed, announce.info_hash)),
            ..self.leave(who, announce)
        }
    }

    fn answer<'a>(&self, who: &Participant, answer: &Answer<'a>, now: Duration) -> Outcome<'a> {
        let ttl = self.rules.pending_offer_ttl();
        let taken = self.swarms.with(&answer.info_hash, |swarm| {
            swarm.take_answered(who.connection, answer.to_peer_id, answer.offer_id, now, ttl)
        });
        let taken = taken.unwrap_or_default();
        let waited = taken.iter().map(|(_, waited)| *waited).max();
        let relay = |(offer, _): (GivenOffer, Duration)| Relay {
            to: offer.from,
            info_hash: answer.info_hash,
            // The id under which the offer was given, whatever the answer says: old libtorrents invent one.
            from: offer.to.peer_id,
            offer_id: offer.offer_id,
            sdp: answer.sdp,
            kind: RelayKind::Answer,
        };
        let relays: SmallVec<_> = taken.into_iter().map(relay).collect();
        let fate = if relays.is_empty() {
            AnswerFate::Unwanted
        } else {
            AnswerFate::Relayed
        };
        Outcome {
            relays,
            answer: Some(fate),
            waited: waited.unwrap_or_default(),
            ..Outcome::default()
        }
    }

    fn scrape(&self, scrape: Scrape) -> Reply {
        let mut files = Vec::new();
        match scrape {
            Scrape::Swarms(hashes) => files.extend(hashes.into_iter().map(|info_hash| {
                let counts = self.swarms.with(&info_hash, |swarm| swarm.counts());
                let told = counts.filter(|_| self.access.allows(&info_hash));
                (info_hash, told.unwrap_or_default())
            })),
            Scrape::Everything if self.rules.full_scrape() => {
                self.swarms.for_each(|info_hash, swarm| {
                    if self.access.allows(info_hash) {
                        files.push((*info_hash, swarm.counts()));
                    }
                });
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
        who.tally.set_blocked(blocked);
        for (info_hash, peer_id) in who.memberships() {
            let member = who.member(peer_id);
            self.swarms
                .with(&info_hash, |swarm| swarm.set_blocked(member, blocked));
        }
    }

    /// Removes a membership from the books of its connection after it has ended in the swarm. Nothing happens if the
    /// member has joined again in the meantime.
    pub fn forget(&self, who: &mut Participant, info_hash: InfoHash, peer_id: PeerId) {
        let member = who.member(peer_id);
        let joined_again = self.swarms.with(&info_hash, |swarm| swarm.contains(member));
        if joined_again != Some(true) {
            who.remove((info_hash, peer_id));
        }
    }

    /// Ends all memberships of a connection that is gone.
    pub fn close(&self, who: &Participant) {
        for (info_hash, peer_id) in who.memberships() {
            self.swarms
                .with(&info_hash, |swarm| swarm.leave(who.member(peer_id)));
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
