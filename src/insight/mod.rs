//! What the server counts about itself.
//!
//! Uses nothing of the rest; everybody counts into it, and it is read from outside.

mod counters;

pub use counters::{Counter, Counters, Snapshot};
