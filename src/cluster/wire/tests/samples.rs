//! Messages with all entries, and arbitrary entries.

use proptest::prelude::*;

use crate::cluster::wire::{
    Batch, BatchHeader, Class, Entry, HeartbeatMessage, HttpPeer, LinkReport, List, NodeRow,
    NodeTotals, OfferFlags, RegisterFlags, WireOffer,
};
use crate::cluster::{LinkEpoch, NodeId, Population, Slot};
use crate::protocol::http::Endpoint;
use crate::protocol::{ConnectionId, InfoHash, OfferId, PeerId};

pub(super) const HEADER: BatchHeader = BatchHeader {
    class: Class::Signalling,
    sender: NodeId::new(0x0102_0304_0506_0708),
    receiver: NodeId::new(0x1112_1314_1516_1718),
    epoch: LinkEpoch::new(0x2122_2324),
    number: 0x3132_3334_3536_3738,
};

const POPULATION: Population = Population {
    seeders: 1,
    leechers: 2,
    http_seeders: 3,
    http_leechers: u32::MAX,
};

/// Returns a batch with an entry of each kind.
pub(super) fn sample_batch() -> Vec<u8> {
    Batch::write(HEADER, &sample_body(), None)
}

pub(super) fn sample_body() -> Vec<u8> {
    let mut body = Vec::new();
    write_swarm_entries(&mut body);
    let (slot, info_hash, request) = (Slot(4095), InfoHash::new([1; 20]), 5);
    let peers = [Endpoint::V4([7; 6]), Endpoint::V6([8; 18])].map(|endpoint| HttpPeer {
        endpoint,
        peer_id: PeerId::new([2; 20]),
    });
    let mut write = |entry: Entry<'_>| entry.write(&mut body);
    write(Entry::Sync { slot });
    write(Entry::SyncEnd {
        slot,
        first_sequence: 12,
        count: 13,
    });
    write(Entry::Digest {
        slot,
        count: 14,
        rows: 15,
        vectors: 16,
    });
    write(Entry::Check);
    write(Entry::ListHttpPeers {
        info_hash,
        request,
        wanted: 17,
    });
    write(Entry::HttpPeers {
        info_hash,
        request,
        peers: List::Items(&peers),
    });
    body
}

fn write_swarm_entries(body: &mut Vec<u8>) {
    let (info_hash, from) = (InfoHash::new([1; 20]), PeerId::new([2; 20]));
    let (offer_id, connection) = (OfferId::new([3; 20]), ConnectionId::from_bits(4));
    let rows = [NodeRow {
        node: NodeId::new(6),
        population: POPULATION,
    }];
    let sdp = br#""v=0\r\n""#;
    let offers = [WireOffer { offer_id, sdp }];
    let mut write = |entry: Entry<'_>| entry.write(body);
    write(Entry::Register {
        info_hash,
        population: POPULATION,
        sequence: 9,
        flags: RegisterFlags {
            wants_vector: true,
            is_repeated: false,
        },
    });
    write(Entry::Vector {
        info_hash,
        version: 10,
        is_provisional: true,
        rows: List::Items(&rows),
    });
    write(Entry::Offer {
        info_hash,
        from,
        connection,
        flags: OfferFlags {
            is_seeder: true,
            is_returned: false,
            is_final: true,
        },
        offers: List::Items(&offers),
    });
    write(Entry::Answer {
        info_hash,
        connection,
        to: from,
        from: PeerId::new([11; 20]),
        offer_id,
        sdp,
    });
}

const LINKS: [LinkReport; 1] = [LinkReport {
    node: NodeId::new(18),
    epoch: LinkEpoch::new(19),
    sends_under: LinkEpoch::new(20),
    control_sent: 21,
}];

/// Returns a heartbeat with one link.
pub(super) fn heartbeat() -> HeartbeatMessage<'static> {
    HeartbeatMessage {
        node: NodeId::new(22),
        number: 23,
        is_draining: true,
        is_leaving: false,
        totals: NodeTotals {
            uptime_seconds: 24,
            connections: 25,
            swarms: 26,
            seeders: 27,
            leechers: 28,
            announces_per_second: 29,
            outbox_percent: 30,
        },
        links: List::Items(&LINKS),
    }
}

/// An entry with lists of its own.
#[derive(Debug, Clone)]
pub(super) struct OwnedEntry {
    kind: u8,
    ids: [[u8; 20]; 4],
    numbers: (u64, u64, u32, u16),
    flags: (bool, bool),
    population: Population,
    sdps: Vec<Vec<u8>>,
    rows: Vec<NodeRow>,
    peers: Vec<HttpPeer>,
}

impl OwnedEntry {
    pub(super) fn borrow(&self) -> Entry<'_> {
        let [first, second, third, fourth] = self.ids;
        let info_hash = InfoHash::new(first);
        let (from, offer_id) = (PeerId::new(second), OfferId::new(third));
        let (long, other, request, short) = self.numbers;
        let connection = ConnectionId::from_bits(long);
        let slot = Slot(short);
        match self.kind {
            0 => Entry::Register {
                info_hash,
                population: self.population,
                sequence: long,
                flags: RegisterFlags {
                    wants_vector: self.flags.0,
                    is_repeated: self.flags.1,
                },
            },
            1 => Entry::Vector {
                info_hash,
                version: long,
                is_provisional: self.flags.0,
                rows: List::Items(&self.rows),
            },
            2 => Entry::Answer {
                info_hash,
                connection,
                to: from,
                from: PeerId::new(fourth),
                offer_id,
                sdp: self.sdps.first().map(Vec::as_slice).unwrap_or_default(),
            },
            3 => Entry::Sync { slot },
            4 => Entry::SyncEnd {
                slot,
                first_sequence: long,
                count: request,
            },
            5 => Entry::Digest {
                slot,
                count: request,
                rows: long,
                vectors: other,
            },
            6 => Entry::Check,
            7 => Entry::ListHttpPeers {
                info_hash,
                request,
                wanted: short,
            },
            _ => Entry::HttpPeers {
                info_hash,
                request,
                peers: List::Items(&self.peers),
            },
        }
    }
}

fn populations() -> impl Strategy<Value = Population> {
    any::<[u32; 4]>().prop_map(
        |[seeders, leechers, http_seeders, http_leechers]| Population {
            seeders,
            leechers,
            http_seeders,
            http_leechers,
        },
    )
}

fn rows() -> impl Strategy<Value = Vec<NodeRow>> {
    let row = (any::<u64>(), populations()).prop_map(|(node, population)| NodeRow {
        node: NodeId::new(node),
        population,
    });
    prop::collection::vec(row, 0..8)
}

fn peers() -> impl Strategy<Value = Vec<HttpPeer>> {
    let endpoint = prop_oneof![
        any::<[u8; 6]>().prop_map(Endpoint::V4),
        any::<[u8; 18]>().prop_map(Endpoint::V6),
    ];
    let peer = (endpoint, any::<[u8; 20]>()).prop_map(|(endpoint, id)| HttpPeer {
        endpoint,
        peer_id: PeerId::new(id),
    });
    prop::collection::vec(peer, 0..8)
}

/// Entries of all kinds but offers, which [`sample_body`] and the simulation have.
pub(super) fn entries() -> impl Strategy<Value = Vec<OwnedEntry>> {
    let sdps = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..2);
    let fixed = (
        0..9_u8,
        any::<[[u8; 20]; 4]>(),
        any::<(u64, u64, u32, u16)>(),
    );
    let entry = (
        fixed,
        any::<(bool, bool)>(),
        populations(),
        sdps,
        rows(),
        peers(),
    );
    let entry = entry.prop_map(|(fixed, flags, population, sdps, rows, peers)| OwnedEntry {
        kind: fixed.0,
        ids: fixed.1,
        numbers: fixed.2,
        flags,
        population,
        sdps,
        rows,
        peers,
    });
    prop::collection::vec(entry, 0..12)
}
