//! The sites whose pages are connected, who named them first, and what part each address has of them.

use std::collections::HashMap;
use std::time::Duration;

use slab::Slab;

use super::{Level, ORIGIN_BYTES_MAX, Policy};
use crate::limits::{AddressKind, Key, Visit, Whence};

#[derive(Debug)]
pub(super) struct Sites {
    pub(super) places: HashMap<Box<str>, usize>,
    /// The number is one more than the place.
    pub(super) by_number: Slab<Site>,
    /// What one address or network has of one site.
    pub(super) parts: HashMap<Visit, Part>,
    /// How many sites each address and network has named first.
    pub(super) named_first: HashMap<Key, u32>,
}

#[derive(Debug, Default)]
pub(super) struct Site {
    pub(super) connections: u32,
    pub(super) announces: Level,
    /// The address and the network that named it first.
    pub(super) named_by: [Option<Key>; 2],
}

#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) connections: u32,
    pub(super) announces: Level,
}

impl Sites {
    pub(super) fn connections(&self, place: usize) -> u32 {
        self.by_number.get(place).map_or(0, |site| site.connections)
    }

    /// Whether an address may name one more site that is not known yet.
    pub(super) fn may_name(&self, whence: Option<Whence>, policy: &Policy) -> bool {
        let Some(whence) = whence else {
            return true;
        };
        let named = |key: Key| self.named_first.get(&key).copied().unwrap_or(0);
        let most = policy.address_origins_max;
        let most = match whence.kind {
            AddressKind::Public => most,
            AddressKind::Private => most.saturating_mul(policy.private_factor),
        };
        let of_network = most.saturating_mul(policy.network_factor);
        named(whence.own) < most && whence.wider.is_none_or(|wider| named(wider) < of_network)
    }

    /// Whether an origin that is not known gets a place of its own.
    pub(super) fn has_place_for(
        &self,
        origin: &str,
        whence: Option<Whence>,
        policy: &Policy,
    ) -> bool {
        self.places.len() < policy.most
            && origin.len() <= ORIGIN_BYTES_MAX
            && self.may_name(whence, policy)
    }

    pub(super) fn add(&mut self, origin: &str, whence: Option<Whence>) -> usize {
        let keys = whence.map_or([None; 2], |whence| [Some(whence.own), whence.wider]);
        for key in keys.into_iter().flatten() {
            *self.named_first.entry(key).or_default() += 1;
        }
        let place = self.by_number.insert(Site {
            named_by: keys,
            ..Site::default()
        });
        self.places.insert(origin.into(), place);
        place
    }

    /// Forgets the sites and parts that have nothing here any more.
    pub(super) fn tidy(&mut self, now: Duration) {
        let Self {
            places,
            by_number,
            parts,
            named_first,
        } = self;
        let stays = |connections: u32, announces: &Level| {
            connections > 0 || !announces.ahead(now).is_zero()
        };
        parts.retain(|_, part| stays(part.connections, &part.announces));
        places.retain(|_, place| {
            let site = by_number.get(*place);
            let is_kept = site.is_some_and(|site| stays(site.connections, &site.announces));
            if !is_kept && let Some(site) = by_number.try_remove(*place) {
                for key in site.named_by.into_iter().flatten() {
                    let named = named_first.entry(key).or_default();
                    *named = named.saturating_sub(1);
                }
            }
            is_kept
        });
        named_first.retain(|_, named| *named > 0);
        if places.capacity() > 4 * places.len() {
            places.shrink_to(2 * places.len());
            by_number.shrink_to_fit();
            named_first.shrink_to(2 * named_first.len());
        }
        if parts.capacity() > 4 * parts.len() {
            parts.shrink_to(2 * parts.len());
        }
    }
}
