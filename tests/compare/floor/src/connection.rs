//! One connection: its socket, its membership, and buffers only while a frame is incomplete or a write was short.

use std::io::{self, Read as _, Write as _};

use mio::net::TcpStream;
use slab::Slab;

use crate::swarms::{Member, Members};

pub struct Connection {
    pub stream: TcpStream,
    pub upgraded: bool,
    /// Whether it is in the list of connections with output in this loop iteration.
    pub touched: bool,
    /// Whether a write was short; a writable event continues it.
    pub stuck: bool,
    pub member: Option<Member>,
    /// The start of an incomplete frame.
    pub partial: Vec<u8>,
    /// The output buffer; it has no capacity while empty.
    pub out: Vec<u8>,
}

impl Connection {
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            upgraded: false,
            touched: false,
            stuck: false,
            member: None,
            partial: Vec::new(),
            out: Vec::new(),
        }
    }

    /// Copies the incomplete frame to the front of `buffer` and reads behind it. Returns the length and whether there
    /// may be more. Returns `None` if the connection has ended.
    pub fn read(&mut self, buffer: &mut [u8]) -> Option<(usize, bool)> {
        let partial = self.partial.len();
        buffer[..partial].copy_from_slice(&self.partial);
        let room = &mut buffer[partial..];
        match self.stream.read(room) {
            Ok(0) => None,
            Ok(read) => {
                let more = read == room.len();
                self.partial = Vec::new();
                Some((partial + read, more))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some((0, false)),
            Err(_) => None,
        }
    }

    /// Writes once. Returns false if the connection has ended.
    pub fn write(&mut self) -> bool {
        match self.stream.write(&self.out) {
            Ok(written) if written == self.out.len() => self.out.clear(),
            Ok(written) => drop(self.out.drain(..written)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return false,
        }
        true
    }
}

impl Members for Slab<Connection> {
    fn member(&self, connection: u32) -> Option<&Member> {
        self[connection as usize].member.as_ref()
    }

    fn member_mut(&mut self, connection: u32) -> &mut Option<Member> {
        &mut self[connection as usize].member
    }
}
