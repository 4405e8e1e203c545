//! What a member costs.

use super::*;
use crate::swarm::matchmaking::IntroductionRecord;
use crate::swarm::matchmaking::recent_introductions::RecentIntroductions;

/// Returns the bytes that the allocator of glibc takes for an allocation.
fn allocated(bytes: usize) -> usize {
    (bytes + 8).next_multiple_of(16).max(32)
}

/// Returns the bytes of matchmaking in a swarm: what its members store, and its rotations.
fn bytes(meeting: &Meeting) -> usize {
    let members = &meeting.swarm.members;
    let records = (0..members.len()).filter_map(|position| members.record_at(position));
    let of_members: usize = records
        .map(|record| {
            let introduced = usize::from(record.was_introduced());
            size_of::<IntroductionRecord>()
                + introduced * allocated(size_of::<RecentIntroductions>())
        })
        .sum();
    let rotations = meeting.swarm.rotations.iter();
    let of_rotations: usize = rotations.map(|rotations| rotations.bytes() + 24).sum();
    of_members + of_rotations
}

#[test]
fn a_member_costs_24_bytes_and_80_once_it_was_introduced() {
    for size in [2, 20, 33, 34, 40, 50, 100, 511, 512, 1_000, 5_000] {
        let mut many = Meeting::of(size);
        for number in 0..size {
            many.pace(number);
        }
        let members = size as usize;
        assert!(bytes(&many) <= 24 * members, "{size}: {}", bytes(&many));
        for number in 0..size {
            many.offer(number, 5);
        }
        let introduced = bytes(&many);
        // A swarm in which not all are candidates remembers some that seek.
        let most = if size <= 33 { 80 } else { 87 };
        assert!(introduced <= most * members, "{size}: {introduced}");
        assert!(introduced >= 80 * members, "{size}: {introduced}");
    }
}
