//! Frames in: found in the bytes that were read, checked, unmasked in place, and put together when they are fragments.

use std::io::Cursor;

use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

use super::{Message, mask};

/// Longest payload of a control frame (RFC 6455, 5.5).
const CONTROL_BYTES_MAX: usize = 125;

/// A frame whose header has come and is in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    header: FrameHeader,
    header_bytes: usize,
    payload_bytes: usize,
}

impl Frame {
    /// Bytes of header and payload.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.header_bytes + self.payload_bytes
    }

    /// Whether it completes a message, or is a control frame, which is one by itself.
    #[must_use]
    pub const fn ends_message(&self) -> bool {
        self.header.is_final
    }

    /// Whether it is a ping, a pong or a close, which may stand between the fragments of a message.
    #[must_use]
    pub const fn is_control(&self) -> bool {
        matches!(self.header.opcode, OpCode::Control(_))
    }
}

/// What is to be remembered between frames: the fragments of a message that has not ended, and nothing else.
#[derive(Debug, Default)]
pub struct Decoder {
    /// Boxed, as hardly any client sends fragments.
    fragments: Option<Box<Fragments>>,
}

#[derive(Debug)]
struct Fragments {
    is_text: bool,
    payload: Vec<u8>,
    /// Up to where a text is known to be UTF-8.
    checked: usize,
    /// Set when the message has been given out.
    done: bool,
}

impl Decoder {
    /// Looks at the start of `input` for a frame. `None` if its header has not come whole. The payload may still be on
    /// its way: wait until `input` has [`Frame::bytes`], then [`Self::take`] it.
    ///
    /// # Errors
    ///
    /// A frame against RFC 6455, or one that makes a message longer than `message_bytes_max`: the length alone tells.
    pub fn peek(&self, input: &[u8], message_bytes_max: usize) -> Result<Option<Frame>, Error> {
        let mut cursor = Cursor::new(input);
        let Some((header, length)) = FrameHeader::parse(&mut cursor)? else {
            return Ok(None);
        };
        self.check(&header, length)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let size = length.saturating_add(self.waiting().map_or(0, |waiting| waiting.payload.len()));
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

    /// Whether a message has begun that has not ended.
    #[must_use]
    pub fn is_within_message(&self) -> bool {
        self.waiting().is_some()
    }

    /// Bytes of memory that fragments take.
    #[must_use]
    pub fn kept_bytes(&self) -> usize {
        self.waiting()
            .map_or(0, |waiting| waiting.payload.capacity())
    }

    fn waiting(&self) -> Option<&Fragments> {
        self.fragments.as_deref().filter(|waiting| !waiting.done)
    }

    fn check(&self, header: &FrameHeader, length: u64) -> Result<(), ProtocolError> {
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(ProtocolError::NonZeroReservedBits);
        }
        if header.mask.is_none() {
            return Err(ProtocolError::UnmaskedFrameFromClient);
        }
        match (header.opcode, self.waiting()) {
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

    /// Takes the frame that [`Self::peek`] has just found at the start of `input`, all of which must have come. `None`
    /// if the message goes on, which is so unless [`Frame::ends_message`].
    ///
    /// # Errors
    ///
    /// A text that is not UTF-8, noticed at the first fragment that shows it; a close frame without a valid code.
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
            OpCode::Data(_) => self.put_together(frame, payload),
            OpCode::Control(Control::Ping) => Ok(Some(Message::Ping(payload))),
            OpCode::Control(Control::Close) => Ok(Some(Message::Close(close_code(payload)?))),
            OpCode::Control(_) => Ok(Some(Message::Pong)),
        }
    }

    fn put_together(
        &mut self,
        frame: &Frame,
        payload: &[u8],
    ) -> Result<Option<Message<'_>>, Error> {
        if frame.header.opcode != OpCode::Data(Data::Continue) {
            self.fragments = Some(Box::new(Fragments {
                is_text: frame.header.opcode == OpCode::Data(Data::Text),
                payload: Vec::new(),
                checked: 0,
                done: false,
            }));
        }
        let Some(fragments) = &mut self.fragments else {
            return Err(ProtocolError::UnexpectedContinueFrame.into());
        };
        fragments.payload.extend_from_slice(payload);
        fragments.done = frame.header.is_final;
        if fragments.is_text {
            fragments.check_text()?;
        }
        Ok(match (fragments.done, fragments.is_text) {
            (false, _) => None,
            (true, true) => Some(Message::Text(text(&fragments.payload)?)),
            (true, false) => Some(Message::Binary(&fragments.payload)),
        })
    }

    /// Frees the fragments of a message that was given out.
    pub fn tidy(&mut self) {
        self.fragments.take_if(|fragments| fragments.done);
    }
}

impl Fragments {
    /// A character may be cut between two fragments, but not broken.
    fn check_text(&mut self) -> Result<(), std::str::Utf8Error> {
        let unchecked = self.payload.get(self.checked..).unwrap_or_default();
        match std::str::from_utf8(unchecked) {
            Ok(_) => self.checked = self.payload.len(),
            Err(error) if error.error_len().is_none() && !self.done => {
                self.checked += error.valid_up_to();
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// A whole text, checked by wide steps, as most of it is ASCII.
fn text(payload: &[u8]) -> Result<&str, Error> {
    simdutf8::basic::from_utf8(payload)
        .or_else(|_| std::str::from_utf8(payload))
        .map_err(Error::from)
}

/// The code of a close frame's payload (RFC 6455, 5.5.1).
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
