//! What became of a packet: the caller counts it. Each refusal has its code and reason phrase (RFC 8489, section 14.8,
//! and RFC 8656, section 19).

/// What a request led to. A response has been written for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnOutcome {
    /// A new allocation.
    Allocated,
    /// A repeated request for an allocation, which was answered as the first one.
    Repeated,
    /// An allocation lives longer.
    Refreshed,
    /// The client ended its allocation.
    Ended,
    /// A permission, or nothing if the peer is not an allocation of this server.
    Permitted,
    /// A channel is bound.
    Bound,
    /// An error response.
    Refused(TurnRefusal),
}

/// Why a request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnRefusal {
    /// The request is not signed. Every client begins like this and learns the nonce.
    Unsigned,
    /// This server makes no such usernames.
    UnknownUser,
    /// The signature is wrong.
    WrongSignature,
    /// The credentials have expired, so they begin no new allocation.
    ExpiredUser,
    /// The nonce is too old, or not of this process and source.
    StaleNonce,
    /// A needed attribute is missing or malformed.
    BadRequest,
    /// An attribute must be understood and is not.
    UnknownAttribute,
    /// The peer is not an allocation of this server.
    ForbiddenPeer,
    /// The client has no allocation, or already has one.
    AllocationMismatch,
    /// The relay has IPv4 addresses only.
    AddressFamily,
    /// The allocation belongs to another user.
    WrongUser,
    /// The relay carries UDP only.
    UnsupportedTransport,
    /// The peer has an IPv6 address.
    PeerFamily,
    /// `RelayPolicy::user_allocations_max`
    UserQuota,
    /// `RelayPolicy::address_allocations_max`
    AddressQuota,
    /// `RelayPolicy::allocations_max`, or all relay ports are taken.
    TotalQuota,
    /// The allocation has the maximum number of peers.
    TooManyPeers,
    /// The relay reserves no ports.
    NoReservation,
}

impl TurnRefusal {
    /// Returns the error code and the reason phrase.
    #[must_use]
    pub fn code(self) -> (u16, &'static str) {
        match self {
            Self::BadRequest => (400, "Bad Request"),
            Self::Unsigned | Self::UnknownUser | Self::WrongSignature | Self::ExpiredUser => {
                (401, "Unauthorized")
            }
            Self::ForbiddenPeer => (403, "Forbidden"),
            Self::UnknownAttribute => (420, "Unknown Attribute"),
            Self::AllocationMismatch => (437, "Allocation Mismatch"),
            Self::StaleNonce => (438, "Stale Nonce"),
            Self::AddressFamily => (440, "Address Family not Supported"),
            Self::WrongUser => (441, "Wrong Credentials"),
            Self::UnsupportedTransport => (442, "Unsupported Transport Protocol"),
            Self::PeerFamily => (443, "Peer Address Family Mismatch"),
            Self::UserQuota | Self::AddressQuota => (486, "Allocation Quota Reached"),
            Self::TotalQuota | Self::TooManyPeers | Self::NoReservation => {
                (508, "Insufficient Capacity")
            }
        }
    }

    /// Returns whether the response tells realm and nonce, so that the client can try again.
    pub(super) fn is_challenge(self) -> bool {
        matches!(self.code(), (401 | 438, _))
    }
}

/// Why a packet that came as a request got no response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// It is not a STUN message.
    Malformed,
    /// It is not a request, or its method does not belong to TURN.
    NotTurn,
}

/// Why a packet was not relayed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RelayDrop {
    /// It is neither a Send indication nor `ChannelData`.
    Malformed,
    /// The client has no allocation.
    NoAllocation,
    /// The channel is not bound.
    NoChannel,
    /// The sender has no permission for the peer's IP address.
    NotPermitted,
    /// The peer is not an allocation of this server.
    NoPeer,
    /// The receiver has not permitted the sender.
    NotPermittedByPeer,
    /// `RelayPolicy::user_rate`
    UserRate,
    /// `RelayPolicy::address_rate`
    AddressRate,
    /// `RelayPolicy::total_rate`
    TotalRate,
    /// `RelayPolicy::bytes_per_day`
    DayBudget,
}
