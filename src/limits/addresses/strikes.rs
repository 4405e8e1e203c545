//! Counts strikes against addresses for connections that were closed as hostile.

use std::time::Duration;

use smallvec::SmallVec;

use super::Addresses;
use super::policy::AddressPolicy;
use super::record::AddressRecord;
use crate::limits::{AddressKind, RateKey};

/// A strike score below this is forgotten.
pub(super) const STRIKE_SCORE_MIN: f32 = 0.1;

impl Addresses {
    /// Adds a strike for a connection that was closed as hostile. Returns the address and the network to ban for it.
    ///
    /// Many clients share an address, so a hostile one must not lock the others out. A connection counts only when it
    /// was closed for its behaviour, and only once per `bans.strike_every`. A ban takes more strikes than
    /// `bans.strikes_max` plus one for each open connection of the address. Strikes halve every
    /// `bans.strike_half_life`, so there are never more than about eighty (by default). An address with as many
    /// connections is thus never banned, while one with only hostile connections is banned after a minute. Private
    /// addresses are not banned unless `bans.private` is set.
    pub fn add_strike(&self, key: RateKey, now: Duration) -> SmallVec<[RateKey; 2]> {
        let mut banned = SmallVec::new();
        if key == RateKey::OVERFLOW {
            return banned;
        }
        let policy = self.policy();
        let is_exempt = |record: &mut AddressRecord| {
            record.kind == AddressKind::Private && !policy.bans_private
        };
        if self.with_existing(key, is_exempt).unwrap_or(false) {
            return banned;
        }
        let mut strike = |key: RateKey, max: u32| {
            self.with_existing(key, |record| {
                if policy.add_strike(record, max, now) {
                    banned.push(key);
                }
                record.network
            })
        };
        if let Some(network_key) = strike(key, policy.strikes_max).flatten() {
            strike(
                network_key,
                policy.strikes_max.saturating_mul(policy.network_factor),
            );
        }
        banned
    }
}

impl AddressPolicy {
    /// Adds a strike. Returns whether there are more than `max` now.
    pub(super) fn add_strike(&self, record: &mut AddressRecord, max: u32, now: Duration) -> bool {
        let is_known = record.strikes.points(now, self.strike_half_life) >= STRIKE_SCORE_MIN;
        if is_known && record.strikes.age(now) < self.strike_every {
            return false;
        }
        let strikes = record.strikes.add(1.0, now, self.strike_half_life);
        // A float represents these numbers well enough.
        #[expect(clippy::cast_precision_loss, reason = "thousands at most")]
        let max = max.saturating_add(record.connections) as f32;
        strikes > max
    }
}
