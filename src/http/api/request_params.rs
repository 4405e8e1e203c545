//! Reads the parameters of API requests: the query string, and a JSON body of limited size.

use axum::body::{Body, to_bytes};
use hyper::{StatusCode, Uri};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use crate::http::api_error::ApiError;

/// Maximum size of a body in bytes.
pub(in crate::http) const BODY_BYTES_MAX: usize = 64 * 1024;

/// The parameters of a query string.
#[derive(Debug)]
pub(in crate::http) struct QueryParams<'a>(&'a str);

impl<'a> QueryParams<'a> {
    pub(in crate::http) fn of_uri(uri: &'a Uri) -> Self {
        Self(uri.query().unwrap_or_default())
    }

    /// Returns the first parameter with this name, decoded.
    pub(in crate::http) fn get(&self, name: &str) -> Option<String> {
        self.all(name).next()
    }

    /// Returns all parameters with this name, decoded.
    pub(in crate::http) fn all(&self, name: &str) -> impl Iterator<Item = String> {
        let pairs = self.0.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .filter(move |(known, _)| *known == name)
            .map(|(_, value)| {
                let value = value.replace('+', " ");
                percent_decode_str(&value).decode_utf8_lossy().into_owned()
            })
    }

    /// Returns a whole number, or `default` if the parameter is missing.
    ///
    /// # Errors
    ///
    /// The value is not a number or out of range.
    pub(in crate::http) fn number(
        &self,
        name: &str,
        default: usize,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<usize, ApiError> {
        let Some(value) = self.get(name) else {
            return Ok(default);
        };
        let number = value.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| {
            let (from, to) = (range.start(), range.end());
            ApiError::bad_request(format!("{name} must be a number from {from} to {to}"))
        })
    }
}

/// Reads a JSON body.
///
/// # Errors
///
/// The body has more than [`BODY_BYTES_MAX`] bytes, is incomplete, or is invalid.
pub(in crate::http) async fn read_json<T: DeserializeOwned>(body: Body) -> Result<T, ApiError> {
    let bytes = to_bytes(body, BODY_BYTES_MAX).await.map_err(|error| {
        let is_too_long = std::error::Error::source(&error)
            .is_some_and(<dyn std::error::Error>::is::<http_body_util::LengthLimitError>);
        if is_too_long {
            let text = format!("body too large: the maximum is {BODY_BYTES_MAX} bytes");
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, text)
        } else {
            ApiError::bad_request("incomplete body")
        }
    })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| ApiError::bad_request(format!("invalid JSON body: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_numbers_checked() {
        let uri = "/x?a=1%202&b=&limit=30&limit=40&big=501&bad=x&plus=a+b"
            .parse::<Uri>()
            .expect("a URI");
        let params = QueryParams::of_uri(&uri);
        assert_eq!(params.get("a").as_deref(), Some("1 2"));
        assert_eq!(params.get("b").as_deref(), Some(""));
        assert_eq!(params.get("plus").as_deref(), Some("a b"));
        assert_eq!(params.get("c"), None);
        assert_eq!(params.number("limit", 50, 1..=500).ok(), Some(30));
        assert_eq!(params.number("none", 50, 1..=500).ok(), Some(50));
        assert!(params.number("big", 50, 1..=500).is_err());
        assert!(params.number("bad", 50, 1..=500).is_err());
    }

    #[tokio::test]
    async fn a_body_has_a_size_limit_and_is_json() {
        let read = async |text: String| read_json::<Vec<u32>>(Body::from(text)).await;
        assert_eq!(read("[1,2]".to_owned()).await.ok(), Some(vec![1, 2]));
        let long = format!("[{}]", " ".repeat(BODY_BYTES_MAX));
        for (text, status) in [("{".to_owned(), 400), (String::new(), 400), (long, 413)] {
            let refusal = read(text).await.expect_err("refused");
            let response = axum::response::IntoResponse::into_response(refusal);
            assert_eq!(response.status(), status);
        }
    }
}
