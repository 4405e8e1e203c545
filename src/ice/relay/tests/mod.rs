//! Tests the relay as its clients see it. `model` compares it with a naive second implementation.

mod data;
mod framing;
mod limits;
mod model;
mod requests;
mod unauthenticated;

use std::net::SocketAddr;

use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::*;
use crate::ice::credentials::{REALM, Username};
use crate::ice::message::{
    self, ALLOCATE, CHANNEL_BIND, CREATE_PERMISSION, Class, Message, NONCE, REFRESH, RequestWriter,
    XOR_RELAYED_ADDRESS,
};

const RELAY_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const UNIX_NOW: u64 = 1_800_000_000;
const CREDENTIALS_SECONDS: u64 = 3600;

fn policy() -> RelayPolicy {
    RelayPolicy {
        allocations_max: 1000,
        user_allocations_max: 100,
        address_allocations_max: 100,
        address_free_percent: 0,
        user_rate: ByteRate::new(1 << 40, 1 << 40),
        address_rate: ByteRate::new(1 << 40, 1 << 40),
        total_rate: ByteRate::new(1 << 40, 1 << 40),
        bytes_per_day: None,
    }
}

/// A relay with its clock.
struct Lab {
    relay: TurnRelay,
    credentials: Credentials,
    now: Duration,
    /// The last response.
    response: Vec<u8>,
    transactions: u8,
}

fn client(number: u8) -> FiveTuple {
    FiveTuple {
        transport: ClientTransport::Udp,
        client: SocketAddr::from(([198, 51, 100, number], 5000)),
        server: SocketAddr::from(([203, 0, 113, 1], 3478)),
    }
}

fn stream_client(number: u8) -> FiveTuple {
    FiveTuple {
        transport: ClientTransport::Stream(number.into()),
        ..client(number)
    }
}

fn user(number: u64) -> Username {
    Username::generate(
        UNIX_NOW + CREDENTIALS_SECONDS,
        &mut SmallRng::seed_from_u64(number),
    )
}

impl Lab {
    fn new(policy: RelayPolicy) -> Self {
        let credentials = Credentials::new(b"secret");
        let mut relay = TurnRelay::new(RELAY_IP, policy, credentials.clone(), &[7; 32]);
        relay.expire(0, Duration::ZERO, UNIX_NOW);
        Self {
            relay,
            credentials,
            now: Duration::from_secs(100),
            response: Vec::new(),
            transactions: 0,
        }
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn unix_now(&self) -> u64 {
        UNIX_NOW + self.now.as_secs() - 100
    }

    /// Sends a finished request.
    fn respond(&mut self, client: &FiveTuple, request: &[u8]) -> Result<TurnOutcome, Ignored> {
        let context = RequestContext {
            address_key: Some(client.client.ip().is_ipv4().into()),
            now: self.now,
            unix_now: self.unix_now(),
        };
        self.relay
            .respond(client, request, &context, &mut self.response)
    }

    fn nonce(&mut self, client: &FiveTuple) -> Vec<u8> {
        let mut request = Vec::new();
        RequestWriter::new(&mut request, ALLOCATE, [0; 12]).finish();
        let outcome = self.respond(client, &request);
        assert_eq!(outcome, Ok(TurnOutcome::Refused(TurnRefusal::Unsigned)));
        self.response_attribute(NONCE).expect("a nonce")
    }

    fn response_attribute(&self, kind: u16) -> Option<Vec<u8>> {
        let response = Message::parse(&self.response).expect("a response");
        response.find(kind).map(<[u8]>::to_vec)
    }

    /// Sends a request that is signed with a fresh nonce, and checks the signature of the response.
    fn request(
        &mut self,
        client: &FiveTuple,
        user: &Username,
        method: u16,
        build: impl FnOnce(RequestWriter<'_>) -> RequestWriter<'_>,
    ) -> TurnOutcome {
        let nonce = self.nonce(client);
        self.transactions += 1;
        let mut request = Vec::new();
        let key = self.credentials.integrity_key(user);
        let writer = RequestWriter::new(&mut request, method, [self.transactions; 12]);
        build(writer).sign(&user.to_string(), REALM, &nonce, &key);
        let outcome = self.respond(client, &request).expect("a request");
        let response = Message::parse(&self.response).expect("a response");
        let is_refused = matches!(outcome, TurnOutcome::Refused(_));
        assert_eq!(response.class == Class::Error, is_refused);
        assert_eq!(response.transaction_id, [self.transactions; 12]);
        let is_challenge =
            matches!(outcome, TurnOutcome::Refused(refusal) if refusal.is_challenge());
        assert_eq!(
            response.is_signed_with(&key),
            !is_challenge || outcome == TurnOutcome::Refused(TurnRefusal::ExpiredUser)
        );
        outcome
    }

    fn try_allocate(&mut self, client: &FiveTuple, user: &Username) -> TurnOutcome {
        self.request(client, user, ALLOCATE, |request| {
            request.udp().lifetime(600)
        })
    }

    /// Makes an allocation and returns its relay address.
    fn allocate(&mut self, client: &FiveTuple, user: &Username) -> SocketAddr {
        let outcome = self.try_allocate(client, user);
        assert_eq!(outcome, TurnOutcome::Allocated);
        let response = Message::parse(&self.response).expect("a response");
        let value = response.find(XOR_RELAYED_ADDRESS).expect("an address");
        response.unmask(value).expect("an address")
    }

    fn permit(&mut self, client: &FiveTuple, user: &Username, peer: SocketAddr) -> TurnOutcome {
        self.request(client, user, CREATE_PERMISSION, |request| {
            request.peer(peer)
        })
    }

    fn bind(
        &mut self,
        client: &FiveTuple,
        user: &Username,
        (channel, peer): (u16, SocketAddr),
    ) -> TurnOutcome {
        self.request(client, user, CHANNEL_BIND, |request| {
            request.channel(channel).peer(peer)
        })
    }

    fn refresh(&mut self, client: &FiveTuple, user: &Username, seconds: u32) -> TurnOutcome {
        self.request(client, user, REFRESH, |request| request.lifetime(seconds))
    }

    /// Sends a packet, and returns receiver, bytes and padding.
    fn forward(
        &mut self,
        client: &FiveTuple,
        packet: &[u8],
    ) -> Result<(FiveTuple, Vec<u8>, usize), RelayDrop> {
        let mut packet = packet.to_vec();
        let mut buffer = Vec::new();
        self.relay
            .forward(client, &mut packet, &mut buffer, self.now)
            .map(|relayed| (*relayed.to, relayed.bytes.to_vec(), relayed.padding))
    }

    fn send(
        &mut self,
        client: &FiveTuple,
        peer: SocketAddr,
        data: &[u8],
    ) -> Result<(FiveTuple, Vec<u8>, usize), RelayDrop> {
        let mut packet = Vec::new();
        message::write_send_indication(&mut packet, peer, data);
        self.forward(client, &packet)
    }
}

fn refused(refusal: TurnRefusal) -> TurnOutcome {
    TurnOutcome::Refused(refusal)
}

/// Returns `ChannelData` without padding.
fn channel_data(channel: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    [&channel.to_be_bytes(), &length.to_be_bytes(), data].concat()
}
