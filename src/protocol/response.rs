//! The messages that go out. Each is written once, from checked parts only, into a string of the right size.

use super::{About, InfoHash, OfferId, PeerId, Refusal, Sdp};

/// How many members of a swarm have everything, and how many do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Seeders: members known to have everything.
    pub complete: u32,
    /// Leechers: all other members.
    pub incomplete: u32,
    /// How often a member has reported that its download is complete, while the swarm has existed.
    pub downloaded: u32,
}

/// Room for the fixed words of a message and three ids. An id takes 22 to 122 bytes, mostly fewer than 45.
const FIXED_BYTES: usize = 224;

/// The reply to an announce. `interval` in seconds is when the client shall announce again.
#[must_use]
pub fn announce_reply(info_hash: &InfoHash, counts: Counts, interval: u32) -> String {
    let mut out = begin_announce(info_hash, 0);
    number(&mut out, ",\"complete\":", counts.complete);
    number(&mut out, ",\"incomplete\":", counts.incomplete);
    number(&mut out, ",\"interval\":", interval);
    out.push('}');
    out
}

/// An offer as its receiver gets it; `from` is the offering member.
#[must_use]
pub fn relayed_offer(
    info_hash: &InfoHash,
    from: &PeerId,
    offer_id: &OfferId,
    sdp: Sdp<'_>,
) -> String {
    relay(
        info_hash,
        from,
        offer_id,
        ",\"offer\":{\"type\":\"offer\",\"sdp\":",
        sdp,
    )
}

/// An answer as the offering member gets it; `from` is the answering member.
#[must_use]
pub fn relayed_answer(
    info_hash: &InfoHash,
    from: &PeerId,
    offer_id: &OfferId,
    sdp: Sdp<'_>,
) -> String {
    relay(
        info_hash,
        from,
        offer_id,
        ",\"answer\":{\"type\":\"answer\",\"sdp\":",
        sdp,
    )
}

fn relay(
    info_hash: &InfoHash,
    from: &PeerId,
    offer_id: &OfferId,
    body: &str,
    sdp: Sdp<'_>,
) -> String {
    let mut out = begin_announce(info_hash, sdp.as_json().len());
    out.push_str(",\"peer_id\":");
    from.write_json(&mut out);
    out.push_str(",\"offer_id\":");
    offer_id.write_json(&mut out);
    out.push_str(body);
    out.push_str(sdp.as_json());
    out.push_str("}}");
    out
}

/// The reply to a scrape: one entry for every hash, zeros for unknown swarms (the reference client counts entries).
#[must_use]
pub fn scrape_reply(files: &[(InfoHash, Counts)]) -> String {
    let mut out = String::with_capacity(64 + files.len() * 128);
    out.push_str("{\"action\":\"scrape\",\"files\":{");
    for (place, (info_hash, counts)) in files.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        info_hash.write_json(&mut out);
        number(&mut out, ":{\"complete\":", counts.complete);
        number(&mut out, ",\"incomplete\":", counts.incomplete);
        number(&mut out, ",\"downloaded\":", counts.downloaded);
        out.push('}');
    }
    out.push_str("}}");
    out
}

/// A failure, in the form that clients survive. `interval` goes with an announce: libtorrent never announces a
/// torrent again after a failure without it.
#[must_use]
pub fn failure(refusal: &Refusal, interval: u32) -> String {
    let mut out = match refusal.about {
        About::Announce(info_hash) => {
            let mut out = begin_announce(&info_hash, 0);
            number(&mut out, ",\"interval\":", interval);
            out.push(',');
            out
        }
        About::Scrape => String::from("{\"action\":\"scrape\","),
        About::Nothing => String::from("{"),
    };
    out.push_str("\"failure reason\":\"");
    for character in refusal.failure.text().chars() {
        if character == '"' {
            out.push('\\');
        }
        out.push(character);
    }
    out.push_str("\"}");
    out
}

fn begin_announce(info_hash: &InfoHash, more: usize) -> String {
    let mut out = String::with_capacity(FIXED_BYTES + more);
    out.push_str("{\"action\":\"announce\",\"info_hash\":");
    info_hash.write_json(&mut out);
    out
}

fn number(out: &mut String, before: &str, value: u32) {
    out.push_str(before);
    out.push_str(itoa::Buffer::new().format(value));
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::protocol::Failure;

    const HASH: InfoHash = InfoHash::new(*b"\x00\"\\\x7f\xff\xc3aaaaaaaaaaaaaa");

    fn read(text: &str) -> Value {
        serde_json::from_str(text).expect("what goes out is JSON")
    }

    fn characters(bytes: &[u8]) -> String {
        bytes.iter().map(|&byte| char::from(byte)).collect()
    }

    #[test]
    fn an_announce_reply_has_the_counts_and_no_peer_id() {
        let counts = Counts {
            complete: 3,
            incomplete: 7,
            downloaded: 9,
        };
        let expected = json!({"action": "announce", "info_hash": characters(HASH.as_bytes()),
            "complete": 3, "incomplete": 7, "interval": 120});
        assert_eq!(read(&announce_reply(&HASH, counts, 120)), expected);
    }

    #[test]
    fn relays_carry_the_sdp_as_it_came_and_nothing_else() {
        let sdp = Sdp::check(r#""v=0\r\n\u00fc""#, 100).expect("a string");
        let offer = relayed_offer(
            &HASH,
            &PeerId::new([b'p'; 20]),
            &OfferId::new([b'o'; 20]),
            sdp,
        );
        let mut expected = json!({"action": "announce", "info_hash": characters(HASH.as_bytes()),
            "peer_id": "p".repeat(20), "offer_id": "o".repeat(20), "offer": {"type": "offer", "sdp": "v=0\r\nü"}});
        assert_eq!(read(&offer), expected);

        let answer = relayed_answer(
            &HASH,
            &PeerId::new([b'p'; 20]),
            &OfferId::new([b'o'; 20]),
            sdp,
        );
        expected.as_object_mut().expect("an object").remove("offer");
        expected["answer"] = json!({"type": "answer", "sdp": "v=0\r\nü"});
        assert_eq!(read(&answer), expected);
    }

    #[test]
    fn a_scrape_reply_is_keyed_by_the_hash_as_it_came() {
        let counts = Counts {
            complete: 1,
            incomplete: 2,
            downloaded: 3,
        };
        let other = InfoHash::new([b'b'; 20]);
        let expected = json!({"action": "scrape", "files": {
            characters(HASH.as_bytes()): {"complete": 1, "incomplete": 2, "downloaded": 3},
            "b".repeat(20): {"complete": 0, "incomplete": 0, "downloaded": 0}}});
        assert_eq!(
            read(&scrape_reply(&[(HASH, counts), (other, Counts::default())])),
            expected
        );
        assert_eq!(
            read(&scrape_reply(&[])),
            json!({"action": "scrape", "files": {}})
        );
    }

    #[test]
    fn a_failure_takes_the_form_that_clients_survive() {
        let failed = |about| {
            read(&failure(
                &Refusal {
                    failure: Failure::UnknownAction,
                    about,
                },
                90,
            ))
        };
        let reason = Failure::UnknownAction.text();
        assert_eq!(
            failed(About::Announce(HASH)),
            json!({"action": "announce", "info_hash": characters(HASH.as_bytes()), "interval": 90,
                "failure reason": reason})
        );
        assert_eq!(
            failed(About::Scrape),
            json!({"action": "scrape", "failure reason": reason})
        );
        assert_eq!(failed(About::Nothing), json!({"failure reason": reason}));
    }
}
