//! Defines the frame of batches and heartbeats: versions, flags and signature.

use ring::hmac::{self, HMAC_SHA256};

use super::entry::Entry;
use super::reader::Reader;
use super::{InvalidMessage, MESSAGE_BYTES_MAX, VERSION};
use crate::cluster::{LinkEpoch, NodeId};

/// The oldest version that can read what this one writes.
const READABLE_SINCE: u8 = 1;

/// Flag of a message that ends with a signature.
const SIGNED: u8 = 1;

/// Bytes of a signature: half of an HMAC-SHA256.
const SIGNATURE_BYTES: usize = 16;

/// Bytes of the common beginning of all messages: version, oldest version that can read it, flags, kind.
const FRAME_BYTES: usize = 4;

/// Bytes of the header of a batch.
pub const BATCH_HEADER_BYTES: usize = FRAME_BYTES + 28;

/// A secret of the cluster. All nodes sign with it what they send.
#[derive(Clone)]
pub struct MessageSecret(hmac::Key);

impl MessageSecret {
    /// Creates it from the secret in the settings.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(HMAC_SHA256, secret))
    }
}

/// Never shows the secret.
impl std::fmt::Debug for MessageSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MessageSecret")
    }
}

/// The class of a batch: each has its own numbers and its own bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The directory. Never dropped by the sender.
    Control,
    /// Offers, answers and lists of peers. Dropped when there is no space.
    Signalling,
}

/// The kind of a message, in its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Batch(Class),
    HeartbeatMessage,
}

impl Kind {
    const fn code(self) -> u8 {
        match self {
            Self::Batch(Class::Control) => 0,
            Self::Batch(Class::Signalling) => 1,
            Self::HeartbeatMessage => 2,
        }
    }

    const fn of(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Batch(Class::Control)),
            1 => Some(Self::Batch(Class::Signalling)),
            2 => Some(Self::HeartbeatMessage),
            _ => None,
        }
    }
}

/// Where a batch comes from and goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// Its class.
    pub class: Class,
    /// The sender.
    pub sender: NodeId,
    /// The receiver. A copy of the batch is of no use at another node.
    pub receiver: NodeId,
    /// The epoch that the receiver has published for the sender.
    pub epoch: LinkEpoch,
    /// The place among the batches of this class from 1, and in the upper half the generation of the link: it grows when
    /// the sender has forgotten the receiver.
    pub number: u64,
}

/// A received batch.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// Its header.
    pub header: BatchHeader,
    entries: &'a [u8],
}

impl<'a> Batch<'a> {
    /// Writes a batch with these entries.
    #[must_use]
    pub fn write(header: BatchHeader, entries: &[u8], secret: Option<&MessageSecret>) -> Vec<u8> {
        let kind = Kind::Batch(header.class);
        write_frame(kind, secret, BATCH_HEADER_BYTES + entries.len(), |out| {
            out.extend(header.sender.to_bits().to_le_bytes());
            out.extend(header.receiver.to_bits().to_le_bytes());
            out.extend(header.epoch.get().to_le_bytes());
            out.extend(header.number.to_le_bytes());
            out.extend(entries);
        })
    }

    /// Reads a batch. Its entries are read later.
    ///
    /// # Errors
    ///
    /// [`InvalidMessage`] if it is refused as a whole.
    pub fn read(bytes: &'a [u8], secret: Option<&MessageSecret>) -> Result<Self, InvalidMessage> {
        let (kind, mut reader) = read_frame(bytes, secret)?;
        let Kind::Batch(class) = kind else {
            return Err(InvalidMessage::Malformed);
        };
        let header = read_header(class, &mut reader).ok_or(InvalidMessage::Malformed)?;
        Ok(Self {
            header,
            entries: reader.0,
        })
    }

    /// Returns the entries of known types. An error is an entry that is refused; the next ones follow if its length is
    /// right.
    #[must_use]
    pub const fn entries(&self) -> Entries<'a> {
        Entries(Reader(self.entries))
    }
}

fn read_header(class: Class, reader: &mut Reader<'_>) -> Option<BatchHeader> {
    Some(BatchHeader {
        class,
        sender: NodeId::new(reader.u64()?),
        receiver: NodeId::new(reader.u64()?),
        epoch: LinkEpoch::new(reader.u32()?),
        number: reader.u64()?,
    })
}

/// The entries of a batch, one after the other.
#[derive(Debug)]
pub struct Entries<'a>(Reader<'a>);

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, InvalidMessage>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.0.0.is_empty() {
            if let Some(entry) = Entry::read(&mut self.0).transpose() {
                return Some(entry);
            }
        }
        None
    }
}

/// Writes a message of `kind`, of about `capacity` bytes.
pub(super) fn write_frame(
    kind: Kind,
    secret: Option<&MessageSecret>,
    capacity: usize,
    write_body: impl FnOnce(&mut Vec<u8>),
) -> Vec<u8> {
    let mut out = Vec::with_capacity(capacity + SIGNATURE_BYTES);
    let flags = if secret.is_some() { SIGNED } else { 0 };
    out.extend([VERSION, READABLE_SINCE, flags, kind.code()]);
    write_body(&mut out);
    if let Some(MessageSecret(key)) = secret {
        let signature = hmac::sign(key, &out);
        out.extend(signature.as_ref().iter().take(SIGNATURE_BYTES));
    }
    out
}

/// Checks the frame of a message, and returns its kind and its body. A node without a secret accepts signed messages,
/// so that a secret can be introduced node by node.
pub(super) fn read_frame<'a>(
    bytes: &'a [u8],
    secret: Option<&MessageSecret>,
) -> Result<(Kind, Reader<'a>), InvalidMessage> {
    let header = bytes.first_chunk::<FRAME_BYTES>();
    let header = header.filter(|_| bytes.len() <= MESSAGE_BYTES_MAX);
    let [_, readable_since, flags, kind] = *header.ok_or(InvalidMessage::Malformed)?;
    if readable_since > VERSION {
        return Err(InvalidMessage::Version);
    }
    let kind = Kind::of(kind).ok_or(InvalidMessage::Malformed)?;
    let is_signed = flags & SIGNED != 0;
    let signed = if is_signed {
        let length = bytes.len().checked_sub(SIGNATURE_BYTES);
        let length = length.filter(|length| *length >= FRAME_BYTES);
        bytes.split_at(length.ok_or(InvalidMessage::Malformed)?)
    } else {
        (bytes, [].as_slice())
    };
    if let Some(MessageSecret(key)) = secret {
        let expected = hmac::sign(key, signed.0);
        let expected = expected.as_ref().get(..SIGNATURE_BYTES).unwrap_or_default();
        // Of different length if it is not signed.
        if !bool::from(subtle::ConstantTimeEq::ct_eq(expected, signed.1)) {
            return Err(InvalidMessage::Signature);
        }
    }
    let body = signed.0.get(FRAME_BYTES..).unwrap_or_default();
    Ok((kind, Reader(body)))
}
