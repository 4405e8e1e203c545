//! Drives one WebSocket over any transport: passes messages to the hub, writes the outbox, pauses reading.
//!
//! Each connection is one task, woken by its transport or its hub. This module has no access to swarms; the worker
//! starts the task after the upgrade.

mod context;
mod pause;
mod refusal;
mod socket;

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::Instant;

use crate::hub::{Ended, NextAction, QueuedOutput, ReadProgress, TurnInput};
use crate::node::{ClientInfo, ConnectionPermit};
use crate::protocol::ConnectionId;
use crate::websocket::{self, Message};
use pause::{Pause, is_paused};
use socket::{ReadTurn, WebSocket};

pub(crate) use context::WorkerContext;
pub(crate) use refusal::refuse;
pub(crate) use socket::Transport;

/// Messages served before the task yields to other connections.
const MESSAGES_PER_TURN: usize = 32;
/// The task yields before the next message if the outbox holds more bytes than this. One scrape of 255 swarms exceeds
/// it and costs as much as thirty announces. With a thousand connections that only scrape, each turn delays all others
/// by a part of a second.
const OUTPUT_BYTES_PER_TURN: usize = 16 * 1024;

/// Serves one WebSocket until it ends. `read_ahead` holds bytes that arrived together with the handshake. `permit` counts
/// the connection for the address of `client_info`.
///
/// Its memberships end with it, also if the future is dropped.
pub(crate) fn serve<T: Transport>(
    transport: T,
    read_ahead: Vec<u8>,
    (client_info, permit): (&ClientInfo, ConnectionPermit),
    context: Rc<WorkerContext>,
) -> ConnectionTask<T> {
    context.hub.advance_to(context.started.elapsed());
    match ConnectionGuard::open(context, client_info, permit) {
        Some(guard) => {
            let pause = guard.context.hub.begin_read(guard.id, read_ahead.len());
            let pause = pause.map(|time| Box::new(Pause::new(time, &guard.context)));
            ConnectionTask::Open(Connection {
                socket: WebSocket::new(transport, read_ahead),
                guard,
                pause,
            })
        }
        None => ConnectionTask::Finished,
    }
}

/// The task of one WebSocket. Not an `async` block: its future would also keep room for its arguments. This type and
/// tokio's task header fit the two cache lines that a turn needs.
pub(crate) enum ConnectionTask<T> {
    Open(Connection<T>),
    /// Boxed, because a task keeps room for its largest state for its whole life.
    Closing(Pin<Box<dyn Future<Output = Ended>>>),
    /// The connection has ended, or the hub did not accept it.
    Finished,
}

impl<T: Transport> Future for ConnectionTask<T> {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        if let Self::Open(connection) = &mut *self {
            let ended = ready!(connection.turn(cx));
            if let Self::Open(connection) = std::mem::replace(&mut *self, Self::Finished) {
                *self = Self::Closing(Box::pin(connection.close(ended)));
            }
        }
        match &mut *self {
            Self::Closing(closing) => closing.as_mut().poll(cx),
            Self::Open(_) | Self::Finished => Poll::Ready(Ended::Stopping),
        }
    }
}

/// A connection's registration in the hub, removed on drop.
struct ConnectionGuard {
    context: Rc<WorkerContext>,
    id: ConnectionId,
}

impl ConnectionGuard {
    fn open(
        context: Rc<WorkerContext>,
        client_info: &ClientInfo,
        permit: ConnectionPermit,
    ) -> Option<Self> {
        let id = context.hub.open_connection(client_info, permit)?;
        tracing::debug!(connection = %context.hub.connection_name(id), "connection opened");
        Some(Self { context, id })
    }

    fn record_end(&self, ended: Ended) {
        self.context.hub.set_end_reason(self.id, ended);
        self.context.hub.strike_address(self.id, ended);
        tracing::debug!(connection = %self.context.hub.connection_name(self.id), reason = ended.label(), "connection closed");
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.context.hub.close_connection(self.id);
    }
}

pub(crate) struct Connection<T> {
    socket: WebSocket<T>,
    guard: ConnectionGuard,
    /// Set while the client is over its limits; nothing is read until the pause ends.
    pause: Option<Box<Pause>>,
}

impl<T: Transport> Connection<T> {
    /// Runs one turn: reads what is available, then writes the whole outbox at once.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        let context = Rc::clone(&self.guard.context);
        context.hub.advance_to(context.started.elapsed());
        let output = match context.hub.begin_turn(self.guard.id, cx.waker()) {
            Ok(output) => output,
            Err(ended) => return Poll::Ready(ended),
        };
        let input = &mut **context.input.borrow_mut();
        let mut turn = self.socket.begin_turn();
        let result = self.read(&mut turn, output, input, cx);
        self.socket.end_turn(&turn, input);
        let input = self.turn_input(&turn);
        match result {
            Ok(()) => {
                self.end_turn(input, cx);
                Poll::Pending
            }
            Err(ended) => {
                if let Some(input) = input {
                    context.hub.end_last_turn(self.guard.id, input);
                }
                Poll::Ready(ended)
            }
        }
    }

    /// Returns what was read, and reports an unfinished message to the hub. `None` if nothing was read, as in nearly all
    /// turns that only write.
    fn turn_input(&self, turn: &ReadTurn) -> Option<TurnInput> {
        let progress = self.socket.progress(turn);
        // Most messages arrive whole and need no record.
        if turn.began_unfinished() || progress != ReadProgress::BetweenMessages {
            let hub = &self.guard.context.hub;
            hub.set_unfinished_bytes(self.guard.id, self.socket.pending_bytes());
        }
        if turn.is_idle() && progress == ReadProgress::BetweenMessages {
            return None;
        }
        Some(TurnInput {
            bytes: turn.bytes_in(),
            bytes_charged: turn.bytes_charged(),
            progress,
        })
    }

    fn read(
        &mut self,
        turn: &mut ReadTurn,
        mut output: QueuedOutput,
        input: &mut [u8],
        cx: &mut Context<'_>,
    ) -> Result<(), Ended> {
        for number in 0..MESSAGES_PER_TURN {
            let (context, id) = (&self.guard.context, self.guard.id);
            let hub = &context.hub;
            if is_paused(&mut self.pause, cx) || !output.may_read {
                return Ok(());
            }
            if number > 0 && output.bytes > OUTPUT_BYTES_PER_TURN {
                break;
            }
            let next = self
                .socket
                .poll_next(turn, input, context.message_bytes_max.get(), cx);
            let Poll::Ready(message) = next else {
                return Ok(());
            };
            let served = match message? {
                #[cfg(any(test, feature = "echo"))]
                message @ (Message::Text(_) | Message::Binary(_)) if hub.echoes() => {
                    hub.echo(id, message)
                }
                Message::Text(text) => context.receive(id, Some(text)),
                Message::Binary(bytes) => context.receive(id, std::str::from_utf8(bytes).ok()),
                Message::Ping(payload) => hub.receive_control(id, Some(payload)),
                Message::Pong => hub.receive_control(id, None),
                Message::Close(code) => {
                    hub.answer_close(id, code.map(u16::from));
                    return Err(Ended::ByClient);
                }
            };
            output = served.output;
            match served.next {
                NextAction::Read => {}
                NextAction::Pause(time) => self.pause_reading(time, cx),
                NextAction::Close(ended) => return Err(ended),
            }
        }
        // There may be more to read, but other connections go first.
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// Pauses reading for `time`, or for what remains of a longer pause.
    fn pause_reading(&mut self, time: Duration, cx: &mut Context<'_>) {
        let end = Instant::now() + time;
        if self.pause.as_ref().is_none_or(|pause| pause.end < end) {
            self.pause = Some(Box::new(Pause::new(time, &self.guard.context)));
        }
        // Polling sets the timer.
        is_paused(&mut self.pause, cx);
    }

    /// Charges what was read, and writes the whole outbox at once.
    fn end_turn(&mut self, input: Option<TurnInput>, cx: &mut Context<'_>) {
        let (hub, id) = (&self.guard.context.hub, self.guard.id);
        let ended = hub.end_turn(id, input, |bytes| self.socket.poll_write(cx, bytes));
        if ended.write_failed {
            // Bytes that arrived before the failure still count, so they are read to the end.
            self.socket.set_write_closed();
        }
        if ended.runs_again {
            cx.waker().wake_by_ref();
        }
        if let Some(time) = ended.pause {
            self.pause_reading(time, cx);
        }
    }

    /// Closes the connection in order: writes the remaining output, then the close frame if the server starts the
    /// close.
    async fn close(self, ended: Ended) -> Ended {
        let Self {
            socket,
            guard,
            pause,
        } = self;
        // It may occupy a slot in the resume queue and is not polled any more.
        drop(pause);
        let mut final_output = guard.context.hub.take_output(guard.id);
        if let Some((code, reason)) = ended.close_frame() {
            websocket::write_close(&mut final_output, Some((code, reason)));
        }
        guard.record_end(ended);
        // The memberships end before the close, so that no peer is introduced to a closing connection.
        drop(guard);
        let can_deliver = match ended {
            // A client that has only closed its sending side receives the replies to its messages.
            Ended::Lost => socket.can_write() && !final_output.is_empty(),
            Ended::Dead => false,
            _ => true,
        };
        if can_deliver {
            socket.close(final_output).await;
        }
        ended
    }
}

#[cfg(test)]
mod tests;
