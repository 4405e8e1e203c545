//! Metrics of the server: counters, gauges, timings, alerts, the client census and the history.
//!
//! Uses no other module. Other modules count into it and read it. Rules over the metrics are in [`alerts`].

pub mod alerts;
pub mod census;
mod counters;
mod families;
mod gauges;
pub mod history;
mod levels;
mod prometheus;
mod recent;
mod refusals;
mod series;
mod spread;
mod statistics;

pub use counters::{Counter, Counters, Snapshot};
pub use families::{Family, Place};
pub use gauges::Gauges;
pub use levels::{Level, Levels};
pub use prometheus::{Exposition, ListenerReading};
pub use recent::Recent;
pub use refusals::{NAMES_MAX, OTHER, RefusalKind, Refusals, Refused};
pub use series::{Detail, Kind, Series, Unit};
pub use spread::{Histogram, Spread, Timings};
pub use statistics::{Board, Statistics};
