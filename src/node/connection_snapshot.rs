//! Describes one connection for the operator.

use std::sync::Arc;
use std::time::Duration;

use super::NetworkPrefix;
use crate::limits::AbuseReport;
use crate::protocol::ConnectionId;

/// A snapshot of one connection for the operator.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionSnapshot {
    /// Its id.
    pub connection: ConnectionId,
    /// How long it has been open, to the second.
    pub age: Duration,
    /// How long nothing was received.
    pub silence: Duration,
    /// Number of its offers that were relayed, in all swarms.
    pub offers: u32,
    /// Number of its answers that were relayed, in all swarms.
    pub answers: u32,
    /// The network of its address.
    pub network: NetworkPrefix,
    /// The name of its site (`tracker.groups`), if it has one.
    pub site: Option<Arc<str>>,
    /// Whether its output is blocked, so that no offers are sent to it.
    pub output_blocked: bool,
    /// Whether it is closing.
    pub closing: bool,
    /// Its recorded violations, if any.
    pub abuse: Option<AbuseReport>,
    /// Why its address cannot be banned, if it cannot.
    pub unbannable: Option<UnbannableReason>,
}

/// Why the address of a connection cannot be banned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnbannableReason {
    /// It came through a Unix socket, and no proxy sent its address.
    UnknownAddress,
    /// All limits are off (`no_limits`).
    NoLimits,
    /// It was exempt from limits when it connected (`limits.exempt`).
    Exempt,
    /// It has no record of its own: there are more than `limits.addresses_max` addresses.
    SharedRecord,
}

impl UnbannableReason {
    /// Returns the reason as a sentence without a full stop.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::UnknownAddress => {
                "its address cannot be banned: it came through a Unix socket, so it has no known address"
            }
            Self::NoLimits => "its address cannot be banned: all limits are off (no_limits)",
            Self::Exempt => {
                "its address cannot be banned: it is exempt from limits (limits.exempt)"
            }
            Self::SharedRecord => {
                "its address cannot be banned: it shares a record with other addresses (limits.addresses_max)"
            }
        }
    }
}
