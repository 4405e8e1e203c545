//! How many connections the pages of each web site have, and how fast they announce.
//!
//! Shared by all workers behind one lock, which is taken when a page's connection comes and ends, and for its announces only
//! where `limits.origin_announces_per_second` is set. A site keeps a number as long as it has connections.

mod sites;

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use slab::Slab;

use super::bucket::{Lending, Level};
use super::{AddressKind, Group, OriginId, Visit, Whence};
use crate::config;
use sites::{Site, Sites};

/// Bytes of the longest origin that has a number of its own; names of hosts have at most 253.
const ORIGIN_BYTES_MAX: usize = 300;
/// The place of those without a number of their own, which share the limits of one.
const OTHERS: usize = 0;

/// All sites whose pages are connected.
#[derive(Debug)]
pub struct Origins {
    sites: Mutex<Sites>,
    policy: RwLock<Policy>,
}

/// By `limits.origin*`.
#[derive(Debug, Clone, Copy)]
struct Policy {
    most: usize,
    connections_max: Option<u32>,
    announces_per_second: Option<u32>,
    announces_burst: u32,
    delay_max: Duration,
    announces: Lending,
    address_percent: u32,
    address_origins_max: u32,
    network_factor: u32,
    private_factor: u32,
}

/// How many connections the pages of a site have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginCount {
    /// The site; `None` for all together that have no number of their own.
    pub origin: Option<Box<str>>,
    /// Its connections.
    pub connections: u32,
}

impl Policy {
    fn new(limits: &config::Limits) -> Self {
        let rate = limits.origin_announces_per_second;
        let burst = limits.origin_announces_burst;
        Self {
            most: limits.origins_max,
            connections_max: limits.origin_connections_max,
            announces_per_second: rate,
            announces_burst: burst,
            delay_max: limits.delay_max,
            announces: Lending::new(rate.unwrap_or(1), burst, limits.delay_max),
            address_percent: limits.origin_address_percent,
            address_origins_max: limits.address_origins_max,
            network_factor: limits.network_factor,
            private_factor: limits.private_factor,
        }
    }

    /// The part of `whole` that one address may use, at least one.
    fn part(&self, whole: u32, kind: AddressKind) -> u32 {
        let factor = match kind {
            AddressKind::Public => 1,
            AddressKind::Private => self.private_factor,
        };
        let percent = self.address_percent.saturating_mul(factor).min(100);
        let part = (u64::from(whole) * u64::from(percent)).div_ceil(100);
        u32::try_from(part).unwrap_or(whole).max(1)
    }
}

/// Why a page gets no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OriginFull {
    /// `limits.origin_connections_max`
    Origin,
    /// `limits.origin_address_percent`
    Address,
}

/// Where a connection of a page is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// With those of its own origin.
    Own,
    /// With all others, as there are `limits.origins_max`, or what it names is too long.
    Shared,
    /// With all others, as its address has named `limits.address_origins_max` before.
    SharedOfAddress,
}

/// The number of the site at a place.
fn number(place: usize) -> OriginId {
    OriginId(u16::try_from(place + 1).unwrap_or(0))
}

impl Origins {
    /// Knowing none yet.
    #[must_use]
    pub fn new(limits: &config::Limits) -> Self {
        let mut sites = Slab::new();
        sites.insert(Site::default());
        Self {
            sites: Mutex::new(Sites {
                places: HashMap::new(),
                by_number: sites,
                parts: HashMap::new(),
                named_first: HashMap::new(),
            }),
            policy: RwLock::new(Policy::new(limits)),
        }
    }

    /// Goes by other limits from now on, for those that are here as well.
    pub fn retune(&self, limits: &config::Limits) {
        *self.policy.write() = Policy::new(limits);
    }

    fn policy(&self) -> Policy {
        *self.policy.read()
    }

    /// Looks whether the pages of an origin have room for one more connection from an address; `None` is one that has no limits.
    ///
    /// # Errors
    ///
    /// They have not, or that address has its part of it.
    pub fn room(&self, origin: &str, whence: Option<Whence>) -> Result<(), OriginFull> {
        let policy = self.policy();
        let Some(most) = policy.connections_max else {
            return Ok(());
        };
        let sites = self.sites.lock();
        let place = match sites.places.get(origin) {
            Some(place) => *place,
            None if sites.has_place_for(origin, whence, &policy) => return Ok(()),
            None => OTHERS,
        };
        if sites.connections(place) >= most {
            return Err(OriginFull::Origin);
        }
        let Some(group) = whence.map(Whence::group) else {
            return Ok(());
        };
        let part = sites.parts.get(&Visit::new(Some(group.key), number(place)));
        let fits = part.is_none_or(|part| part.connections < policy.part(most, group.kind));
        fits.then_some(()).ok_or(OriginFull::Address)
    }

    /// Counts a connection of a page, from an address that shares its part of the site's limits with `group`. Gives its number,
    /// and where that is counted.
    pub fn enter(
        &self,
        origin: &str,
        whence: Option<Whence>,
        group: Option<Group>,
    ) -> (OriginId, Place) {
        let policy = self.policy();
        let sites = &mut *self.sites.lock();
        let (place, counted) = match sites.places.get(origin) {
            Some(place) => (*place, Place::Own),
            None if sites.has_place_for(origin, whence, &policy) => {
                (sites.add(origin, whence), Place::Own)
            }
            None if sites.may_name(whence, &policy) => (OTHERS, Place::Shared),
            None => (OTHERS, Place::SharedOfAddress),
        };
        let id = number(place);
        if let Some(site) = sites.by_number.get_mut(place) {
            site.connections += 1;
        }
        if let Some(group) = group {
            let part = sites.parts.entry(Visit::new(Some(group.key), id));
            part.or_default().connections += 1;
        }
        (id, counted)
    }

    /// How many connections an address or network has of the pages of an origin.
    #[must_use]
    pub fn connections_of(&self, id: OriginId, group: Group) -> u32 {
        let sites = self.sites.lock();
        let part = sites.parts.get(&Visit::new(Some(group.key), id));
        part.map_or(0, |part| part.connections)
    }

    /// The origin with this number; `None` if it is that of those without one of their own.
    #[must_use]
    pub fn name(&self, id: OriginId) -> Option<Box<str>> {
        let place = usize::from(id.0).checked_sub(1)?;
        let sites = self.sites.lock();
        let mut named = sites.places.iter();
        named
            .find(|(_, known)| **known == place)
            .map(|(name, _)| name.clone())
    }

    /// Whether an origin has a number of its own, or would get one.
    #[must_use]
    pub fn is_own(&self, origin: &str, whence: Option<Whence>) -> bool {
        let policy = self.policy();
        let sites = self.sites.lock();
        sites.places.contains_key(origin) || sites.has_place_for(origin, whence, &policy)
    }

    /// All sites with connections, those with the most first.
    #[must_use]
    pub fn list(&self) -> Vec<OriginCount> {
        let sites = self.sites.lock();
        let connections = |place| sites.connections(place);
        let named = sites.places.iter().map(|(origin, place)| OriginCount {
            origin: Some(origin.clone()),
            connections: connections(*place),
        });
        let others = OriginCount {
            origin: None,
            connections: connections(OTHERS),
        };
        let mut all: Vec<_> = named
            .chain([others])
            .filter(|count| count.connections > 0)
            .collect();
        drop(sites);
        all.sort_by(|one, other| {
            let most_first = other.connections.cmp(&one.connections);
            most_first.then_with(|| one.origin.cmp(&other.origin))
        });
        all
    }

    /// Takes a connection out that was counted for `group`.
    pub fn leave(&self, id: OriginId, group: Option<Group>) {
        self.with(id, |site| {
            site.connections = site.connections.saturating_sub(1);
        });
        let Some(group) = group else { return };
        let visit = Visit::new(Some(group.key), id);
        let parts = &mut self.sites.lock().parts;
        if let Some(part) = parts.get_mut(&visit) {
            part.connections = part.connections.saturating_sub(1);
        }
    }

    /// Takes note of an announce: for how long its connection is not to be read.
    ///
    /// # Errors
    ///
    /// The announce is to be refused: as many as may wait do already, of all pages of the site, or of those at this address.
    pub fn announce(
        &self,
        id: OriginId,
        group: Option<Group>,
        now: Duration,
    ) -> Result<Duration, Duration> {
        let policy = self.policy();
        let Some(rate) = policy.announces_per_second else {
            return Ok(Duration::ZERO);
        };
        let mut wait = Duration::ZERO;
        if let Some(group) = group {
            let part = |whole| policy.part(whole, group.kind);
            let bucket = Lending::new(part(rate), part(policy.announces_burst), policy.delay_max);
            let visit = Visit::new(Some(group.key), id);
            let parts = &mut self.sites.lock().parts;
            wait = bucket.take(&parts.entry(visit).or_default().announces, now)?;
        }
        let of_site = self.with(id, |site| policy.announces.take(&site.announces, now));
        of_site
            .unwrap_or(Ok(Duration::ZERO))
            .map(|own| own.max(wait))
    }

    /// Forgets the sites without connections.
    pub fn tidy(&self, now: Duration) {
        self.sites.lock().tidy(now);
    }

    fn with<R>(&self, id: OriginId, act: impl FnOnce(&mut Site) -> R) -> Option<R> {
        let place = usize::from(id.0).checked_sub(1)?;
        self.sites.lock().by_number.get_mut(place).map(act)
    }
}

#[cfg(test)]
#[path = "tests/origins.rs"]
mod tests;
