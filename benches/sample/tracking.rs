//! A tracker with one swarm, and requests to it as texts, for both benches of the core. No sockets, no clock, a fixed
//! seed.

use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use swarmhub::protocol::{self, Answer, ConnectionId, Request};
use swarmhub::tracker::{Outcome, Participant, Tracker};

use super::sample::{self, ANSWER_SDP_BYTES, BOUNDS, OFFER_SDP_BYTES, RULES, SdpText};

/// Offers of one announce.
pub const OFFERS: u64 = 5;
/// The one swarm.
pub const SWARM: u64 = 0;
const NOW: Duration = Duration::from_secs(1);

fn text(write: impl FnOnce(&mut String)) -> String {
    let mut out = String::new();
    write(&mut out);
    out
}

/// Returns an announce of a leecher with these offers.
pub fn announce_text(member: u64, offers: std::ops::Range<u64>) -> String {
    let sdp = SdpText::new(OFFER_SDP_BYTES);
    text(|out| sample::announce((SWARM, member), 1, offers, &sdp, out))
}

/// Returns the answer of a member to offer `number` of another.
pub fn answer_text(member: u64, to: u64, number: u64) -> String {
    let sdp = SdpText::new(ANSWER_SDP_BYTES);
    text(|out| sample::answer((SWARM, member), &sample::peer_id(to), number, &sdp, out))
}

/// Returns a scrape of the one swarm.
pub fn scrape_text() -> String {
    text(|out| {
        out.push_str("{\"action\":\"scrape\",\"info_hash\":");
        sample::push(out, |out| sample::info_hash(SWARM).write_json(out));
        out.push('}');
    })
}

/// Parses a valid request.
pub fn read(text: &str) -> Request<'_> {
    protocol::parse(text, &BOUNDS).expect("a valid message")
}

/// A tracker with one swarm and its connections; the number of a connection is its index.
pub struct Swarm {
    tracker: Tracker,
    pub members: Vec<Participant>,
    rng: SmallRng,
}

impl Swarm {
    /// Creates a swarm of `members` leechers.
    pub fn new(members: u32) -> Self {
        let connection = |number| Participant::new(ConnectionId::new(0, number, number));
        let mut swarm = Self {
            tracker: Tracker::new(RULES),
            members: (0..members).map(connection).collect(),
            rng: SmallRng::seed_from_u64(1),
        };
        for number in 0..swarm.members.len() {
            let text = announce_text(number as u64, 0..0);
            swarm.handle(number, read(&text));
        }
        swarm
    }

    /// Serves one request of a member. Not inlined, so that the calling code does not change its instructions.
    #[inline(never)]
    pub fn handle<'a>(&mut self, from: usize, request: Request<'a>) -> Outcome<'a> {
        let participant = &mut self.members[from];
        self.tracker
            .handle(participant, request, NOW, &mut self.rng)
    }
}

/// Returns the answer of every receiver, with its sender. The answers remove the offers from the table again.
pub fn answers<'a>(outcome: &Outcome<'a>) -> impl Iterator<Item = (usize, Request<'a>)> {
    assert_eq!(
        outcome.relays.len() as u64,
        OFFERS,
        "every offer has a receiver in a swarm of ten"
    );
    outcome.relays.iter().map(|relay| {
        let answer = Answer {
            info_hash: relay.info_hash,
            to_peer_id: relay.from,
            offer_id: relay.offer_id,
            sdp: relay.sdp,
        };
        (relay.to.connection.slot(), Request::Answer(answer))
    })
}
