//! What a client is, as far as its `peer_id` says: eight characters such as `-WW0201-` (BEP 20).

use crate::protocol::PeerId;

/// Names by the two letters; most of `webtorrent/bittorrent-peerid` that ever speaks to a WebTorrent tracker.
const NAMES: [(&[u8; 2], &str); 9] = [
    (b"WW", "WebTorrent"),
    (b"WD", "WebTorrent Desktop"),
    (b"LT", "libtorrent (Rasterbar)"),
    (b"lt", "libtorrent (rTorrent)"),
    (b"BI", "BiglyBT"),
    (b"qB", "qBittorrent"),
    (b"TR", "Transmission"),
    (b"PC", "P2P Media Loader"),
    (b"A2", "aria2"),
];

/// Name and version, or `None` for one that does not say.
pub(super) fn client(peer_id: PeerId) -> Option<String> {
    let [b'-', one, two, version @ .., b'-'] = peer_id.as_bytes().first_chunk::<8>()? else {
        return None;
    };
    let letters = [*one, *two];
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric();
    if !letters.iter().all(is_plain) || !version.iter().all(is_plain) {
        return None;
    }
    let known = NAMES.iter().find(|(code, _)| **code == letters);
    let name = known.map_or_else(
        || String::from_utf8_lossy(&letters).into_owned(),
        |(_, name)| (*name).to_owned(),
    );
    Some(format!("{name} {}", version_text(letters, version)))
}

/// WebTorrent writes two numbers of two digits, others one digit or letter for each number.
fn version_text(letters: [u8; 2], version: &[u8]) -> String {
    let text = String::from_utf8_lossy(version);
    if matches!(&letters, b"WW" | b"WD")
        && let Some((major, minor)) = text.split_at_checked(2)
        && let (Ok(major), Ok(minor)) = (major.parse::<u8>(), minor.parse::<u8>())
    {
        return format!("{major}.{minor}");
    }
    let numbers: Vec<String> = text.chars().map(String::from).collect();
    let last = numbers
        .iter()
        .rposition(|number| number != "0")
        .unwrap_or(0);
    numbers.get(..=last.max(1)).unwrap_or(&numbers).join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_told_by_their_first_eight_characters() {
        let told = |prefix: &str| {
            let mut bytes = [b'x'; 20];
            bytes[..prefix.len()].copy_from_slice(prefix.as_bytes());
            client(PeerId::new(bytes))
        };
        for (prefix, name) in [
            ("-WW0201-", Some("WebTorrent 2.1")),
            ("-LT20B0-", Some("libtorrent (Rasterbar) 2.0.B")),
            ("-TR4000-", Some("Transmission 4.0")),
            ("-ZZ1234-", Some("ZZ 1.2.3.4")),
            ("-<b1234-", None),
            ("plain", None),
        ] {
            assert_eq!(told(prefix).as_deref(), name, "{prefix}");
        }
    }
}
