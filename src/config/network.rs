//! Parses and matches networks in settings: an address block, one address, or the clients of Unix domain sockets.
//! It compares addresses and resolves nothing.

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;

use super::error::{Problem, quoted};
use super::value::{ScalarKind, SettingValue, toml_text};

/// A network of clients or proxies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// All clients of Unix domain sockets.
    Unix,
    /// An address block without host bits; never IPv4 mapped to IPv6.
    Block(IpNet),
}

impl Network {
    /// Returns whether a peer belongs to the network. `None` is a client of a Unix domain socket. IPv4-mapped IPv6
    /// addresses count as IPv4.
    #[must_use]
    pub fn contains(&self, peer: Option<IpAddr>) -> bool {
        match (self, peer) {
            (Self::Unix, None) => true,
            (Self::Block(block), Some(address)) => block.contains(&address.to_canonical()),
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        parse_network(word).map_err(|problem| format!("{}; {}", problem.what, problem.remedy))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix => f.write_str("unix"),
            Self::Block(block) if block.prefix_len() == block.max_prefix_len() => {
                block.addr().fmt(f)
            }
            Self::Block(block) => block.fmt(f),
        }
    }
}

fn parse_network(word: &str) -> Result<Network, Problem> {
    if word == "unix" {
        return Ok(Network::Unix);
    }
    let block = parse_block(word).ok_or_else(|| {
        Problem::new(
            format!("{} is not a network", quoted(word)),
            "give one such as 10.0.0.0/8, fd00::/8, 192.0.2.1, or unix",
        )
    })?;
    check_block(block).map(Network::Block)
}

/// Parses an address block, or one address as a block.
pub(super) fn parse_block(word: &str) -> Option<IpNet> {
    let block = word.parse::<IpNet>();
    block
        .or_else(|_| word.parse::<IpAddr>().map(IpNet::from))
        .ok()
}

/// Returns a block if it has no host bits and is not IPv4 written as IPv6.
pub(super) fn check_block(block: IpNet) -> Result<IpNet, Problem> {
    if block != block.trunc() {
        return Err(Problem::new(
            format!("{} has host bits set", quoted(&block.to_string())),
            format!("give {} or {}", block.trunc(), block.addr()),
        ));
    }
    let is_mapped =
        matches!(block.addr(), IpAddr::V6(address) if address.to_ipv4_mapped().is_some());
    if is_mapped {
        // It could never match, because addresses are compared as IPv4.
        return Err(Problem::new(
            format!("{} is IPv4 written as IPv6", quoted(&block.to_string())),
            "give the IPv4 network",
        ));
    }
    Ok(block)
}

impl SettingValue for Network {
    type Rule = ();
    const KIND: ScalarKind = ScalarKind::Text;

    fn parse(word: &str, (): &()) -> Result<Self, Problem> {
        parse_network(word)
    }

    fn check(&self, (): &()) -> Result<(), Problem> {
        parse_network(&self.to_string()).map(|_| ())
    }

    fn to_toml(&self) -> String {
        toml_text(&self.to_string())
    }

    fn placeholder_and_bounds((): &()) -> (&'static str, String) {
        ("NETWORK", String::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(word: &str) -> Network {
        word.parse().unwrap()
    }

    #[test]
    fn a_network_contains_its_addresses_in_any_notation() {
        for (word, address, holds) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("fd00::/8", "fd12::1", true),
            ("::1", "::1", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "10.0.0.1", false),
        ] {
            let peer = Some(address.parse().unwrap());
            assert_eq!(network(word).contains(peer), holds, "{word} {address}");
            assert!(!network(word).contains(None));
        }
        assert!(network("unix").contains(None));
        assert!(!network("unix").contains(Some([127, 0, 0, 1].into())));
    }

    #[test]
    fn networks_have_one_notation() {
        for word in ["unix", "10.0.0.0/8", "192.0.2.1", "fd00::/8", "::1", "::/0"] {
            assert_eq!(network(word).to_string(), word);
        }
        assert_eq!(network("192.0.2.1/32").to_string(), "192.0.2.1");
        for (word, remedy) in [
            ("10.0.0.1/8", "10.0.0.0/8"),
            ("10.0.0.0/33", "such as"),
            ("10.0.0.0/", "such as"),
            ("example.org", "such as"),
            ("", "such as"),
            ("::ffff:10.0.0.0/104", "IPv4 network"),
        ] {
            let problem = parse_network(word).unwrap_err();
            assert!(problem.remedy.contains(remedy), "{word}: {problem:?}");
        }
    }
}
