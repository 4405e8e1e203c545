//! Names the counter of each failure of a message. Text and label of a failure are in `protocol`, which does not use counters.

use crate::metrics::{Counter, Counters};
use crate::protocol::Failure;

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
            Self::SubscriptionsMax => &counters.failures_subscriptions_max,
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
            Failure::SubscriptionsMax,
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
