//! Parses the query of a request over HTTP, byte by byte, as it need not be UTF-8.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::iter;
use std::num::{NonZeroU16, NonZeroU64};
use std::sync::LazyLock;

use indexmap::IndexSet;
use percent_encoding::percent_decode;

use super::HttpFailure;
use crate::protocol::{Event, InfoHash, Left, PeerId, Scrape};

/// Number of peers for a client without `numwant`, as in the reference implementation.
const DEFAULT_NUMWANT: usize = 50;

/// An announce. It does not contain the address of its sender: the address that a client reports is not trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpAnnounce {
    /// The swarm.
    pub info_hash: InfoHash,
    /// The id of the sender.
    pub peer_id: PeerId,
    /// The port where it accepts connections.
    pub port: NonZeroU16,
    /// The `key` of the sender, if it sends one.
    pub key: Option<ClientKey>,
    /// The reported event.
    pub event: Event,
    /// What the sender still has to download.
    pub left: Left,
    /// Number of peers of each address family that it wants (`numwant`); not yet bounded.
    pub numwant: usize,
    /// The form of the peer list that it wants.
    pub peer_list_format: PeerListFormat,
}

/// The `key` of a client, which identifies it also after a change of address (BEP 7). It is never sent to others.
///
/// A hash of eight bytes, keyed per process: it takes the same space for any input, and a client cannot find a key that
/// matches another client's hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientKey(NonZeroU64);

impl ClientKey {
    /// Creates a key from the decoded value; `None` if it is empty.
    #[must_use]
    pub fn from_value(value: &[u8]) -> Option<Self> {
        static SECRET: LazyLock<RandomState> = LazyLock::new(RandomState::new);
        let hash = NonZeroU64::MIN | SECRET.hash_one(value);
        (!value.is_empty()).then_some(Self(hash))
    }
}

/// The form of a peer list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerListFormat {
    /// As strings of 6 or 18 bytes for each peer (BEP 23, BEP 7). The default.
    Compact,
    /// As a list of dictionaries, with `compact=0`.
    Dictionaries,
    /// As a list of dictionaries without ids, with `compact=0` and `no_peer_id=1`.
    DictionariesWithoutIds,
}

/// Reads an announce. Unknown parameters are ignored; of a repeated one the last counts.
///
/// # Errors
///
/// A required parameter is missing or invalid.
pub fn parse_announce(query: &[u8]) -> Result<HttpAnnounce, HttpFailure> {
    let (mut info_hash, mut peer_id, mut port, mut key) = (None, None, None, None);
    let (mut event, mut left, mut wanted) = (Event::Update, Left::Unknown, DEFAULT_NUMWANT);
    let (mut is_compact, mut has_ids) = (true, true);
    for (name, value) in parameters(query) {
        match &*name {
            b"info_hash" if info_hash.is_some() => return Err(HttpFailure::MultipleInfoHashes),
            b"info_hash" => info_hash = Some(parse_id(&value)),
            b"peer_id" => peer_id = parse_id(&value),
            b"port" => port = parse_decimal(&value),
            b"key" => key = ClientKey::from_value(&value),
            b"event" => event = Event::from_name(std::str::from_utf8(&value).unwrap_or_default()),
            b"left" => left = parse_left(&value),
            b"numwant" => wanted = parse_decimal(&value).unwrap_or(DEFAULT_NUMWANT),
            b"compact" => is_compact = *value != *b"0",
            b"no_peer_id" => has_ids = *value != *b"1",
            _ => {}
        }
    }
    Ok(HttpAnnounce {
        info_hash: info_hash
            .flatten()
            .map(InfoHash::new)
            .ok_or(HttpFailure::InfoHash)?,
        peer_id: peer_id.map(PeerId::new).ok_or(HttpFailure::PeerId)?,
        port: port.ok_or(HttpFailure::Port)?,
        key,
        event,
        left,
        numwant: wanted,
        peer_list_format: match (is_compact, has_ids) {
            (true, _) => PeerListFormat::Compact,
            (false, true) => PeerListFormat::Dictionaries,
            (false, false) => PeerListFormat::DictionariesWithoutIds,
        },
    })
}

/// Reads a scrape: each `info_hash` once, in order, at most `hashes_max`. Without any it asks for all swarms.
///
/// # Errors
///
/// The query has hashes, but none is usable.
pub fn parse_scrape(query: &[u8], hashes_max: usize) -> Result<Scrape, HttpFailure> {
    let mut values = parameters(query)
        .filter(|(name, _)| **name == *b"info_hash")
        .peekable();
    if values.peek().is_none() {
        return Ok(Scrape::Everything);
    }
    let valid = values.filter_map(|(_, value)| parse_id(&value).map(InfoHash::new));
    let hashes: IndexSet<_> = valid.take(hashes_max).collect();
    if hashes.is_empty() {
        return Err(HttpFailure::InfoHash);
    }
    Ok(Scrape::Swarms(hashes.into_iter().collect()))
}

/// Names that begin a parameter after a second `?` too: some clients append their query to an address that already has
/// one.
const KNOWN_PARAMETERS: [&[u8]; 12] = [
    b"info_hash=",
    b"peer_id=",
    b"port=",
    b"uploaded=",
    b"downloaded=",
    b"left=",
    b"event=",
    b"key=",
    b"numwant=",
    b"compact=",
    b"no_peer_id=",
    b"token=",
];

/// Returns names and values. Any byte may be written as `%XX`, and a space also as `+`, as in HTML forms.
pub(super) fn parameters(query: &[u8]) -> impl Iterator<Item = (Cow<'_, [u8]>, Cow<'_, [u8]>)> {
    split_parameters(query).map(|parameter| {
        let mut halves = parameter.splitn(2, |&byte| byte == b'=');
        let mut half = || decode_form_value(halves.next().unwrap_or_default());
        (half(), half())
    })
}

/// Returns the parameters, not decoded.
fn split_parameters(query: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(query);
    iter::from_fn(move || {
        let text = rest?;
        let is_known = |text: &[u8]| KNOWN_PARAMETERS.iter().any(|known| text.starts_with(known));
        let is_end = |&(at, &byte): &(usize, &u8)| match byte {
            b'&' => true,
            b'?' => text.get(at + 1..).is_some_and(is_known),
            _ => false,
        };
        let end = text.iter().enumerate().find(is_end).map(|(at, _)| at);
        rest = end.and_then(|at| text.get(at + 1..));
        text.get(..end.unwrap_or(text.len()))
    })
}

fn decode_form_value(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'+') {
        return percent_decode(text).into();
    }
    let spaced: Vec<u8> = text
        .iter()
        .map(|&byte| if byte == b'+' { b' ' } else { byte })
        .collect();
    Cow::Owned(percent_decode(&spaced).collect())
}

fn parse_id(value: &[u8]) -> Option<[u8; 20]> {
    value.try_into().ok()
}

/// Parses decimal digits only: Rust would accept a sign as well.
fn parse_decimal<N: std::str::FromStr>(value: &[u8]) -> Option<N> {
    let text = std::str::from_utf8(value).ok()?;
    text.parse()
        .ok()
        .filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Parses `left` as over WebSockets: clients really send `-1`, fractions, and numbers beyond 64 bits.
fn parse_left(value: &[u8]) -> Left {
    let is_number = |text: &&str| {
        text.bytes()
            .all(|byte| byte.is_ascii_digit() || b"-.".contains(&byte))
    };
    let text = std::str::from_utf8(value).ok().filter(is_number);
    match text.and_then(|text| text.parse().ok()) {
        Some(0.0) => Left::Nothing,
        Some(_) => Left::Something,
        None => Left::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "info_hash=%00%ff%FFabcdefghijklmnop%2b";
    const REST: &str = "peer_id=-TR4050-abcdefghijkl&port=6881";

    fn announce(more: &str) -> Result<HttpAnnounce, HttpFailure> {
        parse_announce(format!("{HASH}&{REST}{more}").as_bytes())
    }

    fn read(more: &str) -> HttpAnnounce {
        announce(more).expect("an announce")
    }

    #[test]
    fn any_byte_of_an_id_may_be_escaped_in_either_case() {
        let announce = read("");
        let hash = b"\x00\xff\xffabcdefghijklmnop+";
        assert_eq!(announce.info_hash.as_bytes(), hash);
        assert_eq!(announce.peer_id.as_bytes(), b"-TR4050-abcdefghijkl");
        let all: String = (0..20).map(percent_encoding::percent_encode_byte).collect();
        let query = format!("info_hash={all}&{REST}");
        let announce = parse_announce(query.as_bytes()).expect("an announce");
        assert_eq!(
            announce.info_hash.as_bytes().to_vec(),
            (0..20).collect::<Vec<u8>>()
        );
        let query = "info_hash=a+cdefghijklmnopqrst&peer%5fid=abcdefghijklmnopqrst&port=1";
        let announce = parse_announce(query.as_bytes()).expect("an announce");
        assert_eq!(announce.info_hash.as_bytes(), b"a cdefghijklmnopqrst");
    }

    #[test]
    fn missing_parameters_are_named_in_the_failure() {
        for (query, failure) in [
            ("", HttpFailure::InfoHash),
            ("info_hash", HttpFailure::InfoHash),
            ("info_hash=abcdefghijklmnopqrs", HttpFailure::InfoHash),
            ("info_hash=abcdefghijklmnopqrstu", HttpFailure::InfoHash),
            // Invalid escapes are kept as they are.
            ("info_hash=%zzabcdefghijklmnopqr", HttpFailure::InfoHash),
            ("info_hash=abcdefghijklmnopqrst", HttpFailure::PeerId),
            (
                "info_hash=abcdefghijklmnopqrst&peer_id=x",
                HttpFailure::PeerId,
            ),
        ] {
            assert_eq!(parse_announce(query.as_bytes()), Err(failure), "{query}");
        }
        for port in [
            "",
            "0",
            "65536",
            "-1",
            "+80",
            "80.0",
            "http",
            "99999999999999999999",
        ] {
            let query = format!("{HASH}&peer_id=-TR4050-abcdefghijkl&port={port}");
            assert_eq!(
                parse_announce(query.as_bytes()),
                Err(HttpFailure::Port),
                "{port}"
            );
        }
    }

    #[test]
    fn only_info_hash_may_not_be_repeated() {
        assert_eq!(
            announce(&format!("&{HASH}")),
            Err(HttpFailure::MultipleInfoHashes)
        );
        assert_eq!(
            announce("&info_hash=x"),
            Err(HttpFailure::MultipleInfoHashes)
        );
        assert_eq!(announce("&port=x"), Err(HttpFailure::Port));
        assert_eq!(read("&port=1&port=2").port.get(), 2);
        let more = "&ip=192.0.2.1&ipv6=::1&uploaded=x&=&&supportcrypto=1&";
        assert_eq!(read(more), read(""));
    }

    #[test]
    fn a_query_after_another_query_is_parsed() {
        for before in ["passkey=x?", "?", "token=0123?", "x?", "x&y?", "a=b?c?"] {
            let query = format!("{before}{HASH}&{REST}");
            assert_eq!(parse_announce(query.as_bytes()), Ok(read("")), "{query}");
        }
        let key = |query: &str| {
            let named = |(name, value): (Cow<'_, [u8]>, Cow<'_, [u8]>)| {
                (*name == *b"token").then(|| String::from_utf8(value.into_owned()).unwrap())
            };
            parameters(query.as_bytes()).find_map(named)
        };
        assert_eq!(key("token=T?info_hash=x").as_deref(), Some("T"));
        assert_eq!(key("token=T?x=y").as_deref(), Some("T?x=y"));
        assert_eq!(key("token=T?info_hash").as_deref(), Some("T?info_hash"));
        assert_eq!(key("a?token=T").as_deref(), Some("T"));
    }

    #[test]
    fn left_event_and_numwant_accept_all_client_formats() {
        for (value, left) in [
            ("0", Left::Nothing),
            ("0.0", Left::Nothing),
            ("000", Left::Nothing),
            ("1", Left::Something),
            ("-1", Left::Something),
            ("1.5", Left::Something),
            ("18446744073709551616", Left::Something),
            ("", Left::Unknown),
            ("null", Left::Unknown),
            ("nan", Left::Unknown),
            ("inf", Left::Unknown),
            ("%ff", Left::Unknown),
        ] {
            assert_eq!(read(&format!("&left={value}")).left, left, "{value}");
        }
        for (value, event) in [
            ("started", Event::Started),
            ("completed", Event::Completed),
            ("stopped", Event::Stopped),
            ("paused", Event::Paused),
            ("", Event::Update),
            ("%FF", Event::Update),
        ] {
            assert_eq!(read(&format!("&event={value}")).event, event, "{value}");
        }
        for (value, wanted) in [
            ("0", 0),
            ("7", 7),
            ("1000000", 1_000_000),
            ("-1", 50),
            ("", 50),
        ] {
            assert_eq!(
                read(&format!("&numwant={value}")).numwant,
                wanted,
                "{value}"
            );
        }
        assert_eq!(read("").numwant, 50);
    }

    #[test]
    fn keys_are_equal_if_their_bytes_are() {
        assert_eq!(
            [read("").key, read("&key=").key, read("&key").key],
            [None; 3]
        );
        let one = read("&key=00AA").key;
        assert!(one.is_some());
        assert_eq!(read("&key=%30%30AA").key, one);
        assert_eq!(read("&key=x&key=00AA").key, one, "the last counts");
        for other in ["00aa", "0AA", "00AA0", "%00", &"x".repeat(5_000)] {
            assert_ne!(read(&format!("&key={other}")).key, one, "{other}");
        }
    }

    #[test]
    fn compact_is_the_default_form() {
        for (more, form) in [
            ("", PeerListFormat::Compact),
            ("&compact=1", PeerListFormat::Compact),
            ("&compact=", PeerListFormat::Compact),
            ("&compact=1&no_peer_id=1", PeerListFormat::Compact),
            ("&compact=0", PeerListFormat::Dictionaries),
            ("&compact=0&no_peer_id=0", PeerListFormat::Dictionaries),
            (
                "&compact=0&no_peer_id=1",
                PeerListFormat::DictionariesWithoutIds,
            ),
        ] {
            assert_eq!(read(more).peer_list_format, form, "{more}");
        }
    }

    #[test]
    fn a_scrape_without_hashes_asks_for_everything() {
        let scrape = |query: &str| parse_scrape(query.as_bytes(), 2);
        let hash = |byte| InfoHash::new([byte; 20]);
        let [a, b, c] = ["a", "b", "c"].map(|name| format!("info_hash={}", name.repeat(20)));
        assert_eq!(scrape(""), Ok(Scrape::Everything));
        assert_eq!(scrape("x=y"), Ok(Scrape::Everything));
        let both = Ok(Scrape::Swarms(vec![hash(b'a'), hash(b'b')]));
        assert_eq!(scrape(&format!("{a}&info_hash=x&{b}")), both);
        let one = Ok(Scrape::Swarms(vec![hash(b'a')]));
        assert_eq!(scrape(&format!("{a}&{a}")), one);
        assert_eq!(
            scrape(&format!("{a}&{b}&{c}")),
            both,
            "the rest is left out"
        );
        assert_eq!(scrape("info_hash="), Err(HttpFailure::InfoHash));
    }
}
