//! Builds the outgoing messages. Each is written once, from checked parts only, into the buffer that goes to the
//! socket.

use super::{InfoHash, OfferId, PeerId, Refusal, RefusalSubject, Sdp};

/// The counts of a swarm: seeders, leechers and downloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Seeders: members known to have everything.
    pub complete: u32,
    /// Leechers: all other members.
    pub incomplete: u32,
    /// Number of completed downloads that members have reported since the swarm was created.
    pub downloaded: u32,
}

/// Approximate upper bound for the fixed text of a message and three ids. An id takes 22 to 122 bytes, mostly fewer
/// than 45.
const FIXED_BYTES: usize = 224;

/// Approximate size of a reply to an announce, or of a failure.
pub const REPLY_BYTES: usize = FIXED_BYTES;

/// Returns the approximate size of a relayed SDP message.
#[must_use]
pub const fn relay_bytes(sdp: Sdp<'_>) -> usize {
    FIXED_BYTES + sdp.as_json().len()
}

/// Returns the approximate size of the reply to a scrape of this many swarms.
#[must_use]
pub const fn scrape_bytes(swarms: usize) -> usize {
    64 + swarms * 128
}

/// Writes the reply to an announce. `interval` is the number of seconds until the next announce.
pub fn write_announce_reply(
    out: &mut Vec<u8>,
    info_hash: &InfoHash,
    counts: Counts,
    interval: u32,
) {
    begin_announce(out, info_hash);
    write_number(out, b",\"complete\":", counts.complete);
    write_number(out, b",\"incomplete\":", counts.incomplete);
    write_number(out, b",\"interval\":", interval);
    out.push(b'}');
}

/// Writes an offer for its receiver; `from` is the offering member.
pub fn write_relayed_offer(
    out: &mut Vec<u8>,
    info_hash: &InfoHash,
    from: &PeerId,
    offer_id: &OfferId,
    sdp: Sdp<'_>,
) {
    begin_relay(out, info_hash, from, offer_id);
    out.extend_from_slice(b",\"offer\":{\"type\":\"offer\",\"sdp\":");
    out.extend_from_slice(sdp.as_json().as_bytes());
    out.extend_from_slice(b"}}");
}

/// Writes an answer for the offering member; `from` is the answering member.
pub fn write_relayed_answer(
    out: &mut Vec<u8>,
    info_hash: &InfoHash,
    from: &PeerId,
    offer_id: &OfferId,
    sdp: Sdp<'_>,
) {
    begin_relay(out, info_hash, from, offer_id);
    out.extend_from_slice(b",\"answer\":{\"type\":\"answer\",\"sdp\":");
    out.extend_from_slice(sdp.as_json().as_bytes());
    out.extend_from_slice(b"}}");
}

fn begin_relay(out: &mut Vec<u8>, info_hash: &InfoHash, from: &PeerId, offer_id: &OfferId) {
    begin_announce(out, info_hash);
    out.extend_from_slice(b",\"peer_id\":");
    from.write_json(out);
    out.extend_from_slice(b",\"offer_id\":");
    offer_id.write_json(out);
}

/// Writes the reply to a scrape: one entry for every hash, zeros for unknown swarms (the reference client counts
/// entries).
pub fn write_scrape_reply(out: &mut Vec<u8>, files: &[(InfoHash, Counts)]) {
    out.extend_from_slice(b"{\"action\":\"scrape\",\"files\":{");
    for (index, (info_hash, counts)) in files.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        info_hash.write_json(out);
        write_number(out, b":{\"complete\":", counts.complete);
        write_number(out, b",\"incomplete\":", counts.incomplete);
        write_number(out, b",\"downloaded\":", counts.downloaded);
        out.push(b'}');
    }
    out.extend_from_slice(b"}}");
}

/// Writes a failure in the form that clients can handle. An announce gets an `interval`: libtorrent never announces a
/// torrent again after a failure without it.
pub fn write_failure(out: &mut Vec<u8>, refusal: &Refusal, interval: u32) {
    match refusal.subject {
        RefusalSubject::Announce(info_hash) => {
            begin_announce(out, &info_hash);
            write_number(out, b",\"interval\":", interval);
            out.push(b',');
        }
        RefusalSubject::Scrape => out.extend_from_slice(b"{\"action\":\"scrape\","),
        RefusalSubject::Unknown => out.push(b'{'),
    }
    out.extend_from_slice(b"\"failure reason\":\"");
    for byte in refusal.failure.text().bytes() {
        if byte == b'"' {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.extend_from_slice(b"\"}");
}

fn begin_announce(out: &mut Vec<u8>, info_hash: &InfoHash) {
    out.extend_from_slice(b"{\"action\":\"announce\",\"info_hash\":");
    info_hash.write_json(out);
}

fn write_number(out: &mut Vec<u8>, before: &[u8], value: u32) {
    out.extend_from_slice(before);
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::protocol::Failure;

    const HASH: InfoHash = InfoHash::new(*b"\x00\"\\\x7f\xff\xc3aaaaaaaaaaaaaa");

    fn parse_written(write: impl FnOnce(&mut Vec<u8>)) -> Value {
        let mut text = Vec::new();
        write(&mut text);
        serde_json::from_slice(&text).expect("what goes out is JSON")
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
        assert_eq!(
            parse_written(|out| write_announce_reply(out, &HASH, counts, 120)),
            expected
        );
    }

    #[test]
    fn relays_contain_only_the_unchanged_sdp() {
        let sdp = Sdp::check(r#""v=0\r\n\u00fc""#, 100).expect("a string");
        let (from, offer_id) = (PeerId::new([b'p'; 20]), OfferId::new([b'o'; 20]));
        let offer = parse_written(|out| write_relayed_offer(out, &HASH, &from, &offer_id, sdp));
        let mut expected = json!({"action": "announce", "info_hash": characters(HASH.as_bytes()),
            "peer_id": "p".repeat(20), "offer_id": "o".repeat(20), "offer": {"type": "offer", "sdp": "v=0\r\nü"}});
        assert_eq!(offer, expected);

        let answer = parse_written(|out| write_relayed_answer(out, &HASH, &from, &offer_id, sdp));
        expected.as_object_mut().expect("an object").remove("offer");
        expected["answer"] = json!({"type": "answer", "sdp": "v=0\r\nü"});
        assert_eq!(answer, expected);
    }

    #[test]
    fn a_scrape_reply_uses_the_received_hash_as_key() {
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
            parse_written(|out| write_scrape_reply(
                out,
                &[(HASH, counts), (other, Counts::default())]
            )),
            expected
        );
        assert_eq!(
            parse_written(|out| write_scrape_reply(out, &[])),
            json!({"action": "scrape", "files": {}})
        );
    }

    #[test]
    fn a_failure_has_the_form_that_clients_handle() {
        let failed = |about| {
            let refusal = Refusal {
                failure: Failure::UnknownAction,
                subject: about,
            };
            parse_written(|out| write_failure(out, &refusal, 90))
        };
        let reason = Failure::UnknownAction.text();
        assert_eq!(
            failed(RefusalSubject::Announce(HASH)),
            json!({"action": "announce", "info_hash": characters(HASH.as_bytes()), "interval": 90,
                "failure reason": reason})
        );
        assert_eq!(
            failed(RefusalSubject::Scrape),
            json!({"action": "scrape", "failure reason": reason})
        );
        assert_eq!(
            failed(RefusalSubject::Unknown),
            json!({"failure reason": reason})
        );
    }
}
