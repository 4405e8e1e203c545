//! Holds the monitors of the HTTP connections of one worker, and closes the connections that it must.

use std::cell::RefCell;
use std::rc::Rc;

use slab::Slab;

use super::monitor::{ConnectionMonitor, HttpCloseReason};
use crate::limits::ConnectionMemory;

/// The HTTP connections of one worker.
#[derive(Debug, Default)]
pub(in crate::http) struct ConnectionMonitors(RefCell<Slab<Rc<ConnectionMonitor>>>);

/// An entry of [`ConnectionMonitors`]; removes it on drop.
#[derive(Debug)]
pub(in crate::http) struct MonitorGuard {
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
    pub(in crate::http) fn register(self: &Rc<Self>) -> (Rc<ConnectionMonitor>, MonitorGuard) {
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
    pub(in crate::http) fn blocked_count(&self) -> usize {
        let monitors = self.0.borrow();
        let blocked = monitors.iter().filter(|(_, monitor)| monitor.is_blocked());
        blocked.count()
    }

    /// Closes connections whose client takes its response too slowly.
    pub(in crate::http) fn close_slow(&self) {
        let monitors = self.0.borrow();
        let slow = monitors.iter().filter(|(_, monitor)| monitor.is_too_slow());
        slow.for_each(|(_, monitor)| monitor.request_close(HttpCloseReason::Stuck));
    }

    /// Returns the indexes of the open connections and the memory that each holds.
    pub(in crate::http) fn memory_held(&self) -> (Vec<usize>, Vec<ConnectionMemory>) {
        let monitors = self.0.borrow();
        let open = monitors
            .iter()
            .filter(|(_, monitor)| monitor.close_reason().is_none());
        open.map(|(index, monitor)| (index, monitor.memory_held()))
            .unzip()
    }

    /// Closes the connection with this index, to free memory.
    pub(in crate::http) fn shed(&self, index: usize) {
        if let Some(monitor) = self.0.borrow().get(index) {
            monitor.request_close(HttpCloseReason::Shed);
        }
    }
}
