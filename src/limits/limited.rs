//! Defines why a connection or request is refused, with the HTTP status, the text and the retry time for its client.

use std::time::Duration;

use super::BanReason;

/// Retry time if other connections must close first, which cannot be predicted.
const RETRY_DEFAULT: Duration = Duration::from_secs(30);

/// Retry time for unread responses: most are read within seconds.
const RETRY_AFTER_READING: Duration = Duration::from_secs(4);

/// Why a connection is not admitted or a request is not served. The texts name the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Limited {
    /// Its address is banned.
    #[error("This address is banned for another {} s: {} (bans)", left.as_secs() + 1, reason.text())]
    Banned {
        /// The remaining time.
        left: Duration,
        /// Why it is banned.
        reason: BanReason,
    },
    /// Pages of its origin, or of its domain, are banned at its address.
    #[error("Pages of this site are banned at this address for another {} s: {} (bans)", left.as_secs() + 1, reason.text())]
    PageBanned {
        /// The remaining time.
        left: Duration,
        /// Why it is banned.
        reason: BanReason,
    },
    /// `limits.address_connections_per_second`, with the time until the next one.
    #[error(
        "Too many new connections from this address; try again later (limits.address_connections_per_second)"
    )]
    AddressUpgradeRate(Duration),
    /// `limits.address_connections_max`
    #[error(
        "Too many connections from this address; close some, or try again later (limits.address_connections_max)"
    )]
    AddressConnections,
    /// `limits.origin_connections_max`
    #[error(
        "Too many connections from pages of this site; try again later (limits.origin_connections_max)"
    )]
    OriginConnections,
    /// `limits.origin_address_percent`
    #[error(
        "Too many connections from pages of this site at this address; try again later (limits.origin_address_percent)"
    )]
    OriginAddress,
    /// `limits.address_http_time_per_second`, with the time until the next one.
    #[error(
        "Requests from this address take too much processor time; try again later (limits.address_http_time_per_second)"
    )]
    AddressCpuTime(Duration),
    /// `limits.address_response_bytes_max`
    #[error(
        "Too many responses to this address are unread; read them, or try again later (limits.address_response_bytes_max)"
    )]
    AddressResponses,
    /// `limits.response_bytes_max`
    #[error("Too many responses are unread; try again later (limits.response_bytes_max)")]
    TotalResponses,
    /// `connection.response_bytes_max`
    #[error("The response is too long; ask for less (connection.response_bytes_max)")]
    ResponseTooLong,
    /// `limits.connections_max`
    #[error("The tracker is full; try again later (limits.connections_max)")]
    Connections,
    /// `memory.refuse_percent`
    #[error("The tracker is short of memory; try again later (memory.refuse_percent)")]
    Memory,
}

impl Limited {
    /// Returns the status of the HTTP response.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Banned { .. } | Self::PageBanned { .. } => 403,
            Self::AddressUpgradeRate(_)
            | Self::AddressConnections
            | Self::OriginConnections
            | Self::OriginAddress
            | Self::AddressCpuTime(_) => 429,
            Self::AddressResponses
            | Self::TotalResponses
            | Self::ResponseTooLong
            | Self::Connections
            | Self::Memory => 503,
        }
    }

    /// Returns the setting that caused it.
    #[must_use]
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Banned { .. } | Self::PageBanned { .. } => "bans",
            Self::OriginAddress => "limits.origin_address_percent",
            Self::AddressCpuTime(_) => "limits.address_http_time_per_second",
            Self::AddressResponses => "limits.address_response_bytes_max",
            Self::TotalResponses => "limits.response_bytes_max",
            Self::ResponseTooLong => "connection.response_bytes_max",
            Self::AddressUpgradeRate(_) => "limits.address_connections_per_second",
            Self::AddressConnections => "limits.address_connections_max",
            Self::OriginConnections => "limits.origin_connections_max",
            Self::Connections => "limits.connections_max",
            Self::Memory => "memory.refuse_percent",
        }
    }

    /// Returns the whole seconds after which a retry may succeed.
    #[must_use]
    pub const fn retry_after(self) -> u64 {
        let wait = match self {
            Self::Banned { left, .. } | Self::PageBanned { left, .. } => left,
            Self::AddressUpgradeRate(wait) | Self::AddressCpuTime(wait) => wait,
            Self::AddressResponses | Self::TotalResponses => RETRY_AFTER_READING,
            _ => RETRY_DEFAULT,
        };
        wait.as_secs() + 1
    }
}
