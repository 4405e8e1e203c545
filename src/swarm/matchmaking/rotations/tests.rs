//! A plain list as model of the rotation of those that seek, and the memory of both kinds.

use std::collections::BTreeSet;
use std::num::{NonZeroU16, NonZeroU64};
use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::protocol::{ConnectionId, PeerId};
use crate::swarm::{
    AddressGroup, ClaimedRole, Matchmaking, Member, OfferTerms, ReceiverQuota, Swarm,
};

const TERMS: OfferTerms = OfferTerms {
    matchmaking: Matchmaking::Introductions,
    nearest: false,
    quota: ReceiverQuota::UNLIMITED,
    is_light_sender: true,
    now: Duration::from_secs(1_000),
};

fn member(number: u32) -> Member {
    let mut peer_id = *b"-WW0300-000000000000";
    peer_id[16..].copy_from_slice(&number.to_be_bytes());
    Member {
        connection: ConnectionId::new(0, number, 0),
        peer_id: PeerId::new(peer_id),
    }
}

/// A swarm, and the positions that its rotation of those that seek should contain. Three members share an address.
#[derive(Default)]
struct Model {
    swarm: Swarm,
    members: BTreeSet<u32>,
    seeking: Vec<u32>,
}

fn address_of(number: u32) -> u64 {
    u64::from(number / 3) + 1
}

impl Model {
    fn join(&mut self, number: u32, site: Option<u16>) {
        let group = NonZeroU64::new(address_of(number)).expect("not 0");
        let site = site.map(|site| SiteId::new(NonZeroU16::new(site).expect("not 0")));
        let joining = (member(number), AddressGroup::of_address(group), site);
        self.swarm
            .join(joining, ClaimedRole::Leecher, false, TERMS.now);
        self.members.insert(number);
    }

    fn leave(&mut self, number: u32) {
        self.swarm.leave(member(number));
        self.members.remove(&number);
    }

    fn position_of(&self, number: u32) -> u32 {
        to_u32(
            self.swarm
                .members
                .position_of(member(number))
                .expect("a member"),
        )
    }

    fn announce(&mut self, number: u32) {
        let mut rng = SmallRng::seed_from_u64(1);
        let position = self.swarm.position_of(member(number)).expect("a member");
        self.swarm.pace(position, &TERMS, &mut rng);
        let position = self.position_of(number);
        if self.members.len() <= ALL_LOOKED_AT_MAX || self.seeking.contains(&position) {
            return;
        }
        let members = &self.swarm.members;
        let group = |position: u32| members.group_at(position as usize);
        self.seeking
            .retain(|known| group(*known) != group(position));
        let most = self.members.len().min(64) - 1;
        let surplus = self.seeking.len().saturating_sub(most);
        self.seeking.drain(..surplus);
        self.seeking.push(position);
    }

    /// Positions may be dropped: those of nobody, and the oldest, down to what the size of the swarm asks for.
    fn release_memory(&mut self) {
        self.swarm.release_memory();
        let size = self.members.len();
        let left = self.stored().len();
        if left < self.seeking.len() {
            let most = if size <= 16 { 0 } else { size.min(64) };
            self.seeking.retain(|position| (*position as usize) < size);
            let surplus = self.seeking.len().saturating_sub(most);
            self.seeking.drain(..surplus);
        }
        assert!(bytes(&self.swarm) <= 80 + 2 * 4 * size, "{size}");
    }

    fn stored(&self) -> Vec<u32> {
        let rotations = self.swarm.rotations.iter();
        rotations
            .flat_map(|rotations| rotations.seeking.positions())
            .collect()
    }

    fn check(&self) {
        assert_eq!(self.stored(), self.seeking);
        let distinct: BTreeSet<_> = self.seeking.iter().collect();
        assert_eq!(distinct.len(), self.seeking.len());
    }
}

/// Returns the bytes of the rotations of a swarm.
fn bytes(swarm: &Swarm) -> usize {
    swarm
        .rotations
        .as_ref()
        .map_or(0, |rotations| rotations.bytes())
}

#[test]
fn rotations_match_a_plain_list_while_the_swarm_grows_and_shrinks() {
    let mut rng = SmallRng::seed_from_u64(5);
    let (mut model, mut released) = (Model::default(), 0);
    for step in 0..20_000_u32 {
        // Ten times from nobody to about 300 members and back.
        let joins = if step / 1_000 % 2 == 0 { 5 } else { 1 };
        let number = rng.random_range(0..600);
        match rng.random_range(0..14) {
            draw if draw < joins => model.join(number, None),
            draw if draw < 6 => {
                let chosen = model.members.range(number..).next().copied();
                if let Some(number) = chosen {
                    model.leave(number);
                }
            }
            13 => {
                let before = bytes(&model.swarm);
                model.release_memory();
                released += usize::from(bytes(&model.swarm) < before);
            }
            _ => {
                let chosen = model.members.range(number..).next().copied();
                if let Some(number) = chosen {
                    model.announce(number);
                }
            }
        }
        model.check();
    }
    assert!((20..200).contains(&released), "{released}");
}

#[test]
fn a_swarm_around_the_size_for_rotations_keeps_them() {
    let mut model = Model::default();
    (0..34).for_each(|number| model.join(number * 3, None));
    (0..34).for_each(|number| model.announce(number * 3));
    let before = (bytes(&model.swarm), model.stored());
    for leaving in 0..17 {
        model.leave(leaving * 3);
        model.release_memory();
    }
    assert_eq!((bytes(&model.swarm), model.stored()), before);
    model.leave(17 * 3);
    model.release_memory();
    assert_eq!(bytes(&model.swarm), 0);
}

#[test]
fn members_of_a_swarm_that_grows_again_are_remembered_again() {
    let mut model = Model::default();
    let mut latest = Vec::new();
    for range in [1..200, 200..214, 200..400] {
        (1..200).for_each(|number| model.leave(number * 3));
        range
            .clone()
            .for_each(|number| model.join(number * 3, None));
        range.clone().for_each(|number| model.announce(number * 3));
        model.release_memory();
        let last = range.rev().take(64);
        latest = last.map(|number| model.position_of(number * 3)).collect();
    }
    latest.reverse();
    assert_eq!(model.stored(), latest);
}

#[test]
fn a_member_that_has_moved_is_remembered_again_when_it_announces() {
    let mut model = Model::default();
    (0..60).for_each(|number| model.join(number * 3, None));
    model.announce(59 * 3);
    let before = model.position_of(59 * 3);
    (0..10).for_each(|number| model.leave(number * 3));
    let after = model.position_of(59 * 3);
    assert_ne!(before, after);
    model.announce(59 * 3);
    model.announce(58 * 3);
    let mut found = Vec::new();
    let rotations = model.swarm.rotations.as_mut().expect("a large swarm");
    rotations.take_seeking(&model.swarm.members, 2, |it| found.push(it));
    // What names nobody any more is dropped.
    assert_eq!(found, [after, model.position_of(58 * 3)]);
    assert_eq!(model.stored(), found);
}

#[test]
fn sites_of_a_swarm_that_has_shrunk_are_forgotten() {
    let mut model = Model::default();
    for number in 0..4_000_u32 {
        let site = u16::try_from(number % 200).expect("small") + 1;
        model.join(number * 3, Some(site));
        model.announce(number * 3);
    }
    let positions = (4_000 + LENGTH_MAX) * size_of::<u32>();
    let sites = 256 * size_of::<(SiteId, Rotation)>();
    let before = bytes(&model.swarm);
    assert!(
        (positions..2 * positions + sites).contains(&before),
        "{before}"
    );
    (0..3_950).for_each(|number| model.leave(number * 3));
    model.swarm.release_memory();
    let left = bytes(&model.swarm);
    assert!(left < before / 8, "{left} of {before}");
    // One site after the other has a member left, who is found as soon as it announces.
    (3_950..4_000).for_each(|number| model.announce(number * 3));
    let rotations = model.swarm.rotations.as_mut().expect("a swarm of fifty");
    let site = SiteId::new(NonZeroU16::new(200).expect("not 0"));
    let mut found = 0;
    rotations.take_of_site(&model.swarm.members, (site, 8), |_| found += 1);
    assert_eq!(found, 1);
}
