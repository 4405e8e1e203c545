//! Declares what a series is: its name, kind, unit and help text. `/metrics`, history, dashboard and alerts use the
//! same name.

use super::families::{FamilyLabel, LIMIT_HITS};

/// The prefix of all names in `/metrics`.
pub(super) const PREFIX: &str = "swarmhub";

/// One metric of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Series {
    /// The name, for example `announces`; in `/metrics` with prefix, unit and, for counters, `_total`.
    pub name: &'static str,
    /// Whether it is a counter or a gauge.
    pub kind: SeriesKind,
    /// The unit of its values.
    pub unit: SeriesUnit,
    /// The help text: one sentence.
    pub doc: &'static str,
    /// The families and label values under which it is in `/metrics`; empty for a series with its own metric.
    pub family_labels: &'static [FamilyLabel],
    /// Whether unauthenticated clients may read it. Totals of the tracker's work are public. Series that show how close
    /// the server is to its limits, or which clients it refuses and why, are not: an attacker could see what works.
    pub is_public: bool,
    /// Whether the history stores it. Each stored series takes three columns in every table, so series that only make
    /// sense together with others, or rarely change, are not stored; `/metrics` has all of them.
    pub is_retained: bool,
}

impl Series {
    /// Declares a series that is neither public nor retained.
    pub(super) const fn new(
        (name, doc): (&'static str, &'static str),
        (kind, unit): (SeriesKind, SeriesUnit),
        family_labels: &'static [FamilyLabel],
    ) -> Self {
        Self {
            name,
            kind,
            unit,
            doc,
            family_labels,
            is_public: false,
            is_retained: false,
        }
    }

    /// The mark `public` of a declaration.
    pub(super) const fn public(mut self) -> Self {
        self.is_public = true;
        self
    }

    /// The mark `retained` of a declaration.
    pub(super) const fn retained(mut self) -> Self {
        self.is_retained = true;
        self
    }

    /// Returns the name in `/metrics`: with prefix, the unit last, and without the `_total` of counters.
    #[must_use]
    pub fn metric_name(&self) -> String {
        let unit = self.unit.label();
        match (unit, self.name.strip_prefix(unit)) {
            ("", _) => format!("{PREFIX}_{}", self.name),
            (_, Some(rest)) => format!("{PREFIX}{rest}_{unit}"),
            (_, None) => format!("{PREFIX}_{}_{unit}", self.name),
        }
    }

    /// Returns the settings whose limit hits it counts.
    pub fn limits(&self) -> impl Iterator<Item = &'static str> + use<> {
        let hits = |place: &&FamilyLabel| place.family == LIMIT_HITS;
        self.family_labels
            .iter()
            .filter(hits)
            .map(|place| place.value)
    }
}

/// The part of the statistics that a client may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Detail {
    /// The public series only.
    Totals,
    /// All series.
    All,
}

impl Detail {
    /// Returns whether a series is part of it.
    #[must_use]
    pub const fn shows(self, series: &Series) -> bool {
        matches!(self, Self::All) || series.is_public
    }
}

/// Whether a series is a counter or a gauge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeriesKind {
    /// A value that only grows, from zero at the start of the process; its rate per second matters.
    Counter,
    /// A value that goes up and down.
    Gauge,
}

/// The unit of the values of a series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeriesUnit {
    /// A number of things.
    Count,
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// A fraction, from 0 to 1.
    Ratio,
}

impl SeriesUnit {
    /// Returns its name in metric names and in the API; empty for a count.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Count => "",
            Self::Bytes => "bytes",
            Self::Seconds => "seconds",
            Self::Ratio => "ratio",
        }
    }
}
