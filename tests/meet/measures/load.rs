//! How many offers clients receive.

use std::time::Duration;

use serde::Serialize;

use super::numbers::{gini, mean, number};
use super::{STAYED, minutes};
use crate::meet::client::Client;

/// The time over which a burst of offers is counted.
const BURST: Duration = Duration::from_secs(5);

/// How evenly offers are received.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Load {
    /// Offers that one client receives in a minute.
    pub(crate) per_minute: f64,
    pub(crate) max_over_mean: f64,
    pub(crate) gini: f64,
    /// Most offers that one client received in five seconds.
    pub(crate) burst: f64,
}

impl Load {
    pub(super) fn of(awake: &[&Client], now: Duration) -> Self {
        let stayed = awake.iter().filter(|client| client.stayed(now) >= STAYED);
        let stayed: Vec<_> = stayed.collect();
        let rate = |client: &&&Client| {
            number(client.record.offers_received_at.len()) / minutes(client, now)
        };
        let rates: Vec<f64> = stayed.iter().map(rate).collect();
        let per_minute = mean(&rates);
        let most = rates.iter().copied().fold(0.0, f64::max);
        let bursts = stayed
            .iter()
            .map(|client| burst(&client.record.offers_received_at));
        Self {
            per_minute,
            max_over_mean: most / per_minute,
            burst: number(bursts.max().unwrap_or_default()),
            gini: gini(rates),
        }
    }
}

/// Returns the most times within [`BURST`].
pub(crate) fn burst(times: &[Duration]) -> usize {
    let until = |first: &Duration| times.partition_point(|time| *time <= *first + BURST);
    let counts = times.iter().enumerate();
    let counts = counts.map(|(index, first)| until(first) - index);
    counts.max().unwrap_or_default()
}
