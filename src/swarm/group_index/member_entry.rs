//! Stores a member of a list together with its place in the index.

use std::hash::RandomState;

use indexmap::IndexMap;

use super::to_u32;
use crate::swarm::AddressGroup;

/// The members of a list by position.
pub(in crate::swarm) type MemberEntries<K, S> = IndexMap<K, MemberEntry<S>, RandomState>;

/// A member of a list.
#[derive(Debug)]
pub(in crate::swarm) struct MemberEntry<S> {
    pub(in crate::swarm) group: AddressGroup,
    pub(super) link: GroupLink,
    pub(in crate::swarm) state: S,
}

/// Where the index stores a member. Unused while there is no index.
#[derive(Debug, Clone, Copy)]
pub(super) struct GroupLink {
    /// Number of its unit, or of its shared group.
    pub(super) number: u32,
    /// Its position in the shared group, or [`GroupLink::UNSHARED`].
    pub(super) at: u32,
}

impl GroupLink {
    pub(super) const UNSHARED: u32 = u32::MAX;

    /// Returns the link of a member that is its unit.
    pub(super) fn unshared(unit: usize) -> Self {
        Self {
            number: to_u32(unit),
            at: Self::UNSHARED,
        }
    }
}

impl<S> MemberEntry<S> {
    pub(in crate::swarm) fn new(group: AddressGroup, state: S) -> Self {
        Self {
            group,
            link: GroupLink::unshared(0),
            state,
        }
    }

    /// Returns whether its group has several members. Only while the index is stored.
    pub(in crate::swarm) fn is_in_shared_group(&self) -> bool {
        self.link.at != GroupLink::UNSHARED
    }
}
