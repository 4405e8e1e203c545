//! A tracker with many members; measures the time to serve announces and answers of random members.

use std::time::{Duration, Instant};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use swarmhub::protocol::{self, Answer, ConnectionId, Request};
use swarmhub::tracker::{Outcome, Participant, Relay, Tracker};

use crate::sample::{self, BOUNDS, OFFER_SDP_BYTES, RULES, SdpText};

const NOW: Duration = Duration::from_secs(1);
pub const OFFERS: u64 = 5;
/// Announces that are parsed, served and answered together, as a busy worker serves several at once.
const ANNOUNCES_PER_BATCH: usize = 32;
const BATCHES: usize = 64;

/// A tracker and its participants; member `m` is in swarm `m / members`.
pub struct PopulatedTracker {
    tracker: Tracker,
    participants: Vec<Participant>,
    members_per_swarm: u32,
    offers_made: u64,
    sdp: SdpText,
    rng: SmallRng,
}

impl PopulatedTracker {
    /// Creates `swarms` swarms of `members` members each.
    pub fn new(swarms: u32, members: u32) -> Self {
        let connection = |number| Participant::new(ConnectionId::new(0, number, number));
        let mut world = Self {
            tracker: Tracker::new(RULES),
            participants: (0..swarms * members).map(connection).collect(),
            members_per_swarm: members,
            offers_made: 0,
            sdp: SdpText::new(OFFER_SDP_BYTES),
            rng: SmallRng::seed_from_u64(1),
        };
        let mut text = String::new();
        for from in 0..world.participants.len() {
            world.announce_text(from, 0, &mut text);
            world.handle(from, parse_request(&text));
        }
        world
    }

    fn announce_text(&mut self, from: usize, offers: u64, text: &mut String) {
        let numbers = self.offers_made..self.offers_made + offers;
        self.offers_made = numbers.end;
        text.clear();
        let swarm = from as u64 / u64::from(self.members_per_swarm);
        sample::announce((swarm, from as u64), 1, numbers, &self.sdp, text);
    }

    fn handle<'a>(&mut self, from: usize, request: Request<'a>) -> Outcome<'a> {
        let participant = &mut self.participants[from];
        self.tracker
            .handle(participant, request, NOW, &mut self.rng)
    }

    /// Returns nanoseconds per announce, over many announces of random members.
    pub fn measure_once(&mut self) -> f64 {
        let mut taken = Duration::ZERO;
        for _ in 0..BATCHES {
            let batch: Vec<(usize, String)> = (0..ANNOUNCES_PER_BATCH)
                .map(|_| {
                    let from = self.rng.random_range(0..self.participants.len());
                    let mut text = String::new();
                    self.announce_text(from, OFFERS, &mut text);
                    (from, text)
                })
                .collect();
            taken += self.serve(&batch);
        }
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        let announces = (BATCHES * ANNOUNCES_PER_BATCH) as f64;
        taken.as_secs_f64() * 1e9 / announces
    }

    fn serve(&mut self, batch: &[(usize, String)]) -> Duration {
        let requests: Vec<_> = batch
            .iter()
            .map(|(from, text)| (*from, parse_request(text)))
            .collect();
        let mut outcomes = Vec::with_capacity(requests.len());
        let start = Instant::now();
        for (from, request) in requests {
            outcomes.push(self.handle(from, request));
        }
        let announced = start.elapsed();
        let answers: Vec<_> = outcomes
            .iter()
            .flat_map(|outcome| outcome.relays.iter().map(answer))
            .collect();
        assert_eq!(
            answers.len() as u64,
            batch.len() as u64 * OFFERS,
            "every offer has a receiver"
        );
        let start = Instant::now();
        for (from, request) in answers {
            assert_eq!(
                self.handle(from, request).relays.len(),
                1,
                "an answer goes to the offering member"
            );
        }
        announced + start.elapsed()
    }
}

fn parse_request(text: &str) -> Request<'_> {
    protocol::parse(text, &BOUNDS).expect("a valid message")
}

/// Returns the receiver of an offer and its answer. The content of the SDP is irrelevant here.
fn answer<'a>(relay: &Relay<'a>) -> (usize, Request<'a>) {
    let answer = Answer {
        info_hash: relay.info_hash,
        to_peer_id: relay.from,
        offer_id: relay.offer_id,
        sdp: relay.sdp,
    };
    (relay.to.connection.slot(), Request::Answer(answer))
}
