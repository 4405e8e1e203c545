//! Metrics of the server: counters, gauges, histograms, refusals and `/metrics`. Each is declared once, with a name, a unit
//! and a sentence.
//!
//! Uses no other module. Other modules count into it; the statistics of each second are read from it.

mod counters;
mod families;
mod gauges;
mod histogram;
mod last_minute;
mod prometheus;
mod refusals;
mod series;
mod statistics;
mod worker_gauges;

pub use counters::{Counter, Counters, Snapshot};
pub use families::{FamilyLabel, MetricFamily};
pub use gauges::LoadGauges;
pub use histogram::{Histogram, HistogramSnapshot, Timings};
pub use last_minute::LastMinute;
pub use prometheus::{Exposition, ListenerConnections};
pub use refusals::{
    NAMES_PER_KIND_MAX, OTHER_NAME, RefusalEntry, RefusalKind, Refusals, stored_name,
};
pub use series::{Detail, Series, SeriesKind, SeriesUnit};
pub use statistics::{Statistics, StatsChannel};
pub use worker_gauges::{Gauge, WorkerGauges};
