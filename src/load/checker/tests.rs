//! Tests of the exchange against minimal trackers: a correct one, and ones with one fault each that must be detected.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::state::AnswerState;
use super::*;

const MEMBERS: usize = 12;

/// Messages to the tracker.
#[derive(Default)]
struct SentMessages(VecDeque<(usize, String)>);

impl MessageSink for SentMessages {
    fn send(&mut self, member: usize, text: &str) {
        self.0.push_back((member, text.to_owned()));
    }
}

/// A tracker: the members of each swarm with their connection, and the sender of each offer.
#[derive(Default)]
struct Tracker {
    swarms: BTreeMap<String, Vec<(usize, Value)>>,
    offers: BTreeMap<String, usize>,
}

/// Messages from the tracker: connection and content.
type Out = Vec<(usize, Value)>;

impl Tracker {
    /// Handles the end of a connection, if the tracker notices it.
    fn connection_ended(&mut self, member: usize, notices: bool) {
        for swarm in self.swarms.values_mut().filter(|_| notices) {
            swarm.retain(|(at, _)| *at != member);
        }
    }

    fn serve(&mut self, from: usize, text: &str) -> Out {
        let message: Value = serde_json::from_str(text).unwrap();
        let hash = &message["info_hash"];
        if message["action"] == "scrape" {
            let files: BTreeMap<_, _> =
                [(hash[0].as_str().unwrap(), json!({"complete": 1}))].into();
            return vec![(from, json!({"action": "scrape", "files": files}))];
        }
        let swarm = self.swarms.entry(hash.to_string()).or_default();
        let peer_id = message["peer_id"].clone();
        if message["answer"].is_object() {
            let to = self
                .offers
                .remove(&message["offer_id"].to_string())
                .unwrap();
            return vec![(
                to,
                json!({"action": "announce", "info_hash": hash, "peer_id": peer_id,
                "offer_id": message["offer_id"], "answer": message["answer"]}),
            )];
        }
        swarm.retain(|(at, _)| *at != from);
        if message["event"] != "stopped" {
            swarm.push((from, peer_id.clone()));
        }
        let mut out = vec![(
            from,
            json!({"action": "announce", "info_hash": hash, "interval": 120,
            "complete": 0, "incomplete": swarm.len()}),
        )];
        let others = swarm.iter().filter(|(at, _)| *at != from);
        for (offer, (to, _)) in message["offers"].as_array().unwrap().iter().zip(others) {
            self.offers.insert(offer["offer_id"].to_string(), from);
            out.push((
                *to,
                json!({"action": "announce", "info_hash": hash, "peer_id": peer_id,
                "offer_id": offer["offer_id"], "offer": offer["offer"]}),
            ));
        }
        out
    }
}

fn settings() -> RequestSettings {
    RequestSettings {
        offers: 3,
        offer_bytes: 300,
        answer_bytes: 300,
        answers: 1.0,
        think: (0, 0),
        seeders: 0.5,
        scrapes: 0.0,
        timeout: 5_000_000,
    }
}

/// An exchange with all members joined, its tracker, and the messages between them.
struct TestWorld {
    exchange: Checker,
    tracker: Tracker,
    sent: SentMessages,
    now: Micros,
}

impl TestWorld {
    fn new(settings: RequestSettings) -> Self {
        let checker = Checker::new(settings, 7, 0, 0, &[MEMBERS / 2, MEMBERS / 2]);
        let mut world = Self {
            exchange: checker,
            tracker: Tracker::default(),
            sent: SentMessages::default(),
            now: 1,
        };
        (0..MEMBERS).for_each(|member| world.exchange.connection_opened(member));
        world.drive(
            Pacing::Join {
                next: 0,
                at_once: 4,
            },
            &mut |_| {},
        );
        assert!((0..MEMBERS).all(|member| world.exchange.has_joined(member)));
        world
    }

    fn drive(&mut self, drive: Pacing, spoil: &mut dyn FnMut(&mut Out)) {
        self.exchange.pacing = drive;
        self.exchange.start_due_requests(self.now, &mut self.sent);
        self.deliver(spoil);
    }

    /// Lets the tracker serve all sent messages; `spoil` may change its output.
    fn deliver(&mut self, spoil: &mut dyn FnMut(&mut Out)) {
        while let Some((from, text)) = self.sent.0.pop_front() {
            let mut out = self.tracker.serve(from, &text);
            spoil(&mut out);
            self.deliver_messages(out);
        }
    }

    fn deliver_messages(&mut self, out: Out) {
        for (to, message) in out {
            self.now += 100;
            self.exchange
                .receive(to, &message.to_string(), self.now, &mut self.sent);
        }
    }

    /// Starts one announce; returns its sender, the reply and the three offers without delivering them.
    fn start_announce(&mut self) -> (usize, Out, Out) {
        self.exchange.pacing = Pacing::Closed {
            at_once: 1,
            to_begin: 1,
        };
        self.exchange.start_due_requests(self.now, &mut self.sent);
        let (from, text) = self.sent.0.pop_front().unwrap();
        let mut reply = self.tracker.serve(from, &text);
        let offers = reply.split_off(1);
        assert_eq!(offers.len(), 3);
        (from, reply, offers)
    }

    fn tick_after(&mut self, time: Micros) {
        self.now += time;
        self.exchange.tick(self.now, &mut self.sent);
    }

    fn announce(&mut self, requests: u64, spoil: &mut dyn FnMut(&mut Out)) {
        self.drive(
            Pacing::Closed {
                at_once: 4,
                to_begin: requests,
            },
            spoil,
        );
    }

    /// Advances the time until nothing is expected any more, and returns the counts.
    fn counts_after_timeouts(&mut self) -> MessageTally {
        for _ in 0..20 {
            self.now += 1_000_000;
            self.exchange.tick(self.now, &mut self.sent);
            self.deliver(&mut |_| {});
        }
        assert!(self.exchange.is_settled());
        let tally = self.exchange.tally;
        let offers = tally.offers_relayed + tally.offers_excused + tally.offers_lost;
        let answers = tally.answers_received + tally.answers_excused + tally.answers_lost;
        assert!(
            offers <= tally.offers_sent && answers <= tally.answers_sent,
            "each message is counted once: {tally:?}"
        );
        tally
    }
}

/// Returns the counts if the tracker makes this fault once.
fn with_fault(mut make_fault: impl FnMut(&mut Out) -> bool) -> MessageTally {
    let mut world = TestWorld::new(settings());
    let mut is_made = false;
    world.announce(20, &mut |out| is_made = is_made || make_fault(out));
    assert!(is_made, "the fault was made");
    world.counts_after_timeouts()
}

fn is_offer(message: &Value) -> bool {
    message["offer"].is_object()
}

fn is_answer(message: &Value) -> bool {
    message["answer"].is_object()
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
fn a_correct_tracker_has_no_fault_and_full_counts() {
    let mut world = TestWorld::new(settings());
    world.exchange.measured = 0..Micros::MAX;
    world.announce(50, &mut |_| {});
    let tally = world.counts_after_timeouts();
    assert_eq!((tally.faults(), tally.remarks()), (vec![], vec![]));
    assert_eq!(
        (tally.replies, tally.offers_sent, tally.offers_relayed),
        (62, 150, 150)
    );
    assert_eq!((tally.answers_sent, tally.answers_received), (150, 150));
    assert_eq!(world.exchange.latencies.answer.len(), 150);
    assert_eq!(world.exchange.latencies.reply.len(), 50);
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

#[test]
fn a_wave_leaves_and_rejoins_without_a_fault() {
    for is_silent in [false, true] {
        let mut world = TestWorld::new(settings());
        world.exchange.measured = 0..Micros::MAX;
        let left = world.exchange.start_wave(0.5, world.now, &mut world.sent);
        assert!(left > 0 && world.exchange.members_in_wave() == left);
        // wt-tracker sends no reply to `stopped`.
        let mut joined = MEMBERS;
        world.deliver(&mut |out| {
            if is_silent && joined > 0 {
                joined -= 1;
                out.retain(|(_, message)| message["incomplete"] == 6);
            }
        });
        let tally = world.counts_after_timeouts();
        assert_eq!(
            (world.exchange.members_in_wave(), tally.faults()),
            (0, vec![]),
            "{tally:?}"
        );
        assert!((0..MEMBERS).all(|member| world.exchange.has_joined(member)));
        let latencies = &world.exchange.latencies;
        let recorded = [&latencies.join, &latencies.reply, &latencies.lateness]
            .map(hdrhistogram::Histogram::len);
        assert_eq!(recorded, [0; 3], "waves are separate from joining and load");
    }
}

/// Regression: such an answer kept its announce in flight until the timeout.
#[test]
fn an_answer_of_a_member_that_has_left_is_not_expected() {
    let mut world = TestWorld::new(settings());
    world.announce(1, &mut |out| {
        out.retain(|(_, message)| !is_answer(message));
    });
    assert_eq!(world.exchange.requests_in_flight, 1);
    world.now += 1000;
    world.exchange.start_wave(1.0, world.now, &mut world.sent);
    world.deliver(&mut |_| {});
    assert_eq!(
        world.exchange.requests_in_flight, 1,
        "the answers may be in transit"
    );
    world.tick_after(100_000);
    let exchange = &world.exchange;
    assert_eq!(
        (exchange.requests_in_flight, exchange.expected_answers),
        (0, 0)
    );
    assert_eq!(exchange.tally.answers_excused, 3);
    world.deliver(&mut |_| {});
    assert_eq!(
        world.exchange.members_in_wave(),
        0,
        "the announcing member can leave too"
    );
    assert_eq!(world.counts_after_timeouts().faults(), []);
}

#[test]
fn a_leaving_member_sends_no_answers() {
    let mut world = TestWorld::new(settings());
    let left = world.exchange.start_wave(0.6, world.now, &mut world.sent);
    let stops = std::mem::take(&mut world.sent);
    assert_eq!(stops.0.len(), left);
    let leaving: Vec<usize> = stops.0.iter().map(|(from, _)| *from).collect();
    // Sent after the members started to leave, but served before.
    world.now += 1000;
    world.announce(4, &mut |_| {});
    let offers: Vec<_> = world.exchange.offers.iter_mut().collect();
    let (theirs, others): (Vec<_>, Vec<_>) = offers
        .into_iter()
        .partition(|offer| leaving.contains(&offer.to.unwrap()));
    assert!(!theirs.is_empty() && !others.is_empty());
    assert!(theirs.iter().all(|offer| offer.answer == AnswerState::None));
    assert!(
        others
            .iter()
            .all(|offer| offer.answer == AnswerState::Received)
    );
    assert!(
        world.exchange.requests_in_flight == 0,
        "no answer of them is expected"
    );
    world.sent = stops;
    world.deliver(&mut |_| {});
    assert_eq!(world.counts_after_timeouts().faults(), []);
}

#[test]
fn an_ended_connection_excuses_its_messages() {
    let mut world = TestWorld::new(settings());
    // All requests are in flight; none has been served.
    world.exchange.pacing = Pacing::Closed {
        at_once: 4,
        to_begin: 4,
    };
    world
        .exchange
        .start_due_requests(world.now, &mut world.sent);
    for member in 0..3 {
        world.exchange.connection_closed(member, world.now);
    }
    world.sent.0.retain(|(from, _)| *from >= 3);
    world.deliver(&mut |out| out.retain(|(to, _)| *to >= 3));
    let tally = world.counts_after_timeouts();
    assert_eq!(tally.faults(), [], "{tally:?}");
    // At most the offers of four announces.
    assert!((1..=12).contains(&tally.offers_excused), "{tally:?}");
}

/// Regression: it was counted as excused and as relayed.
#[test]
fn an_offer_that_arrives_after_its_sender_left_is_relayed() {
    let mut world = TestWorld::new(settings());
    let (from, _, offers) = world.start_announce();
    world.exchange.connection_closed(from, world.now);
    assert_eq!(world.exchange.tally.offers_excused, 3);
    world.deliver_messages(offers);
    world.deliver(&mut |out| out.retain(|(to, _)| *to != from));
    let tally = world.counts_after_timeouts();
    assert_eq!((tally.offers_relayed, tally.offers_excused), (3, 0));
    assert_eq!((tally.answers_sent, tally.answers_excused), (3, 3));
    assert_eq!(tally.faults(), []);
}

/// The tracker may read the last messages of an ended connection after the first announce of the next one.
#[test]
fn an_old_offer_may_reach_its_reconnected_sender() {
    let mut world = TestWorld::new(settings());
    let (from, _, mut offers) = world.start_announce();
    world.exchange.connection_closed(from, world.now);
    world.tracker.connection_ended(from, true);
    world.exchange.connection_opened(from);
    world.exchange.join(
        JoinRequest {
            member: from,
            offers: 0,
            is_counted: false,
        },
        world.now,
        &mut world.sent,
    );
    world.deliver(&mut |_| {});
    offers.truncate(1);
    offers[0].0 = from;
    world.deliver_messages(offers);
    let tally = world.counts_after_timeouts();
    assert_eq!((tally.offers_relayed, tally.offers_excused), (1, 2));
    assert_eq!(tally.faults(), []);
}

/// Regression: it was counted as excused and as relayed.
#[test]
fn an_excused_offer_that_arrives_late_is_relayed() {
    let mut world = TestWorld::new(settings());
    let (from, reply, mut offers) = world.start_announce();
    world.deliver_messages(reply);
    let (departed, offer) = offers.pop().unwrap();
    world.deliver_messages(offers);
    world.deliver(&mut |_| {});
    world.exchange.connection_closed(departed, world.now);
    world.tick_after(1_100_000);
    assert!(world.exchange.is_settled());
    assert_eq!(world.exchange.tally.offers_excused, 1);
    let other = (0..MEMBERS / 2)
        .map(|place| place + from / 6 * 6)
        .find(|&other| other != from && other != departed);
    world.deliver_messages(vec![(other.unwrap(), offer)]);
    world.deliver(&mut |_| {});
    let tally = world.counts_after_timeouts();
    assert_eq!((tally.offers_relayed, tally.offers_excused), (3, 0));
    assert_eq!(tally.faults(), []);
}

/// Regression: it was counted as lost and as relayed.
#[test]
fn a_lost_offer_that_arrives_late_stays_lost() {
    let mut world = TestWorld::new(settings());
    let (_, reply, mut offers) = world.start_announce();
    world.deliver_messages(reply);
    let late = offers.split_off(1);
    world.deliver_messages(offers);
    world.deliver(&mut |_| {});
    world.tick_after(settings().timeout + 100_000);
    assert_eq!(world.exchange.tally.offers_lost, 2);
    world.deliver_messages(late);
    world.deliver(&mut |_| {});
    let tally = world.counts_after_timeouts();
    assert_eq!((tally.offers_relayed, tally.offers_lost), (1, 2));
    assert_eq!(tally.answers_received, 3);
}

/// Regression: it was counted as excused and as received.
#[test]
fn an_excused_answer_that_arrives_late_is_received() {
    let mut world = TestWorld::new(settings());
    world.exchange.measured = 0..Micros::MAX;
    let (_, reply, offers) = world.start_announce();
    let departed = offers[0].0;
    world.deliver_messages(reply);
    world.deliver_messages(offers);
    world.exchange.connection_closed(departed, world.now);
    world.tick_after(100_000);
    assert_eq!(world.exchange.tally.answers_excused, 1);
    world.deliver(&mut |_| {});
    let tally = world.counts_after_timeouts();
    assert_eq!((tally.answers_received, tally.answers_excused), (3, 0));
    assert_eq!(tally.faults(), []);
    assert_eq!(world.exchange.latencies.answer.len(), 3);
}

/// The tracker drops all offers while members leave and join again.
#[test]
fn churn_does_not_excuse_dropping_every_offer() {
    let mut world = TestWorld::new(settings());
    for _ in 0..10 {
        world.exchange.start_wave(0.3, world.now, &mut world.sent);
        world.announce(4, &mut |out| out.retain(|(_, message)| !is_offer(message)));
        world.now += 300_000;
        world.exchange.tick(world.now, &mut world.sent);
    }
    let tally = world.counts_after_timeouts();
    assert!(tally.offers_lost > tally.offers_excused, "{tally:?}");
}

/// Ended connections excuse offers only as long as the tracker still counts them as members.
#[test]
fn ended_connections_excuse_one_offer_each_at_most() {
    for (notices, excused_per_announce) in [(true, 0), (false, 2)] {
        let mut world = TestWorld::new(settings());
        for member in [0, 1, 6, 7] {
            world.exchange.connection_closed(member, world.now);
            world.tracker.connection_ended(member, notices);
        }
        world.announce(4, &mut |out| {
            out.retain(|(_, message)| !is_offer(message));
        });
        let tally = world.counts_after_timeouts();
        // Each swarm has four members left, so each announce has three receivers for its three offers.
        assert_eq!(
            (tally.offers_excused, tally.offers_lost),
            (excused_per_announce * 4, (3 - excused_per_announce) * 4),
            "{tally:?}"
        );
    }
}

#[test]
fn open_loop_latency_counts_from_the_due_time() {
    let mut world = TestWorld::new(settings());
    let begin = world.now;
    world.exchange.measured = 0..Micros::MAX;
    world.exchange.pacing = Pacing::Open {
        begin,
        end: begin + 1_000_000,
        per_second: 20.0,
        next: 0,
    };
    // The loop runs half a second late: all requests due by then are sent at once.
    world.now += 500_000;
    world
        .exchange
        .start_due_requests(world.now, &mut world.sent);
    assert_eq!(world.sent.0.len(), 11, "requests 0 to 10, one every 50 ms");
    world.deliver(&mut |_| {});
    let latencies = &world.exchange.latencies;
    assert!(
        latencies.lateness.max() >= 499_000,
        "{}",
        latencies.lateness.max()
    );
    assert!(latencies.reply.max() >= 500_000);
    assert!(latencies.reply.min() < 100_000);
    // The loop never sends the others.
    world.exchange.stop(begin + 1_000_000);
    assert_eq!(world.exchange.latencies.unsent, 9);
}

#[test]
fn an_open_loop_does_not_wait_for_a_stuck_tracker() {
    let mut world = TestWorld::new(settings());
    let begin = world.now;
    world.exchange.measured = 0..Micros::MAX;
    world.exchange.pacing = Pacing::Open {
        begin,
        end: begin + 1_000_000,
        per_second: 100.0,
        next: 0,
    };
    for _ in 0..100 {
        world.now += 10_000;
        world
            .exchange
            .start_due_requests(world.now, &mut world.sent);
    }
    // Every member has one request in flight; the rest waits, and its waiting time is recorded.
    assert_eq!(world.sent.0.len(), MEMBERS);
    world.exchange.stop(world.now);
    assert_eq!(world.exchange.latencies.unsent, 100 - MEMBERS as u64);
    assert!(world.exchange.latencies.reply.max() > 800_000);
}

#[test]
fn think_time_delays_answers() {
    let mut world = TestWorld::new(RequestSettings {
        think: (20_000, 40_000),
        ..settings()
    });
    world.announce(1, &mut |_| {});
    assert_eq!(world.exchange.tally.answers_sent, 0);
    world
        .exchange
        .send_due_answers(world.now + 10_000, &mut world.sent);
    assert_eq!(world.exchange.tally.answers_sent, 0);
    world
        .exchange
        .send_due_answers(world.now + 50_000, &mut world.sent);
    assert_eq!(world.exchange.tally.answers_sent, 3);
    world.deliver(&mut |_| {});
    assert_eq!(world.counts_after_timeouts().faults(), []);
}

#[test]
fn the_share_of_answered_offers_is_respected() {
    let mut world = TestWorld::new(RequestSettings {
        answers: 0.5,
        ..settings()
    });
    world.announce(400, &mut |_| {});
    let tally = world.counts_after_timeouts();
    assert!(
        (500..700).contains(&tally.answers_sent),
        "{}",
        tally.answers_sent
    );
    assert_eq!(tally.faults(), []);
}

#[test]
fn the_share_of_seeders_is_exact() {
    for (share, members, expected) in [
        (0.2, 50, 10),
        (0.0, 50, 0),
        (1.0, 50, 50),
        (0.25, 4, 1),
        (0.5, 7, 3),
    ] {
        let count = (0..members)
            .filter(|&place| is_seeder(place, share))
            .count();
        assert_eq!(count, expected, "{share} of {members}");
    }
}

#[test]
fn every_member_has_a_turn() {
    for members in [1, 2, 3, 50, 200, 7919, 10_000] {
        let stride = coprime_stride(members);
        let turns: std::collections::HashSet<_> =
            (0..members).map(|turn| turn * stride % members).collect();
        assert_eq!(turns.len(), members);
    }
}
