//! What is on its way out of one HTTP connection: whether the peer takes it, what it holds, and when that ends the connection.
//!
//! A [`Flow`] belongs to a connection until it ends or becomes a WebSocket; [`Flows`] are those of one worker. Ends nothing
//! itself: whoever serves the connection waits for [`Flow::is_over`].

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use slab::Slab;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::limits::KERNEL_BYTES_PER_BLOCKED;

/// What a connection is taken to hold that takes nothing: what the kernel keeps of it, and the buffers of HTTP.
const BLOCKED_BYTES: usize = KERNEL_BYTES_PER_BLOCKED + 32 * 1024;

/// Why a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// Nothing was taken for `connection.stuck_after`.
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
    is_shed: Cell<bool>,
    shed: Notify,
}

impl Flow {
    /// Completes when other connections have had a turn, and what was answered before is on its way: whoever asks and does not
    /// read makes no more of it.
    pub(super) async fn turn(&self) {
        tokio::task::yield_now().await;
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
            () = self.shed.notified() => Over::Shed,
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

    /// Bytes that are held for it, beyond what every connection takes.
    fn held(&self) -> usize {
        let blocked = if self.blocked_since.get().is_some() {
            BLOCKED_BYTES
        } else {
            0
        };
        self.waits.get() + blocked
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

    /// Ends those that hold most, until so many bytes are given back or none holds anything; gives how many that are.
    pub(super) fn shed(&self, bytes: usize) -> usize {
        let flows = self.0.borrow();
        let held = |(_, flow): (usize, &Rc<Flow>)| (flow.held(), Rc::clone(flow));
        let mut holders: Vec<_> = flows
            .iter()
            .map(held)
            .filter(|(held, flow)| *held > 0 && !flow.is_shed.get())
            .collect();
        holders.sort_unstable_by_key(|(held, _)| std::cmp::Reverse(*held));
        let (mut left, mut ended) = (bytes, 0);
        for (held, flow) in holders {
            if left == 0 {
                break;
            }
            left = left.saturating_sub(held);
            ended += 1;
            flow.is_shed.set(true);
            flow.shed.notify_one();
        }
        ended
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
        Pin::new(&mut self.stream).poll_read(cx, into)
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
    async fn who_takes_nothing_has_no_turn_until_it_does() {
        let (mut far, near) = tokio::io::duplex(4);
        let flow = Rc::<Flow>::default();
        let mut watched = Watched::new(near, Rc::clone(&flow));
        let turn = || tokio::time::timeout(Duration::from_secs(1), flow.turn());
        assert!(turn().await.is_ok());
        let mut writing = Box::pin(watched.write_all(&[0; 8]));
        assert!((&mut writing).now_or_never().is_none());
        assert!(turn().await.is_err());
        far.read_exact(&mut [0; 4]).await.expect("four bytes");
        assert!(writing.now_or_never().is_some());
        assert!(turn().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn those_that_hold_most_are_shed_first_and_those_that_hold_nothing_never() {
        let flows = Rc::<Flows>::default();
        let entered: Vec<_> = (0..4).map(|_| flows.enter()).collect();
        for ((flow, _), waits) in entered.iter().zip([0, 10, 1000, 100]) {
            flow.set_waits(waits);
        }
        assert_eq!(flows.shed(1050), 2);
        let is_shed = || entered.iter().map(|(flow, _)| flow.is_shed.get());
        assert!(is_shed().eq([false, false, true, true]));
        assert_eq!((flows.shed(usize::MAX), flows.shed(usize::MAX)), (1, 0));
        assert!(is_shed().eq([false, true, true, true]));
        assert_eq!(entered[1].0.is_over(STUCK_AFTER).await, Over::Shed);
        drop(entered);
        assert!(flows.0.borrow().is_empty());
    }
}
