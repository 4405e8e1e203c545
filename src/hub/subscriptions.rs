//! Sends the counts of swarms to connections that subscribed to them, at most once a second and only what changed. So a page
//! can show how many others are there without joining.

use std::collections::HashMap;

use super::connection_entry::ConnectionEntry;
use super::{DEADLINE_SLICES, Hub, HubState, entry_mut};
use crate::limits::{AccountKey, RateKey};
use crate::protocol::{self, ConnectionId, Counts, Failure, InfoHash, Refusal, RefusalSubject};
use crate::tracker::{Outcome, Reply};

/// Largest number of swarms in the subscription of one connection. A page shows a few.
const SUBSCRIBED_SWARMS_MAX: usize = 20;
/// The connections of one address may have this part of all subscriptions of a worker: one in ten.
const ADDRESS_SHARE: usize = 10;

/// The subscriptions of one worker's connections.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    by_connection: HashMap<ConnectionId, Subscription>,
    /// Number of subscribed swarms of each address that has some.
    by_address: HashMap<RateKey, usize>,
    /// Number of subscribed swarms, each as often as it is subscribed.
    swarms: usize,
}

/// The swarms of one connection, with the counts that it got last.
#[derive(Debug)]
struct Subscription {
    account: AccountKey,
    swarms: Vec<(InfoHash, Counts)>,
}

impl Subscriptions {
    /// Replaces the subscription of a connection. An empty one ends it. Returns false, and keeps the old one, if there is no room:
    /// `max` is that of the worker.
    fn replace(
        &mut self,
        id: ConnectionId,
        account: AccountKey,
        swarms: Vec<(InfoHash, Counts)>,
        max: usize,
    ) -> bool {
        let old = self
            .by_connection
            .get(&id)
            .map_or(0, |old| old.swarms.len());
        let key = account.address();
        let of_address = key.map_or(0, |key| {
            let before = self.by_address.get(&key).copied().unwrap_or(0);
            before.saturating_sub(old) + swarms.len()
        });
        let grows = swarms.len() > old;
        let is_over =
            self.swarms - old + swarms.len() > max || of_address > (max / ADDRESS_SHARE).max(1);
        if grows && is_over {
            return false;
        }
        self.remove(id);
        if !swarms.is_empty() {
            self.swarms += swarms.len();
            if let Some(key) = key {
                *self.by_address.entry(key).or_default() += swarms.len();
            }
            self.by_connection
                .insert(id, Subscription { account, swarms });
        }
        true
    }

    /// Removes the subscription of a connection, if it has one.
    pub(super) fn remove(&mut self, id: ConnectionId) {
        if self.by_connection.is_empty() {
            return;
        }
        let Some(removed) = self.by_connection.remove(&id) else {
            return;
        };
        self.swarms -= removed.swarms.len();
        let Some(key) = removed.account.address() else {
            return;
        };
        if let Some(count) = self.by_address.get_mut(&key) {
            *count -= removed.swarms.len();
            if *count == 0 {
                self.by_address.remove(&key);
            }
        }
    }
}

impl Hub {
    /// Subscribes a connection to swarms, whose counts are in the reply.
    pub(super) fn subscribe<'a>(
        &self,
        entry: &ConnectionEntry,
        subscriptions: &mut Subscriptions,
        mut info_hashes: Vec<InfoHash>,
    ) -> Outcome<'a> {
        info_hashes.truncate(SUBSCRIBED_SWARMS_MAX);
        let counts = self.node.tracker().counts(info_hashes);
        let max = self.hot_settings.get().subscriptions_max;
        let max = max.div_ceil(self.mailboxes.len().max(1));
        let reply = if subscriptions.replace(entry.id, entry.account, counts.clone(), max) {
            Reply::Scrape(counts)
        } else {
            Reply::Failure(Refusal {
                failure: Failure::SubscriptionsMax,
                subject: RefusalSubject::Scrape,
            })
        };
        self.gauges().subscriptions.set(subscriptions.swarms as u64);
        Outcome {
            reply: Some(reply),
            ..Outcome::default()
        }
    }

    /// Ends the subscription of a closed connection.
    pub(super) fn unsubscribe(&self, subscriptions: &mut Subscriptions, id: ConnectionId) {
        subscriptions.remove(id);
        self.gauges().subscriptions.set(subscriptions.swarms as u64);
    }

    /// Sends the changed counts to one slice of the subscribed connections. Each connection is in one of
    /// [`DEADLINE_SLICES`] slices. One that has not read its output yet gets them later.
    pub(super) fn send_changed_counts(&self, state: &mut HubState, slice: usize) {
        for (&id, subscription) in &mut state.subscriptions.by_connection {
            if id.slot() % DEADLINE_SLICES != slice {
                continue;
            }
            let Some(entry) = entry_mut(&mut state.entries, id) else {
                continue;
            };
            if !entry.outbox.is_empty() {
                continue;
            }
            let changed = self.update(&mut subscription.swarms);
            if changed.is_empty() {
                continue;
            }
            self.reply(entry, protocol::scrape_bytes(changed.len()), |out| {
                protocol::write_scrape_reply(out, &changed);
            });
            entry.wake();
            self.counters().counts_sent.add(1);
        }
    }

    /// Stores the counts of now, and returns those that changed.
    fn update(&self, swarms: &mut [(InfoHash, Counts)]) -> Vec<(InfoHash, Counts)> {
        let mut changed = Vec::new();
        for (info_hash, counts) in swarms {
            let now = self.node.tracker().counts_of(info_hash);
            if now != *counts {
                *counts = now;
                changed.push((*info_hash, now));
            }
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::OriginId;

    fn swarms(count: u8) -> Vec<(InfoHash, Counts)> {
        let hash = |n| (InfoHash::new([n; 20]), Counts::default());
        (0..count).map(hash).collect()
    }

    fn account(number: u64) -> AccountKey {
        AccountKey::new(Some(RateKey::new(number)), OriginId::default())
    }

    #[test]
    fn a_subscription_replaces_the_one_before_and_ends_with_its_connection() {
        let mut all = Subscriptions::default();
        let [one, two] = [0, 1].map(|slot| ConnectionId::new(0, slot, 7));
        assert!(all.replace(one, account(1), swarms(3), 100));
        assert!(all.replace(two, account(2), swarms(2), 100));
        assert!(all.replace(one, account(1), swarms(1), 100));
        assert_eq!(all.swarms, 3);
        assert!(all.replace(one, account(1), Vec::new(), 100));
        all.remove(two);
        all.remove(two);
        assert!(all.swarms == 0 && all.by_connection.is_empty() && all.by_address.is_empty());
    }

    #[test]
    fn all_subscriptions_and_those_of_an_address_have_a_maximum() {
        let mut all = Subscriptions::default();
        let connection = |slot| ConnectionId::new(0, slot, 7);
        // An address may have ten of a hundred.
        assert!(all.replace(connection(0), account(1), swarms(6), 100));
        assert!(!all.replace(connection(1), account(1), swarms(5), 100));
        assert!(all.replace(connection(1), account(1), swarms(4), 100));
        // An exempt address counts towards all only.
        assert!(all.replace(connection(2), AccountKey::default(), swarms(90), 100));
        assert!(!all.replace(connection(3), account(2), swarms(1), 100));
        // What is refused leaves the old one, and a smaller one is always accepted.
        assert!(all.replace(connection(1), account(1), swarms(3), 50));
        assert_eq!(all.swarms, 99);
        // None at all if they are switched off.
        assert!(!Subscriptions::default().replace(connection(0), account(1), swarms(1), 0));
    }
}
