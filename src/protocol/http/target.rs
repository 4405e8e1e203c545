//! Reads from the path and the query what a request is for, and its token.
//!
//! Clients append their query to the tracker address of their user, and proxies may keep a prefix. So the query
//! identifies an announce, whatever the path. The path alone only decides whether the reply is bencoded.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::query::parameters;

/// Shortest path segment that may be a token (`access.tokens_file`).
const TOKEN_BYTES_MIN: usize = 16;

/// The two kinds of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpRequestKind {
    /// `/announce`
    Announce,
    /// `/scrape`
    Scrape,
}

/// Path and query of a request, as received.
#[derive(Debug, Clone, Copy)]
pub struct RequestTarget<'a> {
    /// `/announce`
    pub path: &'a str,
    /// The text after the `?`.
    pub query: &'a [u8],
}

impl<'a> RequestTarget<'a> {
    /// Returns the kind of the request over HTTP; `None` if it is neither.
    ///
    /// A path whose last segment is `scrape` is a scrape. Otherwise a query with `info_hash` or `peer_id` is an
    /// announce under any path. So is a path whose last segment is `announce`, whatever its query lacks. Trailing
    /// slashes, an extension (`announce.php`) and a token or pass key as the last segment (`/announce/TOKEN`) make no
    /// difference. A query with `info_hash` alone is a scrape if the last segment begins or ends with `scrape`
    /// (`/full_scrape`): clients replace `announce` by `scrape` inside the segment that they were given.
    #[must_use]
    pub fn request_kind(self) -> Option<HttpRequestKind> {
        let mut segments = self.segments().rev().peekable();
        let last_text = segments.peek();
        let is_like_scrape = last_text.is_some_and(|last| resembles_scrape(last));
        let last = last_text.and_then(|last| segment_kind(last));
        let before = segments.nth(1).and_then(|before| segment_kind(&before));
        let (mut has_hash, mut has_peer) = (false, false);
        for (name, _) in parameters(self.query) {
            has_hash |= *name == *b"info_hash";
            has_peer |= *name == *b"peer_id";
        }
        match last.or(before) {
            // `/scrape/x` may be another page.
            Some(HttpRequestKind::Scrape) if last.is_some() || (has_hash && !has_peer) => {
                Some(HttpRequestKind::Scrape)
            }
            Some(HttpRequestKind::Announce) if last.is_some() => Some(HttpRequestKind::Announce),
            _ if has_hash && !has_peer && is_like_scrape => Some(HttpRequestKind::Scrape),
            // There is no such page.
            Some(HttpRequestKind::Announce) => Some(HttpRequestKind::Announce),
            _ => (has_hash || has_peer).then_some(HttpRequestKind::Announce),
        }
    }

    /// Returns whether its sender leaves (`event=stopped`), whatever else it contains.
    #[must_use]
    pub fn is_stopped(self) -> bool {
        let events = parameters(self.query).filter(|(name, _)| **name == *b"event");
        events
            .last()
            .is_some_and(|(_, event)| *event == *b"stopped")
    }

    /// Returns its token: the last `token` of the query, else the last path segment that is as long as a token. One
    /// request contains one token, so it counts as one guess.
    #[must_use]
    pub fn token(self) -> Option<Cow<'a, [u8]>> {
        let query = parameters(self.query).filter(|(name, _)| **name == *b"token");
        query.last().map(|(_, token)| token).or_else(|| {
            let mut segments = self.segments();
            segments.rfind(|segment| segment.len() >= TOKEN_BYTES_MIN)
        })
    }

    /// Returns the segments between the slashes of the path, decoded, without empty ones.
    fn segments(self) -> impl DoubleEndedIterator<Item = Cow<'a, [u8]>> {
        let segments = self.path.split('/').filter(|segment| !segment.is_empty());
        segments.map(|segment| percent_decode(segment.as_bytes()).into())
    }
}

/// Returns the request that a path segment names, with or without an extension.
fn segment_kind(segment: &[u8]) -> Option<HttpRequestKind> {
    let stem = stem(segment);
    if stem.eq_ignore_ascii_case(b"announce") {
        Some(HttpRequestKind::Announce)
    } else if stem.eq_ignore_ascii_case(b"scrape") {
        Some(HttpRequestKind::Scrape)
    } else {
        None
    }
}

/// Returns whether a segment begins or ends with `scrape`, with or without an extension.
fn resembles_scrape(segment: &[u8]) -> bool {
    let stem = stem(segment).to_ascii_lowercase();
    stem.starts_with(b"scrape") || stem.ends_with(b"scrape")
}

/// Returns a segment without its extension.
fn stem(segment: &[u8]) -> &[u8] {
    segment
        .split(|&byte| byte == b'.')
        .next()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789-._~ab";
    const BOTH: &str = "info_hash=x&peer_id=y";

    fn target(text: &str) -> RequestTarget<'_> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        RequestTarget {
            path,
            query: query.as_bytes(),
        }
    }

    #[test]
    fn info_hash_and_peer_id_make_an_announce_at_any_path() {
        for path in [
            "/",
            "",
            "//",
            "*",
            "/tracker",
            "/hub/",
            "/announce",
            "/announce/",
            "/announce.php",
            "/tracker/announce",
            "/passkey1/announce",
            "/tracker.php/xxxxxxx/announce",
            "/a/b/c/announce",
            "/dashboard",
            "/healthz",
            "/scrape.d/x",
            &format!("/{TOKEN}"),
            &format!("/announce/{TOKEN}"),
        ] {
            let text = format!("{path}?{BOTH}");
            assert_eq!(
                target(&text).request_kind(),
                Some(HttpRequestKind::Announce),
                "{text}"
            );
            let text = format!("{path}?{}", BOTH.replace('_', "%5f"));
            assert_eq!(
                target(&text).request_kind(),
                Some(HttpRequestKind::Announce),
                "{text}"
            );
        }
    }

    #[test]
    fn a_tracker_path_is_recognised_without_a_query() {
        for (text, which) in [
            ("/announce", Some(HttpRequestKind::Announce)),
            ("//announce", Some(HttpRequestKind::Announce)),
            ("/announce/", Some(HttpRequestKind::Announce)),
            ("/announce//?x=y", Some(HttpRequestKind::Announce)),
            ("/ANNOUNCE.php", Some(HttpRequestKind::Announce)),
            ("/%61nnounce", Some(HttpRequestKind::Announce)),
            ("/tracker/announce", Some(HttpRequestKind::Announce)),
            (
                "/tracker.php/xxxxxxx/announce",
                Some(HttpRequestKind::Announce),
            ),
            ("/scrape", Some(HttpRequestKind::Scrape)),
            ("/scrape/?x", Some(HttpRequestKind::Scrape)),
            ("/scrape.php?info_hash=x", Some(HttpRequestKind::Scrape)),
            (
                "/x/y/scrape?info_hash=x&peer_id=y",
                Some(HttpRequestKind::Scrape),
            ),
            ("/scrape/passkey?info_hash=x", Some(HttpRequestKind::Scrape)),
            ("/x?info_hash=x", Some(HttpRequestKind::Announce)),
            ("/x?peer_id=x", Some(HttpRequestKind::Announce)),
            ("/announcement", None),
            ("/announce/x", Some(HttpRequestKind::Announce)),
            ("/announce/index.php", Some(HttpRequestKind::Announce)),
            ("/announce/x?info_hash=x", Some(HttpRequestKind::Announce)),
            ("/announce/x/y", None),
            ("/full_scrape?info_hash=x", Some(HttpRequestKind::Scrape)),
            ("/Scrape-x?info_hash=x", Some(HttpRequestKind::Scrape)),
            (
                "/announce-scrape?info_hash=x",
                Some(HttpRequestKind::Scrape),
            ),
            ("/scrape;x?info_hash=x", Some(HttpRequestKind::Scrape)),
            (
                "/announce/full_scrape.php?info_hash=x",
                Some(HttpRequestKind::Scrape),
            ),
            (
                "/full_scrape?info_hash=x&peer_id=y",
                Some(HttpRequestKind::Announce),
            ),
            ("/full_scrape", None),
            ("/scraper/x?info_hash=x", Some(HttpRequestKind::Announce)),
            ("/scrape/x", None),
            ("/assets/x/y.js", None),
            ("/", None),
            ("/?infohash=x", None),
            ("*", None),
        ] {
            assert_eq!(target(text).request_kind(), which, "{text}");
        }
    }

    #[test]
    fn the_last_event_decides_whether_a_client_leaves() {
        for (query, leaves) in [
            ("event=stopped", true),
            ("x&event=started&event=stopped", true),
            ("event=stopped&event=", false),
            ("events=stopped", false),
            ("", false),
        ] {
            assert_eq!(
                target(&format!("/x?{query}")).is_stopped(),
                leaves,
                "{query}"
            );
        }
    }

    #[test]
    fn a_token_is_found_in_query_and_path() {
        let escaped = TOKEN.replace('~', "%7E");
        for text in [
            format!("/{TOKEN}"),
            format!("/{TOKEN}/"),
            format!("/{TOKEN}/announce"),
            format!("/{TOKEN}/scrape?x=y"),
            format!("/{escaped}/announce"),
            format!("/x/{TOKEN}/announce"),
            format!("/hub/{TOKEN}"),
            format!("/{TOKEN}/hub/announce.php"),
            format!("/announce/{TOKEN}"),
            format!("/announce?token={TOKEN}"),
            format!("/?x=y&token={escaped}&z"),
            format!("/announce?token=x&token={TOKEN}"),
        ] {
            let shown = target(&text).token();
            assert_eq!(shown.as_deref(), Some(TOKEN.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_request_has_at_most_one_token() {
        let other = TOKEN.replace('a', "b");
        for text in [
            "/announce".to_owned(),
            "/".to_owned(),
            "*".to_owned(),
            format!("/{TOKEN}/{other}/announce"),
            format!("/{TOKEN}?token="),
            format!("/{}", &TOKEN[1..]),
        ] {
            let shown = target(&text).token();
            assert_ne!(shown.as_deref(), Some(TOKEN.as_bytes()), "{text}");
        }
    }
}
