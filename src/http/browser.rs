//! Whether a browser sent a request: then a page made it, and its visitor would be listed as a peer at a port that the page
//! chooses.
//!
//! `Origin` and `Sec-Fetch-*` alone are not enough: to plain `http://` browsers send no `Sec-Fetch-*`, and for an image no
//! `Origin`. So it goes by what browsers send with every request and torrent programs do not. Heads of both that were recorded
//! are in `tests/integration/heads/`.

use axum::http::HeaderMap;
use hyper::header::{
    ACCEPT, ACCEPT_LANGUAGE, COOKIE, DNT, HeaderName, HeaderValue, ORIGIN, RANGE, REFERER,
    UPGRADE_INSECURE_REQUESTS, USER_AGENT,
};

const SEC_FETCH_MODE: &str = "sec-fetch-mode";
/// All headers that scripts cannot set begin so (Fetch standard, forbidden request-header).
const SEC: &str = "sec-";
/// Bytes of a site's name that are looked at.
const SITE_BYTES_MAX: usize = 264;

/// Whether a browser sent a request with these headers.
pub(super) fn is_sender(headers: &HeaderMap) -> bool {
    let has = |name: HeaderName| headers.contains_key(name);
    // Node's `fetch`, in which WebTorrent announces, sends these two in this form.
    let is_of_browser = |name: &HeaderName| {
        let name = name.as_str();
        name.starts_with(SEC) && name != SEC_FETCH_MODE
    };
    let language = headers.get(ACCEPT_LANGUAGE);
    let names_languages = language.is_some_and(|language| language != "*");
    if has(ORIGIN)
        || has(REFERER)
        || has(UPGRADE_INSECURE_REQUESTS)
        || names_languages
        || headers.keys().any(is_of_browser)
    {
        return true;
    }
    // A page may set `Accept` and `Accept-Language` of what it fetches, never the name of the browser. Some programs give that
    // name as well, and programs in Java and KTorrent ask for `text/html`: neither says much alone.
    let is_named = headers
        .get(USER_AGENT)
        .is_some_and(|agent| agent.as_bytes().starts_with(b"Mozilla/"));
    is_named
        && (language.is_some() || has(COOKIE) || has(DNT) || has(RANGE) || accepts_page(headers))
}

/// Whether parts of a page are asked for.
fn accepts_page(headers: &HeaderMap) -> bool {
    let kinds = ["text/", "image/", "video/", "audio/", "application/xhtml"];
    let values = headers.get_all(ACCEPT).iter();
    let mut items = values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    items.any(|item| kinds.iter().any(|kind| item.trim().starts_with(kind)))
}

/// The site whose page made the browser ask, as far as it says so: `Origin`, else the origin of `Referer`.
pub(super) fn site(headers: &HeaderMap) -> &str {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let referrer = || {
        let referrer: &str = text(REFERER)?;
        let (scheme, rest) = referrer.split_once("://")?;
        let host = rest.split(['/', '?', '#']).next()?;
        referrer.get(..scheme.len() + "://".len() + host.len())
    };
    let site = text(ORIGIN).or_else(referrer);
    site.filter(|site| site.len() <= SITE_BYTES_MAX && !site.contains('@'))
        .unwrap_or("not named")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let lines = lines.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        lines.collect()
    }

    #[test]
    fn one_header_that_only_browsers_send_is_enough() {
        for line in [
            ("origin", "null"),
            ("origin", "https://a.example"),
            ("referer", "http://a.example/"),
            ("accept-language", "de"),
            ("accept-language", "en-US,en;q=0.9"),
            ("sec-fetch-site", "none"),
            ("sec-fetch-dest", "image"),
            ("sec-ch-ua", "x"),
            ("sec-gpc", "1"),
            ("upgrade-insecure-requests", "1"),
        ] {
            assert!(is_sender(&headers(&[line])), "{line:?}");
        }
    }

    #[test]
    fn a_page_cannot_hide_a_browser_by_the_headers_that_it_may_set() {
        let agent = (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101",
        );
        for more in [
            ("accept-language", "*"),
            ("accept-language", ""),
            ("accept", "image/webp,*/*"),
            ("accept", "*/*, text/css"),
            ("cookie", "a=b"),
            ("range", "bytes=0-"),
        ] {
            assert!(is_sender(&headers(&[agent, more])), "{more:?}");
        }
    }

    #[test]
    fn programs_pass_whatever_one_of_these_they_send() {
        let java = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2";
        for lines in [
            &[][..],
            &[
                ("accept", java),
                ("user-agent", "BiglyBT 3.7.0.0;Linux;Java 17"),
            ],
            &[("accept", java), ("user-agent", "ktorrent/5.2.0")],
            &[
                ("user-agent", "Mozilla/4.0 (compatible)"),
                ("accept", "*/*"),
            ],
            &[
                ("accept", "*/*"),
                ("accept-language", "*"),
                ("sec-fetch-mode", "cors"),
                ("user-agent", "node"),
            ],
        ] {
            assert!(!is_sender(&headers(lines)), "{lines:?}");
        }
    }

    #[test]
    fn the_site_is_named_without_the_rest_of_the_address() {
        for (line, name) in [
            (("origin", "https://a.example"), "https://a.example"),
            (
                ("referer", "http://a.example:81/b?c#d"),
                "http://a.example:81",
            ),
            (("referer", "http://a.example?c"), "http://a.example"),
            (("referer", "nonsense"), "not named"),
            (("referer", "http://user@a.example/"), "not named"),
            (("accept", "x"), "not named"),
        ] {
            assert_eq!(site(&headers(&[line])), name);
        }
    }
}
