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
/// Stands in the template for the identity of the app, which browsers resolve against the origin.
const ID: &str = "{{id}}";

/// `GET /manifest.webmanifest`: the manifest. Its paths are relative, because a proxy may add a path prefix. A page with a
/// token in its address requests it with that token, which the installed app then has too. Other clients do not get it. The
/// page also names its path, the identity of the app: without it the identity would be the start page with the token, and
/// another token would be another app.
pub(super) async fn manifest(State(shared): State<Arc<AppState>>, uri: Uri) -> Response {
    let Some(file) = shared.assets().template(MANIFEST).await else {
        return not_found();
    };
    let text = String::from_utf8_lossy(&file.plain)
        .replace(TOKEN, &token_query(&uri))
        .replace(ID, page_path(&uri));
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
    let is_token = |text: &str| !text.is_empty() && text.bytes().all(is_plain);
    parameter(uri, "token", is_token)
        .map(|token| format!("?token={token}"))
        .unwrap_or_default()
}

/// Returns the path in `page`, in its encoded form. Else an empty text: browsers then use the start page. The server does
/// not know the path itself, because a proxy may add a prefix.
fn page_path(uri: &Uri) -> &str {
    let is_path = |text: &str| {
        let is_absolute = text.starts_with('/') && !text.starts_with("//");
        is_absolute && text.bytes().all(|byte| byte == b'/' || is_plain(byte))
    };
    parameter(uri, "page", is_path).unwrap_or_default()
}

/// Returns the first valid value of a parameter in the query.
fn parameter<'a>(uri: &'a Uri, name: &str, is_valid: impl Fn(&str) -> bool) -> Option<&'a str> {
    uri.query()?
        .split('&')
        .filter_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        .find(|value| is_valid(value))
}

/// Whether a byte needs no escape in a query, in JSON and in a header.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%+".contains(&byte)
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

    #[test]
    fn only_a_path_of_this_origin_identifies_the_app() {
        for (uri, expected) in [
            ("/manifest.webmanifest", ""),
            ("/manifest.webmanifest?page=/", "/"),
            ("/manifest.webmanifest?token=abc&page=/a/hub/", "/a/hub/"),
            ("/manifest.webmanifest?page=/a%20b/", "/a%20b/"),
            ("/manifest.webmanifest?page=//other.example/", ""),
            ("/manifest.webmanifest?page=https://other.example/", ""),
            ("/manifest.webmanifest?page=/a'b/", ""),
            ("/manifest.webmanifest?pages=/a/", ""),
        ] {
            assert_eq!(page_path(&uri.parse().expect("a URI")), expected, "{uri}");
        }
    }
}
