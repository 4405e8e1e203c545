//! Drives one WebSocket over any transport: passes messages to the hub, writes the outbox, pauses reading.
//!
//! Each connection is one task, woken by its transport or its hub. This module has no access to swarms; the worker
//! starts the task after the upgrade.

mod socket;

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::hub::{
    ClientInfo, Ended, Hub, IterationQueue, NextAction, QueuedOutput, ReadProgress, ServedMessage,
    TurnInput,
};
use crate::protocol::ConnectionId;
use crate::websocket::{self, Message};
use socket::{READ_BYTES_PER_TURN, ReadTurn, WebSocket};

pub(crate) use socket::Transport;

/// Messages served before the task yields to other connections.
const MESSAGES_PER_TURN: usize = 32;
/// The task yields before the next message if the outbox holds more bytes than this. One scrape of 255 swarms exceeds
/// it and costs as much as thirty announces. With a thousand connections that only scrape, each turn delays all others
/// by a part of a second.
const OUTPUT_BYTES_PER_TURN: usize = 16 * 1024;
/// Connections over their rate limits that resume reading per event loop iteration. Without this bound, an offer waits
/// for one message of each of thousands of connections that send at their limit.
const RESUMED_PER_ITERATION: usize = 4;
/// One in this many messages is timed.
const MESSAGES_PER_TIMING: u32 = 64;

/// State shared by all connections of one worker.
#[derive(Debug)]
pub(crate) struct WorkerContext {
    hub: Rc<Hub>,
    /// When the process started; the hub's time counts from here.
    started: Instant,
    /// `connection.message_bytes_max`
    message_bytes_max: Cell<usize>,
    /// The read buffer. A connection uses it for the length of one turn.
    input: RefCell<Box<[u8]>>,
    /// Number of messages served; selects those to time.
    messages: Cell<u32>,
    /// Connections whose pause has ended and that wait to resume reading.
    resume_queue: IterationQueue,
}

impl WorkerContext {
    /// Creates the context for the connections of `hub`, whose time counts from `started`.
    pub(crate) fn new(hub: Rc<Hub>, started: Instant, message_bytes_max: usize) -> Rc<Self> {
        Rc::new(Self {
            hub,
            started,
            message_bytes_max: Cell::new(message_bytes_max),
            input: RefCell::new(vec![0; READ_BYTES_PER_TURN].into()),
            messages: Cell::new(0),
            resume_queue: IterationQueue::new(RESUMED_PER_ITERATION),
        })
    }

    /// Serves a message, and times one in [`MESSAGES_PER_TIMING`]: two clock reads per message would be a measurable cost.
    fn receive(&self, id: ConnectionId, text: Option<&str>) -> ServedMessage {
        let count = self.messages.get().wrapping_add(1);
        self.messages.set(count);
        let start = count.is_multiple_of(MESSAGES_PER_TIMING).then(Instant::now);
        let served = self.hub.receive_message(id, text);
        if let Some(start) = start {
            self.hub.gauges().handle_time.record(start.elapsed());
        }
        served
    }

    /// Sets `connection.message_bytes_max` for all later reads.
    pub(crate) fn set_message_bytes_max(&self, message_bytes_max: usize) {
        self.message_bytes_max.set(message_bytes_max);
    }
}

/// Serves one WebSocket until it ends. `read_ahead` holds bytes that arrived together with the handshake.
///
/// Its memberships end with it, also if the future is dropped.
pub(crate) fn serve<T: Transport>(
    transport: T,
    read_ahead: Vec<u8>,
    visitor: &ClientInfo,
    context: Rc<WorkerContext>,
) -> ConnectionTask<T> {
    context.hub.advance_to(context.started.elapsed());
    match ConnectionGuard::open(context, visitor) {
        Some(seat) => {
            let pause = seat.context.hub.begin_read(seat.id, read_ahead.len());
            let pause = pause.map(|time| Box::new(Pause::new(time, &seat.context)));
            ConnectionTask::Open(Connection {
                socket: WebSocket::new(transport, read_ahead),
                guard: seat,
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
    fn open(context: Rc<WorkerContext>, visitor: &ClientInfo) -> Option<Self> {
        let id = context.hub.open_connection(visitor)?;
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
            guard: seat,
            pause,
        } = self;
        // It may occupy a slot in the resume queue and is not polled any more.
        drop(pause);
        let mut final_output = seat.context.hub.take_output(seat.id);
        if let Some((code, reason)) = ended.close_frame() {
            websocket::write_close(&mut final_output, Some((code, reason)));
        }
        seat.record_end(ended);
        // The memberships end before the close, so that no peer is introduced to a closing connection.
        drop(seat);
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

/// A pause in reading: the time, then the wait in the resume queue.
struct Pause {
    end: Instant,
    resumed: Pin<Box<dyn Future<Output = ()>>>,
}

impl Pause {
    fn new(time: Duration, context: &Rc<WorkerContext>) -> Self {
        let (end, context) = (Instant::now() + time, Rc::clone(context));
        let over = async move {
            sleep_until(end).await;
            context.resume_queue.wait().await;
        };
        Self {
            end,
            resumed: Box::pin(over),
        }
    }
}

fn is_paused(pause: &mut Option<Box<Pause>>, cx: &mut Context<'_>) -> bool {
    let paused = pause
        .as_mut()
        .is_some_and(|pause| pause.resumed.as_mut().poll(cx).is_pending());
    if !paused {
        *pause = None;
    }
    paused
}

#[cfg(test)]
mod tests;
