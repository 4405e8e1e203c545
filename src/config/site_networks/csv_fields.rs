//! Splits a line of two comma-separated fields, quoted or not (RFC 4180), as spreadsheets write them. A field cannot
//! contain a line break.

use std::borrow::Cow;

use crate::config::error::Problem;

const QUOTES_REMEDY: &str = "put the whole field in double quotes, and double those within it";

/// Returns the two fields of a line, without surrounding blanks and quotes.
pub(super) fn two_fields(line: &str) -> Result<(Cow<'_, str>, Cow<'_, str>), Problem> {
    let remedy = "write NETWORK,SITE";
    let (network, rest) = split_field(line)?;
    let Some(rest) = rest else {
        return Err(Problem::new("there is no comma", remedy));
    };
    match split_field(rest)? {
        (site, None) => Ok((network, site)),
        (_, Some(_)) => Err(Problem::new(
            "more than two fields",
            "write NETWORK,SITE, and a site with a comma in double quotes",
        )),
    }
}

/// Splits off the first field. Also returns the text after its comma, if there is one.
fn split_field(text: &str) -> Result<(Cow<'_, str>, Option<&str>), Problem> {
    let text = text.trim();
    if let Some(quoted) = text.strip_prefix('"') {
        return split_quoted_field(quoted);
    }
    Ok(match text.split_once(',') {
        Some((field, rest)) => (field.trim().into(), Some(rest)),
        None => (text.into(), None),
    })
}

/// As [`split_field`], for the text after the first quote.
fn split_quoted_field(text: &str) -> Result<(Cow<'_, str>, Option<&str>), Problem> {
    let (mut field, mut text) = (String::new(), text);
    let rest = loop {
        let Some((before, after)) = text.split_once('"') else {
            return Err(Problem::new("a quote is not closed", QUOTES_REMEDY));
        };
        field.push_str(before);
        match after.strip_prefix('"') {
            Some(after) => {
                field.push('"');
                text = after;
            }
            None => break after.trim_start(),
        }
    };
    let field = field.trim().to_owned().into();
    match rest.strip_prefix(',') {
        Some(rest) => Ok((field, Some(rest))),
        None if rest.is_empty() => Ok((field, None)),
        None => Err(Problem::new("text after a closing quote", QUOTES_REMEDY)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str) -> Result<(String, String), String> {
        let (one, other) = two_fields(line).map_err(|problem| problem.what)?;
        Ok((one.into_owned(), other.into_owned()))
    }

    #[test]
    fn fields_may_be_quoted_and_surrounded_by_blanks() {
        for (line, one, other) in [
            ("a,b", "a", "b"),
            (" a ,\tb c ", "a", "b c"),
            ("a,", "a", ""),
            (",b", "", "b"),
            (r#""a","b""#, "a", "b"),
            (r#" "a" , "b, ""c"" " "#, "a", r#"b, "c""#),
            (r#"a,b "c""#, "a", r#"b "c""#),
            (r#"a,"""#, "a", ""),
        ] {
            let expected = (one.to_owned(), other.to_owned());
            assert_eq!(fields(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn a_line_without_two_fields_is_refused() {
        for (line, problem) in [
            ("", "no comma"),
            ("a", "no comma"),
            ("a;b", "no comma"),
            (r#""a,b""#, "no comma"),
            ("a,b,c", "more than two"),
            ("a,b,", "more than two"),
            (r#"a,"b"#, "not closed"),
            (r#"a,"b"""#, "not closed"),
            (r#"a,"b" c"#, "after a closing quote"),
        ] {
            let what = fields(line).expect_err(line);
            assert!(what.contains(problem), "{line}: {what}");
        }
    }
}
