//! Sends one message of a connection to the tracker and compares the outcome with the model.

use swarmhub::protocol::{
    ConnectionId, Counts, Failure, InfoHash, OfferId, PeerId, Refusal, RefusalSubject, Request,
    RequestBounds, parse,
};
use swarmhub::swarm::Matchmaking;
use swarmhub::tracker::{AnswerFate, Outcome, Relay, RelayKind, Reply};

use super::messages::IdEncoding;
use super::naive::{AnnounceFields, Member, ModelMember};
use super::operation::{
    AnswerKind, INFO_HASHES, Left, Numwant, OFFER_IDS, OFFERS_MAX, OfferItem, PEER_IDS,
    SCRAPE_HASHES_MAX,
};
use super::world::{World, ensure, ensure_eq, receiver_group};

const BOUNDS: RequestBounds = RequestBounds {
    sdp_bytes_max: 100,
    json_depth_max: 6,
    offers_max: OFFERS_MAX,
    scrape_hashes_max: SCRAPE_HASHES_MAX,
};

/// From this many ineligible members on, a group may be skipped.
const INELIGIBLE_MAX: usize = 8;

impl World {
    pub(super) fn announce(
        &mut self,
        from: u8,
        (info_hash, peer_id): (InfoHash, PeerId),
        (event, left, numwant): (Option<&str>, Left, Numwant),
        (offers, spelling): (&[OfferItem], IdEncoding),
    ) -> Result<(), String> {
        let offers: Vec<_> = offers.iter().map(|offer| (*offer, self.sdp())).collect();
        let text = spelling.announce((info_hash, peer_id), (event, left, numwant), &offers);
        let Some(place) = self.connection_index(from) else {
            return Ok(());
        };
        let Some((id, outcome)) = self.send(place, &text)? else {
            return Err(format!("refused: {text}"));
        };
        let said = AnnounceFields {
            info_hash,
            peer_id,
            stopped: event == Some("\"stopped\""),
            completed: event == Some("\"completed\""),
            left: left.1,
        };
        if !self.naive.announce(id, said) {
            let refusal = Refusal {
                failure: Failure::MembershipsMax,
                subject: RefusalSubject::Announce(info_hash),
            };
            ensure(outcome.relays.is_empty(), || {
                "relays of a refused announce".into()
            })?;
            return ensure_eq("reply", &outcome.reply, &Some(Reply::Failure(refusal)));
        }
        let replied = match outcome.reply {
            Some(Reply::Announce(hash, counts, _)) if hash == info_hash => reply_counts(counts),
            other => return Err(format!("reply to an announce: {other:?}")),
        };
        ensure_eq(
            "counts",
            &replied,
            &reply_counts(self.naive.counts(info_hash)),
        )?;
        let good = offers.iter().filter_map(|(offer, sdp)| match offer {
            OfferItem::Valid(offer_id) => Some((*offer_id, sdp.as_str())),
            OfferItem::Invalid(_) => None,
        });
        let usable = if said.stopped {
            0
        } else {
            numwant.1.unwrap_or(OFFERS_MAX).min(OFFERS_MAX)
        };
        let good: Vec<_> = good.take(usable).collect();
        match self.naive.rules.matchmaking {
            Matchmaking::Introductions => {
                self.check_matched_offers(info_hash, (id, peer_id), &good, &outcome.relays)
            }
            Matchmaking::Random => {
                self.check_offers(info_hash, (id, peer_id), &good, &outcome.relays)
            }
        }
    }

    /// Checks the offers in order: each must have gone to an eligible member, or there was none.
    fn check_offers(
        &mut self,
        info_hash: InfoHash,
        sender: Member,
        offers: &[(OfferId, &str)],
        relays: &[Relay<'_>],
    ) -> Result<(), String> {
        let eligible = self.naive.eligible(info_hash, sender);
        let mut relays = relays.iter().peekable();
        let (mut used, mut all_relayed): (Vec<Member>, _) = (Vec::new(), true);
        let receivers = eligible.first.len() + eligible.second.len();
        for (place, (offer_id, sdp)) in offers.iter().enumerate().take(receivers) {
            let group = if place < eligible.first.len() {
                &eligible.first
            } else {
                &eligible.second
            };
            let Some(relay) = relays.next_if(|relay| relay.sdp.as_json() == *sdp) else {
                let explained = group.iter().any(|&to| {
                    let naive = &self.naive;
                    !used.contains(&to)
                        && naive.has_too_many_copies(info_hash, sender, to, *offer_id)
                });
                ensure(explained, || format!("offer {place} was not relayed"))?;
                all_relayed = false;
                continue;
            };
            let to = (relay.to.connection, relay.to.peer_id);
            self.check_relay(info_hash, sender, relay)?;
            ensure_eq("kind", &relay.kind, &RelayKind::Offer)?;
            ensure_eq("from", &relay.from, &sender.1)?;
            ensure_eq("offer_id", &relay.offer_id, offer_id)?;
            ensure(group.contains(&to) && !used.contains(&to), || {
                format!("offer {place} went to {to:?}, not one of {group:?} without {used:?}")
            })?;
            let too_many = self
                .naive
                .has_too_many_copies(info_hash, sender, to, *offer_id);
            ensure(!too_many, || "too many copies of an offer".into())?;
            if all_relayed {
                self.check_group_fairness(info_hash, (group.as_slice(), used.as_slice()), to)?;
            }
            used.push(to);
            self.naive.record_offer(info_hash, sender, to, *offer_id);
        }
        ensure(relays.next().is_none(), || "an unexpected relay".into())
    }

    /// Checks the fairness between address groups: no group gets a member ahead of another group that has fewer and
    /// still has eligible members. A group with many ineligible members may be skipped.
    fn check_group_fairness(
        &self,
        info_hash: InfoHash,
        (eligible, used): (&[Member], &[Member]),
        to: Member,
    ) -> Result<(), String> {
        let of = |members: &[Member], of| {
            let members = members.iter().filter(|member| eligible.contains(member));
            members
                .filter(|member| receiver_group(member.0) == of)
                .count()
        };
        let is_left_out = |state: &&ModelMember| !eligible.contains(&state.member);
        let members = self
            .naive
            .swarms
            .get(&info_hash)
            .map(|swarm| &swarm.members);
        let left_out = members.into_iter().flatten().filter(is_left_out).count();
        let own = of(used, receiver_group(to.0));
        let has_fewer = |member: &&Member| {
            let other = receiver_group(member.0);
            let given = of(used, other);
            given < own && of(eligible, other) > given
        };
        let behind = eligible.iter().find(has_fewer);
        ensure(left_out >= INELIGIBLE_MAX || behind.is_none(), || {
            format!("{to:?} before {behind:?}, whose group has had fewer")
        })
    }

    /// Checks what holds for every relay.
    pub(super) fn check_relay(
        &self,
        info_hash: InfoHash,
        sender: Member,
        relay: &Relay<'_>,
    ) -> Result<(), String> {
        let to = (relay.to.connection, relay.to.peer_id);
        ensure_eq("swarm of a relay", &relay.info_hash, &info_hash)?;
        ensure(to.0 != sender.0 && to.1 != sender.1, || {
            format!("relay of {sender:?} to its own {to:?}")
        })?;
        let swarm = self.naive.swarms.get(&info_hash);
        let inside =
            swarm.is_some_and(|swarm| swarm.members.iter().any(|state| state.member == to));
        ensure(inside, || {
            format!("relay to {to:?}, which is not in the swarm")
        })
    }

    pub(super) fn answer(&mut self, from: u8, kind: AnswerKind) -> Result<(), String> {
        let Some(place) = self.connection_index(from) else {
            return Ok(());
        };
        let own = self.open.get(place).map(|open| open.id);
        let waiting = |number: u8| {
            let pending = &self.naive.pending;
            let place = usize::from(number).checked_rem(pending.len())?;
            let offer = pending.get(place)?;
            Some((offer.to.0, offer.info_hash, offer.from.1, offer.offer_id))
        };
        let answer = match kind {
            AnswerKind::Valid(number) => waiting(number),
            AnswerKind::Copied(number) => waiting(number)
                .zip(own)
                .map(|((_, hash, to, offer_id), own)| (own, hash, to, offer_id)),
            AnswerKind::WrongSwarm(number, other) => {
                waiting(number).map(|(own, _, to, offer_id)| (own, other, to, offer_id))
            }
            AnswerKind::Again => self.last_answer,
            AnswerKind::Any {
                info_hash,
                to_peer_id,
                offer_id,
            } => own.map(|own| (own, info_hash, to_peer_id, offer_id)),
            AnswerKind::Invalid => return self.bad_answer(place),
        };
        let Some((id, info_hash, to_peer_id, offer_id)) = answer else {
            return Ok(());
        };
        let Some(place) = self.open.iter().position(|open| open.id == id) else {
            return Ok(());
        };
        self.last_answer = answer;
        let (sdp, spelling) = (self.sdp(), IdEncoding { escaped: false });
        // Some old clients invent a peer_id for their answers.
        let [invented, ..] = PEER_IDS;
        let text = spelling.answer((info_hash, invented), to_peer_id, offer_id, &sdp);
        let Some((_, outcome)) = self.send(place, &text)? else {
            return Err(format!("refused: {text}"));
        };
        let expected = self.naive.answer(id, info_hash, to_peer_id, offer_id);
        let fate = if expected.is_empty() {
            AnswerFate::Unmatched
        } else {
            AnswerFate::Relayed
        };
        ensure_eq("answer", &outcome.answer_fate, &Some(fate))?;
        ensure_eq("reply to an answer", &outcome.reply, &None)?;
        let mut receivers = Vec::new();
        for relay in &outcome.relays {
            self.check_relay(info_hash, (id, relay.from), relay)?;
            ensure_eq("kind", &relay.kind, &RelayKind::Answer)?;
            ensure_eq("offer_id", &relay.offer_id, &offer_id)?;
            ensure_eq("sdp", &relay.sdp.as_json(), &sdp.as_str())?;
            receivers.push(((relay.to.connection, relay.to.peer_id), relay.from));
        }
        let mut expected: Vec<_> = expected
            .iter()
            .map(|offer| (offer.from, offer.to.1))
            .collect();
        receivers.sort_unstable();
        expected.sort_unstable();
        ensure_eq("receivers of an answer", &receivers, &expected)
    }

    fn bad_answer(&mut self, place: usize) -> Result<(), String> {
        let [peer_id, to_peer_id, ..] = PEER_IDS;
        let [info_hash, ..] = INFO_HASHES;
        let [offer_id, ..] = OFFER_IDS;
        let text =
            IdEncoding { escaped: false }.answer((info_hash, peer_id), to_peer_id, offer_id, "5");
        let Some((_, outcome)) = self.send(place, &text)? else {
            return Err("a bad answer was refused".into());
        };
        ensure(outcome.reply.is_none() && outcome.relays.is_empty(), || {
            format!("{outcome:?}")
        })?;
        ensure_eq("answer", &outcome.answer_fate, &Some(AnswerFate::Malformed))
    }

    pub(super) fn scrape(
        &mut self,
        from: u8,
        hashes: Option<&[Option<InfoHash>]>,
    ) -> Result<(), String> {
        let Some(place) = self.connection_index(from) else {
            return Ok(());
        };
        let text = IdEncoding { escaped: false }.scrape(hashes);
        let sent = self.send(place, &text)?;
        let valid: Vec<_> = hashes
            .unwrap_or_default()
            .iter()
            .flatten()
            .copied()
            .collect();
        if hashes.is_some_and(|hashes| !hashes.is_empty() && valid.is_empty()) {
            return ensure(sent.is_none(), || "a scrape without a usable hash".into());
        }
        let reply = sent.and_then(|(_, outcome)| outcome.reply);
        let counted = |hash| (hash, self.naive.counts(hash));
        let mut expected: Vec<_> = if hashes.is_some() {
            valid
                .into_iter()
                .take(SCRAPE_HASHES_MAX)
                .map(counted)
                .collect()
        } else if self.naive.rules.full_scrape {
            self.naive.swarms.keys().copied().map(counted).collect()
        } else {
            let refusal = Refusal {
                failure: Failure::FullScrape,
                subject: RefusalSubject::Scrape,
            };
            return ensure_eq("reply", &reply, &Some(Reply::Failure(refusal)));
        };
        let Some(Reply::Scrape(mut files)) = reply else {
            return Err(format!("reply to a scrape: {reply:?}"));
        };
        // Every swarm once, in any order.
        files.sort_unstable_by_key(|(info_hash, _)| *info_hash);
        expected.sort_unstable_by_key(|(info_hash, _)| *info_hash);
        expected.dedup();
        ensure_eq("files", &files, &expected)
    }

    /// Sends a message; returns `None` if parsing refuses it.
    fn send<'a>(
        &mut self,
        place: usize,
        text: &'a str,
    ) -> Result<Option<(ConnectionId, Outcome<'a>)>, String> {
        let open = self.open.get_mut(place).ok_or("no such connection")?;
        let request: Request<'a> = match parse(text, &BOUNDS) {
            Ok(request) => request,
            Err(refusal) if refusal.failure == Failure::ScrapeHashes => return Ok(None),
            Err(refusal) => return Err(format!("{text}: {refusal:?}")),
        };
        let now = self.naive.now;
        let outcome = self
            .tracker
            .handle(&mut open.participant, request, now, &mut self.rng);
        Ok(Some((open.id, outcome)))
    }
}

/// Returns the counts that an announce reply contains.
fn reply_counts(counts: Counts) -> (u32, u32) {
    (counts.complete, counts.incomplete)
}
