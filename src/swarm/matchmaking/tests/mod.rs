//! The rules of matchmaking, each by what a swarm does. `docs/matchmaking.md` lists them in the same order.

mod memory;
mod near;
mod order;
mod pace;
mod seeders;
mod seen;
mod silence;
mod withheld;

use std::num::{NonZeroU16, NonZeroU64};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::protocol::{ConnectionId, OfferId, PeerId};
use crate::swarm::{
    AddressGroup, ClaimedRole, Matchmaking, Member, OfferTerms, Pace, PendingOffer, ReceiverQuota,
    SiteId, Swarm,
};

/// A swarm whose members have numbers, and a clock.
struct Meeting {
    swarm: Swarm,
    terms: OfferTerms,
    rng: SmallRng,
    offers: u32,
}

fn member(number: u32) -> Member {
    let mut peer_id = *b"-WW0300-000000000000";
    peer_id[16..].copy_from_slice(&number.to_be_bytes());
    Member {
        connection: ConnectionId::new(0, number, 0),
        peer_id: PeerId::new(peer_id),
    }
}

fn number(member: Member) -> u32 {
    let last = member.peer_id.as_bytes().last_chunk();
    u32::from_be_bytes(*last.expect("twenty bytes"))
}

fn address(number: u64) -> AddressGroup {
    AddressGroup::of_address(NonZeroU64::new(number).expect("not 0"))
}

impl Meeting {
    fn new(seed: u64) -> Self {
        Self {
            swarm: Swarm::default(),
            terms: OfferTerms {
                matchmaking: Matchmaking::Introductions,
                nearest: false,
                quota: ReceiverQuota::UNLIMITED,
                is_light_sender: true,
                now: Duration::from_secs(1_000),
            },
            rng: SmallRng::seed_from_u64(seed),
            offers: 0,
        }
    }

    /// A meeting of leechers with addresses of their own.
    fn of(members: u32) -> Self {
        let mut meeting = Self::new(members.into());
        for number in 0..members {
            meeting.join(number, ClaimedRole::Leecher);
        }
        meeting
    }

    fn join(&mut self, number: u32, claim: ClaimedRole) {
        self.join_from(number, claim, address(u64::from(number) + 1), None);
    }

    fn join_from(
        &mut self,
        number: u32,
        claim: ClaimedRole,
        group: AddressGroup,
        site: Option<u16>,
    ) {
        let site = site.map(|site| SiteId::new(NonZeroU16::new(site).expect("not 0")));
        let joining = (member(number), group, site);
        self.swarm.join(joining, claim, false, self.terms.now);
    }

    fn wait(&mut self, seconds: u64) {
        self.terms.now += Duration::from_secs(seconds);
    }

    /// Lets a member announce offers. Returns the receivers in the order of choice.
    fn offer(&mut self, from: u32, offers: usize) -> Vec<u32> {
        let position = self.swarm.position_of(member(from)).expect("a member");
        let chosen =
            self.swarm
                .choose_receivers(position, (offers, &[]), self.terms, &mut self.rng);
        for (to, to_position) in &chosen.receivers {
            self.offers += 1;
            let offer = PendingOffer {
                offer_id: offer_id(self.offers),
                from: member(from),
                to: *to,
                from_position: position,
                to_position: *to_position,
            };
            self.swarm
                .add_pending_offer(position, offer, self.terms.now, 256);
        }
        chosen.receivers.iter().map(|(to, _)| number(*to)).collect()
    }

    /// Lets a member answer the last offer of another one.
    fn answer(&mut self, from: u32, to: u32) {
        let ttl = Duration::from_mins(2);
        let answered = (1..=self.offers).rev().any(|id| {
            let (connection, peer_id) = (member(from).connection, member(to).peer_id);
            let lifetime = (self.terms.now, ttl);
            let taken =
                self.swarm
                    .take_answered_offers(connection, peer_id, offer_id(id), lifetime);
            !taken.is_empty()
        });
        assert!(answered, "{from} had no offer of {to}");
    }

    /// Introduces two members, the second of which answers.
    fn acquaint(&mut self, from: u32, to: u32) {
        for _ in 0..100 {
            if self.offer(from, usize::MAX >> 1).contains(&to) {
                return self.answer(to, from);
            }
        }
        panic!("{from} was never given {to}");
    }

    fn pace(&mut self, of: u32) -> Pace {
        let position = self.swarm.position_of(member(of)).expect("a member");
        self.swarm.pace(position, &self.terms, &mut self.rng)
    }
}

fn offer_id(number: u32) -> OfferId {
    let mut id = [b'o'; 20];
    id[16..].copy_from_slice(&number.to_be_bytes());
    OfferId::new(id)
}
