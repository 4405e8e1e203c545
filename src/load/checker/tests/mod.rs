//! Tests of the checker against minimal trackers: a correct one, and ones with one fault each that must be detected.

mod departures;
mod faults;
mod pacing;

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
struct TestTracker {
    swarms: BTreeMap<String, Vec<(usize, Value)>>,
    offers: BTreeMap<String, usize>,
}

/// Messages from the tracker: connection and content.
type Out = Vec<(usize, Value)>;

impl TestTracker {
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
    tracker: TestTracker,
    sent: SentMessages,
    now: Micros,
}

impl TestWorld {
    fn new(settings: RequestSettings) -> Self {
        let checker = Checker::new(settings, 7, 0, 0, &[MEMBERS / 2, MEMBERS / 2]);
        let mut world = Self {
            exchange: checker,
            tracker: TestTracker::default(),
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

fn is_offer(message: &Value) -> bool {
    message["offer"].is_object()
}

fn is_answer(message: &Value) -> bool {
    message["answer"].is_object()
}
