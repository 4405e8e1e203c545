//! How many connections the pages of each web site have, and how fast they announce.
//!
//! Shared by all workers behind one lock, which is taken when a page's connection comes and ends, and for its announces only
//! where `limits.origin_announces_per_second` is set. A site keeps a number as long as it has connections.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use slab::Slab;

use super::OriginId;
use super::bucket::{Lending, Level};
use crate::config;

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
    announces: Lending,
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
            announces: Lending::new(rate.unwrap_or(1), burst, limits.delay_max),
        }
    }
}

#[derive(Debug)]
struct Sites {
    places: HashMap<Box<str>, usize>,
    /// By the number, less one.
    sites: Slab<Site>,
}

#[derive(Debug, Default)]
struct Site {
    connections: u32,
    announces: Level,
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
                sites,
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

    /// Whether the pages of an origin have room for one more connection.
    #[must_use]
    pub fn has_room(&self, origin: &str) -> bool {
        let policy = self.policy();
        let Some(most) = policy.connections_max else {
            return true;
        };
        let sites = self.sites.lock();
        let place = sites.places.get(origin).copied();
        let is_new = place.is_none() && sites.places.len() < policy.most;
        let site = sites.sites.get(place.unwrap_or(OTHERS));
        is_new || site.is_none_or(|site| site.connections < most)
    }

    /// Counts a connection of a page. Gives its number, and whether that is one of its own.
    pub fn enter(&self, origin: &str) -> (OriginId, bool) {
        let policy = self.policy();
        let sites = &mut *self.sites.lock();
        let has_room = sites.places.len() < policy.most && origin.len() <= ORIGIN_BYTES_MAX;
        let place = match sites.places.get(origin) {
            Some(place) => *place,
            None if has_room => {
                let place = sites.sites.insert(Site::default());
                sites.places.insert(origin.into(), place);
                place
            }
            None => OTHERS,
        };
        if let Some(site) = sites.sites.get_mut(place) {
            site.connections += 1;
        }
        let number = u16::try_from(place + 1).unwrap_or(0);
        (OriginId(number), place != OTHERS)
    }

    /// All sites with connections, those with the most first.
    #[must_use]
    pub fn list(&self) -> Vec<OriginCount> {
        let sites = self.sites.lock();
        let connections = |place| sites.sites.get(place).map_or(0, |site| site.connections);
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

    /// Takes a connection out.
    pub fn leave(&self, id: OriginId) {
        self.with(id, |site| {
            site.connections = site.connections.saturating_sub(1);
        });
    }

    /// Takes note of an announce: for how long its connection is not to be read.
    ///
    /// # Errors
    ///
    /// The announce is to be refused: as many as may wait do already.
    pub fn announce(&self, id: OriginId, now: Duration) -> Result<Duration, Duration> {
        let policy = self.policy();
        if policy.announces_per_second.is_none() {
            return Ok(Duration::ZERO);
        }
        self.with(id, |site| policy.announces.take(&site.announces, now))
            .unwrap_or(Ok(Duration::ZERO))
    }

    /// Forgets the sites without connections.
    pub fn tidy(&self, now: Duration) {
        if self.sites.lock().sites.len() > 1 {
            let Sites { places, sites } = &mut *self.sites.lock();
            places.retain(|_, place| {
                let site = sites.get(*place);
                let stays = site.is_some_and(|site| {
                    site.connections > 0 || !site.announces.ahead(now).is_zero()
                });
                if !stays {
                    sites.try_remove(*place);
                }
                stays
            });
            if places.capacity() > 4 * places.len() {
                places.shrink_to(2 * places.len());
                sites.shrink_to_fit();
            }
        }
    }

    fn with<R>(&self, id: OriginId, act: impl FnOnce(&mut Site) -> R) -> Option<R> {
        let place = usize::from(id.0).checked_sub(1)?;
        self.sites.lock().sites.get_mut(place).map(act)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(change: impl FnOnce(&mut config::Limits)) -> Origins {
        let mut limits = config::Limits::default();
        change(&mut limits);
        Origins::new(&limits)
    }

    #[test]
    fn sites_are_listed_also_without_a_limit_and_a_limit_holds_for_those_that_are_here() {
        let origins = origins(|limits| limits.origins_max = 2);
        let ids = ["b", "a", "a", "c", "d"]
            .map(|name| origins.enter(&format!("https://{name}.example")).0);
        let told = |origins: &Origins| {
            let list = origins.list().into_iter();
            let told = list.map(|count| {
                let origin = count.origin.unwrap_or_else(|| "others".into());
                format!("{origin} {}", count.connections)
            });
            told.collect::<Vec<_>>()
        };
        let three = ["others 2", "https://a.example 2", "https://b.example 1"];
        assert_eq!(told(&origins), three);
        assert!(origins.has_room("https://a.example"));
        origins.retune(&config::Limits {
            origin_connections_max: Some(2),
            ..config::Limits::default()
        });
        assert!(!origins.has_room("https://a.example"));
        for id in ids {
            origins.leave(id);
        }
        assert_eq!(told(&origins), [""; 0]);
    }

    #[test]
    fn each_origin_has_its_own_room() {
        let origins = origins(|limits| limits.origin_connections_max = Some(2));
        let (a, is_own) = origins.enter("https://a.example");
        assert!(is_own && origins.has_room("https://a.example"));
        assert_eq!(origins.enter("https://a.example"), (a, true));
        assert!(!origins.has_room("https://a.example"));
        assert!(origins.has_room("https://b.example"));
        origins.leave(a);
        assert!(origins.has_room("https://a.example"));
    }

    #[test]
    fn origins_beyond_the_bound_share_one_place_until_others_are_gone() {
        let origins = origins(|limits| {
            limits.origins_max = 1;
            limits.origin_connections_max = Some(1);
        });
        let (a, _) = origins.enter("https://a.example");
        let (b, is_own) = origins.enter("https://b.example");
        assert!(!is_own && a != b);
        assert!(
            !origins.has_room("https://c.example"),
            "the others have one place"
        );
        origins.leave(a);
        origins.tidy(Duration::from_secs(1));
        let (c, is_own) = origins.enter("https://c.example");
        assert!(is_own);
        origins.leave(c);
        origins.leave(b);
        assert!(origins.has_room("https://d.example"));
    }

    #[test]
    fn what_is_no_origin_has_no_place_of_its_own() {
        let origins = origins(|limits| limits.origin_connections_max = Some(1));
        let (_, is_own) = origins.enter(&"x".repeat(ORIGIN_BYTES_MAX + 1));
        assert!(!is_own);
    }

    #[test]
    fn announces_of_an_origin_are_slowed_and_then_refused() {
        let origins = origins(|limits| {
            limits.origin_announces_per_second = Some(10);
            limits.origin_announces_burst = 5;
            limits.delay_max = Duration::from_secs(2);
        });
        let now = Duration::from_secs(10);
        let (id, _) = origins.enter("https://a.example");
        let mut waits = Vec::new();
        while let Ok(wait) = origins.announce(id, now) {
            waits.push(wait);
            assert!(waits.len() < 1000, "never refused");
        }
        // Five at once, and those of two seconds later.
        assert_eq!(waits.len(), 25);
        assert!(waits.iter().take(5).all(Duration::is_zero), "{waits:?}");
        assert_eq!(waits.last(), Some(&Duration::from_secs(2)));
        let (other, _) = origins.enter("https://b.example");
        assert_eq!(origins.announce(other, now), Ok(Duration::ZERO));
        let now = Duration::from_secs(13);
        assert_eq!(origins.announce(id, now), Ok(Duration::ZERO));
    }
}
