//! Builds the replies over HTTP: bencoded dictionaries of raw bytes, with sorted keys.

use core::net::IpAddr;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::{Endpoint, PeerListFormat, Peers, Retry};
use crate::protocol::{Counts, InfoHash, PeerId};

/// The announce intervals in every reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpIntervals {
    /// `tracker.http_interval`, in seconds.
    pub interval: u32,
    /// `tracker.http_interval_min`, in seconds.
    pub interval_min: u32,
}

/// The content of the reply to an announce.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HttpAnnounceReply {
    /// The counts of the swarm after its announce, WebSockets included.
    pub counts: Counts,
    /// Members that the sender can connect to.
    pub peers: Peers,
}

/// Returns the reply to an announce from the client at `from`.
#[must_use]
pub fn announce_reply(
    reply: &HttpAnnounceReply,
    from: &Endpoint,
    form: PeerListFormat,
    terms: HttpIntervals,
) -> Vec<u8> {
    encode(&AnnounceReply {
        complete: reply.counts.complete,
        external_ip: ByteString(match from.address() {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        }),
        incomplete: reply.counts.incomplete,
        interval: terms.interval,
        interval_min: terms.interval_min,
        peers: match form {
            PeerListFormat::Compact => PeersValue::Compact(concatenate_endpoints(&reply.peers.v4)),
            PeerListFormat::Dictionaries => {
                PeersValue::Dictionaries(peer_dictionaries(&reply.peers, true))
            }
            PeerListFormat::DictionariesWithoutIds => {
                PeersValue::Dictionaries(peer_dictionaries(&reply.peers, false))
            }
        },
        peers6: (form == PeerListFormat::Compact && !reply.peers.v6.is_empty())
            .then(|| ByteString(concatenate_endpoints(&reply.peers.v6))),
    })
}

/// Returns the reply to a scrape.
#[must_use]
pub fn scrape_reply(files: &[(InfoHash, Counts)]) -> Vec<u8> {
    encode(&ScrapeReply {
        files: ScrapeFiles(files),
    })
}

/// The text of a scrape reply before and after its swarms, as [`write_scrape_entry`] writes them.
pub const SCRAPE_ENVELOPE: (&[u8], &[u8]) = (b"d5:filesd", b"ee");

/// Writes one swarm of a scrape reply that is built in pieces. The swarms must come in the order of their bytes.
pub fn write_scrape_entry(out: &mut Vec<u8>, info_hash: &InfoHash, counts: Counts) {
    let Counts {
        complete,
        downloaded,
        incomplete,
    } = counts;
    out.extend_from_slice(b"20:");
    out.extend_from_slice(info_hash.as_bytes());
    let mut number = |name: &[u8], number: u32| {
        out.extend_from_slice(name);
        out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    };
    number(b"d8:completei", complete);
    number(b"e10:downloadedi", downloaded);
    number(b"e10:incompletei", incomplete);
    out.extend_from_slice(b"ee");
}

/// Returns the reply to a refused request (BEP 31). Most clients ignore `retry in` and wait half an hour by default.
/// They use `interval` and `min interval`, so every reply that allows a retry contains these too.
#[must_use]
pub fn failure_reply(text: &str, retry: Retry) -> Vec<u8> {
    encode(&FailureReply {
        text,
        interval: retry.interval(),
        interval_min: retry.interval(),
        retry,
    })
}

fn encode(reply: &impl Serialize) -> Vec<u8> {
    // Bencode can represent everything in the replies.
    bt_bencode::to_vec(reply).unwrap_or_else(|_| b"d14:failure reason14:internal errore".to_vec())
}

#[derive(Serialize)]
struct AnnounceReply {
    complete: u32,
    #[serde(rename = "external ip")]
    external_ip: ByteString<Vec<u8>>,
    incomplete: u32,
    interval: u32,
    #[serde(rename = "min interval")]
    interval_min: u32,
    peers: PeersValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    peers6: Option<ByteString<Vec<u8>>>,
}

#[derive(Serialize)]
struct ScrapeReply<'a> {
    files: ScrapeFiles<'a>,
}

#[derive(Serialize)]
struct FailureReply<'a> {
    #[serde(rename = "failure reason")]
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    interval: Option<u64>,
    #[serde(rename = "min interval", skip_serializing_if = "Option::is_none")]
    interval_min: Option<u64>,
    #[serde(rename = "retry in")]
    retry: Retry,
}

/// Returns the peers concatenated without separators.
fn concatenate_endpoints<const N: usize>(peers: &[([u8; N], PeerId)]) -> Vec<u8> {
    peers.iter().flat_map(|(endpoint, _)| *endpoint).collect()
}

fn peer_dictionaries(peers: &Peers, with_ids: bool) -> Vec<PeerDictionary> {
    let one = |endpoint: Endpoint, id: PeerId| PeerDictionary {
        endpoint,
        id: with_ids.then_some(id),
    };
    let v4 = peers.v4.iter().map(|(to, id)| one(Endpoint::V4(*to), *id));
    let v6 = peers.v6.iter().map(|(to, id)| one(Endpoint::V6(*to), *id));
    v4.chain(v6).collect()
}

/// The value of `peers`, in one of its two forms.
enum PeersValue {
    Compact(Vec<u8>),
    Dictionaries(Vec<PeerDictionary>),
}

struct PeerDictionary {
    endpoint: Endpoint,
    id: Option<PeerId>,
}

/// Swarms with their counts. Serialising sorts them.
struct ScrapeFiles<'a>(&'a [(InfoHash, Counts)]);

/// A byte string: serde would serialise a slice as a list of numbers.
struct ByteString<B>(B);

impl<B: AsRef<[u8]>> Serialize for ByteString<B> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_bytes(self.0.as_ref())
    }
}

impl Serialize for Retry {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Never => to.serialize_str("never"),
            Self::Minutes(minutes) => to.serialize_u64(*minutes),
        }
    }
}

impl Serialize for PeersValue {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Compact(bytes) => to.serialize_bytes(bytes),
            Self::Dictionaries(peers) => to.collect_seq(peers),
        }
    }
}

impl Serialize for PeerDictionary {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut peer = to.serialize_map(None)?;
        peer.serialize_entry("ip", &self.endpoint.address().to_string())?;
        if let Some(id) = &self.id {
            peer.serialize_entry("peer id", &ByteString(id.as_bytes()))?;
        }
        peer.serialize_entry("port", &self.endpoint.port())?;
        peer.end()
    }
}

impl Serialize for ScrapeFiles<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut files = to.serialize_map(Some(self.0.len()))?;
        for (info_hash, counts) in self.0 {
            files.serialize_entry(&ByteString(info_hash.as_bytes()), &ScrapeFile(*counts))?;
        }
        files.end()
    }
}

struct ScrapeFile(Counts);

impl Serialize for ScrapeFile {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut file = to.serialize_map(Some(3))?;
        file.serialize_entry("complete", &self.0.complete)?;
        file.serialize_entry("downloaded", &self.0.downloaded)?;
        file.serialize_entry("incomplete", &self.0.incomplete)?;
        file.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: HttpIntervals = HttpIntervals {
        interval: 600,
        interval_min: 60,
    };

    fn reply() -> HttpAnnounceReply {
        let peer = |byte| PeerId::new([byte; 20]);
        let mut v6 = [0xfd; 18];
        v6[16..].copy_from_slice(&[0, 9]);
        HttpAnnounceReply {
            counts: Counts {
                complete: 1,
                incomplete: 2,
                downloaded: 3,
            },
            peers: Peers {
                v4: vec![([192, 0, 2, 1, 0x1a, 0xe1], peer(0xff))],
                v6: vec![(v6, peer(b'b'))],
            },
        }
    }

    fn reply_text(reply: &HttpAnnounceReply, form: PeerListFormat) -> String {
        let from = Endpoint::V4([192, 0, 2, 255, 0, 1]);
        announce_reply(reply, &from, form, TERMS)
            .escape_ascii()
            .to_string()
    }

    const HEAD: &str = r"d8:completei1e11:external ip4:\xc0\x00\x02\xff10:incompletei2e8:intervali600e12:min intervali60e";

    #[test]
    fn a_compact_reply_has_sorted_keys_and_raw_bytes() {
        let v6 = r"\xfd".repeat(16);
        let expected = format!(r"{HEAD}5:peers6:\xc0\x00\x02\x01\x1a\xe16:peers618:{v6}\x00\te");
        assert_eq!(reply_text(&reply(), PeerListFormat::Compact), expected);
        let without_peers = HttpAnnounceReply {
            peers: Peers::default(),
            ..reply()
        };
        assert_eq!(
            reply_text(&without_peers, PeerListFormat::Compact),
            format!("{HEAD}5:peers0:e")
        );
        assert_eq!(
            reply_text(&without_peers, PeerListFormat::Dictionaries),
            format!("{HEAD}5:peerslee")
        );
    }

    #[test]
    fn listed_peers_have_address_port_and_optional_id() {
        let id = r"\xff".repeat(20);
        let other = "fdfd:".repeat(8);
        let other = other.trim_end_matches(':');
        assert_eq!(
            reply_text(&reply(), PeerListFormat::Dictionaries),
            format!(
                "{HEAD}5:peersld2:ip9:192.0.2.17:peer id20:{id}4:porti6881eed2:ip39:{other}7:peer id20:{}4:porti9eeee",
                "b".repeat(20)
            )
        );
        assert_eq!(
            reply_text(&reply(), PeerListFormat::DictionariesWithoutIds),
            format!("{HEAD}5:peersld2:ip9:192.0.2.14:porti6881eed2:ip39:{other}4:porti9eeee")
        );
    }

    #[test]
    fn a_scrape_in_pieces_equals_a_whole_one() {
        let files: Vec<_> = (0..40_u32)
            .map(|number| {
                let counts = Counts {
                    complete: number * 7,
                    incomplete: number,
                    downloaded: number * 1_000_003,
                };
                let mut hash = [7; 20];
                hash[..4].copy_from_slice(&number.to_be_bytes());
                (InfoHash::new(hash), counts)
            })
            .collect();
        let (mut pieces, end) = (SCRAPE_ENVELOPE.0.to_vec(), SCRAPE_ENVELOPE.1);
        for (info_hash, counts) in &files {
            write_scrape_entry(&mut pieces, info_hash, *counts);
        }
        pieces.extend_from_slice(end);
        assert_eq!(pieces, scrape_reply(&files));
    }

    #[test]
    fn a_scrape_has_raw_sorted_keys() {
        let counts = reply().counts;
        let files = [0xff, 0, b'h'].map(|byte| (InfoHash::new([byte; 20]), counts));
        let file = "d8:completei1e10:downloadedi3e10:incompletei2ee";
        let expected = [r"\x00", "h", r"\xff"].map(|key| format!("20:{}{file}", key.repeat(20)));
        assert_eq!(
            scrape_reply(&files).escape_ascii().to_string(),
            format!("d5:filesd{}ee", expected.concat())
        );
        assert_eq!(scrape_reply(&[]), b"d5:filesdee");
    }

    #[test]
    fn a_failure_contains_the_retry_time() {
        let failure_text = |retry| String::from_utf8(failure_reply("no", retry)).expect("text");
        assert_eq!(
            failure_text(Retry::Never),
            "d14:failure reason2:no8:retry in5:nevere"
        );
        assert_eq!(
            failure_text(Retry::Minutes(7)),
            "d14:failure reason2:no8:intervali420e12:min intervali420e8:retry ini7ee"
        );
        for (seconds, minutes) in [(0, 1), (59, 1), (61, 2), (600, 11)] {
            let wait = std::time::Duration::from_secs(seconds);
            assert_eq!(Retry::after(wait), Retry::Minutes(minutes));
        }
    }
}
