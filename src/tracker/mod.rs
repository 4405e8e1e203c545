//! Applies the rules of tracking: updates the swarms for each request and decides which messages to send.
//!
//! A synchronous function of the participant, its request, the time and a source of randomness. It sends nothing and
//! uses no socket. The hub calls it and delivers the [`Outcome`]. No lock is held when it returns.

mod full_scrape;
mod http;
mod info_hash_filter;
mod memberships;
mod outcome;
mod participant;
mod relay_counters;
mod remote;
mod rules;

use std::time::Duration;

use rand::Rng;
use smallvec::SmallVec;

use crate::cluster::Others;
use crate::protocol::{
    Announce, Answer, Counts, Event, Failure, InfoHash, Left, Offer, PeerId, Refusal,
    RefusalSubject, Request, Scrape,
};
use crate::swarm::{
    AddOfferResult, AnsweredOffer, ClaimedRole, CreateSwarmError, JoinResult, Member,
    MemberPosition, OfferTerms, Pace, PendingOffer, SenderRates, Swarm, SwarmTable, SweepResult,
};
use info_hash_filter::InfoHashFilter;
use rules::ActiveRules;

pub use full_scrape::{ScrapeCursor, ScrapePrefix};
pub use http::{HttpOutcome, HttpReservation};
pub use info_hash_filter::InfoHashLists;
pub use outcome::{AnswerFate, LimitHits, MatchCounts, Outcome, Relay, RelayKind, Reply};
pub use participant::Participant;
pub use remote::{HeldOffers, RemoteAnswer, RemoteOffers};
pub use rules::Rules;

/// All swarms and the rules for them. Shared by all workers.
#[derive(Debug)]
pub struct Tracker {
    rules: ActiveRules,
    info_hash_filter: InfoHashFilter,
    swarms: SwarmTable,
    sender_rates: SenderRates,
}

impl Tracker {
    /// Creates a tracker without swarms.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            swarms: SwarmTable::new(rules.swarms_max),
            rules: ActiveRules::new(rules),
            info_hash_filter: InfoHashFilter::default(),
            sender_rates: SenderRates::default(),
        }
    }

    /// Returns the active rules.
    #[must_use]
    pub fn rules(&self) -> Rules {
        self.rules.get()
    }

    /// Replaces the active rules. Later requests use the new ones.
    pub fn set_rules(&self, rules: Rules) {
        self.rules.set(rules);
        self.swarms.set_swarms_max(rules.swarms_max);
    }

    /// Replaces the active lists of info-hashes. A member of a swarm that they no longer allow leaves it with its next
    /// announce, or when its membership expires. Until then nothing is relayed there.
    pub fn set_info_hash_lists(&self, lists: InfoHashLists) {
        self.info_hash_filter.set(lists);
    }

    /// Returns the table of swarms, for counts and views.
    #[must_use]
    pub fn swarms(&self) -> &SwarmTable {
        &self.swarms
    }

    /// Serves one request of `participant`. `now` is the time since the process started.
    #[inline]
    pub fn handle<'a>(
        &self,
        participant: &mut Participant,
        request: Request<'a>,
        now: Duration,
        rng: &mut impl Rng,
    ) -> Outcome<'a> {
        match request {
            Request::Announce(announce) if announce.event == Event::Stopped => {
                self.leave(participant, &announce)
            }
            Request::Announce(announce) if !self.info_hash_filter.allows(&announce.info_hash) => {
                self.refuse_and_leave(participant, &announce)
            }
            Request::Announce(announce) => self.announce(participant, &announce, None, (now, rng)),
            // Treated like an unmatched answer: an answer never gets a reply.
            Request::Answer(answer) if !self.info_hash_filter.allows(&answer.info_hash) => {
                Outcome {
                    answer_fate: Some(AnswerFate::Unmatched),
                    ..Outcome::default()
                }
            }
            Request::Answer(answer) => self.answer(participant, &answer, now),
            Request::InvalidAnswer => Outcome {
                answer_fate: Some(AnswerFate::Malformed),
                ..Outcome::default()
            },
            Request::Scrape(scrape) => Outcome::of_reply(self.scrape(scrape)),
            Request::Subscribe(info_hashes) => {
                Outcome::of_reply(Reply::Scrape(self.counts(info_hashes)))
            }
        }
    }

    /// Serves an announce as [`Self::handle`] does. Its offers may also go to `others`, the members on other nodes. The counts
    /// of the reply are those of this node.
    pub fn announce_in_cluster<'a>(
        &self,
        participant: &mut Participant,
        announce: Announce<'a>,
        others: &Others,
        (now, rng): (Duration, &mut impl Rng),
    ) -> Outcome<'a> {
        if announce.event == Event::Stopped || !self.allows(&announce.info_hash) {
            return self.handle(participant, Request::Announce(announce), now, rng);
        }
        self.announce(participant, &announce, Some(others), (now, rng))
    }

    fn announce<'a>(
        &self,
        participant: &mut Participant,
        announce: &Announce<'a>,
        others: Option<&Others>,
        (now, rng): (Duration, &mut impl Rng),
    ) -> Outcome<'a> {
        let (info_hash, member) = (announce.info_hash, participant.member(announce.peer_id));
        let membership = (info_hash, announce.peer_id);
        let before = participant.memberships.len();
        if before >= self.rules.memberships_max() && !participant.memberships.contains(membership) {
            return Outcome {
                reply: Some(failure_reply(Failure::MembershipsMax, info_hash)),
                ..Outcome::default()
            };
        }
        let (swarm_quota, site) = (self.rules.address_swarm_quota(), participant.site());
        let quota_usage = participant.quota_usage.as_deref();
        let may_create = |free| {
            quota_usage.is_none_or(|quota_usage| quota_usage.allows_new_swarm(free, swarm_quota))
        };
        let mut outcome = Outcome::default();
        let group = participant.group();
        let is_light_sender = announce.offers.is_empty() || {
            let receiver_quota = (self.rules.receiver_quota(), now);
            let offers = announce.offers.len();
            self.sender_rates
                .record_offers(group, &info_hash, offers, receiver_quota)
        };
        let counts = self.swarms.with_or_create(&info_hash, may_create, |swarm| {
            let (joined, mut position) = swarm.join(
                (member, group, site),
                claimed_role(announce.event, announce.left),
                participant.relay_counters.is_blocked(),
                now,
            );
            if announce.event == Event::Completed {
                swarm.record_completed(member);
            }
            if joined == JoinResult::New {
                let peer_ids_max = self.rules.peer_ids_per_swarm_max();
                if let Some(oldest) = participant.memberships.add(membership, peer_ids_max) {
                    outcome.limit_hits.ended_memberships = 1;
                    swarm.leave(Member {
                        peer_id: oldest,
                        ..member
                    });
                    // A member has left, so positions may have changed.
                    position = swarm.position_of(member).unwrap_or(position);
                }
            }
            let terms = self.rules.offer_terms(is_light_sender, now);
            let sender = OfferSender {
                info_hash,
                member,
                position,
                terms,
                pending_max: self.rules.pending_offers_max(),
                others,
                is_redrawn: false,
            };
            sender.relay_offers(swarm, &announce.offers, rng, &mut outcome);
            (swarm.counts(), swarm.pace(position, &terms, rng))
        });
        participant.update_quota_usage(before);
        outcome.reply = Some(match counts {
            Ok((counts, pace)) => Reply::Announce(info_hash, counts, pace),
            Err(CreateSwarmError::TableFull) => failure_reply(Failure::SwarmsMax, info_hash),
            Err(CreateSwarmError::SenderQuota) => {
                failure_reply(Failure::AddressSwarmsMax, info_hash)
            }
        });
        outcome
    }

    fn leave<'a>(&self, participant: &mut Participant, announce: &Announce<'_>) -> Outcome<'a> {
        let (info_hash, member) = (announce.info_hash, participant.member(announce.peer_id));
        let counts = self.swarms.with_swarm(&info_hash, |swarm| {
            swarm.leave(member);
            swarm.counts()
        });
        self.remove_ended_membership(participant, info_hash, announce.peer_id);
        let reply = Reply::Announce(info_hash, counts.unwrap_or_default(), Pace::default());
        Outcome {
            reply: Some(reply),
            ..Outcome::default()
        }
    }

    /// Refuses an announce of a swarm that is not allowed. Its sender leaves that swarm if it is a member.
    #[cold]
    fn refuse_and_leave<'a>(
        &self,
        participant: &mut Participant,
        announce: &Announce<'_>,
    ) -> Outcome<'a> {
        Outcome {
            reply: Some(failure_reply(Failure::NotAllowed, announce.info_hash)),
            ..self.leave(participant, announce)
        }
    }

    #[inline]
    fn answer<'a>(
        &self,
        participant: &Participant,
        answer: &Answer<'a>,
        now: Duration,
    ) -> Outcome<'a> {
        let ttl = self.rules.pending_offer_ttl();
        let taken = self.swarms.with_swarm(&answer.info_hash, |swarm| {
            swarm.take_answered_offers(
                participant.connection,
                answer.to_peer_id,
                answer.offer_id,
                (now, ttl),
            )
        });
        let taken = taken.unwrap_or_default();
        let offer_age = taken.iter().map(|answered| answered.age).max();
        let mut matches = MatchCounts::default();
        for answered in &taken {
            matches.count_lesson(answered.lesson);
        }
        let relay = |AnsweredOffer { offer, .. }: &AnsweredOffer| Relay {
            to: offer.from,
            info_hash: answer.info_hash,
            // The `peer_id` that received the offer, whatever the answer contains: old libtorrent versions invent one.
            from: offer.to.peer_id,
            offer_id: offer.offer_id,
            sdp: answer.sdp,
            kind: RelayKind::Answer,
        };
        let relays: SmallVec<_> = taken.iter().map(relay).collect();
        let fate = if relays.is_empty() {
            AnswerFate::Unmatched
        } else {
            AnswerFate::Relayed
        };
        Outcome {
            relays,
            answer_fate: Some(fate),
            offer_age: offer_age.unwrap_or_default(),
            matches,
            ..Outcome::default()
        }
    }

    #[inline]
    fn scrape(&self, scrape: Scrape) -> Reply {
        let mut files = Vec::new();
        match scrape {
            Scrape::Swarms(info_hashes) => files = self.counts(info_hashes),
            Scrape::Everything if self.rules.full_scrape() => {
                self.swarms.for_each(|info_hash, swarm| {
                    if self.info_hash_filter.allows(info_hash) {
                        files.push((*info_hash, swarm.counts()));
                    }
                });
            }
            Scrape::Everything => {
                return Reply::Failure(Refusal {
                    failure: Failure::FullScrape,
                    subject: RefusalSubject::Scrape,
                });
            }
        }
        Reply::Scrape(files)
    }

    /// Returns the counts of swarms. Those of unknown and of denied ones are zero.
    #[must_use]
    pub fn counts(&self, info_hashes: Vec<InfoHash>) -> Vec<(InfoHash, Counts)> {
        let counted = info_hashes
            .into_iter()
            .map(|info_hash| (info_hash, self.counts_of(&info_hash)));
        counted.collect()
    }

    /// Returns the counts of one swarm, as [`Self::counts`] does.
    #[must_use]
    pub fn counts_of(&self, info_hash: &InfoHash) -> Counts {
        let counts = self.swarms.read_swarm(info_hash, Swarm::counts);
        let visible = counts.filter(|_| self.info_hash_filter.allows(info_hash));
        visible.unwrap_or_default()
    }

    /// Sets in all swarms of `participant` whether its output is blocked. Members with blocked output receive no offers.
    pub fn set_blocked(&self, participant: &mut Participant, blocked: bool) {
        participant.relay_counters.set_blocked(blocked);
        for (info_hash, peer_id) in participant.memberships() {
            let member = participant.member(peer_id);
            self.swarms
                .with_swarm(&info_hash, |swarm| swarm.set_blocked(member, blocked));
        }
    }

    /// Removes a membership from its connection's list after it has ended in the swarm. Does nothing if the member has
    /// joined again in the meantime.
    pub fn remove_ended_membership(
        &self,
        participant: &mut Participant,
        info_hash: InfoHash,
        peer_id: PeerId,
    ) {
        let member = participant.member(peer_id);
        let joined_again = self
            .swarms
            .read_swarm(&info_hash, |swarm| swarm.contains(member));
        if joined_again != Some(true) {
            participant.remove((info_hash, peer_id));
        }
    }

    /// Ends all memberships of a closed connection.
    pub fn leave_all(&self, participant: &Participant) {
        for (info_hash, peer_id) in participant.memberships() {
            self.swarms
                .with_swarm(&info_hash, |swarm| swarm.leave(participant.member(peer_id)));
        }
    }

    /// Ends expired memberships and offers in a slice of one of [`SwarmTable::shard_count`]. Returns `None` when the part is
    /// finished. The caller must call [`Self::remove_ended_membership`] for each expired membership of a connection.
    pub fn sweep_slice(&self, part: usize, now: Duration, swept: &mut SweepResult) -> Option<()> {
        self.swarms.sweep_slice(part, now, self.rules.ttl(), swept)
    }
}

/// A member that sends offers.
struct OfferSender<'o> {
    info_hash: InfoHash,
    member: Member,
    position: MemberPosition,
    terms: OfferTerms,
    /// `tracker.pending_offers_max`
    pending_max: usize,
    /// The members on other nodes. `None` without a cluster.
    others: Option<&'o Others>,
    /// Whether the offers have been at another node before.
    is_redrawn: bool,
}

impl OfferSender<'_> {
    /// Gives each offer to a member of the swarm: a repeated one to the same as before, if it may have one more, the others to
    /// chosen ones. Members on other nodes are as likely to be chosen.
    fn relay_offers<'a>(
        self,
        swarm: &mut Swarm,
        offers: &[Offer<'a>],
        rng: &mut impl Rng,
        outcome: &mut Outcome<'a>,
    ) {
        if offers.is_empty() {
            return;
        }
        if self.others.is_some_and(|others| others.is_awaited) {
            outcome.remote = Some(Box::new(self.hold(swarm, offers)));
            return;
        }
        let (position, terms) = (self.position, self.terms);
        let mut new_offers: SmallVec<[&Offer<'a>; 10]> = SmallVec::new();
        let mut repeated: SmallVec<[MemberPosition; 10]> = SmallVec::new();
        for offer in offers {
            let Some(to) = swarm.repeat_receiver(position, offer.offer_id, &terms) else {
                new_offers.push(offer);
                continue;
            };
            repeated.push(to.position);
            match to.charged {
                Ok(member) => {
                    let to = (member, to.position);
                    self.relay(swarm, offer, to, outcome);
                }
                Err(exhausted) => outcome.limit_hits.count_exhausted(exhausted),
            }
        }
        if let Some(others) = self.others
            && !others.nodes.is_empty()
        {
            outcome.remote = self.split((swarm, others), &mut new_offers, rng);
        }
        let wanted = (new_offers.len(), repeated.as_slice());
        let chosen = swarm.choose_receivers(position, wanted, terms, rng);
        outcome.limit_hits.skipped_receivers += chosen.over_quota;
        outcome.limit_hits.skipped_by_reserve += chosen.over_unreserved_quota;
        outcome.matches.count_choice(chosen.tally);
        for (offer, to) in new_offers.into_iter().zip(chosen.receivers) {
            self.relay(swarm, offer, to, outcome);
        }
    }

    fn relay<'a>(
        &self,
        swarm: &mut Swarm,
        offer: &Offer<'a>,
        (to, to_position): (Member, MemberPosition),
        outcome: &mut Outcome<'a>,
    ) {
        let pending_offer = PendingOffer {
            offer_id: offer.offer_id,
            from: self.member,
            to,
            from_position: self.position,
            to_position,
        };
        let (now, max) = (self.terms.now, self.pending_max);
        match swarm.add_pending_offer(self.position, pending_offer, now, max) {
            AddOfferResult::New | AddOfferResult::Renewed => {}
            AddOfferResult::ReplacedOldest => outcome.limit_hits.dropped_pending_offers += 1,
            AddOfferResult::TooManyDuplicates => {
                outcome.limit_hits.duplicate_offers += 1;
                return;
            }
        }
        outcome.relays.push(Relay {
            to,
            info_hash: self.info_hash,
            from: self.member.peer_id,
            offer_id: offer.offer_id,
            sdp: offer.sdp,
            kind: RelayKind::Offer,
        });
    }
}

fn failure_reply(failure: Failure, info_hash: InfoHash) -> Reply {
    let about = RefusalSubject::Announce(info_hash);
    Reply::Failure(Refusal {
        failure,
        subject: about,
    })
}

/// `completed` makes a seeder whatever `left` contains, as in the reference implementation.
fn claimed_role(event: Event, left: Left) -> ClaimedRole {
    match (event, left) {
        (Event::Completed, _) | (_, Left::Nothing) => ClaimedRole::Seeder,
        (_, Left::Something) => ClaimedRole::Leecher,
        (_, Left::Unknown) => ClaimedRole::Unspecified,
    }
}
