//! Reads and writes the frames of RFC 6455 on the server side: received frames are unmasked and reassembled, sent
//! frames get their header.
//!
//! Works on bytes only and uses no socket. So all connections of a worker can read into one buffer, and an idle
//! connection needs no memory here. Headers, opcodes, close codes and errors are those of tungstenite. Connections call
//! it.

mod decoder;
mod encoder;
mod mask;

use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

pub use decoder::{Decoder, Frame};
pub use encoder::{write_close, write_frame, write_ping, write_pong, write_text};
pub use tokio_tungstenite::tungstenite::error::Error;

/// A message from a client, borrowed from the buffer it was read into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// A text message, checked to be UTF-8.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// A ping. The reply is a pong with the same bytes, at most 125.
    Ping(&'a [u8]),
    /// A pong.
    Pong,
    /// A close, with its code if it has one. The reply has the same code.
    Close(Option<CloseCode>),
}

#[cfg(test)]
pub(crate) mod client;
#[cfg(test)]
mod tests;
