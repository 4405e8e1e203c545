//! The event loop: in each iteration it reads ready connections into one shared buffer, serves them, and writes once to
//! every connection with output.

use std::io;
use std::net::SocketAddr;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;
use socket2::{Domain, Socket, Type};

use crate::connection::Connection;
use crate::message::Reader;
use crate::swarms::Swarms;

const BACKLOG: i32 = 4096;
const EVENTS_AT_ONCE: usize = 1024;
/// The largest message is about 11 kB for five offers.
const READ_BYTES: usize = 128 * 1024;
const LISTENER: Token = Token(usize::MAX);
/// Maximum number and size of output buffers kept for reuse.
const SPARE_MAX: usize = 64;
const SPARE_BYTES_MAX: usize = 32 * 1024;

pub struct Relay {
    poll: Poll,
    listener: TcpListener,
    pub connections: Slab<Connection>,
    pub swarms: Swarms,
    /// Connections with output.
    pub touched: Vec<u32>,
    /// Empty output buffers for reuse.
    pub spare: Vec<Vec<u8>>,
    /// The receivers of the offers of one announce.
    pub chosen: Vec<u32>,
    pub reader: Reader,
}

impl Relay {
    pub fn listen(address: SocketAddr) -> io::Result<(Self, SocketAddr)> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        // On Linux accepted sockets inherit this, which saves a call for each.
        socket.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let mut listener = TcpListener::from_std(socket.into());
        let (poll, address) = (Poll::new()?, listener.local_addr()?);
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        let relay = Self {
            poll,
            listener,
            connections: Slab::new(),
            swarms: Swarms::default(),
            touched: Vec::new(),
            chosen: Vec::new(),
            spare: Vec::new(),
            reader: Reader::new(),
        };
        Ok((relay, address))
    }

    /// Serves until the poll fails.
    pub fn run(&mut self) -> io::Error {
        let (mut events, mut buffer) = (Events::with_capacity(EVENTS_AT_ONCE), vec![0; READ_BYTES]);
        loop {
            match self.poll.poll(&mut events, None) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return error,
            }
            for event in &events {
                let Token(slot) = event.token();
                if event.token() == LISTENER {
                    self.accept();
                } else if self.connections.contains(slot) {
                    if event.is_writable() && self.connections[slot].stuck {
                        self.touch(slot);
                    }
                    if event.is_readable() && !self.read(slot, event.is_read_closed(), &mut buffer)
                    {
                        self.close(slot);
                    }
                }
            }
            self.flush();
        }
    }

    fn accept(&mut self) {
        // Without descriptors, pending connections are accepted at the next event.
        while let Ok((stream, _)) = self.listener.accept() {
            let entry = self.connections.vacant_entry();
            let token = Token(entry.key());
            let connection = entry.insert(Connection::new(stream));
            let registered =
                self.poll
                    .registry()
                    .register(&mut connection.stream, token, Interest::READABLE);
            if registered.is_err() {
                self.connections.remove(token.0);
            }
        }
    }

    /// Reads and serves available data. Returns false if the connection must be closed.
    fn read(&mut self, slot: usize, closed: bool, buffer: &mut [u8]) -> bool {
        loop {
            let Some((there, more)) = self.connections[slot].read(buffer) else {
                return false;
            };
            let Some(used) = self.serve(slot, &mut buffer[..there]) else {
                return false;
            };
            if used < there {
                if there - used == buffer.len() {
                    return false;
                }
                self.connections[slot].partial = buffer[used..there].to_vec();
            }
            // Events are edge-triggered: after a short read new data gives a new event, but an end does not.
            if !(more || closed && there > 0) {
                return true;
            }
        }
    }

    /// Writes once to every touched connection.
    fn flush(&mut self) {
        while let Some(slot) = self.touched.pop() {
            let slot = slot as usize;
            let Some(connection) = self.connections.get_mut(slot).filter(|one| one.touched) else {
                continue;
            };
            connection.touched = false;
            if !connection.out.is_empty() && !connection.write() {
                self.close(slot);
                continue;
            }
            let stuck = !connection.out.is_empty();
            if stuck != connection.stuck {
                connection.stuck = stuck;
                let interest = if stuck {
                    Interest::READABLE | Interest::WRITABLE
                } else {
                    Interest::READABLE
                };
                // An error will show when reading.
                let _ =
                    self.poll
                        .registry()
                        .reregister(&mut connection.stream, Token(slot), interest);
            }
            if !stuck {
                let out = std::mem::take(&mut connection.out);
                if self.spare.len() < SPARE_MAX && out.capacity() <= SPARE_BYTES_MAX {
                    self.spare.push(out);
                }
            }
        }
    }

    fn close(&mut self, slot: usize) {
        self.swarms.leave(&mut self.connections, number(slot));
        // Dropping the socket closes it, which also removes it from the poll.
        self.connections.remove(slot);
        if self.connections.is_empty() {
            // An empty server releases all memory.
            (self.connections, self.swarms, self.spare) = Default::default();
        }
    }
}

/// There are never more than 2^32 connections.
pub fn number(slot: usize) -> u32 {
    u32::try_from(slot).unwrap_or(u32::MAX)
}
