//! The TURN connections over TCP and TLS: what waits to be sent on each, and which are ended.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use crate::ice::FiveTuple;
use crate::metrics::{Counter, Counters};

/// The largest values that connections may reach, from the settings.
#[derive(Debug, Clone, Copy)]
pub(super) struct StreamLimits {
    /// `ice.turn_connections_max`
    pub(super) connections: usize,
    /// `ice.turn_output_bytes_max`
    pub(super) output_bytes: usize,
    /// How long a connection may have no allocation: `connection.handshake_timeout`.
    pub(super) time_unused: Duration,
    /// How long a client may take nothing: `connection.stuck_after`.
    pub(super) time_stuck: Duration,
}

/// Why the server ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StreamEnd {
    /// It had no allocation for too long, or a newer one took its place.
    Unused,
    /// Its client took nothing for too long.
    Stuck,
}

impl StreamEnd {
    pub(super) const fn counter(self, counters: &Counters) -> &Counter {
        match self {
            Self::Unused => &counters.turn_connections_unused,
            Self::Stuck => &counters.turn_connections_stuck,
        }
    }
}

/// The output of one connection, which its own task sends.
#[derive(Debug)]
pub(super) struct StreamOutput {
    pub(super) client: FiveTuple,
    queue: RefCell<Vec<u8>>,
    waker: RefCell<Option<Waker>>,
    end: Cell<Option<StreamEnd>>,
    /// When it last had an allocation, or began.
    used_at: Cell<Duration>,
    /// Since when its queue has not become shorter; `None` while it is empty.
    blocked_since: Cell<Option<Duration>>,
}

impl StreamOutput {
    /// Returns why the server ends the connection, if it does.
    pub(super) fn end(&self) -> Option<StreamEnd> {
        self.end.get()
    }

    /// Sets the task that sends the queue.
    pub(super) fn register(&self, cx: &Context<'_>) {
        let waker = &mut *self.waker.borrow_mut();
        if waker.as_ref().is_none_or(|own| !own.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }

    /// Passes the queue to `send`, which returns how much of it was sent, until it is empty or `send` returns nothing.
    pub(super) fn send_with<E>(
        &self,
        now: Duration,
        mut send: impl FnMut(&[u8]) -> Option<Result<usize, E>>,
    ) -> Result<(), E> {
        let queue = &mut *self.queue.borrow_mut();
        let mut done = 0;
        while let Some(rest) = queue.get(done..).filter(|rest| !rest.is_empty()) {
            match send(rest) {
                Some(count) => done += count?,
                None => break,
            }
        }
        queue.drain(..done.min(queue.len()));
        if queue.is_empty() {
            self.blocked_since.set(None);
        } else if done > 0 {
            self.blocked_since.set(Some(now));
        }
        Ok(())
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    fn end_by(&self, end: StreamEnd) {
        self.end.set(Some(end));
        self.wake();
    }
}

/// All TURN connections, by their numbers.
#[derive(Debug)]
pub(super) struct StreamTable {
    open: RefCell<HashMap<u64, Rc<StreamOutput>>>,
    /// Connections that had no allocation when they were last looked at, the oldest first.
    unused: RefCell<VecDeque<u64>>,
    limits: Cell<StreamLimits>,
}

/// All places are taken by connections with an allocation.
#[derive(Debug)]
pub(super) struct TableFull;

/// There is no room for a packet, or its connection has ended.
#[derive(Debug)]
pub(super) struct OutputFull;

impl StreamTable {
    pub(super) fn new(limits: StreamLimits) -> Self {
        Self {
            open: RefCell::default(),
            unused: RefCell::default(),
            limits: Cell::new(limits),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.open.borrow().len()
    }

    /// Adds a connection with a number that no other one has had. If the table is full, it ends the oldest connection that
    /// has no allocation. `is_used` returns whether a client has one.
    pub(super) fn add(
        &self,
        number: u64,
        client: FiveTuple,
        now: Duration,
        is_used: impl Fn(&FiveTuple) -> bool,
    ) -> Result<Rc<StreamOutput>, TableFull> {
        while self.len() >= self.limits.get().connections {
            let oldest = self.unused.borrow_mut().pop_front().ok_or(TableFull)?;
            let oldest = self.open.borrow().get(&oldest).cloned();
            if let Some(unused) = oldest.filter(|oldest| !is_used(&oldest.client)) {
                self.remove(&unused);
                unused.end_by(StreamEnd::Unused);
            }
        }
        let output = Rc::new(StreamOutput {
            client,
            queue: RefCell::default(),
            waker: RefCell::default(),
            end: Cell::default(),
            used_at: Cell::new(now),
            blocked_since: Cell::default(),
        });
        self.open.borrow_mut().insert(number, Rc::clone(&output));
        self.unused.borrow_mut().push_back(number);
        Ok(output)
    }

    /// Removes a connection. Nothing more is queued for it.
    pub(super) fn remove(&self, output: &StreamOutput) {
        if let Some(number) = output.client.stream_number() {
            self.open.borrow_mut().remove(&number);
        }
    }

    /// Queues a packet, whole or not at all.
    pub(super) fn queue(
        &self,
        number: u64,
        packet: &[u8],
        padding: usize,
        now: Duration,
    ) -> Result<(), OutputFull> {
        let open = self.open.borrow();
        let output = open.get(&number).ok_or(OutputFull)?;
        let queue = &mut *output.queue.borrow_mut();
        let length = queue.len() + packet.len() + padding;
        if length > self.limits.get().output_bytes {
            return Err(OutputFull);
        }
        if queue.is_empty() {
            output.blocked_since.set(Some(now));
        }
        queue.extend_from_slice(packet);
        queue.resize(length, 0);
        output.wake();
        Ok(())
    }

    /// Applies the limits to all connections, and frees the memory of empty queues. Called once a second.
    pub(super) fn check(
        &self,
        limits: StreamLimits,
        now: Duration,
        is_used: impl Fn(&FiveTuple) -> bool,
    ) {
        self.limits.set(limits);
        let open = self.open.borrow();
        for output in open.values() {
            if is_used(&output.client) {
                output.used_at.set(now);
            } else if now.saturating_sub(output.used_at.get()) > limits.time_unused {
                output.end_by(StreamEnd::Unused);
            }
            let blocked_since = output.blocked_since.get();
            if blocked_since.is_some_and(|since| now.saturating_sub(since) > limits.time_stuck) {
                output.end_by(StreamEnd::Stuck);
            }
            let queue = &mut *output.queue.borrow_mut();
            if queue.is_empty() {
                *queue = Vec::new();
            }
        }
        let mut unused: Vec<_> = open
            .iter()
            .filter(|(_, output)| output.used_at.get() < now)
            .map(|(number, _)| *number)
            .collect();
        unused.sort_unstable();
        *self.unused.borrow_mut() = unused.into();
    }
}

#[cfg(test)]
mod tests;
