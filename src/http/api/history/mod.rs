//! Serves `/api/v1/history` (time series as JSON or CSV) and `/api/v1/history/swarms` (the largest swarms over time).

pub(super) mod format;
mod params;
pub(super) mod series;
pub(super) mod top_swarms;
