//! The frames of RFC 6455, the server's side: what comes in is unmasked and put together, what goes out gets its header.
//!
//! Works on bytes alone and knows no socket, so that all connections of a worker can read into one buffer and nothing is
//! kept for an idle one. Headers, opcodes, close codes and errors are tungstenite's. Connections call it.

mod decoder;
mod encode;
mod mask;

use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

pub use decoder::{Decoder, Frame};
pub use encode::{write_close, write_frame, write_ping, write_pong, write_text};
pub use tokio_tungstenite::tungstenite::error::Error;

/// Something a client said, borrowed from where it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message<'a> {
    /// A text message, checked to be UTF-8.
    Text(&'a str),
    /// A binary message.
    Binary(&'a [u8]),
    /// A ping, to be answered by a pong with the same bytes, at most 125.
    Ping(&'a [u8]),
    /// A pong.
    Pong,
    /// A close, with its code if it has one; to be answered with the same.
    Close(Option<CloseCode>),
}

#[cfg(test)]
pub(crate) mod client;
#[cfg(test)]
mod tests;
