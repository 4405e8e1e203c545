//! Plain arithmetic on times: compact times that wrap around, and token buckets.
//!
//! It reads no clock; each time is an argument. The rooms that store many times or bucket levels use it.

mod gcra;
mod wrapping_time;

pub(crate) use gcra::Gcra;
pub(crate) use wrapping_time::{TickAge, WrappingTime};
