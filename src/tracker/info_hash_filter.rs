//! Decides which swarms are allowed, by lists of info-hashes from the operator.
//!
//! A list is never changed, only replaced as a whole. Without lists an announce reads one flag.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use arc_swap::ArcSwap;

use crate::protocol::InfoHash;

/// Lists of allowed and denied info-hashes: 20 bytes for each entry.
#[derive(Clone, Default)]
pub struct InfoHashLists {
    /// Sorted. `None` allows all.
    allowed: Option<Box<[InfoHash]>>,
    /// Sorted. These take precedence over `allowed`.
    denied: Option<Box<[InfoHash]>>,
}

impl InfoHashLists {
    /// Creates the lists. With `allowed`, only these are allowed. What is in `denied` is never allowed.
    #[must_use]
    pub fn new(allowed: Option<Vec<InfoHash>>, denied: Option<Vec<InfoHash>>) -> Self {
        Self {
            allowed: allowed.map(sorted),
            denied: denied.map(sorted),
        }
    }

    /// Returns whether a swarm is allowed.
    #[must_use]
    pub fn allows(&self, info_hash: &InfoHash) -> bool {
        let lists = |list: &[InfoHash]| list.binary_search(info_hash).is_ok();
        self.allowed.as_deref().is_none_or(lists) && !self.denied.as_deref().is_some_and(lists)
    }
}

fn sorted(mut list: Vec<InfoHash>) -> Box<[InfoHash]> {
    list.sort_unstable();
    list.dedup();
    list.into()
}

impl fmt::Debug for InfoHashLists {
    /// Writes the lengths only; there may be a million entries.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InfoHashLists")
            .field("allowed", &self.allowed.as_deref().map(<[_]>::len))
            .field("denied", &self.denied.as_deref().map(<[_]>::len))
            .finish()
    }
}

/// The active lists.
#[derive(Debug, Default)]
pub(super) struct InfoHashFilter {
    /// Whether there is any list. Most announces read only this.
    has_lists: AtomicBool,
    lists: ArcSwap<InfoHashLists>,
}

impl InfoHashFilter {
    pub(super) fn set(&self, lists: InfoHashLists) {
        let has_lists = lists.allowed.is_some() || lists.denied.is_some();
        self.lists.store(Arc::new(lists));
        self.has_lists.store(has_lists, Relaxed);
    }

    pub(super) fn allows(&self, info_hash: &InfoHash) -> bool {
        !self.has_lists.load(Relaxed) || self.check_lists(info_hash)
    }

    #[cold]
    fn check_lists(&self, info_hash: &InfoHash) -> bool {
        self.lists.load().allows(info_hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(byte: u8) -> InfoHash {
        InfoHash::new([byte; 20])
    }

    fn list(bytes: &[u8]) -> Vec<InfoHash> {
        bytes.iter().copied().map(hash).collect()
    }

    #[test]
    fn denied_hashes_override_allowed_hashes() {
        let allowed = |lists: &InfoHashLists| -> Vec<u8> {
            (0..6).filter(|byte| lists.allows(&hash(*byte))).collect()
        };
        let (all, none) = ([0, 1, 2, 3, 4, 5], [0_u8; 0]);
        assert_eq!(allowed(&InfoHashLists::default()), all);
        assert_eq!(allowed(&InfoHashLists::new(None, Some(list(&[])))), all);
        assert_eq!(allowed(&InfoHashLists::new(Some(list(&[])), None)), none);
        assert_eq!(
            allowed(&InfoHashLists::new(Some(list(&[5, 1, 3, 1])), None)),
            [1, 3, 5]
        );
        assert_eq!(
            allowed(&InfoHashLists::new(None, Some(list(&[5, 1, 3])))),
            [0, 2, 4]
        );
        let both = InfoHashLists::new(Some(list(&[4, 1, 3])), Some(list(&[3, 0, 3])));
        assert_eq!(allowed(&both), [1, 4]);
    }

    #[test]
    fn lists_are_replaced_as_a_whole() {
        let access = InfoHashFilter::default();
        assert!(access.allows(&hash(1)));
        access.set(InfoHashLists::new(None, Some(list(&[1]))));
        assert!(!access.allows(&hash(1)));
        access.set(InfoHashLists::new(Some(list(&[1])), None));
        assert!(access.allows(&hash(1)) && !access.allows(&hash(2)));
        access.set(InfoHashLists::default());
        assert!(access.allows(&hash(2)));
    }
}
