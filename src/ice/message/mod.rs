//! Reads and writes STUN messages (RFC 8489, section 5 and 14). Nothing is copied while a message is read.

use std::net::{IpAddr, SocketAddr};

mod attributes;
mod integrity;
mod request_writer;

pub(in crate::ice) use attributes::*;
pub use integrity::IntegrityKey;
pub use request_writer::{RequestWriter, write_send_indication};

const HEADER_BYTES: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// Attributes with a lower number must be understood.
const FIRST_OPTIONAL_ATTRIBUTE: u16 = 0x8000;
const FINGERPRINT: u16 = 0x8028;
/// Combined with the checksum, so that it differs from that of other protocols.
const FINGERPRINT_MASK: u32 = 0x5354_554e;
const FINGERPRINT_BYTES: usize = 8;
const FAMILY_IPV4: u8 = 1;
const FAMILY_IPV6: u8 = 2;

/// The method of a Binding message.
pub(super) const BINDING: u16 = 1;
pub(super) const ERROR_CODE: u16 = 0x0009;
pub(super) const UNKNOWN_ATTRIBUTES: u16 = 0x000a;
pub(super) const XOR_MAPPED_ADDRESS: u16 = 0x0020;

/// The class of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Request,
    Indication,
    Success,
    Error,
}

impl Class {
    const fn bits(self) -> u16 {
        match self {
            Self::Request => 0,
            Self::Indication => 0x010,
            Self::Success => 0x100,
            Self::Error => 0x110,
        }
    }
}

/// A received message whose attributes all fit into it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Message<'a> {
    bytes: &'a [u8],
    pub(super) class: Class,
    pub(super) method: u16,
    pub(super) transaction_id: [u8; 12],
}

impl<'a> Message<'a> {
    /// Reads a whole datagram. Returns `None` if it is not a message, or its fingerprint is wrong.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (&[high, low, length_high, length_low], rest) = bytes.split_first_chunk()?;
        let (cookie, rest) = rest.split_first_chunk()?;
        let (&transaction_id, attributes) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        let is_whole = length == attributes.len() && length.is_multiple_of(4);
        if high >= 0x40 || *cookie != MAGIC_COOKIE || !is_whole {
            return None;
        }
        let kind = u16::from_be_bytes([high, low]);
        let message = Self {
            bytes,
            class: match kind & 0x110 {
                0 => Class::Request,
                0x010 => Class::Indication,
                0x100 => Class::Success,
                _ => Class::Error,
            },
            method: (kind & 0x000f) | ((kind & 0x00e0) >> 1) | ((kind & 0x3e00) >> 2),
            transaction_id,
        };
        message.has_valid_attributes().then_some(message)
    }

    /// Returns type and value of each attribute.
    pub(super) fn attributes(&self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let mut rest = self.bytes.get(HEADER_BYTES..).unwrap_or_default();
        std::iter::from_fn(move || {
            let (attribute, after) = split_attribute(rest)?;
            rest = after;
            Some(attribute)
        })
    }

    /// Returns whether the message ends with a fingerprint.
    pub(super) fn has_fingerprint(&self) -> bool {
        self.attributes().any(|(kind, _)| kind == FINGERPRINT)
    }

    /// Returns the types of attributes that must be understood and are not in `known`.
    pub(super) fn unknown_attributes(&self, known: &[u16]) -> impl Iterator<Item = u16> {
        let required = self
            .attributes()
            .map(|(kind, _)| kind)
            .filter(|&kind| kind < FIRST_OPTIONAL_ATTRIBUTE);
        required.filter(|kind| !known.contains(kind))
    }

    /// Returns whether all attributes fit, and a fingerprint is right and the last of them.
    fn has_valid_attributes(&self) -> bool {
        let mut rest = self.bytes.get(HEADER_BYTES..).unwrap_or_default();
        while !rest.is_empty() {
            let Some(((kind, value), after)) = split_attribute(rest) else {
                return false;
            };
            if kind == FINGERPRINT {
                let before = self.bytes.len() - rest.len();
                let covered = self.bytes.get(..before).unwrap_or_default();
                return after.is_empty() && value == fingerprint(covered);
            }
            rest = after;
        }
        true
    }
}

/// The type and value of an attribute.
type Attribute<'a> = (u16, &'a [u8]);

/// Splits off the first attribute with its padding.
fn split_attribute(bytes: &[u8]) -> Option<(Attribute<'_>, &[u8])> {
    let (&[high, low, length_high, length_low], rest) = bytes.split_first_chunk()?;
    let length = usize::from(u16::from_be_bytes([length_high, length_low]));
    let (padded, after) = rest.split_at_checked(length.next_multiple_of(4))?;
    let kind = u16::from_be_bytes([high, low]);
    Some(((kind, padded.get(..length)?), after))
}

/// Returns the fingerprint over the bytes before it. Their header already counts it.
fn fingerprint(covered: &[u8]) -> [u8; 4] {
    (crc32fast::hash(covered) ^ FINGERPRINT_MASK).to_be_bytes()
}

/// Writes one message into a buffer that is used again.
#[derive(Debug)]
pub(super) struct MessageWriter<'a> {
    out: &'a mut Vec<u8>,
    transaction_id: [u8; 12],
}

impl<'a> MessageWriter<'a> {
    /// Begins a response to `request`; `out` then holds nothing else.
    pub(super) fn response(out: &'a mut Vec<u8>, request: &Message<'_>, class: Class) -> Self {
        Self::begin(out, request.method, class, request.transaction_id)
    }

    /// Begins a message; `out` then holds nothing else.
    pub(super) fn begin(
        out: &'a mut Vec<u8>,
        method: u16,
        class: Class,
        transaction_id: [u8; 12],
    ) -> Self {
        let spread = (method & 0x000f) | ((method & 0x0070) << 1) | ((method & 0x0f80) << 2);
        out.clear();
        out.extend_from_slice(&(spread | class.bits()).to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&MAGIC_COOKIE);
        out.extend_from_slice(&transaction_id);
        Self {
            out,
            transaction_id,
        }
    }

    /// Appends an attribute. A value has at most a few hundred bytes.
    pub(super) fn attribute(&mut self, kind: u16, value: &[u8]) {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.out.extend_from_slice(&kind.to_be_bytes());
        self.out.extend_from_slice(&length.to_be_bytes());
        self.out.extend_from_slice(value);
        let padded = self.out.len().next_multiple_of(4);
        self.out.resize(padded, 0);
    }

    /// Appends an address, masked so that no router on the way rewrites it.
    pub(super) fn xor_address(&mut self, kind: u16, address: SocketAddr) {
        let [first, second, ..] = MAGIC_COOKIE;
        let [port_high, port_low] = address.port().to_be_bytes();
        let mut value = [0; 20];
        let mask = MAGIC_COOKIE.into_iter().chain(self.transaction_id);
        let (family, length) = match address.ip().to_canonical() {
            IpAddr::V4(ip) => {
                fill(value.iter_mut().skip(4), ip.octets(), mask);
                (FAMILY_IPV4, 8)
            }
            IpAddr::V6(ip) => {
                fill(value.iter_mut().skip(4), ip.octets(), mask);
                (FAMILY_IPV6, 20)
            }
        };
        fill(
            value.iter_mut(),
            [0, family, port_high ^ first, port_low ^ second],
            [0; 4],
        );
        self.attribute(kind, value.get(..length).unwrap_or_default());
    }

    /// Completes the message, with a fingerprint if wanted.
    pub(super) fn finish(self, has_fingerprint: bool) {
        let trailer = if has_fingerprint {
            FINGERPRINT_BYTES
        } else {
            0
        };
        let length = self.out.len() + trailer - HEADER_BYTES;
        let length = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        if let Some(field) = self.out.get_mut(2..4) {
            field.copy_from_slice(&length);
        }
        if has_fingerprint {
            let sum = fingerprint(self.out);
            let mut writer = self;
            writer.attribute(FINGERPRINT, &sum);
        }
    }
}

/// Writes `bytes` combined with `mask` into the places.
fn fill<'a>(
    places: impl Iterator<Item = &'a mut u8>,
    bytes: impl IntoIterator<Item = u8>,
    mask: impl IntoIterator<Item = u8>,
) {
    for ((place, byte), mask) in places.zip(bytes).zip(mask) {
        *place = byte ^ mask;
    }
}

#[cfg(test)]
mod tests;
