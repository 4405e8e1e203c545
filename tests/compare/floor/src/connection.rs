//! One connection: its socket, its membership, and bytes only while a frame is partial or a write was short.

use std::io::{self, Read as _, Write as _};

use mio::net::TcpStream;
use slab::Slab;

use crate::swarms::{Member, Members};

pub struct Connection {
    pub stream: TcpStream,
    pub upgraded: bool,
    /// In the list of those that have something to write this round.
    pub touched: bool,
    /// The rest of a write that was short; the poll tells when it goes on.
    pub stuck: bool,
    pub member: Option<Member>,
    /// The beginning of a frame whose end has not come.
    pub partial: Vec<u8>,
    /// What is to be written. Without capacity while empty.
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

    /// Reads behind the partial frame, which is put to the front of `buffer`; returns how much is there, and whether
    /// there may be more. `None` if the connection has ended.
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

    /// Writes what it can, once. False if the connection has ended.
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
