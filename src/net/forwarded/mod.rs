//! Determines the client address behind trusted proxies from their headers.
//!
//! Consists of plain functions over header values. A trusted proxy appends to the right of what the client sent, so
//! headers are read from the right, up to the first address that is not a trusted proxy.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

use crate::config::{self, Network};

/// `proxies.trusted` and `proxies.header`.
#[derive(Debug, Clone)]
pub struct TrustedProxies {
    trusted: Vec<Network>,
    header: String,
    kind: ForwardingHeader,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ForwardingHeader {
    /// `X-Forwarded-For`: a list of addresses.
    List,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// A header with a single address.
    Single,
}

/// The origin of a connection, as far as trusted proxies name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForwardedClient {
    /// The client address; `None` for a client of a Unix domain socket that was not forwarded.
    pub address: Option<IpAddr>,
    /// The number of trusted proxies on the path.
    pub trusted_hops: usize,
    /// Whether a proxy named the address.
    pub is_forwarded: bool,
    /// Whether the header was present but came from an untrusted peer.
    pub is_untrusted: bool,
    /// Whether a trusted proxy sent a header without a usable client: it is invalid, empty, hides the client, or names
    /// loopback from another machine, where every client could be `127.0.0.1`. The address is then that of the last
    /// known proxy, and must not be used as the client's.
    pub is_malformed: bool,
}

/// The node that one entry of a header names (RFC 7239).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ForwardedNode {
    Address(IpAddr),
    /// `unknown`, or an obfuscated identifier.
    Hidden,
    Malformed,
}

impl TrustedProxies {
    /// Creates it from the settings.
    #[must_use]
    pub fn new(proxies: &config::TrustedProxies) -> Self {
        let header = proxies.header.to_ascii_lowercase();
        let kind = match header.as_str() {
            "x-forwarded-for" => ForwardingHeader::List,
            "forwarded" => ForwardingHeader::Forwarded,
            _ => ForwardingHeader::Single,
        };
        Self {
            trusted: proxies.trusted.clone(),
            header,
            kind,
        }
    }

    /// Returns the name of the header whose values [`Self::resolve_client`] expects, in lower case.
    #[must_use]
    pub fn header(&self) -> &str {
        &self.header
    }

    /// Returns whether this peer is a trusted proxy. `None` is a client of a Unix domain socket.
    #[must_use]
    pub fn is_trusted(&self, peer: Option<IpAddr>) -> bool {
        self.trusted.iter().any(|network| network.contains(peer))
    }

    /// Returns whether a PROXY header of this peer is accepted. If no proxies are set, it is accepted from every peer
    /// of a listener that requires it.
    #[must_use]
    pub fn accepts_proxy_header(&self, peer: Option<IpAddr>) -> bool {
        self.trusted.is_empty() || peer.is_none() || self.is_trusted(peer)
    }

    /// Returns whether `client` is plausible in a PROXY header of `peer`: a remote peer cannot have a loopback client.
    #[must_use]
    pub fn is_plausible_client(peer: Option<IpAddr>, client: IpAddr) -> bool {
        !means_own_machine(client) || is_local_peer(peer)
    }

    /// Returns the client of a connection from `peer` whose request has these header values, in their order.
    pub fn resolve_client<'a>(
        &self,
        peer: Option<IpAddr>,
        values: impl DoubleEndedIterator<Item = &'a [u8]>,
    ) -> ForwardedClient {
        if !self.is_trusted(peer) {
            return ForwardedClient {
                is_untrusted: values.count() > 0,
                ..self.follow_chain(peer, std::iter::empty())
            };
        }
        let mut from_right = values.rev().peekable();
        if from_right.peek().is_none() {
            // No header: the proxy itself, or another program on its machine.
            return self.follow_chain(peer, std::iter::empty());
        }
        match self.kind {
            ForwardingHeader::List => self.follow_chain(
                peer,
                from_right
                    .flat_map(|value| value.rsplit(|&byte| byte == b','))
                    .map(<[u8]>::trim_ascii)
                    .filter(|entry| !entry.is_empty())
                    .map(|entry| parse_node(unquote(entry).as_deref())),
            ),
            ForwardingHeader::Forwarded => self.follow_chain(
                peer,
                from_right
                    .flat_map(ElementsFromRight::new)
                    .map(<[u8]>::trim_ascii)
                    .filter(|element| !element.is_empty())
                    .map(for_node),
            ),
            ForwardingHeader::Single => {
                // Of two values, it is unknown which one the proxy wrote.
                let mut values = from_right.fuse();
                let first = values.next().map(|value| match values.next() {
                    None => parse_node(Some(value.trim_ascii())),
                    Some(_) => ForwardedNode::Malformed,
                });
                self.follow_chain(peer, first.into_iter())
            }
        }
        .require_address()
    }

    /// Returns the values of a `Forwarded` parameter from the trusted proxies on the path, the nearest first. Returns
    /// nothing if another header is configured.
    pub fn forwarded_values<'a>(
        &self,
        client: &ForwardedClient,
        values: impl DoubleEndedIterator<Item = &'a [u8]>,
        name: &str,
    ) -> Vec<String> {
        if self.kind != ForwardingHeader::Forwarded {
            return Vec::new();
        }
        let elements = values
            .rev()
            .flat_map(ElementsFromRight::new)
            .map(<[u8]>::trim_ascii);
        let elements = elements.filter(|element| !element.is_empty());
        let values = elements.take(client.trusted_hops).filter_map(|element| {
            let value = parameter(element, name.as_bytes()).ok()??;
            String::from_utf8(value.into_owned()).ok()
        });
        values.collect()
    }

    /// Follows the chain of proxies up to the first untrusted address.
    fn follow_chain(
        &self,
        peer: Option<IpAddr>,
        nodes: impl Iterator<Item = ForwardedNode>,
    ) -> ForwardedClient {
        let mut client = ForwardedClient {
            address: peer.map(|address| address.to_canonical()),
            trusted_hops: usize::from(self.is_trusted(peer)),
            is_forwarded: false,
            is_untrusted: false,
            is_malformed: false,
        };
        for node in nodes {
            match node {
                ForwardedNode::Address(address)
                    if !Self::is_plausible_client(client.address, address) =>
                {
                    client.is_malformed = true;
                    break;
                }
                ForwardedNode::Address(address) => {
                    client.address = Some(address);
                    client.is_forwarded = true;
                    if !self.is_trusted(client.address) {
                        break;
                    }
                    client.trusted_hops += 1;
                }
                ForwardedNode::Hidden | ForwardedNode::Malformed => {
                    client.is_malformed = true;
                    break;
                }
            }
        }
        client
    }
}

impl ForwardedClient {
    /// Marks the client of a present header as malformed if the header names no address.
    fn require_address(self) -> Self {
        Self {
            is_malformed: self.is_malformed || !self.is_forwarded,
            ..self
        }
    }
}

/// Returns whether an address means the machine of the sender. It means this machine only if the sender is local.
fn means_own_machine(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || address.is_unspecified()
}

/// Returns whether a peer is on this machine: over loopback or a Unix domain socket.
fn is_local_peer(peer: Option<IpAddr>) -> bool {
    peer.is_none_or(|peer| peer.to_canonical().is_loopback())
}

/// Parses an address with or without port, as both headers write it: `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]:80`.
/// Also accepts IPv6 without brackets, which only RFC 7239 forbids.
fn parse_node(text: Option<&[u8]>) -> ForwardedNode {
    let Some(text) = text.and_then(|text| std::str::from_utf8(text).ok()) else {
        return ForwardedNode::Malformed;
    };
    if let Ok(address) = text.parse::<IpAddr>() {
        return ForwardedNode::Address(address.to_canonical());
    }
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (name, port) = match bracketed {
        Some((name, "")) => (name, None),
        Some((name, port)) => match port.strip_prefix(':') {
            Some(port) => (name, Some(port)),
            None => return ForwardedNode::Malformed,
        },
        None => match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    if port.is_some_and(|port| !is_port(port)) {
        return ForwardedNode::Malformed;
    }
    if bracketed.is_some() {
        let address = name.parse::<Ipv6Addr>().map(IpAddr::from);
        return address.map_or(ForwardedNode::Malformed, |address| {
            ForwardedNode::Address(address.to_canonical())
        });
    }
    match name.parse::<IpAddr>() {
        Ok(address) => ForwardedNode::Address(address),
        Err(_) if name.eq_ignore_ascii_case("unknown") || is_obfuscated(name) => {
            ForwardedNode::Hidden
        }
        Err(_) => ForwardedNode::Malformed,
    }
}

fn is_port(port: &str) -> bool {
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    is_number || is_obfuscated(port)
}

/// Returns whether a name is an obfuscated identifier (RFC 7239, 6.3).
fn is_obfuscated(name: &str) -> bool {
    name.strip_prefix('_').is_some_and(|rest| {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !rest.is_empty() && rest.bytes().all(is_known)
    })
}

/// Returns the value of a token or a quoted string; `None` if the quotes do not match.
fn unquote(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let Some(inner) = text.strip_prefix(b"\"") else {
        return (!text.contains(&b'"')).then_some(Cow::Borrowed(text));
    };
    let inner = inner.strip_suffix(b"\"")?;
    if !inner.iter().any(|byte| b"\"\\".contains(byte)) {
        return Some(Cow::Borrowed(inner));
    }
    let (mut value, mut is_escaped) = (Vec::new(), false);
    for &byte in inner {
        match byte {
            b'\\' if !is_escaped => is_escaped = true,
            b'"' if !is_escaped => return None,
            _ => {
                value.push(byte);
                is_escaped = false;
            }
        }
    }
    (!is_escaped).then_some(Cow::Owned(value))
}

/// Returns the `for` node of one element of `Forwarded`. An element without one hides the client.
fn for_node(element: &[u8]) -> ForwardedNode {
    match parameter(element, b"for") {
        Ok(Some(value)) => parse_node(Some(&value)),
        Ok(None) => ForwardedNode::Hidden,
        Err(InvalidElement) => ForwardedNode::Malformed,
    }
}

/// An element of `Forwarded` violates the grammar, or repeats a parameter.
#[derive(Debug)]
struct InvalidElement;

/// Returns the value of a parameter in an element of `Forwarded`.
fn parameter<'a>(
    element: &'a [u8],
    wanted: &[u8],
) -> Result<Option<Cow<'a, [u8]>>, InvalidElement> {
    let (mut rest, mut found) = (Some(element), None);
    while let Some(text) = rest {
        let (pair, after) = split_parameter(text);
        rest = after;
        let pair = pair.trim_ascii();
        if pair.is_empty() {
            continue;
        }
        let mut halves = pair.splitn(2, |&byte| byte == b'=');
        let (Some(name), Some(value)) = (halves.next(), halves.next()) else {
            return Err(InvalidElement);
        };
        let value = unquote(value).ok_or(InvalidElement)?;
        if name.eq_ignore_ascii_case(wanted) && found.replace(value).is_some() {
            return Err(InvalidElement);
        }
    }
    Ok(found)
}

/// Splits at the first semicolon outside of quotes.
fn split_parameter(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (place, &byte) in text.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b';' if !is_quoted => {
                let (pair, rest) = text.split_at(place);
                return (pair, rest.get(1..));
            }
            _ => {}
        }
    }
    (text, None)
}

/// Iterates over the elements of a list, the last one first. An unclosed quote of a client does not extend into what a
/// proxy appends: reading from the right passes only the matching quotes of the proxy before it reaches the client's
/// part.
struct ElementsFromRight<'a>(Option<&'a [u8]>);

impl<'a> ElementsFromRight<'a> {
    fn new(list: &'a [u8]) -> Self {
        Self(Some(list))
    }
}

impl<'a> Iterator for ElementsFromRight<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let list = self.0.take()?;
        let mut is_quoted = false;
        for (place, &byte) in list.iter().enumerate().rev() {
            let (before, from) = list.split_at(place);
            match byte {
                b'"' if !is_escaped(before) => is_quoted = !is_quoted,
                b',' if !is_quoted => {
                    self.0 = Some(before);
                    return from.get(1..);
                }
                _ => {}
            }
        }
        Some(list)
    }
}

/// Returns whether a backslash escapes the character after this text.
fn is_escaped(before: &[u8]) -> bool {
    let backslashes = before.iter().rev().take_while(|&&byte| byte == b'\\');
    backslashes.count() % 2 == 1
}

#[cfg(test)]
mod tests;
