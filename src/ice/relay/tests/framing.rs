//! The ends of packets in streams, and their kinds.

use proptest::prelude::*;

use super::*;

#[test]
fn packets_are_told_apart_by_their_first_bytes() {
    for (first, kind) in [
        ([0, 1], PacketKind::Binding),
        ([0, 3], PacketKind::Request),
        ([0, 9], PacketKind::Request),
        ([0, 0x16], PacketKind::Data),
        ([0, 6], PacketKind::Unknown),
        ([0x40, 0], PacketKind::Data),
        ([0x4f, 0xff], PacketKind::Data),
        ([0, 0x17], PacketKind::Unknown),
        ([1, 1], PacketKind::Unknown),
        ([1, 0x13], PacketKind::Unknown),
        ([0x50, 0], PacketKind::Unknown),
        ([0x16, 3], PacketKind::Unknown),
        (*b"PO", PacketKind::Unknown),
    ] {
        assert_eq!(PacketKind::of(&first), kind, "{first:?}");
    }
    assert_eq!(PacketKind::of(&[0]), PacketKind::Unknown);
}

#[test]
fn a_long_packet_or_other_bytes_end_a_stream() {
    let long = [0x40, 0, 0x07, 0xfc];
    assert_eq!(StreamPacket::find(&long), StreamPacket::Incomplete);
    for stream in [
        &[0x40, 0, 0x07, 0xfd][..],
        &[0, 1, 0xff, 0xfc],
        &[0, 1, 0, 3],
        b"GET / HTTP/1.1",
        b"\x80",
    ] {
        let found = StreamPacket::find(stream);
        assert_eq!(found, StreamPacket::Invalid, "{stream:?}");
    }
}

proptest! {
    #[test]
    fn a_stream_is_split_into_its_packets(
        packets in proptest::collection::vec((any::<bool>(), 0..300_usize), 0..10),
        cut in 0..4_usize,
    ) {
        let packets = packets.into_iter().map(|(is_channel, length)| {
            if is_channel {
                return channel_data(0x4000, &vec![5; length]);
            }
            let mut packet = Vec::new();
            message::write_send_indication(&mut packet, client(1).client, &vec![5; length]);
            packet
        });
        let packets: Vec<_> = packets.collect();
        let mut stream = Vec::new();
        for packet in &packets {
            stream.extend(packet);
            stream.resize(stream.len().next_multiple_of(4), 0);
        }
        let mut rest = &stream[..];
        for packet in &packets {
            let StreamPacket::Complete { bytes, padded } = StreamPacket::find(rest) else {
                return Err(TestCaseError::fail("incomplete"));
            };
            prop_assert_eq!(&rest[..bytes], &packet[..]);
            prop_assert_eq!(StreamPacket::find(&rest[..padded - 1 - cut.min(padded - 1)]), StreamPacket::Incomplete);
            rest = &rest[padded..];
        }
        prop_assert!(rest.is_empty());
    }
}
