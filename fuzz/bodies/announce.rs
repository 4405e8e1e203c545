//! Reads the bytes as the query of an HTTP request, compares the result with a second, simple reader, and checks the
//! replies.

use std::net::IpAddr;

use bt_bencode::Value;
use swarmhub::protocol::http::{
    ClientKey, Endpoint, HttpAnnounce, HttpAnnounceReply, HttpFailure, HttpIntervals,
    PeerListFormat, Peers, announce_reply, failure_reply, parse_announce, parse_scrape,
    scrape_reply,
};
use swarmhub::protocol::{Counts, Event, Left, PeerId, Scrape};

const NAMES: [&str; 12] = [
    "info_hash",
    "peer_id",
    "port",
    "uploaded",
    "downloaded",
    "left",
    "event",
    "key",
    "numwant",
    "compact",
    "no_peer_id",
    "token",
];
const SCRAPE_HASHES_MAX: usize = 3;
const TERMS: HttpIntervals = HttpIntervals {
    interval: 600,
    interval_min: 60,
};
const COUNTS: Counts = Counts {
    complete: 1,
    incomplete: u32::MAX,
    downloaded: 0,
};

pub(crate) fn check(query: &[u8]) {
    let parameters = parameters(query);
    let read = parse_announce(query);
    check_announce(&read, &parameters);
    match read {
        Ok(announce) => {
            // Only the hash of a key is stored.
            let keyless = HttpAnnounce {
                key: None,
                ..announce
            };
            assert_eq!(
                parse_announce(escaped_query(&announce).as_bytes()),
                Ok(keyless)
            );
            check_reply(&announce);
        }
        Err(error) => {
            check_canonical(&failure_reply(error.text(), error.retry()));
        }
    }
    check_scrape(query, &parameters);
}

type Parameters = Vec<(Vec<u8>, Vec<u8>)>;

fn parameters(query: &[u8]) -> Parameters {
    let halves = |parameter: &[u8]| {
        let equals = parameter.iter().position(|&byte| byte == b'=');
        let end = equals.unwrap_or(parameter.len());
        let value = equals.map_or(&[][..], |equals| &parameter[equals + 1..]);
        (unescaped(&parameter[..end]), unescaped(value))
    };
    let query = with_separators(query);
    query.split(|&byte| byte == b'&').map(halves).collect()
}

/// Replaces each `?` before a known parameter by `&`.
fn with_separators(query: &[u8]) -> Vec<u8> {
    let mut joined = query.to_vec();
    for at in 0..query.len() {
        let rest = &query[at + 1..];
        let follows = |name: &&str| {
            let after = rest.strip_prefix(name.as_bytes());
            after.is_some_and(|after| after.starts_with(b"="))
        };
        if query[at] == b'?' && NAMES.iter().any(follows) {
            joined[at] = b'&';
        }
    }
    joined
}

/// Decodes escapes.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let digits = text.get(at + 1..at + 3).unwrap_or_default();
        if byte == b'%' && digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit) {
            let digits = std::str::from_utf8(digits).expect("ASCII");
            bytes.push(u8::from_str_radix(digits, 16).expect("digits"));
            at += 3;
        } else {
            bytes.push(if byte == b'+' { b' ' } else { byte });
            at += 1;
        }
    }
    bytes
}

fn all<'p>(parameters: &'p Parameters, name: &str) -> Vec<&'p [u8]> {
    let named = parameters.iter().filter(|(key, _)| key == name.as_bytes());
    named.map(|(_, value)| value.as_slice()).collect()
}

fn last<'p>(parameters: &'p Parameters, name: &str) -> Option<&'p [u8]> {
    all(parameters, name).last().copied()
}

fn check_announce(read: &Result<HttpAnnounce, HttpFailure>, parameters: &Parameters) {
    let hashes = all(parameters, "info_hash");
    let peer_id = last(parameters, "peer_id").unwrap_or_default();
    let port = number(last(parameters, "port"));
    let announce = match read {
        Ok(announce) => announce,
        Err(error) => {
            let expected = match hashes.as_slice() {
                [_, _, ..] => HttpFailure::MultipleInfoHashes,
                [hash] if hash.len() == 20 && peer_id.len() != 20 => HttpFailure::PeerId,
                [hash] if hash.len() == 20 => HttpFailure::Port,
                _ => HttpFailure::InfoHash,
            };
            assert_eq!(*error, expected);
            if expected == HttpFailure::Port {
                assert!(!port.is_some_and(|port| (1..=65_535).contains(&port)));
            }
            return;
        }
    };
    assert_eq!(hashes, [announce.info_hash.as_bytes()]);
    assert_eq!(peer_id, announce.peer_id.as_bytes());
    assert_eq!(port, Some(u64::from(announce.port.get())));
    let key = last(parameters, "key").unwrap_or_default();
    assert_eq!(announce.key, ClientKey::from_value(key));
    let wanted = number(last(parameters, "numwant")).unwrap_or(50);
    assert_eq!(announce.numwant as u64, wanted);
    let event = match last(parameters, "event") {
        Some(b"started") => Event::Started,
        Some(b"completed") => Event::Completed,
        Some(b"stopped") => Event::Stopped,
        Some(b"paused") => Event::Paused,
        _ => Event::Update,
    };
    assert_eq!(announce.event, event);
    let left = last(parameters, "left").unwrap_or_default();
    // A smaller fraction becomes 0 in a float.
    if left.len() < 300 {
        assert_eq!(announce.left, left_of(left));
    }
    let form = match (last(parameters, "compact"), last(parameters, "no_peer_id")) {
        (Some(b"0"), Some(b"1")) => PeerListFormat::DictionariesWithoutIds,
        (Some(b"0"), _) => PeerListFormat::Dictionaries,
        _ => PeerListFormat::Compact,
    };
    assert_eq!(announce.peer_list_format, form);
}

fn number(value: Option<&[u8]>) -> Option<u64> {
    let digits = value.filter(|value| !value.is_empty())?;
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = u64::from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?);
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// Reads `left`: digits with at most one point, and an optional minus in front.
fn left_of(value: &[u8]) -> Left {
    let value = value.strip_prefix(b"-").unwrap_or(value);
    let digits: Vec<_> = value.iter().filter(|byte| **byte != b'.').collect();
    let is_number = digits.iter().all(|byte| byte.is_ascii_digit())
        && !digits.is_empty()
        && value.len() - digits.len() <= 1;
    match is_number {
        true if digits.iter().all(|byte| **byte == b'0') => Left::Nothing,
        true => Left::Something,
        false => Left::Unknown,
    }
}

fn escaped(bytes: &[u8]) -> String {
    let escapes: Vec<_> = bytes.iter().map(|byte| format!("%{byte:02X}")).collect();
    escapes.concat()
}

/// Writes an announce in a form that no client uses, with everything escaped.
fn escaped_query(announce: &HttpAnnounce) -> String {
    let event = match announce.event {
        Event::Started => "started",
        Event::Completed => "completed",
        Event::Stopped => "stopped",
        Event::Paused => "paused",
        Event::Update => "",
    };
    let left = match announce.left {
        Left::Nothing => "0",
        Left::Something => "1",
        Left::Unknown => "",
    };
    let (compact, no_peer_id) = match announce.peer_list_format {
        PeerListFormat::Compact => ("1", "1"),
        PeerListFormat::Dictionaries => ("0", "0"),
        PeerListFormat::DictionariesWithoutIds => ("0", "1"),
    };
    let params = [
        ("compact", compact),
        ("no_peer_id", no_peer_id),
        ("event", event),
        ("left", left),
    ];
    let params: Vec<_> = params
        .iter()
        .map(|(name, value)| {
            format!(
                "&{}={}",
                escaped(name.as_bytes()),
                escaped(value.as_bytes())
            )
        })
        .collect();
    format!(
        "info_hash={}&peer_id={}&port={}&numwant={}{}",
        escaped(announce.info_hash.as_bytes()),
        escaped(announce.peer_id.as_bytes()),
        announce.port,
        announce.numwant,
        params.concat()
    )
}

/// Checks a reply that lists the sender itself, once with each address family.
fn check_reply(announce: &HttpAnnounce) {
    let at = |address: &str| Endpoint::new(address.parse().expect("an address"), announce.port);
    let (four, six) = (at("192.0.2.255"), at("2001:db8::ff"));
    let mut peers = Peers::default();
    for endpoint in [four, six] {
        match endpoint {
            Endpoint::V4(bytes) => peers.v4.push((bytes, announce.peer_id)),
            Endpoint::V6(bytes) => peers.v6.push((bytes, announce.peer_id)),
        }
    }
    let reply = HttpAnnounceReply {
        counts: COUNTS,
        peers,
    };
    for from in [four, six] {
        let decoded = check_canonical(&announce_reply(
            &reply,
            &from,
            announce.peer_list_format,
            TERMS,
        ));
        let address = decoded["external ip"].as_byte_str().expect("a string");
        let address = match from.address() {
            IpAddr::V4(own) => **address == own.octets()[..],
            IpAddr::V6(own) => **address == own.octets()[..],
        };
        assert!(address);
        match announce.peer_list_format {
            PeerListFormat::Compact => {
                let listed = decoded["peers"].as_byte_str().expect("a string");
                assert!(listed.ends_with(&announce.port.get().to_be_bytes()));
            }
            PeerListFormat::Dictionaries | PeerListFormat::DictionariesWithoutIds => {
                let listed = decoded["peers"].as_list().expect("a list");
                assert_eq!(listed.len(), 2);
                check_listed(announce.peer_list_format, announce.peer_id, &listed[1]);
            }
        }
    }
}

fn check_listed(form: PeerListFormat, peer_id: PeerId, peer: &Value) {
    let id = peer.get("peer id").and_then(Value::as_byte_str);
    let expected = (form == PeerListFormat::Dictionaries).then_some(peer_id.as_bytes().as_slice());
    assert_eq!(id.map(AsRef::as_ref), expected);
    assert_eq!(peer["ip"].as_str(), Some("2001:db8::ff"));
}

fn check_scrape(query: &[u8], parameters: &Parameters) {
    let requested = all(parameters, "info_hash");
    let valid = requested.iter().filter(|hash| hash.len() == 20);
    let mut expected: Vec<&[u8]> = Vec::new();
    for hash in valid.take(SCRAPE_HASHES_MAX) {
        if !expected.contains(hash) {
            expected.push(hash);
        }
    }
    match parse_scrape(query, SCRAPE_HASHES_MAX) {
        Ok(Scrape::Everything) => assert!(requested.is_empty()),
        Ok(Scrape::Swarms(hashes)) => {
            let read: Vec<_> = hashes.iter().map(|hash| &hash.as_bytes()[..]).collect();
            assert_eq!(read, expected);
            let files: Vec<_> = hashes.iter().map(|hash| (*hash, COUNTS)).collect();
            let decoded = check_canonical(&scrape_reply(&files));
            let files = decoded["files"].as_dict().expect("a dictionary");
            assert_eq!(files.len(), expected.len());
            assert!(expected.iter().all(|hash| files.contains_key(*hash)));
        }
        Err(error) => {
            assert_eq!(error, HttpFailure::InfoHash);
            assert!(!requested.is_empty() && expected.is_empty());
        }
    }
}

/// Checks that these bytes are canonical bencode, and returns their value.
fn check_canonical(bytes: &[u8]) -> Value {
    let value: Value = bt_bencode::from_slice(bytes).expect("bencode");
    assert_eq!(bt_bencode::to_vec(&value).expect("bencode"), bytes);
    value
}
