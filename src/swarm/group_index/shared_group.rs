//! Stores the members of a group that has several, leechers first.

use super::member_entry::{GroupLink, MemberEntries};
use super::to_u32;

/// The members of a group with several members.
#[derive(Debug)]
pub(super) struct SharedGroup {
    /// Leechers before seeders.
    pub(super) positions: Vec<u32>,
    pub(super) leechers: usize,
    pub(super) unit: u32,
}

/// Writes its link into the member at a position of a shared group.
pub(super) fn link_member<K, S>(
    entries: &mut MemberEntries<K, S>,
    shared_group: &SharedGroup,
    shared: usize,
    at: usize,
) {
    let position = shared_group
        .positions
        .get(at)
        .map(|&position| position as usize);
    if let Some((_, entry)) = position.and_then(|position| entries.get_index_mut(position)) {
        entry.link = GroupLink {
            number: to_u32(shared),
            at: to_u32(at),
        };
    }
}

/// Swaps two members of a shared group. Returns the new position of the first one.
pub(super) fn swap_members<K, S>(
    entries: &mut MemberEntries<K, S>,
    shared_group: &mut SharedGroup,
    shared: usize,
    one: usize,
    other: usize,
) -> u32 {
    if one != other {
        shared_group.positions.swap(one, other);
        link_member(entries, shared_group, shared, one);
        link_member(entries, shared_group, shared, other);
    }
    to_u32(other)
}
