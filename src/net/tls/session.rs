//! The TLS session of a connection, bytes in and bytes out: it decrypts what came, encrypts what is said, and keeps what
//! cannot go on yet.
//!
//! rustls does the protocol. Knows no socket; the stream reads and sends for it.

use std::mem;
use std::sync::Arc;

use tokio::io::ReadBuf;
use tokio_rustls::rustls::server::UnbufferedServerConnection;
use tokio_rustls::rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus,
    WriteTraffic,
};
use tokio_rustls::rustls::{Error, HandshakeKind, InvalidMessage, ServerConfig};

use super::pending::Pending;

/// Most of an unfinished record, or of a handshake message in several, that is kept: what rustls allows by itself.
pub(super) const SEALED_BYTES_MAX: usize = 64 * 1024;
/// What a record adds to its text at most: header, nonce, kind and tag.
const RECORD_BYTES: usize = 5 + 8 + 1 + 16;
/// More than a record with an alert takes.
const ALERT_BYTES: usize = RECORD_BYTES + 16;
const RECORD_TEXT_BYTES: usize = 16 * 1024;

/// A session, and what of it waits.
pub(super) struct Session {
    tls: UnbufferedServerConnection,
    /// Came, and is not a whole record or message yet.
    sealed: Vec<u8>,
    /// Decrypted, and more than there was room for.
    pub(super) text: Pending,
    /// Encrypted, to be sent.
    pub(super) out: Pending,
    is_ended: bool,
    is_failed: bool,
    is_refused_with_keys: bool,
}

/// What is to be said when the session lets us.
#[derive(Debug, Clone, Copy)]
pub(super) enum Say<'a> {
    Nothing,
    Text(&'a [u8]),
    /// That we end (`close_notify`).
    Close,
}

impl Session {
    pub(super) fn new(config: Arc<ServerConfig>) -> Result<Self, Error> {
        Ok(Self {
            tls: UnbufferedServerConnection::new(config)?,
            sealed: Vec::new(),
            text: Pending::default(),
            out: Pending::default(),
            is_ended: false,
            is_failed: false,
            is_refused_with_keys: false,
        })
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// The protocol that was agreed on for what is spoken within (ALPN).
    pub(super) fn protocol(&self) -> Option<&[u8]> {
        self.tls.alpn_protocol()
    }

    /// Whether the client came back with a ticket.
    pub(super) fn is_resumed(&self) -> bool {
        self.tls.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// Whether a signature was made for the client: a hello that came with a good ticket takes none. One that has to be sent again
    /// counts at once.
    pub(super) fn has_signed(&self) -> bool {
        let kind = self.tls.handshake_kind();
        kind.is_some_and(|kind| kind != HandshakeKind::Resumed)
    }

    /// Whether the client has ended the handshake by an alert under keys that it had to compute for it.
    pub(super) fn is_refused_with_keys(&self) -> bool {
        self.is_refused_with_keys
    }

    /// Whether the client has said that it ends.
    pub(super) fn is_ended(&self) -> bool {
        self.is_ended
    }

    /// Whether an error has ended it. It must not be given or asked anything then.
    pub(super) fn is_failed(&self) -> bool {
        self.is_failed
    }

    /// Decrypts what is whole of what `came`: into `room`, and what does not fit there into `text`.
    ///
    /// # Errors
    ///
    /// What the client did against the rules. What there is to tell it about that is in `out`.
    pub(super) fn receive(&mut self, came: &mut [u8], room: &mut ReadBuf<'_>) -> Result<(), Error> {
        let mut sealed = mem::take(&mut self.sealed);
        let rest = if sealed.is_empty() {
            let opened = self.drive(came, room, Say::Nothing)?;
            came.get(opened..).unwrap_or_default().to_vec()
        } else {
            sealed.extend_from_slice(came);
            let opened = self.drive(&mut sealed, room, Say::Nothing)?;
            // Into room of its own size.
            sealed.split_off(opened.min(sealed.len()))
        };
        if rest.len() > SEALED_BYTES_MAX {
            self.is_failed = true;
            return Err(InvalidMessage::MessageTooLarge.into());
        }
        self.sealed = rest;
        Ok(())
    }

    /// Says something, with what is kept beside it: rustls remembers how far into that it has looked, and panics if it
    /// is gone.
    ///
    /// # Errors
    ///
    /// As those of [`receive`](Self::receive).
    pub(super) fn say(&mut self, say: Say<'_>) -> Result<(), Error> {
        let mut sealed = mem::take(&mut self.sealed);
        let opened = self.drive(&mut sealed, &mut ReadBuf::new(&mut []), say)?;
        if opened > 0 {
            sealed = sealed.split_off(opened.min(sealed.len()));
        }
        self.sealed = sealed;
        Ok(())
    }

    /// Lets rustls take what has come, and say what it and we have to say; gives how much it took.
    fn drive(
        &mut self,
        sealed: &mut [u8],
        room: &mut ReadBuf<'_>,
        say: Say<'_>,
    ) -> Result<usize, Error> {
        let is_encrypted = self.is_handshaking() && begins_encrypted(sealed);
        let driven = self.drive_to_end(sealed, room, say);
        if let Err(error) = &driven {
            self.is_failed = true;
            self.is_refused_with_keys = is_encrypted && matches!(error, Error::AlertReceived(_));
            // What stood before it may have gone into `room`, where an error leaves it unheard.
            self.text = Pending::default();
        }
        driven
    }

    fn drive_to_end(
        &mut self,
        sealed: &mut [u8],
        room: &mut ReadBuf<'_>,
        say: Say<'_>,
    ) -> Result<usize, Error> {
        let (mut opened, mut failed) = (0, None);
        loop {
            let rest = sealed.get_mut(opened..).unwrap_or_default();
            let UnbufferedStatus { discard, state } = self.tls.process_tls_records(rest);
            let is_done = match state {
                Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                    while let Some(record) = traffic.next_record() {
                        let record = record?;
                        opened += record.discard;
                        let fitting = record.payload.len().min(room.remaining());
                        let (now, later) = record.payload.split_at(fitting);
                        room.put_slice(now);
                        self.text.push(later);
                    }
                    false
                }
                Ok(ConnectionState::EncodeTlsData(mut data)) => {
                    let encode = |room: &mut [u8]| data.encode(room);
                    let encoded = self.out.append(0, encode, lacks_to_encode);
                    encoded.map_err(|error| Error::General(error.to_string()))?;
                    // The alert was what was left to say.
                    failed.is_some()
                }
                Ok(ConnectionState::TransmitTlsData(sent)) => {
                    // It waits in `out`, which is sent before anything that is said later.
                    sent.done();
                    false
                }
                Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                    let encrypted = encrypt(&mut traffic, say, &mut self.out);
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
                    // Once more, for the alert about it.
                    failed = Some(error);
                    false
                }
            };
            opened += discard;
            if is_done {
                return failed.map_or(Ok(opened), Err);
            }
        }
    }

    /// The memory of what waits.
    #[cfg(any(test, feature = "echo"))]
    pub(super) fn kept_bytes(&self) -> usize {
        self.sealed.capacity() + self.text.kept_bytes() + self.out.kept_bytes()
    }

    #[cfg(test)]
    pub(super) fn sealed_bytes(&self) -> usize {
        self.sealed.capacity()
    }
}

/// Whether the first of these records that says anything is one of TLS 1.3 under keys. An alert in plain text takes its sender nothing,
/// and is told from these by its type (RFC 8446, 5.2).
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
    say: Say<'_>,
    out: &mut Pending,
) -> Result<(), EncryptError> {
    match say {
        Say::Nothing => Ok(()),
        Say::Text(text) => {
            let records = text.len().div_ceil(RECORD_TEXT_BYTES);
            let size = text.len() + records * RECORD_BYTES;
            let encrypt = |room: &mut [u8]| traffic.encrypt(text, room);
            out.append(size, encrypt, lacks_to_encrypt)
        }
        Say::Close => {
            let close = |room: &mut [u8]| traffic.queue_close_notify(room);
            out.append(ALERT_BYTES, close, lacks_to_encrypt)
        }
    }
}

fn lacks_to_encode(error: &EncodeError) -> Option<usize> {
    match error {
        EncodeError::InsufficientSize(InsufficientSizeError { required_size }) => {
            Some(*required_size)
        }
        EncodeError::AlreadyEncoded => None,
    }
}

fn lacks_to_encrypt(error: &EncryptError) -> Option<usize> {
    match error {
        EncryptError::InsufficientSize(InsufficientSizeError { required_size }) => {
            Some(*required_size)
        }
        EncryptError::EncryptExhausted => None,
    }
}
