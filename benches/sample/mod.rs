//! Messages for the benches, with the size and format of real clients: identifiers of arbitrary bytes, SDPs of many
//! short lines. Has no state; shared by the benches.

use std::fmt::Write as _;
use std::time::Duration;

use swarmhub::limits::SwarmQuota;
use swarmhub::protocol::{InfoHash, OfferId, PeerId, RequestBounds};
use swarmhub::swarm::{Lifetimes, Matchmaking, ReceiverQuota};
use swarmhub::tracker::Rules;

/// Bounds of messages, with the default configuration.
pub const BOUNDS: RequestBounds = RequestBounds {
    sdp_bytes_max: 32_768,
    json_depth_max: 32,
    offers_max: 20,
    scrape_hashes_max: 255,
};
/// Rules of the tracker, with the default configuration.
pub const RULES: Rules = Rules {
    matchmaking: Matchmaking::Introductions,
    nearest: false,
    memberships_max: 2000,
    peer_ids_per_swarm_max: 4,
    pending_offers_max: 256,
    full_scrape: false,
    swarms_max: usize::MAX,
    http_peers_max: usize::MAX,
    address_http_peers_per_swarm_max: usize::MAX,
    address_swarm_quota: SwarmQuota::new(10, 4),
    // Counted, but above the offers of every bench.
    receiver_quota: ReceiverQuota::new(1_000, 1_000_000),
    ttl: Lifetimes {
        membership: Duration::from_mins(6),
        pending_offer: Duration::from_mins(2),
        http_membership: Duration::from_mins(30),
    },
};
/// Bytes of an offer's SDP as JSON text, without its quotes.
pub const OFFER_SDP_BYTES: usize = 2000;
/// Bytes of an answer's SDP as JSON text, without its quotes.
pub const ANSWER_SDP_BYTES: usize = 1600;

/// An SDP as JSON text: a template with a number at a fixed position, so that a relayed one can be compared byte by
/// byte with the sent one.
pub struct SdpText {
    before: String,
    after: String,
}

impl SdpText {
    /// Creates a text of `bytes` bytes, without its quotes.
    pub fn new(bytes: usize) -> Self {
        let before = "\"v=0\\r\\no=- ".to_owned();
        let mut after = " 2 IN IP4 127.0.0.1\\r\\ns=-\\r\\nt=0 0\\r\\na=group:BUNDLE 0\\r\\na=ice-options:trickle\\r\\n".to_owned();
        let wanted = bytes + 1 - before.len() - NUMBER_DIGITS;
        for line in 0.. {
            let candidate = format!(
                "a=candidate:{} 1 udp {} 192.0.2.{} {} typ host generation 0\\r\\n",
                1_811_406_225_u32 + line,
                2_122_260_223 - line,
                line % 256,
                49_152 + line
            );
            if after.len() + candidate.len() > wanted {
                break;
            }
            after.push_str(&candidate);
        }
        after.extend(std::iter::repeat_n('z', wanted - after.len()));
        after.push('"');
        Self { before, after }
    }

    /// Appends the text with this number, including its quotes.
    pub fn write(&self, number: u64, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = write!(out, "{}{number:0NUMBER_DIGITS$}{}", self.before, self.after);
    }

    /// Whether `text` is what [`Self::write`] writes.
    pub fn is(&self, number: u64, text: &str) -> bool {
        let inside = text
            .strip_prefix(self.before.as_str())
            .and_then(|text| text.strip_suffix(self.after.as_str()));
        inside.is_some_and(|digits| {
            digits.len() == NUMBER_DIGITS && digits.parse::<u64>().ok() == Some(number)
        })
    }
}

const NUMBER_DIGITS: usize = 20;

/// Returns 20 arbitrary bytes, different for every number.
fn bytes(kind: u8, number: u64) -> [u8; 20] {
    let mut bytes = [kind; 20];
    let mut state = number;
    for (index, chunk) in bytes.chunks_mut(8).enumerate() {
        // SplitMix64: a bijection, so the first eight bytes already differ for different numbers.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        mixed = mixed.rotate_left(u32::from(kind) * u32::from(index > 0));
        chunk.copy_from_slice(&mixed.to_le_bytes()[..chunk.len()]);
    }
    bytes
}

/// Returns the info-hash of a swarm.
pub fn info_hash(swarm: u64) -> InfoHash {
    InfoHash::new(bytes(1, swarm))
}

/// Returns an `offer_id`, as random as those of the reference client.
pub fn offer_id(number: u64) -> OfferId {
    OfferId::new(bytes(2, number))
}

/// Returns a `peer_id` in the readable format of webtorrent.
pub fn peer_id(member: u64) -> PeerId {
    let mut bytes = *b"-WW0208-000000000000";
    let digits = format!("{member:012}");
    bytes[8..].copy_from_slice(digits.as_bytes());
    PeerId::new(bytes)
}

/// Appends an announce with the offers of these numbers.
pub fn announce(
    (swarm, member): (u64, u64),
    left: u32,
    offers: std::ops::Range<u64>,
    sdp: &SdpText,
    out: &mut String,
) {
    begin(swarm, member, out);
    let _ = write!(
        out,
        ",\"uploaded\":0,\"downloaded\":0,\"left\":{left},\"numwant\":{}",
        offers.end - offers.start
    );
    out.push_str(",\"offers\":[");
    for number in offers.clone() {
        out.push_str(if number > offers.start { "," } else { "" });
        out.push_str("{\"offer_id\":");
        push(out, |out| offer_id(number).write_json(out));
        out.push_str(",\"offer\":{\"type\":\"offer\",\"sdp\":");
        sdp.write(number, out);
        out.push_str("}}");
    }
    out.push_str("]}");
}

/// Appends the answer of `member` to offer `number` of `to`.
pub fn answer(
    (swarm, member): (u64, u64),
    to: &PeerId,
    number: u64,
    sdp: &SdpText,
    out: &mut String,
) {
    begin(swarm, member, out);
    out.push_str(",\"to_peer_id\":");
    push(out, |out| to.write_json(out));
    out.push_str(",\"offer_id\":");
    push(out, |out| offer_id(number).write_json(out));
    out.push_str(",\"answer\":{\"type\":\"answer\",\"sdp\":");
    sdp.write(number, out);
    out.push_str("}}");
}

fn begin(swarm: u64, member: u64, out: &mut String) {
    out.push_str("{\"action\":\"announce\",\"info_hash\":");
    push(out, |out| info_hash(swarm).write_json(out));
    out.push_str(",\"peer_id\":");
    push(out, |out| peer_id(member).write_json(out));
}

/// Appends the output of `write`.
pub fn push(out: &mut String, write: impl FnOnce(&mut Vec<u8>)) {
    let mut text = Vec::new();
    write(&mut text);
    out.push_str(&String::from_utf8_lossy(&text));
}
