//! Defines why connections end, with the close code, log label and counter of each reason.

use crate::limits::BanReason;
use crate::metrics::{Counter, Counters};

/// Why a connection ended, sorted by who caused it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The client sent a close frame.
    ByClient,
    /// The transport ended or failed without a close.
    Lost,
    /// A frame that violates RFC 6455.
    Protocol,
    /// A text message that is not UTF-8.
    NotUtf8,
    /// A message or frame over `connection.message_bytes_max`.
    TooLong,
    /// Over `connection.malformed_per_minute_max`.
    Malformed,
    /// Over `limits.refusals_per_minute_max`.
    Flood,
    /// No valid message within `connection.first_message_timeout`.
    FirstMessageTimeout,
    /// A message that took longer than `connection.message_timeout`.
    MessageTimeout,
    /// Over `bans.connection_score_max`.
    Hostile,
    /// The operator closed it.
    Kicked,
    /// Over `memory.shed_percent`: it held more memory than others, or was silent for longer.
    Shed,
    /// Nothing received for `connection.dead_after`.
    Dead,
    /// No output could be written for `connection.stuck_after`.
    Stuck,
    /// The server is stopping.
    Stopping,
}

impl Ended {
    /// Returns the close code (RFC 6455, 7.4.1) and reason for the client; `None` if no client is connected to read it.
    #[must_use]
    pub const fn close_frame(self) -> Option<(u16, &'static str)> {
        match self {
            Self::ByClient | Self::Lost | Self::Dead => None,
            Self::Protocol => Some((1002, "protocol error")),
            Self::NotUtf8 => Some((1007, "text is not UTF-8")),
            Self::TooLong => Some((1009, "message too long")),
            Self::Malformed => Some((1008, "too many malformed messages")),
            Self::Flood => Some((1008, "too many messages")),
            Self::FirstMessageTimeout => Some((1008, "no valid message in time")),
            Self::MessageTimeout => Some((1008, "message too slow")),
            Self::Hostile => Some((1008, "too many bad messages")),
            Self::Kicked => Some((1008, "closed by the operator")),
            Self::Shed => Some((1013, "the tracker is short of memory")),
            Self::Stuck => Some((1013, "reading too slowly")),
            Self::Stopping => Some((1001, "the tracker is stopping")),
        }
    }

    /// Returns the label used in logs.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::ByClient => "by_client",
            Self::Lost => "lost",
            Self::Protocol => "protocol",
            Self::NotUtf8 => "not_utf8",
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::Flood => "flood",
            Self::FirstMessageTimeout => "first_message_timeout",
            Self::MessageTimeout => "message_timeout",
            Self::Hostile => "hostile",
            Self::Kicked => "kicked",
            Self::Shed => "shed",
            Self::Dead => "dead",
            Self::Stuck => "stuck",
            Self::Stopping => "stopping",
        }
    }

    /// Returns the counter of this reason.
    #[must_use]
    pub const fn counter(self, counters: &Counters) -> &Counter {
        match self {
            Self::ByClient => &counters.connections_closed_by_client,
            Self::Lost => &counters.connections_lost,
            Self::Protocol | Self::NotUtf8 => &counters.connections_violating,
            Self::TooLong => &counters.messages_too_long,
            Self::Malformed => &counters.connections_malformed,
            Self::Flood => &counters.connections_flooding,
            Self::FirstMessageTimeout => &counters.first_message_timed_out,
            Self::MessageTimeout => &counters.message_timed_out,
            Self::Hostile => &counters.connections_hostile,
            Self::Kicked => &counters.connections_kicked,
            Self::Shed => &counters.connections_shed,
            Self::Dead => &counters.connections_dead,
            Self::Stuck => &counters.connections_stuck,
            Self::Stopping => &counters.connections_stopped,
        }
    }

    /// Returns why the address of such a connection gets a strike, if it does. A message that is too long may be an
    /// honest one.
    #[must_use]
    pub const fn ban_reason(self) -> Option<BanReason> {
        match self {
            Self::Malformed => Some(BanReason::Malformed),
            Self::Flood => Some(BanReason::Flood),
            Self::Hostile => Some(BanReason::Hostile),
            Self::Protocol | Self::NotUtf8 => Some(BanReason::Protocol),
            _ => None,
        }
    }
}
