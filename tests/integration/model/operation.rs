//! The operations of the simulation, with ids from small pools so that collisions are common. They are read from bytes
//! of a seeded generator or a fuzzer: any bytes are valid operations.

use std::time::Duration;

use swarmhub::limits::SwarmQuota;
use swarmhub::protocol::{InfoHash, OfferId, PeerId};
use swarmhub::swarm::{Lifetimes, Matchmaking, ReceiverQuota};
use swarmhub::tracker::Rules;

/// Offers of one announce that are used; announces hold up to two more.
pub(crate) const OFFERS_MAX: usize = 5;
/// Hashes of one scrape that are used; scrapes name up to two more.
pub(crate) const SCRAPE_HASHES_MAX: usize = 3;
/// Most connections at the same time.
pub(crate) const CONNECTIONS_MAX: usize = 12;

/// The swarms. Their ids contain bytes that JSON escapes, and bytes that take two in UTF-8.
const ANNOUNCED_HASHES: [InfoHash; 3] = [
    InfoHash::new(*b"\x00\"\\\x7f\x80\xff\n/aaaaaaaaaaaa"),
    InfoHash::new([b'h'; 20]),
    InfoHash::new([0xc3; 20]),
];
/// The swarms, and one that does not exist.
pub(crate) const INFO_HASHES: [InfoHash; 4] = [
    ANNOUNCED_HASHES[0],
    ANNOUNCED_HASHES[1],
    ANNOUNCED_HASHES[2],
    InfoHash::new([b'?'; 20]),
];
/// The first is repeated, so that many members share it.
pub(crate) const PEER_IDS: [PeerId; 7] = [
    PeerId::new(*b"-WW0207-aaaaaaaaaaaa"),
    PeerId::new(*b"-WW0207-aaaaaaaaaaaa"),
    PeerId::new(*b"-WW0207-aaaaaaaaaaaa"),
    PeerId::new(*b"-WW0207-aaaaaaaaaaab"),
    PeerId::new([0; 20]),
    PeerId::new([0xff; 20]),
    PeerId::new([b'\\'; 20]),
];
/// The first is repeated, so that many offers share it.
pub(crate) const OFFER_IDS: [OfferId; 6] = [
    OfferId::new([b'o'; 20]),
    OfferId::new([b'o'; 20]),
    OfferId::new([b'o'; 20]),
    OfferId::new([b'p'; 20]),
    OfferId::new([b'"'; 20]),
    OfferId::new([0xe9; 20]),
];

/// JSON text, if the field is present, and whether it means that data is missing.
pub(crate) type Left = (Option<&'static str>, Option<bool>);
/// JSON text, if the field is present, and its value if it is usable.
pub(crate) type Numwant = (Option<&'static str>, Option<usize>);

/// The `event` of announces as JSON, if present.
pub(crate) const EVENTS: [Option<&str>; 9] = [
    None,
    None,
    Some("\"started\""),
    Some("\"completed\""),
    Some("\"completed\""),
    Some("\"stopped\""),
    Some("\"paused\""),
    Some("\"<regular>\""),
    Some("null"),
];
pub(crate) const LEFTS: [Left; 12] = [
    (None, None),
    (Some("null"), None),
    (Some("false"), None),
    (Some("\"\""), None),
    (Some("0"), Some(false)),
    (Some("0.0"), Some(false)),
    (Some("\"0\""), Some(false)),
    (Some("1"), Some(true)),
    (Some("-1"), Some(true)),
    (Some("1.5"), Some(true)),
    (Some("\"7\""), Some(true)),
    (Some("18446744073709551616"), Some(true)),
];
pub(crate) const NUMWANTS: [Numwant; 9] = [
    (None, None),
    (Some("50"), Some(50)),
    (Some("0"), Some(0)),
    (Some("1"), Some(1)),
    (Some("2"), Some(2)),
    (Some("-1"), None),
    (Some("1.5"), None),
    (Some("\"1\""), None),
    (Some("null"), None),
];
/// Invalid items of `offers`.
pub(crate) const INVALID_OFFERS: [&str; 5] = [
    "null",
    "7",
    r#"{"offer_id":"short","offer":{"type":"offer","sdp":"x"}}"#,
    r#"{"offer_id":"oooooooooooooooooooo","offer":{"type":"offer"}}"#,
    r#"{"offer_id":"oooooooooooooooooooo","offer":{"type":"offer","sdp":"\udead"}}"#,
];

/// One operation. Numbers named `from` index the open connections (modulo), everything else comes from the pools.
#[derive(Debug, Clone)]
pub(crate) enum Operation {
    /// A connection is opened.
    Open,
    /// A connection announces, with any event.
    Announce {
        from: u8,
        info_hash: InfoHash,
        peer_id: PeerId,
        event: Option<&'static str>,
        left: Left,
        numwant: Numwant,
        offers: Vec<OfferItem>,
        /// Every character of the ids is escaped.
        escaped: bool,
    },
    /// A client announces over HTTP; `from` indexes the addresses (modulo).
    AnnounceHttp {
        from: u8,
        info_hash: InfoHash,
        peer_id: PeerId,
        event: Option<&'static str>,
        left: Left,
        wanted: u8,
        /// Selects the `key` of one of two clients, or none.
        key: u8,
    },
    /// A connection answers.
    Answer { from: u8, kind: AnswerKind },
    /// A connection scrapes these swarms (`None`: an invalid hash), or everything.
    Scrape {
        from: u8,
        hashes: Option<Vec<Option<InfoHash>>>,
    },
    /// The output of a connection becomes blocked or unblocked.
    SetBlocked { from: u8, blocked: bool },
    /// A connection closes.
    Close { from: u8 },
    /// Time passes.
    Wait(Duration),
    /// All parts of the table are swept. The owners of expired memberships may be notified later, as if they were on
    /// another worker.
    Sweep { notify: bool },
    /// The owners of expired memberships are notified.
    NotifyExpired,
}

/// An item of `offers`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OfferItem {
    /// A valid offer with this `offer_id`.
    Valid(OfferId),
    /// One of [`INVALID_OFFERS`].
    Invalid(&'static str),
}

/// The offer that an answer names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum AnswerKind {
    /// The n-th pending offer, by its receiver.
    Valid(u8),
    /// The n-th pending offer, by any connection.
    Copied(u8),
    /// The n-th pending offer, by its receiver, in another swarm.
    WrongSwarm(u8, InfoHash),
    /// The last answer that was sent, again.
    Again,
    /// Any offer.
    Any {
        info_hash: InfoHash,
        to_peer_id: PeerId,
        offer_id: OfferId,
    },
    /// An answer whose `sdp` is not a string.
    Invalid,
}

/// The rules under which the operations run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup(pub(crate) Rules);

impl Setup {
    pub(crate) fn read(bytes: &mut impl Iterator<Item = u8>) -> Option<Self> {
        let memberships_max = read_index(bytes, 6)? + 2;
        Some(Self(Rules {
            memberships_max,
            http_peers_max: 2 * memberships_max,
            address_http_peers_per_swarm_max: memberships_max % 3 + 1,
            peer_ids_per_swarm_max: read_index(bytes, 3)? + 1,
            pending_offers_max: read_index(bytes, 6)? + 1,
            full_scrape: read_index(bytes, 2)? == 1,
            matchmaking: read_choice(bytes, &[Matchmaking::Introductions, Matchmaking::Random])?,
            nearest: read_index(bytes, 2)? == 1,
            swarms_max: usize::MAX,
            address_swarm_quota: SwarmQuota::UNLIMITED,
            receiver_quota: ReceiverQuota::UNLIMITED,
            ttl: Lifetimes {
                membership: Duration::from_mins(1),
                pending_offer: Duration::from_secs(20),
                http_membership: Duration::from_secs(61),
            },
        }))
    }
}

/// Reads all operations in the bytes, at most `most`.
pub(crate) fn read_all(bytes: &mut impl Iterator<Item = u8>, most: usize) -> Vec<Operation> {
    std::iter::from_fn(|| Operation::read(bytes))
        .take(most)
        .collect()
}

impl Operation {
    fn read(bytes: &mut impl Iterator<Item = u8>) -> Option<Self> {
        Some(match bytes.next()? {
            120..=139 => Self::AnnounceHttp {
                from: bytes.next()?,
                info_hash: read_choice(bytes, &ANNOUNCED_HASHES)?,
                peer_id: read_choice(bytes, &PEER_IDS)?,
                event: read_choice(bytes, &EVENTS)?,
                left: read_choice(bytes, &LEFTS)?,
                wanted: bytes.next()? % 6,
                key: bytes.next()? % 4,
            },
            0..=119 => Self::Announce {
                from: bytes.next()?,
                info_hash: read_choice(bytes, &ANNOUNCED_HASHES)?,
                peer_id: read_choice(bytes, &PEER_IDS)?,
                event: read_choice(bytes, &EVENTS)?,
                left: read_choice(bytes, &LEFTS)?,
                numwant: read_choice(bytes, &NUMWANTS)?,
                offers: read_offers(bytes)?,
                escaped: read_index(bytes, 8)? == 0,
            },
            140..=189 => Self::Answer {
                from: bytes.next()?,
                kind: AnswerKind::read(bytes)?,
            },
            190..=199 => Self::Scrape {
                from: bytes.next()?,
                hashes: read_scrape_hashes(bytes)?,
            },
            200..=214 => Self::Open,
            215..=222 => Self::Close {
                from: bytes.next()?,
            },
            223..=232 => Self::SetBlocked {
                from: bytes.next()?,
                blocked: read_index(bytes, 2)? == 1,
            },
            233..=244 => Self::Wait(read_wait(bytes)?),
            245..=250 => Self::Sweep {
                notify: read_index(bytes, 2)? == 1,
            },
            251..=255 => Self::NotifyExpired,
        })
    }
}

impl AnswerKind {
    fn read(bytes: &mut impl Iterator<Item = u8>) -> Option<Self> {
        Some(match read_index(bytes, 16)? {
            0..=7 => Self::Valid(bytes.next()?),
            8 | 9 => Self::Copied(bytes.next()?),
            10 => Self::WrongSwarm(bytes.next()?, read_choice(bytes, &INFO_HASHES)?),
            11 | 12 => Self::Again,
            13 | 14 => Self::Any {
                info_hash: read_choice(bytes, &INFO_HASHES)?,
                to_peer_id: read_choice(bytes, &PEER_IDS)?,
                offer_id: read_choice(bytes, &OFFER_IDS)?,
            },
            _ => Self::Invalid,
        })
    }
}

fn read_index(bytes: &mut impl Iterator<Item = u8>, many: usize) -> Option<usize> {
    bytes.next().map(|byte| usize::from(byte) % many)
}

fn read_choice<T: Copy>(bytes: &mut impl Iterator<Item = u8>, pool: &[T]) -> Option<T> {
    pool.get(read_index(bytes, pool.len())?).copied()
}

fn read_offers(bytes: &mut impl Iterator<Item = u8>) -> Option<Vec<OfferItem>> {
    let count = read_index(bytes, OFFERS_MAX + 3)?;
    let mut item = || {
        Some(match read_index(bytes, 16)? {
            0 => OfferItem::Invalid(read_choice(bytes, &INVALID_OFFERS)?),
            _ => OfferItem::Valid(read_choice(bytes, &OFFER_IDS)?),
        })
    };
    (0..count).map(|_| item()).collect()
}

/// Reads the hashes of a scrape. The outer `None`: no bytes left.
#[expect(
    clippy::option_option,
    reason = "the inner one is a scrape without hashes"
)]
fn read_scrape_hashes(
    bytes: &mut impl Iterator<Item = u8>,
) -> Option<Option<Vec<Option<InfoHash>>>> {
    let count = read_index(bytes, SCRAPE_HASHES_MAX + 4)?;
    if count == SCRAPE_HASHES_MAX + 3 {
        return Some(None);
    }
    let mut hash = || {
        Some(match read_index(bytes, 5)? {
            0 => None,
            _ => Some(read_choice(bytes, &INFO_HASHES)?),
        })
    };
    let hashes: Option<Vec<_>> = (0..count).map(|_| hash()).collect();
    hashes.map(Some)
}

/// Steps around the two lifetimes, and fractions of a second.
fn read_wait(bytes: &mut impl Iterator<Item = u8>) -> Option<Duration> {
    const MILLISECONDS: [u64; 10] = [
        300, 700, 1_000, 3_000, 8_000, 19_700, 20_000, 21_000, 60_000, 61_000,
    ];
    read_choice(bytes, &MILLISECONDS).map(Duration::from_millis)
}
