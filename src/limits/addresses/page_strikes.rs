//! Counts strikes of an origin's pages at one address: a page that misbehaves in a browser is banned, not the user's
//! address.
//!
//! A client can invent a new `Origin` for each connection, and a domain can have any number of ports and subdomains. So
//! misbehaving origins are counted as well, at the rate of strikes. Too many of one domain ban the domain at that address;
//! too many domains ban the address.

use std::time::Duration;

use smallvec::SmallVec;

use super::record::AddressRecord;
use super::strikes::STRIKE_SCORE_MIN;
use super::{AddressPolicy, Addresses};
use crate::limits::{AddressKind, RateKey};

/// The keys under which the pages of one origin count at one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageKeys {
    /// Address and origin.
    pub origin: RateKey,
    /// Address and domain, where the origin has one.
    pub domain: Option<RateKey>,
}

/// The keys to ban for a strike.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StrikeOutcome {
    /// Pages of an origin or a domain, at one address.
    pub pages: SmallVec<[RateKey; 2]>,
    /// Addresses and networks.
    pub addresses: SmallVec<[RateKey; 2]>,
    /// How many of these are banned for too many origins.
    pub for_origins: u32,
}

impl Addresses {
    /// Adds a strike for a page whose connection was closed as hostile. `key` is that of its address. Each of the
    /// `connections` with the same origin raises the limit by one.
    pub fn add_page_strike(
        &self,
        key: RateKey,
        page: PageKeys,
        connections: u32,
        now: Duration,
    ) -> StrikeOutcome {
        let policy = self.policy();
        let mut outcome = StrikeOutcome::default();
        let address = self.with_existing(key, |record| (record.kind, record.connections));
        let (kind, address_connections) = address.unwrap_or_default();
        if key == RateKey::OVERFLOW || kind == AddressKind::Private && !policy.bans_private {
            return outcome;
        }
        let max = policy.strikes_max.saturating_add(connections);
        let (counted, (is_new, is_banned)) = self.with_record(page.origin, |record| {
            let is_new = record.strikes.points(now, policy.strike_half_life) < STRIKE_SCORE_MIN;
            (is_new, policy.add_strike(record, max, now))
        });
        if counted == RateKey::OVERFLOW {
            // There is no room for a record of this origin.
            outcome.addresses = self.add_strike(key, now);
            return outcome;
        }
        if is_banned {
            outcome.pages.push(page.origin);
        }
        if is_new {
            self.add_misbehaving_origin(
                (key, page.domain),
                address_connections,
                (&policy, now),
                &mut outcome,
            );
        }
        outcome
    }

    /// Counts one more origin with misbehaving pages at an address.
    fn add_misbehaving_origin(
        &self,
        (key, domain): (RateKey, Option<RateKey>),
        connections: u32,
        (policy, now): (&AddressPolicy, Duration),
        outcome: &mut StrikeOutcome,
    ) {
        if let Some(domain) = domain {
            let (counted, (is_new, is_over)) = self.with_record(domain, |record| {
                let max = policy.origins_max.saturating_add(connections);
                policy.add_origin_strike(record, max, policy.strike_every, now)
            });
            if is_over && counted != RateKey::OVERFLOW {
                outcome.pages.push(domain);
                outcome.for_origins += 1;
            }
            if !is_new {
                return;
            }
        }
        let mut note = |key: RateKey, factor: u32| {
            self.with_existing(key, |record| {
                let max = policy.origins_max.saturating_mul(factor);
                let max = max.saturating_add(record.connections);
                let every = policy.strike_every / factor.max(1);
                if policy.add_origin_strike(record, max, every, now).1 {
                    outcome.addresses.push(key);
                    outcome.for_origins += 1;
                }
                record.network
            })
        };
        if let Some(network_key) = note(key, 1).flatten() {
            note(network_key, policy.network_factor);
        }
    }
}

impl AddressPolicy {
    /// Counts an origin, unless one was counted within `every`: a page can open many at once, in frames. Returns
    /// whether it is the first, and whether there are more than `max` now.
    fn add_origin_strike(
        &self,
        record: &mut AddressRecord,
        max: u32,
        every: Duration,
        now: Duration,
    ) -> (bool, bool) {
        let is_first = record.origin_strikes.points(now, self.strike_half_life) < STRIKE_SCORE_MIN;
        if !is_first && record.origin_strikes.age(now) < every {
            return (false, false);
        }
        let origins = record.origin_strikes.add(1.0, now, self.strike_half_life);
        #[expect(clippy::cast_precision_loss, reason = "thousands at most")]
        let max = max as f32;
        (is_first, origins > max)
    }
}
