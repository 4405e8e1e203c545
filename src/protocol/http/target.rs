//! What the path and the query of a request are for, and which token they show.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::query::parameters;

/// What in a path is shorter than any token (`access.tokens_file`) makes it some other path.
const TOKEN_BYTES_MIN: usize = 16;

/// Which of the two requests there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// `/announce`
    Announce,
    /// `/scrape`
    Scrape,
}

/// Path and query of a request, as they came.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// `/announce`
    pub path: &'a str,
    /// What stands behind the `?`.
    pub query: &'a [u8],
}

impl<'a> Target<'a> {
    /// Which request over HTTP it is; `None` for one that is neither. Before `/announce` and `/scrape` may stand a token, whether or
    /// not one is needed.
    #[must_use]
    pub fn asks(self) -> Option<Which> {
        let (before, last) = self.path.rsplit_once('/')?;
        let is_token = |part: &str| part.len() >= TOKEN_BYTES_MIN && !part.contains('/');
        if !before.is_empty() && !before.strip_prefix('/').is_some_and(is_token) {
            return None;
        }
        match last {
            "announce" => Some(Which::Announce),
            "scrape" => Some(Which::Scrape),
            _ => None,
        }
    }

    /// The token that it shows: the last `token` of the query, else `/TOKEN`, `/TOKEN/announce` or `/TOKEN/scrape`.
    #[must_use]
    pub fn token(self) -> Option<Cow<'a, [u8]>> {
        let named = parameters(self.query).filter(|(name, _)| **name == *b"token");
        named.last().map(|(_, token)| token).or_else(|| {
            let path = self.path.strip_prefix('/')?;
            let end = ["/announce", "/scrape"];
            let token = end.iter().find_map(|end| path.strip_suffix(end));
            Some(percent_decode(token.unwrap_or(path).as_bytes()).into())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789-._~ab";

    fn target(text: &str) -> Target<'_> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        Target {
            path,
            query: query.as_bytes(),
        }
    }

    #[test]
    fn a_token_may_stand_before_announce_and_scrape() {
        for (text, which) in [
            ("/announce", Some(Which::Announce)),
            ("/scrape?info_hash=x", Some(Which::Scrape)),
            (&format!("/{TOKEN}/announce"), Some(Which::Announce)),
            (&format!("/{TOKEN}/scrape"), Some(Which::Scrape)),
            (&format!("/{TOKEN}"), None),
            (&format!("/{TOKEN}/"), None),
            (&format!("/{TOKEN}/x/announce"), None),
            ("/assets/announce", None),
            ("//announce", None),
            ("/announce/", None),
            ("announce", None),
            ("/", None),
            ("*", None),
        ] {
            assert_eq!(target(text).asks(), which, "{text}");
        }
    }

    #[test]
    fn a_token_is_found_in_query_and_path() {
        let escaped = TOKEN.replace('~', "%7E");
        for text in [
            format!("/{TOKEN}"),
            format!("/{TOKEN}/announce"),
            format!("/{TOKEN}/scrape?x=y"),
            format!("/{escaped}/announce"),
            format!("/announce?token={TOKEN}"),
            format!("/?x=y&token={escaped}&z"),
            format!("/announce?token=x&token={TOKEN}"),
        ] {
            let shown = target(&text).token();
            assert_eq!(shown.as_deref(), Some(TOKEN.as_bytes()), "{text}");
        }
        for text in [
            "/announce".to_owned(),
            "/".to_owned(),
            "*".to_owned(),
            format!("/x/{TOKEN}/announce"),
            format!("/{TOKEN}/other"),
            format!("/{TOKEN}?token="),
        ] {
            let shown = target(&text).token();
            assert_ne!(shown.as_deref(), Some(TOKEN.as_bytes()), "{text}");
        }
    }
}
