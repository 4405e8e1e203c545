//! The true address of a client behind proxies: how far their headers are believed.
//!
//! Plain functions over header values. What a client wrote into a header itself stands left of what a trusted proxy
//! appended, so headers are read from the right, up to the first address that is no trusted proxy.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};

use crate::config::{self, Network};

/// `proxies.trusted` and `proxies.header`.
#[derive(Debug, Clone)]
pub struct Proxies {
    trusted: Vec<Network>,
    header: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `X-Forwarded-For`: a list of addresses.
    List,
    /// `Forwarded` (RFC 7239).
    Elements,
    /// One that holds a single address.
    Single,
}

/// Where a connection comes from, by all that is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Its address; `None` for who connected to a socket file and was not forwarded.
    pub address: Option<IpAddr>,
    /// How many trusted proxies are known to be on the way.
    pub hops: usize,
    /// Whether a proxy said so.
    pub is_forwarded: bool,
    /// Whether the header was there, but came from somebody who is not believed.
    pub is_ignored: bool,
    /// Whether a trusted proxy sent a header that names nobody: it cannot be read, is empty, hides the client, or names loopback
    /// from another machine, where every client could be `127.0.0.1`. The address is
    /// that of the last proxy that could be told then, and must not be taken for the client's.
    pub is_malformed: bool,
}

/// What one entry of a header names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Node {
    Address(IpAddr),
    /// `unknown`, or a name that hides who it is.
    Hidden,
    Malformed,
}

impl Proxies {
    /// As configured.
    #[must_use]
    pub fn new(proxies: &config::Proxies) -> Self {
        let header = proxies.header.to_ascii_lowercase();
        let kind = match header.as_str() {
            "x-forwarded-for" => Kind::List,
            "forwarded" => Kind::Elements,
            _ => Kind::Single,
        };
        Self {
            trusted: proxies.trusted.clone(),
            header,
            kind,
        }
    }

    /// The header whose values are to be handed to [`Self::client`], in lower case.
    #[must_use]
    pub fn header(&self) -> &str {
        &self.header
    }

    /// Whether this peer is believed about its clients. `None` is one that connected to a socket file.
    #[must_use]
    pub fn trust(&self, peer: Option<IpAddr>) -> bool {
        self.trusted.iter().any(|network| network.contains(peer))
    }

    /// Whether a PROXY header of this peer is believed: without a list, of everybody who can connect to a listener that
    /// requires it.
    #[must_use]
    pub fn may_introduce(&self, peer: Option<IpAddr>) -> bool {
        self.trusted.is_empty() || peer.is_none() || self.trust(peer)
    }

    /// Whether it can be true what a PROXY header of `peer` says about its client.
    #[must_use]
    pub fn may_tell(peer: Option<IpAddr>, told: IpAddr) -> bool {
        !names_teller_itself(told) || is_here(peer)
    }

    /// The client of a connection from `peer`, whose requests have these values of the header, in their order.
    pub fn client<'a>(
        &self,
        peer: Option<IpAddr>,
        values: impl DoubleEndedIterator<Item = &'a [u8]>,
    ) -> Client {
        if !self.trust(peer) {
            return Client {
                is_ignored: values.count() > 0,
                ..self.walk(peer, std::iter::empty())
            };
        }
        let mut from_right = values.rev().peekable();
        if from_right.peek().is_none() {
            // No header: the proxy itself, or a program beside it.
            return self.walk(peer, std::iter::empty());
        }
        match self.kind {
            Kind::List => self.walk(
                peer,
                from_right
                    .flat_map(|value| value.rsplit(|&byte| byte == b','))
                    .map(<[u8]>::trim_ascii)
                    .filter(|entry| !entry.is_empty())
                    .map(|entry| node(unquote(entry).as_deref())),
            ),
            Kind::Elements => self.walk(
                peer,
                from_right
                    .flat_map(FromRight::new)
                    .map(<[u8]>::trim_ascii)
                    .filter(|element| !element.is_empty())
                    .map(element),
            ),
            Kind::Single => {
                // Of two values nobody knows which one the proxy wrote.
                let mut values = from_right.fuse();
                let first = values.next().map(|value| match values.next() {
                    None => node(Some(value.trim_ascii())),
                    Some(_) => Node::Malformed,
                });
                self.walk(peer, first.into_iter())
            }
        }
        .named_or_not()
    }

    /// What the trusted proxies on the way to a client say in `Forwarded` under a name, the nearest first; nothing where another
    /// header is the one that is believed.
    pub fn told<'a>(
        &self,
        client: &Client,
        values: impl DoubleEndedIterator<Item = &'a [u8]>,
        name: &str,
    ) -> Vec<String> {
        if self.kind != Kind::Elements {
            return Vec::new();
        }
        let elements = values
            .rev()
            .flat_map(FromRight::new)
            .map(<[u8]>::trim_ascii);
        let elements = elements.filter(|element| !element.is_empty());
        let told = elements.take(client.hops).filter_map(|element| {
            let value = value_in(element, name.as_bytes()).ok()??;
            String::from_utf8(value.into_owned()).ok()
        });
        told.collect()
    }

    /// Goes from proxy to proxy as long as they are trusted.
    fn walk(&self, peer: Option<IpAddr>, nodes: impl Iterator<Item = Node>) -> Client {
        let mut client = Client {
            address: peer.map(|address| address.to_canonical()),
            hops: usize::from(self.trust(peer)),
            is_forwarded: false,
            is_ignored: false,
            is_malformed: false,
        };
        for node in nodes {
            match node {
                Node::Address(address) if !Self::may_tell(client.address, address) => {
                    client.is_malformed = true;
                    break;
                }
                Node::Address(address) => {
                    client.address = Some(address);
                    client.is_forwarded = true;
                    if !self.trust(client.address) {
                        break;
                    }
                    client.hops += 1;
                }
                Node::Hidden | Node::Malformed => {
                    client.is_malformed = true;
                    break;
                }
            }
        }
        client
    }
}

impl Client {
    /// The client of a header that was there: it names somebody, or nobody.
    fn named_or_not(self) -> Self {
        Self {
            is_malformed: self.is_malformed || !self.is_forwarded,
            ..self
        }
    }
}

/// Whether an address names the machine that speaks of it: the server's own programs only if that is the server's machine.
fn names_teller_itself(told: IpAddr) -> bool {
    let told = told.to_canonical();
    told.is_loopback() || told.is_unspecified()
}

/// Whether a peer is on this machine: over loopback or a socket file.
fn is_here(peer: Option<IpAddr>) -> bool {
    peer.is_none_or(|peer| peer.to_canonical().is_loopback())
}

/// An address with or without port, as both headers write it: `192.0.2.1`, `192.0.2.1:80`, `[2001:db8::1]:80`; without
/// brackets as well, which only RFC 7239 forbids.
fn node(text: Option<&[u8]>) -> Node {
    let Some(text) = text.and_then(|text| std::str::from_utf8(text).ok()) else {
        return Node::Malformed;
    };
    if let Ok(address) = text.parse::<IpAddr>() {
        return Node::Address(address.to_canonical());
    }
    let bracketed = text.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    let (name, port) = match bracketed {
        Some((name, "")) => (name, None),
        Some((name, port)) => match port.strip_prefix(':') {
            Some(port) => (name, Some(port)),
            None => return Node::Malformed,
        },
        None => match text.split_once(':') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        },
    };
    if port.is_some_and(|port| !is_port(port)) {
        return Node::Malformed;
    }
    if bracketed.is_some() {
        let address = name.parse::<Ipv6Addr>().map(IpAddr::from);
        return address.map_or(Node::Malformed, |address| {
            Node::Address(address.to_canonical())
        });
    }
    match name.parse::<IpAddr>() {
        Ok(address) => Node::Address(address),
        Err(_) if name.eq_ignore_ascii_case("unknown") || is_obfuscated(name) => Node::Hidden,
        Err(_) => Node::Malformed,
    }
}

fn is_port(port: &str) -> bool {
    let is_number = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    is_number || is_obfuscated(port)
}

/// RFC 7239, 6.3.
fn is_obfuscated(name: &str) -> bool {
    name.strip_prefix('_').is_some_and(|rest| {
        let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !rest.is_empty() && rest.bytes().all(is_known)
    })
}

/// What a token or a quoted string means; `None` if the quotes do not match.
fn unquote(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let Some(inner) = text.strip_prefix(b"\"") else {
        return (!text.contains(&b'"')).then_some(Cow::Borrowed(text));
    };
    let inner = inner.strip_suffix(b"\"")?;
    if !inner.iter().any(|byte| b"\"\\".contains(byte)) {
        return Some(Cow::Borrowed(inner));
    }
    let (mut meant, mut is_escaped) = (Vec::new(), false);
    for &byte in inner {
        match byte {
            b'\\' if !is_escaped => is_escaped = true,
            b'"' if !is_escaped => return None,
            _ => {
                meant.push(byte);
                is_escaped = false;
            }
        }
    }
    (!is_escaped).then_some(Cow::Owned(meant))
}

/// The `for` of one element of `Forwarded`. An element without one says nothing about the client.
fn element(element: &[u8]) -> Node {
    match value_in(element, b"for") {
        Ok(Some(value)) => node(Some(&value)),
        Ok(None) => Node::Hidden,
        Err(Unreadable) => Node::Malformed,
    }
}

/// An element of `Forwarded` is against the grammar, or says the same twice.
#[derive(Debug)]
struct Unreadable;

/// What an element of `Forwarded` says under a name.
fn value_in<'a>(element: &'a [u8], wanted: &[u8]) -> Result<Option<Cow<'a, [u8]>>, Unreadable> {
    let (mut rest, mut found) = (Some(element), None);
    while let Some(text) = rest {
        let (pair, after) = split_pair(text);
        rest = after;
        let pair = pair.trim_ascii();
        if pair.is_empty() {
            continue;
        }
        let mut halves = pair.splitn(2, |&byte| byte == b'=');
        let (Some(name), Some(value)) = (halves.next(), halves.next()) else {
            return Err(Unreadable);
        };
        let value = unquote(value).ok_or(Unreadable)?;
        if name.eq_ignore_ascii_case(wanted) && found.replace(value).is_some() {
            return Err(Unreadable);
        }
    }
    Ok(found)
}

/// What stands before the first semicolon outside of quotes, and what behind it.
fn split_pair(text: &[u8]) -> (&[u8], Option<&[u8]>) {
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

/// The elements of a list, the last one first. A quote that a client leaves open reaches no further to the right than its
/// own part: what a proxy appends has matching quotes, which is all that is looked at on the way to its left end.
struct FromRight<'a>(Option<&'a [u8]>);

impl<'a> FromRight<'a> {
    fn new(list: &'a [u8]) -> Self {
        Self(Some(list))
    }
}

impl<'a> Iterator for FromRight<'a> {
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

/// Whether the character behind this text is taken as it is.
fn is_escaped(before: &[u8]) -> bool {
    let backslashes = before.iter().rev().take_while(|&&byte| byte == b'\\');
    backslashes.count() % 2 == 1
}

#[cfg(test)]
mod tests;
