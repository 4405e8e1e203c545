//! Detects HTTP announces that a browser sent. A page caused such a request, and its user would be listed as a peer at
//! a port that the page chooses.
//!
//! `Origin` and `Sec-Fetch-*` alone are not enough: browsers send no `Sec-Fetch-*` to plain `http://`, and no `Origin`
//! for an image. So the check uses headers that browsers send with every request and torrent clients do not. Recorded
//! request heads of both are in `tests/integration/heads/`.

use axum::http::HeaderMap;
use hyper::header::{ACCEPT_LANGUAGE, HeaderValue, ORIGIN, REFERER, USER_AGENT};

/// Headers that browsers and their media players send and torrent clients do not. Pages can set some of them but remove
/// none.
const BROWSER_HEADERS: [&str; 16] = [
    "origin",
    "referer",
    "upgrade-insecure-requests",
    "range",
    "cookie",
    "dnt",
    "priority",
    "purpose",
    "x-moz",
    "x-requested-with",
    "x-playback-session-id",
    "ua-cpu",
    "save-data",
    "downlink",
    "ect",
    "rtt",
];
const SEC_FETCH_MODE: &str = "sec-fetch-mode";
/// Name prefix of headers that scripts cannot set (Fetch standard, forbidden request-header).
const SEC_PREFIX: &str = "sec-";
/// Maximum length of a site name in bytes.
const SITE_BYTES_MAX: usize = 264;

/// Returns whether a browser sent a request with these headers.
pub(super) fn is_browser(headers: &HeaderMap) -> bool {
    let is_browser_header = |name: &str| {
        BROWSER_HEADERS.contains(&name) || name.starts_with(SEC_PREFIX) && name != SEC_FETCH_MODE
    };
    headers.keys().any(|name| is_browser_header(name.as_str()))
        || has_accept_language(headers)
        || has_browser_user_agent(headers)
}

/// Returns whether a browser sent `Accept-Language`. Browsers always do. Of other programs only Node's `fetch` does,
/// which WebTorrent uses for announces: it sends `*` together with `Sec-Fetch-Mode`, which no page can set and which
/// browsers send with other `Sec-` headers.
fn has_accept_language(headers: &HeaderMap) -> bool {
    let is_node = |language: &HeaderValue| {
        language == "*"
            && headers
                .get(SEC_FETCH_MODE)
                .is_some_and(|mode| mode == "cors")
    };
    headers
        .get(ACCEPT_LANGUAGE)
        .is_some_and(|language| !is_node(language))
}

/// Returns whether `User-Agent` names a browser: `Mozilla/5.0 (`, with which all current ones begin, or the old Opera.
/// Browsers embedded in other programs often send no other sign.
fn has_browser_user_agent(headers: &HeaderMap) -> bool {
    let agent = headers.get(USER_AGENT).map(HeaderValue::as_bytes);
    let agent = agent.unwrap_or_default();
    if agent.starts_with(b"Opera/") {
        return true;
    }
    let Some(rest) = agent.strip_prefix(b"Mozilla/") else {
        return false;
    };
    let is_version_byte = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let version = rest.iter().take_while(|byte| is_version_byte(byte)).count();
    version > 0
        && rest
            .get(version..)
            .is_some_and(|rest| rest.starts_with(b" ("))
}

/// Returns the origin of the page that caused the request, if the browser sent it: `Origin`, else the origin of
/// `Referer`.
pub(super) fn page_origin(headers: &HeaderMap) -> &str {
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
    use hyper::header::HeaderName;

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
    fn one_browser_only_header_is_enough() {
        for line in [
            ("origin", "null"),
            ("origin", "https://a.example"),
            ("referer", "http://a.example/"),
            ("accept-language", "de"),
            ("accept-language", "en-US,en;q=0.9"),
            ("accept-language", "*"),
            ("accept-language", ""),
            ("sec-fetch-site", "none"),
            ("sec-fetch-dest", "image"),
            ("sec-ch-ua", "x"),
            ("sec-gpc", "1"),
            ("upgrade-insecure-requests", "1"),
            ("range", "bytes=0-"),
            ("cookie", "a=b"),
            ("dnt", "1"),
            ("priority", "u=4"),
            ("purpose", "prefetch"),
            ("x-moz", "prefetch"),
            ("x-requested-with", "com.example.app"),
            ("x-playback-session-id", "60A0E3C8"),
            ("ua-cpu", "AMD64"),
            ("save-data", "on"),
        ] {
            for agent in ["", "x", "stagefright/1.2 (Linux;Android 4.4)"] {
                let lines = [line, ("user-agent", agent), ("accept", "*/*")];
                assert!(is_browser(&headers(&lines)), "{line:?} {agent}");
            }
        }
    }

    #[test]
    fn a_page_cannot_hide_its_browser() {
        for agent in [
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/60.0.0.0 Safari/537.36",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 13_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
            "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)",
            "Mozilla/4.0 (compatible; ms-office; MSOffice 16)",
            "Mozilla/4.0 (compatible)",
            "Opera/9.80 (Windows NT 6.1) Presto/2.12.388 Version/12.18",
        ] {
            for accept in [
                "",
                "*/*",
                "application/json",
                "application/font-woff2;q=1.0,*/*;q=0.1",
            ] {
                let lines = [("user-agent", agent), ("accept", accept)];
                assert!(is_browser(&headers(&lines)), "{agent} {accept}");
            }
            assert!(is_browser(&headers(&[("user-agent", agent)])), "{agent}");
        }
    }

    #[test]
    fn torrent_clients_are_not_taken_for_browsers() {
        let java = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2";
        for lines in [
            &[][..],
            &[
                ("accept", java),
                ("user-agent", "BiglyBT 3.7.0.0;Linux;Java 17"),
            ],
            &[("accept", java), ("user-agent", "ktorrent/5.2.0")],
            &[("user-agent", "Mozilla/4.0"), ("accept", "*/*")],
            &[("user-agent", "Mozilla/ (x)"), ("accept", "*/*")],
            &[
                ("accept", "*/*"),
                ("accept-language", "*"),
                ("sec-fetch-mode", "cors"),
                ("user-agent", "node"),
            ],
        ] {
            assert!(!is_browser(&headers(lines)), "{lines:?}");
        }
    }

    #[test]
    fn the_page_origin_has_no_path() {
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
            assert_eq!(page_origin(&headers(&[line])), name);
        }
    }
}
