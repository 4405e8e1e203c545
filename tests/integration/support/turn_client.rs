//! A client of the TURN relay, over UDP, TCP or TLS.

use std::net::{Ipv4Addr, SocketAddr};

use swarmhub::ice::{Credentials, REALM, RequestWriter, Username};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UdpSocket;

use super::in_time;

pub(crate) const ALLOCATE: u16 = 3;
const CHANNEL_BIND: u16 = 9;
const NONCE: u16 = 0x15;
const XOR_RELAYED_ADDRESS: u16 = 0x16;
const CHANNEL: u16 = 0x4000;
/// The secret of servers and clients in tests.
pub(crate) const TURN_SECRET: &str = "a-secret-of-twenty-characters";

/// A byte stream to the relay.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Unpin {}
impl<S: AsyncRead + AsyncWrite + Unpin> ByteStream for S {}

enum Transport {
    Udp(UdpSocket),
    Stream(Box<dyn ByteStream>),
}

/// A client of the relay.
pub(crate) struct RelayClient {
    transport: Transport,
    username: String,
    credentials: Credentials,
    user: Username,
    nonce: Vec<u8>,
}

impl RelayClient {
    /// Creates a client that sends datagrams, with a nonce.
    pub(crate) async fn new(
        server: SocketAddr,
        credentials: &Credentials,
        expires_at: u64,
    ) -> Self {
        let user = Username::generate(expires_at, &mut rand::rng());
        Self::with_nonce(datagrams_to(server).await, credentials, user).await
    }

    /// Creates a client that uses a connection.
    pub(crate) async fn over(stream: impl ByteStream + 'static, credentials: &Credentials) -> Self {
        let user = Username::generate(u64::MAX, &mut rand::rng());
        Self::with_nonce(Transport::Stream(Box::new(stream)), credentials, user).await
    }

    /// Creates another client of the same user, which sends datagrams.
    pub(crate) async fn of_same_user(&self, server: SocketAddr) -> Self {
        Self::with_nonce(datagrams_to(server).await, &self.credentials, self.user).await
    }

    async fn with_nonce(transport: Transport, credentials: &Credentials, user: Username) -> Self {
        let mut client = Self {
            transport,
            username: user.to_string(),
            credentials: credentials.clone(),
            user,
            nonce: Vec::new(),
        };
        let challenge = client.exchange(&allocate_request()).await;
        client.nonce = attribute(&challenge, NONCE).expect("a nonce");
        client
    }

    /// Sends a packet, padded on a stream.
    pub(crate) async fn send(&mut self, packet: &[u8]) {
        match &mut self.transport {
            Transport::Udp(socket) => {
                socket.send(packet).await.unwrap();
            }
            Transport::Stream(stream) => {
                let mut padded = packet.to_vec();
                padded.resize(packet.len().next_multiple_of(4), 0);
                stream.write_all(&padded).await.unwrap();
            }
        }
    }

    /// Receives a packet, without padding.
    pub(crate) async fn receive(&mut self) -> Vec<u8> {
        let receiving = async {
            match &mut self.transport {
                Transport::Udp(socket) => {
                    let mut received = vec![0; 2000];
                    let length = socket.recv(&mut received).await.expect("a socket");
                    received.truncate(length);
                    received
                }
                Transport::Stream(stream) => receive_packet(stream).await,
            }
        };
        in_time("a packet", receiving).await
    }

    /// Waits for the end of the connection.
    pub(crate) async fn ended(&mut self) {
        let Transport::Stream(stream) = &mut self.transport else {
            panic!("datagrams have no end");
        };
        let mut rest = Vec::new();
        // A reset is an end, too.
        let _ = in_time("the end", stream.read_to_end(&mut rest)).await;
        assert!(rest.is_empty(), "{rest:?}");
    }

    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Vec<u8> {
        self.send(request).await;
        self.receive().await
    }

    /// Sends a signed request. Returns whether it succeeded, and the response.
    pub(crate) async fn request(
        &mut self,
        method: u16,
        add: impl for<'a> FnOnce(RequestWriter<'a>) -> RequestWriter<'a>,
    ) -> (bool, Vec<u8>) {
        let mut request = Vec::new();
        let key = self.credentials.integrity_key(&self.user);
        add(RequestWriter::new(&mut request, method, [2; 12])).sign(
            &self.username,
            REALM,
            &self.nonce,
            &key,
        );
        let response = self.exchange(&request).await;
        (response[0] == 1 && response[1] & 0x10 == 0, response)
    }

    /// Makes an allocation and returns its relay address.
    pub(crate) async fn allocate(&mut self) -> SocketAddr {
        let (is_success, response) = self.request(ALLOCATE, ask_for_udp).await;
        assert!(is_success, "{response:?}");
        let masked = attribute(&response, XOR_RELAYED_ADDRESS).expect("a relay address");
        let mask = [0, 0, 0x21, 0x12, 0x21, 0x12, 0xa4, 0x42];
        let plain: Vec<u8> = masked
            .iter()
            .zip(mask)
            .map(|(byte, mask)| byte ^ mask)
            .collect();
        let ip = Ipv4Addr::new(plain[4], plain[5], plain[6], plain[7]);
        SocketAddr::from((ip, u16::from_be_bytes([plain[2], plain[3]])))
    }

    pub(crate) async fn bind_channel(&mut self, peer: SocketAddr) -> bool {
        let bound = self.request(CHANNEL_BIND, |request| request.channel(CHANNEL).peer(peer));
        bound.await.0
    }
}

async fn datagrams_to(server: SocketAddr) -> Transport {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    socket.connect(server).await.unwrap();
    Transport::Udp(socket)
}

/// Returns `ChannelData` on the channel of `bind_channel`.
pub(crate) fn channel_data(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap();
    [&CHANNEL.to_be_bytes()[..], &length.to_be_bytes(), data].concat()
}

/// Returns an Allocate request without credentials.
pub(crate) fn allocate_request() -> Vec<u8> {
    let mut request = Vec::new();
    RequestWriter::new(&mut request, ALLOCATE, [1; 12])
        .udp()
        .finish();
    request
}

/// Completes an Allocate request.
pub(crate) fn ask_for_udp(request: RequestWriter<'_>) -> RequestWriter<'_> {
    request.udp()
}

/// Reads the next packet of a stream.
async fn receive_packet(stream: &mut Box<dyn ByteStream>) -> Vec<u8> {
    let mut packet = vec![0; 4];
    stream.read_exact(&mut packet).await.expect("a packet");
    let length = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    let is_channel_data = packet[0] & 0xc0 == 0x40;
    let whole = length + if is_channel_data { 4 } else { 20 };
    packet.resize(whole.next_multiple_of(4), 0);
    stream.read_exact(&mut packet[4..]).await.expect("a packet");
    let padding = packet.split_off(whole);
    assert!(padding.iter().all(|&byte| byte == 0));
    packet
}

/// Returns the value of an attribute.
fn attribute(message: &[u8], kind: u16) -> Option<Vec<u8>> {
    let mut rest = &message[20..];
    while rest.len() >= 4 {
        let length = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        if rest[..2] == kind.to_be_bytes() {
            return Some(rest[4..4 + length].to_vec());
        }
        rest = &rest[4 + length.next_multiple_of(4)..];
    }
    None
}
