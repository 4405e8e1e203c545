use serde_json::value::RawValue;

use super::*;

/// Returns the position after the string at the beginning of `text`, if `serde_json` accepts it.
fn reference(text: &str) -> Option<usize> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    values.next()?.ok()?;
    Some(values.byte_offset())
}

/// Tests valid and invalid content at every position of strings as long as a few windows.
#[test]
fn string_ends_match_serde_json() {
    const PIECES: [&str; 30] = [
        "",
        "\"",
        "\\",
        "\\\\",
        "\\\"",
        "\\/",
        "\\b",
        "\\f",
        "\\n",
        "\\r",
        "\\t",
        "\\u0041",
        "\\ud800",
        "\\uDBFF\\udc00",
        "\\u00g0",
        "\\u12",
        "\\x",
        "\\N",
        "\\j",
        "\\v",
        "\\\u{7f}",
        "\n",
        "\0",
        "\u{1f}",
        " ",
        "\u{7f}",
        "ü\u{80}",
        "\\\\\\\\n",
        "\\r\\n\\\"\\n",
        "\\\\\\\\\"",
    ];
    for piece in PIECES {
        for second in ["", "\\r\\n", "\\q"] {
            for position in 0..140 {
                let (before, between) = ("v".repeat(position), "=".repeat(position % 7));
                for after in [
                    "\"",
                    "\",\"key\":\"a value that is longer than sixteen bytes\"}",
                    "-- and no end",
                ] {
                    let text = format!("\"{before}{piece}{between}{second}{after}");
                    let expected = reference(&text);
                    let found = string_end(text.as_bytes(), 0);
                    assert_eq!(found.as_ref().map(|end| end.at), expected, "{text}");
                    if let Some(found) = found {
                        let string = &text[..found.at];
                        assert_eq!(
                            found.has_unicode_escape,
                            string.replace("\\\\", "").contains("\\u"),
                            "{text}"
                        );
                    }
                    let short = plain_string_end(text.as_bytes(), 1);
                    assert!(short.is_none() || short == expected, "{text}");
                    let is_short = expected
                        .is_some_and(|end| end <= 2 * LANES + 1 && !text[..end].contains('\\'));
                    assert_eq!(short.is_some(), is_short, "{text}");
                }
            }
        }
    }
}

#[test]
fn twenty_characters_are_plain_only_if_each_is() {
    for byte in 0..=u8::MAX {
        for position in 0..20 {
            let mut characters = [b'a'; 20];
            characters[position] = byte;
            let expected = (0x20..0x80).contains(&byte) && byte != b'"' && byte != b'\\';
            assert_eq!(
                is_plain_ascii(&characters),
                expected,
                "{byte} at {position}"
            );
        }
    }
}
