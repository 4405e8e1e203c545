//! Parses the UDP addresses of the STUN server.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use super::error::{Problem, quoted};
use super::value::{ScalarKind, SettingValue, toml_text};

/// An address of this machine with a UDP port; port 0 selects a free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UdpAddress(pub SocketAddr);

impl fmt::Display for UdpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl SettingValue for UdpAddress {
    type Rule = ();
    const KIND: ScalarKind = ScalarKind::Text;

    fn parse(word: &str, (): &()) -> Result<Self, Problem> {
        let address: SocketAddr = word.parse().map_err(|_| {
            let what = format!("{} is not an IP address with a port", quoted(word));
            Problem::new(what, remedy(word))
        })?;
        let is_usable = !address.ip().is_multicast() && address.ip() != Ipv4Addr::BROADCAST;
        if is_usable {
            return Ok(Self(address));
        }
        Err(Problem::new(
            format!("{} is a multicast or broadcast address", quoted(word)),
            format!(
                "give one of this machine, or [::]:{} for all of them",
                address.port()
            ),
        ))
    }

    fn check(&self, (): &()) -> Result<(), Problem> {
        Self::parse(&self.to_string(), &()).map(|_| ())
    }

    fn to_toml(&self) -> String {
        toml_text(&self.to_string())
    }

    fn placeholder_and_bounds((): &()) -> (&'static str, String) {
        ("IP:PORT", String::new())
    }
}

/// Returns a remedy for what was probably meant.
fn remedy(word: &str) -> String {
    let port = word.strip_prefix("udp:").unwrap_or(word);
    if let Ok(port) = port.trim_start_matches(':').parse::<u16>() {
        return format!("for all addresses of this machine give [::]:{port}");
    }
    let address = word.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = address.parse::<IpAddr>() {
        return format!("give its port as well: {}", SocketAddr::new(address, 3478));
    }
    "give one such as [::]:3478; names and prefixes are not possible here".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_needs_an_ip_and_a_port() {
        for word in ["[::]:3478", "0.0.0.0:0", "192.0.2.1:443"] {
            let address = UdpAddress::parse(word, &()).unwrap();
            assert_eq!(address.to_string(), word);
            assert_eq!(SettingValue::check(&address, &()), Ok(()));
        }
        for (word, remedy) in [
            ("3478", "[::]:3478"),
            (":3478", "[::]:3478"),
            ("udp:3478", "[::]:3478"),
            ("192.0.2.1", "192.0.2.1:3478"),
            ("2001:db8::1", "[2001:db8::1]:3478"),
            ("224.0.0.1:3478", "[::]:3478"),
            ("stun.example:3478", "such as [::]:3478"),
            ("tls+[::]:3478", "such as [::]:3478"),
        ] {
            let problem = UdpAddress::parse(word, &()).unwrap_err();
            assert!(problem.remedy.contains(remedy), "{word}: {problem:?}");
        }
    }
}
