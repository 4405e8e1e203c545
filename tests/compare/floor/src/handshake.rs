//! The WebSocket handshake: parses the request and writes the response.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem;
use sha1::{Digest, Sha1};

const KEY_HEADER: &[u8] = b"sec-websocket-key:";
/// From RFC 6455, section 1.3.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const KEY_BYTES: usize = 24;
const RESPONSE: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Accept: ";

/// The result of reading a request at the start of a slice.
pub enum Request {
    /// The request is incomplete.
    Partial,
    /// The request has no key.
    Bad,
    /// The length of the request, whose response was appended.
    Upgraded(usize),
}

/// Reads a request and appends its response.
pub fn upgrade(bytes: &[u8], out: &mut Vec<u8>) -> Request {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else {
        return Request::Partial;
    };
    let Some(key) = bytes[..end]
        .split(|&byte| byte == b'\n')
        .find_map(|line| {
            let (name, value) = line.split_at_checked(KEY_HEADER.len())?;
            name.eq_ignore_ascii_case(KEY_HEADER).then_some(value)
        })
        .map(<[u8]>::trim_ascii)
        .filter(|key| key.len() == KEY_BYTES)
    else {
        return Request::Bad;
    };
    let digest = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let mut accept = [0; 28];
    // 20 bytes always give 28 digits.
    let _ = STANDARD.encode_slice(digest, &mut accept);
    for part in [RESPONSE, &accept, b"\r\n\r\n"] {
        out.extend_from_slice(part);
    }
    Request::Upgraded(end + 4)
}
