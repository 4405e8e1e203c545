//! Monitors HTTP connections: unsent output, write progress, incomplete requests, and the memory that they hold.
//! Decides when that closes a connection.
//!
//! A [`Flow`] belongs to a connection until it ends or becomes a WebSocket; [`Flows`] holds those of one worker. This
//! module closes no socket: the task that serves the connection waits for [`Flow::is_over`].

use std::cell::{Cell, RefCell};
use std::io;
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use slab::Slab;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::hub::takes_too_slowly;
use crate::limits::{Holding, KERNEL_BYTES_PER_BLOCKED};

/// Memory charged for a connection that cannot send: kernel buffers and the buffers of HTTP.
const BLOCKED_BYTES: usize = KERNEL_BYTES_PER_BLOCKED + 32 * 1024;

/// Memory charged for every connection: what HTTP uses while it waits for a request.
const CONNECTION_BYTES: usize = 8 * 1024;
/// Maximum bytes of an incomplete request: a head and the read-ahead bytes. Bodies go to their readers.
const UNFINISHED_BYTES_MAX: usize = 2 * super::HEAD_BYTES_MAX;

/// Why the server closes an HTTP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// The client took nothing for `connection.stuck_after`, or takes a full scrape too slowly.
    Stuck,
    /// Memory is short (`memory.shed_percent`).
    Shed,
}

/// The output and memory of one HTTP connection.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// When sending became blocked; `None` while the client takes data.
    blocked_since: Cell<Option<Instant>>,
    /// The task that waits until sending is possible.
    waiting: RefCell<Option<Waker>>,
    /// Unsent bytes of the response that no other response shares.
    waits: Cell<usize>,
    /// Bytes read since the last request began: of the next request, or read ahead.
    unfinished: Cell<usize>,
    /// The client address and its address group; `None` as group if the address is its own group.
    client: Cell<(Option<IpAddr>, Option<NonZeroU64>)>,
    heard_at: Cell<Option<Instant>>,
    /// When a response with a minimum rate began, and its bytes sent so far.
    paced: Cell<Option<(Instant, usize)>>,
    over: Cell<Option<Over>>,
    ended: Notify,
}

impl Flow {
    /// Waits while earlier responses cannot be sent: a client that does not read gets no more responses.
    pub(super) async fn wait_until_unblocked(&self) {
        std::future::poll_fn(|cx| {
            if self.blocked_since.get().is_none() {
                return Poll::Ready(());
            }
            self.waiting.replace(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Completes when the connection must be closed, and returns the reason.
    pub(super) async fn is_over(&self, stuck_after: Duration) -> Over {
        tokio::select! {
            () = self.is_stuck(stuck_after) => Over::Stuck,
            () = self.ended.notified() => self.over.get().unwrap_or(Over::Shed),
        }
    }

    /// Completes when sending has been blocked for `stuck_after`. Wakes once per `stuck_after` in normal operation.
    async fn is_stuck(&self, stuck_after: Duration) {
        loop {
            let since = self.blocked_since.get().unwrap_or_else(Instant::now);
            sleep_until(since + stuck_after).await;
            let is_stuck = |since: Instant| since.elapsed() >= stuck_after;
            if self.blocked_since.get().is_some_and(is_stuck) {
                return;
            }
        }
    }

    /// Sets the number of unsent bytes that no other response shares.
    pub(super) fn set_waits(&self, bytes: usize) {
        self.waits.set(bytes);
    }

    /// Resets the incomplete bytes: a request has been read completely.
    pub(super) fn begin_request(&self) {
        self.unfinished.set(0);
    }

    /// Sets the client of the current request; `group` returns the address group.
    pub(super) fn set_client(
        &self,
        address: Option<IpAddr>,
        group: impl FnOnce() -> Option<NonZeroU64>,
    ) {
        if address.is_some() && self.client.get().0 != address {
            self.client.set((address, group()));
        }
    }

    /// Starts the minimum rate check for a response.
    pub(super) fn begin_pace(&self) {
        self.paced.set(Some((Instant::now(), 0)));
    }

    /// Ends the minimum rate check.
    pub(super) fn end_pace(&self) {
        self.paced.set(None);
    }

    /// Adds bytes of a response that were handed to hyper.
    pub(super) fn hand_on(&self, bytes: usize) {
        if let Some((began, before)) = self.paced.get() {
            self.paced.set(Some((began, before + bytes)));
        }
    }

    fn is_too_slow(&self) -> bool {
        let paced = self.paced.get();
        paced.is_some_and(|(began, bytes)| takes_too_slowly(bytes, began.elapsed()))
    }

    /// Requests that the connection is closed.
    fn end(&self, over: Over) {
        self.over.set(Some(over));
        self.ended.notify_one();
    }

    /// Returns the memory held, including the share of every connection.
    fn holding(&self) -> Holding {
        let heard_at = self.heard_at.get();
        Holding {
            group: self.client.get().1,
            bytes: CONNECTION_BYTES + self.held(),
            silent: heard_at.map_or(Duration::ZERO, |at| at.elapsed()),
        }
    }

    /// Returns the bytes held beyond the share of every connection.
    fn held(&self) -> usize {
        let blocked = if self.blocked_since.get().is_some() {
            BLOCKED_BYTES
        } else {
            0
        };
        let unfinished = self.unfinished.get().min(UNFINISHED_BYTES_MAX);
        self.waits.get() + blocked + unfinished
    }

    /// Records whether sending was blocked or made progress.
    fn note<T>(&self, sent: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if sent.is_pending() {
            if self.blocked_since.get().is_none() {
                self.blocked_since.set(Some(Instant::now()));
            }
        } else {
            self.blocked_since.set(None);
            if let Some(waker) = self.waiting.take() {
                waker.wake();
            }
        }
        sent
    }
}

/// The HTTP connections of one worker.
#[derive(Debug, Default)]
pub(super) struct Flows(RefCell<Slab<Rc<Flow>>>);

/// An entry of [`Flows`]; removes it on drop.
#[derive(Debug)]
pub(super) struct FlowGuard {
    of: Rc<Flows>,
    place: usize,
}

impl Drop for FlowGuard {
    fn drop(&mut self) {
        self.of.0.borrow_mut().try_remove(self.place);
    }
}

impl Flows {
    /// Adds a connection.
    pub(super) fn enter(self: &Rc<Self>) -> (Rc<Flow>, FlowGuard) {
        let monitor = Rc::<Flow>::default();
        let place = self.0.borrow_mut().insert(Rc::clone(&monitor));
        let of = Rc::clone(self);
        (monitor, FlowGuard { of, place })
    }

    /// Returns the number of connections that cannot send.
    pub(super) fn blocked(&self) -> usize {
        let monitors = self.0.borrow();
        let blocked = |(_, monitor): &(usize, &Rc<Flow>)| monitor.blocked_since.get().is_some();
        monitors.iter().filter(blocked).count()
    }

    /// Closes connections whose client takes its response too slowly.
    pub(super) fn end_slow(&self) {
        let monitors = self.0.borrow();
        let slow = monitors.iter().filter(|(_, monitor)| monitor.is_too_slow());
        slow.for_each(|(_, monitor)| monitor.end(Over::Stuck));
    }

    /// Returns the indexes of the open connections and the memory that each holds.
    pub(super) fn holdings(&self) -> (Vec<usize>, Vec<Holding>) {
        let monitors = self.0.borrow();
        let open = monitors
            .iter()
            .filter(|(_, monitor)| monitor.over.get().is_none());
        open.map(|(index, monitor)| (index, monitor.holding()))
            .unzip()
    }

    /// Closes the connection with this index, to free memory.
    pub(super) fn shed(&self, index: usize) {
        if let Some(monitor) = self.0.borrow().get(index) {
            monitor.end(Over::Shed);
        }
    }
}

/// A stream that reports its reads and writes to a [`Flow`].
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    flow: Rc<Flow>,
}

impl<S> Watched<S> {
    pub(super) const fn new(stream: S, flow: Rc<Flow>) -> Self {
        Self { stream, flow }
    }

    /// Returns the inner stream.
    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let received = buffer.filled().len() - before;
        if received > 0 {
            let unfinished = &self.flow.unfinished;
            unfinished.set(unfinished.get() + received);
            self.flow.heard_at.set(Some(Instant::now()));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.flow.note(sent)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.flow.note(sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes after it has written all output.
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.flow.note(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const STUCK_AFTER: Duration = Duration::from_secs(20);

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_stuck_when_nothing_is_taken_and_any_byte_is_progress() {
        let (mut client, server) = tokio::io::duplex(4);
        let monitor = Rc::<Flow>::default();
        let mut stream = Watched::new(server, Rc::clone(&monitor));
        let began = Instant::now();
        let writing = stream.write_all(&[0; 64]);
        let reading = async {
            for _ in 0..10 {
                tokio::time::sleep(STUCK_AFTER.saturating_sub(Duration::from_secs(1))).await;
                client.read_u8().await.expect("a byte");
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            reason = monitor.is_over(STUCK_AFTER) => assert_eq!(reason, Over::Stuck),
            _ = writing => panic!("the client has not read everything"),
            () = reading => {}
        }
        let expected = STUCK_AFTER.saturating_sub(Duration::from_secs(1)) * 10 + STUCK_AFTER;
        assert!(
            began.elapsed().abs_diff(expected) < Duration::from_secs(1),
            "{:?}",
            began.elapsed()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_has_nothing_to_send_is_never_stuck() {
        let monitor = Flow::default();
        let reason = tokio::time::timeout(10 * STUCK_AFTER, monitor.is_over(STUCK_AFTER));
        assert!(reason.await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_while_responses_cannot_be_sent() {
        let (mut client, server) = tokio::io::duplex(4);
        let monitor = Rc::<Flow>::default();
        let mut stream = Watched::new(server, Rc::clone(&monitor));
        let unblocked =
            || tokio::time::timeout(Duration::from_secs(1), monitor.wait_until_unblocked());
        assert!(unblocked().await.is_ok());
        let mut writing = Box::pin(stream.write_all(&[0; 8]));
        assert!((&mut writing).now_or_never().is_none());
        assert!(unblocked().await.is_err());
        client.read_exact(&mut [0; 4]).await.expect("four bytes");
        assert!(writing.now_or_never().is_some());
        assert!(unblocked().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_a_paced_response_too_slowly_is_ended_and_others_are_not() {
        let monitors = Rc::<Flows>::default();
        let entered: Vec<_> = (0..3).map(|_| monitors.enter()).collect();
        let [(fast, _), (slow, _), (other, _)] = &entered[..] else {
            panic!("three")
        };
        fast.begin_pace();
        slow.begin_pace();
        for _ in 0..60 {
            tokio::time::advance(Duration::from_secs(1)).await;
            fast.hand_on(70_000);
            slow.hand_on(1);
            other.hand_on(1);
            monitors.end_slow();
        }
        assert_eq!(slow.over.get(), Some(Over::Stuck));
        assert_eq!((fast.over.get(), other.over.get()), (None, None));
        fast.end_pace();
        tokio::time::advance(Duration::from_hours(1)).await;
        monitors.end_slow();
        assert_eq!(fast.over.get(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_connection_holds_is_what_waits_and_what_is_not_whole() {
        let monitors = Rc::<Flows>::default();
        let (monitor, _guard) = monitors.enter();
        let (mut client, server) = tokio::io::duplex(1 << 20);
        let mut stream = Watched::new(server, Rc::clone(&monitor));
        let held = || monitors.holdings().1[0].bytes - CONNECTION_BYTES;
        client.write_all(&[b'x'; 10_000]).await.expect("room");
        stream
            .read_exact(&mut [0; 10_000])
            .await
            .expect("the bytes arrive");
        assert_eq!(held(), 10_000);
        monitor.begin_request();
        monitor.set_waits(1000);
        assert_eq!(held(), 1000);
        client.write_all(&vec![b'x'; 100_000]).await.expect("room");
        stream
            .read_exact(&mut vec![0; 100_000])
            .await
            .expect("the bytes arrive");
        assert_eq!(held(), 1000 + UNFINISHED_BYTES_MAX);
        monitors.shed(monitors.holdings().0[0]);
        assert_eq!(monitor.is_over(STUCK_AFTER).await, Over::Shed);
        assert!(monitors.holdings().0.is_empty());
    }
}
