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

use super::families::{FAMILIES, Family};
use super::series::{Detail, Kind, PREFIX, Series, Unit};
use super::spread::Spread;
use super::statistics::Statistics;

/// The number of connections of one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerReading {
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
    pub const PLAIN_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
    /// The content type of [`Self::open_metrics`].
    pub const OPEN_METRICS_TYPE: &str =
        "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// Renders all series. Unknown values are left out.
    ///
    /// # Errors
    ///
    /// No known case: it writes into memory.
    pub fn new(
        statistics: &Statistics,
        listeners: Vec<ListenerReading>,
    ) -> Result<Self, fmt::Error> {
        Self::write(Reading {
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
    pub fn totals(statistics: &Statistics) -> Result<Self, fmt::Error> {
        Self::write(Reading {
            statistics: *statistics,
            listeners: Vec::new(),
            detail: Detail::Totals,
        })
    }

    fn write(reading: Reading) -> Result<Self, fmt::Error> {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(reading));
        let mut open_metrics = String::new();
        encode(&mut open_metrics, &registry)?;
        let plain = plain(&open_metrics)?;
        Ok(Self {
            plain,
            open_metrics,
        })
    }
}

impl Series {
    /// Returns all its names in `/metrics`, as Prometheus stores them, with the label if it has one.
    #[must_use]
    pub fn metrics(&self) -> Vec<String> {
        if let Some(standard) = Standard::of(self.name) {
            return vec![format!("{}{}", standard.metric, total(standard.kind))];
        }
        if self.is_sum() {
            return Vec::new();
        }
        if self.places.is_empty() {
            return vec![format!("{}{}", self.metric(), total(self.kind))];
        }
        let names = self.places.iter().map(|place| {
            let Family { name, label, .. } = place.family;
            let total = total(place.family.kind);
            format!("{PREFIX}_{name}{total}{{{label}=\"{}\"}}", place.value)
        });
        names.collect()
    }

    /// Returns whether it is the sum of the family with its name. It is left out, because readers add the family up.
    fn is_sum(&self) -> bool {
        FAMILIES.iter().any(|family| family.name == self.name)
    }
}

fn total(kind: Kind) -> &'static str {
    match kind {
        Kind::Counter => "_total",
        Kind::Gauge => "",
    }
}

/// A series with a standard metric name (`process_*`, as in Prometheus's client libraries).
struct Standard {
    series: &'static str,
    metric: &'static str,
    kind: Kind,
}

const STANDARD: [Standard; 5] = [
    Standard {
        series: "cpu_time",
        metric: "process_cpu_seconds",
        kind: Kind::Counter,
    },
    Standard {
        series: "memory_resident",
        metric: "process_resident_memory_bytes",
        kind: Kind::Gauge,
    },
    Standard {
        series: "open_files",
        metric: "process_open_fds",
        kind: Kind::Gauge,
    },
    Standard {
        series: "open_files_max",
        metric: "process_max_fds",
        kind: Kind::Gauge,
    },
    Standard {
        series: "start_time",
        metric: "process_start_time_seconds",
        kind: Kind::Gauge,
    },
];

impl Standard {
    fn of(series: &str) -> Option<&'static Self> {
        STANDARD.iter().find(|standard| standard.series == series)
    }
}

/// The buckets of a histogram that are rendered: from 2^first to 2^last microseconds.
const HANDLE_BUCKETS: (usize, usize) = (0, 20);
/// The same for answers: times are at least a millisecond, and no answer is accepted after two minutes.
const ANSWER_BUCKETS: (usize, usize) = (10, 27);

/// One reading of all metrics, as a collector.
#[derive(Debug)]
struct Reading {
    statistics: Statistics,
    listeners: Vec<ListenerReading>,
    detail: Detail,
}

impl Collector for Reading {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        let help = "The running version; always 1.";
        let name = format!("{PREFIX}_build_info");
        encoder
            .encode_descriptor(&name, help, None, MetricType::Gauge)?
            .encode_family(&version)?
            .encode_gauge(&1_u32)?;
        for (series, value) in self.values() {
            if !value.is_nan() && (series.places.is_empty() && !series.is_sum()) {
                single(&mut encoder, series, value)?;
            }
        }
        for family in FAMILIES {
            self.family(&mut encoder, family)?;
        }
        // Timings show the load, and listeners show the configuration.
        if self.detail == Detail::Totals {
            return Ok(());
        }
        self.timings(&mut encoder)?;
        self.by_listener(&mut encoder)
    }
}

/// Encodes a series with its own metric name.
fn single(encoder: &mut DescriptorEncoder<'_>, series: &Series, value: f64) -> fmt::Result {
    let (name, unit, kind) = match Standard::of(series.name) {
        Some(standard) => (standard.metric.to_owned(), None, standard.kind),
        None => (series.metric(), unit(series.unit), series.kind),
    };
    // The library appends the unit to the name.
    let name = match &unit {
        Some(unit) => name.trim_end_matches(unit.as_str()).trim_end_matches('_'),
        None => &name,
    };
    let metric = encoder.encode_descriptor(name, series.doc.trim(), unit.as_ref(), of(kind))?;
    number(kind, value, metric)
}

fn of(kind: Kind) -> MetricType {
    match kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
    }
}

fn number(kind: Kind, value: f64, metric: MetricEncoder<'_>) -> fmt::Result {
    match kind {
        Kind::Counter => ConstCounter::new(value).encode(metric),
        Kind::Gauge => ConstGauge::new(value).encode(metric),
    }
}

fn unit(unit: Unit) -> Option<MetricUnit> {
    match unit {
        Unit::Count => None,
        Unit::Bytes => Some(MetricUnit::Bytes),
        Unit::Seconds => Some(MetricUnit::Seconds),
        Unit::Ratio => Some(MetricUnit::Other(unit.label().to_owned())),
    }
}

impl Reading {
    /// Returns the series to render, each with its value.
    fn values(&self) -> impl Iterator<Item = (&'static Series, f64)> {
        let all = Statistics::series().zip(self.statistics.values());
        all.filter(|(series, _)| self.detail.shows(series))
    }

    /// Encodes the series of one family; series with the same label value are added up.
    fn family(&self, encoder: &mut DescriptorEncoder<'_>, family: &Family) -> fmt::Result {
        let mut sums: Vec<(&str, f64)> = Vec::new();
        for (series, value) in self.values() {
            let own = series.places.iter().filter(|place| place.family == family);
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
            encoder.encode_descriptor(&name, family.doc.trim(), None, of(family.kind))?;
        for (label, sum) in sums {
            let labels = [(family.label, label)];
            number(family.kind, sum, metric.encode_family(&labels)?)?;
        }
        Ok(())
    }

    fn timings(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let timings = &self.statistics.timings;
        let handle = "Time to serve one message; one in 64 is measured.";
        let answer = "Time from relaying an offer to its answer.";
        let mut histogram = |name: &str, help, snapshot: &Spread, (first, last)| {
            let (name, unit) = (format!("{PREFIX}_{name}"), Some(&MetricUnit::Seconds));
            encoder
                .encode_descriptor(&name, help, unit, MetricType::Histogram)?
                .encode_histogram::<NoLabelSet>(
                    snapshot.sum(),
                    snapshot.count(),
                    &snapshot.buckets(first, last),
                    None,
                )
        };
        histogram("handle_time", handle, &timings.handle_time, HANDLE_BUCKETS)?;
        histogram("answer_time", answer, &timings.answer_time, ANSWER_BUCKETS)
    }

    fn by_listener(&self, encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
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
fn plain(open_metrics: &str) -> Result<String, fmt::Error> {
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
        let listeners = vec![ListenerReading {
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
    fn strangers_are_told_the_public_series_and_no_others() {
        let statistics = Statistics {
            gauges: super::super::Gauges::all(1.0),
            ..Statistics::default()
        };
        let plain = Exposition::totals(&statistics).expect("memory").plain;
        for series in Statistics::series() {
            for metric in series.metrics() {
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
    fn what_is_not_known_is_left_out() {
        let plain = exposition(|_| {}).plain;
        assert!(!plain.contains("NaN"), "{plain}");
        assert!(!plain.contains("certificate_left"));
    }

    #[test]
    fn series_of_a_family_stand_under_one_name_and_add_up() {
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
    fn every_series_is_in_it_under_the_names_that_it_says() {
        let plain =
            exposition(|statistics| statistics.gauges = super::super::Gauges::all(1.0)).plain;
        for series in Statistics::series() {
            for metric in series.metrics() {
                let found = plain.lines().any(|line| {
                    line.rsplit_once(' ')
                        .is_some_and(|(name, _)| name == metric)
                });
                assert!(found, "{metric}");
            }
            let is_rendered = !series.metrics().is_empty() || series.is_sum();
            assert!(is_rendered, "{}", series.name);
        }
    }
}
