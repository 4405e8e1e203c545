//! Drives one WebSocket over any transport: reads messages to the hub, writes the outbox, keeps to pauses.
//!
//! One task per connection, which sleeps until its transport or its hub wakes it. Knows nothing of swarms; the worker
//! starts it after the upgrade.

mod socket;
mod transport;

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::hub::{Ended, Hub, Next, Order};
use crate::protocol::ConnectionId;
use socket::{Incoming, Socket};

pub(crate) use transport::Transport;

/// Messages served before other connections have their turn.
const MESSAGES_PER_TURN: usize = 32;

/// What a connection needs to know of its worker.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    /// The worker's hub.
    pub(crate) hub: Rc<Hub>,
    /// When the process started: the zero of the hub's time.
    pub(crate) started: Instant,
    /// `connection.message_bytes_max`
    pub(crate) message_bytes_max: usize,
}

/// Serves one WebSocket until it ends. `read_ahead` are bytes that came together with the handshake.
///
/// Whatever ends it, also dropping the future, ends its memberships.
pub(crate) async fn serve<T: Transport>(
    transport: T,
    read_ahead: Vec<u8>,
    around: Surroundings,
) -> Ended {
    let Surroundings {
        hub,
        started,
        message_bytes_max,
    } = around;
    hub.advance_to(started.elapsed());
    let Some(seat) = Seat::take(&hub) else {
        return Ended::Stopping;
    };
    // Boxed, here and below, because a task keeps room for the largest of its steps as long as it lives.
    let socket = Box::pin(Socket::new(transport, read_ahead, message_bytes_max)).await;
    let mut connection = Connection {
        socket,
        seat,
        started,
        pause: None,
    };
    let ended = poll_fn(|cx| connection.turn(cx)).await;
    connection.feed_last_words(ended);
    let Connection { socket, seat, .. } = connection;
    seat.count(ended);
    // First out of the swarms, then the close: nobody is introduced to a connection that is ending.
    drop(seat);
    Box::pin(socket.close(ended)).await;
    ended
}

/// A connection's place in the hub, given back when dropped.
struct Seat {
    hub: Rc<Hub>,
    id: ConnectionId,
    uuid: uuid::Uuid,
}

impl Seat {
    fn take(hub: &Rc<Hub>) -> Option<Self> {
        let (id, uuid) = hub.open()?;
        tracing::debug!(connection = %uuid, "connection opened");
        Some(Self {
            hub: Rc::clone(hub),
            id,
            uuid,
        })
    }

    fn count(&self, ended: Ended) {
        let counters = self.hub.counters();
        match ended {
            Ended::Dead => counters.connections_dead.add(1),
            Ended::Stuck => counters.connections_stuck.add(1),
            Ended::Malformed | Ended::Flood => counters.connections_flooding.add(1),
            Ended::Protocol | Ended::NotUtf8 | Ended::TooLong => {
                counters.connections_violating.add(1);
            }
            Ended::ByClient | Ended::Lost | Ended::Stopping => {}
        }
        tracing::debug!(connection = %self.uuid, reason = ended.label(), "connection closed");
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hub.close(self.id);
    }
}

struct Connection<T> {
    socket: Socket<T>,
    seat: Seat,
    started: Instant,
    /// Set while the client is over its limits: nothing is read until it ends.
    pause: Option<Pin<Box<Sleep>>>,
}

impl<T: Transport> Connection<T> {
    /// One turn: reads what there is, then writes all that waits, with one flush.
    fn turn(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        self.seat.hub.advance_to(self.started.elapsed());
        let done = match self.seat.hub.begin_turn(self.seat.id, cx.waker()) {
            Some(Order::Close(ended)) => return Poll::Ready(ended),
            Some(Order::Ping) => self.socket.feed_ping(),
            None => Ok(()),
        };
        let done = done.and_then(|()| self.read(cx));
        let bytes_in = self.socket.take_bytes_in();
        if let Some(time) = self.seat.hub.charge_bytes(self.seat.id, bytes_in) {
            self.rest(time, cx);
        }
        match done.and_then(|()| self.write(cx)) {
            Ok(()) => Poll::Pending,
            Err(ended) => Poll::Ready(ended),
        }
    }

    fn read(&mut self, cx: &mut Context<'_>) -> Result<(), Ended> {
        for _ in 0..MESSAGES_PER_TURN {
            if self.is_paused(cx) || !self.seat.hub.may_read(self.seat.id) {
                return Ok(());
            }
            let hub = &self.seat.hub;
            let Poll::Ready(incoming) = self.socket.poll_next(cx) else {
                return Ok(());
            };
            let next = match incoming? {
                Incoming::Text(text) => hub.receive(self.seat.id, Some(text.as_str())),
                Incoming::Binary(bytes) => {
                    hub.receive(self.seat.id, std::str::from_utf8(&bytes).ok())
                }
                Incoming::Control => hub.receive_control(self.seat.id),
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
        if self
            .pause
            .as_ref()
            .is_none_or(|pause| pause.deadline() < end)
        {
            self.pause = Some(Box::pin(sleep_until(end)));
        }
        // Being asked is what sets the timer.
        self.is_paused(cx);
    }

    fn is_paused(&mut self, cx: &mut Context<'_>) -> bool {
        let paused = self
            .pause
            .as_mut()
            .is_some_and(|pause| pause.as_mut().poll(cx).is_pending());
        if !paused {
            self.pause = None;
        }
        paused
    }

    /// Queues what the client shall still hear before a close of ours, such as the reason for it. It is bounded like
    /// the outbox, and the close bounds the time it may take.
    fn feed_last_words(&mut self, ended: Ended) {
        if ended == Ended::Stuck || ended.close_frame().is_none() {
            return;
        }
        while let Some(message) = self.seat.hub.next_output(self.seat.id) {
            if self.socket.feed(message).is_err() {
                return;
            }
        }
    }

    fn write(&mut self, cx: &mut Context<'_>) -> Result<(), Ended> {
        let (hub, id) = (&self.seat.hub, self.seat.id);
        let could_read = hub.may_read(id);
        let flushed = loop {
            match self.socket.poll_room(cx)? {
                Poll::Ready(()) => match hub.next_output(id) {
                    Some(message) => self.socket.feed(message)?,
                    None => break self.socket.poll_flush(cx)?,
                },
                Poll::Pending => break Poll::Pending,
            }
        };
        hub.end_turn(id, self.socket.bytes_out(), flushed.is_pending());
        if !could_read && hub.may_read(id) {
            // Reading was put off because of the output that is now gone.
            cx.waker().wake_by_ref();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
