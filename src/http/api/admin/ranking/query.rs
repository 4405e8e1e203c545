//! Filters and orders the swarms of a list.

use std::cmp::Ordering;

use utoipa::ToSchema;

use crate::protocol::{Counts, InfoHash};

/// The sort key of a swarm list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(rename_all = "snake_case")]
pub(in crate::http) enum SwarmSort {
    Members,
    Seeders,
    Leechers,
    InfoHash,
}

/// The filter and order of a swarm list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http::api::admin) struct SwarmListQuery {
    pub(in crate::http::api::admin) sort: SwarmSort,
    pub(in crate::http::api::admin) descending: bool,
    pub(in crate::http::api::admin) filter: InfoHashPrefix,
}

/// The first hexadecimal digits of an info-hash; the empty prefix matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::http::api::admin) struct InfoHashPrefix(pub(super) Box<[u8]>);

/// One swarm in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http::api::admin) struct SwarmRow {
    pub(in crate::http::api::admin) info_hash: InfoHash,
    pub(in crate::http::api::admin) seeders: u32,
    pub(in crate::http::api::admin) leechers: u32,
    /// Members that announce over HTTP.
    pub(in crate::http::api::admin) http: u32,
}

impl InfoHashPrefix {
    /// Parses a prefix; `None` if it is not hexadecimal or too long.
    pub(in crate::http::api::admin) fn new(digits: &str) -> Option<Self> {
        let values = digits.chars().map(|digit| digit.to_digit(16));
        let values = values.map(|value| u8::try_from(value?).ok());
        let values: Option<Box<[u8]>> = values.collect();
        values.filter(|values| values.len() <= 40).map(Self)
    }

    /// Returns whether an info-hash begins with the prefix.
    pub(super) fn matches(&self, info_hash: &InfoHash) -> bool {
        let bytes = info_hash.as_bytes().iter();
        let digits = bytes.flat_map(|byte| [byte >> 4, byte & 15]);
        self.0.iter().zip(digits).all(|(one, other)| *one == other)
    }
}

impl SwarmRow {
    pub(super) fn new(info_hash: InfoHash, counts: Counts, websocket: usize) -> Self {
        let members = counts.complete.saturating_add(counts.incomplete);
        let websocket = u32::try_from(websocket).unwrap_or(u32::MAX);
        Self {
            info_hash,
            seeders: counts.complete,
            leechers: counts.incomplete,
            http: members.saturating_sub(websocket),
        }
    }

    const fn members(&self) -> u64 {
        self.seeders as u64 + self.leechers as u64
    }
}

impl SwarmListQuery {
    /// Compares two swarms in the order of the list.
    pub(super) fn compare(&self, one: &SwarmRow, other: &SwarmRow) -> Ordering {
        let by_value = match self.sort {
            SwarmSort::Members => one.members().cmp(&other.members()),
            SwarmSort::Seeders => one.seeders.cmp(&other.seeders),
            SwarmSort::Leechers => one.leechers.cmp(&other.leechers),
            SwarmSort::InfoHash => one.info_hash.cmp(&other.info_hash),
        };
        let by_value = if self.descending {
            by_value.reverse()
        } else {
            by_value
        };
        // A total order, so that pages do not overlap.
        by_value.then_with(|| one.info_hash.cmp(&other.info_hash))
    }
}
