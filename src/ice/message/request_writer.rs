//! Writes TURN messages as a client sends them. The server itself writes none: tests, benches and fuzz targets do.

use std::net::SocketAddr;

use super::{
    CHANNEL_NUMBER, Class, DATA, IntegrityKey, LIFETIME, MessageWriter, NONCE, REALM,
    REQUESTED_TRANSPORT, SEND, TRANSPORT_UDP, USERNAME, XOR_PEER_ADDRESS,
};

/// A request under construction.
#[derive(Debug)]
pub struct RequestWriter<'a>(MessageWriter<'a>);

impl<'a> RequestWriter<'a> {
    /// Begins a request of any method; `out` then holds nothing else.
    pub fn new(out: &'a mut Vec<u8>, method: u16, transaction_id: [u8; 12]) -> Self {
        Self(MessageWriter::begin(
            out,
            method,
            Class::Request,
            transaction_id,
        ))
    }

    /// Appends any attribute.
    #[must_use]
    pub fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        self.0.attribute(kind, value);
        self
    }

    /// Asks for a UDP relay.
    #[must_use]
    pub fn udp(self) -> Self {
        self.attribute(REQUESTED_TRANSPORT, &[TRANSPORT_UDP, 0, 0, 0])
    }

    /// Asks for a lifetime in seconds.
    #[must_use]
    pub fn lifetime(self, seconds: u32) -> Self {
        self.attribute(LIFETIME, &seconds.to_be_bytes())
    }

    /// Names a channel.
    #[must_use]
    pub fn channel(self, number: u16) -> Self {
        let [high, low] = number.to_be_bytes();
        self.attribute(CHANNEL_NUMBER, &[high, low, 0, 0])
    }

    /// Names a peer.
    #[must_use]
    pub fn peer(mut self, address: SocketAddr) -> Self {
        self.0.xor_address(XOR_PEER_ADDRESS, address);
        self
    }

    /// Appends name, realm and nonce of a user, and completes the request with the signature.
    pub fn sign(self, username: &str, realm: &str, nonce: &[u8], key: &IntegrityKey) {
        let signed = self
            .attribute(USERNAME, username.as_bytes())
            .attribute(REALM, realm.as_bytes())
            .attribute(NONCE, nonce);
        signed.0.finish_signed(key, false);
    }

    /// Completes the request without a signature.
    pub fn finish(self) {
        self.0.finish(false);
    }

    /// Completes the request with a fingerprint only.
    pub fn finish_with_fingerprint(self) {
        self.0.finish(true);
    }
}

/// Writes a Send indication; `out` then holds nothing else.
pub fn write_send_indication(out: &mut Vec<u8>, peer: SocketAddr, payload: &[u8]) {
    let mut writer = MessageWriter::begin(out, SEND, Class::Indication, [7; 12]);
    writer.xor_address(XOR_PEER_ADDRESS, peer);
    writer.attribute(DATA, payload);
    writer.finish(false);
}
