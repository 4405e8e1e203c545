//! Monitors one HTTP connection: its unsent output, its incomplete request, and the memory that it holds.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::IpAddr;
use std::num::NonZeroU64;
use std::task::{Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::http::transport::HEAD_BYTES_MAX;
use crate::hub::reads_too_slowly;
use crate::limits::{ConnectionMemory, KERNEL_BYTES_PER_BLOCKED};

/// Memory charged for a connection that cannot send: kernel buffers and the buffers of HTTP.
const BLOCKED_CONNECTION_BYTES: usize = KERNEL_BYTES_PER_BLOCKED + 32 * 1024;
/// Memory charged for every connection: what HTTP uses while it waits for a request.
pub(super) const IDLE_CONNECTION_BYTES: usize = 8 * 1024;
/// Maximum bytes of an incomplete request: a head and the read-ahead bytes. Bodies go to their readers.
pub(super) const UNFINISHED_BYTES_MAX: usize = 2 * HEAD_BYTES_MAX;

/// Why the server closes an HTTP connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum HttpCloseReason {
    /// The client took nothing for `connection.stuck_after`, or takes a full scrape too slowly.
    Stuck,
    /// Memory is short (`memory.shed_percent`).
    Shed,
}

/// The output and memory of one HTTP connection.
#[derive(Debug, Default)]
pub(in crate::http) struct ConnectionMonitor {
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
    pub(in crate::http) async fn wait_until_unblocked(&self) {
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
    pub(in crate::http) async fn close_requested(&self, stuck_after: Duration) -> HttpCloseReason {
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
    pub(in crate::http) fn set_unsent_bytes(&self, bytes: usize) {
        self.unsent_bytes.set(bytes);
    }

    /// Resets the incomplete bytes: a request has been read completely.
    pub(in crate::http) fn begin_request(&self) {
        self.unfinished_request_bytes.set(0);
    }

    /// Sets the client of the current request; `group` returns the address group.
    pub(in crate::http) fn set_client(
        &self,
        address: Option<IpAddr>,
        group: impl FnOnce() -> Option<NonZeroU64>,
    ) {
        if address.is_some() && self.client.get().0 != address {
            self.client.set((address, group()));
        }
    }

    /// Starts the minimum rate check for a response.
    pub(in crate::http) fn begin_rate_check(&self) {
        self.rate_check.set(Some((Instant::now(), 0)));
    }

    /// Ends the minimum rate check.
    pub(in crate::http) fn end_rate_check(&self) {
        self.rate_check.set(None);
    }

    /// Records bytes that were read.
    pub(super) fn record_received(&self, bytes: usize) {
        let unfinished = &self.unfinished_request_bytes;
        unfinished.set(unfinished.get() + bytes);
        self.last_read_at.set(Some(Instant::now()));
    }

    /// Adds bytes of a response that were handed to hyper.
    pub(in crate::http) fn add_sent_bytes(&self, bytes: usize) {
        if let Some((began, before)) = self.rate_check.get() {
            self.rate_check.set(Some((began, before + bytes)));
        }
    }

    /// Returns whether the client takes a response with a minimum rate too slowly.
    pub(super) fn is_too_slow(&self) -> bool {
        let paced = self.rate_check.get();
        paced.is_some_and(|(began, bytes)| reads_too_slowly(bytes, began.elapsed()))
    }

    /// Returns whether sending is blocked.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked_since.get().is_some()
    }

    /// Returns why the connection is to be closed; `None` while it stays open.
    pub(super) fn close_reason(&self) -> Option<HttpCloseReason> {
        self.close_reason.get()
    }

    /// Requests that the connection is closed.
    pub(super) fn request_close(&self, over: HttpCloseReason) {
        self.close_reason.set(Some(over));
        self.close_requested.notify_one();
    }

    /// Returns the memory held, including the share of every connection.
    pub(super) fn memory_held(&self) -> ConnectionMemory {
        let heard_at = self.last_read_at.get();
        ConnectionMemory {
            group: self.client.get().1,
            bytes: IDLE_CONNECTION_BYTES + self.extra_bytes_held(),
            silence: heard_at.map_or(Duration::ZERO, |at| at.elapsed()),
        }
    }

    /// Returns the bytes held beyond the share of every connection.
    fn extra_bytes_held(&self) -> usize {
        let blocked = if self.is_blocked() {
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
    pub(super) fn record_send_result<T>(&self, sent: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
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
