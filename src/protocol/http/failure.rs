//! Why a request over HTTP is not served: what its client reads, and when it may come again (BEP 31).

use std::num::NonZeroU16;
use std::time::Duration;

/// What can only change when others leave is worth another try after an interval by default.
const LATER_MINUTES: u64 = 10;
/// What only the operator or the user can change, by a setting: soon enough that a swarm is back in the hour in which it is
/// done, seldom enough that clients which are refused for good cost little.
const MENDED_MINUTES: u64 = 30;

/// Why a request was refused. Sorted by whose fault it is: the client's words first, then its place, then our policy.
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
    /// No peer may be listed at this port: other services live there, which whoever is told of it would connect to.
    PortRefused(NonZeroU16),
    /// It is no GET request.
    Method,
    /// A request of HTTP/1.1 without exactly one valid `Host`.
    Host,
    /// It comes from a web page: its visitor knows nothing of it.
    Page,
    /// Its address is not known: it came through a socket file, and no trusted proxy has named it.
    NoAddress,
    /// There is no tracker for HTTP here: the listener has only pages, or `tracker.http` is off.
    NotHere,
    /// The server leaves: a peer that joined now would be unknown to the next one for a whole interval.
    Leaving,
    /// It shows none of the tokens of `access.tokens_file`.
    Token,
    /// The swarm may not be here: `access.info_hashes_allowed`, `access.info_hashes_denied`.
    NotAllowed,
    /// A scrape without hashes, which would list every swarm, and `tracker.full_scrape` is off.
    FullScrape,
    /// A scrape without hashes, while somebody else is told every swarm.
    FullScrapeBusy,
    /// Over `limits.address_http_requests_per_second`, for so much longer.
    TooFast(Duration),
    /// Its address has `limits.address_http_peers_max`.
    AddressPeers,
    /// Its address has `limits.address_http_peers_per_swarm_max` in this swarm.
    AddressSwarmPeers,
    /// The process has `limits.http_peers_max`.
    Peers,
    /// A new swarm, where there are `limits.swarms_max` already or memory is short.
    Swarms,
    /// A new swarm, where its address has `limits.address_swarms_percent` of what is free.
    AddressSwarms,
}

/// When a request that failed may be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Never: the request itself is wrong, and would fail again.
    Never,
    /// After so many minutes.
    Minutes(u64),
}

impl Retry {
    /// After a time, in whole minutes: at least one.
    #[must_use]
    pub const fn after(wait: Duration) -> Self {
        Self::Minutes(wait.as_secs() / 60 + 1)
    }

    /// The same for a client that leaves: nothing shall keep it away when it comes back.
    #[must_use]
    pub const fn of_leaving(self) -> Self {
        match self {
            Self::Never => Self::Minutes(1),
            minutes @ Self::Minutes(_) => minutes,
        }
    }

    /// Seconds until then, for clients that know no BEP 31 and go by `interval`; `None` if never.
    #[must_use]
    pub const fn interval(self) -> Option<u64> {
        match self {
            Self::Never => None,
            Self::Minutes(minutes) => Some(minutes.saturating_mul(60)),
        }
    }
}

impl Failure {
    /// The `failure reason`: short, English, never an echo of what the client wrote.
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

    /// When to come again. Never only after what the client has to write differently; what a setting of the operator or of the
    /// user changes is worth another try.
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
