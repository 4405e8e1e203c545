//! Names the counter of each failure over HTTP. Text and label of a failure are in `protocol`, which does not use
//! counters.

use crate::metrics::{Counter, Counters};
use crate::protocol::http::HttpFailure;

/// Returns the counter of a failure.
pub(super) fn counter_of(failure: HttpFailure, counters: &Counters) -> &Counter {
    match failure {
        HttpFailure::InfoHash
        | HttpFailure::MultipleInfoHashes
        | HttpFailure::PeerId
        | HttpFailure::Port
        | HttpFailure::Method => &counters.failures_http_malformed,
        HttpFailure::PortBlocked(_) => &counters.failures_http_port,
        HttpFailure::Host => &counters.failures_http_host,
        HttpFailure::WebPage => &counters.failures_http_page,
        HttpFailure::NoAddress => &counters.failures_http_no_address,
        HttpFailure::NoHttpTracker => &counters.failures_http_not_here,
        HttpFailure::Draining => &counters.failures_http_draining,
        HttpFailure::Token => &counters.failures_token,
        HttpFailure::NotAllowed => &counters.failures_info_hash_not_allowed,
        HttpFailure::FullScrape => &counters.failures_full_scrape,
        HttpFailure::FullScrapeBusy => &counters.failures_full_scrape_busy,
        HttpFailure::TooFast(_) => &counters.failures_address_http_requests_per_second,
        HttpFailure::AddressPeersMax => &counters.failures_address_http_peers_max,
        HttpFailure::AddressSwarmPeersMax => &counters.failures_address_http_peers_per_swarm_max,
        HttpFailure::PeersMax => &counters.failures_http_peers_max,
        HttpFailure::SwarmsMax => &counters.failures_swarms_max,
        HttpFailure::AddressSwarmsMax => &counters.failures_address_swarms_percent,
    }
}
