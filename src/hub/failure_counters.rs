//! Names the counter of each failure. Text and label of a failure are in `protocol`, which does not use counters.

use crate::metrics::{Counter, Counters};
use crate::protocol::Failure;
use crate::protocol::http::HttpFailure;

/// A failure with a counter of its own.
pub(super) trait FailureCounter {
    /// Returns the counter of the failure.
    fn counter(self, counters: &Counters) -> &Counter;
}

impl FailureCounter for Failure {
    fn counter(self, counters: &Counters) -> &Counter {
        match self {
            Self::NotJson => &counters.failures_not_json,
            Self::NotAnObject => &counters.failures_not_an_object,
            Self::NestedTooDeeply => &counters.failures_nested_too_deeply,
            Self::UnknownAction => &counters.failures_unknown_action,
            Self::InfoHash(_) => &counters.failures_info_hash,
            Self::PeerId(_) => &counters.failures_peer_id,
            Self::ScrapeHashes => &counters.failures_scrape_hashes,
            Self::FullScrape => &counters.failures_full_scrape,
            Self::FullScrapeBusy => &counters.failures_full_scrape_busy,
            Self::NotAllowed => &counters.failures_info_hash_not_allowed,
            Self::MembershipsMax => &counters.failures_memberships,
            Self::SwarmsMax => &counters.failures_swarms_max,
            Self::AddressSwarmsMax => &counters.failures_address_swarms_percent,
            Self::OriginTooFast => &counters.failures_origin_announces_per_second,
            Self::MessagesTooFast => &counters.failures_messages_per_second,
            Self::OffersTooFast => &counters.failures_offers_per_second,
            Self::BytesTooFast => &counters.failures_bytes_per_second,
        }
    }
}

impl FailureCounter for HttpFailure {
    fn counter(self, counters: &Counters) -> &Counter {
        match self {
            Self::InfoHash
            | Self::MultipleInfoHashes
            | Self::PeerId
            | Self::Port
            | Self::Method => &counters.failures_http_malformed,
            Self::PortBlocked(_) => &counters.failures_http_port,
            Self::Host => &counters.failures_http_host,
            Self::WebPage => &counters.failures_http_page,
            Self::NoAddress => &counters.failures_http_no_address,
            Self::NoHttpTracker => &counters.failures_http_not_here,
            Self::Draining => &counters.failures_http_draining,
            Self::Token => &counters.failures_token,
            Self::NotAllowed => &counters.failures_info_hash_not_allowed,
            Self::FullScrape => &counters.failures_full_scrape,
            Self::FullScrapeBusy => &counters.failures_full_scrape_busy,
            Self::TooFast(_) => &counters.failures_address_http_requests_per_second,
            Self::AddressPeersMax => &counters.failures_address_http_peers_max,
            Self::AddressSwarmPeersMax => &counters.failures_address_http_peers_per_swarm_max,
            Self::PeersMax => &counters.failures_http_peers_max,
            Self::SwarmsMax => &counters.failures_swarms_max,
            Self::AddressSwarmsMax => &counters.failures_address_swarms_percent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Snapshot;
    use crate::protocol::InvalidId;

    #[test]
    fn the_counter_of_a_failure_has_its_label() {
        let failures = [
            Failure::NotJson,
            Failure::NotAnObject,
            Failure::NestedTooDeeply,
            Failure::UnknownAction,
            Failure::InfoHash(InvalidId::NotString),
            Failure::PeerId(InvalidId::NotString),
            Failure::ScrapeHashes,
            Failure::FullScrape,
            Failure::FullScrapeBusy,
            Failure::NotAllowed,
            Failure::MembershipsMax,
            Failure::SwarmsMax,
            Failure::AddressSwarmsMax,
            Failure::OriginTooFast,
            Failure::MessagesTooFast,
            Failure::OffersTooFast,
            Failure::BytesTooFast,
        ];
        for failure in failures {
            let counters = Counters::default();
            failure.counter(&counters).add(1);
            let counted = Snapshot::of([&counters]);
            let counted = counted.each().filter(|(_, count)| *count > 0);
            let names: Vec<_> = counted.map(|(name, _)| name).collect();
            assert_eq!(names, [format!("failures_{}", failure.label())]);
        }
    }
}
