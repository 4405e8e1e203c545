//! Process memory after a million requests to the TURN relay without credentials: they leave no state.
//!
//! Each comes from another address, as with forged ones: Linux owns all of 127.0.0.0/8.

#![cfg(target_os = "linux")]

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use quinn_udp::{Transmit, UdpSocketState};
use swarmhub::ice::RequestWriter;

use crate::process_memory::resident_memory;
use crate::support::PROGRESS_TIMEOUT;
use crate::support::program::Program;

const ALLOCATE: u16 = 3;
const ALLOCATE_ERROR: [u8; 2] = [0x01, 0x13];
const REQUESTS: u32 = 1_000_000;
/// Requests before the first reading: the process has then grown to its usual size.
const FIRST_REQUESTS: u32 = 50_000;
/// Five bytes for each request. Any state takes more.
const GROWTH_BYTES_MAX: u64 = 4 << 20;
/// Requests without a response. The kernel stores as many for a socket.
const WINDOW: u32 = 100;
/// After this time without a response the requests or responses are lost.
const LOST_AFTER: Duration = Duration::from_millis(200);

/// A sender whose requests come from ever new addresses.
struct ForgingSender {
    socket: UdpSocket,
    state: UdpSocketState,
    server: SocketAddr,
    request: Vec<u8>,
    sent: u32,
}

impl ForgingSender {
    fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let state = UdpSocketState::new((&socket).into()).unwrap();
        socket.set_nonblocking(false).unwrap();
        socket.set_read_timeout(Some(LOST_AFTER)).unwrap();
        let mut request = Vec::new();
        RequestWriter::new(&mut request, ALLOCATE, [1; 12])
            .udp()
            .finish();
        Self {
            socket,
            state,
            server,
            request,
            sent: 0,
        }
    }

    /// Sends requests until so many are answered.
    fn send_until_answered(&mut self, count: u32) {
        let (mut answered, mut in_flight, mut idle) = (0, 0, Duration::ZERO);
        while answered < count {
            while in_flight < WINDOW {
                self.send();
                in_flight += 1;
            }
            if self.receive() {
                answered += 1;
                in_flight -= 1;
                idle = Duration::ZERO;
            } else {
                in_flight = 0;
                idle += LOST_AFTER;
                assert!(idle < PROGRESS_TIMEOUT, "{answered} answered");
            }
        }
    }

    fn send(&mut self) {
        self.sent += 1;
        let source = u32::from(Ipv4Addr::new(127, 64, 0, 0)) + self.sent;
        let transmit = Transmit {
            destination: self.server,
            ecn: None,
            contents: &self.request,
            segment_size: None,
            src_ip: Some(IpAddr::V4(Ipv4Addr::from(source))),
        };
        self.state
            .try_send((&self.socket).into(), &transmit)
            .unwrap();
    }

    /// Returns whether a response arrived in time.
    fn receive(&self) -> bool {
        let mut response = [0; 100];
        match self.socket.recv(&mut response) {
            Ok(_) => assert_eq!(response[..2], ALLOCATE_ERROR),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) => panic!("{error}"),
        }
        true
    }
}

#[tokio::test]
async fn a_million_unauthenticated_allocates_take_no_memory() {
    // The addresses are limited as those of others are, and no limit is reached.
    let program = Program::start(&[
        "--ice-turn",
        "--limits-exempt",
        "192.0.2.1",
        "--limits-stun-per-second",
        "10000000",
    ]);
    let (pid, address) = (program.pid(), program.address);
    let measure = move || {
        let mut sender = ForgingSender::new(address);
        sender.send_until_answered(FIRST_REQUESTS);
        let before = resident_memory(pid);
        sender.send_until_answered(REQUESTS - FIRST_REQUESTS);
        (before, resident_memory(pid))
    };
    let (before, after) = tokio::task::spawn_blocking(measure).await.unwrap();
    assert!(after < before + GROWTH_BYTES_MAX, "{before} {after}");
    program.stop().await;
}
