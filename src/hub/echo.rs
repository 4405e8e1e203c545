//! Sends messages back instead of serving them, so that tests check framing through the tracker's own connections.
//!
//! Compiled only for tests and with the feature `echo`. Inactive unless a program enables it.

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::write::HEADER_BYTES_MAX;
use super::{Ended, Hub, NextAction, Priority, ServedMessage};
use crate::protocol::ConnectionId;
use crate::websocket::{self, Message};

impl Hub {
    pub(crate) fn echoes(&self) -> bool {
        self.node.echoes()
    }

    /// Sends a message back in one frame. A full outbox drops it like any other.
    pub(crate) fn echo(&self, id: ConnectionId, message: Message<'_>) -> ServedMessage {
        let (data, payload) = match message {
            Message::Text(text) => (Data::Text, text.as_bytes()),
            Message::Binary(bytes) => (Data::Binary, bytes),
            _ => return Ended::Protocol.into(),
        };
        let (now, size) = (self.time.get(), payload.len() + HEADER_BYTES_MAX);
        let sent = self.with_entry(id, |entry| {
            entry.record_input(now);
            entry.first_message_awaited_since = None;
            self.push_output(entry, Priority::Required, size, |out| {
                websocket::write_frame(out, OpCode::Data(data), |out| {
                    out.extend_from_slice(payload);
                });
            });
            ServedMessage {
                next: NextAction::Read,
                output: self.queued_output(entry),
            }
        });
        sent.unwrap_or_else(|| Ended::Lost.into())
    }
}
