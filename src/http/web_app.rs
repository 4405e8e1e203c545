//! Serves what makes the sharing page an app that can be installed: its manifest, and the address that the system's share
//! sheet posts to.
//!
//! The service worker of the page answers that address. Only a browser without the worker sends a request here, and this
//! reads no byte of its body: the server gets no files.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{StatusCode, Uri};

use super::pages::{NO_CACHE, not_found};
use super::state::AppState;

/// The template of the manifest, by path below `web/`.
const MANIFEST: &str = "share/manifest.webmanifest";
/// Stands in the template for the query with the token.
const TOKEN: &str = "{{token}}";

/// `GET /manifest.webmanifest`: the manifest. Its paths are relative, because a proxy may add a path prefix. A page with a
/// token in its address requests it with that token, which the installed app then has too. Other clients do not get it.
pub(super) async fn manifest(State(shared): State<Arc<AppState>>, uri: Uri) -> Response {
    let Some(file) = shared.assets().template(MANIFEST).await else {
        return not_found();
    };
    let text = String::from_utf8_lossy(&file.plain).replace(TOKEN, &token_query(&uri));
    let content_type = HeaderValue::from_static("application/manifest+json");
    (
        [(CONTENT_TYPE, content_type), (CACHE_CONTROL, NO_CACHE)],
        text,
    )
        .into_response()
}

/// `POST /share-target`: redirects to the page, which explains that nothing arrived. The relative URL is valid behind a
/// proxy that adds a path prefix.
pub(super) async fn share_target(uri: Uri) -> Response {
    let token = token_query(&uri);
    let separator = if token.is_empty() { '?' } else { '&' };
    let location = format!("./{token}{separator}received=none");
    let Ok(location) = HeaderValue::try_from(location) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let headers = [
        (LOCATION, location),
        (CACHE_CONTROL, NO_CACHE),
        // The rest of the body is not read.
        (CONNECTION, HeaderValue::from_static("close")),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// Returns the token of a URL as a query in its encoded form, or an empty text. It stands in JSON and in a header, so a
/// token with other characters is left out.
fn token_query(uri: &Uri) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%+".contains(&byte);
    uri.query()
        .into_iter()
        .flat_map(|query| query.split('&'))
        .filter_map(|pair| pair.strip_prefix("token="))
        .find(|token| !token.is_empty() && token.bytes().all(is_plain))
        .map(|token| format!("?token={token}"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_token_that_needs_no_escape_is_repeated() {
        for (uri, expected) in [
            ("/manifest.webmanifest", ""),
            ("/manifest.webmanifest?token=", ""),
            ("/manifest.webmanifest?token=a%26b-C_d", "?token=a%26b-C_d"),
            ("/manifest.webmanifest?x=1&token=abc&y=2", "?token=abc"),
            ("/manifest.webmanifest?token=a%22b", "?token=a%22b"),
            ("/manifest.webmanifest?token=a'b", ""),
            ("/manifest.webmanifest?token=a/../b", ""),
        ] {
            assert_eq!(token_query(&uri.parse().expect("a URI")), expected, "{uri}");
        }
    }
}
