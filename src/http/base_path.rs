//! Strips the setting `base_path` from request paths: the path prefix of a proxy that forwards it unchanged.
//!
//! It is stripped before any other processing, so each rule (limits, origins, tokens, roles of listeners) applies to
//! both forms. Only the configured prefix is stripped, and only once: a proxy that blocks `/metrics` would not block
//! `/anything/metrics`.

use axum::response::{IntoResponse, Response};
use hyper::header::{CACHE_CONTROL, HeaderValue, LOCATION};
use hyper::http::uri::PathAndQuery;
use hyper::{Request, StatusCode, Uri};

const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// Marks a request for the base path without a trailing slash, where relative URLs of the page would break. Holds the
/// relative URL with the slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SlashRedirect(String);

impl SlashRedirect {
    /// Redirects to the page with a relative URL, which is valid for any host and scheme of the proxy.
    pub(super) fn redirect(&self) -> Response {
        let Ok(location) = HeaderValue::try_from(&self.0) else {
            return StatusCode::NOT_FOUND.into_response();
        };
        let headers = [(LOCATION, location), (CACHE_CONTROL, NO_CACHE)];
        (StatusCode::TEMPORARY_REDIRECT, headers).into_response()
    }
}

/// Strips the base path from the path of a request, if it starts with it.
pub(super) fn strip<B>(request: &mut Request<B>, base: Option<&str>) {
    let Some(base) = base else { return };
    let uri = request.uri();
    let Some(rest) = uri.path().strip_prefix(base) else {
        return;
    };
    if !rest.is_empty() && !rest.starts_with('/') {
        return;
    }
    let query = uri.query().map(|query| format!("?{query}"));
    let query = query.unwrap_or_default();
    let redirect = rest.is_empty().then(|| {
        let last = base.rsplit('/').next().unwrap_or_default();
        SlashRedirect(format!("{last}/{query}"))
    });
    let rest = if rest.is_empty() { "/" } else { rest };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = PathAndQuery::try_from(format!("{rest}{query}")).ok();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
        if let Some(redirect) = redirect {
            request.extensions_mut().insert(redirect);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(uri: &str, base: &str) -> (String, Option<SlashRedirect>) {
        let mut request = Request::new(());
        *request.uri_mut() = uri.parse().expect("a URI");
        strip(&mut request, Some(base));
        let redirect = request.extensions().get().cloned();
        (request.uri().to_string(), redirect)
    }

    #[test]
    fn only_the_base_path_is_stripped_and_only_once() {
        for (uri, expected) in [
            ("/hub/", "/"),
            ("/hub/dashboard?a=b", "/dashboard?a=b"),
            ("/hub/hub/dashboard", "/hub/dashboard"),
            ("/hub//dashboard", "//dashboard"),
            ("http://x.example/hub/ice?", "http://x.example/ice?"),
            ("/hubs/dashboard", "/hubs/dashboard"),
            ("/x/hub/dashboard", "/x/hub/dashboard"),
            ("/Hub/dashboard", "/Hub/dashboard"),
            ("/%68ub/dashboard", "/%68ub/dashboard"),
            ("/dashboard", "/dashboard"),
            ("*", "*"),
        ] {
            assert_eq!(stripped(uri, "/hub"), (expected.to_owned(), None), "{uri}");
        }
    }

    #[test]
    fn a_missing_slash_redirects_to_a_relative_url() {
        let bare = |text: &str| Some(SlashRedirect(text.to_owned()));
        assert_eq!(stripped("/hub", "/hub"), ("/".to_owned(), bare("hub/")));
        let (uri, redirect) = stripped("/a/hub?token=x", "/a/hub");
        assert_eq!(
            (uri.as_str(), redirect),
            ("/?token=x", bare("hub/?token=x"))
        );
    }
}
