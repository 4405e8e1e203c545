//! The attributes and methods of TURN (RFC 8656, sections 17 and 18), and of STUN with credentials (RFC 8489, section 14).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{
    ERROR_CODE, FAMILY_IPV4, FAMILY_IPV6, FINGERPRINT, FIRST_OPTIONAL_ATTRIBUTE, MAGIC_COOKIE,
    Message, MessageWriter,
};

pub(in crate::ice) const ALLOCATE: u16 = 3;
pub(in crate::ice) const REFRESH: u16 = 4;
pub(in crate::ice) const SEND: u16 = 6;
pub(in crate::ice) const DATA_INDICATION: u16 = 7;
pub(in crate::ice) const CREATE_PERMISSION: u16 = 8;
pub(in crate::ice) const CHANNEL_BIND: u16 = 9;

pub(in crate::ice) const USERNAME: u16 = 0x0006;
pub(in crate::ice) const MESSAGE_INTEGRITY: u16 = 0x0008;
pub(in crate::ice) const CHANNEL_NUMBER: u16 = 0x000c;
pub(in crate::ice) const LIFETIME: u16 = 0x000d;
pub(in crate::ice) const XOR_PEER_ADDRESS: u16 = 0x0012;
pub(in crate::ice) const DATA: u16 = 0x0013;
pub(in crate::ice) const REALM: u16 = 0x0014;
pub(in crate::ice) const NONCE: u16 = 0x0015;
pub(in crate::ice) const XOR_RELAYED_ADDRESS: u16 = 0x0016;
pub(in crate::ice) const REQUESTED_ADDRESS_FAMILY: u16 = 0x0017;
pub(in crate::ice) const EVEN_PORT: u16 = 0x0018;
pub(in crate::ice) const REQUESTED_TRANSPORT: u16 = 0x0019;
pub(in crate::ice) const RESERVATION_TOKEN: u16 = 0x0022;

/// The value of REQUESTED-TRANSPORT that stands for UDP.
pub(in crate::ice) const TRANSPORT_UDP: u8 = 17;

impl<'a> Message<'a> {
    /// Returns type and value of each attribute that counts: up to MESSAGE-INTEGRITY, or all before the fingerprint.
    /// What follows the signature is not protected by it and must be ignored (RFC 8489, section 14.5).
    pub(in crate::ice) fn signed_attributes(&self) -> impl Iterator<Item = (u16, &'a [u8])> {
        let mut is_signed = false;
        self.attributes().take_while(move |&(kind, _)| {
            let is_after = is_signed || kind == FINGERPRINT;
            is_signed |= kind == MESSAGE_INTEGRITY;
            !is_after
        })
    }

    /// Returns the value of the first attribute of a type. Further ones must be ignored.
    pub(in crate::ice) fn find(&self, wanted: u16) -> Option<&'a [u8]> {
        self.signed_attributes()
            .find_map(|(kind, value)| (kind == wanted).then_some(value))
    }

    /// Returns the types of attributes that count, must be understood and are not in `known`.
    pub(in crate::ice) fn unknown_signed_attributes(
        &self,
        known: &[u16],
    ) -> impl Iterator<Item = u16> {
        let kinds = self.signed_attributes().map(|(kind, _)| kind);
        kinds.filter(|kind| *kind < FIRST_OPTIONAL_ATTRIBUTE && !known.contains(kind))
    }

    /// Returns the address in the value of a XOR-…-ADDRESS attribute of this message.
    pub(in crate::ice) fn unmask(&self, value: &[u8]) -> Option<SocketAddr> {
        let (&[_, family, port_high, port_low], ip) = value.split_first_chunk()?;
        let [first, second, ..] = MAGIC_COOKIE;
        let port = u16::from_be_bytes([port_high ^ first, port_low ^ second]);
        let mut octets = [0; 16];
        let mask = MAGIC_COOKIE.into_iter().chain(self.transaction_id);
        for ((octet, byte), mask) in octets.iter_mut().zip(ip).zip(mask) {
            *octet = byte ^ mask;
        }
        let ip = match (family, ip.len()) {
            (FAMILY_IPV4, 4) => IpAddr::V4(Ipv4Addr::from(*octets.first_chunk()?)),
            (FAMILY_IPV6, 16) => IpAddr::V6(Ipv6Addr::from(octets)),
            _ => return None,
        };
        Some(SocketAddr::new(ip, port))
    }
}

impl MessageWriter<'_> {
    /// Appends an ERROR-CODE with its reason phrase.
    pub(in crate::ice) fn error_code(&mut self, code: u16, reason: &str) {
        let class = u8::try_from(code / 100).unwrap_or(u8::MAX);
        let number = u8::try_from(code % 100).unwrap_or(u8::MAX);
        let mut value = [0; 4 + REASON_BYTES_MAX];
        let length = 4 + reason.len().min(REASON_BYTES_MAX);
        let bytes = [0, 0, class, number].into_iter().chain(reason.bytes());
        for (place, byte) in value.iter_mut().zip(bytes) {
            *place = byte;
        }
        self.attribute(ERROR_CODE, value.get(..length).unwrap_or_default());
    }
}

/// The longest reason phrase: "Unsupported Transport Protocol".
const REASON_BYTES_MAX: usize = 32;
