//! Holds the reading of PROXY headers against a second one, written from the specification alone.
//!
//! The second one is as strict as the specification is for who sends; where ours takes more, it has no opinion, but both name
//! the same client wherever both read one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use swarmhub::net::proxy::{HEADER_BYTES_MAX, LINE_BYTES_MAX, Source, parse};

const MARK: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Panics if anything about the reading of these bytes is wrong.
pub(crate) fn check(bytes: &[u8]) {
    let ours = parse(bytes);
    if let Some(strict) = by_the_book(bytes) {
        assert_eq!(ours, Some(strict), "{}", shown(bytes));
    }
    let Some(source) = ours else {
        return;
    };
    if let Source::Client(address) = source {
        assert_eq!(address, address.to_canonical(), "{}", shown(bytes));
        check_said(bytes, address);
    }
    // It ends where it says: neither a part of it nor more than it is a header.
    for end in 0..bytes.len() {
        let part = bytes.get(..end).unwrap_or_default();
        assert_eq!(parse(part), None, "{} of {}", end, shown(bytes));
    }
    assert_eq!(parse(&[bytes, b"\n"].concat()), None, "{}", shown(bytes));
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).escape_debug().to_string()
}

/// A client's address stands in the header, in the place of the source.
fn check_said(bytes: &[u8], address: IpAddr) {
    let is_said = if bytes.starts_with(MARK) {
        [v4_at(bytes, 16), v6_at(bytes, 16)].contains(&Some(address))
    } else {
        let text = std::str::from_utf8(bytes).expect("a line is text");
        let word = text.split(' ').nth(2).expect("a source");
        word.parse::<IpAddr>().map(|said| said.to_canonical()) == Ok(address)
    };
    assert!(is_said, "{address} from {}", shown(bytes));
}

/// What these bytes mean as a whole header, if they are one in every point; nothing if they are not.
fn by_the_book(bytes: &[u8]) -> Option<Source> {
    if bytes.starts_with(MARK) {
        return binary(bytes);
    }
    let line = std::str::from_utf8(bytes).ok()?.strip_suffix("\r\n")?;
    if bytes.len() > LINE_BYTES_MAX {
        return None;
    }
    if line == "PROXY UNKNOWN" {
        return Some(Source::Proxy);
    }
    let words: Vec<_> = line.split(' ').collect();
    let ["PROXY", family, source, destination, from, to] = words[..] else {
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
    Some(Source::Client(address.to_canonical()))
}

fn binary(bytes: &[u8]) -> Option<Source> {
    let [command, family, high, low] = *bytes.get(12..16)?.first_chunk()?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if bytes.len() != 16 + length || bytes.len() > HEADER_BYTES_MAX {
        return None;
    }
    match (command, family) {
        (0x20, 0x00) if length == 0 => Some(Source::Proxy),
        (0x21, 0x11) if length == 12 => v4_at(bytes, 16).map(Source::Client),
        (0x21, 0x21) if length == 36 => v6_at(bytes, 16).map(Source::Client),
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
