//! Defines the failures that clients receive: the reason, and the form of the message. Their counters are in the hub.

use super::{InfoHash, InvalidId};

/// Why a message was refused. Sorted by who causes it: the client's message first, then our policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The message is not JSON.
    NotJson,
    /// The message is JSON, but not an object.
    NotAnObject,
    /// Arrays and objects are nested deeper than `connection.json_depth_max`.
    NestedTooDeeply,
    /// `action` is missing or none of `announce` and `scrape`.
    UnknownAction,
    /// `info_hash` is unusable.
    InfoHash(InvalidId),
    /// `peer_id` is unusable.
    PeerId(InvalidId),
    /// None of the hashes of a scrape is usable.
    ScrapeHashes,
    /// A scrape without hashes, which would list every swarm, and `tracker.full_scrape` is off.
    FullScrape,
    /// A scrape without hashes, while another full scrape is running.
    FullScrapeBusy,
    /// A subscription, while there are `tracker.subscriptions_max` already or the address has its share of them.
    SubscriptionsMax,
    /// The swarm is not allowed: `access.info_hashes_allowed`, `access.info_hashes_denied`.
    NotAllowed,
    /// The connection already has `tracker.memberships_max` memberships.
    MembershipsMax,
    /// A new swarm, while there are `limits.swarms_max` already or memory is short.
    SwarmsMax,
    /// A new swarm, while the sender's address has as many as `limits.address_swarms_percent` allows.
    AddressSwarmsMax,
    /// Over `limits.origin_announces_per_second`.
    OriginTooFast,
    /// Over `limits.messages_per_second`.
    MessagesTooFast,
    /// Over `limits.offers_per_second`.
    OffersTooFast,
    /// Over `limits.bytes_per_second`.
    BytesTooFast,
}

impl Failure {
    /// Returns the `failure reason` on the wire: short, English, never a copy of the client's input.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::NotJson => "The message is not valid JSON",
            Self::NotAnObject => "The message is not a JSON object",
            Self::NestedTooDeeply => "The message is nested too deeply",
            Self::UnknownAction => "action must be \"announce\" or \"scrape\"",
            Self::InfoHash(InvalidId::Hexadecimal) => {
                "info_hash is 40 hexadecimal digits; send the 20 bytes as 20 characters"
            }
            Self::InfoHash(_) => {
                "info_hash must be a string of 20 characters from U+0000 to U+00FF"
            }
            Self::PeerId(InvalidId::Hexadecimal) => {
                "peer_id is 40 hexadecimal digits; send the 20 bytes as 20 characters"
            }
            Self::PeerId(_) => "peer_id must be a string of 20 characters from U+0000 to U+00FF",
            Self::ScrapeHashes => {
                "No info_hash of the scrape is a string of 20 characters from U+0000 to U+00FF"
            }
            Self::FullScrape => {
                "This tracker does not list all swarms; name the info_hash to scrape"
            }
            Self::FullScrapeBusy => "Another full scrape is running; try again in a minute",
            Self::SubscriptionsMax => {
                "This tracker takes no more subscriptions; scrape instead (tracker.subscriptions_max)"
            }
            Self::NotAllowed => "This info_hash is not allowed on this tracker",
            Self::MembershipsMax => "This connection is in too many swarms",
            Self::SwarmsMax => "This tracker takes no new swarms at the moment (limits.swarms_max)",
            Self::AddressSwarmsMax => {
                "This address is in too many swarms to begin another (limits.address_swarms_percent)"
            }
            Self::OriginTooFast => {
                "Too many announces from pages of this site (limits.origin_announces_per_second)"
            }
            Self::MessagesTooFast => {
                "Too many messages; please slow down (limits.messages_per_second)"
            }
            Self::OffersTooFast => "Too many offers; please slow down (limits.offers_per_second)",
            Self::BytesTooFast => "Too many bytes; please slow down (limits.bytes_per_second)",
        }
    }

    /// Returns the metric label of the failure.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::NestedTooDeeply => "nested_too_deeply",
            Self::UnknownAction => "unknown_action",
            Self::InfoHash(_) => "info_hash",
            Self::PeerId(_) => "peer_id",
            Self::ScrapeHashes => "scrape_hashes",
            Self::FullScrape => "full_scrape",
            Self::FullScrapeBusy => "full_scrape_busy",
            Self::SubscriptionsMax => "subscriptions_max",
            Self::NotAllowed => "info_hash_not_allowed",
            Self::MembershipsMax => "memberships",
            Self::SwarmsMax => "swarms_max",
            Self::AddressSwarmsMax => "address_swarms_percent",
            Self::OriginTooFast => "origin_announces_per_second",
            Self::MessagesTooFast => "messages_per_second",
            Self::OffersTooFast => "offers_per_second",
            Self::BytesTooFast => "bytes_per_second",
        }
    }

    /// Returns whether a correct client never causes it. A flood of such failures closes the connection.
    #[must_use]
    pub const fn is_malformed(self) -> bool {
        !matches!(
            self,
            Self::FullScrape
                | Self::FullScrapeBusy
                | Self::SubscriptionsMax
                | Self::NotAllowed
                | Self::MembershipsMax
                | Self::SwarmsMax
                | Self::AddressSwarmsMax
                | Self::OriginTooFast
        ) && !self.is_too_fast()
    }

    /// Returns whether the connection exceeds one of its own limits.
    #[must_use]
    pub const fn is_too_fast(self) -> bool {
        matches!(
            self,
            Self::MessagesTooFast | Self::OffersTooFast | Self::BytesTooFast
        )
    }
}

/// The subject of a failure, which decides the form that clients can handle.
///
/// A message with `action: "announce"` and no `info_hash` makes the reference client throw and libtorrent disconnect.
/// This type cannot express it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalSubject {
    /// An announce of this swarm.
    Announce(InfoHash),
    /// A scrape.
    Scrape,
    /// Unknown: the message could not be read that far.
    Unknown,
}

/// A refused message: the reason and the subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The reason.
    pub failure: Failure,
    /// What the client asked for.
    pub subject: RefusalSubject,
}
