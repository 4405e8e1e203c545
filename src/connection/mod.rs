//! Drives one WebSocket over any transport: reads messages to the hub, writes the outbox, keeps to pauses.
//!
//! One task per connection, which sleeps until its transport or its hub wakes it. Knows nothing of swarms; the worker
//! starts it after the upgrade.

mod socket;

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use crate::hub::{Ended, Hub, IterationQueue, Next, Progress, Visitor};
use crate::protocol::ConnectionId;
use crate::websocket::{self, Message};
use socket::{READ_BYTES_PER_TURN, Socket, Turn};

pub(crate) use socket::Transport;

/// Messages served before other connections have their turn.
const MESSAGES_PER_TURN: usize = 32;
/// Bytes of output with which other connections have their turn before the next message is served. A scrape of 255 swarms
/// makes more, and costs as much as thirty announces: of a thousand connections that send nothing else, each turn takes
/// a part of a second from all others.
const OUTPUT_BYTES_PER_TURN: usize = 16 * 1024;
/// Connections over their rate limits that resume reading per event loop iteration. Without a limit, an offer waits for one message of
/// each of thousands of connections that send as much as they may.
const RESUMED_PER_ITERATION: usize = 4;
/// One message in so many is timed.
const TIMED: u32 = 64;

/// What the connections of one worker share.
#[derive(Debug)]
pub(crate) struct Surroundings {
    hub: Rc<Hub>,
    /// When the process started: the zero of the hub's time.
    started: Instant,
    /// `connection.message_bytes_max`
    message_bytes_max: Cell<usize>,
    /// What is read goes here first. A connection has it for the length of a turn.
    input: RefCell<Box<[u8]>>,
    /// Messages served, to choose those that are timed.
    messages: Cell<u32>,
    /// Connections whose pause is over and that wait to resume reading.
    resume_queue: IterationQueue,
}

impl Surroundings {
    /// For the connections of `hub`, whose time counts from `started`.
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

    /// Serves a message, and takes the time of one in [`TIMED`]: two looks at the clock for each would be felt.
    fn receive(&self, id: ConnectionId, text: Option<&str>) -> Next {
        let count = self.messages.get().wrapping_add(1);
        self.messages.set(count);
        let began = count.is_multiple_of(TIMED).then(Instant::now);
        let next = self.hub.receive(id, text);
        if let Some(began) = began {
            self.hub.levels().handle_time.record(began.elapsed());
        }
        next
    }

    /// Takes another `connection.message_bytes_max`, for what is read from now on.
    pub(crate) fn retune(&self, message_bytes_max: usize) {
        self.message_bytes_max.set(message_bytes_max);
    }
}

/// Serves one WebSocket until it ends. `read_ahead` are bytes that came together with the handshake.
///
/// Whatever ends it, also dropping the future, ends its memberships.
pub(crate) fn serve<T: Transport>(
    transport: T,
    read_ahead: Vec<u8>,
    visitor: &Visitor,
    around: Rc<Surroundings>,
) -> Service<T> {
    around.hub.advance_to(around.started.elapsed());
    match Seat::take(around, visitor) {
        Some(seat) => {
            let bytes = read_ahead.len();
            let counters = seat.around.hub.counters();
            counters.bytes_received.add(bytes as u64);
            // What came with the handshake is paid for like the rest; it is looked at for a started message with the turn.
            let hub = &seat.around.hub;
            let pause = hub
                .begin_read(seat.id)
                .max(hub.end_read(seat.id, bytes, Progress::Rest));
            let pause = pause.map(|time| Box::new(Pause::new(time, &seat.around)));
            Service::Open(Connection {
                socket: Socket::new(transport, read_ahead),
                seat,
                pause,
            })
        }
        None => Service::Over,
    }
}

/// The service of one WebSocket, as a task. Not an `async` block, which keeps room for what it was made from: this one
/// and what tokio puts before it fill the two cache lines that a turn needs.
pub(crate) enum Service<T> {
    Open(Connection<T>),
    /// Boxed, because a task keeps room for the largest of its steps as long as it lives.
    Closing(Pin<Box<dyn Future<Output = Ended>>>),
    /// There was no place for it.
    Over,
}

impl<T: Transport> Future for Service<T> {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        if let Self::Open(connection) = &mut *self {
            let ended = ready!(connection.turn(cx));
            if let Self::Open(connection) = std::mem::replace(&mut *self, Self::Over) {
                *self = Self::Closing(Box::pin(connection.close(ended)));
            }
        }
        match &mut *self {
            Self::Closing(closing) => closing.as_mut().poll(cx),
            Self::Open(_) | Self::Over => Poll::Ready(Ended::Stopping),
        }
    }
}

/// A connection's place in the hub, given back when dropped.
struct Seat {
    around: Rc<Surroundings>,
    id: ConnectionId,
}

impl Seat {
    fn take(around: Rc<Surroundings>, visitor: &Visitor) -> Option<Self> {
        let id = around.hub.open(visitor)?;
        tracing::debug!(connection = %around.hub.name(id), "connection opened");
        Some(Self { around, id })
    }

    fn note(&self, ended: Ended) {
        self.around.hub.note_end(self.id, ended);
        self.around.hub.hold_against(self.id, ended);
        tracing::debug!(connection = %self.around.hub.name(self.id), reason = ended.label(), "connection closed");
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.around.hub.close(self.id);
    }
}

pub(crate) struct Connection<T> {
    socket: Socket<T>,
    seat: Seat,
    /// Set while the client is over its limits: nothing is read until it ends.
    pause: Option<Box<Pause>>,
}

impl<T: Transport> Connection<T> {
    /// One turn: reads what there is, then writes all that waits, in one go.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        let around = Rc::clone(&self.seat.around);
        around.hub.advance_to(around.started.elapsed());
        if let Some(ended) = around.hub.begin_turn(self.seat.id, cx.waker()) {
            return Poll::Ready(ended);
        }
        let input = &mut **around.input.borrow_mut();
        let mut turn = self.socket.begin_turn();
        let done = self.read(&mut turn, input, cx);
        self.socket.end_turn(&turn, input);
        if let Some(time) = self.end_read(&turn) {
            self.rest(time, cx);
        }
        match done {
            Ok(()) => {
                self.write(cx);
                Poll::Pending
            }
            Err(ended) => Poll::Ready(ended),
        }
    }

    /// Tells the hub what was read and whether a message is under way; `Some` is how long nothing shall be read.
    fn end_read(&self, turn: &Turn) -> Option<Duration> {
        let (hub, id) = (&self.seat.around.hub, self.seat.id);
        let mut progress = self.socket.progress(turn);
        // Most messages come whole, so that nothing is noted for them.
        if turn.had_kept() || progress != Progress::Rest {
            hub.note_unfinished(id, self.socket.kept_bytes());
        }
        // Nearly all turns that only write end here, without a look at what else is known of the connection.
        if turn.is_idle() && progress == Progress::Rest {
            return None;
        }
        hub.counters().bytes_received.add(turn.bytes_in());
        if !hub.may_read(id) {
            // The rest of the message waits for us, not for the client.
            progress = Progress::Rest;
        }
        hub.end_read(id, turn.bytes_charged(), progress)
    }

    fn read(
        &mut self,
        turn: &mut Turn,
        input: &mut [u8],
        cx: &mut Context<'_>,
    ) -> Result<(), Ended> {
        for served in 0..MESSAGES_PER_TURN {
            let (around, id) = (&self.seat.around, self.seat.id);
            let hub = &around.hub;
            if is_paused(&mut self.pause, cx) || !hub.may_read(id) {
                return Ok(());
            }
            if served > 0 && hub.output_bytes(id) > OUTPUT_BYTES_PER_TURN {
                break;
            }
            let next = self
                .socket
                .poll_next(turn, input, around.message_bytes_max.get(), cx);
            let Poll::Ready(message) = next else {
                return Ok(());
            };
            let next = match message? {
                #[cfg(any(test, feature = "echo"))]
                message @ (Message::Text(_) | Message::Binary(_)) if hub.echoes() => {
                    hub.echo(id, message)
                }
                Message::Text(text) => around.receive(id, Some(text)),
                Message::Binary(bytes) => around.receive(id, std::str::from_utf8(bytes).ok()),
                Message::Ping(payload) => hub.receive_control(id, Some(payload)),
                Message::Pong => hub.receive_control(id, None),
                Message::Close(code) => {
                    hub.answer_close(id, code.map(u16::from));
                    return Err(Ended::ByClient);
                }
            };
            match next {
                Next::Read => {}
                Next::Pause(time) => self.rest(time, cx),
                Next::Close(ended) => return Err(ended),
            }
        }
        // More may be there, but others come first.
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// Reads nothing for a time, or for what is left of a longer one.
    fn rest(&mut self, time: Duration, cx: &mut Context<'_>) {
        let end = Instant::now() + time;
        if self.pause.as_ref().is_none_or(|pause| pause.end < end) {
            self.pause = Some(Box::new(Pause::new(time, &self.seat.around)));
        }
        // Being asked is what sets the timer.
        is_paused(&mut self.pause, cx);
    }

    fn write(&mut self, cx: &mut Context<'_>) {
        let (hub, id) = (&self.seat.around.hub, self.seat.id);
        let could_read = hub.may_read(id);
        let written = hub.write_output(id, |bytes| self.socket.poll_write(cx, bytes));
        if written.is_err() {
            // What it said before it went still counts, so it is read to its end.
            self.socket.set_deaf();
            drop(hub.take_output(id));
            cx.waker().wake_by_ref();
            return;
        }
        if hub.go_on_telling_all(id) {
            // Others have their turn before it is written.
            cx.waker().wake_by_ref();
        }
        if !could_read && hub.may_read(id) {
            // Reading was put off because of the output that is now gone.
            cx.waker().wake_by_ref();
        }
    }

    /// Ends it in order: what the client shall still hear is written, then the close, if that is ours to begin.
    async fn close(self, ended: Ended) -> Ended {
        let Self {
            socket,
            seat,
            pause,
        } = self;
        // It may occupy a place in the resume queue, and is not polled any more.
        drop(pause);
        let mut last_words = seat.around.hub.take_output(seat.id);
        if let Some((code, reason)) = ended.close_frame() {
            websocket::write_close(&mut last_words, Some((code, reason)));
        }
        seat.note(ended);
        // First out of the swarms, then the close: nobody is introduced to a connection that is ending.
        drop(seat);
        let may_hear = match ended {
            // Who has only ended its side hears the answers to what it said.
            Ended::Lost => socket.may_hear() && !last_words.is_empty(),
            Ended::Dead => false,
            _ => true,
        };
        if may_hear {
            socket.close(last_words).await;
        }
        ended
    }
}

/// A pause in reading: its time, then the wait in the resume queue.
struct Pause {
    end: Instant,
    over: Pin<Box<dyn Future<Output = ()>>>,
}

impl Pause {
    fn new(time: Duration, around: &Rc<Surroundings>) -> Self {
        let (end, around) = (Instant::now() + time, Rc::clone(around));
        let over = async move {
            sleep_until(end).await;
            around.resume_queue.wait().await;
        };
        Self {
            end,
            over: Box::pin(over),
        }
    }
}

fn is_paused(pause: &mut Option<Box<Pause>>, cx: &mut Context<'_>) -> bool {
    let paused = pause
        .as_mut()
        .is_some_and(|pause| pause.over.as_mut().poll(cx).is_pending());
    if !paused {
        *pause = None;
    }
    paused
}

#[cfg(test)]
mod tests;
