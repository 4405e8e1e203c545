//! Renders the statistics for `/metrics`: as `OpenMetrics` text and in Prometheus's older text format.
//!
//! Names, units and help texts come from the series; `prometheus-client` writes them. Clients cannot choose a label
//! value.

use std::fmt::{self, Write};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit as MetricUnit};

use super::families::{FAMILIES, MetricFamily};
use super::histogram::HistogramSnapshot;
use super::series::{Detail, PREFIX, Series, SeriesKind, SeriesUnit};
use super::statistics::Statistics;

/// The number of connections of one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerConnections {
    /// The listen address, as configured.
    pub name: String,
    /// Its open WebSockets.
    pub connections: u64,
}

/// The same metrics in both formats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposition {
    /// Text format 0.0.4.
    pub plain: String,
    /// `OpenMetrics` 1.0.
    pub open_metrics: String,
}

impl Exposition {
    /// The content type of [`Self::plain`].
    pub const PLAIN_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
    /// The content type of [`Self::open_metrics`].
    pub const OPEN_METRICS_CONTENT_TYPE: &str =
        "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Renders all series. Unknown values are left out.
    ///
    /// # Errors
    ///
    /// No known case: it writes into memory.
    pub fn new(
        statistics: &Statistics,
        listeners: Vec<ListenerConnections>,
    ) -> Result<Self, fmt::Error> {
        Self::write(MetricsCollector {
            statistics: *statistics,
            listeners,
            detail: Detail::All,
        })
    }

    /// Renders only the public series, for unauthenticated clients.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn public(statistics: &Statistics) -> Result<Self, fmt::Error> {
        Self::write(MetricsCollector {
            statistics: *statistics,
            listeners: Vec::new(),
            detail: Detail::Totals,
        })
    }

    fn write(reading: MetricsCollector) -> Result<Self, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(reading));
        let mut open_metrics = String::new();
        encode(&mut open_metrics, &registry)?;
        let plain = to_plain_format(&open_metrics)?;
        Ok(Self {
            plain,
            open_metrics,
        })
    }
}

impl Series {
    /// Returns all its names in `/metrics`, as Prometheus stores them, with the label if it has one.
    #[must_use]
    pub fn metric_names(&self) -> Vec<String> {
        if let Some(standard) = StandardMetric::find(self.name) {
            return vec![format!(
                "{}{}",
                standard.metric,
                total_suffix(standard.kind)
            )];
        }
        if self.is_sum() {
            return Vec::new();
        }
        if self.family_labels.is_empty() {
            return vec![format!("{}{}", self.metric_name(), total_suffix(self.kind))];
        }
        let names = self.family_labels.iter().map(|place| {
            let MetricFamily { name, label, .. } = place.family;
            let total = total_suffix(place.family.kind);
            format!("{PREFIX}_{name}{total}{{{label}=\"{}\"}}", place.value)
        });
        names.collect()
    }

    /// Returns whether it is the sum of the family with its name. It is left out, because readers add the family up.
    fn is_sum(&self) -> bool {
        FAMILIES.iter().any(|family| family.name == self.name)
    }
}

fn total_suffix(kind: SeriesKind) -> &'static str {
    match kind {
        SeriesKind::Counter => "_total",
        SeriesKind::Gauge => "",
    }
}

/// A series with a standard metric name (`process_*`, as in Prometheus's client libraries).
struct StandardMetric {
    series: &'static str,
    metric: &'static str,
    kind: SeriesKind,
}

const STANDARD_METRICS: [StandardMetric; 5] = [
    StandardMetric {
        series: "cpu_time",
        metric: "process_cpu_seconds",
        kind: SeriesKind::Counter,
    },
    StandardMetric {
        series: "memory_resident",
        metric: "process_resident_memory_bytes",
        kind: SeriesKind::Gauge,
    },
    StandardMetric {
        series: "open_files",
        metric: "process_open_fds",
        kind: SeriesKind::Gauge,
    },
    StandardMetric {
        series: "open_files_max",
        metric: "process_max_fds",
        kind: SeriesKind::Gauge,
    },
    StandardMetric {
        series: "start_time",
        metric: "process_start_time_seconds",
        kind: SeriesKind::Gauge,
    },
];

impl StandardMetric {
    fn find(series: &str) -> Option<&'static Self> {
        STANDARD_METRICS
            .iter()
            .find(|standard| standard.series == series)
    }
}

/// The buckets of a histogram that are rendered: from 2^first to 2^last microseconds.
const HANDLE_TIME_BUCKETS: (usize, usize) = (0, 20);
/// The same for answers: times are at least a millisecond, and no answer is accepted after two minutes.
const ANSWER_TIME_BUCKETS: (usize, usize) = (10, 27);

/// One reading of all metrics, as a collector.
#[derive(Debug)]
struct MetricsCollector {
    statistics: Statistics,
    listeners: Vec<ListenerConnections>,
    detail: Detail,
}

impl Collector for MetricsCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        let help = "The running version; always 1.";
        let name = format!("{PREFIX}_build_info");
        encoder
            .encode_descriptor(&name, help, None, MetricType::Gauge)?
            .encode_family(&version)?
            .encode_gauge(&1_u32)?;
        for (series, value) in self.values() {
            if !value.is_nan() && (series.family_labels.is_empty() && !series.is_sum()) {
                encode_series(&mut encoder, series, value)?;
            }
        }
        for family in FAMILIES {
            self.encode_metric_family(&mut encoder, family)?;
        }
        // Timings show the load, and listeners show the configuration.
        if self.detail == Detail::Totals {
            return Ok(());
        }
        self.encode_timings(&mut encoder)?;
        self.encode_listeners(&mut encoder)
    }
}

/// Encodes a series with its own metric name.
fn encode_series(encoder: &mut DescriptorEncoder<'_>, series: &Series, value: f64) -> fmt::Result {
    let (name, unit, kind) = match StandardMetric::find(series.name) {
        Some(standard) => (standard.metric.to_owned(), None, standard.kind),
        None => (series.metric_name(), metric_unit(series.unit), series.kind),
    };
    // The library appends the unit to the name.
    let name = match &unit {
        Some(unit) => name.trim_end_matches(unit.as_str()).trim_end_matches('_'),
        None => &name,
    };
    let metric =
        encoder.encode_descriptor(name, series.doc.trim(), unit.as_ref(), metric_type(kind))?;
    encode_value(kind, value, metric)
}

fn metric_type(kind: SeriesKind) -> MetricType {
    match kind {
        SeriesKind::Counter => MetricType::Counter,
        SeriesKind::Gauge => MetricType::Gauge,
    }
}

fn encode_value(kind: SeriesKind, value: f64, metric: MetricEncoder<'_>) -> fmt::Result {
    match kind {
        SeriesKind::Counter => ConstCounter::new(value).encode(metric),
        SeriesKind::Gauge => ConstGauge::new(value).encode(metric),
    }
}

fn metric_unit(unit: SeriesUnit) -> Option<MetricUnit> {
    match unit {
        SeriesUnit::Count => None,
        SeriesUnit::Bytes => Some(MetricUnit::Bytes),
        SeriesUnit::Seconds => Some(MetricUnit::Seconds),
        SeriesUnit::Ratio => Some(MetricUnit::Other(unit.label().to_owned())),
    }
}

impl MetricsCollector {
    /// Returns the series to render, each with its value.
    fn values(&self) -> impl Iterator<Item = (&'static Series, f64)> {
        let all = Statistics::series().zip(self.statistics.values());
        all.filter(|(series, _)| self.detail.shows(series))
    }

    /// Encodes the series of one family; series with the same label value are added up.
    fn encode_metric_family(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        family: &MetricFamily,
    ) -> fmt::Result {
        let mut sums: Vec<(&str, f64)> = Vec::new();
        for (series, value) in self.values() {
            let own = series
                .family_labels
                .iter()
                .filter(|place| place.family == family);
            for place in own.filter(|_| !value.is_nan()) {
                match sums.iter_mut().find(|(known, _)| *known == place.value) {
                    Some((_, sum)) => *sum += value,
                    None => sums.push((place.value, value)),
                }
            }
        }
        if sums.is_empty() && self.detail == Detail::Totals {
            return Ok(());
        }
        let name = format!("{PREFIX}_{}", family.name);
        let mut metric =
            encoder.encode_descriptor(&name, family.doc.trim(), None, metric_type(family.kind))?;
        for (label, sum) in sums {
            let labels = [(family.label, label)];
            encode_value(family.kind, sum, metric.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn encode_timings(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let timings = &self.statistics.timings;
        let handle = "Time to serve one message; one in 64 is measured.";
        let answer = "Time from relaying an offer to its answer.";
        let mut histogram = |name: &str, help, snapshot: &HistogramSnapshot, (first, last)| {
            let (name, unit) = (format!("{PREFIX}_{name}"), Some(&MetricUnit::Seconds));
            encoder
                .encode_descriptor(&name, help, unit, MetricType::Histogram)?
                .encode_histogram::<NoLabelSet>(
                    snapshot.sum_seconds(),
                    snapshot.count(),
                    &snapshot.merged_buckets(first, last),
                    None,
                )
        };
        histogram(
            "handle_time",
            handle,
            &timings.handle_time,
            HANDLE_TIME_BUCKETS,
        )?;
        histogram(
            "answer_time",
            answer,
            &timings.answer_time,
            ANSWER_TIME_BUCKETS,
        )
    }

    fn encode_listeners(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let name = format!("{PREFIX}_connections_by_listener");
        let help = "Open WebSocket connections by listener.";
        let mut metric = encoder.encode_descriptor(&name, help, None, MetricType::Gauge)?;
        for listener in &self.listeners {
            let labels = [("listener", listener.name.as_str())];
            let connections = ConstGauge::new(listener.connections);
            connections.encode(metric.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

/// Converts to the older format: counters are declared with their `_total`, and there are no units and no end mark.
fn to_plain_format(open_metrics: &str) -> Result<String, fmt::Error> {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = "";
    for line in open_metrics.lines() {
        if let Some(declared) = line.strip_prefix("# HELP ") {
            help = declared;
        } else if let Some(declared) = line.strip_prefix("# TYPE ") {
            let (name, kind) = declared.split_once(' ').unwrap_or((declared, "untyped"));
            let (_, help) = help.split_once(' ').unwrap_or_default();
            let total = if kind == "counter" { "_total" } else { "" };
            writeln!(text, "# HELP {name}{total} {help}")?;
            writeln!(text, "# TYPE {name}{total} {kind}")?;
        } else if !line.starts_with('#') {
            writeln!(text, "{line}")?;
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposition(change: impl FnOnce(&mut Statistics)) -> Exposition {
        let mut statistics = Statistics::default();
        change(&mut statistics);
        let listeners = vec![ListenerConnections {
            name: "unix:/a \"b\"".into(),
            connections: 3,
        }];
        Exposition::new(&statistics, listeners).expect("memory")
    }

    #[test]
    fn names_have_prefix_unit_and_total() {
        let Exposition {
            plain,
            open_metrics,
        } = exposition(|statistics| {
            statistics.gauges.loop_lag = 0.25;
            statistics.gauges.cpu_time = 1.5;
            statistics.counters.scrapes = 7;
            statistics.counters.bytes_sent = 9;
        });
        for line in [
            "# TYPE swarmhub_loop_lag_seconds gauge\nswarmhub_loop_lag_seconds 0.25\n",
            "# TYPE swarmhub_scrapes_total counter\nswarmhub_scrapes_total 7",
            "# TYPE swarmhub_sent_bytes_total counter\nswarmhub_sent_bytes_total 9",
            "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 1.5\n",
            "# HELP swarmhub_scrapes_total Scrapes served.\n",
            "swarmhub_connections_by_listener{listener=\"unix:/a \\\"b\\\"\"} 3\n",
        ] {
            assert!(plain.contains(line), "{line}:\n{plain}");
        }
        assert!(open_metrics.contains("# TYPE swarmhub_scrapes counter\nswarmhub_scrapes_total 7"));
        assert!(open_metrics.contains("# UNIT swarmhub_sent_bytes bytes\n"));
        assert!(open_metrics.ends_with("# EOF\n") && !plain.contains("# EOF"));
    }

    #[test]
    fn unauthenticated_clients_get_only_the_public_series() {
        let statistics = Statistics {
            gauges: super::super::LoadGauges::all(1.0),
            ..Statistics::default()
        };
        let plain = Exposition::public(&statistics).expect("memory").plain;
        for series in Statistics::series() {
            for metric in series.metric_names() {
                let begins = format!("{metric} ");
                let is_rendered = plain.lines().any(|line| line.starts_with(&begins));
                assert_eq!(is_rendered, series.is_public, "{metric}");
            }
        }
        for private in ["process_", "handle_time", "by_listener", "limit_hits"] {
            assert!(!plain.contains(private), "{private}:\n{plain}");
        }
    }

    #[test]
    fn unknown_values_are_left_out() {
        let plain = exposition(|_| {}).plain;
        assert!(!plain.contains("NaN"), "{plain}");
        assert!(!plain.contains("certificate_left"));
    }

    #[test]
    fn series_of_a_family_share_one_name_and_add_up() {
        let plain = exposition(|statistics| {
            statistics.counters.connections_dead = 4;
            statistics.counters.paused_bytes_per_second = 2;
            statistics.counters.failures_bytes_per_second = 3;
            statistics.gauges.connections_ipv6 = 5.0;
        })
        .plain;
        for line in [
            "swarmhub_connections_closed_total{reason=\"dead\"} 4",
            "swarmhub_limit_hits_total{limit=\"limits.bytes_per_second\"} 5",
            "swarmhub_failures_total{kind=\"bytes_per_second\"} 3",
            "swarmhub_connections_by_family{family=\"ipv6\"} 5",
        ] {
            assert!(plain.contains(line), "{line}:\n{plain}");
        }
        // The sum beside its parts would count everything twice.
        assert!(!plain.contains("\nswarmhub_connections_closed_total "));
        assert_eq!(plain.matches("# TYPE swarmhub_limit_hits_total").count(), 1);
    }

    #[test]
    fn every_series_is_rendered_under_its_metric_names() {
        let plain =
            exposition(|statistics| statistics.gauges = super::super::LoadGauges::all(1.0)).plain;
        for series in Statistics::series() {
            for metric in series.metric_names() {
                let found = plain.lines().any(|line| {
                    line.rsplit_once(' ')
                        .is_some_and(|(name, _)| name == metric)
                });
                assert!(found, "{metric}");
            }
            let is_rendered = !series.metric_names().is_empty() || series.is_sum();
            assert!(is_rendered, "{}", series.name);
        }
    }
}
