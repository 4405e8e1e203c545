//! Caches the rendered metrics, so that a request costs almost nothing: the text is rendered once per second of
//! statistics.

use std::fmt;
use std::time::SystemTime;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::config::Config;
use crate::metrics::{Detail, Exposition};
use crate::node::Telemetry;

/// The rendered metrics of the latest second: the totals, and all series.
#[derive(Debug)]
pub(super) struct MetricsCache {
    totals: Mutex<Option<RenderedMetrics>>,
    all: Mutex<Option<RenderedMetrics>>,
    /// Whether `metrics.listen` is set: then only those listeners serve metrics.
    has_own_listener: bool,
}

#[derive(Debug, Clone)]
pub(super) struct RenderedMetrics {
    at: SystemTime,
    pub(super) plain: Bytes,
    pub(super) open_metrics: Bytes,
}

impl MetricsCache {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            totals: Mutex::default(),
            all: Mutex::default(),
            has_own_listener: !config.metrics.listen.is_empty(),
        }
    }

    /// Returns whether only the listeners of `metrics.listen` serve metrics.
    pub(super) const fn has_own_listener(&self) -> bool {
        self.has_own_listener
    }

    /// Returns the metrics of the latest second.
    pub(super) fn rendered(
        &self,
        telemetry: &Telemetry,
        detail: Detail,
    ) -> Result<RenderedMetrics, fmt::Error> {
        let statistics = telemetry.stats_channel().latest();
        let latest = match detail {
            Detail::Totals => &self.totals,
            Detail::All => &self.all,
        };
        let latest = &mut *latest.lock();
        if let Some(written) = latest
            .as_ref()
            .filter(|written| written.at == statistics.at)
        {
            return Ok(written.clone());
        }
        let Exposition {
            plain,
            open_metrics,
        } = match detail {
            Detail::Totals => Exposition::public(&statistics)?,
            Detail::All => Exposition::new(&statistics, telemetry.listener_readings())?,
        };
        let written = RenderedMetrics {
            at: statistics.at,
            plain: plain.into(),
            open_metrics: open_metrics.into(),
        };
        Ok(latest.insert(written).clone())
    }
}
