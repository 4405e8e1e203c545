use proptest::prelude::*;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::client::{frame, head, masked};
use super::*;

const MAX: usize = 1000;
const FIN: u8 = 0x80;

/// Describes a message, so that it outlives its buffer.
fn describe(message: Message<'_>) -> String {
    match message {
        Message::Text(text) => format!("text {text}"),
        Message::Binary(bytes) => format!("binary {bytes:x?}"),
        Message::Ping(bytes) => format!("ping {bytes:x?}"),
        Message::Pong => "pong".to_owned(),
        Message::Close(code) => format!("close {code:?}"),
    }
}

/// Decodes bytes that arrive in the given portions. Also returns the number of remaining bytes.
fn decode(portions: &[&[u8]]) -> Result<(Vec<String>, usize), Error> {
    let (mut decoder, mut input, mut messages) = (Decoder::default(), Vec::new(), Vec::new());
    for portion in portions {
        input.extend_from_slice(portion);
        while let Some(frame) = decoder.peek(&input, MAX)? {
            if input.len() < frame.bytes() {
                break;
            }
            messages.extend(decoder.take(&frame, &mut input)?.map(describe));
            decoder.free_finished_message();
            input.drain(..frame.bytes());
        }
    }
    Ok((messages, input.len()))
}

#[test]
fn rfc_examples_are_decoded() {
    // RFC 6455, 5.7, the masked ones.
    let hello = [
        0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
    ];
    let pong = [
        0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
    ];
    assert_eq!(
        decode(&[&hello, &pong]).unwrap(),
        (vec!["text Hello".to_owned(), "pong".to_owned()], 0)
    );
}

#[test]
fn rfc_examples_are_encoded() {
    // RFC 6455, 5.7, the unmasked ones.
    let mut out = Vec::new();
    write_text(&mut out, |out| out.extend_from_slice(b"Hello"));
    write_pong(&mut out, b"Hello");
    assert_eq!(out, *b"\x81\x05Hello\x8a\x05Hello");
    for (length, header) in [
        (256, &[0x82, 0x7e, 0x01, 0x00][..]),
        (65_536, &[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]),
    ] {
        let payload: Vec<u8> = (0..=255).cycle().take(length).collect();
        let mut out = b"before".to_vec();
        write_frame(&mut out, OpCode::Data(Data::Binary), |out| {
            out.extend_from_slice(&payload);
        });
        assert_eq!(out, [b"before", header, &payload].concat());
    }
    let mut out = Vec::new();
    write_ping(&mut out);
    write_close(&mut out, None);
    write_close(&mut out, Some((1001, "bye")));
    assert_eq!(out, *b"\x89\0\x88\0\x88\x05\x03\xe9bye");
}

#[test]
fn fragments_of_binary_messages_need_no_utf8() {
    let bytes = [frame(2, &[0xff]), frame(FIN, &[0xfe])].concat();
    assert_eq!(decode(&[&bytes]).unwrap().0, ["binary [ff, fe]"]);
}

#[test]
fn invalid_utf8_is_detected_at_its_fragment() {
    let cut = [frame(1, b"\xc3"), frame(FIN, b"\xbc")].concat();
    assert_eq!(decode(&[&cut]).unwrap().0, ["text ü"]);
    for broken in [
        frame(1, b"a\xff"),
        [frame(1, b"\xc3"), frame(0, b"a")].concat(),
        [frame(1, b"\xc3"), frame(FIN, b"")].concat(),
        frame(FIN | 1, b"\xed\xa0\x80"),
    ] {
        assert!(
            matches!(decode(&[&broken]), Err(Error::Utf8(_))),
            "{broken:x?}"
        );
    }
}

#[test]
fn a_close_frame_needs_a_valid_code() {
    for (payload, message) in [
        (&[][..], Some("close None")),
        (b"\x03\xe8", Some("close Some(Normal)")),
        (b"\x0f\xa0why", Some("close Some(Library(4000))")),
        (b"\x03", None),
        (b"\x03\xed", None),
        (b"\x00\x00", None),
        (b"\x03\xe8\xff", None),
    ] {
        let decoded = decode(&[&frame(FIN | 8, payload)]);
        assert_eq!(
            decoded.ok().map(|(message, _)| message.concat()).as_deref(),
            message,
            "{payload:x?}"
        );
    }
}

#[test]
fn too_long_messages_are_refused_by_length_alone() {
    let decoder = Decoder::default();
    let head = |length| head(FIN | 1, length);
    assert!(decoder.peek(&head(1000), MAX).unwrap().is_some());
    for length in [1001, u64::MAX >> 1, u64::MAX] {
        assert!(matches!(
            decoder.peek(&head(length), MAX),
            Err(Error::Capacity(_))
        ));
    }
    let parts = [frame(1, &[b'a'; 600]), frame(0, &[b'a'; 401])].concat();
    assert!(matches!(decode(&[&parts]), Err(Error::Capacity(_))));
    let parts = [
        frame(1, &[b'a'; 600]),
        frame(FIN, &[b'a'; 400]),
        frame(FIN | 1, &[b'a'; 1000]),
    ];
    assert_eq!(decode(&[&parts.concat()]).unwrap().0.len(), 2);
}

proptest! {
    /// The same messages come out however the input is split.
    #[test]
    fn messages_do_not_depend_on_input_splits(
        parts in prop::collection::vec((0_u8..4, any::<bool>(), "\\PC{0,60}", any::<[u8; 4]>()), 0..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let (mut bytes, mut open) = (Vec::new(), false);
        for (kind, ends, text, mask) in &parts {
            let fin = if *ends { FIN } else { 0 };
            match kind {
                0 => bytes.extend(masked(FIN | 9, &text.as_bytes()[..text.len().min(125)], *mask)),
                _ if open => {
                    bytes.extend(masked(fin, text.as_bytes(), *mask));
                    open = !ends;
                }
                _ => {
                    bytes.extend(masked(fin | 1, text.as_bytes(), *mask));
                    open = !ends;
                }
            }
        }
        let whole = decode(&[&bytes]).unwrap();
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let portions: Vec<_> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(decode(&portions).unwrap(), whole);
    }

}
