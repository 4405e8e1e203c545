use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::protocol::{parse, parse_with_serde};

const BOUNDS: RequestBounds = RequestBounds {
    sdp_bytes_max: 300,
    json_depth_max: 6,
    offers_max: 2,
    scrape_hashes_max: 2,
};

/// Messages of clients; `SDP` is replaced by the text of one.
const MESSAGES: [&str; 9] = [
    // webtorrent and bittorrent-tracker
    r#"{"numwant":5,"uploaded":0,"downloaded":0,"left":null,"event":"started","action":"announce","info_hash":"hhhhhhhhhhhhhhhhhhhh","peer_id":"-WW0207-pppppppppppp","offers":[{"offer":{"type":"offer","sdp":"SDP"},"offer_id":"aaaa\u0000aaaaaaaaaaaaaÿé"},{"offer":{"type":"offer","sdp":"SDP"},"offer_id":"bbbbbbbbbbbbbbbbbbbb"},{"offer":{"type":"offer","sdp":"SDP"},"offer_id":"cccccccccccccccccccc"}]}"#,
    r#"{"action":"announce","info_hash":"hh\u001fh\"\\hhhhhhhhhhhhhh","peer_id":"-WW0207-pppppppppppp","to_peer_id":"-WW0207-tttttttttttt","answer":{"type":"answer","sdp":"SDP"},"offer_id":"oooooooooooooooooooo"}"#,
    r#"{"numwant":50,"event":"completed","left":0,"action":"announce","info_hash":"hhhhhhhhhhhhhhhhhhhh","peer_id":"-WW0207-pppppppppppp"}"#,
    r#"{"action":"scrape","info_hash":"hhhhhhhhhhhhhhhhhhhh"}"#,
    r#"{"action":"scrape"}"#,
    // trystero: ciphertext instead of an SDP
    r#"{"action":"announce","info_hash":"hhhhhhhhhhhhhhhhhhhh","numwant":1,"peer_id":"pppppppppppppppppppp","offers":[{"offer_id":"11111111111111111111","offer":{"type":"offer","sdp":"{\"iv\":\"x\",\"d\":\"€😀\"}"}}]}"#,
    // libtorrent
    r#"{"action":"announce","info_hash":"hhhhhhhhhhhhhhhhhhhh","peer_id":"-LT2010-pppppppppppp","event":"paused","uploaded":0,"downloaded":0,"corrupt":0,"key":"00AA","left":16384,"numwant":1,"offers":[{"offer_id":"\u0001\u00e9ooooooooooooooooooo","offer":{"type":"offer","sdp":"SDP"}}]}"#,
    // anacrolix/torrent
    r#"{"numwant":1,"uploaded":0,"downloaded":0,"left":-1,"event":"\u003cregular\u003e","action":"announce","info_hash":"\u0000\u001f\"\\\/\b\t\n\f\r\u00fféÃaaaaaaa","peer_id":"pppppppppppppppppppp","offers":null}"#,
    "\r\n{ \"action\" :\t\"announce\" , \"offers\" : [ { } , { \"offer\" : { } } ] , \"x\" : true , \"y\" : false }\n",
];

fn messages() -> impl Iterator<Item = String> {
    let sdp = r"v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\na=group:BUNDLE 0\r\na=mid:0\r\n";
    MESSAGES.iter().map(move |text| text.replace("SDP", sdp))
}

fn is_parsed(text: &str) -> bool {
    parse_fields(text, &BOUNDS, &mut MessageFields::default()).is_some()
}

#[test]
fn client_messages_use_the_fast_parser() {
    for text in messages() {
        assert!(is_parsed(&text), "{text}");
        assert_eq!(parse(&text, &BOUNDS), parse_with_serde(&text, &BOUNDS));
    }
}

#[test]
fn truncated_or_trailing_text_needs_the_serde_parser() {
    for text in messages() {
        let whole = text.trim_end();
        for end in (0..whole.len()).filter(|&end| whole.is_char_boundary(end)) {
            assert!(!is_parsed(&whole[..end]), "{}", &whole[..end]);
        }
        for more in ["x", "{}", ",", "}", "\0", "\u{a0}"] {
            assert!(!is_parsed(&format!("{text}{more}")), "{text}{more}");
        }
    }
}

/// Values of every type, valid and invalid, usual and unusual.
const VALUES: [&str; 48] = [
    "null",
    "nul",
    "nulll",
    "true",
    "false",
    "True",
    "0",
    "-0",
    "00",
    "-00",
    "01",
    "7",
    "-7",
    "-",
    "+1",
    "1.5",
    "1.",
    ".5",
    "1e3",
    "1e999",
    "-1e999",
    "0x1",
    "18446744073709551616",
    "[]",
    "[1]",
    "[[]]",
    "{}",
    "{\"sdp\":\"\"}",
    "{\"sdp\":5}",
    "[{}]",
    "[{\"offer_id\":\"oooooooooooooooooooo\",\"offer\":{\"sdp\":\"s\"}}]",
    "\"\"",
    "\"0\"",
    "\"started\"",
    "\"scrape\"",
    "\"aaaaaaaaaaaaaaaaaaaa\"",
    "\"aaaaaaaaaaaaaaaaaaa\\n\"",
    "\"aaaaaaaaaaaaaaaaaaaé\"",
    "\"aaaaaaaaaaaaaaaaaaaĀ\"",
    "\"aaaaaaaaaaaaaaaaaaa\u{1f}\"",
    "\"aaaaaaaaaaaaaaaaaaa\u{7f}\"",
    "\"\\ud800\"",
    "\"\\ud83d\\ude00\"",
    "\"\\x\"",
    "\"\n\"",
    "\"",
    "",
    "1 2",
];
const KEYS: [&str; 22] = [
    "action",
    "info_hash",
    "peer_id",
    "event",
    "left",
    "numwant",
    "to_peer_id",
    "offer_id",
    "offers",
    "answer",
    "offer",
    "sdp",
    "key",
    "a key of more bytes than a quick one may have",
    // Halves of surrogate pairs, alone and next to text that completes a pair or a known name.
    "\\ud800",
    "\\ude00x",
    "\\ud83d\\ude00",
    "\\ud800\\ud800",
    "left\\ud800",
    "\\ud800\\u006ceft",
    "\\u006ceft",
    "le\u{1}ft",
];

/// Messages with `PAIR`, which may override fields of the message.
const TEMPLATES: [&str; 6] = [
    r#"{"action":"announce","info_hash":"hhhhhhhhhhhhhhhhhhhh","peer_id":"pppppppppppppppppppp","to_peer_id":"tttttttttttttttttttt","offer_id":"oooooooooooooooooooo",PAIR}"#,
    r#"{PAIR,"action":"announce","info_hash":"hhhhhhhhhhhhhhhhhhhh","peer_id":"pppppppppppppppppppp","offers":[{"offer_id":"oooooooooooooooooooo","offer":{"sdp":"s"}},{}],"left":5}"#,
    r#"{"action":"announce","info_hash":"hhhhhhhhhhhhhhhhhhhh","peer_id":"pppppppppppppppppppp","offers":[{"offer_id":"oooooooooooooooooooo","offer":{"sdp":"s"}},{},{"offer_id":"oooooooooooooooooooo","offer":{"sdp":"s"}},{"offer_id":"oooooooooooooooooooo","offer":{"sdp":"s"}}],PAIR}"#,
    r#"{"action":"announce","info_hash":"hhhhhhhhhhhhhhhhhhhh","peer_id":"pppppppppppppppppppp","offers":[{"offer_id":"oooooooooooooooooooo","offer":{"sdp":"s"},PAIR}]}"#,
    r#"{"action":"announce","info_hash":"hhhhhhhhhhhhhhhhhhhh","peer_id":"pppppppppppppppppppp","offers":[{"offer_id":"oooooooooooooooooooo","offer":{"type":"offer","sdp":"s",PAIR}}]}"#,
    r#"{"action":"scrape","info_hash":"hhhhhhhhhhhhhhhhhhhh",PAIR}"#,
];

#[test]
fn both_parsers_agree_on_every_value_everywhere() {
    let mut fast = 0;
    for (template, key, value) in TEMPLATES.iter().flat_map(|template| {
        KEYS.iter()
            .flat_map(move |key| VALUES.map(|value| (template, key, value)))
    }) {
        let text = template.replace("PAIR", &format!("\"{key}\":{value}"));
        assert_eq!(
            parse(&text, &BOUNDS),
            parse_with_serde(&text, &BOUNDS),
            "{text}"
        );
        fast += usize::from(is_parsed(&text));
    }
    assert!(fast > 1_000, "{fast} messages used the fast parser");
}

/// Text that changes a message or makes it invalid.
const PIECES: [&str; 40] = [
    "",
    "null",
    "nul",
    "true",
    "false",
    "0",
    "-",
    "-0",
    "00",
    "17",
    "1.5",
    "1e999",
    "[]",
    "{}",
    "\"\"",
    "\"0\"",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "\"",
    "\\",
    "\\n",
    "\\\\",
    "\\u0061",
    "\\u00e",
    "\\ud800",
    "\\udc00",
    "ÿ",
    "Ā",
    "😀",
    "\0",
    "\t",
    "\"sdp\":\"\\ud83d\\ude00\",",
    "\"answer\":{\"sdp\":\"\"},",
    "\"offers\":[],",
    "\"offer_id\":5,",
    "\"\\u0061ction\":1,",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4_000) })]

    #[test]
    fn both_parsers_agree_on_edited_messages(
        text in select(messages().collect::<Vec<_>>()),
        edits in prop::collection::vec((any::<Index>(), 0..12_usize, select(&PIECES[..])), 0..4),
    ) {
        let mut characters: Vec<char> = text.chars().collect();
        for (at, removed, piece) in edits {
            let from = at.index(characters.len() + 1);
            let to = characters.len().min(from + removed);
            characters.splice(from..to, piece.chars());
        }
        let text: String = characters.into_iter().collect();
        for sdp_bytes_max in [BOUNDS.sdp_bytes_max, 10] {
            let bounds = RequestBounds { sdp_bytes_max, ..BOUNDS };
            prop_assert_eq!(parse(&text, &bounds), parse_with_serde(&text, &bounds));
        }
    }
}
