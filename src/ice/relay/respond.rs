//! Answers requests: authenticates and executes them, and writes the response.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::TurnRelay;
use super::five_tuple::FiveTuple;
use super::outcome::{Ignored, TurnOutcome, TurnRefusal};
use crate::ice::credentials::{self, VerifiedUser};
use crate::ice::message::{
    ALLOCATE, CHANNEL_BIND, CHANNEL_NUMBER, CREATE_PERMISSION, Class, DATA, EVEN_PORT, LIFETIME,
    MESSAGE_INTEGRITY, Message, MessageWriter, NONCE, REALM, REFRESH, REQUESTED_ADDRESS_FAMILY,
    REQUESTED_TRANSPORT, RESERVATION_TOKEN, UNKNOWN_ATTRIBUTES, USERNAME, XOR_MAPPED_ADDRESS,
    XOR_PEER_ADDRESS, XOR_RELAYED_ADDRESS,
};

/// The attributes that the relay understands. DONT-FRAGMENT is not among them, because no browser sends it. It is refused
/// with 420, as the RFC demands.
pub(super) const KNOWN: [u16; 12] = [
    USERNAME,
    MESSAGE_INTEGRITY,
    CHANNEL_NUMBER,
    LIFETIME,
    XOR_PEER_ADDRESS,
    DATA,
    REALM,
    NONCE,
    REQUESTED_ADDRESS_FAMILY,
    EVEN_PORT,
    REQUESTED_TRANSPORT,
    RESERVATION_TOKEN,
];
/// Unknown attributes that a response lists.
const LISTED_MAX: usize = 8;

/// What a request comes with.
#[derive(Debug, Clone, Copy)]
pub struct RequestContext {
    /// The hash of the client's address or network that `RelayPolicy::address_allocations_max` counts; `None` to count nowhere.
    pub address_key: Option<u64>,
    /// The time since the start of the process.
    pub now: Duration,
    /// The Unix time in seconds, for credentials.
    pub unix_now: u64,
}

/// What a successful request got.
#[derive(Debug, Clone, Copy)]
pub(super) enum Granted {
    /// A relay port for some seconds.
    Allocation {
        port: u16,
        seconds: u32,
        outcome: TurnOutcome,
    },
    /// A number of seconds, 0 for the end of the allocation.
    Lifetime(u32),
    Permission,
    Channel,
}

impl Granted {
    const fn outcome(self) -> TurnOutcome {
        match self {
            Self::Allocation { outcome, .. } => outcome,
            Self::Lifetime(0) => TurnOutcome::Ended,
            Self::Lifetime(_) => TurnOutcome::Refreshed,
            Self::Permission => TurnOutcome::Permitted,
            Self::Channel => TurnOutcome::Bound,
        }
    }
}

impl TurnRelay {
    /// Serves a request of a client, and writes the response into `response`. A response to a request without right
    /// credentials is at most three times as long on the wire, and nothing of such a request is stored.
    ///
    /// # Errors
    ///
    /// The packet is not a request to the relay. It gets no response.
    pub fn respond(
        &mut self,
        client: &FiveTuple,
        request: &[u8],
        context: &RequestContext,
        response: &mut Vec<u8>,
    ) -> Result<TurnOutcome, Ignored> {
        let request = Message::parse(request).ok_or(Ignored::Malformed)?;
        let is_ours = matches!(
            request.method,
            ALLOCATE | REFRESH | CREATE_PERMISSION | CHANNEL_BIND
        );
        if request.class != Class::Request || !is_ours {
            return Err(Ignored::NotTurn);
        }
        let (result, key) = match self.authenticate(&request, client, context) {
            Ok(user) => (
                self.execute(&request, client, &user, context),
                Some(user.key),
            ),
            Err(refusal) => (Err(refusal), None),
        };
        let class = match result {
            Ok(_) => Class::Success,
            Err(_) => Class::Error,
        };
        let mut writer = MessageWriter::response(response, &request, class);
        match result {
            Ok(granted) => self.write_granted(&mut writer, granted, client),
            Err(refusal) => {
                self.write_refusal(&mut writer, refusal, (client, context.now));
                if refusal == TurnRefusal::UnknownAttribute {
                    write_unknown_attributes(&mut writer, &request);
                }
            }
        }
        let has_fingerprint = request.has_fingerprint();
        match key {
            Some(key) => writer.finish_signed(&key, has_fingerprint),
            None => writer.finish(has_fingerprint),
        }
        Ok(result.map_or_else(TurnOutcome::Refused, Granted::outcome))
    }

    fn execute(
        &mut self,
        request: &Message<'_>,
        client: &FiveTuple,
        user: &VerifiedUser,
        context: &RequestContext,
    ) -> Result<Granted, TurnRefusal> {
        if request.unknown_signed_attributes(&KNOWN).next().is_some() {
            return Err(TurnRefusal::UnknownAttribute);
        }
        if request.method == ALLOCATE {
            return self.allocate(request, client, user, context);
        }
        let own = self.own_allocation(client, user, context.now)?;
        match request.method {
            REFRESH => self.refresh(request, own, context.now),
            CREATE_PERMISSION => self.create_permission(request, own, context.now),
            _ => self.bind_channel(request, own, context.now),
        }
    }

    /// Returns the address under which others reach an allocation.
    pub(super) fn relay_address(&self, port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(self.relay_ip), port)
    }

    fn write_granted(&self, writer: &mut MessageWriter<'_>, granted: Granted, client: &FiveTuple) {
        match granted {
            Granted::Allocation { port, seconds, .. } => {
                writer.xor_address(XOR_RELAYED_ADDRESS, self.relay_address(port));
                writer.attribute(LIFETIME, &seconds.to_be_bytes());
                writer.xor_address(XOR_MAPPED_ADDRESS, client.client);
            }
            Granted::Lifetime(seconds) => writer.attribute(LIFETIME, &seconds.to_be_bytes()),
            Granted::Permission | Granted::Channel => (),
        }
    }

    fn write_refusal(
        &self,
        writer: &mut MessageWriter<'_>,
        refusal: TurnRefusal,
        (client, now): (&FiveTuple, Duration),
    ) {
        let (code, reason) = refusal.code();
        writer.error_code(code, reason);
        if refusal.is_challenge() {
            writer.attribute(REALM, credentials::REALM.as_bytes());
            writer.attribute(NONCE, &self.nonce_key.make(client, now));
        }
    }
}

fn write_unknown_attributes(writer: &mut MessageWriter<'_>, request: &Message<'_>) {
    let mut listed = [0; 2 * LISTED_MAX];
    let mut length = 0;
    let unknown = request.unknown_signed_attributes(&KNOWN);
    for (place, kind) in listed.chunks_exact_mut(2).zip(unknown) {
        place.copy_from_slice(&kind.to_be_bytes());
        length += 2;
    }
    writer.attribute(UNKNOWN_ATTRIBUTES, listed.get(..length).unwrap_or_default());
}
