//! Parses STUN and TURN servers from settings into the format of browsers (`RTCIceServer`).
//! It checks and splits text and never contacts a server. The HTTP module sends the result to pages.

use std::borrow::Cow;
use std::fmt;

use http::uri::Authority;
use percent_encoding::percent_decode_str;
use serde::Serialize;

use super::error::{Problem, quoted};
use super::secret::MASK;
use super::value::{ScalarKind, SettingValue, toml_text};

/// One server as the operator wrote it. Only the pages that need its password receive it.
#[derive(Clone, PartialEq, Eq)]
pub struct IceUrl(Box<str>);

impl IceUrl {
    /// Returns the server in the format of browsers, password included; `None` for a word that
    /// [`Config::check`](super::Config::check) refuses.
    #[must_use]
    pub fn server(&self) -> Option<IceServer> {
        parse(&self.0).ok()
    }
}

/// Wraps the word. [`Config::check`](super::Config::check) validates it.
impl From<&str> for IceUrl {
    fn from(word: &str) -> Self {
        Self(word.into())
    }
}

impl PartialEq<&str> for IceUrl {
    fn eq(&self, word: &&str) -> bool {
        *self.0 == **word
    }
}

impl fmt::Debug for IceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&mask_password(&self.0))
    }
}

impl SettingValue for IceUrl {
    type Rule = ();
    const KIND: ScalarKind = ScalarKind::Text;

    fn parse(word: &str, (): &()) -> Result<Self, Problem> {
        parse(word).map(|_| Self::from(word))
    }

    fn check(&self, (): &()) -> Result<(), Problem> {
        parse(&self.0).map(|_| ())
    }

    fn to_toml(&self) -> String {
        toml_text(&mask_password(&self.0))
    }

    fn contains_secret(&self) -> bool {
        self.server()
            .is_none_or(|server| server.credential.is_some())
    }

    fn redacted(word: &str) -> Cow<'_, str> {
        mask_password(word)
    }

    fn placeholder_and_bounds((): &()) -> (&'static str, String) {
        ("URL", String::new())
    }
}

/// A TURN server whose credentials this server makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnUrl(Box<str>);

impl TurnUrl {
    /// Returns its URL (RFC 7065).
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Wraps the word. [`Config::check`](super::Config::check) validates it.
impl From<&str> for TurnUrl {
    fn from(word: &str) -> Self {
        Self(word.into())
    }
}

impl SettingValue for TurnUrl {
    type Rule = ();
    const KIND: ScalarKind = ScalarKind::Text;

    fn parse(word: &str, (): &()) -> Result<Self, Problem> {
        let rest = word
            .strip_prefix("turn:")
            .or_else(|| word.strip_prefix("turns:"));
        let (host, query) = rest.map_or(("", None), |rest| match rest.split_once('?') {
            Some((host, query)) => (host, Some(query)),
            None => (rest, None),
        });
        let is_known = matches!(query, None | Some("transport=udp" | "transport=tcp"));
        if is_known && !host.contains('@') && is_host(host) {
            return Ok(Self(word.into()));
        }
        Err(Problem::new(
            format!("{} is not a TURN server", quoted(&mask_password(word))),
            "give turn:HOST or turns:HOST:PORT?transport=tcp, without user and password",
        ))
    }

    fn check(&self, (): &()) -> Result<(), Problem> {
        Self::parse(&self.0, &()).map(|_| ())
    }

    fn to_toml(&self) -> String {
        toml_text(&self.0)
    }

    fn placeholder_and_bounds((): &()) -> (&'static str, String) {
        ("URL", String::new())
    }
}

/// Masks everything in the word that may be a password, also in invalid words: the text between the user's colon and
/// the last `@`, or without an `@` everything after a scheme that has users.
fn mask_password(word: &str) -> Cow<'_, str> {
    let is_plain = |rest: &str| !rest.contains(':') || rest.starts_with("//");
    match (word.rsplit_once('@'), word.split_once(':')) {
        (Some((user, server)), _) => {
            let mut parts = user.splitn(3, ':');
            let shown = match (parts.next(), parts.next(), parts.next()) {
                (Some(scheme), Some(name), Some(_)) => format!("{scheme}:{name}:"),
                (Some(scheme @ ("turn" | "turns")), Some(_), None) => format!("{scheme}:"),
                _ => String::new(),
            };
            Cow::Owned(format!("{shown}{MASK}@{server}"))
        }
        (None, Some(("stun" | "stuns", _)) | None) => Cow::Borrowed(word),
        (None, Some((scheme, rest))) if is_plain(rest) && !scheme.starts_with("turn") => {
            Cow::Borrowed(word)
        }
        (None, Some((scheme, _))) => Cow::Owned(format!("{scheme}:{MASK}")),
    }
}

/// One server in the format of the browsers' `RTCIceServer`.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct IceServer {
    /// The URL (RFC 7064, RFC 7065), `turn:turn.example.org:3478?transport=udp`.
    pub urls: String,
    /// TURN only: the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// TURN only: the password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// Reads `stun:HOST[:PORT]` or `turn:USER:PASSWORD@HOST[:PORT][?transport=udp|tcp]`, also `stuns:` and `turns:`.
///
/// User and password are percent-decoded, because users of time-limited credentials contain a colon. TURN without them
/// is refused, because browsers refuse it and then create no connection at all.
fn parse(word: &str) -> Result<IceServer, Problem> {
    let wrong = |remedy: &str| {
        Problem::new(
            format!("{} is not an ICE server", quoted(&mask_password(word))),
            remedy,
        )
    };
    let stun = "give stun:HOST or stun:HOST:PORT";
    let turn = "give turn:USER:PASSWORD@HOST or turn:USER:PASSWORD@HOST:PORT, with %3A for a colon within USER";

    let (scheme, rest) = word
        .split_once(':')
        .ok_or_else(|| wrong("give stun:HOST or turn:USER:PASSWORD@HOST"))?;
    let (relay, form) = match scheme {
        "stun" | "stuns" => (false, stun),
        "turn" | "turns" => (true, turn),
        _ => {
            return Err(wrong(
                "the address starts with stun:, stuns:, turn: or turns:",
            ));
        }
    };
    let (user, server) = rest
        .rsplit_once('@')
        .map_or((None, rest), |(user, server)| (Some(user), server));
    let (host, query) = server
        .split_once('?')
        .map_or((server, None), |(host, query)| (host, Some(query)));
    let known_query = match query {
        None => true,
        Some("transport=udp" | "transport=tcp") => relay,
        Some(_) => false,
    };
    if relay != user.is_some() || !is_host(host) || !known_query {
        return Err(wrong(form));
    }

    let (username, credential) = match user.map(|user| user.split_once(':')) {
        None => (None, None),
        Some(Some((name, password))) if !name.is_empty() && !password.is_empty() => {
            let decoded = |text| percent_decode_str(text).decode_utf8().map(String::from);
            match (decoded(name), decoded(password)) {
                (Ok(name), Ok(password)) => (Some(name), Some(password)),
                _ => {
                    return Err(wrong(
                        "the bytes that %XX encodes in USER and PASSWORD must be UTF-8",
                    ));
                }
            }
        }
        Some(_) => return Err(wrong(form)),
    };
    Ok(IceServer {
        urls: format!("{scheme}:{server}"),
        username,
        credential,
    })
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer")
            .field("urls", &self.urls)
            .field("username", &self.username)
            .field("credential", &self.credential.as_ref().map(|_| MASK))
            .finish()
    }
}

fn is_host(host: &str) -> bool {
    host.parse::<Authority>().is_ok_and(|authority| {
        let name = authority.host();
        let rest = host.strip_prefix(name).unwrap_or(host);
        !name.is_empty() && (rest.is_empty() || authority.port_u16().is_some_and(|port| port > 0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_parsed_to_the_browser_format() {
        for (word, urls, user) in [
            ("stun:a.example", "stun:a.example", None),
            ("stuns:a.example:5349", "stuns:a.example:5349", None),
            ("stun:[2001:db8::1]:3478", "stun:[2001:db8::1]:3478", None),
            (
                "turn:me:secret@a.example",
                "turn:a.example",
                Some(("me", "secret")),
            ),
            (
                "turns:1700000000%3Ame:a+b/c==@10.0.0.1:443?transport=tcp",
                "turns:10.0.0.1:443?transport=tcp",
                Some(("1700000000:me", "a+b/c==")),
            ),
            (
                "turn:me:a:b@c@a.example?transport=udp",
                "turn:a.example?transport=udp",
                Some(("me", "a:b@c")),
            ),
        ] {
            let server = parse(word).unwrap();
            assert_eq!(server.urls, urls);
            let user = user.map(|(name, password)| (name.to_owned(), password.to_owned()));
            assert_eq!(server.username.zip(server.credential), user, "{word}");
        }
    }

    #[test]
    fn servers_that_browsers_refuse_are_refused() {
        for word in [
            "",
            "a.example",
            "http://a.example",
            "stun:",
            "stun://a.example",
            "stun:me:secret@a.example",
            "stun:a.example?transport=udp",
            "stun:a.example:0",
            "stun:a.example:99999",
            "stun:a.example:",
            "stun:a b",
            "turn:a.example",
            "turn:me@a.example",
            "turn::secret@a.example",
            "turn:me:@a.example",
            "turn:me:secret@",
            "turn:me:%FF@a.example",
            "turn:me:secret@a.example?transport=sctp",
        ] {
            assert!(parse(word).is_err(), "{word}");
        }
    }

    #[test]
    fn json_has_rtc_ice_server_names_and_no_empty_fields() {
        let json = |word| serde_json::to_string(&parse(word).unwrap()).unwrap();
        assert_eq!(json("stun:a.example"), r#"{"urls":"stun:a.example"}"#);
        assert_eq!(
            json("turn:me:secret@a.example"),
            r#"{"urls":"turn:a.example","username":"me","credential":"secret"}"#
        );
    }

    #[test]
    fn passwords_are_never_shown() {
        for (word, shown) in [
            ("stun:a.example:3478", "stun:a.example:3478"),
            ("turn:me:secret@a.example", "turn:me:(set)@a.example"),
            (
                "turns:17%3Ame:sec:ret@x@a.example?transport=tcp",
                "turns:17%3Ame:(set)@a.example?transport=tcp",
            ),
            // Error messages do not contain it either.
            ("turn:me:secret", "turn:(set)"),
            ("turn:secret", "turn:(set)"),
            ("turn:secret@a.example", "turn:(set)@a.example"),
            ("trun:me:secret", "trun:(set)"),
            ("me:secret@a.example", "(set)@a.example"),
            ("secret@a.example", "(set)@a.example"),
            ("turn:me:secret@a b", "turn:me:(set)@a b"),
            ("http://a.example", "http://a.example"),
            ("a.example", "a.example"),
        ] {
            assert_eq!(mask_password(word), shown);
            match IceUrl::parse(word, &()) {
                Ok(url) => {
                    let texts = [
                        SettingValue::to_toml(&url),
                        format!("{url:?} {:?}", url.server()),
                    ];
                    assert!(
                        texts.iter().all(|text| !text.contains("secret")),
                        "{texts:?}"
                    );
                    assert_eq!(url.contains_secret(), word.starts_with("turn"));
                }
                Err(problem) => assert!(!problem.what.contains("secret"), "{problem:?}"),
            }
        }
    }
}
