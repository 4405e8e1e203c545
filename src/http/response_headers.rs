//! Removes duplicate header fields from responses.
//!
//! A recipient of a duplicate field uses the first line, the last line, or rejects both: nginx since 1.23 and Apache
//! forward the first `Content-Type` only. So the last step before a response is sent removes duplicates.

use hyper::header::{HeaderMap, HeaderName, LINK, SET_COOKIE, VARY, WWW_AUTHENTICATE};

/// Fields that may occur several times (RFC 9110, section 5.3; RFC 6265, section 3).
const REPEATABLE_FIELDS: [HeaderName; 4] = [LINK, SET_COOKIE, VARY, WWW_AUTHENTICATE];

/// Keeps only the last line of each field.
pub(super) fn remove_duplicates(headers: &mut HeaderMap) {
    // The usual case: no duplicates.
    if headers.len() == headers.keys_len() {
        return;
    }
    let is_repeated = |name: &&HeaderName| {
        !REPEATABLE_FIELDS.contains(name) && headers.get_all(*name).iter().nth(1).is_some()
    };
    let repeated: Vec<_> = headers.keys().filter(is_repeated).cloned().collect();
    for name in repeated {
        if let Some(last) = headers.get_all(&name).iter().next_back().cloned() {
            headers.insert(name, last);
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::{CONTENT_TYPE, HeaderValue};

    use super::*;

    #[test]
    fn only_the_last_line_of_a_single_valued_field_remains() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            (CONTENT_TYPE, "application/octet-stream"),
            (VARY, "accept"),
            (CONTENT_TYPE, "text/css"),
            (VARY, "accept-encoding"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        remove_duplicates(&mut headers);
        let values = |name| headers.get_all(name).iter().collect::<Vec<_>>();
        assert_eq!(values(CONTENT_TYPE), ["text/css"]);
        assert_eq!(values(VARY), ["accept", "accept-encoding"]);
    }
}
