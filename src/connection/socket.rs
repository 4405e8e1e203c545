//! The seam to tungstenite: frames in and out of one transport, every buffer of a named size.
//!
//! Nothing else in the server knows the WebSocket library, so that the hot path can be replaced behind this file. It
//! knows no tracker; the connection drives it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::{Sink, SinkExt, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

use super::transport::{Counted, Transport};
use crate::hub::Ended;

/// Bytes read at once. Each connection keeps that much for good, and tungstenite clears it before each read.
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// Output gathered before it is written although the turn goes on.
const WRITE_BUFFER_BYTES: usize = 16 * 1024;
/// How long a close may take: writing what is left, and the client's own end of it.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// How much of what a client still sends is read away after a close, so that the close frame reaches it before a reset.
const LINGER_BYTES: usize = 1024 * 1024;

/// Something from the client.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A text message.
    Text(Utf8Bytes),
    /// A binary message.
    Binary(Bytes),
    /// A ping, already answered, or a pong.
    Control,
}

/// One WebSocket, server side, after the handshake.
#[derive(Debug)]
pub(super) struct Socket<T> {
    stream: WebSocketStream<Counted<T>>,
    /// Whether a read may find something although the transport reports nothing new: frames read together with others.
    buffered: bool,
}

impl<T: Transport> Socket<T> {
    /// `read_ahead` are bytes that came together with the handshake.
    pub(super) async fn new(transport: T, read_ahead: Vec<u8>, message_bytes_max: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_BYTES)
            .write_buffer_size(WRITE_BUFFER_BYTES)
            // What gathers is bounded by whom it is taken from: one message over the size above while the connection
            // lives, as room is asked for before each; the outbox when it is closed.
            .max_write_buffer_size(usize::MAX)
            .max_message_size(Some(message_bytes_max))
            .max_frame_size(Some(message_bytes_max));
        let transport = Counted::new(transport);
        let stream =
            WebSocketStream::from_partially_read(transport, read_ahead, Role::Server, Some(config))
                .await;
        Self {
            stream,
            buffered: true,
        }
    }

    /// Reads one message. A message must be dropped before the next is read, or tungstenite allocates anew.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Incoming, Ended>> {
        if !self.buffered {
            ready!(self.stream.get_ref().poll_readable(cx)).map_err(|_| Ended::Lost)?;
        }
        let next = Pin::new(&mut self.stream).poll_next(cx);
        self.buffered = next.is_ready();
        Poll::Ready(match ready!(next) {
            Some(Ok(Message::Text(text))) => Ok(Incoming::Text(text)),
            Some(Ok(Message::Binary(bytes))) => Ok(Incoming::Binary(bytes)),
            Some(Ok(Message::Close(_))) | None => Err(Ended::ByClient),
            Some(Ok(_)) => Ok(Incoming::Control),
            Some(Err(error)) => Err(ended(&error)),
        })
    }

    /// Ready when another message may be fed.
    pub(super) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        Pin::new(&mut self.stream)
            .poll_ready(cx)
            .map_err(|error| ended(&error))
    }

    /// Queues a message for the next flush. Ask [`Self::poll_room`] before, unless the connection is closing.
    pub(super) fn feed(&mut self, text: String) -> Result<(), Ended> {
        self.start_send(Message::text(text))
    }

    /// Queues a ping for the next flush, room or not: it is small, and there is at most one in `connection.ping_after`.
    pub(super) fn feed_ping(&mut self) -> Result<(), Ended> {
        self.start_send(Message::Ping(Bytes::new()))
    }

    fn start_send(&mut self, message: Message) -> Result<(), Ended> {
        Pin::new(&mut self.stream)
            .start_send(message)
            .map_err(|error| ended(&error))
    }

    /// Writes all that is queued; pending while the transport does not take it.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        Pin::new(&mut self.stream)
            .poll_flush(cx)
            .map_err(|error| ended(&error))
    }

    /// Ends a turn: gives how many bytes were read in it.
    pub(super) fn take_bytes_in(&mut self) -> usize {
        self.stream.get_mut().take_bytes_in()
    }

    /// How many bytes the transport has taken so far.
    pub(super) fn bytes_out(&self) -> u64 {
        self.stream.get_ref().bytes_out()
    }

    /// Ends the connection in order, within `CLOSE_TIMEOUT`.
    pub(super) async fn close(mut self, ended: Ended) {
        if matches!(ended, Ended::Lost | Ended::Dead) {
            return;
        }
        // Whether the other side still listens is not known, and nothing depends on it.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, async {
            if let Some((code, reason)) = ended.close_frame() {
                let frame = CloseFrame {
                    code: code.into(),
                    reason: reason.into(),
                };
                let _ = self.stream.feed(Message::Close(Some(frame))).await;
            }
            let _ = self.stream.flush().await;
            self.linger().await;
        })
        .await;
    }

    /// Reads away what the client still sends until it ends the transport too.
    async fn linger(&mut self) {
        let transport = self.stream.get_mut();
        let _ = transport.shutdown().await;
        let (mut rest, mut scrap) = (LINGER_BYTES, [0; 1024]);
        while let Ok(read @ 1..) = transport.read(&mut scrap).await {
            // The limit of a turn does not hold any more: what is read here goes nowhere.
            transport.take_bytes_in();
            rest = rest.saturating_sub(read);
            if rest == 0 {
                break;
            }
        }
    }
}

fn ended(error: &Error) -> Ended {
    match error {
        Error::ConnectionClosed | Error::AlreadyClosed => Ended::ByClient,
        Error::Protocol(error) if is_lost(error) => Ended::Lost,
        Error::Protocol(_) | Error::AttackAttempt => Ended::Protocol,
        Error::Utf8(_) => Ended::NotUtf8,
        Error::Capacity(_) => Ended::TooLong,
        _ => Ended::Lost,
    }
}

/// The transport ended without a close frame, which tungstenite calls a protocol error.
fn is_lost(error: &tokio_tungstenite::tungstenite::error::ProtocolError) -> bool {
    use tokio_tungstenite::tungstenite::error::ProtocolError;
    matches!(
        error,
        ProtocolError::ResetWithoutClosingHandshake | ProtocolError::SendAfterClosing
    )
}
