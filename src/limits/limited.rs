//! Why a connection is not let in, with what its client is told: status, text, and when to come again.

use std::time::Duration;

use super::Offence;

/// After what nobody can foresee: others have to leave first.
const COME_AGAIN: Duration = Duration::from_secs(30);

/// A connection that is not let in. The texts name the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Limited {
    /// Its address is banned.
    #[error("This address is banned for another {} s: {} (bans)", left.as_secs() + 1, offence.text())]
    Banned {
        /// For how much longer.
        left: Duration,
        /// What for.
        offence: Offence,
    },
    /// `limits.address_connections_per_second`, for so much longer.
    #[error(
        "Too many new connections from this address; come again later (limits.address_connections_per_second)"
    )]
    AddressRate(Duration),
    /// `limits.address_connections_max`
    #[error(
        "Too many connections from this address; close some, or come again later (limits.address_connections_max)"
    )]
    AddressConnections,
    /// `limits.origin_connections_max`
    #[error(
        "Too many connections from pages of this site; come again later (limits.origin_connections_max)"
    )]
    OriginConnections,
    /// `limits.connections_max`
    #[error("The tracker is full; come again later (limits.connections_max)")]
    Connections,
    /// `memory.refuse_percent`
    #[error("The tracker is short of memory; come again later (memory.refuse_percent)")]
    Memory,
}

impl Limited {
    /// The status of the HTTP response.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Banned { .. } => 403,
            Self::AddressRate(_) | Self::AddressConnections | Self::OriginConnections => 429,
            Self::Connections | Self::Memory => 503,
        }
    }

    /// Whole seconds after which it is worth to come again.
    #[must_use]
    pub const fn retry_after(self) -> u64 {
        let wait = match self {
            Self::Banned { left, .. } => left,
            Self::AddressRate(wait) => wait,
            _ => COME_AGAIN,
        };
        wait.as_secs() + 1
    }
}
