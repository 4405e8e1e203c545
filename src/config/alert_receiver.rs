//! Parses the URLs that receive notifications. User, path or query may contain a secret, so output shows only scheme
//! and host. This module resolves nothing and sends nothing.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;

use super::error::Problem;
use super::value::{ScalarKind, SettingValue, toml_text};

/// A URL that receives notifications.
#[derive(Clone, PartialEq, Eq)]
pub struct AlertReceiver {
    /// The URL without user and password.
    uri: Uri,
    /// `USER:PASSWORD` as it was written, percent-encoded.
    userinfo: Option<String>,
}

impl AlertReceiver {
    /// Parses `http://` or `https://`, optional `USER:PASSWORD@`, a host, and an optional path and query.
    fn parse_url(word: &str) -> Option<Self> {
        let uri: Uri = word.parse().ok()?;
        let scheme = uri.scheme_str()?;
        let authority = uri.authority()?.as_str();
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user.to_owned()), place),
            None => (None, authority),
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        if !matches!(scheme, "http" | "https") || place.is_empty() || place.starts_with(':') {
            return None;
        }
        let uri: Uri = format!("{scheme}://{place}{path}").parse().ok()?;
        let is_port_good = uri.authority()?.port().is_some() == authority_has_port(place);
        (uri.host().is_some_and(|host| !host.is_empty()) && is_port_good).then_some(Self {
            uri,
            userinfo: user,
        })
    }

    /// Returns the URL without user and password.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Returns `USER:PASSWORD` if set, percent-encoded as it was written.
    #[must_use]
    pub fn userinfo(&self) -> Option<&str> {
        self.userinfo.as_deref()
    }

    /// Returns host and port, which output may contain.
    #[must_use]
    pub fn host(&self) -> &str {
        self.uri.authority().map_or("", |place| place.as_str())
    }

    /// Returns the IP address if the host is one.
    pub(super) fn ip_address(&self) -> Option<IpAddr> {
        let host = self.uri.host()?;
        host.trim_matches(['[', ']']).parse().ok()
    }
}

/// Returns whether a port follows the host, even an invalid one; the crate `http` ignores one out of range.
fn authority_has_port(place: &str) -> bool {
    place
        .rsplit_once(':')
        .is_some_and(|(_, port)| !port.is_empty() && !port.ends_with(']'))
}

impl FromStr for AlertReceiver {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        <Self as SettingValue>::parse(word, &())
            .map_err(|problem| format!("{}; {}", problem.what, problem.remedy))
    }
}

impl fmt::Debug for AlertReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.uri.scheme_str().unwrap_or_default();
        write!(f, "{scheme}://{}/…", self.host())
    }
}

impl SettingValue for AlertReceiver {
    type Rule = ();
    const KIND: ScalarKind = ScalarKind::Secret;

    fn parse(word: &str, (): &()) -> Result<Self, Problem> {
        Self::parse_url(word).ok_or_else(|| {
            Problem::new(
                "it is not a web URL",
                "give one that begins with https:// or http:// and names a host",
            )
        })
    }

    fn to_toml(&self) -> String {
        toml_text(&format!("{self:?}"))
    }

    fn placeholder_and_bounds((): &()) -> (&'static str, String) {
        ("URL", String::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(word: &str) -> AlertReceiver {
        AlertReceiver::parse(word, &()).unwrap()
    }

    #[test]
    fn only_the_host_of_a_receiver_is_shown() {
        for (word, uri, user) in [
            ("https://a.example", "https://a.example/", None),
            (
                "http://a.example:9093/hook?key=secret",
                "http://a.example:9093/hook?key=secret",
                None,
            ),
            (
                "https://me:secret@a.example:8/secret",
                "https://a.example:8/secret",
                Some("me:secret"),
            ),
            (
                "http://[2606:4700::1]:80/secret",
                "http://[2606:4700::1]:80/secret",
                None,
            ),
        ] {
            let receiver = read(word);
            assert_eq!(receiver.uri().to_string(), uri);
            assert_eq!(receiver.userinfo(), user);
            for shown in [
                format!("{receiver:?}"),
                receiver.to_toml(),
                receiver.host().to_owned(),
            ] {
                assert!(!shown.contains("secret"), "{shown}");
            }
        }
        for word in [
            "",
            "a.example",
            "ftp://a.example/",
            "https://",
            "https:///a",
            "https://:80/",
            "http://a b/",
            "http://a:99999/",
        ] {
            let problem = AlertReceiver::parse(word, &()).unwrap_err();
            assert!(word.is_empty() || !problem.what.contains(word), "{word}");
        }
    }
}
