//! Parses listener addresses with their protocols, such as `proxy+tracker+127.0.0.1:8000` or `unix:/run/hub.sock`.
//! It parses and prints the word and binds nothing. The server and its workers use the parts.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    str::FromStr,
};

use super::error::{Problem, quoted};
use super::value::{ScalarKind, SettingValue, toml_text};

/// One listener: `[tls+][proxy+][tracker+|pages+]TARGET`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenSpec {
    /// Whether the listener uses TLS.
    pub tls: bool,
    /// Whether each connection begins with a PROXY protocol header; otherwise none may.
    pub proxy: bool,
    /// What the listener serves.
    pub role: ListenerRole,
    /// The address or socket.
    pub target: ListenTarget,
}

/// What a listener serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListenerRole {
    /// Tracker and pages.
    #[default]
    Both,
    /// The tracker, and `/healthz`.
    Tracker,
    /// Everything except the tracker.
    Pages,
    /// Only `/metrics`: the role of `metrics.listen`, which has no prefix.
    Metrics,
}

impl ListenerRole {
    /// Returns whether the tracker is served.
    #[must_use]
    pub const fn has_tracker(self) -> bool {
        matches!(self, Self::Both | Self::Tracker)
    }

    /// Returns whether pages are served.
    #[must_use]
    pub const fn has_pages(self) -> bool {
        matches!(self, Self::Both | Self::Pages)
    }
}

/// The address or socket of a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenTarget {
    /// An address of this machine with a port; port 0 selects a free one.
    Tcp(SocketAddr),
    /// The path of a Unix domain socket.
    Unix(PathBuf),
    /// Sockets that systemd passes: those of this name, or without a name all that no other listener names.
    Systemd(Option<String>),
}

impl From<SocketAddr> for ListenSpec {
    fn from(address: SocketAddr) -> Self {
        Self {
            tls: false,
            proxy: false,
            role: ListenerRole::Both,
            target: ListenTarget::Tcp(address),
        }
    }
}

impl ListenSpec {
    /// Returns whether two different addresses share a port: `[::]` includes all addresses, `0.0.0.0` all of IPv4.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let (ListenTarget::Tcp(one), ListenTarget::Tcp(other)) = (&self.target, &other.target)
        else {
            return false;
        };
        let includes = |all: &SocketAddr, one: &SocketAddr| {
            all.ip().is_unspecified() && (all.is_ipv6() || one.is_ipv4())
        };
        one != other
            && one.port() == other.port()
            && one.port() != 0
            && (includes(one, other) || includes(other, one))
    }
}

impl FromStr for ListenSpec {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        parse_listener(word).map_err(|problem| format!("{}; {}", problem.what, problem.remedy))
    }
}

impl fmt::Display for ListenSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = match self.role {
            ListenerRole::Both => "",
            ListenerRole::Tracker => "tracker+",
            ListenerRole::Pages => "pages+",
            ListenerRole::Metrics => "metrics+",
        };
        let tls = if self.tls { "tls+" } else { "" };
        let proxy = if self.proxy { "proxy+" } else { "" };
        write!(f, "{tls}{proxy}{role}{}", self.target)
    }
}

impl fmt::Display for ListenTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Systemd(None) => f.write_str("systemd"),
            Self::Systemd(Some(name)) => write!(f, "systemd:{name}"),
        }
    }
}

fn parse_listener(word: &str) -> Result<ListenSpec, Problem> {
    let (mut tls, mut proxy, mut role) = (false, false, None);
    let mut rest = word;
    while let Some((prefix, after)) = split_prefix(rest) {
        let repeats = match prefix {
            "tls" => std::mem::replace(&mut tls, true),
            "proxy" => std::mem::replace(&mut proxy, true),
            "tracker" => role.replace(ListenerRole::Tracker).is_some(),
            "pages" => role.replace(ListenerRole::Pages).is_some(),
            _ => {
                return Err(Problem::new(
                    format!(
                        "{} begins with the unknown prefix {}",
                        quoted(word),
                        quoted(prefix)
                    ),
                    "the prefixes are tls+, proxy+, and tracker+ or pages+",
                ));
            }
        };
        if repeats {
            return Err(Problem::new(
                format!("{} repeats {prefix}+ or contradicts it", quoted(word)),
                "give tls+ and proxy+ once, and one of tracker+ and pages+; without these both are served",
            ));
        }
        rest = after;
    }
    Ok(ListenSpec {
        tls,
        proxy,
        role: role.unwrap_or_default(),
        target: parse_target(rest)?,
    })
}

/// Splits off a word before a plus sign. The rest may contain any characters if it is a path.
fn split_prefix(rest: &str) -> Option<(&str, &str)> {
    let (prefix, after) = rest.split_once('+')?;
    let is_word = prefix.bytes().all(|byte| byte.is_ascii_alphabetic());
    is_word.then_some((prefix, after))
}

fn parse_target(word: &str) -> Result<ListenTarget, Problem> {
    if let Some(path) = word.strip_prefix("unix:") {
        return parse_unix_path(path);
    }
    if word == "systemd" {
        return Ok(ListenTarget::Systemd(None));
    }
    if let Some(name) = word.strip_prefix("systemd:") {
        return parse_systemd_name(name);
    }
    let address = word.parse().map_err(|_| {
        let what = format!("{} is not an IP address with a port", quoted(word));
        Problem::new(what, target_remedy(word))
    })?;
    match unusable_address(address) {
        None => Ok(ListenTarget::Tcp(address)),
        Some((what, remedy)) => Err(Problem::new(format!("{} {what}", quoted(word)), remedy)),
    }
}

/// Returns why a socket can never listen on an address, and the remedy.
fn unusable_address(address: SocketAddr) -> Option<(&'static str, String)> {
    let port = address.port();
    match address {
        _ if address.ip().is_multicast() || address.ip() == Ipv4Addr::BROADCAST => Some((
            "is a multicast or broadcast address, which accepts no connections",
            format!("give one of this machine, or [::]:{port} for all of them"),
        )),
        SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() == 0 => Some((
            "is a link-local address without an interface number",
            format!(
                "append the number of the interface, as in [{}%2]:{port}; ip link shows the numbers",
                v6.ip()
            ),
        )),
        SocketAddr::V6(v6) => v6.ip().to_ipv4_mapped().map(|ip| {
            let ipv4 = SocketAddr::new(ip.into(), port);
            ("is an IPv4 address written as IPv6", format!("give {ipv4}"))
        }),
        SocketAddr::V4(_) => None,
    }
}

/// Returns a remedy for what was probably meant.
fn target_remedy(word: &str) -> String {
    let port = word.strip_prefix(':').unwrap_or(word);
    if let Ok(port) = port.parse::<u16>() {
        return format!("for all addresses of this machine give [::]:{port}");
    }
    let address = word.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = address.parse::<IpAddr>() {
        return format!("give its port as well: {}", SocketAddr::new(address, 8000));
    }
    if ["tls:", "https:", "wss:"]
        .iter()
        .any(|start| word.starts_with(start))
    {
        return "for TLS put tls+ before the address, as in tls+[::]:8443".to_owned();
    }
    "give one such as 127.0.0.1:8000 or [::]:8000, unix:PATH for a Unix domain socket, or systemd"
        .to_owned()
}

fn parse_unix_path(path: &str) -> Result<ListenTarget, Problem> {
    let is_file = !path.is_empty() && !path.ends_with('/') && !path.contains('\0');
    if is_file {
        return Ok(ListenTarget::Unix(Path::new(path).to_owned()));
    }
    Err(Problem::new(
        format!("{} is not the path of a Unix domain socket", quoted(path)),
        "give one such as unix:/run/swarmhub/hub.sock",
    ))
}

/// Parses a name as `FileDescriptorName=` allows it: printable, without colons.
fn parse_systemd_name(name: &str) -> Result<ListenTarget, Problem> {
    let is_name = (1..=255).contains(&name.len())
        && name
            .bytes()
            .all(|byte| (b' '..=b'~').contains(&byte) && byte != b':');
    if is_name {
        return Ok(ListenTarget::Systemd(Some(name.to_owned())));
    }
    Err(Problem::new(
        format!("{} is not a socket name", quoted(name)),
        "give the FileDescriptorName= of the socket unit, or systemd alone for all sockets",
    ))
}

impl SettingValue for ListenSpec {
    type Rule = ();
    const KIND: ScalarKind = ScalarKind::Text;

    fn parse(word: &str, (): &()) -> Result<Self, Problem> {
        parse_listener(word)
    }

    /// A program may construct a value that no word describes.
    fn check(&self, (): &()) -> Result<(), Problem> {
        if parse_listener(&self.to_string())? == *self {
            return Ok(());
        }
        Err(Problem::new(
            format!(
                "{} has another meaning when it is read",
                quoted(&self.to_string())
            ),
            "give a path or name that can be written",
        ))
    }

    fn to_toml(&self) -> String {
        toml_text(&self.to_string())
    }

    fn placeholder_and_bounds((): &()) -> (&'static str, String) {
        ("WHERE", String::new())
    }

    /// An address can be bound only once, whatever the protocol. Port 0 is a different free port each time.
    fn duplicates(&self, other: &Self) -> bool {
        let is_any = matches!(&self.target, ListenTarget::Tcp(address) if address.port() == 0);
        self.target == other.target && !is_any
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_listener_has_protocols_and_a_target() {
        let listen: ListenSpec = "[::1]:80".parse().unwrap();
        assert_eq!(
            listen,
            SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 80)).into()
        );
        let listen: ListenSpec = "tls+proxy+tracker+127.0.0.1:443".parse().unwrap();
        assert!(listen.tls && listen.proxy && listen.role == ListenerRole::Tracker);
        let listen: ListenSpec = "pages+unix:/run/a b+c:d".parse().unwrap();
        assert_eq!(listen.target, ListenTarget::Unix("/run/a b+c:d".into()));
        assert_eq!(listen.role, ListenerRole::Pages);
        let listen: ListenSpec = "proxy+systemd:web front".parse().unwrap();
        assert_eq!(
            listen.target,
            ListenTarget::Systemd(Some("web front".into()))
        );
        let listen: ListenSpec = "[fe80::1%2]:80".parse().unwrap();
        assert_eq!(listen.to_string(), "[fe80::1%2]:80");
        let listen: ListenSpec = "systemd".parse().unwrap();
        assert_eq!(listen.target, ListenTarget::Systemd(None));
    }

    #[test]
    fn errors_have_a_remedy() {
        for (word, remedy) in [
            ("8000", "[::]:8000"),
            (":8000", "[::]:8000"),
            ("localhost:80", "127.0.0.1:8000"),
            ("192.0.2.1", "as well: 192.0.2.1:8000"),
            ("[::1]", "as well: [::1]:8000"),
            ("tls:127.0.0.1:80", "tls+[::]:8443"),
            ("https://127.0.0.1:80", "tls+[::]:8443"),
            ("http+127.0.0.1:80", "tls+, proxy+"),
            ("tls+tls+127.0.0.1:80", "once"),
            ("pages+tracker+127.0.0.1:80", "one of tracker+ and pages+"),
            ("unix:", "unix:/run"),
            ("unix:/run/", "unix:/run"),
            ("systemd:", "FileDescriptorName="),
            ("systemd:a:b", "FileDescriptorName="),
            ("systemdx", "or systemd"),
            ("[fe80::1]:9000", "[fe80::1%2]:9000"),
            ("tls+[ff02::1]:9000", "[::]:9000"),
            ("224.0.0.1:80", "[::]:80"),
            ("255.255.255.255:80", "[::]:80"),
            ("[::ffff:127.0.0.1]:0", "give 127.0.0.1:0"),
            ("[::ffff:0.0.0.0]:80", "give 0.0.0.0:80"),
            ("tls+", "or systemd"),
            ("+127.0.0.1:80", "tls+, proxy+"),
            ("", "or systemd"),
        ] {
            let problem = parse_listener(word).unwrap_err();
            assert!(problem.remedy.contains(remedy), "{word}: {problem:?}");
        }
    }

    proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_printed_listener_parses_to_itself(
            tls: bool, proxy: bool, role in 0..3usize, target in 0..4, port: u16, text in "[ -~é]{1,20}",
        ) {
            let target = match target {
                0 => ListenTarget::Tcp(SocketAddr::from(([127, 0, 0, 1], port))),
                1 => ListenTarget::Unix(format!("/{text}x").into()),
                2 => ListenTarget::Systemd(Some(text.replace([':', 'é'], "_"))),
                _ => ListenTarget::Systemd(None),
            };
            let role = [ListenerRole::Both, ListenerRole::Tracker, ListenerRole::Pages][role];
            let listen = ListenSpec { tls, proxy, role, target };
            prop_assert_eq!(listen.to_string().parse(), Ok(listen.clone()));
            prop_assert_eq!(listen.check(&()), Ok(()));
        }

        #[test]
        fn any_text_is_a_listener_or_an_error(text in ".{0,40}") {
            if let Ok(listen) = text.parse::<ListenSpec>() {
                prop_assert_eq!(listen.to_string().parse(), Ok(listen));
            }
        }
    }
}
