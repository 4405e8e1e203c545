//! Sends the counts of swarms to connections that subscribed to them, at most once a second and only what changed. So a page
//! can show how many others are there without joining.

use std::collections::HashMap;
use std::num::NonZeroU64;

use super::connection_entry::ConnectionEntry;
use super::shed::address_group;
use super::{DEADLINE_SLICES, Hub, HubState, entry_mut};
use crate::protocol::{self, ConnectionId, Counts, Failure, InfoHash, Refusal, RefusalSubject};
use crate::tracker::{Outcome, Reply};

/// Largest number of swarms in the subscription of one connection. A page shows a few.
const SUBSCRIBED_SWARMS_MAX: usize = 20;
/// The connections of one address group may have this part of all subscriptions of a worker: one in ten, but always as
/// much as one connection may have.
const ADDRESS_SHARE: usize = 10;

/// The subscriptions of one worker's connections.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    by_connection: HashMap<ConnectionId, Subscription>,
    /// Number of subscribed swarms of each address group that has some.
    by_group: HashMap<NonZeroU64, usize>,
    /// Number of subscribed swarms, each as often as it is subscribed.
    swarms: usize,
}

/// The swarms of one connection, with the counts that it got last.
#[derive(Debug)]
struct Subscription {
    /// `None` for an exempt address.
    group: Option<NonZeroU64>,
    swarms: Vec<(InfoHash, Counts)>,
}

impl Subscriptions {
    /// Replaces the subscription of a connection. An empty one ends it. Returns false, and keeps the old one, if there is no room:
    /// `max` is that of the worker.
    fn replace(
        &mut self,
        id: ConnectionId,
        group: Option<NonZeroU64>,
        swarms: Vec<(InfoHash, Counts)>,
        max: usize,
    ) -> bool {
        let old = self
            .by_connection
            .get(&id)
            .map_or(0, |old| old.swarms.len());
        let group_max = (max / ADDRESS_SHARE).max(SUBSCRIBED_SWARMS_MAX);
        let is_group_over = group.is_some_and(|group| {
            let before = self.by_group.get(&group).copied().unwrap_or(0);
            before.saturating_sub(old) + swarms.len() > group_max
        });
        let is_over = self.swarms - old + swarms.len() > max || is_group_over;
        if swarms.len() > old && is_over {
            return false;
        }
        self.remove(id);
        if !swarms.is_empty() {
            self.swarms += swarms.len();
            if let Some(group) = group {
                *self.by_group.entry(group).or_default() += swarms.len();
            }
            self.by_connection
                .insert(id, Subscription { group, swarms });
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
        if let Some(group) = removed.group
            && let Some(count) = self.by_group.get_mut(&group)
        {
            *count -= removed.swarms.len();
            if *count == 0 {
                self.by_group.remove(&group);
            }
        }
    }

    /// Frees the memory that it kept for ended subscriptions.
    pub(super) fn shrink(&mut self) {
        self.by_connection.shrink_to_fit();
        self.by_group.shrink_to_fit();
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
        let counts = info_hashes.into_iter();
        let counts: Vec<_> = counts
            .map(|info_hash| (info_hash, self.node.watched_counts(&info_hash)))
            .collect();
        let max = self.hot_settings.get().subscriptions_max;
        let max = max.div_ceil(self.mailboxes.len().max(1));
        let reply = if subscriptions.replace(entry.id, address_group(entry), counts.clone(), max) {
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
        if self.hot_settings.get().subscriptions_max == 0 {
            // Switched off by a reload.
            state.subscriptions = Subscriptions::default();
            self.gauges().subscriptions.set(0);
        }
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
            let now = self.node.watched_counts(info_hash);
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

    fn swarms(count: u8) -> Vec<(InfoHash, Counts)> {
        let hash = |n| (InfoHash::new([n; 20]), Counts::default());
        (0..count).map(hash).collect()
    }

    #[test]
    fn a_subscription_replaces_the_one_before_and_ends_with_its_connection() {
        let mut all = Subscriptions::default();
        let [one, two] = [0, 1].map(|slot| ConnectionId::new(0, slot, 7));
        assert!(all.replace(one, NonZeroU64::new(1), swarms(3), 100));
        assert!(all.replace(two, NonZeroU64::new(2), swarms(2), 100));
        assert!(all.replace(one, NonZeroU64::new(1), swarms(1), 100));
        assert_eq!(all.swarms, 3);
        assert!(all.replace(one, NonZeroU64::new(1), Vec::new(), 100));
        all.remove(two);
        all.remove(two);
        assert!(all.swarms == 0 && all.by_connection.is_empty() && all.by_group.is_empty());
    }

    #[test]
    fn all_subscriptions_and_those_of_an_address_have_a_maximum() {
        let mut all = Subscriptions::default();
        let connection = |slot| ConnectionId::new(0, slot, 7);
        let [one, two] = [1, 2].map(NonZeroU64::new);
        // An address may have 30 of 300.
        assert!(all.replace(connection(0), one, swarms(20), 300));
        assert!(!all.replace(connection(1), one, swarms(11), 300));
        assert!(all.replace(connection(1), one, swarms(10), 300));
        // An exempt address counts towards all only.
        assert!(all.replace(connection(2), None, swarms(250), 300));
        assert!(!all.replace(connection(3), two, swarms(21), 300));
        assert!(all.replace(connection(3), two, swarms(20), 300));
        assert!(!all.replace(connection(4), two, swarms(1), 300));
        // What is refused leaves the old one, and a smaller one is always accepted.
        assert!(all.replace(connection(1), one, swarms(9), 50));
        assert_eq!(all.swarms, 299);
    }

    #[test]
    fn one_connection_may_always_subscribe_while_there_is_room() {
        let mut all = Subscriptions::default();
        let id = ConnectionId::new(0, 0, 7);
        assert!(all.replace(id, NonZeroU64::new(1), swarms(20), 20));
        // None at all if they are switched off.
        assert!(!Subscriptions::default().replace(id, NonZeroU64::new(1), swarms(1), 0));
    }
}
