//! Implements the TLS session of a connection without I/O: it decrypts received bytes, encrypts data to send, and
//! buffers the rest.
//!
//! rustls implements the protocol. Uses no socket; the stream reads and sends for it.

use std::mem;
use std::sync::Arc;

use tokio::io::ReadBuf;
use tokio_rustls::rustls::server::UnbufferedServerConnection;
use tokio_rustls::rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus,
    WriteTraffic,
};
use tokio_rustls::rustls::{Error, HandshakeKind, InvalidMessage, ServerConfig};

use super::pending_bytes::PendingBytes;

/// Maximum buffered bytes of an incomplete record or a fragmented handshake message: the limit of rustls itself.
pub(super) const RECEIVED_BYTES_MAX: usize = 64 * 1024;
/// Maximum overhead of a record over its plaintext: header, nonce, content type and tag.
const RECORD_OVERHEAD_BYTES: usize = 5 + 8 + 1 + 16;
/// Upper bound for a record with an alert.
const ALERT_BYTES: usize = RECORD_OVERHEAD_BYTES + 16;
const RECORD_PLAINTEXT_BYTES: usize = 16 * 1024;

/// A session and its pending bytes.
pub(super) struct TlsSession {
    tls: UnbufferedServerConnection,
    /// Received bytes that are not yet a complete record or message.
    received: Vec<u8>,
    /// Decrypted bytes that did not fit into the reader's buffer.
    pub(super) plaintext: PendingBytes,
    /// Encrypted bytes to send.
    pub(super) outgoing: PendingBytes,
    is_ended: bool,
    is_failed: bool,
    is_refused_with_keys: bool,
}

/// The data to send when the session allows it.
#[derive(Debug, Clone, Copy)]
pub(super) enum SessionOutput<'a> {
    Nothing,
    Data(&'a [u8]),
    /// The end of the session (`close_notify`).
    Close,
}

impl TlsSession {
    pub(super) fn new(config: Arc<ServerConfig>) -> Result<Self, Error> {
        Ok(Self {
            tls: UnbufferedServerConnection::new(config)?,
            received: Vec::new(),
            plaintext: PendingBytes::default(),
            outgoing: PendingBytes::default(),
            is_ended: false,
            is_failed: false,
            is_refused_with_keys: false,
        })
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// Returns the negotiated ALPN protocol.
    pub(super) fn protocol(&self) -> Option<&[u8]> {
        self.tls.alpn_protocol()
    }

    /// Returns whether the session was resumed by a ticket.
    pub(super) fn is_resumed(&self) -> bool {
        self.tls.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Returns whether a signature was made for the client. A ClientHello with a valid ticket needs none. One that must
    /// be repeated (`HelloRetryRequest`) counts at once.
    pub(super) fn has_signed(&self) -> bool {
        let kind = self.tls.handshake_kind();
        kind.is_some_and(|kind| kind != HandshakeKind::Resumed)
    }

    /// Returns whether the client ended the handshake by an encrypted alert, for which it had to compute the keys.
    pub(super) fn is_refused_with_keys(&self) -> bool {
        self.is_refused_with_keys
    }

    /// Returns whether the client sent `close_notify`.
    pub(super) fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Returns whether an error ended the session. It must not be used any more then.
    pub(super) fn is_failed(&self) -> bool {
        self.is_failed
    }

    /// Decrypts the complete records of `received` into `buf`, and into `plaintext` what does not fit there.
    ///
    /// # Errors
    ///
    /// Protocol violations of the client. The alert about it is in `outgoing`.
    pub(super) fn receive(
        &mut self,
        received: &mut [u8],
        buf: &mut ReadBuf<'_>,
    ) -> Result<(), Error> {
        let mut ciphertext = mem::take(&mut self.received);
        let rest = if ciphertext.is_empty() {
            let consumed = self.process(received, buf, SessionOutput::Nothing)?;
            received.get(consumed..).unwrap_or_default().to_vec()
        } else {
            ciphertext.extend_from_slice(received);
            let consumed = self.process(&mut ciphertext, buf, SessionOutput::Nothing)?;
            // Into an allocation of exactly its size.
            ciphertext.split_off(consumed.min(ciphertext.len()))
        };
        if rest.len() > RECEIVED_BYTES_MAX {
            self.is_failed = true;
            return Err(InvalidMessage::MessageTooLarge.into());
        }
        self.received = rest;
        Ok(())
    }

    /// Encrypts data to send. Passes the buffered bytes along: rustls stores how much of them it has processed, and
    /// panics without them.
    ///
    /// # Errors
    ///
    /// Those of [`receive`](Self::receive).
    pub(super) fn queue(&mut self, output: SessionOutput<'_>) -> Result<(), Error> {
        let mut ciphertext = mem::take(&mut self.received);
        let consumed = self.process(&mut ciphertext, &mut ReadBuf::new(&mut []), output)?;
        if consumed > 0 {
            ciphertext = ciphertext.split_off(consumed.min(ciphertext.len()));
        }
        self.received = ciphertext;
        Ok(())
    }

    /// Lets rustls process the received bytes, and encode its own messages and ours. Returns the number of consumed
    /// bytes.
    fn process(
        &mut self,
        ciphertext: &mut [u8],
        buf: &mut ReadBuf<'_>,
        output: SessionOutput<'_>,
    ) -> Result<usize, Error> {
        let is_encrypted = self.is_handshaking() && begins_encrypted(ciphertext);
        let driven = self.process_all(ciphertext, buf, output);
        if let Err(error) = &driven {
            self.is_failed = true;
            self.is_refused_with_keys = is_encrypted && matches!(error, Error::AlertReceived(_));
            // Earlier plaintext may be in `buf`, where the error discards it.
            self.plaintext = PendingBytes::default();
        }
        driven
    }

    fn process_all(
        &mut self,
        ciphertext: &mut [u8],
        buf: &mut ReadBuf<'_>,
        output: SessionOutput<'_>,
    ) -> Result<usize, Error> {
        let (mut consumed, mut failed) = (0, None);
        loop {
            let rest = ciphertext.get_mut(consumed..).unwrap_or_default();
            let UnbufferedStatus { discard, state } = self.tls.process_tls_records(rest);
            let is_done = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        consumed += record.discard;
                        let fitting = record.payload.len().min(buf.remaining());
                        let (head, rest) = record.payload.split_at(fitting);
                        buf.put_slice(head);
                        self.plaintext.push(rest);
                    }
                    false
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    let encode = |buffer: &mut [u8]| data.encode(buffer);
                    let encoded = self.outgoing.append(0, encode, required_encode_size);
                    encoded.map_err(|error| Error::General(error.to_string()))?;
                    // The alert was the last message.
                    failed.is_some()
                }
                Ok(ConnectionState::TransmitTlsData(sent)) => {
                    // The bytes are in `outgoing`, which is sent before any later data.
                    sent.done();
                    false
                }
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    let encrypted = encrypt(&mut traffic, output, &mut self.outgoing);
                    encrypted.map_err(|error| Error::General(error.to_string()))?;
                    true
                }
                Ok(ConnectionState::PeerClosed) => {
                    self.is_ended = true;
                    false
                }
                Ok(ConnectionState::BlockedHandshake | ConnectionState::Closed) => true,
                // Early data is not accepted, so there is none.
                Ok(_) => return Err(Error::HandshakeNotComplete),
                Err(error) if failed.is_some() => return Err(error),
                Err(error) => {
                    // One more round, to encode the alert.
                    failed = Some(error);
                    false
                }
            };
            consumed += discard;
            if is_done {
                return failed.map_or(Ok(consumed), Err);
            }
        }
    }

    /// Returns the memory of the pending bytes.
    #[cfg(any(test, feature = "echo"))]
    pub(super) fn buffered_bytes(&self) -> usize {
        self.received.capacity() + self.plaintext.buffered_bytes() + self.outgoing.buffered_bytes()
    }

    #[cfg(test)]
    pub(super) fn received_bytes(&self) -> usize {
        self.received.capacity()
    }
}

/// Returns whether the first relevant record is an encrypted TLS 1.3 record. An alert in plain text costs its sender
/// nothing, and has another record type (RFC 8446, 5.2).
fn begins_encrypted(mut records: &[u8]) -> bool {
    const CHANGE_CIPHER_SPEC: u8 = 20;
    const APPLICATION_DATA: u8 = 23;
    while let [CHANGE_CIPHER_SPEC, _, _, high, low, rest @ ..] = records {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        records = rest.get(length..).unwrap_or_default();
    }
    records.first() == Some(&APPLICATION_DATA)
}

fn encrypt<Data>(
    traffic: &mut WriteTraffic<'_, Data>,
    output: SessionOutput<'_>,
    outgoing: &mut PendingBytes,
) -> Result<(), EncryptError> {
    match output {
        SessionOutput::Nothing => Ok(()),
        SessionOutput::Data(text) => {
            let records = text.len().div_ceil(RECORD_PLAINTEXT_BYTES);
            let size = text.len() + records * RECORD_OVERHEAD_BYTES;
            let encrypt = |buffer: &mut [u8]| traffic.encrypt(text, buffer);
            outgoing.append(size, encrypt, required_encrypt_size)
        }
        SessionOutput::Close => {
            let close = |buffer: &mut [u8]| traffic.queue_close_notify(buffer);
            outgoing.append(ALERT_BYTES, close, required_encrypt_size)
        }
    }
}

fn required_encode_size(error: &EncodeError) -> Option<usize> {
    match error {
        EncodeError::InsufficientSize(InsufficientSizeError { required_size }) => {
            Some(*required_size)
        }
        EncodeError::AlreadyEncoded => None,
    }
}

fn required_encrypt_size(error: &EncryptError) -> Option<usize> {
    match error {
        EncryptError::InsufficientSize(InsufficientSizeError { required_size }) => {
            Some(*required_size)
        }
        EncryptError::EncryptExhausted => None,
    }
}
