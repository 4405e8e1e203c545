//! Tests of the format: what is written is read, and nothing else does any harm.

mod samples;

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::{
    Batch, Entry, HeartbeatMessage, InvalidMessage, LinkReport, List, MESSAGE_BYTES_MAX,
    MessageSecret, NodeTotals,
};
use crate::cluster::{LinkEpoch, NodeId};
use samples::{HEADER, entries, heartbeat, sample_batch};

/// Returns all that a batch contains, or why it is refused.
fn read_all(bytes: &[u8], secret: Option<&MessageSecret>) -> Result<Vec<String>, InvalidMessage> {
    let batch = Batch::read(bytes, secret)?;
    let mut all = vec![format!("{:?}", batch.header)];
    for entry in batch.entries() {
        all.push(match entry {
            Ok(entry) => describe(&entry),
            Err(error) => error.to_string(),
        });
    }
    Ok(all)
}

/// Returns an entry with the items of its lists.
fn describe(entry: &Entry<'_>) -> String {
    match entry {
        Entry::Vector { rows, .. } => format!("{entry:?} {:?}", rows.iter().collect::<Vec<_>>()),
        Entry::Offer { offers, .. } => {
            format!("{entry:?} {:?}", offers.iter().collect::<Vec<_>>())
        }
        Entry::HttpPeers { peers, .. } => {
            format!("{entry:?} {:?}", peers.iter().collect::<Vec<_>>())
        }
        _ => format!("{entry:?}"),
    }
}

fn body(entries: &[Entry<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for entry in entries {
        entry.write(&mut body);
    }
    body
}

proptest! {
    #[test]
    fn entries_are_read_as_they_were_written(entries in entries(), with_secret in any::<bool>()) {
        let secret = with_secret.then(|| MessageSecret::new(b"a"));
        let entries: Vec<_> = entries.iter().map(samples::OwnedEntry::borrow).collect();
        let first = body(&entries);
        let bytes = Batch::write(HEADER, &first, secret.as_ref());
        let batch = Batch::read(&bytes, secret.as_ref()).unwrap();
        prop_assert_eq!(batch.header, HEADER);
        let read: Vec<_> = batch.entries().map(Result::unwrap).collect();
        prop_assert_eq!(read.len(), entries.len());
        prop_assert_eq!(body(&read), first);
    }

    #[test]
    fn heartbeats_are_read_as_they_were_written(
        links in prop::collection::vec(any::<(u64, u32, u32, u64)>(), 0..20),
        (node, number, is_draining, is_leaving) in any::<(u64, u64, bool, bool)>(),
        totals in any::<[u32; 7]>(),
    ) {
        let links: Vec<_> = links
            .into_iter()
            .map(|(node, epoch, sends_under, control_sent)| LinkReport {
                node: NodeId::new(node),
                epoch: LinkEpoch::new(epoch),
                sends_under: LinkEpoch::new(sends_under),
                control_sent,
            })
            .collect();
        let [uptime_seconds, connections, swarms, seeders, leechers, announces, outbox] = totals;
        let heartbeat = HeartbeatMessage {
            node: NodeId::new(node),
            number,
            is_draining,
            is_leaving,
            totals: NodeTotals {
                uptime_seconds,
                connections,
                swarms,
                seeders,
                leechers,
                announces_per_second: announces,
                outbox_percent: outbox,
            },
            links: List::Items(&links),
        };
        let bytes = heartbeat.write(None);
        let read = HeartbeatMessage::read(&bytes, None).unwrap();
        prop_assert_eq!(read.write(None), bytes.as_slice());
        prop_assert_eq!(read.links.iter().collect::<Vec<_>>(), links.as_slice());
        prop_assert_eq!((read.node, read.number), (heartbeat.node, number));
        prop_assert_eq!(read.totals, heartbeat.totals);
    }

    #[test]
    fn no_bytes_do_any_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read_all(&bytes, None);
        let _ = HeartbeatMessage::read(&bytes, None);
        let framed = Batch::write(HEADER, &bytes, None);
        let all = read_all(&framed, None).unwrap();
        prop_assert!(all.len() <= bytes.len() / 5 + 2);
    }

    #[test]
    fn damaged_batches_do_no_harm(flips in prop::collection::vec((0..2000_usize, 0..8_u32), 1..6)) {
        let secret = MessageSecret::new(b"a");
        let signed = Batch::write(HEADER, &samples::sample_body(), Some(&secret));
        for intact in [sample_batch(), signed] {
            let mut bytes = intact.clone();
            for (at, bit) in &flips {
                let length = bytes.len();
                bytes[at % length] ^= 1 << bit;
            }
            let _ = read_all(&bytes, None);
            // A signed one is accepted only if the flips have undone each other.
            prop_assert_eq!(Batch::read(&bytes, Some(&secret)).is_ok(), bytes == intact && intact[2] == 1);
        }
    }
}

#[test]
fn a_part_of_a_message_is_refused_or_ends_with_an_error() {
    let (batch, heartbeat) = (sample_batch(), heartbeat().write(None));
    let whole = read_all(&batch, None).unwrap();
    for end in 0..batch.len() {
        if let Ok(part) = read_all(&batch[..end], None) {
            // All entries before the cut are read.
            let read = part
                .iter()
                .zip(&whole)
                .filter(|(part, whole)| part == whole);
            assert!(part.len() - read.count() <= 1, "{end}");
        }
    }
    for end in 0..heartbeat.len() {
        assert!(
            HeartbeatMessage::read(&heartbeat[..end], None).is_err(),
            "{end}"
        );
    }
}

/// The file was written by the first version. It is never written again.
#[test]
fn a_batch_of_version_1_is_read_for_ever() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cluster/wire/tests");
    let recorded = fs::read(folder.join("batch-1.bin")).unwrap();
    assert_eq!(read_all(&recorded, None), read_all(&sample_batch(), None));
    let recorded = fs::read(folder.join("heartbeat-1.bin")).unwrap();
    let read = HeartbeatMessage::read(&recorded, None).unwrap();
    assert_eq!(read.write(None), heartbeat().write(None));
}

#[test]
fn a_neighbouring_version_may_add_entries_and_fields() {
    let mut newer = Vec::new();
    newer.extend([200, 3, 0, 0, 0, 1, 2, 3]);
    newer.extend([8, 4, 0, 0, 0, 1, 2, 3, 4]);
    newer.extend(samples::sample_body());
    let mut bytes = Batch::write(HEADER, &newer, None);
    bytes[0] = 2;
    let all = read_all(&bytes, None).unwrap();
    let known = read_all(&sample_batch(), None).unwrap();
    assert_eq!((all[1].as_str(), &all[2..]), ("Check", &known[1..]));

    let mut bytes = heartbeat().write(None);
    bytes[0] = 2;
    bytes.extend([1, 2, 3]);
    assert!(HeartbeatMessage::read(&bytes, None).is_ok());
    // It says that this version cannot read it.
    bytes[1] = 2;
    let refused = HeartbeatMessage::read(&bytes, None);
    assert_eq!(refused.err(), Some(InvalidMessage::Version));
}

#[test]
fn a_wrong_entry_does_not_hide_the_next_ones() {
    let mut entries = vec![5, 1, 0, 0, 0, 9];
    Entry::Check.write(&mut entries);
    let all = read_all(&Batch::write(HEADER, &entries, None), None).unwrap();
    assert_eq!(
        all[1..],
        [InvalidMessage::Malformed.to_string(), "Check".to_owned()]
    );
    // Behind a wrong length, nothing is known.
    let entries = [5, 255, 255, 255, 255, 9, 8, 0, 0, 0, 0];
    let all = read_all(&Batch::write(HEADER, &entries, None), None).unwrap();
    assert_eq!(all[1..], [InvalidMessage::Malformed.to_string()]);
}

#[test]
fn lists_and_messages_have_a_maximum() {
    // 257 rows of 24 bytes.
    let mut fields = [[1; 20].as_slice(), &[0; 9], &[1, 1]].concat();
    fields.extend([0; 257 * 24]);
    let length = u32::try_from(fields.len()).unwrap().to_le_bytes();
    let entry = [[2].as_slice(), &length, &fields].concat();
    let all = read_all(&Batch::write(HEADER, &entry, None), None).unwrap();
    assert_eq!(all[1..], [InvalidMessage::Malformed.to_string()]);

    let large = Batch::write(HEADER, &vec![0; MESSAGE_BYTES_MAX], None);
    assert_eq!(read_all(&large, None), Err(InvalidMessage::Malformed));
}

#[test]
fn with_a_secret_only_signed_messages_count() {
    let (ours, theirs) = (MessageSecret::new(b"a"), MessageSecret::new(b"b"));
    let signed = Batch::write(HEADER, &samples::sample_body(), Some(&ours));
    assert!(read_all(&signed, Some(&ours)).is_ok());
    // Secrets can be introduced node by node.
    assert_eq!(read_all(&signed, None), read_all(&sample_batch(), None));
    let refused = Err(InvalidMessage::Signature);
    assert_eq!(read_all(&signed, Some(&theirs)), refused);
    assert_eq!(read_all(&sample_batch(), Some(&ours)), refused);
    let heartbeat = heartbeat().write(Some(&ours));
    assert!(HeartbeatMessage::read(&heartbeat, Some(&ours)).is_ok());
    let refused = HeartbeatMessage::read(&heartbeat, Some(&theirs));
    assert_eq!(refused.err(), Some(InvalidMessage::Signature));
    // Batches are no heartbeats.
    assert!(HeartbeatMessage::read(&signed, Some(&ours)).is_err());
    assert!(read_all(&heartbeat, Some(&ours)).is_err());
}
