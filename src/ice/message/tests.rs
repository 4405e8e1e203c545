use proptest::prelude::*;

use super::*;

/// The sample request of RFC 5769, 2.1.
const SAMPLE_REQUEST: &[u8] = &[
    0x00, 0x01, 0x00, 0x58, 0x21, 0x12, 0xa4, 0x42, 0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86,
    0xfa, 0x87, 0xdf, 0xae, 0x80, 0x22, 0x00, 0x10, 0x53, 0x54, 0x55, 0x4e, 0x20, 0x74, 0x65, 0x73,
    0x74, 0x20, 0x63, 0x6c, 0x69, 0x65, 0x6e, 0x74, 0x00, 0x24, 0x00, 0x04, 0x6e, 0x00, 0x01, 0xff,
    0x80, 0x29, 0x00, 0x08, 0x93, 0x2f, 0xf9, 0xb1, 0x51, 0x26, 0x3b, 0x36, 0x00, 0x06, 0x00, 0x09,
    0x65, 0x76, 0x74, 0x6a, 0x3a, 0x68, 0x36, 0x76, 0x59, 0x20, 0x20, 0x20, 0x00, 0x08, 0x00, 0x14,
    0x9a, 0xea, 0xa7, 0x0c, 0xbf, 0xd8, 0xcb, 0x56, 0x78, 0x1e, 0xf2, 0xb5, 0xb2, 0xd3, 0xf2, 0x49,
    0xc1, 0xb5, 0x71, 0xa2, 0x80, 0x28, 0x00, 0x04, 0xe5, 0x7a, 0x3b, 0xcf,
];

/// The mapped addresses of the sample responses of RFC 5769, 2.2 and 2.3, for the transaction of the sample request.
const SAMPLE_IPV4: [u8; 8] = [0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43];
const SAMPLE_IPV6: [u8; 20] = [
    0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5,
    0xbe, 0xd2, 0xb9, 0xd9,
];

#[test]
fn the_sample_request_of_rfc_5769_is_read() {
    let message = Message::parse(SAMPLE_REQUEST).expect("a message with a right fingerprint");
    assert_eq!(message.class, Class::Request);
    assert_eq!(message.method, BINDING);
    let kinds: Vec<_> = message.attributes().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [0x8022, 0x24, 0x8029, 0x6, 0x8, FINGERPRINT]);
    let user = message.attributes().find(|&(kind, _)| kind == 6);
    assert_eq!(user, Some((6, &b"evtj:h6vY"[..])));
}

#[test]
fn a_changed_bit_breaks_the_fingerprint() {
    for place in 8..SAMPLE_REQUEST.len() {
        let mut bytes = SAMPLE_REQUEST.to_vec();
        if let Some(byte) = bytes.get_mut(place) {
            *byte ^= 1;
        }
        let read = Message::parse(&bytes);
        // Only a changed type or length of the fingerprint leaves a message, without one.
        let is_without = read.is_some_and(|message| !message.has_fingerprint());
        assert!(read.is_none() || is_without, "{place}");
    }
}

#[test]
fn addresses_are_written_as_in_rfc_5769() {
    let request = Message::parse(SAMPLE_REQUEST).expect("a message");
    for (address, value) in [
        ("192.0.2.1:32853", &SAMPLE_IPV4[..]),
        ("[2001:db8:1234:5678:11:2233:4455:6677]:32853", &SAMPLE_IPV6),
    ] {
        let mut out = Vec::new();
        let mut writer = MessageWriter::response(&mut out, &request, Class::Success);
        writer.xor_address(XOR_MAPPED_ADDRESS, address.parse().expect("an address"));
        writer.finish(true);
        let response = Message::parse(&out).expect("a right fingerprint");
        let written: Vec<_> = response.attributes().collect();
        assert_eq!(written.first(), Some(&(XOR_MAPPED_ADDRESS, value)));
        assert_eq!(response.transaction_id, request.transaction_id);
        assert!(response.has_fingerprint());
    }
}

proptest! {
    #[test]
    fn a_written_message_reads_back(
        method in 0..0x1000_u16,
        class in prop_oneof![Just(Class::Request), Just(Class::Indication), Just(Class::Success), Just(Class::Error)],
        values in proptest::collection::vec((0..0x8000_u16, proptest::collection::vec(any::<u8>(), 0..9)), 0..5),
        has_fingerprint: bool,
    ) {
        let request = Message { method, ..Message::parse(SAMPLE_REQUEST).expect("a message") };
        let mut out = Vec::new();
        let mut writer = MessageWriter::response(&mut out, &request, class);
        for (kind, value) in &values {
            writer.attribute(*kind, value);
        }
        writer.finish(has_fingerprint);
        let read = Message::parse(&out).expect("a message");
        prop_assert_eq!((read.method, read.class, read.has_fingerprint()), (method, class, has_fingerprint));
        let back: Vec<_> = read.attributes().map(|(kind, value)| (kind, value.to_vec())).collect();
        prop_assert_eq!(&back[..values.len()], &values[..]);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Some(message) = Message::parse(&bytes) {
            let _ = message.attributes().count();
        }
    }
}
