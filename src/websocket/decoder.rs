//! Decodes received frames: finds them in the input, checks them, unmasks them in place, and reassembles fragments.

use std::io::Cursor;

use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

use super::{Message, mask};

/// Longest payload of a control frame (RFC 6455, 5.5).
const CONTROL_BYTES_MAX: usize = 125;

/// A frame whose header is complete and valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    header: FrameHeader,
    header_bytes: usize,
    payload_bytes: usize,
}

impl Frame {
    /// Returns the bytes of header and payload.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.header_bytes + self.payload_bytes
    }

    /// Returns whether it completes a message or is a control frame, which is a message by itself.
    #[must_use]
    pub const fn ends_message(&self) -> bool {
        self.header.is_final
    }

    /// Returns whether it is a ping, a pong or a close, which may come between the fragments of a message.
    #[must_use]
    pub const fn is_control(&self) -> bool {
        matches!(self.header.opcode, OpCode::Control(_))
    }
}

/// The state between frames: only the fragments of an unfinished message.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Boxed, as few clients send fragments.
    fragments: Option<Box<Fragments>>,
}

#[derive(Debug)]
struct Fragments {
    is_text: bool,
    payload: Vec<u8>,
    /// Number of bytes of a text that are checked to be UTF-8.
    utf8_checked_bytes: usize,
    /// Set when the message has been returned.
    is_complete: bool,
}

impl Decoder {
    /// Parses the frame header at the start of `input`. Returns `None` if the header is incomplete. The payload may be
    /// incomplete: wait until `input` has [`Frame::bytes`], then call [`Self::take`].
    ///
    /// # Errors
    ///
    /// A frame that violates RFC 6455, or one that makes a message longer than `message_bytes_max`, judged by the
    /// length alone.
    pub fn peek(&self, input: &[u8], message_bytes_max: usize) -> Result<Option<Frame>, Error> {
        let mut cursor = Cursor::new(input);
        let Some((header, length)) = FrameHeader::parse(&mut cursor)? else {
            return Ok(None);
        };
        self.check(&header, length)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let size = length.saturating_add(
            self.unfinished()
                .map_or(0, |unfinished| unfinished.payload.len()),
        );
        if matches!(header.opcode, OpCode::Data(_)) && size > message_bytes_max {
            return Err(Error::Capacity(CapacityError::MessageTooLong {
                size,
                max_size: message_bytes_max,
            }));
        }
        Ok(Some(Frame {
            header,
            header_bytes: usize::try_from(cursor.position()).unwrap_or(usize::MAX),
            payload_bytes: length,
        }))
    }

    /// Returns whether a message has begun but not ended.
    #[must_use]
    pub fn is_within_message(&self) -> bool {
        self.unfinished().is_some()
    }

    /// Returns the memory that fragments take, in bytes.
    #[must_use]
    pub fn buffered_bytes(&self) -> usize {
        self.unfinished()
            .map_or(0, |unfinished| unfinished.payload.capacity())
    }

    fn unfinished(&self) -> Option<&Fragments> {
        self.fragments
            .as_deref()
            .filter(|unfinished| !unfinished.is_complete)
    }

    fn check(&self, header: &FrameHeader, length: u64) -> Result<(), ProtocolError> {
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(ProtocolError::NonZeroReservedBits);
        }
        if header.mask.is_none() {
            return Err(ProtocolError::UnmaskedFrameFromClient);
        }
        match (header.opcode, self.unfinished()) {
            (OpCode::Control(_), _) if !header.is_final => {
                Err(ProtocolError::FragmentedControlFrame)
            }
            (OpCode::Control(_), _) if length > CONTROL_BYTES_MAX as u64 => {
                Err(ProtocolError::ControlFrameTooBig)
            }
            (OpCode::Data(Data::Continue), None) => Err(ProtocolError::UnexpectedContinueFrame),
            (OpCode::Data(data @ (Data::Text | Data::Binary)), Some(_)) => {
                Err(ProtocolError::ExpectedFragment(data))
            }
            _ => Ok(()),
        }
    }

    /// Takes the frame that [`Self::peek`] has just found at the start of `input`, which must contain all of it.
    /// Returns `None` if the message continues, which is the case unless [`Frame::ends_message`].
    ///
    /// # Errors
    ///
    /// A text that is not UTF-8, detected at the first invalid fragment; a close frame without a valid code.
    pub fn take<'a>(
        &'a mut self,
        frame: &Frame,
        input: &'a mut [u8],
    ) -> Result<Option<Message<'a>>, Error> {
        let payload = input
            .get_mut(frame.header_bytes..frame.bytes())
            .unwrap_or_default();
        mask::apply(frame.header.mask.unwrap_or_default(), payload);
        let payload = &*payload;
        match frame.header.opcode {
            OpCode::Data(Data::Text) if frame.header.is_final => {
                Ok(Some(Message::Text(text(payload)?)))
            }
            OpCode::Data(Data::Binary) if frame.header.is_final => {
                Ok(Some(Message::Binary(payload)))
            }
            OpCode::Data(_) => self.append_fragment(frame, payload),
            OpCode::Control(Control::Ping) => Ok(Some(Message::Ping(payload))),
            OpCode::Control(Control::Close) => Ok(Some(Message::Close(close_code(payload)?))),
            OpCode::Control(_) => Ok(Some(Message::Pong)),
        }
    }

    fn append_fragment(
        &mut self,
        frame: &Frame,
        payload: &[u8],
    ) -> Result<Option<Message<'_>>, Error> {
        if frame.header.opcode != OpCode::Data(Data::Continue) {
            self.fragments = Some(Box::new(Fragments {
                is_text: frame.header.opcode == OpCode::Data(Data::Text),
                payload: Vec::new(),
                utf8_checked_bytes: 0,
                is_complete: false,
            }));
        }
        let Some(fragments) = &mut self.fragments else {
            return Err(ProtocolError::UnexpectedContinueFrame.into());
        };
        fragments.payload.extend_from_slice(payload);
        fragments.is_complete = frame.header.is_final;
        if fragments.is_text {
            fragments.check_text()?;
        }
        Ok(match (fragments.is_complete, fragments.is_text) {
            (false, _) => None,
            (true, true) => Some(Message::Text(text(&fragments.payload)?)),
            (true, false) => Some(Message::Binary(&fragments.payload)),
        })
    }

    /// Frees the fragments of a message that was returned.
    pub fn free_finished_message(&mut self) {
        self.fragments.take_if(|fragments| fragments.is_complete);
    }
}

impl Fragments {
    /// A character may be split between two fragments, but must not be invalid.
    fn check_text(&mut self) -> Result<(), std::str::Utf8Error> {
        let unchecked = self
            .payload
            .get(self.utf8_checked_bytes..)
            .unwrap_or_default();
        match std::str::from_utf8(unchecked) {
            Ok(_) => self.utf8_checked_bytes = self.payload.len(),
            Err(error) if error.error_len().is_none() && !self.is_complete => {
                self.utf8_checked_bytes += error.valid_up_to();
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Checks a whole text in wide steps, as most of it is ASCII.
fn text(payload: &[u8]) -> Result<&str, Error> {
    simdutf8::basic::from_utf8(payload)
        .or_else(|_| std::str::from_utf8(payload))
        .map_err(Error::from)
}

/// Returns the code in a close frame's payload (RFC 6455, 5.5.1).
fn close_code(payload: &[u8]) -> Result<Option<CloseCode>, Error> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return match payload {
            [] => Ok(None),
            _ => Err(ProtocolError::InvalidCloseSequence.into()),
        };
    };
    std::str::from_utf8(reason)?;
    let code = CloseCode::from(u16::from_be_bytes(*code));
    if code.is_allowed() {
        Ok(Some(code))
    } else {
        Err(ProtocolError::InvalidCloseSequence.into())
    }
}
