//! The PROXY protocol, versions 1 and 2: the header in which a proxy says for whom it opened a connection.
//!
//! Reads the header and not a byte more, so that the stream goes on as if there had been none. Each listener requires the
//! header or forbids it; that is the worker's affair, as is the time it may take (`proxies.proxy_timeout`).
//! The format: <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>.

use std::io;
use std::net::IpAddr;

use ppp::{v1, v2};
use tokio::io::AsyncReadExt;

use super::Stream;

/// The longest header of version 1, with its line end.
pub const LINE_BYTES_MAX: usize = 107;
/// The longest header of version 2 that is taken. Two of the longest addresses need 232 bytes; the rest is for
/// extensions, of which the largest, TLS certificates of clients, are not for us.
pub const HEADER_BYTES_MAX: usize = 2048;

/// The shortest header of version 1 has more, and the mark of version 2 is as long.
const MARK_BYTES: usize = 12;
/// Mark, command, family and length of version 2.
const FIXED_BYTES: usize = 16;

/// For whom a connection was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// For the client with this address; IPv4 is never written as IPv6.
    Client(IpAddr),
    /// For the proxy itself, such as its health checks, or for somebody without an IP address. What counts is the address
    /// of the proxy then, as the specification says.
    Proxy,
}

/// Reads a whole header. `None` if it is none, or one that is against the specification.
#[must_use]
pub fn parse(header: &[u8]) -> Option<Source> {
    if header.starts_with(v2::PROTOCOL_PREFIX) {
        return parse_binary(header);
    }
    let parsed = v1::Header::try_from(header).ok()?;
    let source = match parsed.addresses {
        v1::Addresses::Tcp4(both) => Source::Client(both.source_address.into()),
        v1::Addresses::Tcp6(both) => client(both.source_address.into()),
        v1::Addresses::Unknown => Source::Proxy,
    };
    // The crate takes a line of UNKNOWN without the carriage return as well.
    let is_whole = parsed.header.len() == header.len() && header.ends_with(b"\r\n");
    is_whole.then_some(source)
}

fn parse_binary(header: &[u8]) -> Option<Source> {
    let parsed = v2::Header::try_from(header).ok()?;
    let is_whole = parsed.len() == header.len();
    if !is_whole || parsed.protocol == v2::Protocol::Datagram {
        return None;
    }
    Some(match (parsed.command, parsed.addresses) {
        (v2::Command::Proxy, v2::Addresses::IPv4(both)) => {
            Source::Client(both.source_address.into())
        }
        (v2::Command::Proxy, v2::Addresses::IPv6(both)) => client(both.source_address.into()),
        // LOCAL; an unknown family, or a socket file.
        _ => Source::Proxy,
    })
}

fn client(address: IpAddr) -> Source {
    Source::Client(address.to_canonical())
}

/// Takes the header from the start of a stream. `None` if the stream ends without a byte, as that of a port check does.
///
/// # Errors
///
/// [`io::ErrorKind::InvalidData`] for what is no header, and what the stream says.
pub(crate) async fn read<S: Stream>(stream: &mut S) -> io::Result<Option<Source>> {
    let mut header = vec![0; MARK_BYTES];
    let begun = stream.read(&mut header).await?;
    if begun == 0 {
        return Ok(None);
    }
    header.truncate(begun);
    read_up_to(stream, &mut header, MARK_BYTES).await?;
    if header == v2::PROTOCOL_PREFIX {
        read_up_to(stream, &mut header, FIXED_BYTES).await?;
        let length = header
            .last_chunk()
            .map_or(0, |length| u16::from_be_bytes(*length));
        let whole = FIXED_BYTES + usize::from(length);
        if whole > HEADER_BYTES_MAX {
            return Err(no_header());
        }
        read_up_to(stream, &mut header, whole).await?;
    } else {
        if !header.starts_with(b"PROXY ") {
            return Err(no_header());
        }
        while !header.ends_with(b"\n") {
            let rest = LINE_BYTES_MAX.saturating_sub(header.len());
            if rest == 0 {
                return Err(no_header());
            }
            let bytes = header.len() + stream.line_bytes(rest).await?;
            read_up_to(stream, &mut header, bytes).await?;
        }
    }
    parse(&header).map(Some).ok_or_else(no_header)
}

async fn read_up_to<S: Stream>(
    stream: &mut S,
    header: &mut Vec<u8>,
    bytes: usize,
) -> io::Result<()> {
    let there = header.len();
    header.resize(bytes, 0);
    let room = header.get_mut(there..).unwrap_or_default();
    stream.read_exact(room).await.map(|_| ())
}

fn no_header() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "no PROXY header")
}

#[cfg(test)]
mod tests;
