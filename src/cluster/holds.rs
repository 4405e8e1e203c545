//! Holds announces and questions while the vector of their swarm is on its way from the owner.
//!
//! Without this, the second browser of a two-browser swarm would offer to nobody and wait for a whole interval.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::protocol::{ConnectionId, InfoHash, OfferId, PeerId};

/// After this time the owner is asked once more.
pub(super) const ASK_AGAIN_AFTER: Duration = Duration::from_millis(300);

/// After this time everything goes on without the vector.
pub(super) const GIVE_UP_AFTER: Duration = Duration::from_secs(1);

/// Most announces and questions that wait for one swarm.
pub(super) const HELD_PER_SWARM_MAX: usize = 64;

/// Most bytes of all held offers.
pub const HELD_BYTES_MAX: usize = 32 << 20;

/// Most swarms whose vector is awaited.
pub(super) const AWAITED_SWARMS_MAX: usize = 1 << 16;

/// Fixed part of a held announce or offer, beside its SDP.
const ITEM_BYTES: usize = 96;

/// The offers of an announce that waits for the vector of its swarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldAnnounce {
    /// The swarm.
    pub info_hash: InfoHash,
    /// The offering peer.
    pub from: PeerId,
    /// Its connection.
    pub connection: ConnectionId,
    /// Whether it is a seeder.
    pub is_seeder: bool,
    /// Whether its address group had sent few offers to the swarm before.
    pub is_light_sender: bool,
    /// The offers, each SDP as a raw JSON string.
    pub offers: Vec<(OfferId, Box<[u8]>)>,
}

/// What waits for a vector.
#[derive(Debug)]
pub(super) enum Held {
    Announce(HeldAnnounce),
    /// The number by which the caller knows its question.
    Question(u64),
}

impl HeldAnnounce {
    /// Returns about how much memory it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let offers = self.offers.iter();
        let offers = offers.map(|(_, sdp)| sdp.len() + ITEM_BYTES);
        offers.sum::<usize>() + ITEM_BYTES
    }
}

/// The awaited vectors.
#[derive(Debug, Default)]
pub(super) struct Holds {
    swarms: BTreeMap<InfoHash, Awaited>,
    bytes: usize,
}

#[derive(Debug)]
struct Awaited {
    since: Duration,
    is_asked_again: bool,
    held: Vec<Held>,
}

impl Holds {
    /// Begins to wait for a vector.
    pub(super) fn begin(&mut self, info_hash: InfoHash, now: Duration) {
        if self.swarms.len() < AWAITED_SWARMS_MAX {
            self.swarms.entry(info_hash).or_insert(Awaited {
                since: now,
                is_asked_again: false,
                held: Vec::new(),
            });
        }
    }

    pub(super) fn is_awaited(&self, info_hash: &InfoHash) -> bool {
        self.swarms.contains_key(info_hash)
    }

    /// Holds an announce. Returns it if nothing is awaited for its swarm, or if there is no space.
    pub(super) fn hold(&mut self, announce: HeldAnnounce) -> Result<(), HeldAnnounce> {
        let bytes = announce.bytes();
        match self.awaited_with_space(&announce.info_hash, bytes) {
            Some(awaited) => awaited.held.push(Held::Announce(announce)),
            None => return Err(announce),
        }
        self.bytes += bytes;
        Ok(())
    }

    /// Holds a question. Returns false if nothing is awaited for its swarm, or if there is no space.
    pub(super) fn hold_question(&mut self, info_hash: &InfoHash, number: u64) -> bool {
        let awaited = self.awaited_with_space(info_hash, 0);
        awaited.is_some_and(|awaited| {
            awaited.held.push(Held::Question(number));
            true
        })
    }

    fn awaited_with_space(&mut self, info_hash: &InfoHash, bytes: usize) -> Option<&mut Awaited> {
        let awaited = self.swarms.get_mut(info_hash)?;
        let has_space = self.bytes + bytes <= HELD_BYTES_MAX;
        (awaited.held.len() < HELD_PER_SWARM_MAX && has_space).then_some(awaited)
    }

    /// Ends the waiting for a swarm, and returns what was held.
    pub(super) fn release(&mut self, info_hash: &InfoHash) -> Vec<Held> {
        let released = self.swarms.remove(info_hash);
        let held = released.map(|awaited| awaited.held).unwrap_or_default();
        for item in &held {
            if let Held::Announce(announce) = item {
                self.bytes -= announce.bytes();
            }
        }
        held
    }

    /// Returns all awaited swarms.
    pub(super) fn awaited(&self) -> Vec<InfoHash> {
        self.swarms.keys().copied().collect()
    }

    /// Returns the swarms whose owner must be asked again, and those to give up.
    pub(super) fn overdue(&mut self, now: Duration) -> (Vec<InfoHash>, Vec<InfoHash>) {
        let (mut again, mut given_up) = (Vec::new(), Vec::new());
        for (info_hash, awaited) in &mut self.swarms {
            let age = now.saturating_sub(awaited.since);
            if age >= GIVE_UP_AFTER {
                given_up.push(*info_hash);
            } else if age >= ASK_AGAIN_AFTER && !awaited.is_asked_again {
                awaited.is_asked_again = true;
                again.push(*info_hash);
            }
        }
        (again, given_up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SWARM: InfoHash = InfoHash::new([1; 20]);

    fn announce(sdp_bytes: usize) -> HeldAnnounce {
        HeldAnnounce {
            info_hash: SWARM,
            from: PeerId::new([2; 20]),
            connection: ConnectionId::new(0, 1, 0),
            is_seeder: false,
            is_light_sender: true,
            offers: vec![(OfferId::new([3; 20]), vec![b'x'; sdp_bytes].into())],
        }
    }

    fn milliseconds(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[test]
    fn an_owner_is_asked_again_once_and_then_given_up() {
        let mut holds = Holds::default();
        holds.begin(SWARM, milliseconds(0));
        assert!(holds.hold(announce(10)).is_ok());
        assert_eq!(holds.overdue(milliseconds(299)), (vec![], vec![]));
        assert_eq!(holds.overdue(milliseconds(300)), (vec![SWARM], vec![]));
        assert_eq!(holds.overdue(milliseconds(999)), (vec![], vec![]));
        assert_eq!(holds.overdue(milliseconds(1000)), (vec![], vec![SWARM]));
        assert_eq!(holds.release(&SWARM).len(), 1);
        assert!(holds.bytes == 0 && !holds.is_awaited(&SWARM));
    }

    #[test]
    fn held_announces_are_bounded_by_swarm_and_bytes() {
        let mut holds = Holds::default();
        assert!(holds.hold(announce(1)).is_err());
        holds.begin(SWARM, milliseconds(0));
        for _ in 0..HELD_PER_SWARM_MAX {
            assert!(holds.hold(announce(1)).is_ok());
        }
        assert!(holds.hold(announce(1)).is_err());
        assert!(!holds.hold_question(&SWARM, 1));

        let mut holds = Holds::default();
        holds.begin(SWARM, milliseconds(0));
        assert!(holds.hold(announce(HELD_BYTES_MAX)).is_err());
        assert!(holds.hold(announce(HELD_BYTES_MAX / 2)).is_ok());
        assert!(holds.hold(announce(HELD_BYTES_MAX / 2)).is_err());
    }

    #[test]
    fn the_number_of_awaited_swarms_is_bounded() {
        let mut holds = Holds::default();
        for number in 0..=AWAITED_SWARMS_MAX {
            let mut hash = [0; 20];
            hash[..8].copy_from_slice(&number.to_le_bytes());
            holds.begin(InfoHash::new(hash), milliseconds(0));
        }
        assert_eq!(holds.awaited().len(), AWAITED_SWARMS_MAX);
    }
}
