//! Selects the series that are stored in the history. Each takes three columns in every table, so series that only make
//! sense together with others, or rarely change, are left out; `/metrics` has all of them.

use std::sync::LazyLock;

use crate::metrics::{Series, Statistics};

/// Names of stored series. To store another one, add it here: existing files get the columns when they are opened.
const RETAINED_NAMES: &[&str] = &[
    "connections",
    "connections_ipv4",
    "connections_ipv6",
    "swarms",
    "seeders",
    "leechers",
    "http_peers",
    "offers_answered",
    "answer_time_p50",
    "answer_time_p99",
    "handle_time_p50",
    "handle_time_p99",
    "outbox_fill",
    "bans_in_force",
    "memory_resident",
    "cpu_cores",
    "open_sockets",
    "loop_lag",
    "announce_interval",
    "connections_opened",
    "connections_closed",
    "connections_dead",
    "connections_stuck",
    "handshakes_failed",
    "upgrades_refused",
    "announces",
    "announces_completed",
    "scrapes",
    "http_announces",
    "http_scrapes",
    "offers_received",
    "offers_relayed",
    "answers_received",
    "answers_relayed",
    "offers_dropped_output_full",
    "memberships_expired",
    "bytes_received",
    "bytes_sent",
];

/// Name prefixes of further stored series: what was refused, and why.
const RETAINED_PREFIXES: &[&str] = &["refused_", "failures_"];

/// Exceptions, which `failures_malformed` counts together.
const EXCLUDED_NAMES: &[&str] = &[
    "failures_not_json",
    "failures_not_an_object",
    "failures_nested_too_deeply",
    "failures_unknown_action",
    "failures_info_hash",
    "failures_peer_id",
    "failures_scrape_hashes",
];

/// A series that is stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct RetainedSeries {
    pub(super) series: &'static Series,
    /// Its index in [`Statistics::values`].
    pub(super) index: usize,
}

static RETAINED: LazyLock<Vec<RetainedSeries>> = LazyLock::new(|| {
    let all = Statistics::series().enumerate();
    let retained = all.filter(|(_, series)| is_retained(series.name));
    retained
        .map(|(place, series)| RetainedSeries {
            series,
            index: place,
        })
        .collect()
});

fn is_retained(name: &str) -> bool {
    let begins = || {
        RETAINED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
    };
    RETAINED_NAMES.contains(&name) || begins() && !EXCLUDED_NAMES.contains(&name)
}

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

    #[test]
    fn retained_series_exist_and_have_their_own_columns() {
        for name in RETAINED_NAMES {
            assert!(retained_series(name).is_some(), "there is no series {name}");
        }
        for prefix in RETAINED_PREFIXES {
            let begins = |retained: &RetainedSeries| retained.series.name.starts_with(prefix);
            assert!(all().iter().any(begins), "nothing begins with {prefix}");
        }
        for name in EXCLUDED_NAMES {
            let exists = Statistics::series().any(|series| series.name == *name);
            assert!(exists && retained_series(name).is_none(), "{name}");
        }
        let columns = all()
            .iter()
            .flat_map(|retained| columns_of(retained.series.name))
            .chain(["at".into(), "samples".into()]);
        assert_eq!(columns.collect::<HashSet<_>>().len(), all().len() * 3 + 2);
        assert!(retained_series("uptime").is_none());
    }
}
