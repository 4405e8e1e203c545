use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn an_identifier_survives_writing_and_reading(bytes in any::<[u8; 20]>()) {
        let mut text = Vec::new();
        write_bytes(&bytes, &mut text);
        let text = String::from_utf8(text).unwrap();
        prop_assert_eq!(bytes20(&text), Ok(bytes));
        prop_assert_eq!(leading_bytes20(&format!("{text},").into_bytes()), Some((bytes, text.len())));
        // Equals the encoding of other JSON libraries.
        let characters: String = bytes.iter().map(|&byte| char::from(byte)).collect();
        prop_assert_eq!(serde_json::from_str::<String>(&text).unwrap(), characters.clone());
        prop_assert_eq!(bytes20(&serde_json::to_string(&characters).unwrap()), Ok(bytes));
    }

    #[test]
    fn an_identifier_is_read_in_any_encoding(bytes in any::<[u8; 20]>(), upper in any::<bool>()) {
        let text: String = bytes
            .iter()
            .map(|byte| if upper { format!("\\u{byte:04X}") } else { format!("\\u{byte:04x}") })
            .collect();
        let text = format!("\"{text}\"");
        prop_assert_eq!(bytes20(&text), Ok(bytes));
        prop_assert_eq!(leading_bytes20(text.as_bytes()), Some((bytes, text.len())));
    }
}

#[test]
fn the_longest_encoding_fits() {
    let mut out = b"before".to_vec();
    write_bytes(&[0x1f; 20], &mut out);
    let expected = format!("before\"{}\"", "\\u001f".repeat(20));
    assert_eq!(str::from_utf8(&out), Ok(expected.as_str()));
}

#[test]
fn every_short_escape_is_understood() {
    let value = r#""\b\t\n\f\r\"\\\/aaaaaaaaaaaa""#;
    assert_eq!(
        bytes20(value),
        leading_bytes20(value.as_bytes())
            .map(|(bytes, _)| bytes)
            .ok_or(InvalidId::NotString)
    );
    assert_eq!(bytes20(value), Ok(*b"\x08\t\n\x0c\r\"\\/aaaaaaaaaaaa"));
}

#[test]
fn other_lengths_and_types_are_not_identifiers() {
    let hex = format!("\"{}\"", "0a".repeat(20));
    for (value, reason) in [
        ("null", InvalidId::NotString),
        ("12345678901234567890", InvalidId::NotString),
        ("[]", InvalidId::NotString),
        (r#""""#, InvalidId::Length),
        (r#""aaaaaaaaaaaaaaaaaaa""#, InvalidId::Length),
        (r#""aaaaaaaaaaaaaaaaaaaaa""#, InvalidId::Length),
        (r#""aaaaaaaaaaaaaaaaaaaĀ""#, InvalidId::Character),
        (r#""aaaaaaaaaaaaaaaaaaa€""#, InvalidId::Character),
        (r#""aaaaaaaaaaaaaaaaaaa😀""#, InvalidId::Character),
        (r#""aaaaaaaaaaaaaaaaaaa\ud800""#, InvalidId::Character),
        (&hex, InvalidId::Hexadecimal),
    ] {
        assert_eq!(bytes20(value), Err(reason), "{value}");
        assert_eq!(leading_bytes20(value.as_bytes()), None, "{value}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    /// From any text that is one JSON value, both return the same, or the fast parser returns nothing.
    #[test]
    fn both_id_parsers_agree(units in prop::collection::vec(prop_oneof![
        10 => "[ -~]", 6 => "[\u{80}-\u{ff}]", 1 => "[\u{0}-\u{1f}]", 1 => any::<char>().prop_map(String::from),
        4 => "\\\\u00[0-9a-fA-F]{2}", 1 => "\\\\u[0-9a-f]{3,4}", 2 => "\\\\[\"\\\\/bfnrtx]"], 19..22)) {
        let value = format!("\"{}\"", units.concat());
        let is_json = serde_json::from_str::<&serde_json::value::RawValue>(&value).is_ok();
        let fast = leading_bytes20(value.as_bytes());
        if is_json {
            if let Some((bytes, length)) = fast {
                prop_assert_eq!((bytes20(&value), length), (Ok(bytes), value.len()));
            }
        } else if let Some((_, length)) = fast {
            prop_assert!(length < value.len(), "a quote within");
        }
    }
}
