//! Reads the PROXY protocol header, versions 1 and 2, with which a proxy names the client of a connection.
//!
//! Reads exactly the header, so that the stream continues as if there were none. Each listener requires or forbids the
//! header; the worker enforces that and the timeout (`proxies.proxy_timeout`).
//! The format: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>.

use std::io;
use std::net::IpAddr;

use ppp::{v1, v2};
use tokio::io::AsyncReadExt;

use super::Stream;

/// Maximum length of a version 1 header, with its line end.
pub const V1_HEADER_BYTES_MAX: usize = 107;
/// Maximum length of an accepted version 2 header. Two of the longest addresses need 232 bytes; the rest is for
/// extensions. The largest extensions, TLS client certificates, are not used here.
pub const V2_HEADER_BYTES_MAX: usize = 2048;

/// The length of the version 2 signature; the shortest version 1 header is longer.
const V2_SIGNATURE_BYTES: usize = 12;
/// The fixed part of version 2: signature, command, family and length.
const V2_FIXED_BYTES: usize = 16;

/// The source that a PROXY header names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxySource {
    /// A client with this address; never IPv4-mapped IPv6.
    Client(IpAddr),
    /// The proxy itself, such as its health checks, or a client without an IP address. The specification then requires
    /// to use the address of the proxy.
    Proxy,
}

/// Parses a complete header. Returns `None` if it violates the specification.
#[must_use]
pub fn parse(header: &[u8]) -> Option<ProxySource> {
    if header.starts_with(v2::PROTOCOL_PREFIX) {
        return parse_binary(header);
    }
    let parsed = v1::Header::try_from(header).ok()?;
    let source = match parsed.addresses {
        v1::Addresses::Tcp4(both) => ProxySource::Client(both.source_address.into()),
        v1::Addresses::Tcp6(both) => client_source(both.source_address.into()),
        v1::Addresses::Unknown => ProxySource::Proxy,
    };
    // The crate also accepts an UNKNOWN line without carriage return.
    let is_whole = parsed.header.len() == header.len() && header.ends_with(b"\r\n");
    is_whole.then_some(source)
}

fn parse_binary(header: &[u8]) -> Option<ProxySource> {
    let parsed = v2::Header::try_from(header).ok()?;
    let is_whole = parsed.len() == header.len();
    if !is_whole || parsed.protocol == v2::Protocol::Datagram {
        return None;
    }
    Some(match (parsed.command, parsed.addresses) {
        (v2::Command::Proxy, v2::Addresses::IPv4(both)) => {
            ProxySource::Client(both.source_address.into())
        }
        (v2::Command::Proxy, v2::Addresses::IPv6(both)) => {
            client_source(both.source_address.into())
        }
        // LOCAL, an unknown family, or a Unix domain socket.
        _ => ProxySource::Proxy,
    })
}

fn client_source(address: IpAddr) -> ProxySource {
    ProxySource::Client(address.to_canonical())
}

/// Reads the header from the start of a stream. Returns `None` if the stream ends without a byte, as in a port check.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidData`] for an invalid header, and the errors of the stream.
pub(crate) async fn read_header<S: Stream>(stream: &mut S) -> io::Result<Option<ProxySource>> {
    let mut header = vec![0; V2_SIGNATURE_BYTES];
    let first_bytes = stream.read(&mut header).await?;
    if first_bytes == 0 {
        return Ok(None);
    }
    header.truncate(first_bytes);
    read_up_to(stream, &mut header, V2_SIGNATURE_BYTES).await?;
    if header == v2::PROTOCOL_PREFIX {
        read_up_to(stream, &mut header, V2_FIXED_BYTES).await?;
        let length = header
            .last_chunk()
            .map_or(0, |length| u16::from_be_bytes(*length));
        let whole = V2_FIXED_BYTES + usize::from(length);
        if whole > V2_HEADER_BYTES_MAX {
            return Err(invalid_header());
        }
        read_up_to(stream, &mut header, whole).await?;
    } else {
        if !header.starts_with(b"PROXY ") {
            return Err(invalid_header());
        }
        while !header.ends_with(b"\n") {
            let rest = V1_HEADER_BYTES_MAX.saturating_sub(header.len());
            if rest == 0 {
                return Err(invalid_header());
            }
            let bytes = header.len() + stream.peek_line_bytes(rest).await?;
            read_up_to(stream, &mut header, bytes).await?;
        }
    }
    parse(&header).map(Some).ok_or_else(invalid_header)
}

async fn read_up_to<S: Stream>(
    stream: &mut S,
    header: &mut Vec<u8>,
    bytes: usize,
) -> io::Result<()> {
    let filled = header.len();
    header.resize(bytes, 0);
    let buffer = header.get_mut(filled..).unwrap_or_default();
    stream.read_exact(buffer).await.map(|_| ())
}

fn invalid_header() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "invalid or missing PROXY header",
    )
}

#[cfg(test)]
mod tests;
