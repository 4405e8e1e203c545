//! Compares the parser of PROXY headers with a second one, written from the specification alone.
//!
//! The second parser is as strict as the specification is for senders. Where ours accepts more, the results are not
//! compared. Where both accept a header, both must return the same client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use swarmhub::net::proxy_protocol::{ProxySource, V1_HEADER_BYTES_MAX, V2_HEADER_BYTES_MAX, parse};

const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Panics if the result of reading these bytes is wrong.
pub(crate) fn check(bytes: &[u8]) {
    let ours = parse(bytes);
    if let Some(expected) = strict_parse(bytes) {
        assert_eq!(ours, Some(expected), "{}", printable(bytes));
    }
    let Some(source) = ours else {
        return;
    };
    if let ProxySource::Client(address) = source {
        assert_eq!(address, address.to_canonical(), "{}", printable(bytes));
        check_source(bytes, address);
    }
    // Neither a part of the header nor the header with more bytes is valid.
    for end in 0..bytes.len() {
        let part = bytes.get(..end).unwrap_or_default();
        assert_eq!(parse(part), None, "{} of {}", end, printable(bytes));
    }
    assert_eq!(
        parse(&[bytes, b"\n"].concat()),
        None,
        "{}",
        printable(bytes)
    );
}

fn printable(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).escape_debug().to_string()
}

/// Checks that the client's address is the source address in the header.
fn check_source(bytes: &[u8], address: IpAddr) {
    let is_source = if bytes.starts_with(V2_SIGNATURE) {
        [v4_at(bytes, 16), v6_at(bytes, 16)].contains(&Some(address))
    } else {
        let text = std::str::from_utf8(bytes).expect("a line is text");
        let word = text.split(' ').nth(2).expect("a source");
        word.parse::<IpAddr>().map(|source| source.to_canonical()) == Ok(address)
    };
    assert!(is_source, "{address} from {}", printable(bytes));
}

/// Returns the source of these bytes if they are exactly one valid header.
fn strict_parse(bytes: &[u8]) -> Option<ProxySource> {
    if bytes.starts_with(V2_SIGNATURE) {
        return parse_v2(bytes);
    }
    let line = std::str::from_utf8(bytes).ok()?.strip_suffix("\r\n")?;
    if bytes.len() > V1_HEADER_BYTES_MAX {
        return None;
    }
    if line == "PROXY UNKNOWN" {
        return Some(ProxySource::Proxy);
    }
    let fields: Vec<_> = line.split(' ').collect();
    let ["PROXY", family, source, destination, from, to] = fields[..] else {
        return None;
    };
    let ports = [from, to];
    let are_ports = ports.iter().all(|port| {
        port.parse::<u16>()
            .is_ok_and(|number| number.to_string() == **port)
    });
    if !are_ports {
        return None;
    }
    let address: IpAddr = match family {
        "TCP4" => {
            destination.parse::<Ipv4Addr>().ok()?;
            source.parse::<Ipv4Addr>().ok()?.into()
        }
        "TCP6" => {
            destination.parse::<Ipv6Addr>().ok()?;
            source.parse::<Ipv6Addr>().ok()?.into()
        }
        _ => return None,
    };
    Some(ProxySource::Client(address.to_canonical()))
}

fn parse_v2(bytes: &[u8]) -> Option<ProxySource> {
    let [command, family, high, low] = *bytes.get(12..16)?.first_chunk()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if bytes.len() != 16 + length || bytes.len() > V2_HEADER_BYTES_MAX {
        return None;
    }
    match (command, family) {
        (0x20, 0x00) if length == 0 => Some(ProxySource::Proxy),
        (0x21, 0x11) if length == 12 => v4_at(bytes, 16).map(ProxySource::Client),
        (0x21, 0x21) if length == 36 => v6_at(bytes, 16).map(ProxySource::Client),
        _ => None,
    }
}

fn v4_at(bytes: &[u8], at: usize) -> Option<IpAddr> {
    let octets: [u8; 4] = *bytes.get(at..)?.first_chunk()?;
    Some(octets.into())
}

fn v6_at(bytes: &[u8], at: usize) -> Option<IpAddr> {
    let octets: [u8; 16] = *bytes.get(at..)?.first_chunk()?;
    Some(IpAddr::from(octets).to_canonical())
}
