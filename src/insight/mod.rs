//! What the server knows about itself, in numbers.
//!
//! Uses nothing of the rest; everybody counts into it, and it is read from outside. Rules over the numbers: [`alerts`].

pub mod alerts;
mod counters;
mod gauges;
pub mod history;
mod levels;
mod series;
mod statistics;

pub use counters::{Counter, Counters, Snapshot};
pub use gauges::Gauges;
pub use levels::Levels;
pub use series::{Kind, Series, Unit};
pub use statistics::{Board, Statistics};
