//! What operators see of matchmaking.

use super::*;
use crate::swarm::MemberIntroductions;

fn introductions(meeting: &mut Meeting, of: u32) -> MemberIntroductions {
    let position = meeting.swarm.position_of(member(of)).expect("a member");
    let known = meeting
        .swarm
        .introductions_at(position.0, meeting.terms.now);
    known.expect("a member over WebSockets")
}

#[test]
fn members_are_alone_until_their_first_answer() {
    let mut meeting = Meeting::of(1);
    assert_eq!(meeting.swarm.alone_count(), 0, "nobody else is there");
    meeting.join(1, ClaimedRole::Leecher);
    meeting.join(2, ClaimedRole::Leecher);
    meeting.join(1, ClaimedRole::Seeder);
    assert_eq!(meeting.swarm.alone_count(), 3);
    meeting.acquaint(0, 1);
    assert_eq!(meeting.swarm.alone_count(), 1);
    meeting.wait(60);
    meeting.acquaint(0, 1);
    assert_eq!(meeting.swarm.alone_count(), 1);
    assert!(meeting.swarm.is_consistent());
    meeting.swarm.leave(member(2));
    meeting.swarm.leave(member(0));
    meeting.join(3, ClaimedRole::Leecher);
    assert_eq!(meeting.swarm.alone_count(), 1);
    assert!(meeting.swarm.is_consistent());
}

#[test]
fn a_view_knows_answered_missed_and_running_introductions() {
    let mut two = Meeting::of(2);
    let nothing = MemberIntroductions {
        answered: 0,
        under_way: 0,
        missed: 0,
        was_introduced: false,
        is_alone: true,
    };
    assert_eq!(introductions(&mut two, 1), nothing);
    two.offer(0, 1);
    let seen = MemberIntroductions {
        under_way: 1,
        was_introduced: true,
        ..nothing
    };
    assert_eq!(introductions(&mut two, 0), seen);
    assert_eq!(introductions(&mut two, 1), seen);
    // Nobody announces in the meantime.
    two.wait(30);
    let missed = |missed| MemberIntroductions {
        missed,
        under_way: 0,
        ..seen
    };
    assert_eq!(introductions(&mut two, 0), missed(0));
    assert_eq!(introductions(&mut two, 1), missed(1));
    two.offer(0, 1);
    two.answer(1, 0);
    let met = MemberIntroductions {
        answered: 1,
        is_alone: false,
        ..missed(0)
    };
    assert_eq!(introductions(&mut two, 1), met);
    assert_eq!(two.swarm.introductions_at(2, two.terms.now), None);
}
