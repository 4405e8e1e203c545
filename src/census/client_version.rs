//! Identifies the client and its version from a `peer_id`: `-WW0207-` is WebTorrent 2.7.
//!
//! Most clients begin their ids in Azureus style: a dash, two letters, four digits or letters, a dash (BEP 20). aria2
//! and `BitTorrent`'s own client write their version with dashes (`A2-1-36-0-`, `M7-9-1--`), a few old ones in Shadow
//! style (`T03I----`). Other clients are listed by prefix, if several peers share it.

use std::fmt;

/// The part of a `peer_id` that may identify a client.
pub(super) type PeerIdPrefix = [u8; 8];

/// A client with its version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientVersion {
    /// The name; `unknown` if it is not in the tables below.
    pub name: &'static str,
    /// The version; for an unknown client the prefix of its ids; `other` for all that are not listed.
    pub version: String,
}

/// How a client encodes its version in four characters.
#[derive(Debug, Clone, Copy)]
enum VersionStyle {
    /// `0207` is 2.7.
    TwoDigitPairs,
    /// `4630` is 4.6.3.
    SingleDigits,
}

/// Two letters in Azureus style, the client, and its encoding of the version.
const AZUREUS_CLIENTS: [(&[u8; 2], &str, VersionStyle); 19] = [
    (b"WW", "WebTorrent", VersionStyle::TwoDigitPairs),
    (b"WD", "WebTorrent Desktop", VersionStyle::TwoDigitPairs),
    (b"PM", "p2p-media-loader", VersionStyle::TwoDigitPairs),
    (b"LT", "libtorrent", VersionStyle::SingleDigits),
    (b"lt", "rTorrent", VersionStyle::SingleDigits),
    (b"qB", "qBittorrent", VersionStyle::SingleDigits),
    (b"TR", "Transmission", VersionStyle::SingleDigits),
    (b"DE", "Deluge", VersionStyle::SingleDigits),
    (b"UT", "µTorrent", VersionStyle::SingleDigits),
    (b"UM", "µTorrent for Mac", VersionStyle::SingleDigits),
    (b"UW", "µTorrent Web", VersionStyle::SingleDigits),
    (b"BT", "BitTorrent", VersionStyle::SingleDigits),
    (b"AZ", "Vuze", VersionStyle::SingleDigits),
    (b"BI", "BiglyBT", VersionStyle::SingleDigits),
    (b"KT", "KTorrent", VersionStyle::SingleDigits),
    (b"TX", "Tixati", VersionStyle::SingleDigits),
    (b"FD", "Free Download Manager", VersionStyle::SingleDigits),
    (b"BN", "Brave", VersionStyle::SingleDigits),
    (b"GT", "anacrolix/torrent", VersionStyle::SingleDigits),
];

/// A prefix, the client, and how many numbers of the version fit into a [`PeerIdPrefix`].
const DASHED_CLIENTS: [(&[u8], &str, usize); 2] = [(b"A2-", "aria2", 2), (b"M", "Mainline", 3)];

/// A letter in Shadow style and the client. The version has up to five characters, padded with dashes.
const SHADOW_CLIENTS: [(u8, &str); 7] = [
    (b'A', "ABC"),
    (b'O', "Osprey Permaseed"),
    (b'Q', "BTQueue"),
    (b'R', "Tribler"),
    (b'S', "Shadow"),
    (b'T', "BitTornado"),
    (b'U', "UPnP NAT BT"),
];

impl ClientVersion {
    /// The name of unknown clients.
    pub const UNKNOWN: &str = "unknown";
    /// The version of clients that are not listed.
    pub const OTHER: &str = "other";

    /// Returns the entry for all clients that are not listed.
    pub(super) fn other() -> Self {
        Self {
            name: Self::UNKNOWN,
            version: Self::OTHER.to_owned(),
        }
    }

    /// Returns the client of a `peer_id`, if it is known.
    #[must_use]
    pub fn from_peer_id(peer_id: &[u8; 20]) -> Option<Self> {
        Self::from_prefix(*peer_id.first_chunk()?)
    }

    /// Returns the client with this prefix, if it is known.
    pub(super) fn from_prefix(prefix: PeerIdPrefix) -> Option<Self> {
        let [b'-', first, second, version @ .., b'-'] = prefix else {
            return Self::parse_dashed(prefix).or_else(|| Self::parse_shadow(prefix));
        };
        let letters = &[first, second];
        let (_, name, style) = AZUREUS_CLIENTS
            .iter()
            .find(|(known, ..)| *known == letters)?;
        Some(Self {
            name,
            version: style.decode(&version)?,
        })
    }

    /// Parses `A2-1-36-` and `M7-9-1--`: numbers, each followed by a dash.
    fn parse_dashed(prefix: PeerIdPrefix) -> Option<Self> {
        let of = |(begin, name, count): &(&[u8], &'static str, usize)| {
            let version = str::from_utf8(prefix.strip_prefix(*begin)?).ok()?;
            let numbers: Vec<&str> = version.split('-').collect();
            let (numbers, rest) = numbers.split_at_checked(*count)?;
            let is_number = |text: &&str| text.parse::<u32>().is_ok();
            (!rest.is_empty() && numbers.iter().all(is_number)).then(|| Self {
                name,
                version: numbers.join("."),
            })
        };
        DASHED_CLIENTS.iter().find_map(of)
    }

    /// Parses Shadow style: `T03I----` is 0.3.18.
    fn parse_shadow(prefix: PeerIdPrefix) -> Option<Self> {
        let [letter, version @ .., b'-', b'-'] = prefix else {
            return None;
        };
        let (_, name) = SHADOW_CLIENTS.iter().find(|(known, _)| *known == letter)?;
        let end = version.iter().position(|byte| *byte == b'-');
        let (version, fill) = version.split_at_checked(end.unwrap_or(version.len()))?;
        let numbers: Option<Vec<String>> = version.iter().copied().map(shadow_digit).collect();
        let is_filled = version.len() >= 2 && fill.iter().all(|byte| *byte == b'-');
        is_filled.then_some(Self {
            name,
            version: numbers?.join("."),
        })
    }

    /// Returns the entry of an unknown client, named by its prefix.
    pub(super) fn unknown(prefix: PeerIdPrefix) -> Self {
        let is_plain = prefix.iter().all(u8::is_ascii_graphic);
        let version = if is_plain {
            prefix.iter().map(|byte| char::from(*byte)).collect()
        } else {
            format!("{:016x}", u64::from_be_bytes(prefix))
        };
        Self {
            name: Self::UNKNOWN,
            version,
        }
    }
}

/// Decodes a digit: `0` to `9`, `A` to `Z`, `a` to `z` are 0 to 61 (BEP 20).
fn shadow_digit(byte: u8) -> Option<String> {
    let (first, least) = match byte {
        b'0'..=b'9' => (b'0', 0),
        b'A'..=b'Z' => (b'A', 10),
        b'a'..=b'z' => (b'a', 36),
        _ => return None,
    };
    Some((byte - first + least).to_string())
}

impl fmt::Display for ClientVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

impl VersionStyle {
    /// Decodes the version; `None` if it is not valid in this style.
    fn decode(self, digits: &[u8]) -> Option<String> {
        let digits = digits.iter().map(|digit| char::from(*digit).to_digit(36));
        let digits: Vec<u32> = digits.collect::<Option<_>>()?;
        let mut numbers: Vec<u32> = match self {
            Self::TwoDigitPairs if digits.iter().any(|digit| *digit > 9) => return None,
            Self::TwoDigitPairs => digits
                .chunks(2)
                .map(|pair| pair.iter().fold(0, |number, digit| number * 10 + digit))
                .collect(),
            Self::SingleDigits => digits,
        };
        while numbers.len() > 2 && numbers.last() == Some(&0) {
            numbers.pop();
        }
        let numbers: Vec<_> = numbers.iter().map(u32::to_string).collect();
        Some(numbers.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_clients_have_a_name_and_version() {
        for (prefix, named) in [
            (b"-WW0207-", "WebTorrent 2.7"),
            (b"-WW0112-", "WebTorrent 1.12"),
            (b"-WD0024-", "WebTorrent Desktop 0.24"),
            (b"-PM0203-", "p2p-media-loader 2.3"),
            (b"-LT20B0-", "libtorrent 2.0.11"),
            (b"-qB4630-", "qBittorrent 4.6.3"),
            (b"-TR4050-", "Transmission 4.0.5"),
            (b"-DE2000-", "Deluge 2.0"),
            (b"A2-1-36-", "aria2 1.36"),
            (b"A2-1-9-0", "aria2 1.9"),
            (b"M7-9-1--", "Mainline 7.9.1"),
            (b"M4-20-8-", "Mainline 4.20.8"),
            (b"T03I----", "BitTornado 0.3.18"),
            (b"S58B----", "Shadow 5.8.11"),
            (b"Ta1b2c--", "BitTornado 36.1.37.2.38"),
        ] {
            let client = ClientVersion::from_prefix(*prefix).expect("known");
            assert_eq!(client.to_string(), named);
        }
    }

    #[test]
    fn unknown_clients_are_named_by_their_prefix() {
        for prefix in [
            b"-XX1234-",
            b"01234567",
            b"-WW02a7-",
            b"-WW02_7-",
            b"WW0207--",
            b"A2-x-36-",
            b"A2--36-0",
            b"A2-1-368",
            b"M7-9-1xx",
            b"M7-9----",
            b"T-------",
            b"T0-I----",
            b"T03I---x",
            b"Z03I----",
        ] {
            assert_eq!(ClientVersion::from_prefix(*prefix), None);
            let version = ClientVersion::unknown(*prefix).version;
            assert_eq!(version.as_bytes(), prefix);
        }
        assert_eq!(
            ClientVersion::unknown(*b"\0<b>\xff123").version,
            "003c623eff313233"
        );
    }
}
