//! The load: connections that come and go, and announces on them, a fixed number under way.
//!
//! What the announces are and whether they were served well is the business of `units`.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::connection::{self, Writer};
use crate::tally::Tally;
use crate::units::{SWARM_MEMBERS, Units};

/// Announces, and handshakes, at the same time.
const UNDER_WAY: usize = 64;
/// What has not come after this time is lost.
const LOST_AFTER: Duration = Duration::from_secs(10);

pub struct Load {
    units: RefCell<Units>,
    readers: RefCell<Vec<JoinHandle<()>>>,
    idle: Notify,
}

impl Load {
    /// For `members` connections in the end, in swarms of [`SWARM_MEMBERS`] numbered from `first_swarm` on.
    pub fn new(first_swarm: u64, members: usize) -> Rc<Self> {
        let units = Units::new(first_swarm, members.div_ceil(SWARM_MEMBERS));
        Rc::new(Self {
            units: RefCell::new(units),
            readers: RefCell::default(),
            idle: Notify::new(),
        })
    }

    /// Opens so many more connections.
    pub async fn open(self: &Rc<Self>, address: SocketAddr, more: usize) -> io::Result<()> {
        let connecting = futures::stream::iter(0..more).map(|_| connection::connect(address));
        connecting
            .buffer_unordered(UNDER_WAY)
            .try_for_each(async |(reader, writer)| {
                let number = self.units.borrow_mut().join(Rc::clone(&writer));
                let reading =
                    tokio::task::spawn_local(Rc::clone(self).read(number, reader, writer));
                self.readers.borrow_mut().push(reading);
                Ok(())
            })
            .await
    }

    /// Lets so many announces be made, and waits until all that belongs to them has come.
    pub async fn announce(&self, offers_each: u64, how_many: usize) {
        self.start(offers_each, how_many);
        self.wait().await;
        self.finish().await;
    }

    /// Begins to make announces: at most so many, and [`UNDER_WAY`] at a time.
    pub fn start(&self, offers_each: u64, how_many: usize) {
        let units = &mut *self.units.borrow_mut();
        (units.offers_each, units.to_start) = (offers_each, how_many);
        while units.under_way < UNDER_WAY && units.to_start > 0 {
            units.announce_next();
        }
    }

    /// Makes no more announces, and waits for those under way; what does not come is counted as lost.
    pub async fn finish(&self) {
        self.units.borrow_mut().to_start = 0;
        self.wait().await;
        self.units.borrow_mut().give_up();
    }

    /// Waits until nothing is under way, or nothing has moved for [`LOST_AFTER`].
    async fn wait(&self) {
        while self.units.borrow().under_way > 0 {
            let before = self.done();
            if timeout(LOST_AFTER, self.idle.notified()).await.is_err() && self.done() == before {
                return;
            }
        }
    }

    /// How many announces are done.
    pub fn done(&self) -> usize {
        self.units.borrow().tally.units
    }

    pub fn tally(&self) -> Tally {
        self.units.borrow().tally
    }

    /// Closes all connections.
    pub fn close(&self) {
        self.readers
            .borrow_mut()
            .drain(..)
            .for_each(|reader| reader.abort());
        self.units.borrow_mut().members.clear();
    }

    async fn read(self: Rc<Self>, number: usize, reader: OwnedReadHalf, writer: Rc<Writer>) {
        let error = connection::read(reader, writer, |text| self.receive(number, text)).await;
        let tally = &mut self.units.borrow_mut().tally;
        if tally.ended == 0 {
            println!("The first connection that the server ended: {error}");
        }
        tally.ended += 1;
    }

    fn receive(&self, at: usize, text: &str) {
        let units = &mut *self.units.borrow_mut();
        units.receive(at, text);
        if units.under_way == 0 {
            self.idle.notify_one();
        }
    }
}
