//! The Prometheus rules and the Grafana dashboard in deploy/: valid, and using exported metrics only.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::{Map, Value};

use crate::support::TestServer;
use crate::support::files::read;
use crate::support::metrics::{
    enable_all_metrics, introduce_clients, is_installed, samples, wait_for_sample,
};

const RULES: &str = "deploy/prometheus-rules.yml";
const CASES: &str = "tests/prometheus/alerts.yml";
const DASHBOARD: &str = "deploy/grafana.json";

/// The labels that Prometheus adds to each series.
const TARGET_LABELS: [&str; 2] = ["job", "instance"];

/// The values of each label of each metric.
type KnownLabels = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// One metric in an expression: its name and its matchers (label, whether a pattern, value).
#[derive(Debug, PartialEq)]
struct Selector {
    metric: String,
    matchers: Vec<(String, bool, String)>,
}

/// An expression and the labels that its annotations or legend use.
#[derive(Debug)]
struct Expression {
    text: String,
    labels_used: Vec<String>,
}

/// Returns the metrics in an expression or a sample. Values contain no comma and no brace.
fn selectors(text: &str) -> Vec<Selector> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_name) {
        let name = rest[start..].split(|character| !is_name(character)).next();
        let name = name.unwrap();
        rest = &rest[start + name.len()..];
        let (inner, after) = rest
            .strip_prefix('{')
            .and_then(|rest| rest.split_once('}'))
            .unwrap_or(("", rest));
        rest = after;
        if name == "up"
            || ["swarmhub_", "process_"]
                .iter()
                .any(|begin| name.starts_with(begin))
        {
            found.push(Selector {
                metric: name.to_owned(),
                matchers: inner
                    .split(',')
                    .filter(|one| !one.is_empty())
                    .map(matcher)
                    .collect(),
            });
        }
    }
    found
}

fn matcher(text: &str) -> (String, bool, String) {
    let (left, value) = text.split_once('"').expect("a value");
    let label = left.trim_end_matches(['=', '~', '!']).trim();
    let value = value.trim_end_matches('"');
    (label.to_owned(), left.contains('~'), value.to_owned())
}

/// Returns the labels of a `by` clause, if there is one.
fn grouping_labels(text: &str) -> Option<Vec<&str>> {
    let (_, after) = text.split_once("by (")?;
    let (labels, _) = after.split_once(')')?;
    Some(labels.split(',').map(str::trim).collect())
}

fn known_labels(text: &str) -> KnownLabels {
    let mut known = KnownLabels::new();
    let up = "up".to_owned();
    for name in samples(text).into_keys().chain([up]) {
        let selector = selectors(&name).pop().expect(&name);
        let labels = known.entry(selector.metric).or_default();
        for (label, _, value) in selector.matchers {
            labels.entry(label).or_default().insert(value);
        }
    }
    known
}

/// Returns the errors of an expression, given the metrics of a server.
fn expression_errors(expression: &Expression, known: &KnownLabels) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut labels: BTreeSet<&str> = TARGET_LABELS.into();
    for Selector { metric, matchers } in selectors(&expression.text) {
        let Some(known_labels) = known.get(&metric) else {
            wrong.push(format!("there is no metric {metric}"));
            continue;
        };
        labels.extend(known_labels.keys().map(String::as_str));
        for (label, is_pattern, value) in matchers {
            if TARGET_LABELS.contains(&label.as_str()) {
                continue;
            }
            let Some(values) = known_labels.get(&label) else {
                wrong.push(format!("{metric} has no label {label}"));
                continue;
            };
            let alternatives = value.split(|character| is_pattern && character == '|');
            let unknown = alternatives.filter(|one| !values.contains(*one));
            wrong.extend(unknown.map(|one| format!("{metric} has no {label} {one}")));
        }
    }
    let kept = grouping_labels(&expression.text);
    for label in kept.iter().flatten() {
        if !labels.contains(label) {
            wrong.push(format!("no metric has a label {label}"));
        }
    }
    for label in &expression.labels_used {
        let is_selected = kept.as_ref().map_or_else(
            || labels.contains(label.as_str()),
            |kept| kept.contains(&label.as_str()),
        );
        if !is_selected {
            wrong.push(format!("label {label} is used but not selected"));
        }
    }
    wrong
}

/// Returns the texts between two marks.
fn between<'a>(
    text: &'a str,
    before: &'a str,
    after: &'a str,
) -> impl Iterator<Item = String> + 'a {
    let parts = text.split(before).skip(1);
    parts.map(move |part| {
        part.split(after)
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned()
    })
}

/// Returns the expressions of all rules; each is on one line.
fn rule_expressions() -> Vec<Expression> {
    let text = read(RULES);
    let rules = text.split("- alert: ").skip(1);
    let expressions = rules.map(|rule| Expression {
        text: between(rule, "expr: ", "\n").next().expect("expr"),
        labels_used: between(rule, "$labels.", " ").collect(),
    });
    expressions.collect()
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

fn panels() -> Vec<Map<String, Value>> {
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).expect("JSON");
    // The format of Grafana 10; later versions upgrade it.
    assert_eq!(
        (&dashboard["uid"], &dashboard["schemaVersion"]),
        (&"swarmhub".into(), &38.into())
    );
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    panels
        .map(|panel| panel.as_object().expect("a panel").clone())
        .collect()
}

/// Returns the expressions of all panels, annotations and variables of the dashboard.
fn dashboard_expressions() -> Vec<Expression> {
    let mut expressions = Vec::new();
    for panel in panels() {
        for target in panel
            .get("targets")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            expressions.push(Expression {
                text: text(&target["expr"]),
                labels_used: between(&text(&target["legendFormat"]), "{{", "}}").collect(),
            });
        }
    }
    let dashboard: Value = serde_json::from_str(&read(DASHBOARD)).expect("JSON");
    for annotation in dashboard["annotations"]["list"]
        .as_array()
        .expect("annotations")
    {
        expressions.push(Expression {
            text: text(&annotation["expr"]),
            labels_used: Vec::new(),
        });
    }
    for variable in dashboard["templating"]["list"]
        .as_array()
        .expect("variables")
    {
        let Some(query) = variable["query"]["query"].as_str() else {
            continue;
        };
        let inner = query.strip_prefix("label_values(").expect(query);
        let (selector, label) = inner.trim_end_matches(')').rsplit_once(',').expect(query);
        expressions.push(Expression {
            text: selector.to_owned(),
            labels_used: vec![label.trim().to_owned()],
        });
    }
    expressions
}

#[tokio::test]
async fn dashboard_and_alerts_use_existing_metrics_and_labels() {
    let server = TestServer::start(enable_all_metrics);
    let _both = introduce_clients(&server).await;
    wait_for_sample(&server, "swarmhub_offers_answered_ratio", 1.0).await;
    wait_for_sample(&server, "swarmhub_history_works", 1.0).await;
    let mut known = known_labels(server.get("/metrics", "").await.text());
    // Not every system reports open files at once.
    known.entry("process_open_fds".to_owned()).or_default();
    let (rules, dashboard) = (rule_expressions(), dashboard_expressions());
    assert!(rules.len() > 10 && dashboard.len() > 40);
    for expression in rules.iter().chain(&dashboard) {
        let wrong = expression_errors(expression, &known);
        assert!(wrong.is_empty(), "{}: {wrong:?}", expression.text);
        assert!(
            !selectors(&expression.text).is_empty(),
            "{}",
            expression.text
        );
    }
    for (text, used, expected) in [
        (
            "swarmhub_nothing > 1",
            "",
            "there is no metric swarmhub_nothing",
        ),
        (
            "swarmhub_swarms{reason=\"ban\"}",
            "",
            "swarmhub_swarms has no label reason",
        ),
        (
            "rate(swarmhub_connections_refused_total{job=~\"$job\",reason!~\"ban|bans\"}[5m])",
            "",
            "swarmhub_connections_refused_total has no reason bans",
        ),
        (
            "sum by (kind) (swarmhub_swarms)",
            "",
            "no metric has a label kind",
        ),
        (
            "sum by (job) (swarmhub_failures_total)",
            "kind",
            "label kind is used but not selected",
        ),
    ] {
        let used = Some(used.to_owned()).filter(|used| !used.is_empty());
        let expression = Expression {
            text: text.to_owned(),
            labels_used: used.into_iter().collect(),
        };
        assert_eq!(expression_errors(&expression, &known), [expected]);
    }
}

/// Runs promtool; returns its output if it reports an error.
fn promtool(arguments: &[&str]) -> Result<(), String> {
    let checked = Command::new("promtool")
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&checked.stdout) + String::from_utf8_lossy(&checked.stderr);
    checked
        .status
        .success()
        .then_some(())
        .ok_or_else(|| text.into_owned())
}

/// Checks that Prometheus can parse the expressions, with values in place of the Grafana variables.
fn check_expressions(expressions: &[Expression]) -> Result<(), String> {
    let mut rules = vec!["groups:\n  - name: dashboard\n    rules:\n".to_owned()];
    for (number, expression) in expressions.iter().enumerate() {
        let text = expression.text.replace("$__rate_interval", "5m");
        let text = text.replace("$job", ".*").replace("$instance", ".*");
        assert!(!text.contains('$'), "{text}");
        // A JSON string is a valid YAML string.
        let text = Value::from(text);
        rules.push(format!(
            "      - record: dashboard:{number}\n        expr: {text}\n"
        ));
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dashboard.yml");
    std::fs::write(&file, rules.concat()).unwrap();
    promtool(&["check", "rules", file.to_str().unwrap()])
}

#[test]
fn prometheus_parses_every_dashboard_expression() {
    if !is_installed("promtool") {
        return;
    }
    assert_eq!(check_expressions(&dashboard_expressions()), Ok(()));
    let broken = Expression {
        text: "sum(swarmhub_swarms{job=~\"$job\"}".to_owned(),
        labels_used: Vec::new(),
    };
    assert!(check_expressions(&[broken]).is_err());
}

#[test]
fn dashboard_panels_do_not_overlap() {
    let (mut taken, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels() {
        let title = text(&panel["title"]);
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}");
        let [x, y, w, h] =
            ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        assert!(x + w <= 24, "{title}");
        for place in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(place), "{title}");
        }
    }
    assert!(ids.len() > 30);
}

/// Returns the alerts that fire in some case, and those that are silent in some case.
fn cases() -> (BTreeSet<String>, BTreeSet<String>) {
    let text = read(CASES);
    let cases = text.split("alertname: ").skip(1).map(|case| {
        let name = case.split([',', '\n']).next().unwrap_or_default();
        (name.to_owned(), case.contains("exp_labels:"))
    });
    let (firing, silent): (Vec<_>, Vec<_>) = cases.partition(|(_, fires)| *fires);
    let names = |cases: Vec<(String, bool)>| cases.into_iter().map(|(name, _)| name).collect();
    (names(firing), names(silent))
}

#[test]
fn the_alert_rules_are_valid_and_pass_their_cases() {
    let alerts: BTreeSet<_> = between(&read(RULES), "- alert: ", "\n").collect();
    assert!(alerts.len() > 10, "{alerts:?}");
    let (firing, silent) = cases();
    assert_eq!(firing, alerts, "{CASES}: each must fire in a case");
    assert_eq!(silent, alerts, "{CASES}: each must be silent in a case");
    if !is_installed("promtool") {
        return;
    }
    assert_eq!(promtool(&["check", "rules", RULES]), Ok(()));
    assert_eq!(promtool(&["test", "rules", CASES]), Ok(()));
}
