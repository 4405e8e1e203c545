//! Counts strikes of an origin's pages at one address: a page that misbehaves in a browser is banned, not the user's
//! address.
//!
//! A client can invent a new `Origin` for each connection, and a site can have any number of ports and subdomains. So
//! misbehaving origins are counted as well, at the rate of strikes. Too many of one site ban the site at that address;
//! too many sites ban the address.

use std::time::Duration;

use smallvec::SmallVec;

use super::{AddressKind, Addresses, Key, Policy, Record, STRIKES_MIN};

/// The keys under which the pages of one origin count at one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageKeys {
    /// Address and origin.
    pub origin: Key,
    /// Address and site, where the origin has one.
    pub site: Option<Key>,
}

/// The keys to ban for a strike.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Struck {
    /// Pages of an origin or a site, at one address.
    pub pages: SmallVec<[Key; 2]>,
    /// Addresses and networks.
    pub addresses: SmallVec<[Key; 2]>,
    /// How many of these are banned for too many origins.
    pub for_origins: u32,
}

impl Addresses {
    /// Adds a strike for a page whose connection was closed as hostile. `key` is that of its address. Each of the
    /// `connections` with the same origin raises the limit by one.
    pub fn strike_page(&self, key: Key, page: PageKeys, connections: u32, now: Duration) -> Struck {
        let policy = self.policy();
        let mut struck = Struck::default();
        let address = self.with_known(key, |record| (record.kind, record.connections));
        let (kind, address_connections) = address.unwrap_or_default();
        if key == Key::OTHERS || kind == AddressKind::Private && !policy.bans_private {
            return struck;
        }
        let most = policy.strikes_max.saturating_add(connections);
        let (counted, (is_new, is_banned)) = self.with(page.origin, |record| {
            let is_new = record.strikes.points(now, policy.half_life) < STRIKES_MIN;
            (is_new, policy.is_struck(record, most, now))
        });
        if counted == Key::OTHERS {
            // There is no room for a record of this origin.
            struck.addresses = self.strike(key, now);
            return struck;
        }
        if is_banned {
            struck.pages.push(page.origin);
        }
        if is_new {
            self.note_origin(
                key,
                page.site,
                address_connections,
                &policy,
                now,
                &mut struck,
            );
        }
        struck
    }

    /// Counts one more origin with misbehaving pages at an address.
    fn note_origin(
        &self,
        key: Key,
        site: Option<Key>,
        connections: u32,
        policy: &Policy,
        now: Duration,
        struck: &mut Struck,
    ) {
        if let Some(site) = site {
            let (counted, (is_new, is_over)) = self.with(site, |record| {
                let most = policy.origins_max.saturating_add(connections);
                policy.is_over_origins(record, most, policy.strike_every, now)
            });
            if is_over && counted != Key::OTHERS {
                struck.pages.push(site);
                struck.for_origins += 1;
            }
            if !is_new {
                return;
            }
        }
        let mut note = |key: Key, factor: u32| {
            self.with_known(key, |record| {
                let most = policy.origins_max.saturating_mul(factor);
                let most = most.saturating_add(record.connections);
                let every = policy.strike_every / factor.max(1);
                if policy.is_over_origins(record, most, every, now).1 {
                    struck.addresses.push(key);
                    struck.for_origins += 1;
                }
                record.wider
            })
        };
        if let Some(wider) = note(key, 1).flatten() {
            note(wider, policy.factor);
        }
    }
}

impl Policy {
    /// Counts an origin, unless one was counted within `every`: a page can open many at once, in frames. Returns
    /// whether it is the first, and whether there are more than `most` now.
    fn is_over_origins(
        &self,
        record: &mut Record,
        most: u32,
        every: Duration,
        now: Duration,
    ) -> (bool, bool) {
        let is_first = record.origins.points(now, self.half_life) < STRIKES_MIN;
        if !is_first && record.origins.age(now) < every {
            return (false, false);
        }
        let origins = record.origins.add(1.0, now, self.half_life);
        #[expect(clippy::cast_precision_loss, reason = "thousands at most")]
        let most = most as f32;
        (is_first, origins > most)
    }
}
