//! Reads bytes as operations of a few clients, and runs these on the relay and on a naive model. Both must agree.
//!
//! The model keeps lists and looks through all of them. It knows nothing of slots, ports in use or buckets; limits on
//! bytes are so high that they do not apply.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::ice::{
    ByteRate, ClientTransport, Credentials, FiveTuple, PacketKind, REALM, RelayDrop, RelayPolicy,
    RequestContext, RequestWriter, StreamPacket, TurnOutcome, TurnRefusal, TurnRelay, Username,
    answer_binding, write_send_indication,
};
use rand::SeedableRng;
use rand::rngs::SmallRng;

const RELAY_IP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const UNIX_NOW: u64 = 1_800_000_000;
const CLIENTS: u8 = 6;
/// The last one has expired credentials.
const USERS: u8 = 3;
const OPERATIONS_MAX: usize = 300;
const ALLOCATIONS_MAX: usize = 5;
const USER_ALLOCATIONS_MAX: usize = 3;
const PEERS_MAX: usize = 32;
const SECONDS: [u64; 8] = [0, 1, 10, 150, 299, 300, 550, 601];
const ALLOCATE: u16 = 3;
const REFRESH: u16 = 4;
const CREATE_PERMISSION: u16 = 8;
const CHANNEL_BIND: u16 = 9;

/// Runs the operations, and panics if relay and model differ.
pub(crate) fn check(bytes: &[u8]) {
    let mut rest = bytes;
    let mut play = Play::new();
    for _ in 0..OPERATIONS_MAX {
        let Some((&kind, after)) = rest.split_first() else {
            break;
        };
        rest = after;
        play.run(kind, &mut rest);
        play.check_counts();
    }
}

/// What the model knows of an allocation. Times are whole seconds; a deadline has passed when it is reached.
#[derive(Debug)]
struct ModelAllocation {
    client: u8,
    user: u8,
    port: u16,
    transaction: [u8; 12],
    expires_at: u64,
    ends_at: u64,
    sends_until: u64,
    /// Ports of allocations that may send to this one.
    permitted: Vec<(u16, u64)>,
    /// Numbers and ports.
    channels: Vec<(u16, u16, u64)>,
}

impl ModelAllocation {
    fn is_permitted(&self, port: u16, now: u64) -> bool {
        self.permitted
            .iter()
            .any(|&(peer, until)| peer == port && now < until)
    }

    fn channel_of(&self, port: u16, now: u64) -> Option<u16> {
        let mut channels = self.channels.iter();
        let found = channels.find(|&&(_, peer, until)| peer == port && now < until);
        found.map(|&(number, _, _)| number)
    }

    fn port_of(&self, channel: u16, now: u64) -> Option<u16> {
        let mut channels = self.channels.iter();
        let found = channels.find(|&&(number, _, until)| number == channel && now < until);
        found.map(|&(_, port, _)| port)
    }

    /// Returns false if there are too many peers.
    fn permit(&mut self, port: u16, now: u64) -> bool {
        self.permitted.retain(|&(_, until)| now < until);
        self.channels.retain(|&(_, _, until)| now < until);
        let mut peers: Vec<_> = self.permitted.iter().map(|&(peer, _)| peer).collect();
        peers.extend(self.channels.iter().map(|&(_, peer, _)| peer));
        peers.sort_unstable();
        peers.dedup();
        if !peers.contains(&port) && peers.len() >= PEERS_MAX {
            return false;
        }
        self.permitted.retain(|&(peer, _)| peer != port);
        self.permitted.push((port, now + 301));
        true
    }
}

/// The relay, the model and their time.
struct Play {
    relay: TurnRelay,
    credentials: Credentials,
    users: Vec<Username>,
    allocations: Vec<ModelAllocation>,
    now: Duration,
    /// The ports of all allocations so far, and one of none.
    ports: Vec<u16>,
    transactions: u64,
    response: Vec<u8>,
}

/// Returns a user: mostly the one that the client always takes.
fn user(number: u8, choice: u8) -> u8 {
    if choice % 8 == 7 {
        choice / 8 % USERS
    } else {
        number % 2
    }
}

/// Returns the next byte, or 0 at the end.
fn next(rest: &mut &[u8]) -> u8 {
    let (first, after) = rest.split_first().unwrap_or((&0, &[]));
    *rest = after;
    *first
}

fn client(number: u8) -> FiveTuple {
    let transport = match number {
        0..3 => ClientTransport::Udp,
        _ => ClientTransport::Stream(number.into()),
    };
    // Some clients differ in the port or in the address of the server only.
    FiveTuple {
        transport,
        client: SocketAddr::from(([198, 51, 100, 1], 5000 + u16::from(number / 2))),
        server: SocketAddr::from(([203, 0, 113, number % 2], 3478)),
    }
}

impl Play {
    fn new() -> Self {
        let credentials = Credentials::new(b"secret");
        let policy = RelayPolicy {
            allocations_max: ALLOCATIONS_MAX,
            user_allocations_max: u32::try_from(USER_ALLOCATIONS_MAX).expect("a small number"),
            address_allocations_max: u32::MAX,
            address_free_percent: 0,
            user_rate: ByteRate::new(1 << 50, 1 << 50),
            address_rate: ByteRate::new(1 << 50, 1 << 50),
            total_rate: ByteRate::new(1 << 50, 1 << 50),
            bytes_per_day: None,
        };
        let user = |number: u8| {
            let is_expired = number + 1 == USERS;
            let expires_at = if is_expired { UNIX_NOW } else { u64::MAX };
            Username::generate(expires_at, &mut SmallRng::seed_from_u64(number.into()))
        };
        Self {
            relay: TurnRelay::new(RELAY_IP, policy, credentials.clone(), &[7; 32]),
            credentials,
            users: (0..USERS).map(user).collect(),
            allocations: Vec::new(),
            now: Duration::from_millis(1500),
            ports: vec![9],
            transactions: 0,
            response: Vec::new(),
        }
    }

    fn seconds(&self) -> u64 {
        self.now.as_secs()
    }

    fn run(&mut self, kind: u8, rest: &mut &[u8]) {
        let number = next(rest) % CLIENTS;
        match kind % 32 {
            0..5 => self.allocate(number, rest),
            5..7 => self.refresh(number, rest),
            7..11 => self.permit(number, rest),
            11..16 => self.bind(number, rest),
            16..21 => self.send(number, rest),
            21..27 => self.send_channel_data(number, rest),
            27 | 28 => self.now += Duration::from_secs(SECONDS[usize::from(next(rest)) % 8]),
            29 => self.expire(),
            30 => {
                self.relay.end_client(&client(number), self.now);
                self.allocations.retain(|own| own.client != number);
            }
            _ => self.throw(number, rest),
        }
    }

    fn check_counts(&self) {
        assert_eq!(self.relay.allocations(), self.allocations.len());
        let mut counts: Vec<_> = self.relay.allocations_by_user().collect();
        counts.retain(|&count| count > 0);
        counts.sort_unstable();
        let of_user = |user| {
            self.allocations
                .iter()
                .filter(|own| own.user == user)
                .count()
        };
        let mut expected: Vec<_> = (0..USERS).map(of_user).collect();
        expected.retain(|&count| count > 0);
        expected.sort_unstable();
        let counts: Vec<_> = counts.into_iter().map(|count| count as usize).collect();
        assert_eq!(counts, expected);
    }

    /// Returns the living allocation of a client.
    fn own(&mut self, number: u8) -> Option<&mut ModelAllocation> {
        let now = self.seconds();
        let mut all = self.allocations.iter_mut();
        all.find(|own| own.client == number && now < own.expires_at)
    }

    /// Returns the living allocation with a port.
    fn with_port(&self, port: u16) -> Option<&ModelAllocation> {
        let now = self.seconds();
        let mut all = self.allocations.iter();
        all.find(|own| own.port == port && now < own.expires_at)
    }

    /// Returns an address that may be that of an allocation.
    fn peer(&self, rest: &mut &[u8]) -> SocketAddr {
        let choice = usize::from(next(rest));
        if choice == 255 {
            return SocketAddr::from(([127, 0, 0, 1], 1));
        }
        // Mostly one of the stored allocations, else one that may have ended.
        let stored = self.allocations.get(choice % ALLOCATIONS_MAX);
        if let Some(stored) = stored.filter(|_| choice < 200) {
            return SocketAddr::from((RELAY_IP, stored.port));
        }
        let port = self.ports.iter().rev().nth(choice % self.ports.len());
        SocketAddr::from((RELAY_IP, *port.expect("a port")))
    }

    fn respond(&mut self, number: u8, request: &[u8]) -> TurnOutcome {
        let context = RequestContext {
            address_key: Some(number.into()),
            now: self.now,
            unix_now: UNIX_NOW + self.seconds(),
        };
        let own = client(number);
        let relay = &mut self.relay;
        let outcome = relay.respond(&own, request, &context, &mut self.response);
        let outcome = outcome.expect("a request");
        let is_refused = matches!(outcome, TurnOutcome::Refused(_));
        assert_eq!(self.response[0], 1);
        assert_eq!(self.response[1] & 0x10 > 0, is_refused);
        outcome
    }

    /// Sends a request that is signed with a fresh nonce.
    fn request(
        &mut self,
        (number, user): (u8, u8),
        method: u16,
        transaction: [u8; 12],
        build: impl FnOnce(RequestWriter<'_>) -> RequestWriter<'_>,
    ) -> TurnOutcome {
        let mut request = Vec::new();
        RequestWriter::new(&mut request, method, [0; 12]).finish();
        let outcome = self.respond(number, &request);
        assert_eq!(outcome, TurnOutcome::Refused(TurnRefusal::Unsigned));
        // After ERROR-CODE and REALM.
        let nonce = self.response[56..72].to_vec();
        let username = self.users[usize::from(user)];
        let key = self.credentials.integrity_key(&username);
        let writer = RequestWriter::new(&mut request, method, transaction);
        build(writer).sign(&username.to_string(), REALM, &nonce, &key);
        self.respond(number, &request)
    }

    fn transaction(&mut self) -> [u8; 12] {
        self.transactions += 1;
        let mut transaction = [0; 12];
        transaction[..8].copy_from_slice(&self.transactions.to_be_bytes());
        transaction
    }

    fn allocate(&mut self, number: u8, rest: &mut &[u8]) {
        let choice = next(rest);
        let user = user(number, choice);
        let lifetime = [0, 600, 1000, 9999][usize::from(choice / 64)];
        // Some requests are sent twice.
        let repeated = self.own(number).map(|own| own.transaction);
        let transaction = match repeated.filter(|_| choice & 32 > 0) {
            Some(transaction) => transaction,
            None => self.transaction(),
        };
        let outcome = self.request((number, user), ALLOCATE, transaction, |request| {
            request.udp().lifetime(lifetime)
        });
        let now = self.seconds();
        // XOR-RELAYED-ADDRESS is the first attribute.
        let port = self.response.get(26..28);
        let port = port.map(|port| u16::from_be_bytes([port[0] ^ 0x21, port[1] ^ 0x12]));
        if let Some(own) = self.own(number) {
            if own.transaction == transaction && own.user == user {
                assert_eq!(outcome, TurnOutcome::Repeated);
                assert_eq!(port, Some(own.port));
            } else {
                let expected = TurnOutcome::Refused(TurnRefusal::AllocationMismatch);
                assert_eq!(outcome, expected);
            }
            return;
        }
        self.allocations.retain(|own| own.client != number);
        let of_user = self.allocations.iter().filter(|own| own.user == user);
        let expected = if user + 1 == USERS {
            TurnOutcome::Refused(TurnRefusal::ExpiredUser)
        } else if self.allocations.len() >= ALLOCATIONS_MAX {
            TurnOutcome::Refused(TurnRefusal::TotalQuota)
        } else if of_user.count() >= USER_ALLOCATIONS_MAX {
            TurnOutcome::Refused(TurnRefusal::UserQuota)
        } else {
            TurnOutcome::Allocated
        };
        assert_eq!(outcome, expected);
        if outcome == TurnOutcome::Allocated {
            let port = port.expect("a port");
            assert!(port > 0 && self.allocations.iter().all(|own| own.port != port));
            self.ports.push(port);
            self.allocations.push(ModelAllocation {
                client: number,
                user,
                port,
                transaction,
                expires_at: now + u64::from(lifetime.clamp(600, 3600)) + 1,
                ends_at: now + 86_401,
                sends_until: 0,
                permitted: Vec::new(),
                channels: Vec::new(),
            });
        }
    }

    /// Returns the outcome of a request that needs an allocation of the user, unless it has one.
    fn refusal(&mut self, number: u8, user: u8) -> Option<TurnRefusal> {
        match self.own(number) {
            None => Some(TurnRefusal::AllocationMismatch),
            Some(own) if own.user != user => Some(TurnRefusal::WrongUser),
            Some(_) => None,
        }
    }

    fn refresh(&mut self, number: u8, rest: &mut &[u8]) {
        let choice = next(rest);
        let user = user(number, choice);
        let lifetime = [0, 600, 3600, 9999][usize::from(choice / 64)];
        let transaction = self.transaction();
        let outcome = self.request((number, user), REFRESH, transaction, |request| {
            request.lifetime(lifetime)
        });
        let now = self.seconds();
        if let Some(refusal) = self.refusal(number, user) {
            return assert_eq!(outcome, TurnOutcome::Refused(refusal));
        }
        if lifetime == 0 {
            assert_eq!(outcome, TurnOutcome::Ended);
            return self.allocations.retain(|own| own.client != number);
        }
        let own = self.own(number).expect("an allocation");
        let left = own.ends_at - now - 1;
        let granted = u64::from(lifetime.clamp(600, 3600)).min(left);
        own.expires_at = now + granted + 1;
        let expected = match granted {
            0 => TurnOutcome::Ended,
            _ => TurnOutcome::Refreshed,
        };
        assert_eq!(outcome, expected);
    }

    fn permit(&mut self, number: u8, rest: &mut &[u8]) {
        let user = user(number, next(rest));
        let peers: Vec<_> = (0..=next(rest) % 3).map(|_| self.peer(rest)).collect();
        let transaction = self.transaction();
        let outcome = self.request(
            (number, user),
            CREATE_PERMISSION,
            transaction,
            |mut request| {
                for peer in &peers {
                    request = request.peer(*peer);
                }
                request
            },
        );
        let now = self.seconds();
        let mut expected = TurnOutcome::Permitted;
        if let Some(refusal) = self.refusal(number, user) {
            return assert_eq!(outcome, TurnOutcome::Refused(refusal));
        }
        for peer in peers.iter().filter(|peer| peer.ip() == RELAY_IP) {
            let is_known = self.with_port(peer.port()).is_some();
            let own = self.own(number).expect("an allocation");
            own.sends_until = now + 301;
            if is_known && !own.permit(peer.port(), now) {
                expected = TurnOutcome::Refused(TurnRefusal::TooManyPeers);
                break;
            }
        }
        assert_eq!(outcome, expected);
    }

    fn bind(&mut self, number: u8, rest: &mut &[u8]) {
        let user = user(number, next(rest));
        let channel = 0x4000 + u16::from(next(rest) % 4);
        let peer = self.peer(rest);
        let transaction = self.transaction();
        let outcome = self.request((number, user), CHANNEL_BIND, transaction, |request| {
            request.channel(channel).peer(peer)
        });
        let now = self.seconds();
        if let Some(refusal) = self.refusal(number, user) {
            return assert_eq!(outcome, TurnOutcome::Refused(refusal));
        }
        if peer.ip() != RELAY_IP || self.with_port(peer.port()).is_none() {
            let expected = TurnOutcome::Refused(TurnRefusal::ForbiddenPeer);
            return assert_eq!(outcome, expected);
        }
        let port = peer.port();
        let own = self.own(number).expect("an allocation");
        let is_free = own.port_of(channel, now).is_none_or(|bound| bound == port)
            && own
                .channel_of(port, now)
                .is_none_or(|bound| bound == channel);
        if !is_free {
            let expected = TurnOutcome::Refused(TurnRefusal::BadRequest);
            return assert_eq!(outcome, expected);
        }
        if !own.permit(port, now) {
            let expected = TurnOutcome::Refused(TurnRefusal::TooManyPeers);
            return assert_eq!(outcome, expected);
        }
        own.sends_until = now + 301;
        own.channels.retain(|&(number, _, _)| number != channel);
        own.channels.push((channel, port, now + 601));
        assert_eq!(outcome, TurnOutcome::Bound);
    }

    fn send(&mut self, number: u8, rest: &mut &[u8]) {
        let peer = self.peer(rest);
        let payload = vec![next(rest); usize::from(next(rest))];
        let mut packet = Vec::new();
        write_send_indication(&mut packet, peer, &payload);
        let now = self.seconds();
        let mut expected = Err(RelayDrop::NoPeer);
        if peer.ip() == RELAY_IP {
            let is_known = self.with_port(peer.port()).is_some();
            expected = match self.own(number) {
                None => Err(RelayDrop::NoAllocation),
                Some(own) if now >= own.sends_until => Err(RelayDrop::NotPermitted),
                Some(_) if !is_known => Err(RelayDrop::NoPeer),
                Some(own) => {
                    let own_port = own.port;
                    let way = self.way(own_port, peer.port());
                    let own = self.own(number).expect("an allocation");
                    let _ = own.permit(peer.port(), now);
                    way
                }
            };
        }
        self.forward(number, &packet, &payload, expected);
    }

    fn send_channel_data(&mut self, number: u8, rest: &mut &[u8]) {
        let channel = 0x4000 + u16::from(next(rest) % 4);
        let payload = vec![next(rest); usize::from(next(rest))];
        let packet = channel_data(channel, &payload);
        let now = self.seconds();
        let expected = match self.own(number) {
            None => Err(RelayDrop::NoAllocation),
            Some(own) => match own.port_of(channel, now) {
                None => Err(RelayDrop::NoChannel),
                Some(port) => {
                    let own_port = own.port;
                    self.way(own_port, port)
                }
            },
        };
        self.forward(number, &packet, &payload, expected);
    }

    /// Returns the receiver of a packet, and the channel by which it gets it, else the port of the sender.
    fn way(&self, from: u16, to: u16) -> Result<(u8, Result<u16, u16>), RelayDrop> {
        let peer = self.with_port(to).ok_or(RelayDrop::NoPeer)?;
        if !peer.is_permitted(from, self.seconds()) {
            return Err(RelayDrop::NotPermittedByPeer);
        }
        let channel = peer.channel_of(from, self.seconds());
        Ok((peer.client, channel.ok_or(from)))
    }

    fn forward(
        &mut self,
        number: u8,
        packet: &[u8],
        payload: &[u8],
        expected: Result<(u8, Result<u16, u16>), RelayDrop>,
    ) {
        let (mut packet, mut buffer) = (packet.to_vec(), vec![1; 5]);
        let own = client(number);
        let relay = &mut self.relay;
        let relayed = relay.forward(&own, &mut packet, &mut buffer, self.now);
        let (receiver, form) = match expected {
            Ok(expected) => expected,
            Err(drop) => return assert_eq!(relayed.err(), Some(drop)),
        };
        let relayed = relayed.expect("a relayed packet");
        assert_eq!(*relayed.to, client(receiver));
        let is_stream = matches!(relayed.to.transport, ClientTransport::Stream(_));
        let padded = relayed.bytes.len().next_multiple_of(4);
        let padding = if is_stream {
            padded - relayed.bytes.len()
        } else {
            0
        };
        assert_eq!(relayed.padding, padding);
        match form {
            Ok(channel) => assert_eq!(relayed.bytes, channel_data(channel, payload)),
            Err(port) => {
                // Header, XOR-PEER-ADDRESS, DATA.
                let bytes = relayed.bytes;
                assert_eq!(bytes[..2], [0, 0x17]);
                let address = [0, 0x12, 0, 8, 0, 1];
                assert_eq!(bytes[20..26], address);
                let [high, low] = port.to_be_bytes();
                assert_eq!(bytes[26..28], [high ^ 0x21, low ^ 0x12]);
                assert_eq!(bytes[36 - 4..34], [0, 0x13]);
                assert_eq!(bytes[36..36 + payload.len()], *payload);
                assert_eq!(bytes.len(), 36 + payload.len().next_multiple_of(4));
            }
        }
    }

    fn expire(&mut self) {
        let now = self.seconds();
        let before = self.allocations.len();
        self.allocations.retain(|own| now < own.expires_at);
        let ended = self.relay.expire(1000, self.now, UNIX_NOW + now);
        assert_eq!(ended, before - self.allocations.len());
    }

    /// Throws bytes at everything that reads. Without a signature nothing may change.
    fn throw(&mut self, number: u8, rest: &mut &[u8]) {
        let length = usize::from(next(rest)).min(rest.len());
        let (bytes, after) = rest.split_at(length);
        *rest = after;
        let mut packet = bytes.to_vec();
        if bytes.first().is_some_and(|first| first % 2 > 0) {
            packet.truncate(packet.len() / 4 * 4);
            let length = u8::try_from(packet.len()).expect("at most 255 bytes");
            let header = [
                &[0, 3 + length % 8, 0, length, 0x21, 0x12, 0xa4, 0x42][..],
                &[5; 12],
            ];
            packet.splice(..0, header.concat());
        }
        let _ = PacketKind::of(&packet);
        if let StreamPacket::Complete { bytes, padded } = StreamPacket::find(&packet) {
            assert!(bytes <= padded && padded <= packet.len() && padded - bytes < 4);
        }
        let own = client(number);
        let _ = answer_binding(&packet, own.client, &mut self.response);
        let context = RequestContext {
            address_key: None,
            now: self.now,
            unix_now: UNIX_NOW,
        };
        let outcome = self
            .relay
            .respond(&own, &packet, &context, &mut self.response);
        if let Ok(outcome) = outcome {
            assert!(matches!(outcome, TurnOutcome::Refused(_)), "{outcome:?}");
        }
        // A packet from nobody is never relayed. That of a client may be, by chance.
        let nobody = client(CLIENTS);
        let mut buffer = Vec::new();
        let relayed = self
            .relay
            .forward(&nobody, &mut packet, &mut buffer, self.now);
        assert!(relayed.is_err());
    }
}

fn channel_data(channel: u16, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).expect("a short text");
    [&channel.to_be_bytes(), &length.to_be_bytes(), data].concat()
}
