//! Checks docs/*.md against the code: each named test, counter and setting exists, and generated tables are current.

use std::collections::BTreeSet;

use swarmhub::alerts::default_rules;
use swarmhub::config::{ReloadPolicy, Setting};
use swarmhub::metrics::{Series, SeriesKind, Statistics};

use crate::support::files::{paths_below, read, read_all, read_rust, repository_path};

fn is_counter(name: &str) -> bool {
    Statistics::series().any(|series| series.name == name && series.kind == SeriesKind::Counter)
}

#[test]
fn tests_and_counters_on_the_protocol_page_exist() {
    let rust = read_rust();
    let node = read_all("tests/clients", ".mjs");
    let page = read("docs/protocol.md");
    let rows = page.lines().filter(|line| line.starts_with('|'));
    let mut known = BTreeSet::new();
    for row in rows {
        // The last column names tests: Rust tests in snake case, tests in tests/clients with spaces.
        let tests = row.trim_end_matches('|').rsplit('|').next().unwrap();
        for name in tests.split('`').skip(1).step_by(2) {
            if name.contains(' ') {
                assert!(
                    node.contains(&format!("'{name}'")),
                    "no test is called '{name}'"
                );
            } else {
                assert!(
                    rust.contains(&format!("fn {name}(")),
                    "there is no test {name}"
                );
            }
            known.insert(name);
        }
    }
    assert!(known.len() > 80, "{}", known.len());
    let simulation = "tracker_and_model_agree_in_the_simulation";
    assert!(page.contains(simulation) && rust.contains(&format!("fn {simulation}()")));

    let bounds = page
        .split("## Bounds")
        .nth(1)
        .unwrap()
        .split("## ")
        .next()
        .unwrap();
    for row in bounds.lines().filter(|line| line.starts_with("| `")) {
        let counted = row.split('|').nth(4).unwrap();
        for name in counted.split('`').skip(1).step_by(2) {
            assert!(is_counter(name), "there is no counter {name}");
        }
    }
}

#[test]
fn the_upgrading_page_lists_reloadable_settings() {
    let mut rows: Vec<(&str, Vec<&str>, Vec<&str>)> = Vec::new();
    for setting in Setting::all() {
        let section = setting.section.map_or("", |section| section.name);
        if rows.last().is_none_or(|(name, ..)| *name != section) {
            rows.push((section, Vec::new(), Vec::new()));
        }
        let (_, live, restart) = rows.last_mut().unwrap();
        let column = match setting.reload_policy {
            ReloadPolicy::Live | ReloadPolicy::Reload => live,
            ReloadPolicy::Restart => restart,
        };
        column.push(setting.name);
    }
    let quoted = |names: &[&str]| {
        let names: Vec<_> = names
            .iter()
            .filter(|name| !name.is_empty())
            .map(|name| format!("`{name}` "))
            .collect();
        names.concat()
    };
    let lines = rows.iter().map(|(section, live, restart)| {
        let row = [&[*section][..], live, restart].map(quoted);
        format!("| {}| {}| {}|\n", row[0], row[1], row[2])
    });
    let table: String = lines.collect();
    assert!(
        read("docs/upgrading.md").contains(&table),
        "the table is now\n{table}"
    );
}

#[test]
fn the_metrics_page_lists_the_public_series() {
    let public = Statistics::series().filter(|series| series.is_public);
    let names: Vec<_> = public.map(|series| format!("`{}`", series.name)).collect();
    let list = names.join(" ");
    assert!(
        read("docs/metrics.md").contains(&format!("\n{list}\n")),
        "the list is now\n{list}"
    );
}

#[test]
fn the_metrics_page_lists_every_series() {
    let row = |series: &Series| {
        let metrics = series.metric_names().into_iter();
        let metrics: Vec<_> = metrics.map(|metric| format!("`{metric}`")).collect();
        let metrics = match &metrics[..] {
            [] => "sum of the family of its name".to_owned(),
            some => some.join(" "),
        };
        let doc = series.doc.trim();
        format!("| `{}` | {metrics} | {doc} |\n", series.name)
    };
    let page = read("docs/metrics.md");
    for (kind, title) in [
        (SeriesKind::Gauge, "## Gauges"),
        (SeriesKind::Counter, "## Counters"),
    ] {
        let of_kind = Statistics::series().filter(|series| series.kind == kind);
        let rows: String = of_kind.map(row).collect();
        let table =
            format!("{title}\n\n| series | in `/metrics` | meaning |\n|---|---|---|\n{rows}");
        assert!(page.contains(&table), "the table is now\n{table}");
    }
}

#[test]
fn every_limit_in_metrics_is_a_setting() {
    for series in Statistics::series() {
        for place in series
            .family_labels
            .iter()
            .filter(|place| place.family.label == "limit")
        {
            let setting = Setting::find(place.value);
            assert!(setting.is_some(), "{}: {}", series.name, place.value);
        }
    }
}

/// Counters of failures outside of the family: sums of other counters.
const SUM_COUNTERS: [&str; 1] = ["failures_malformed"];
/// Counters that name a limit but also count other reasons.
const MIXED_COUNTERS: [&str; 2] = ["handshakes_failed", "proxy_headers_failed"];
/// Settings without a counter of their own: they qualify other limits, whose hits are counted.
const UNCOUNTED_SETTINGS: [&str; 14] = [
    "limits.delay_max",
    "limits.patience",
    "limits.network_factor",
    "limits.arrival_delay_max",
    "limits.exempt",
    "limits.address_recovery_factor",
    "limits.private_factor",
    "bans.connection_score_half_life",
    "bans.strike_every",
    "bans.strike_half_life",
    "bans.duration_min",
    "bans.duration_max",
    "bans.private",
    "memory.budget_bytes",
];

/// Returns the setting names in the description of a series.
fn settings_in(doc: &str) -> impl Iterator<Item = &str> {
    let words = doc.split('`').skip(1).step_by(2);
    words.filter(|word| Setting::find(word).is_some())
}

#[test]
fn counters_of_failures_and_limits_are_in_their_family() {
    const LIMITS: [&str; 4] = ["_max", "_per_second", "_per_minute", "_timeout"];
    let is_limit = |name: &&str| LIMITS.iter().any(|end| name.ends_with(end));
    let counters: Vec<_> = Statistics::series()
        .filter(|series| series.kind == SeriesKind::Counter)
        .collect();
    let mut missing = Vec::new();
    for series in &counters {
        let is_in = |family: &str| {
            series
                .family_labels
                .iter()
                .any(|at| at.family.name == family)
        };
        if series.name.starts_with("failures_") && !SUM_COUNTERS.contains(&series.name) {
            missing.extend((!is_in("failures")).then(|| format!("{}: failures", series.name)));
        }
        if is_limit(&series.name) && series.limits().next().is_none() {
            missing.push(format!("{}: limit_hits", series.name));
        }
        for setting in settings_in(series.doc).filter(is_limit) {
            if !MIXED_COUNTERS.contains(&series.name)
                && !series.limits().any(|limit| limit == setting)
            {
                missing.push(format!("{}: {setting}", series.name));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_limit_has_a_hit_counter() {
    let counted: BTreeSet<_> = Statistics::series().flat_map(Series::limits).collect();
    let mut missing = BTreeSet::new();
    for setting in Setting::all() {
        let section = setting.section.map_or("", |section| section.name);
        let is_limit = ["limits", "bans", "memory"].contains(&section);
        // A burst belongs to its rate.
        let rate = setting.key.replace("_burst", "_per_second");
        if is_limit && !counted.contains(rate.as_str()) {
            missing.insert(setting.key);
        }
    }
    assert_eq!(missing, BTreeSet::from(UNCOUNTED_SETTINGS));
}

#[test]
fn the_alerts_page_lists_the_shipped_rules_and_every_limit() {
    let page = read("docs/alerts.md");
    let rows = default_rules().into_iter().map(|rule| {
        // A denominator of one only means that the value exists, such as a budget.
        let part = rule.of.as_ref().and_then(|of| match is_counter(of) {
            true => Some(format!(", of at least {} `{of}` a second", rule.of_min)),
            false if rule.of_min > 1.0 => Some(format!(", of at least {} `{of}`", rule.of_min)),
            false => None,
        });
        let severity = rule.severity.label();
        format!(
            "| `{}` | `{}`{} | {} s | {} | {} s | {severity} | {} |\n",
            rule.name,
            rule.expression(),
            part.unwrap_or_default(),
            rule.hold,
            rule.clear,
            rule.keep_firing,
            rule.doc
        )
    });
    let table: String = rows.collect();
    assert!(page.contains(&table), "the table is now\n{table}");
    let rust = read_all("src", ".rs");
    let rows = page.lines().filter(|line| line.starts_with("| `alerts."));
    let rows: Vec<Vec<_>> = rows
        .map(|row| row.split('|').map(str::trim).collect())
        .collect();
    let unquoted = |word: &str| word.trim_matches('`').to_owned();
    for row in &rows {
        let setting = unquoted(row[1]);
        assert!(Setting::find(&setting).is_some(), "there is no {setting}");
        if let [_, _, _, _, metric, test, _] = row[..] {
            assert!(is_counter(&unquoted(metric)), "{metric}");
            assert!(rust.contains(&format!("fn {}(", unquoted(test))), "{test}");
        }
    }
    assert_eq!(rows.len(), 6, "three receivers, three limits");
}

#[test]
fn every_limit_is_documented_with_metric_and_test() {
    let rust = read_rust();
    let page = read("docs/limits.md");
    let mut settings = BTreeSet::new();
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = row.trim_matches('|').split('|').collect();
        assert_eq!(cells.len(), 6, "{row}");
        let names = |cell: usize| cells[cell].split('`').skip(1).step_by(2);
        for name in names(0) {
            assert!(Setting::find(name).is_some(), "there is no setting {name}");
            settings.insert(name);
        }
        for name in names(4) {
            assert!(is_counter(name), "there is no counter {name}");
        }
        assert!(names(5).next().is_some(), "no test: {row}");
        for name in names(5) {
            let test = format!("fn {name}(");
            assert!(rust.contains(&test), "there is no test {name}");
        }
    }
    let sections = ["limits", "bans", "memory"];
    for setting in Setting::all() {
        let section = setting.section.map(|section| section.name);
        if section.is_some_and(|section| sections.contains(&section)) {
            assert!(
                settings.contains(setting.key),
                "{} is in no table",
                setting.key
            );
        }
    }
}

#[test]
fn main_rs_describes_every_module_of_the_integration_tests() {
    let main = read("tests/integration/main.rs");
    let modules = main
        .lines()
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
    for module in modules {
        assert!(main.contains(&format!("//! - `{module}`: ")), "{module}");
    }
}

#[test]
fn no_file_of_the_integration_tests_is_long() {
    for path in paths_below(&repository_path("tests/integration")) {
        if path.extension().is_some_and(|ending| ending == "rs") {
            let lines = std::fs::read_to_string(&path).unwrap().lines().count();
            assert!(lines <= 500, "{}: {lines}", path.display());
        }
    }
}
