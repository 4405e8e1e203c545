//! Defines the failures of requests over HTTP: the text for the client, and when it may retry (BEP 31).

use std::num::NonZeroU16;
use std::time::Duration;

/// Retry delay for limits that other clients must free: one default interval.
const LIMIT_RETRY_MINUTES: u64 = 10;
/// Retry delay for causes that only a setting of the operator or the user can change. Short enough that a swarm
/// recovers within the hour of the change, long enough that permanently refused clients cost little.
const SETTING_RETRY_MINUTES: u64 = 30;

/// Why a request was refused. Sorted by who causes it: the client's request first, then its address, then our policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpFailure {
    /// `info_hash` is missing, or not 20 bytes.
    InfoHash,
    /// An announce with several `info_hash`es.
    MultipleInfoHashes,
    /// `peer_id` is missing, or not 20 bytes.
    PeerId,
    /// `port` is missing, or not a number from 1 to 65535.
    Port,
    /// No peer may be listed at this port: other services use it, and peers would connect to them.
    PortBlocked(NonZeroU16),
    /// It is not a GET request.
    Method,
    /// A request of HTTP/1.1 without exactly one valid `Host`.
    Host,
    /// It comes from a web page, without the knowledge of its visitor.
    WebPage,
    /// Its address is unknown: it came through a socket file, and no trusted proxy has named it.
    NoAddress,
    /// There is no HTTP tracker here: the listener serves only pages, or `tracker.http` is off.
    NoHttpTracker,
    /// The server is draining: a peer that joined now would be unknown to the next server for a whole interval.
    Draining,
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
    AddressPeersMax,
    /// Its address has `limits.address_http_peers_per_swarm_max` in this swarm.
    AddressSwarmPeersMax,
    /// The process has `limits.http_peers_max`.
    PeersMax,
    /// A new swarm, while there are `limits.swarms_max` already or memory is short.
    SwarmsMax,
    /// A new swarm, while its address has `limits.address_swarms_percent` of what is free.
    AddressSwarmsMax,
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
    pub const fn for_stopped(self) -> Self {
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

impl HttpFailure {
    /// Returns the `failure reason`: short, English, never a copy of the client's input.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::InfoHash => {
                "info_hash is missing or wrong: it must be 20 bytes, each as it is or as %XX"
            }
            Self::MultipleInfoHashes => "An announce is about one info_hash",
            Self::PeerId => {
                "peer_id is missing or wrong: it must be 20 bytes, each as it is or as %XX"
            }
            Self::Port => "port is missing or wrong: it must be a number from 1 to 65535",
            Self::PortBlocked(_) => {
                "This port belongs to another service; choose one from 1024 on for your client"
            }
            Self::Method => "Announces and scrapes are GET requests",
            Self::Host => "A request of HTTP/1.1 has exactly one valid Host",
            Self::WebPage => "Web pages announce over WebSockets, not over HTTP",
            Self::NoAddress => "Your address is not known here (proxies.trusted)",
            Self::NoHttpTracker => "There is no HTTP tracker at this address",
            Self::Draining => "This tracker restarts; try again in a minute",
            Self::Token => {
                "This tracker needs a token: announce to /TOKEN/announce or /announce?token=TOKEN"
            }
            Self::NotAllowed => "This info_hash is not allowed on this tracker",
            Self::FullScrape => {
                "This tracker does not list all swarms; name the info_hash to scrape"
            }
            Self::FullScrapeBusy => "Another full scrape is running; try again in a minute",
            Self::TooFast(_) => {
                "Too many announces and scrapes from this address (limits.address_http_requests_per_second)"
            }
            Self::AddressPeersMax => {
                "This address has too many peers here (limits.address_http_peers_max)"
            }
            Self::AddressSwarmPeersMax => {
                "This address has too many peers in this swarm (limits.address_http_peers_per_swarm_max)"
            }
            Self::PeersMax => {
                "This tracker takes no new peers over HTTP at the moment (limits.http_peers_max)"
            }
            Self::SwarmsMax => "This tracker takes no new swarms at the moment (limits.swarms_max)",
            Self::AddressSwarmsMax => {
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
            Self::Draining | Self::FullScrapeBusy => Retry::Minutes(1),
            Self::NoAddress
            | Self::AddressPeersMax
            | Self::AddressSwarmPeersMax
            | Self::PeersMax
            | Self::SwarmsMax
            | Self::AddressSwarmsMax => Retry::Minutes(LIMIT_RETRY_MINUTES),
            Self::PortBlocked(_)
            | Self::WebPage
            | Self::NoHttpTracker
            | Self::Token
            | Self::NotAllowed
            | Self::FullScrape => Retry::Minutes(SETTING_RETRY_MINUTES),
            Self::InfoHash
            | Self::MultipleInfoHashes
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
    fn only_invalid_requests_are_never_retried() {
        for failure in [
            HttpFailure::Token,
            HttpFailure::NotAllowed,
            HttpFailure::NoHttpTracker,
        ] {
            assert_eq!(failure.retry(), Retry::Minutes(SETTING_RETRY_MINUTES));
        }
        assert_eq!(HttpFailure::PeerId.retry(), Retry::Never);
        assert_eq!(Retry::Never.interval(), None);
    }

    #[test]
    fn a_leaving_client_may_always_retry() {
        assert_eq!(HttpFailure::PeerId.retry().for_stopped(), Retry::Minutes(1));
        assert_eq!(
            HttpFailure::Token.retry().for_stopped(),
            HttpFailure::Token.retry()
        );
    }
}
