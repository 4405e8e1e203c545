//! Messages alone: parsing of received ones, writing of sent ones.

use std::hint::black_box;

use swarmhub::protocol::{self, Answer, Counts, Request, Sdp};

use crate::sample::{OFFER_SDP_BYTES, SdpText};
use crate::tracking::{OFFERS, SWARM, announce_text, answer_text, read, scrape_text};
use crate::{Case, measured, sample};

pub const CASES: &[Case] = &[
    ("parse announce with 5 offers", |times| {
        parse(&announce_text(1, 0..OFFERS), times)
    }),
    ("parse announce without offers", |times| {
        parse(&announce_text(1, 0..0), times)
    }),
    ("parse answer", |times| parse(&answer_text(1, 2, 3), times)),
    ("parse scrape", |times| parse(&scrape_text(), times)),
    ("encode announce reply", encode_announce_reply),
    ("encode relayed offer", encode_relayed_offer),
    ("encode relayed answer", encode_relayed_answer),
];

fn parse(text: &str, times: u64) -> u64 {
    for _ in 0..times {
        measured(|| read(black_box(text)));
    }
    times
}

fn encode_announce_reply(times: u64) -> u64 {
    let info_hash = sample::info_hash(SWARM);
    let counts = Counts {
        complete: 10,
        incomplete: 40,
        downloaded: 3,
    };
    let mut out = Vec::new();
    for _ in 0..times {
        out.clear();
        measured(|| protocol::write_announce_reply(&mut out, black_box(&info_hash), counts, 120));
    }
    times
}

fn encode_relayed_offer(times: u64) -> u64 {
    let text = announce_text(1, 0..1);
    let Request::Announce(announce) = read(&text) else {
        unreachable!("an announce is parsed as an announce");
    };
    let offer = announce.offers[0];
    assert!(SdpText::new(OFFER_SDP_BYTES).is(0, offer.sdp.as_json()));
    encode_relay(
        protocol::write_relayed_offer,
        offer.offer_id,
        offer.sdp,
        times,
    )
}

fn encode_relayed_answer(times: u64) -> u64 {
    let text = answer_text(1, 2, 3);
    let Request::Answer(Answer { offer_id, sdp, .. }) = read(&text) else {
        unreachable!("an answer is parsed as an answer");
    };
    encode_relay(protocol::write_relayed_answer, offer_id, sdp, times)
}

type WriteRelay =
    fn(&mut Vec<u8>, &protocol::InfoHash, &protocol::PeerId, &protocol::OfferId, Sdp<'_>);

fn encode_relay(write: WriteRelay, offer_id: protocol::OfferId, sdp: Sdp<'_>, times: u64) -> u64 {
    let (info_hash, from) = (sample::info_hash(SWARM), sample::peer_id(1));
    let mut out = Vec::new();
    for _ in 0..times {
        out.clear();
        measured(|| write(&mut out, black_box(&info_hash), &from, &offer_id, sdp));
    }
    times
}
