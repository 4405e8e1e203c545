//! What the naive model knows about introductions, and how it checks offers with `tracker.matchmaking = "introductions"`.
//!
//! It remembers all introductions. The tracker stores the last eight of each member, so the model knows whether the tracker
//! must know of one, or only may.

use std::time::Duration;

use swarmhub::protocol::{InfoHash, OfferId};
use swarmhub::tracker::{Relay, RelayKind};

use super::naive::{Member, Naive};
use super::world::{World, ensure, ensure_eq};

/// How many introductions the tracker stores for each member.
const REMEMBERED: usize = 8;
/// How long the tracker waits for an answer at least and at most, by its clock of eighths of a second. The model does not
/// learn how long answers take.
const PATIENCE_MIN: Duration = Duration::from_millis(375);
const PATIENCE_MAX: Duration = Duration::from_millis(10_250);

/// An offer that was given to a member.
pub(super) struct Introduction {
    pub(super) info_hash: InfoHash,
    pub(super) from: Member,
    pub(super) to: Member,
    at: Duration,
    answered: bool,
}

impl Introduction {
    fn is_between(&self, one: Member, other: Member) -> bool {
        (self.from, self.to) == (one, other) || (self.from, self.to) == (other, one)
    }

    fn involves(&self, member: Member) -> bool {
        self.from == member || self.to == member
    }
}

impl Naive {
    pub(super) fn introduce(&mut self, info_hash: InfoHash, from: Member, to: Member) {
        let (at, answered) = (self.now, false);
        self.introductions.push(Introduction {
            info_hash,
            from,
            to,
            at,
            answered,
        });
    }

    pub(super) fn answer_introduction(&mut self, info_hash: InfoHash, from: Member, to: Member) {
        let last = self.introductions.iter_mut().rev();
        let mut last =
            last.filter(|known| known.info_hash == info_hash && known.is_between(from, to));
        if let Some(known) = last.next() {
            known.answered = true;
        }
    }

    /// Returns whether an offer to `to` would cross one from it, and whether the tracker must know that.
    fn crossing(&self, info_hash: InfoHash, sender: Member, to: Member) -> (bool, bool) {
        let in_swarm = |known: &&Introduction| known.info_hash == info_hash;
        let last = self.introductions.iter().filter(in_swarm).enumerate();
        let last = last
            .filter(|(_, known)| known.is_between(sender, to))
            .last();
        let Some((place, last)) = last else {
            return (false, false);
        };
        let age = self.now.saturating_sub(last.at);
        let is_open = last.from == to && !last.answered;
        let is_remembered = |member| self.partners_since(info_hash, place, member) < REMEMBERED;
        let must_know = age < PATIENCE_MIN && (is_remembered(sender) || is_remembered(to));
        (is_open && age < PATIENCE_MAX, is_open && must_know)
    }

    /// Returns how many others a member was introduced to after an introduction.
    fn partners_since(&self, info_hash: InfoHash, place: usize, member: Member) -> usize {
        let in_swarm = |known: &&Introduction| known.info_hash == info_hash;
        let later = self.introductions.iter().filter(in_swarm).skip(place + 1);
        let mut partners: Vec<_> = later
            .filter(|known| known.involves(member))
            .map(|known| {
                if known.from == member {
                    known.to
                } else {
                    known.from
                }
            })
            .collect();
        partners.sort_unstable();
        partners.dedup();
        partners.len()
    }

    /// Returns the receivers that have got this offer in the last seconds and not answered.
    fn repeats(&self, info_hash: InfoHash, sender: Member, offer_id: OfferId) -> Vec<Member> {
        let is_same = |offer: &&super::naive::ModelOffer| {
            (offer.info_hash, offer.from, offer.offer_id) == (info_hash, sender, offer_id)
                && self.now.saturating_sub(offer.relayed_at) < PATIENCE_MAX
        };
        self.pending
            .iter()
            .filter(is_same)
            .map(|offer| offer.to)
            .collect()
    }
}

impl World {
    /// Checks the offers: no receiver twice, none whose own offer is under way, and as many as there are receivers. A
    /// repeated offer goes to the same receiver again.
    pub(super) fn check_matched_offers(
        &mut self,
        info_hash: InfoHash,
        sender: Member,
        offers: &[(OfferId, &str)],
        relays: &[Relay<'_>],
    ) -> Result<(), String> {
        let eligible = self.naive.eligible(info_hash, sender);
        let eligible: Vec<_> = eligible.first.into_iter().chain(eligible.second).collect();
        let crossing = |to: &&Member| self.naive.crossing(info_hash, sender, **to).0;
        let free = eligible.len() - eligible.iter().filter(crossing).count();
        // An offer may be withheld because others have sent too many with the same ids.
        let has_copies = |(offer_id, _): &(OfferId, &str)| {
            let copies = |to: &Member| {
                let naive = &self.naive;
                naive.has_too_many_copies(info_hash, sender, *to, *offer_id)
            };
            eligible.iter().any(copies)
        };
        let withheld = offers.iter().filter(|offer| has_copies(offer)).count();
        if withheld > 0 {
            self.naive.withheld_at = Some(self.naive.now);
        }
        // The tracker has begun the introduction of a withheld offer, and the model can't know with whom.
        let since = self
            .naive
            .withheld_at
            .map(|at| self.naive.now.saturating_sub(at));
        let is_certain = since.is_none_or(|since| since > PATIENCE_MAX);
        let expected = offers.len().min(free);
        ensure(relays.len() >= expected || !is_certain, || {
            format!("{} of {expected} offers were relayed", relays.len())
        })?;
        let (mut used, mut given): (Vec<Member>, Vec<&str>) = (Vec::new(), Vec::new());
        for relay in relays {
            let to = (relay.to.connection, relay.to.peer_id);
            self.check_relay(info_hash, sender, relay)?;
            ensure_eq("kind", &relay.kind, &RelayKind::Offer)?;
            ensure_eq("from", &relay.from, &sender.1)?;
            let offer = offers.iter().find(|(_, sdp)| *sdp == relay.sdp.as_json());
            let (offer_id, sdp) = *offer.ok_or("a relay of no offer")?;
            ensure_eq("offer_id", &relay.offer_id, &offer_id)?;
            ensure(!given.contains(&sdp), || {
                "an offer was relayed twice".into()
            })?;
            given.push(sdp);
            ensure(eligible.contains(&to), || {
                format!("an offer went to {to:?}")
            })?;
            let too_many = self
                .naive
                .has_too_many_copies(info_hash, sender, to, offer_id);
            ensure(!too_many, || "too many copies of an offer".into())?;
            if self
                .naive
                .repeats(info_hash, sender, offer_id)
                .contains(&to)
            {
                self.naive.record_offer(info_hash, sender, to, offer_id);
                continue;
            }
            let (_, must_know) = self.naive.crossing(info_hash, sender, to);
            ensure(!must_know, || format!("an offer crosses one of {to:?}"))?;
            ensure(!used.contains(&to), || format!("two offers went to {to:?}"))?;
            used.push(to);
            self.naive.record_offer(info_hash, sender, to, offer_id);
        }
        for to in used {
            self.naive.introduce(info_hash, sender, to);
        }
        Ok(())
    }
}
