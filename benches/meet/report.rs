//! Prints the figures of all runs as Markdown, and writes them as JSON.

use std::path::Path;

use serde::Serialize;

use crate::meet::measures::{Measures, Value, median};
use crate::meet::scenarios::{self, Figure, Scenario};
use crate::sockets::Lag;

/// One run.
#[derive(Serialize)]
pub(crate) struct Run {
    /// The name of the scenario.
    pub(crate) scenario: &'static str,
    /// The matchmaking, or the URL.
    pub(crate) tracker: String,
    pub(crate) seed: u64,
    /// `None` in virtual time.
    pub(crate) lag: Option<Lag>,
    pub(crate) measures: Measures,
}

/// The runs of one scenario with one tracker.
struct Row<'r> {
    scenario: &'static Scenario,
    tracker: &'r str,
    runs: Vec<&'r Measures>,
}

impl Row<'_> {
    /// Returns the median of a figure over the runs.
    fn median(&self, of: impl Fn(&Measures) -> f64) -> f64 {
        median(self.runs.iter().map(|measures| of(measures)))
    }

    /// Returns p50, p95 and late share of a figure; a share alone is the last one.
    fn times(&self, figure: Figure) -> [f64; 3] {
        let of = |measures: &Measures| match measures.figure(figure) {
            Some(Value::Times(times)) => [times.p50, times.p95, times.late],
            Some(Value::Share(share)) => [f64::NAN, f64::NAN, share],
            None => [f64::NAN; 3],
        };
        [0, 1, 2].map(|index| self.median(|measures| of(measures)[index]))
    }
}

/// Prints the tables.
pub(crate) fn print(runs: &[Run]) {
    let rows = rows(runs);
    println!(
        "\nSeconds from joining (median of seeds). Late: the share of clients for which it takes longer than 10 s.\n"
    );
    println!("| scenario | time until | tracker | p50 | p95 | late |");
    println!("|---|---|---|---:|---:|---:|");
    for row in &rows {
        for figure in row.scenario.figures {
            print_times(row, *figure);
        }
    }
    println!("\nRelayed offers by what became of them, and what they cost.\n");
    println!(
        "| scenario | tracker | new link | known peer | no answer | ICE failed | crossed | Gini | max/mean | most in 5 s | offers made per link | announces per client and minute |"
    );
    println!("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for row in &rows {
        print_costs(row);
    }
}

/// Groups the runs, in the order in which they ran.
fn rows(runs: &[Run]) -> Vec<Row<'_>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for run in runs {
        let is_same =
            |row: &&mut Row<'_>| row.scenario.name == run.scenario && row.tracker == run.tracker;
        match rows.iter_mut().find(is_same) {
            Some(row) => row.runs.push(&run.measures),
            None => rows.push(Row {
                scenario: scenarios::by_name(run.scenario).expect("a scenario that has run"),
                tracker: &run.tracker,
                runs: vec![&run.measures],
            }),
        }
    }
    rows
}

fn print_times(row: &Row<'_>, figure: Figure) {
    let [p50, p95, share] = row.times(figure);
    let (name, is_share) = name_of(figure);
    let [p50, p95] = if is_share {
        ["", ""].map(str::to_owned)
    } else {
        [p50, p95].map(seconds)
    };
    println!(
        "| {} | {name} | {} | {p50} | {p95} | {} |",
        row.scenario.name,
        row.tracker,
        percent(share)
    );
}

fn print_costs(row: &Row<'_>) {
    let shares: [fn(&Measures) -> f64; 5] = [
        |measures| measures.relays.met,
        |measures| measures.relays.known,
        |measures| measures.relays.unanswered,
        |measures| measures.relays.ice_failed,
        |measures| measures.relays.crossed,
    ];
    let numbers: [fn(&Measures) -> f64; 5] = [
        |measures| measures.load.gini,
        |measures| measures.load.max_over_mean,
        |measures| measures.load.burst,
        |measures| measures.offers_per_link,
        |measures| measures.announces_per_minute,
    ];
    let shares = shares.map(|of| percent(row.median(of)));
    let [gini, max, burst, offers, announces] = numbers.map(|of| row.median(of));
    println!(
        "| {} | {} | {} | {gini:.2} | {max:.1} | {burst} | {offers:.1} | {announces:.2} |",
        row.scenario.name,
        row.tracker,
        shares.join(" | ")
    );
}

/// Returns what a figure is the time until, or the share of.
fn name_of(figure: Figure) -> (String, bool) {
    let with_group = |text: String, group: Option<&str>| match group {
        Some(group) => format!("{text}, {group}"),
        None => text,
    };
    match figure {
        Figure::Links(count, group) => (with_group(format!("link {count}"), group), false),
        Figure::SeederItself => ("link to the seeder".to_owned(), false),
        Figure::SeederPath => ("path to the seeder".to_owned(), false),
        Figure::SameAddress => ("link of the two of an address".to_owned(), false),
        Figure::Alone(group) => (with_group("share of time alone".to_owned(), group), true),
        Figure::Pairs => ("share of pairs with a link".to_owned(), true),
    }
}

fn seconds(time: f64) -> String {
    match time {
        time if !time.is_finite() => "–".to_owned(),
        time if time < 10.0 => format!("{time:.1}"),
        time => format!("{time:.0}"),
    }
}

fn percent(share: f64) -> String {
    if share.is_finite() {
        format!("{:.0} %", share * 100.0)
    } else {
        "–".to_owned()
    }
}

/// Writes all figures of all runs.
///
/// # Errors
///
/// If the file cannot be written.
pub(crate) fn write_json(runs: &[Run], path: &Path) -> std::io::Result<()> {
    let text = serde_json::to_string_pretty(runs)?;
    std::fs::write(path, text + "\n")
}
