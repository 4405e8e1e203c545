//! Records introductions (relayed offers and answers) in swarms that an operator watches.
//!
//! While no swarm is watched, a message costs one relaxed load. Watching ends a minute after the last view.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::protocol::{InfoHash, OfferId, PeerId};
use crate::tracker::{Relay, RelayKind};

/// Maximum number of watched swarms. One more replaces the one viewed longest ago.
pub const WATCHED_SWARMS_MAX: usize = 16;
/// Maximum number of stored introductions of one swarm; the oldest is dropped.
pub const INTRODUCTIONS_MAX: usize = 512;
/// How long a swarm is watched after a view.
const WATCH_DURATION: Duration = Duration::from_mins(1);

/// A relayed offer and its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Introduction {
    /// The peer that made the offer.
    pub from: PeerId,
    /// The peer that received it.
    pub to: PeerId,
    /// When it was relayed, measured from the start of the process.
    pub offered_at: Duration,
    /// When its answer was relayed.
    pub answered_at: Option<Duration>,
    offer_id: OfferId,
}

/// The introductions of a watched swarm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SwarmIntroductions {
    /// Since when it is watched, measured from the start of the process.
    pub since: Duration,
    /// The last introductions, the oldest first.
    pub introductions: Vec<Introduction>,
}

/// All watched swarms.
#[derive(Debug, Default)]
pub struct IntroductionWatches {
    is_active: AtomicBool,
    watches: Mutex<Vec<SwarmWatch>>,
}

#[derive(Debug)]
struct SwarmWatch {
    info_hash: InfoHash,
    since: Duration,
    viewed_at: Duration,
    introductions: VecDeque<Introduction>,
}

impl IntroductionWatches {
    /// Returns whether any swarm is watched.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.is_active.load(Ordering::Relaxed)
    }

    /// Returns the introductions of a swarm and watches it for another minute. Also returns whether another watch was
    /// dropped for it.
    pub(super) fn view(&self, info_hash: InfoHash, now: Duration) -> (SwarmIntroductions, bool) {
        let views = &mut *self.watches.lock();
        let known = views.iter_mut().find(|view| view.info_hash == info_hash);
        let Some(view) = known else {
            let is_full = views.len() >= WATCHED_SWARMS_MAX;
            if is_full {
                let oldest = views.iter().enumerate();
                let oldest = oldest.min_by_key(|(_, view)| view.viewed_at);
                if let Some((index, _)) = oldest {
                    views.swap_remove(index);
                }
            }
            views.push(SwarmWatch {
                info_hash,
                since: now,
                viewed_at: now,
                introductions: VecDeque::new(),
            });
            self.is_active.store(true, Ordering::Relaxed);
            let introductions = Vec::new();
            let since = now;
            return (
                SwarmIntroductions {
                    since,
                    introductions,
                },
                is_full,
            );
        };
        view.viewed_at = now;
        let watched = SwarmIntroductions {
            since: view.since,
            introductions: view.introductions.iter().copied().collect(),
        };
        (watched, false)
    }

    /// Records the relays of one message.
    pub fn record(&self, relays: &[Relay<'_>], now: Duration) {
        let Some(first) = relays.first() else { return };
        let views = &mut *self.watches.lock();
        // All relays of a message are in one swarm.
        let is_meant = |view: &&mut SwarmWatch| view.info_hash == first.info_hash;
        if let Some(view) = views.iter_mut().find(is_meant) {
            for relay in relays {
                view.record(relay, now);
            }
        }
    }

    /// Ends watches without a view for a minute.
    pub fn evict_stale(&self, now: Duration) {
        if self.is_active() {
            let views = &mut *self.watches.lock();
            views.retain(|view| now.saturating_sub(view.viewed_at) < WATCH_DURATION);
            self.is_active.store(!views.is_empty(), Ordering::Relaxed);
        }
    }
}

impl SwarmWatch {
    fn record(&mut self, relay: &Relay<'_>, now: Duration) {
        match relay.kind {
            RelayKind::Offer => {
                if self.introductions.len() >= INTRODUCTIONS_MAX {
                    self.introductions.pop_front();
                }
                self.introductions.push_back(Introduction {
                    from: relay.from,
                    to: relay.to.peer_id,
                    offered_at: now,
                    answered_at: None,
                    offer_id: relay.offer_id,
                });
            }
            RelayKind::Answer => {
                let is_answered = |known: &&mut Introduction| {
                    known.offer_id == relay.offer_id
                        && known.from == relay.to.peer_id
                        && known.to == relay.from
                        && known.answered_at.is_none()
                };
                if let Some(known) = self.introductions.iter_mut().rev().find(is_answered) {
                    known.answered_at = Some(now);
                }
            }
        }
    }
}

#[cfg(test)]
impl Introduction {
    /// Creates an introduction of two peers, whose ids consist of these bytes.
    pub(super) fn example(
        [from, to]: [u8; 2],
        offered_at: Duration,
        answered_at: Option<Duration>,
    ) -> Self {
        Self {
            from: PeerId::new([from; 20]),
            to: PeerId::new([to; 20]),
            offered_at,
            answered_at,
            offer_id: OfferId::new([0; 20]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{self, ConnectionId, Request, RequestBounds};
    use crate::swarm::Member;

    const SECOND: Duration = Duration::from_secs(1);

    fn hash(number: usize) -> InfoHash {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        InfoHash::new(bytes)
    }

    /// Records an offer from `from` to `to`, or its answer.
    fn note(
        watch: &IntroductionWatches,
        swarm: usize,
        kind: RelayKind,
        [from, to]: [u8; 2],
        now: Duration,
    ) {
        let text = format!(
            r#"{{"action":"announce","info_hash":"{0}","peer_id":"{0}","offers":[{{"offer_id":"{0}","offer":{{"type":"offer","sdp":"x"}}}}]}}"#,
            "a".repeat(20)
        );
        let bounds = RequestBounds {
            sdp_bytes_max: 99,
            json_depth_max: 9,
            offers_max: 9,
            scrape_hashes_max: 9,
        };
        let Ok(Request::Announce(announce)) = protocol::parse(&text, &bounds) else {
            panic!("an announce")
        };
        let (from, to) = match kind {
            RelayKind::Offer => (from, to),
            RelayKind::Answer => (to, from),
        };
        let relay = Relay {
            to: Member {
                connection: ConnectionId::new(0, 0, 0),
                peer_id: PeerId::new([to; 20]),
            },
            info_hash: hash(swarm),
            from: PeerId::new([from; 20]),
            offer_id: announce.offers[0].offer_id,
            sdp: announce.offers[0].sdp,
            kind,
        };
        watch.record(&[relay], now);
    }

    #[test]
    fn introductions_in_a_watched_swarm_show_their_answers() {
        let watch = IntroductionWatches::default();
        assert!(!watch.is_active());
        assert_eq!(watch.view(hash(1), SECOND).0.introductions, []);
        assert!(watch.is_active());
        note(&watch, 1, RelayKind::Offer, [3, 4], 2 * SECOND);
        note(&watch, 1, RelayKind::Offer, [3, 5], 2 * SECOND);
        note(&watch, 2, RelayKind::Offer, [3, 4], 2 * SECOND);
        note(&watch, 1, RelayKind::Answer, [3, 5], 3 * SECOND);
        let (watched, _) = watch.view(hash(1), 4 * SECOND);
        assert_eq!(watched.since, SECOND);
        let seen: Vec<_> = watched
            .introductions
            .iter()
            .map(|one| {
                (
                    one.from.as_bytes()[0],
                    one.to.as_bytes()[0],
                    one.answered_at,
                )
            })
            .collect();
        assert_eq!(seen, [(3, 4, None), (3, 5, Some(3 * SECOND))]);
    }

    #[test]
    fn introductions_and_watched_swarms_are_bounded() {
        let watch = IntroductionWatches::default();
        watch.view(hash(0), SECOND);
        for _ in 0..INTRODUCTIONS_MAX + 5 {
            note(&watch, 0, RelayKind::Offer, [3, 4], 2 * SECOND);
        }
        let (watched, _) = watch.view(hash(0), 3 * SECOND);
        assert_eq!(watched.introductions.len(), INTRODUCTIONS_MAX);
        for number in 1..WATCHED_SWARMS_MAX {
            assert!(!watch.view(hash(number), 4 * SECOND).1);
        }
        // One more replaces the one viewed longest ago.
        assert!(watch.view(hash(99), 5 * SECOND).1);
        assert!(watch.view(hash(0), 6 * SECOND).0.introductions.is_empty());
        assert_eq!(watch.watches.lock().len(), WATCHED_SWARMS_MAX);
    }

    #[test]
    fn watching_ends_a_minute_after_the_last_view() {
        let watch = IntroductionWatches::default();
        watch.view(hash(0), SECOND);
        watch.evict_stale(60 * SECOND);
        assert!(watch.is_active());
        watch.evict_stale(61 * SECOND);
        assert!(!watch.is_active());
        assert_eq!(watch.view(hash(0), 70 * SECOND).0.since, 70 * SECOND);
    }
}
