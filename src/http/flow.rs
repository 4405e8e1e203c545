//! What one HTTP connection holds: what is on its way out, whether the peer takes it, and requests that are not whole. And when
//! that ends the connection.
//!
//! A [`Flow`] belongs to a connection until it ends or becomes a WebSocket; [`Flows`] are those of one worker. Ends nothing
//! itself: whoever serves the connection waits for [`Flow::is_over`].

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

/// What a connection is taken to hold that takes nothing: what the kernel keeps of it, and the buffers of HTTP.
const BLOCKED_BYTES: usize = KERNEL_BYTES_PER_BLOCKED + 32 * 1024;

/// What a connection is taken to hold that holds nothing: what HTTP takes to wait for a request.
const CONNECTION_BYTES: usize = 8 * 1024;
/// More than this of a request does not wait: a head, and what is read ahead. Bodies go on to who reads them.
const UNFINISHED_BYTES_MAX: usize = 2 * super::HEAD_BYTES_MAX;

/// Why a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// Nothing was taken for `connection.stuck_after`, or a scrape of everything too slowly.
    Stuck,
    /// Memory is short (`memory.shed_percent`).
    Shed,
}

/// What is on its way out of one connection.
#[derive(Debug, Default)]
pub(super) struct Flow {
    /// Since when there has been something to send of which nothing is taken.
    blocked_since: Cell<Option<Instant>>,
    /// Who waits until something is taken.
    waiting: RefCell<Option<Waker>>,
    /// Bytes of its response that wait in memory of their own.
    waits: Cell<usize>,
    /// Bytes that came since the last request began: of the next one, or read ahead.
    unfinished: Cell<usize>,
    /// The address whose requests come, and its group; `None` for one that stands for itself.
    client: Cell<(Option<IpAddr>, Option<NonZeroU64>)>,
    heard_at: Cell<Option<Instant>>,
    /// When a response began that has to be taken at a least pace, and how many bytes of it were handed on.
    paced: Cell<Option<(Instant, usize)>>,
    over: Cell<Option<Over>>,
    ended: Notify,
}

impl Flow {
    /// Waits while earlier responses cannot be sent: a client that does not read gets no more of them.
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

    /// Completes when the connection is to be ended, and says why.
    pub(super) async fn is_over(&self, stuck_after: Duration) -> Over {
        tokio::select! {
            () = self.is_stuck(stuck_after) => Over::Stuck,
            () = self.ended.notified() => self.over.get().unwrap_or(Over::Shed),
        }
    }

    /// Looks once in `stuck_after` while all goes well.
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

    /// Takes note of what waits in memory of its own.
    pub(super) fn set_waits(&self, bytes: usize) {
        self.waits.set(bytes);
    }

    /// Takes note that a request has come whole.
    pub(super) fn begin_request(&self) {
        self.unfinished.set(0);
    }

    /// Takes note of whose requests come; `group` gives the address group.
    pub(super) fn set_client(
        &self,
        address: Option<IpAddr>,
        group: impl FnOnce() -> Option<NonZeroU64>,
    ) {
        if address.is_some() && self.client.get().0 != address {
            self.client.set((address, group()));
        }
    }

    /// Begins a response that has to be taken at a least pace.
    pub(super) fn begin_pace(&self) {
        self.paced.set(Some((Instant::now(), 0)));
    }

    /// Ends it.
    pub(super) fn end_pace(&self) {
        self.paced.set(None);
    }

    /// Takes note that so many bytes of a response were handed on.
    pub(super) fn hand_on(&self, bytes: usize) {
        if let Some((began, before)) = self.paced.get() {
            self.paced.set(Some((began, before + bytes)));
        }
    }

    fn is_too_slow(&self) -> bool {
        let paced = self.paced.get();
        paced.is_some_and(|(began, bytes)| takes_too_slowly(bytes, began.elapsed()))
    }

    /// Ends the connection.
    fn end(&self, over: Over) {
        self.over.set(Some(over));
        self.ended.notify_one();
    }

    /// What it holds, that of every connection included.
    fn holding(&self) -> Holding {
        let heard_at = self.heard_at.get();
        Holding {
            group: self.client.get().1,
            bytes: CONNECTION_BYTES + self.held(),
            silent: heard_at.map_or(Duration::ZERO, |at| at.elapsed()),
        }
    }

    /// Bytes that are held for it, beyond what every connection takes.
    fn held(&self) -> usize {
        let blocked = if self.blocked_since.get().is_some() {
            BLOCKED_BYTES
        } else {
            0
        };
        let unfinished = self.unfinished.get().min(UNFINISHED_BYTES_MAX);
        self.waits.get() + blocked + unfinished
    }

    /// Takes note of what came of sending something.
    fn note<T>(&self, sent: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if sent.is_pending() {
            if self.blocked_since.get().is_none() {
                self.blocked_since.set(Some(Instant::now()));
            }
        } else {
            self.blocked_since.set(None);
            if let Some(waiting) = self.waiting.take() {
                waiting.wake();
            }
        }
        sent
    }
}

/// The HTTP connections of one worker.
#[derive(Debug, Default)]
pub(super) struct Flows(RefCell<Slab<Rc<Flow>>>);

/// A place among [`Flows`], until it is dropped.
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
    /// Takes one in.
    pub(super) fn enter(self: &Rc<Self>) -> (Rc<Flow>, FlowGuard) {
        let flow = Rc::<Flow>::default();
        let place = self.0.borrow_mut().insert(Rc::clone(&flow));
        let of = Rc::clone(self);
        (flow, FlowGuard { of, place })
    }

    /// How many take nothing of what is sent to them.
    pub(super) fn blocked(&self) -> usize {
        let flows = self.0.borrow();
        let blocked = |(_, flow): &(usize, &Rc<Flow>)| flow.blocked_since.get().is_some();
        flows.iter().filter(blocked).count()
    }

    /// Ends those that take their response too slowly.
    pub(super) fn end_slow(&self) {
        let flows = self.0.borrow();
        let slow = flows.iter().filter(|(_, flow)| flow.is_too_slow());
        slow.for_each(|(_, flow)| flow.end(Over::Stuck));
    }

    /// What each holds that is not ended yet, and its place.
    pub(super) fn holdings(&self) -> (Vec<usize>, Vec<Holding>) {
        let flows = self.0.borrow();
        let open = flows.iter().filter(|(_, flow)| flow.over.get().is_none());
        open.map(|(place, flow)| (place, flow.holding())).unzip()
    }

    /// Ends one, by its place.
    pub(super) fn shed(&self, place: usize) {
        if let Some(flow) = self.0.borrow().get(place) {
            flow.end(Over::Shed);
        }
    }
}

/// A connection whose way out is watched.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    flow: Rc<Flow>,
}

impl<S> Watched<S> {
    pub(super) const fn new(stream: S, flow: Rc<Flow>) -> Self {
        Self { stream, flow }
    }

    /// The connection alone.
    pub(super) fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, into);
        let came = into.filled().len() - before;
        if came > 0 {
            let unfinished = &self.flow.unfinished;
            unfinished.set(unfinished.get() + came);
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
        // hyper flushes when it has written all that it has.
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
        let (mut far, near) = tokio::io::duplex(4);
        let flow = Rc::<Flow>::default();
        let mut watched = Watched::new(near, Rc::clone(&flow));
        let began = Instant::now();
        let writing = watched.write_all(&[0; 64]);
        let reading = async {
            for _ in 0..10 {
                tokio::time::sleep(STUCK_AFTER.saturating_sub(Duration::from_secs(1))).await;
                far.read_u8().await.expect("a byte");
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            over = flow.is_over(STUCK_AFTER) => assert_eq!(over, Over::Stuck),
            _ = writing => panic!("it has not taken all"),
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
        let flow = Flow::default();
        let over = tokio::time::timeout(10 * STUCK_AFTER, flow.is_over(STUCK_AFTER));
        assert!(over.await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_while_responses_cannot_be_sent() {
        let (mut far, near) = tokio::io::duplex(4);
        let flow = Rc::<Flow>::default();
        let mut watched = Watched::new(near, Rc::clone(&flow));
        let unblocked =
            || tokio::time::timeout(Duration::from_secs(1), flow.wait_until_unblocked());
        assert!(unblocked().await.is_ok());
        let mut writing = Box::pin(watched.write_all(&[0; 8]));
        assert!((&mut writing).now_or_never().is_none());
        assert!(unblocked().await.is_err());
        far.read_exact(&mut [0; 4]).await.expect("four bytes");
        assert!(writing.now_or_never().is_some());
        assert!(unblocked().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_a_paced_response_too_slowly_is_ended_and_others_are_not() {
        let flows = Rc::<Flows>::default();
        let entered: Vec<_> = (0..3).map(|_| flows.enter()).collect();
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
            flows.end_slow();
        }
        assert_eq!(slow.over.get(), Some(Over::Stuck));
        assert_eq!((fast.over.get(), other.over.get()), (None, None));
        fast.end_pace();
        tokio::time::advance(Duration::from_hours(1)).await;
        flows.end_slow();
        assert_eq!(fast.over.get(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_connection_holds_is_what_waits_and_what_is_not_whole() {
        let flows = Rc::<Flows>::default();
        let (flow, _place) = flows.enter();
        let (mut far, near) = tokio::io::duplex(1 << 20);
        let mut watched = Watched::new(near, Rc::clone(&flow));
        let held = || flows.holdings().1[0].bytes - CONNECTION_BYTES;
        far.write_all(&[b'x'; 10_000]).await.expect("room");
        watched.read_exact(&mut [0; 10_000]).await.expect("it came");
        assert_eq!(held(), 10_000);
        flow.begin_request();
        flow.set_waits(1000);
        assert_eq!(held(), 1000);
        far.write_all(&vec![b'x'; 100_000]).await.expect("room");
        watched
            .read_exact(&mut vec![0; 100_000])
            .await
            .expect("it came");
        assert_eq!(held(), 1000 + UNFINISHED_BYTES_MAX);
        flows.shed(flows.holdings().0[0]);
        assert_eq!(flow.is_over(STUCK_AFTER).await, Over::Shed);
        assert!(flows.holdings().0.is_empty());
    }
}
