//! Answers STUN Binding requests (RFC 8489, section 6.3): tells clients the address under which they are seen.
//!
//! An answer is at most 1.5 times as long on the wire as its request, so forged source addresses gain an attacker
//! nothing. There is no authentication, no other method, and no answer to what is not a request.

use std::net::SocketAddr;

use super::message::{
    BINDING, Class, ERROR_CODE, Message, MessageWriter, UNKNOWN_ATTRIBUTES, XOR_MAPPED_ADDRESS,
};

/// Attributes of RFC 8489 that must be understood and change nothing here: USERNAME, MESSAGE-INTEGRITY, ERROR-CODE,
/// UNKNOWN-ATTRIBUTES, REALM, NONCE, MESSAGE-INTEGRITY-SHA256, PASSWORD-ALGORITHM, USERHASH, XOR-MAPPED-ADDRESS, and
/// those of ICE connectivity checks (RFC 8445): PRIORITY, USE-CANDIDATE.
const IGNORED: [u16; 12] = [
    0x0006, 0x0008, 0x0009, 0x000a, 0x0014, 0x0015, 0x001c, 0x001d, 0x001e, 0x0020, 0x0024, 0x0025,
];
/// Unknown attributes that an answer lists. A request has four bytes for each, and an answer two.
const LISTED_MAX: usize = 8;
/// "Unknown Attribute", without a reason phrase: it would make the answer long.
const ERROR_420: [u8; 4] = [0, 0, 4, 20];

/// Why a datagram gets no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoResponse {
    /// It is not a STUN message.
    Malformed,
    /// It is a STUN message, but not a Binding request.
    NotBinding,
}

/// Writes the response to a datagram from `source` into `response`.
///
/// # Errors
///
/// The datagram is not a Binding request. It is dropped.
pub fn answer_binding(
    datagram: &[u8],
    source: SocketAddr,
    response: &mut Vec<u8>,
) -> Result<(), NoResponse> {
    let request = Message::parse(datagram).ok_or(NoResponse::Malformed)?;
    if request.class != Class::Request || request.method != BINDING {
        return Err(NoResponse::NotBinding);
    }
    let has_fingerprint = request.has_fingerprint();
    let mut unknown = request.unknown_attributes(&IGNORED).peekable();
    if unknown.peek().is_none() {
        let mut writer = MessageWriter::response(response, &request, Class::Success);
        writer.xor_address(XOR_MAPPED_ADDRESS, source);
        writer.finish(has_fingerprint);
        return Ok(());
    }
    let mut listed = [0; 2 * LISTED_MAX];
    let mut length = 0;
    for (place, kind) in listed.chunks_exact_mut(2).zip(unknown) {
        place.copy_from_slice(&kind.to_be_bytes());
        length += 2;
    }
    let mut writer = MessageWriter::response(response, &request, Class::Error);
    writer.attribute(ERROR_CODE, &ERROR_420);
    writer.attribute(UNKNOWN_ATTRIBUTES, listed.get(..length).unwrap_or_default());
    writer.finish(has_fingerprint);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bytes of the headers of IPv4 and UDP.
    const WIRE_HEADERS: usize = 28;

    fn request(attributes: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 1, 0, u8::try_from(attributes.len()).unwrap()];
        bytes.extend([0x21, 0x12, 0xa4, 0x42]);
        bytes.extend(0..12);
        bytes.extend(attributes);
        bytes
    }

    fn answer(datagram: &[u8], source: &str) -> Result<Vec<u8>, NoResponse> {
        let mut response = vec![9; 3];
        answer_binding(datagram, source.parse().unwrap(), &mut response).map(|()| response)
    }

    #[test]
    fn a_client_learns_the_address_under_which_it_is_seen() {
        let response = answer(&request(&[]), "192.0.2.1:32853").unwrap();
        let expected = [
            &[1, 1, 0, 12, 0x21, 0x12, 0xa4, 0x42][..],
            &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11],
            &[0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43],
        ];
        assert_eq!(response, expected.concat());
    }

    #[test]
    fn ipv4_in_ipv6_is_answered_as_ipv4() {
        let (plain, mapped) = ("192.0.2.1:5", "[::ffff:192.0.2.1]:5");
        assert_eq!(answer(&request(&[]), plain), answer(&request(&[]), mapped));
        let ipv6 = answer(&request(&[]), "[2001:db8::1]:5").unwrap();
        assert_eq!(ipv6.get(20..26), Some(&[0, 0x20, 0, 20, 0, 2][..]));
    }

    #[test]
    fn unknown_required_attributes_are_refused_and_listed() {
        // CHANGE-REQUEST of RFC 5780, an ignored USERNAME, and an optional SOFTWARE.
        let attributes = [
            &[0, 3, 0, 4, 0, 0, 0, 2][..],
            &[0, 6, 0, 1, b'a', 0, 0, 0],
            &[0x80, 0x22, 0, 0],
        ];
        let response = answer(&request(&attributes.concat()), "192.0.2.1:5").unwrap();
        assert_eq!(response.get(..4), Some(&[1, 0x11, 0, 16][..]));
        let rest = [0, 9, 0, 4, 0, 0, 4, 20, 0, 10, 0, 2, 0, 3, 0, 0];
        assert_eq!(response.get(20..), Some(&rest[..]));
    }

    #[test]
    fn only_binding_requests_are_answered() {
        let kinds = [
            ([0, 0x11], NoResponse::NotBinding),
            ([1, 1], NoResponse::NotBinding),
            ([1, 0x11], NoResponse::NotBinding),
            ([0, 3], NoResponse::NotBinding),
            ([0x40, 1], NoResponse::Malformed),
        ];
        for (kind, reason) in kinds {
            let mut datagram = request(&[]);
            datagram.splice(..2, kind);
            assert_eq!(answer(&datagram, "192.0.2.1:5"), Err(reason), "{kind:?}");
        }
        // Without the magic cookie it is RFC 3489.
        let mut old = request(&[]);
        old.splice(4..5, [0]);
        assert_eq!(answer(&old, "192.0.2.1:5"), Err(NoResponse::Malformed));
    }

    proptest! {
        #[test]
        fn responses_have_at_most_one_and_a_half_times_the_bytes(
            attributes in proptest::collection::vec((0..64_u16, 0..4_usize), 0..10),
            has_ipv6: bool,
        ) {
            let mut bytes = Vec::new();
            for (kind, words) in attributes {
                bytes.extend(kind.to_be_bytes());
                bytes.extend([0, u8::try_from(4 * words)?]);
                bytes.resize(bytes.len() + 4 * words, 7);
            }
            let (source, headers) = if has_ipv6 {
                ("[2001:db8::1]:5", WIRE_HEADERS + 20)
            } else {
                ("192.0.2.1:5", WIRE_HEADERS)
            };
            let datagram = request(&bytes);
            let response = answer(&datagram, source).unwrap();
            prop_assert!(2 * (response.len() + headers) <= 3 * (datagram.len() + headers));
        }

        #[test]
        fn no_datagram_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), is_stun: bool) {
            let datagram = if is_stun { request(bytes.get(..bytes.len().min(196)).unwrap()) } else { bytes };
            let _ = answer(&datagram, "[2001:db8::1]:5");
        }
    }
}
