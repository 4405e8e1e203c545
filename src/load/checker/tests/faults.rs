//! Tests which messages of a tracker are faults, remarks or allowed.

use super::*;

/// Returns the counts if the tracker makes this fault once.
fn with_fault(mut make_fault: impl FnMut(&mut Out) -> bool) -> MessageTally {
    let mut world = TestWorld::new(settings());
    let mut is_made = false;
    world.announce(20, &mut |out| is_made = is_made || make_fault(out));
    assert!(is_made, "the fault was made");
    world.counts_after_timeouts()
}

fn first(out: &Out, is_match: fn(&Value) -> bool) -> Option<usize> {
    out.iter().position(|(_, message)| is_match(message))
}

/// Changes the first message of a kind, and returns the counts.
fn spoil(is_match: fn(&Value) -> bool, change: impl Fn(&mut Out, usize)) -> MessageTally {
    with_fault(|out| match first(out, is_match) {
        Some(place) => {
            change(out, place);
            true
        }
        None => false,
    })
}

#[test]
fn a_lost_message_is_detected() {
    let lose = |out: &mut Out, place: usize| drop(out.remove(place));
    assert_eq!(
        spoil(is_offer, lose).faults(),
        [(
            1,
            "offers reached no member although the swarm had members for them"
        )]
    );
    assert_eq!(
        spoil(is_answer, lose).faults(),
        [(1, "answers did not arrive in time")]
    );
    let is_reply = |message: &Value| message["interval"].is_number();
    assert_eq!(
        spoil(is_reply, lose).faults(),
        [(1, "announces got no reply in time")]
    );
}

#[test]
fn a_missing_reply_is_recorded_with_its_waiting_time() {
    let mut world = TestWorld::new(settings());
    world.exchange.measured = 0..Micros::MAX;
    let mut is_lost = false;
    world.announce(50, &mut |out| {
        if !is_lost && let Some(place) = first(out, |message| message["interval"].is_number()) {
            out.remove(place);
            is_lost = true;
        }
    });
    assert_eq!(world.counts_after_timeouts().replies_lost, 1);
    let reply = &world.exchange.latencies.reply;
    assert_eq!(reply.len(), 50);
    // The histogram has a precision of three digits.
    assert!(
        reply.max() >= settings().timeout / 1000 * 999,
        "{}",
        reply.max()
    );
}

#[test]
fn a_duplicated_message_is_detected() {
    let double = |out: &mut Out, place: usize| out.push(out[place].clone());
    assert_eq!(spoil(is_offer, double).offers_duplicated, 1);
    assert_eq!(spoil(is_answer, double).answers_duplicated, 1);
    assert_eq!(
        spoil(|message| message["interval"].is_number(), double).replies_duplicated,
        1
    );
    // The second copy may also reach another member.
    let copy = |out: &mut Out, place: usize| {
        let (to, message) = out[place].clone();
        let from = out[0].0;
        let other = (0..MEMBERS / 2)
            .map(|other| other + to / 6 * 6)
            .find(|&other| other != to && other != from);
        out.push((other.unwrap(), message));
    };
    assert_eq!(spoil(is_offer, copy).offers_duplicated, 1);
}

#[test]
fn a_misdirected_message_is_detected() {
    let elsewhere =
        |out: &mut Out, place: usize| out[place].0 = (out[place].0 + MEMBERS / 2) % MEMBERS;
    let tally = spoil(is_offer, elsewhere);
    assert_eq!((tally.offers_wrong_swarm, tally.offers_lost), (1, 1));
    let tally = spoil(is_answer, elsewhere);
    assert_eq!((tally.answers_wrong_member, tally.answers_lost), (1, 1));
    let to_sender = |out: &mut Out, place: usize| out[place].0 = out[0].0;
    assert_eq!(spoil(is_offer, to_sender).offers_to_sender, 1);
}

#[test]
fn an_invented_or_altered_message_is_detected() {
    let invent = |out: &mut Out, place: usize| {
        let (to, mut message) = out[place].clone();
        message["offer_id"] = json!("xxxxxxxxxxxxxxxxxxxx");
        out.push((to, message));
    };
    assert_eq!(spoil(is_offer, invent).offers_unknown, 1);
    assert_eq!(spoil(is_answer, invent).answers_unknown, 1);
    let alter = |out: &mut Out, place: usize| {
        for kind in ["offer", "answer"] {
            if let Some(sdp) = out[place].1[kind]["sdp"].as_str() {
                let other = sdp.replace("BUNDLE", "BUNDLF");
                out[place].1[kind]["sdp"] = json!(other);
            }
        }
    };
    assert_eq!(spoil(is_offer, alter).offers_altered, 1);
    assert_eq!(spoil(is_answer, alter).answers_altered, 1);
    let other_sender =
        |out: &mut Out, place: usize| out[place].1["peer_id"] = json!("-WW0208-aaaaaaaaaaaa");
    assert_eq!(spoil(is_offer, other_sender).offers_altered, 1);
    assert_eq!(spoil(is_answer, other_sender).answers_altered, 1);
}

#[test]
fn failures_and_invalid_messages_are_counted() {
    let mut world = TestWorld::new(settings());
    let mut faults = 0;
    world.announce(5, &mut |out| {
        if faults == 0 && out[0].1["interval"].is_number() {
            *out = vec![
                (
                    out[0].0,
                    json!({"failure reason": "no room", "action": "announce"}),
                ),
                (1, json!([])),
            ];
            faults += 1;
        }
    });
    let tally = world.counts_after_timeouts();
    assert_eq!((tally.failures, tally.messages_invalid), (1, 1));
    let errors = world.exchange.errors.clone().into_map();
    assert!(
        errors.contains_key("the tracker refused: no room"),
        "{errors:?}"
    );
}

#[test]
fn a_wrong_member_count_is_a_remark_and_no_fault() {
    let mut world = TestWorld::new(settings());
    world.announce(5, &mut |out| {
        if let Some(count) = out[0].1.get_mut("incomplete") {
            *count = json!(99);
        }
    });
    let tally = world.counts_after_timeouts();
    assert_eq!(tally.counts_off, 5);
    assert_eq!(tally.faults(), []);
}

#[test]
fn replies_to_answers_are_allowed_if_the_tracker_sends_them() {
    let add_reply = |out: &mut Out| {
        if let Some((_, message)) = out.first().filter(|(_, message)| is_answer(message)) {
            let sender = message["peer_id"].clone();
            let hash = message["info_hash"].clone();
            let reply =
                json!({"action": "announce", "info_hash": hash, "complete": 0, "incomplete": 6});
            out.push((usize::MAX, json!([sender, reply])));
        }
    };
    let run = |mode| {
        let mut world = TestWorld::new(settings());
        world.exchange.answer_reply_mode = mode;
        let ids: Vec<_> = world
            .exchange
            .members
            .iter()
            .map(|member| member.peer_id)
            .collect();
        world.announce(30, &mut |out| {
            add_reply(out);
            for (to, message) in out.iter_mut().filter(|(to, _)| *to == usize::MAX) {
                let mut json = String::new();
                *to = ids
                    .iter()
                    .position(|id| {
                        json.clear();
                        crate::load::ids::write_json(id.as_bytes(), &mut json);
                        serde_json::from_str::<Value>(&json).unwrap() == message[0]
                    })
                    .unwrap();
                *message = message[1].clone();
            }
        });
        world.counts_after_timeouts()
    };
    let tally = run(AnswerReplyMode::Replies);
    assert_eq!((tally.replies_to_answers, tally.faults()), (90, vec![]));
    assert!(run(AnswerReplyMode::Unknown).replies_to_answers > 0);
    assert!(run(AnswerReplyMode::NoReplies).replies_duplicated > 0);
}

#[test]
fn scrapes_are_checked() {
    let mut world = TestWorld::new(RequestSettings {
        scrapes: 1.0,
        ..settings()
    });
    world.announce(10, &mut |_| {});
    let tally = world.counts_after_timeouts();
    assert_eq!(
        (tally.scrapes_sent, tally.scrapes_replied, tally.faults()),
        (10, 10, vec![])
    );
    world.announce(1, &mut |out| out[0].1["files"] = json!({"other": {}}));
    assert_eq!(world.counts_after_timeouts().scrapes_wrong, 1);
}
