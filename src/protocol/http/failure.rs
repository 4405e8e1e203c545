//! Defines the failures of requests over HTTP: the text for the client, and when it may retry (BEP 31).

use std::num::NonZeroU16;
use std::time::Duration;

/// Retry delay for limits that other clients must free: one default interval.
const LATER_MINUTES: u64 = 10;
/// Retry delay for causes that only a setting of the operator or the user can change. Short enough that a swarm
/// recovers within the hour of the change, long enough that permanently refused clients cost little.
const MENDED_MINUTES: u64 = 30;

/// Why a request was refused. Sorted by who causes it: the client's request first, then its address, then our policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// `info_hash` is missing, or not 20 bytes.
    InfoHash,
    /// An announce with several `info_hash`es.
    InfoHashes,
    /// `peer_id` is missing, or not 20 bytes.
    PeerId,
    /// `port` is missing, or not a number from 1 to 65535.
    Port,
    /// No peer may be listed at this port: other services use it, and peers would connect to them.
    PortRefused(NonZeroU16),
    /// It is not a GET request.
    Method,
    /// A request of HTTP/1.1 without exactly one valid `Host`.
    Host,
    /// It comes from a web page, without the knowledge of its visitor.
    Page,
    /// Its address is unknown: it came through a socket file, and no trusted proxy has named it.
    NoAddress,
    /// There is no HTTP tracker here: the listener serves only pages, or `tracker.http` is off.
    NotHere,
    /// The server is draining: a peer that joined now would be unknown to the next server for a whole interval.
    Leaving,
    /// It sends none of the tokens of `access.tokens_file`.
    Token,
    /// The swarm is not allowed: `access.info_hashes_allowed`, `access.info_hashes_denied`.
    NotAllowed,
    /// A scrape without hashes, which would list every swarm, and `tracker.full_scrape` is off.
    FullScrape,
    /// A scrape without hashes, while another full scrape is running.
    FullScrapeBusy,
    /// Over `limits.address_http_requests_per_second`, for this much longer.
    TooFast(Duration),
    /// Its address has `limits.address_http_peers_max`.
    AddressPeers,
    /// Its address has `limits.address_http_peers_per_swarm_max` in this swarm.
    AddressSwarmPeers,
    /// The process has `limits.http_peers_max`.
    Peers,
    /// A new swarm, while there are `limits.swarms_max` already or memory is short.
    Swarms,
    /// A new swarm, while its address has `limits.address_swarms_percent` of what is free.
    AddressSwarms,
}

/// When a failed request may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Never: the request itself is invalid, and would fail again.
    Never,
    /// After this many minutes.
    Minutes(u64),
}

impl Retry {
    /// Returns the retry after a time, in whole minutes: at least one.
    #[must_use]
    pub const fn after(wait: Duration) -> Self {
        Self::Minutes(wait.as_secs() / 60 + 1)
    }

    /// Returns the retry for a `stopped` request: one minute instead of never, so that the client can come back.
    #[must_use]
    pub const fn of_leaving(self) -> Self {
        match self {
            Self::Never => Self::Minutes(1),
            minutes @ Self::Minutes(_) => minutes,
        }
    }

    /// Returns the seconds until then, for clients that do not support BEP 31 and use `interval`; `None` if never.
    #[must_use]
    pub const fn interval(self) -> Option<u64> {
        match self {
            Self::Never => None,
            Self::Minutes(minutes) => Some(minutes.saturating_mul(60)),
        }
    }
}

impl Failure {
    /// Returns the `failure reason`: short, English, never a copy of the client's input.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::InfoHash => {
                "info_hash is missing or wrong: it must be 20 bytes, each as it is or as %XX"
            }
            Self::InfoHashes => "An announce is about one info_hash",
            Self::PeerId => {
                "peer_id is missing or wrong: it must be 20 bytes, each as it is or as %XX"
            }
            Self::Port => "port is missing or wrong: it must be a number from 1 to 65535",
            Self::PortRefused(_) => {
                "This port belongs to another service; choose one from 1024 on for your client"
            }
            Self::Method => "Announces and scrapes are GET requests",
            Self::Host => "A request of HTTP/1.1 has exactly one valid Host",
            Self::Page => "Web pages announce over WebSockets, not over HTTP",
            Self::NoAddress => "Your address is not known here (proxies.trusted)",
            Self::NotHere => "There is no HTTP tracker at this address",
            Self::Leaving => "This tracker restarts; come again in a minute",
            Self::Token => {
                "This tracker needs a token: announce to /TOKEN/announce or /announce?token=TOKEN"
            }
            Self::NotAllowed => "This info_hash is not allowed on this tracker",
            Self::FullScrape => {
                "This tracker does not list all swarms; name the info_hash to scrape"
            }
            Self::FullScrapeBusy => {
                "Somebody else is being told all swarms; come again in a minute"
            }
            Self::TooFast(_) => {
                "Too many announces and scrapes from this address (limits.address_http_requests_per_second)"
            }
            Self::AddressPeers => {
                "This address has too many peers here (limits.address_http_peers_max)"
            }
            Self::AddressSwarmPeers => {
                "This address has too many peers in this swarm (limits.address_http_peers_per_swarm_max)"
            }
            Self::Peers => {
                "This tracker takes no new peers over HTTP at the moment (limits.http_peers_max)"
            }
            Self::Swarms => "This tracker takes no new swarms at the moment (limits.swarms_max)",
            Self::AddressSwarms => {
                "This address has too many swarms to begin another (limits.address_swarms_percent)"
            }
        }
    }

    /// Returns when to retry. `Never` only if the client must send a different request. A cause that a setting of the
    /// operator or the user can change is worth a retry.
    #[must_use]
    pub const fn retry(self) -> Retry {
        match self {
            Self::TooFast(wait) => Retry::after(wait),
            Self::Leaving | Self::FullScrapeBusy => Retry::Minutes(1),
            Self::NoAddress
            | Self::AddressPeers
            | Self::AddressSwarmPeers
            | Self::Peers
            | Self::Swarms
            | Self::AddressSwarms => Retry::Minutes(LATER_MINUTES),
            Self::PortRefused(_)
            | Self::Page
            | Self::NotHere
            | Self::Token
            | Self::NotAllowed
            | Self::FullScrape => Retry::Minutes(MENDED_MINUTES),
            Self::InfoHash
            | Self::InfoHashes
            | Self::PeerId
            | Self::Port
            | Self::Method
            | Self::Host => Retry::Never,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_is_said_of_what_the_client_wrote_alone() {
        for failure in [Failure::Token, Failure::NotAllowed, Failure::NotHere] {
            assert_eq!(failure.retry(), Retry::Minutes(MENDED_MINUTES));
        }
        assert_eq!(Failure::PeerId.retry(), Retry::Never);
        assert_eq!(Retry::Never.interval(), None);
    }

    #[test]
    fn who_leaves_is_never_told_never() {
        assert_eq!(Failure::PeerId.retry().of_leaving(), Retry::Minutes(1));
        assert_eq!(Failure::Token.retry().of_leaving(), Failure::Token.retry());
    }
}
