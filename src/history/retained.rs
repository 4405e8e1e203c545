//! Lists the series that are stored in the history: those with the mark `retained` in their declaration. After a new one
//! is marked, existing files get its columns when they are opened.

use std::sync::LazyLock;

use crate::metrics::{Series, Statistics};

/// A series that is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct RetainedSeries {
    pub(super) series: &'static Series,
    /// Its index in [`Statistics::values`].
    pub(super) index: usize,
}

static RETAINED: LazyLock<Vec<RetainedSeries>> = LazyLock::new(|| {
    let all = Statistics::series().enumerate();
    let retained = all.filter(|(_, series)| series.is_retained);
    retained
        .map(|(place, series)| RetainedSeries {
            series,
            index: place,
        })
        .collect()
});

/// Returns all stored series, in the order of the columns.
pub(super) fn all() -> &'static [RetainedSeries] {
    &RETAINED
}

/// Returns the series with this name, if it is stored.
#[must_use]
pub fn retained_series(name: &str) -> Option<&'static Series> {
    let found = all().iter().find(|retained| retained.series.name == name);
    found.map(|retained| retained.series)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::schema::columns_of;
    use super::*;

    /// All stored series, in the order of the columns.
    const STORED: &str = "
        connections connections_ipv4 connections_ipv6 swarms seeders leechers http_peers offers_answered
        useful_offers_answered offers_per_introduction joins_answered_fast introductions_failed members_alone
        answer_time_p50 answer_time_p99 handle_time_p50 handle_time_p99 outbox_fill bans_in_force memory_resident
        cpu_cores open_sockets loop_lag announce_interval turn_allocations connections_opened connections_closed
        connections_dead connections_stuck upgrades_refused refused_handshake refused_upgrade_missing refused_draining
        refused_no_tracker refused_open_files handshakes_failed refused_address_http_time_per_second
        refused_address_response_bytes_max refused_response_bytes_max refused_connection_response_bytes_max
        refused_connections_max refused_memory refused_address_connections_max refused_address_connections_per_second
        refused_address_accepts_per_second refused_origin_connections_max refused_origin_address_percent refused_origin
        refused_token refused_bans refused_followers_max refused_address_followers_max announces announces_completed
        offers_received offers_relayed passed_over_crossing offers_to_acquainted offers_to_silent
        offers_dropped_output_full answers_received answers_relayed answers_repeated first_answers first_answers_fast scrapes
        failures_malformed failures_info_hash_not_allowed failures_token failures_memberships failures_full_scrape
        failures_full_scrape_busy failures_subscriptions_max failures_swarms_max failures_address_swarms_percent
        failures_origin_announces_per_second failures_messages_per_second failures_offers_per_second
        failures_bytes_per_second memberships_expired bytes_received bytes_sent refused_address_history_queries
        refused_wrong_tokens_per_minute refused_all_wrong_tokens_per_minute stun_bindings stun_refused_address
        stun_refused_total turn_allocated bytes_relayed refused_turn_expired refused_turn_credentials
        refused_turn_user_allocations_max refused_turn_address_allocations_max refused_turn_allocations_max
        refused_turn_connections_max
        refused_turn_request turn_dropped_user_rate turn_dropped_address_rate turn_dropped_total_rate turn_dropped_day_budget turn_dropped_output ice_credentials
        refused_address_ice_per_second http_announces http_scrapes failures_http_malformed failures_http_page
        failures_http_port failures_http_host failures_http_no_address failures_http_not_here failures_http_draining
        failures_address_http_requests_per_second failures_address_http_peers_max
        failures_address_http_peers_per_swarm_max failures_http_peers_max";

    #[test]
    fn exactly_the_listed_series_are_stored_in_their_own_columns() {
        let names: Vec<_> = all().iter().map(|retained| retained.series.name).collect();
        assert_eq!(names, STORED.split_whitespace().collect::<Vec<_>>());
        let columns = names
            .iter()
            .flat_map(|name| columns_of(name))
            .chain(["at".into(), "samples".into()]);
        assert_eq!(columns.collect::<HashSet<_>>().len(), all().len() * 3 + 2);
        assert!(retained_series("uptime").is_none());
    }

    #[test]
    fn all_refusals_and_failures_are_stored_except_parts_of_others() {
        let counted_by_failures_malformed = [
            "failures_not_json",
            "failures_not_an_object",
            "failures_nested_too_deeply",
            "failures_unknown_action",
            "failures_info_hash",
            "failures_peer_id",
            "failures_scrape_hashes",
        ];
        for series in Statistics::series() {
            let name = series.name;
            if name.starts_with("refused_") || name.starts_with("failures_") {
                let is_part = counted_by_failures_malformed.contains(&name);
                assert_eq!(series.is_retained, !is_part, "{name}");
            }
        }
    }
}
