//! Times as the admin API writes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Returns seconds with three decimals.
pub(super) fn rounded_seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

/// Returns seconds since 1970, with three decimals.
pub(super) fn unix_seconds(time: SystemTime) -> f64 {
    rounded_seconds(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}
