//! Monitors HTTP connections: unsent output, write progress, incomplete requests, and the memory that they hold.
//! Decides when that closes a connection.
//!
//! A [`ConnectionMonitor`] belongs to a connection until it ends or becomes a WebSocket; [`ConnectionMonitors`] holds those of one worker. This
//! module closes no socket: the task that serves the connection waits for [`ConnectionMonitor::close_requested`].

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

use super::transport::HEAD_BYTES_MAX;
use crate::hub::reads_too_slowly;
use crate::limits::{ConnectionMemory, KERNEL_BYTES_PER_BLOCKED};

/// Memory charged for a connection that cannot send: kernel buffers and the buffers of HTTP.
const BLOCKED_CONNECTION_BYTES: usize = KERNEL_BYTES_PER_BLOCKED + 32 * 1024;

/// Memory charged for every connection: what HTTP uses while it waits for a request.
const IDLE_CONNECTION_BYTES: usize = 8 * 1024;
/// Maximum bytes of an incomplete request: a head and the read-ahead bytes. Bodies go to their readers.
const UNFINISHED_BYTES_MAX: usize = 2 * HEAD_BYTES_MAX;

/// Why the server closes an HTTP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HttpCloseReason {
    /// The client took nothing for `connection.stuck_after`, or takes a full scrape too slowly.
    Stuck,
    /// Memory is short (`memory.shed_percent`).
    Shed,
}

/// The output and memory of one HTTP connection.
#[derive(Debug, Default)]
pub(super) struct ConnectionMonitor {
    /// When sending became blocked; `None` while the client takes data.
    blocked_since: Cell<Option<Instant>>,
    /// The task that waits until sending is possible.
    unblocked_waker: RefCell<Option<Waker>>,
    /// Unsent bytes of the response that no other response shares.
    unsent_bytes: Cell<usize>,
    /// Bytes read since the last request began: of the next request, or read ahead.
    unfinished_request_bytes: Cell<usize>,
    /// The client address and its address group; `None` as group if the address is its own group.
    client: Cell<(Option<IpAddr>, Option<NonZeroU64>)>,
    last_read_at: Cell<Option<Instant>>,
    /// When a response with a minimum rate began, and its bytes sent so far.
    rate_check: Cell<Option<(Instant, usize)>>,
    close_reason: Cell<Option<HttpCloseReason>>,
    close_requested: Notify,
}

impl ConnectionMonitor {
    /// Waits while earlier responses cannot be sent: a client that does not read gets no more responses.
    pub(super) async fn wait_until_unblocked(&self) {
        std::future::poll_fn(|cx| {
            if self.blocked_since.get().is_none() {
                return Poll::Ready(());
            }
            self.unblocked_waker.replace(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Completes when the connection must be closed, and returns the reason.
    pub(super) async fn close_requested(&self, stuck_after: Duration) -> HttpCloseReason {
        tokio::select! {
            () = self.send_blocked_too_long(stuck_after) => HttpCloseReason::Stuck,
            () = self.close_requested.notified() => self.close_reason.get().unwrap_or(HttpCloseReason::Shed),
        }
    }

    /// Completes when sending has been blocked for `stuck_after`. Wakes once per `stuck_after` in normal operation.
    async fn send_blocked_too_long(&self, stuck_after: Duration) {
        loop {
            let since = self.blocked_since.get().unwrap_or_else(Instant::now);
            sleep_until(since + stuck_after).await;
            let send_blocked_too_long = |since: Instant| since.elapsed() >= stuck_after;
            if self.blocked_since.get().is_some_and(send_blocked_too_long) {
                return;
            }
        }
    }

    /// Sets the number of unsent bytes that no other response shares.
    pub(super) fn set_unsent_bytes(&self, bytes: usize) {
        self.unsent_bytes.set(bytes);
    }

    /// Resets the incomplete bytes: a request has been read completely.
    pub(super) fn begin_request(&self) {
        self.unfinished_request_bytes.set(0);
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
    pub(super) fn begin_rate_check(&self) {
        self.rate_check.set(Some((Instant::now(), 0)));
    }

    /// Ends the minimum rate check.
    pub(super) fn end_rate_check(&self) {
        self.rate_check.set(None);
    }

    /// Adds bytes of a response that were handed to hyper.
    pub(super) fn add_sent_bytes(&self, bytes: usize) {
        if let Some((began, before)) = self.rate_check.get() {
            self.rate_check.set(Some((began, before + bytes)));
        }
    }

    fn is_too_slow(&self) -> bool {
        let paced = self.rate_check.get();
        paced.is_some_and(|(began, bytes)| reads_too_slowly(bytes, began.elapsed()))
    }

    /// Requests that the connection is closed.
    fn request_close(&self, over: HttpCloseReason) {
        self.close_reason.set(Some(over));
        self.close_requested.notify_one();
    }

    /// Returns the memory held, including the share of every connection.
    fn memory_held(&self) -> ConnectionMemory {
        let heard_at = self.last_read_at.get();
        ConnectionMemory {
            group: self.client.get().1,
            bytes: IDLE_CONNECTION_BYTES + self.extra_bytes_held(),
            silence: heard_at.map_or(Duration::ZERO, |at| at.elapsed()),
        }
    }

    /// Returns the bytes held beyond the share of every connection.
    fn extra_bytes_held(&self) -> usize {
        let blocked = if self.blocked_since.get().is_some() {
            BLOCKED_CONNECTION_BYTES
        } else {
            0
        };
        let unfinished = self
            .unfinished_request_bytes
            .get()
            .min(UNFINISHED_BYTES_MAX);
        self.unsent_bytes.get() + blocked + unfinished
    }

    /// Records whether sending was blocked or made progress.
    fn record_send_result<T>(&self, sent: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if sent.is_pending() {
            if self.blocked_since.get().is_none() {
                self.blocked_since.set(Some(Instant::now()));
            }
        } else {
            self.blocked_since.set(None);
            if let Some(waker) = self.unblocked_waker.take() {
                waker.wake();
            }
        }
        sent
    }
}

/// The HTTP connections of one worker.
#[derive(Debug, Default)]
pub(super) struct ConnectionMonitors(RefCell<Slab<Rc<ConnectionMonitor>>>);

/// An entry of [`ConnectionMonitors`]; removes it on drop.
#[derive(Debug)]
pub(super) struct MonitorGuard {
    monitors: Rc<ConnectionMonitors>,
    index: usize,
}

impl Drop for MonitorGuard {
    fn drop(&mut self) {
        self.monitors.0.borrow_mut().try_remove(self.index);
    }
}

impl ConnectionMonitors {
    /// Adds a connection.
    pub(super) fn register(self: &Rc<Self>) -> (Rc<ConnectionMonitor>, MonitorGuard) {
        let monitor = Rc::<ConnectionMonitor>::default();
        let place = self.0.borrow_mut().insert(Rc::clone(&monitor));
        let of = Rc::clone(self);
        (
            monitor,
            MonitorGuard {
                monitors: of,
                index: place,
            },
        )
    }

    /// Returns the number of connections that cannot send.
    pub(super) fn blocked_count(&self) -> usize {
        let monitors = self.0.borrow();
        let blocked =
            |(_, monitor): &(usize, &Rc<ConnectionMonitor>)| monitor.blocked_since.get().is_some();
        monitors.iter().filter(blocked).count()
    }

    /// Closes connections whose client takes its response too slowly.
    pub(super) fn close_slow(&self) {
        let monitors = self.0.borrow();
        let slow = monitors.iter().filter(|(_, monitor)| monitor.is_too_slow());
        slow.for_each(|(_, monitor)| monitor.request_close(HttpCloseReason::Stuck));
    }

    /// Returns the indexes of the open connections and the memory that each holds.
    pub(super) fn memory_held(&self) -> (Vec<usize>, Vec<ConnectionMemory>) {
        let monitors = self.0.borrow();
        let open = monitors
            .iter()
            .filter(|(_, monitor)| monitor.close_reason.get().is_none());
        open.map(|(index, monitor)| (index, monitor.memory_held()))
            .unzip()
    }

    /// Closes the connection with this index, to free memory.
    pub(super) fn shed(&self, index: usize) {
        if let Some(monitor) = self.0.borrow().get(index) {
            monitor.request_close(HttpCloseReason::Shed);
        }
    }
}

/// A stream that reports its reads and writes to a [`ConnectionMonitor`].
#[derive(Debug)]
pub(super) struct MonitoredStream<S> {
    stream: S,
    monitor: Rc<ConnectionMonitor>,
}

impl<S> MonitoredStream<S> {
    pub(super) const fn new(stream: S, monitor: Rc<ConnectionMonitor>) -> Self {
        Self { stream, monitor }
    }

    /// Returns the inner stream.
    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for MonitoredStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let received = buffer.filled().len() - before;
        if received > 0 {
            let unfinished = &self.monitor.unfinished_request_bytes;
            unfinished.set(unfinished.get() + received);
            self.monitor.last_read_at.set(Some(Instant::now()));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for MonitoredStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.monitor.record_send_result(sent)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.monitor.record_send_result(sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes after it has written all output.
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        self.monitor.record_send_result(flushed)
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
    async fn a_connection_is_stuck_after_no_byte_is_taken_for_a_while() {
        let (mut client, server) = tokio::io::duplex(4);
        let monitor = Rc::<ConnectionMonitor>::default();
        let mut stream = MonitoredStream::new(server, Rc::clone(&monitor));
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
            reason = monitor.close_requested(STUCK_AFTER) => assert_eq!(reason, HttpCloseReason::Stuck),
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
        let monitor = ConnectionMonitor::default();
        let reason = tokio::time::timeout(10 * STUCK_AFTER, monitor.close_requested(STUCK_AFTER));
        assert!(reason.await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_while_responses_cannot_be_sent() {
        let (mut client, server) = tokio::io::duplex(4);
        let monitor = Rc::<ConnectionMonitor>::default();
        let mut stream = MonitoredStream::new(server, Rc::clone(&monitor));
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
    async fn only_slow_readers_of_rate_checked_responses_are_closed() {
        let monitors = Rc::<ConnectionMonitors>::default();
        let entered: Vec<_> = (0..3).map(|_| monitors.register()).collect();
        let [(fast, _), (slow, _), (other, _)] = &entered[..] else {
            panic!("three")
        };
        fast.begin_rate_check();
        slow.begin_rate_check();
        for _ in 0..60 {
            tokio::time::advance(Duration::from_secs(1)).await;
            fast.add_sent_bytes(70_000);
            slow.add_sent_bytes(1);
            other.add_sent_bytes(1);
            monitors.close_slow();
        }
        assert_eq!(slow.close_reason.get(), Some(HttpCloseReason::Stuck));
        assert_eq!(
            (fast.close_reason.get(), other.close_reason.get()),
            (None, None)
        );
        fast.end_rate_check();
        tokio::time::advance(Duration::from_hours(1)).await;
        monitors.close_slow();
        assert_eq!(fast.close_reason.get(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn memory_held_is_unsent_and_unfinished_bytes() {
        let monitors = Rc::<ConnectionMonitors>::default();
        let (monitor, _guard) = monitors.register();
        let (mut client, server) = tokio::io::duplex(1 << 20);
        let mut stream = MonitoredStream::new(server, Rc::clone(&monitor));
        let held = || monitors.memory_held().1[0].bytes - IDLE_CONNECTION_BYTES;
        client.write_all(&[b'x'; 10_000]).await.expect("room");
        stream
            .read_exact(&mut [0; 10_000])
            .await
            .expect("the bytes arrive");
        assert_eq!(held(), 10_000);
        monitor.begin_request();
        monitor.set_unsent_bytes(1000);
        assert_eq!(held(), 1000);
        client.write_all(&vec![b'x'; 100_000]).await.expect("room");
        stream
            .read_exact(&mut vec![0; 100_000])
            .await
            .expect("the bytes arrive");
        assert_eq!(held(), 1000 + UNFINISHED_BYTES_MAX);
        monitors.shed(monitors.memory_held().0[0]);
        assert_eq!(
            monitor.close_requested(STUCK_AFTER).await,
            HttpCloseReason::Shed
        );
        assert!(monitors.memory_held().0.is_empty());
    }
}
