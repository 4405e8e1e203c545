//! What comes without right credentials leaves no state, and gets answers that are not much longer.

use proptest::prelude::*;

use super::*;
use crate::ice::message::{BINDING, ERROR_CODE, IntegrityKey, USERNAME};

/// Bytes of the headers of IPv4 and UDP.
const WIRE_HEADERS: usize = 28;

fn assert_no_state(lab: &Lab) {
    assert_eq!(lab.relay.allocations(), 0);
    assert_eq!(lab.relay.allocations_by_user().count(), 0);
}

#[test]
fn an_unsigned_request_gets_realm_and_nonce() {
    let mut lab = Lab::new(policy());
    for method in [ALLOCATE, REFRESH, CREATE_PERMISSION, CHANNEL_BIND] {
        let mut request = Vec::new();
        RequestWriter::new(&mut request, method, [1; 12]).finish();
        let outcome = lab.respond(&client(1), &request);
        assert_eq!(outcome, Ok(refused(TurnRefusal::Unsigned)));
        let code = lab.response_attribute(ERROR_CODE).unwrap();
        assert_eq!(code, b"\0\0\x04\x01Unauthorized");
        let realm = lab.response_attribute(message::REALM);
        assert_eq!(realm.unwrap(), REALM.as_bytes());
        assert_eq!(lab.response_attribute(NONCE).unwrap().len(), 16);
        // The longest of these responses, with a fingerprint 8 bytes more.
        assert_eq!(lab.response.len(), 72);
    }
    assert_no_state(&lab);
}

#[test]
fn wrong_credentials_are_refused_and_leave_nothing() {
    let mut lab = Lab::new(policy());
    let nonce = lab.nonce(&client(1));
    let name = user(1).to_string();
    let right = lab.credentials.integrity_key(&user(1));
    let forged = Credentials::new(b"another").integrity_key(&user(1));
    let other_realm = IntegrityKey::long_term(&name, "x", &lab.credentials.password(&user(1)));
    let stale: &[u8] = b"AAAAAAAAAAAAAAAA";
    for (name, realm, nonce, key, refusal) in [
        (
            &name[..],
            REALM,
            &nonce[..],
            &forged,
            TurnRefusal::WrongSignature,
        ),
        (
            &name,
            "x",
            &nonce,
            &other_realm,
            TurnRefusal::WrongSignature,
        ),
        ("x", REALM, &nonce, &right, TurnRefusal::UnknownUser),
        (&name, REALM, stale, &right, TurnRefusal::StaleNonce),
        (&name, REALM, b"", &right, TurnRefusal::StaleNonce),
    ] {
        let mut request = Vec::new();
        let writer = RequestWriter::new(&mut request, ALLOCATE, [1; 12]).udp();
        writer.sign(name, realm, nonce, key);
        let outcome = lab.respond(&client(1), &request);
        assert_eq!(outcome, Ok(refused(refusal)));
        // A new nonce lets the client try again.
        assert_eq!(lab.response_attribute(NONCE).unwrap().len(), 16);
        assert!(!Message::parse(&lab.response).unwrap().has_integrity());
    }
    assert_no_state(&lab);
}

#[test]
fn a_nonce_is_stale_after_ten_minutes_and_for_others() {
    let mut lab = Lab::new(policy());
    let nonce = lab.nonce(&client(1));
    let key = lab.credentials.integrity_key(&user(1));
    let mut request = Vec::new();
    let writer = RequestWriter::new(&mut request, ALLOCATE, [1; 12]).udp();
    writer.sign(&user(1).to_string(), REALM, &nonce, &key);
    let stale = Ok(refused(TurnRefusal::StaleNonce));
    assert_eq!(lab.respond(&client(2), &request), stale);
    lab.pass(601);
    assert_eq!(lab.respond(&client(1), &request), stale);
    let code = lab.response_attribute(ERROR_CODE).unwrap();
    assert_eq!(code, b"\0\0\x04\x26Stale Nonce");
    assert_no_state(&lab);
    lab.now -= Duration::from_secs(1);
    assert_eq!(
        lab.respond(&client(1), &request),
        Ok(TurnOutcome::Allocated)
    );
}

#[test]
fn a_signed_request_needs_name_realm_and_nonce() {
    let mut lab = Lab::new(policy());
    let nonce = lab.nonce(&client(1));
    let attributes = [
        (USERNAME, user(1).to_string().into_bytes()),
        (message::REALM, REALM.into()),
        (NONCE, nonce),
    ];
    for missing in 0..3 {
        let mut request = Vec::new();
        let mut writer = RequestWriter::new(&mut request, ALLOCATE, [1; 12]).udp();
        for (place, (kind, value)) in attributes.iter().enumerate() {
            if place != missing {
                writer = writer.attribute(*kind, value);
            }
        }
        writer.attribute(0x08, &[0; 20]).finish();
        let outcome = lab.respond(&client(1), &request);
        assert_eq!(outcome, Ok(refused(TurnRefusal::BadRequest)));
    }
    assert_no_state(&lab);
}

#[test]
fn other_messages_get_no_response() {
    let mut lab = Lab::new(policy());
    for method in [0, BINDING, 2, 6, 7, 10, 0xfff] {
        let mut request = Vec::new();
        RequestWriter::new(&mut request, method, [1; 12]).finish();
        assert_eq!(lab.respond(&client(1), &request), Err(Ignored::NotTurn));
    }
    for kind in [[0, 0x13], [1, 3], [1, 0x13]] {
        let mut request = Vec::new();
        RequestWriter::new(&mut request, ALLOCATE, [1; 12]).finish();
        request.splice(..2, kind);
        assert_eq!(lab.respond(&client(1), &request), Err(Ignored::NotTurn));
    }
    assert_eq!(lab.respond(&client(1), b"GET /"), Err(Ignored::Malformed));
}

proptest! {
    #[test]
    fn responses_have_at_most_three_times_the_bytes(
        method in 3..10_u16,
        attributes in proptest::collection::vec((0..64_u16, 0..4_usize), 0..10),
        has_fingerprint: bool,
    ) {
        let mut lab = Lab::new(policy());
        let mut request = Vec::new();
        let mut writer = RequestWriter::new(&mut request, method, [1; 12]);
        for (kind, words) in attributes {
            writer = writer.attribute(kind, &vec![7; 4 * words]);
        }
        if has_fingerprint {
            writer.finish_with_fingerprint();
        } else {
            writer.finish();
        }
        if lab.respond(&client(1), &request).is_ok() {
            let (response, request) = (lab.response.len(), request.len());
            prop_assert!(response + WIRE_HEADERS <= 3 * (request + WIRE_HEADERS));
        }
        assert_no_state(&lab);
    }

    #[test]
    fn no_bytes_panic_or_leave_state(
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        kind in 0..12_u8,
        is_stun: bool,
    ) {
        let mut lab = Lab::new(policy());
        let mut packet = bytes;
        if is_stun {
            packet.truncate(packet.len() / 4 * 4);
            let length = u8::try_from(packet.len())?;
            let header = [&[0, kind, 0, length, 0x21, 0x12, 0xa4, 0x42][..], &[5; 12]].concat();
            packet.splice(..0, header);
        }
        let _ = lab.respond(&client(1), &packet);
        prop_assert!(lab.forward(&client(1), &packet).is_err());
        let _ = (PacketKind::of(&packet), StreamPacket::find(&packet));
        assert_no_state(&lab);
    }
}
