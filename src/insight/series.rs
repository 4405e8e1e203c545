//! What a number of the statistics is called and means: the same name in `/metrics`, history, dashboard and alerts.

use super::families::{LIMIT_HITS, Place};

/// With what all names in `/metrics` begin.
pub(super) const PREFIX: &str = "swarmhub";

/// One number that the server knows about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Series {
    /// Its name, `announces`; in `/metrics` with prefix, unit and, for counters, `_total`.
    pub name: &'static str,
    /// Whether it counts or measures.
    pub kind: Kind,
    /// What its values are.
    pub unit: Unit,
    /// One sentence for people.
    pub doc: &'static str,
    /// Where it stands in `/metrics` with others under one name; nowhere if it stands by itself.
    pub places: &'static [Place],
    /// Whether strangers may be told: totals of what the tracker does. What shows how near it is to its limits, whom it refuses and
    /// why would let an attacker see what works.
    pub is_public: bool,
}

impl Series {
    /// Its name in `/metrics`, without the `_total` of counters: with prefix, and the unit last.
    #[must_use]
    pub fn metric(&self) -> String {
        let unit = self.unit.label();
        match (unit, self.name.strip_prefix(unit)) {
            ("", _) => format!("{PREFIX}_{}", self.name),
            (_, Some(rest)) => format!("{PREFIX}{rest}_{unit}"),
            (_, None) => format!("{PREFIX}_{}_{unit}", self.name),
        }
    }

    /// The settings of which it counts how often they were met.
    pub fn limits(&self) -> impl Iterator<Item = &'static str> + use<> {
        let hits = |place: &&Place| place.family == LIMIT_HITS;
        self.places.iter().filter(hits).map(|place| place.value)
    }
}

/// How much of the statistics somebody may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Detail {
    /// The public series only.
    Totals,
    /// Everything.
    All,
}

impl Detail {
    /// Whether a series may be seen.
    #[must_use]
    pub const fn shows(self, series: &Series) -> bool {
        matches!(self, Self::All) || series.is_public
    }
}

/// The mark that a declaration may have; without it a series is not public.
macro_rules! is_public {
    () => {
        false
    };
    (public) => {
        true
    };
}

pub(super) use is_public;

/// Whether a number counts or measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, from zero at the start of the process: what matters is how much in a second.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// What the values of a series are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// So many things.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// A part of a whole, from 0 to 1.
    Ratio,
}

impl Unit {
    /// The word for it in names of metrics and in the API; empty for things.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Count => "",
            Self::Bytes => "bytes",
            Self::Seconds => "seconds",
            Self::Ratio => "ratio",
        }
    }

    /// Counters that do not count things say so with their first word.
    pub(super) const fn of_counter(name: &str) -> Self {
        match name.as_bytes() {
            [b'b', b'y', b't', b'e', b's', b'_', ..] => Self::Bytes,
            [b's', b'e', b'c', b'o', b'n', b'd', b's', b'_', ..] => Self::Seconds,
            _ => Self::Count,
        }
    }
}
