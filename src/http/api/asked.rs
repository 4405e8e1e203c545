//! What a request to the API asks for: the words behind the question mark, and a body of JSON within a bound.

use axum::body::{Body, to_bytes};
use hyper::{StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use super::refusal::Refusal;

/// Bytes of the largest body that is read.
pub(in crate::http) const BODY_BYTES_MAX: usize = 64 * 1024;

/// The words behind the question mark, by their names.
#[derive(Debug)]
pub(in crate::http) struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    pub(in crate::http) fn of(uri: &'a Uri) -> Self {
        Self(uri.query().unwrap_or_default())
    }

    /// The first word with this name, decoded.
    pub(in crate::http) fn get(&self, name: &str) -> Option<String> {
        let mut pairs = self.0.split('&').filter_map(|pair| pair.split_once('='));
        let (_, word) = pairs.find(|(known, _)| *known == name)?;
        let word = word.replace('+', " ");
        Some(percent_decode_str(&word).decode_utf8_lossy().into_owned())
    }

    /// A whole number, or `default` if it is not given.
    ///
    /// # Errors
    ///
    /// It is no number, or out of range.
    pub(in crate::http) fn number(
        &self,
        name: &str,
        default: usize,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<usize, Refusal> {
        let Some(word) = self.get(name) else {
            return Ok(default);
        };
        let number = word.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            let (from, to) = (range.start(), range.end());
            Refusal::bad_request(format!("{name} is to be a number from {from} to {to}"))
        })
    }
}

/// Reads a body of JSON.
///
/// # Errors
///
/// It has more than [`BODY_BYTES_MAX`], ends early, or is not what is wanted.
pub(in crate::http) async fn body<T: DeserializeOwned>(body: Body) -> Result<T, Refusal> {
    let bytes = to_bytes(body, BODY_BYTES_MAX).await.map_err(|error| {
        let is_too_long = std::error::Error::source(&error)
            .is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>);
        if is_too_long {
            let text = format!("the body has more than {BODY_BYTES_MAX} bytes");
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, text)
        } else {
            Refusal::bad_request("the body ends early")
        }
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Refusal::bad_request(format!("the body is not what is wanted: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_decoded_and_numbers_checked() {
        let uri = "/x?a=1%202&b=&limit=30&limit=40&big=501&bad=x&plus=a+b"
            .parse::<Uri>()
            .expect("a URI");
        let words = Words::of(&uri);
        assert_eq!(words.get("a").as_deref(), Some("1 2"));
        assert_eq!(words.get("b").as_deref(), Some(""));
        assert_eq!(words.get("plus").as_deref(), Some("a b"));
        assert_eq!(words.get("c"), None);
        assert_eq!(words.number("limit", 50, 1..=500).ok(), Some(30));
        assert_eq!(words.number("none", 50, 1..=500).ok(), Some(50));
        assert!(words.number("big", 50, 1..=500).is_err());
        assert!(words.number("bad", 50, 1..=500).is_err());
    }

    #[tokio::test]
    async fn a_body_has_a_bound_and_is_json() {
        let read = async |text: String| body::<Vec<u32>>(Body::from(text)).await;
        assert_eq!(read("[1,2]".to_owned()).await.ok(), Some(vec![1, 2]));
        let long = format!("[{}]", " ".repeat(BODY_BYTES_MAX));
        for (text, status) in [("{".to_owned(), 400), (String::new(), 400), (long, 413)] {
            let refusal = read(text).await.expect_err("refused");
            let response = axum::response::IntoResponse::into_response(refusal);
            assert_eq!(response.status(), status);
        }
    }
}
