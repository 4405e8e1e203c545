//! Checks and renders the JSON template for a chat service. The check ensures that every rendered text is valid JSON.

use serde::de::IgnoredAny;

use super::error::{Problem, quoted};

/// The placeholders of a template.
pub(crate) const PLACEHOLDERS: [&str; 7] = [
    "summary",
    "description",
    "name",
    "status",
    "severity",
    "value",
    "instance",
];
/// Maximum length of a template in bytes.
const TEMPLATE_BYTES_MAX: usize = 8192;

/// Replaces each `{{place}}` with the result of `value_of`, escaped as the content of a JSON string.
#[must_use]
pub(crate) fn render(template: &str, value_of: impl Fn(&str) -> String) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, place, after)) = next_placeholder(rest) {
        text.push_str(before);
        let quoted = serde_json::Value::String(value_of(place)).to_string();
        // Without the surrounding quotes.
        text.push_str(quoted.get(1..quoted.len() - 1).unwrap_or_default());
        rest = after;
    }
    text + rest
}

/// Splits the text at the first placeholder: the text before, the name, and the text after.
fn next_placeholder(text: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = text.split_once("{{")?;
    let (place, after) = rest.split_once("}}")?;
    Some((before, place.trim(), after))
}

/// Returns an error unless the template is valid JSON for all values.
pub(super) fn check(template: &str) -> Result<(), Problem> {
    let wrong = |what: String| {
        Err(Problem::new(
            what,
            r#"give JSON such as {"text":"{{summary}}"}"#,
        ))
    };
    if template.len() > TEMPLATE_BYTES_MAX {
        return wrong(format!("it has more than {TEMPLATE_BYTES_MAX} bytes"));
    }
    let mut rest = template;
    while let Some((_, place, after)) = next_placeholder(rest) {
        if !PLACEHOLDERS.contains(&place) {
            return wrong(format!(
                "there is no {}, only {}",
                quoted(place),
                PLACEHOLDERS.join(", ")
            ));
        }
        rest = after;
    }
    // Only numbers may be outside of quotes, and `value` is the only number.
    let sample = render(template, |place| {
        if place == "value" { "1" } else { "a\"b" }.to_owned()
    });
    if let Err(error) = serde_json::from_str::<IgnoredAny>(&sample) {
        return wrong(format!("it is not JSON: {error}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_template_is_json_with_known_placeholders() {
        for good in [
            r#"{"text":"{{summary}}"}"#,
            r#"{"a":{"b":["{{name}}: {{ status }}"]},"n":{{value}}}"#,
            r#""nothing to put in""#,
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for wrong in [
            "",
            "text",
            r#"{"text":{{summary}}}"#,
            r#"{"text":"{{sumary}}"}"#,
            r#"{"text":"{{summary}}""#,
        ] {
            assert!(check(wrong).is_err(), "{wrong}");
        }
        assert!(check(&format!("\"{}\"", "x".repeat(TEMPLATE_BYTES_MAX))).is_err());
    }

    proptest! {
        #[test]
        fn rendered_templates_are_valid_json(summary in any::<String>()) {
            let text = render(r#"{"text":"a {{summary}} b"}"#, |_| summary.clone());
            let read: serde_json::Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(read["text"].as_str().unwrap(), format!("a {summary} b"));
        }
    }
}
