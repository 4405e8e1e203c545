//! The tracker's URL, parsed and checked before any connection is opened.

use std::fmt;
use std::str::FromStr;

/// The URL of the tracker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackerUrl {
    text: String,
    /// Whether the connections use TLS.
    pub(super) is_tls: bool,
    /// Name or address, without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    /// Value of the `Host` header.
    pub(super) authority: String,
    /// Path and query of the request.
    pub(super) path: String,
}

impl FromStr for TrackerUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let uri: http::Uri = text
            .parse()
            .map_err(|error| format!("{error}; give an address such as ws://127.0.0.1:8000/"))?;
        let is_tls = match uri.scheme_str() {
            Some("ws") => false,
            Some("wss") => true,
            Some("http") => return Err(wrong_scheme(text, "http", "ws")),
            Some("https") => return Err(wrong_scheme(text, "https", "wss")),
            _ => {
                return Err(
                    "start it with ws:// or wss://, such as ws://127.0.0.1:8000/".to_owned(),
                );
            }
        };
        let authority = uri.authority().ok_or("the host is missing")?;
        if authority.as_str().contains('@') {
            return Err("a WebSocket URL has no user name".to_owned());
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        if host.is_empty() {
            return Err("the host is missing".to_owned());
        }
        let port = match authority
            .as_str()
            .strip_prefix(authority.host())
            .unwrap_or_default()
        {
            "" => None,
            rest => Some(
                rest.trim_start_matches(':')
                    .parse()
                    .map_err(|_| "the port is not a number from 0 to 65535")?,
            ),
        };
        Ok(Self {
            text: text.to_owned(),
            is_tls,
            host: host.to_owned(),
            port: port.unwrap_or(if is_tls { 443 } else { 80 }),
            authority: authority.as_str().to_owned(),
            path: uri
                .path_and_query()
                .map_or("/", |path| path.as_str())
                .to_owned(),
        })
    }
}

fn wrong_scheme(text: &str, scheme: &str, right: &str) -> String {
    let rest = text.get(scheme.len()..).unwrap_or_default();
    format!("trackers speak WebSocket: {right}{rest}")
}

impl fmt::Display for TrackerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_split_into_its_parts() {
        let target: TrackerUrl = "wss://tracker.example".parse().unwrap();
        assert_eq!(
            (target.host.as_str(), target.port, target.is_tls),
            ("tracker.example", 443, true)
        );
        assert_eq!(target.path, "/");
        let target: TrackerUrl = "ws://[::1]:8000/announce?x=y".parse().unwrap();
        assert_eq!((target.host.as_str(), target.port), ("::1", 8000));
        assert_eq!(
            (target.authority.as_str(), target.path.as_str()),
            ("[::1]:8000", "/announce?x=y")
        );
    }

    #[test]
    fn a_wrong_url_is_refused_with_its_remedy() {
        let error_of = |text: &str| text.parse::<TrackerUrl>().unwrap_err();
        assert_eq!(
            error_of("https://a.example/x"),
            "trackers speak WebSocket: wss://a.example/x"
        );
        for text in [
            "",
            "localhost:8000",
            "ws://",
            "ws:///x",
            "ws://a b/",
            "ws://u@h/",
            "udp://a:1",
            "ws://a:70000/",
        ] {
            assert!(!error_of(text).is_empty(), "{text}");
        }
    }
}
