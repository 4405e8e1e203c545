//! Datagrams of the STUN server and of the relay, without the sockets.

use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use swarmhub::ice::{
    ByteRate, ClientTransport, Credentials, FiveTuple, REALM, RelayPolicy, RequestContext,
    RequestWriter, TurnRelay, Username, answer_binding, write_send_indication,
};

use crate::{Case, measured};

pub const CASES: &[Case] = &[
    ("STUN binding", binding),
    ("relay channel data, 1200 bytes", |times| {
        forward(&channel_data(), true, times)
    }),
    ("relay send indication, 1200 bytes", |times| {
        forward(&send_indication(), false, times)
    }),
    ("TURN allocate and refresh to zero", allocate),
];

const PAYLOAD_BYTES: usize = 1200;
const ALLOCATE: u16 = 3;
const REFRESH: u16 = 4;
const CREATE_PERMISSION: u16 = 8;
const CHANNEL_BIND: u16 = 9;
const CHANNEL: u16 = 0x4000;
const NOW: Duration = Duration::from_secs(100);
const RELAY_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Returns the relay address of a client. The relay gives out its ports in turn.
fn relay_address(number: u16) -> SocketAddr {
    SocketAddr::from((RELAY_IP, 1023 + number))
}

fn binding(times: u64) -> u64 {
    let mut request = Vec::new();
    RequestWriter::new(&mut request, 1, [5; 12]).finish();
    let source = client(1).client;
    let mut response = Vec::new();
    for _ in 0..times {
        let is_answered =
            measured(|| answer_binding(black_box(&request), source, &mut response).is_ok());
        assert!(is_answered);
    }
    times
}

/// Measures packets between two clients with allocations. Both have a channel, or only permissions.
fn forward(packet: &[u8], has_channels: bool, times: u64) -> u64 {
    let mut turn = Turn::new();
    for own in [1, 2] {
        turn.request(own, ALLOCATE, |request| request.udp().lifetime(600));
    }
    for (own, peer) in [(1, 2), (2, 1)] {
        let address = relay_address(peer);
        if has_channels {
            turn.request(own, CHANNEL_BIND, |request| {
                request.channel(CHANNEL).peer(address)
            });
        } else {
            turn.request(own, CREATE_PERMISSION, |request| request.peer(address));
        }
    }
    let (sender, mut buffer) = (client(1), Vec::new());
    let mut packet = packet.to_vec();
    for _ in 0..times {
        let bytes = measured(|| {
            let relay = &mut turn.relay;
            let relayed = relay.forward(&sender, black_box(&mut packet), &mut buffer, NOW);
            relayed.map(|relayed| relayed.bytes.len())
        });
        assert!(bytes.is_ok());
    }
    times
}

/// Measures a signed Allocate, and the Refresh that ends it.
fn allocate(times: u64) -> u64 {
    let mut turn = Turn::new();
    for _ in 0..times {
        let requests = [
            turn.signed(1, ALLOCATE, |request| request.udp().lifetime(600)),
            turn.signed(1, REFRESH, |request| request.lifetime(0)),
        ];
        measured(|| {
            for request in &requests {
                turn.respond(1, request);
            }
        });
        assert_eq!(turn.relay.allocations(), 0);
    }
    times
}

fn client(number: u16) -> FiveTuple {
    FiveTuple {
        transport: ClientTransport::Udp,
        client: SocketAddr::from(([198, 51, 100, 1], number)),
        server: SocketAddr::from(([203, 0, 113, 1], 3478)),
    }
}

fn channel_data() -> Vec<u8> {
    let length = u16::try_from(PAYLOAD_BYTES).expect("a short payload");
    [
        &CHANNEL.to_be_bytes()[..],
        &length.to_be_bytes(),
        &[7; PAYLOAD_BYTES],
    ]
    .concat()
}

fn send_indication() -> Vec<u8> {
    let mut packet = Vec::new();
    write_send_indication(&mut packet, relay_address(2), &[7; PAYLOAD_BYTES]);
    packet
}

/// A relay with one user.
struct Turn {
    relay: TurnRelay,
    credentials: Credentials,
    user: Username,
    response: Vec<u8>,
}

impl Turn {
    fn new() -> Self {
        let credentials = Credentials::new(b"secret");
        let rate = ByteRate::new(1 << 40, 1 << 40);
        let policy = RelayPolicy {
            allocations_max: 10,
            user_allocations_max: 10,
            address_allocations_max: 10,
            address_free_percent: 0,
            user_rate: rate,
            address_rate: rate,
            total_rate: rate,
            bytes_per_day: None,
        };
        Self {
            relay: TurnRelay::new(RELAY_IP, policy, credentials.clone(), &[7; 32]),
            credentials,
            user: Username::generate(u64::MAX, &mut SmallRng::seed_from_u64(1)),
            response: Vec::new(),
        }
    }

    fn respond(&mut self, number: u16, request: &[u8]) {
        let context = RequestContext {
            address_key: Some(1),
            now: NOW,
            unix_now: 1,
        };
        let response = &mut self.response;
        let outcome = self
            .relay
            .respond(&client(number), request, &context, response);
        assert!(outcome.is_ok());
    }

    /// Returns a request that is signed with a fresh nonce.
    fn signed<B>(&mut self, number: u16, method: u16, build: B) -> Vec<u8>
    where
        B: FnOnce(RequestWriter<'_>) -> RequestWriter<'_>,
    {
        let mut request = Vec::new();
        RequestWriter::new(&mut request, method, [0; 12]).finish();
        self.respond(number, &request);
        // After header, ERROR-CODE and REALM.
        let nonce = self.response[56..72].to_vec();
        let key = self.credentials.integrity_key(&self.user);
        let writer = RequestWriter::new(&mut request, method, [1; 12]);
        build(writer).sign(&self.user.to_string(), REALM, &nonce, &key);
        request
    }

    fn request<B>(&mut self, number: u16, method: u16, build: B)
    where
        B: FnOnce(RequestWriter<'_>) -> RequestWriter<'_>,
    {
        let request = self.signed(number, method, build);
        self.respond(number, &request);
        assert_eq!(self.response[0], 1);
        assert_eq!(self.response[1] & 0x10, 0, "an error response");
    }
}
