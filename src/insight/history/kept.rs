//! Which series become history. Each takes a column of its own in every table, so those that only say something
//! together with others, or hardly ever change, are left out; `/metrics` has them all.

use std::sync::LazyLock;

use crate::insight::{Series, Statistics};

/// Their names. To keep another one, add it here: files that are there already get the column when they are opened.
const NAMES: &[&str] = &[
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

/// With what the names of others begin that are kept: what was refused in the night, and why.
const PREFIXES: &[&str] = &["refused_", "failures_"];

/// But not these, which `failures_malformed` counts together.
const SUMMED: &[&str] = &[
    "failures_not_json",
    "failures_not_an_object",
    "failures_nested_too_deeply",
    "failures_unknown_action",
    "failures_info_hash",
    "failures_peer_id",
    "failures_scrape_hashes",
];

/// A series that is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept {
    pub(super) series: &'static Series,
    /// Its place among [`Statistics::values`].
    pub(super) place: usize,
}

static KEPT: LazyLock<Vec<Kept>> = LazyLock::new(|| {
    let all = Statistics::series().enumerate();
    let kept = all.filter(|(_, series)| is_wanted(series.name));
    kept.map(|(place, series)| Kept { series, place }).collect()
});

fn is_wanted(name: &str) -> bool {
    let begins = || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    NAMES.contains(&name) || begins() && !SUMMED.contains(&name)
}

/// What is kept, in the order of the columns.
pub(super) fn all() -> &'static [Kept] {
    &KEPT
}

/// The series with this name, if it is kept.
#[must_use]
pub fn kept(name: &str) -> Option<&'static Series> {
    let found = all().iter().find(|kept| kept.series.name == name);
    found.map(|kept| kept.series)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::schema::columns_of;
    use super::*;

    #[test]
    fn what_is_kept_exists_and_has_columns_of_its_own() {
        for name in NAMES {
            assert!(kept(name).is_some(), "there is no series {name}");
        }
        for prefix in PREFIXES {
            let begins = |kept: &Kept| kept.series.name.starts_with(prefix);
            assert!(all().iter().any(begins), "nothing begins with {prefix}");
        }
        for name in SUMMED {
            let exists = Statistics::series().any(|series| series.name == *name);
            assert!(exists && kept(name).is_none(), "{name}");
        }
        let columns = all()
            .iter()
            .flat_map(|kept| columns_of(kept.series.name))
            .chain(["at".into(), "samples".into()]);
        assert_eq!(columns.collect::<HashSet<_>>().len(), all().len() * 3 + 2);
        assert!(kept("uptime").is_none());
    }
}
