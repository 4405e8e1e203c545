//! The state that all connections of a worker share.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tokio::time::Instant;

use super::socket::READ_BYTES_PER_TURN;
use crate::hub::{Hub, IterationQueue, ServedMessage};
use crate::protocol::ConnectionId;

/// Connections over their rate limits that resume reading per event loop iteration. Without this bound, an offer waits
/// for one message of each of thousands of connections that send at their limit.
pub(super) const RESUMED_PER_ITERATION: usize = 4;
/// One in this many messages is timed.
const MESSAGES_PER_TIMING: u32 = 64;

/// State shared by all connections of one worker.
#[derive(Debug)]
pub(crate) struct WorkerContext {
    pub(super) hub: Rc<Hub>,
    /// When the process started; the hub's time counts from here.
    pub(super) started: Instant,
    /// `connection.message_bytes_max`
    pub(super) message_bytes_max: Cell<usize>,
    /// The read buffer. A connection uses it for the length of one turn.
    pub(super) input: RefCell<Box<[u8]>>,
    /// Number of messages served; selects those to time.
    messages: Cell<u32>,
    /// Connections whose pause has ended and that wait to resume reading.
    pub(super) resume_queue: IterationQueue,
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
    pub(super) fn receive(&self, id: ConnectionId, text: Option<&str>) -> ServedMessage {
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
