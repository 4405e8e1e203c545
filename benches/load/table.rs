//! The figures as one Markdown table, with what one needs to know to read them.

use std::process::Command;

use crate::measure::Window;
use crate::server::{self, Cores};
use crate::tally::Tally;

/// Above this share of its core the load generator, not the server, bounds what comes per second.
const FULL: f64 = 0.95;
/// Above this share of waiting for a core, other programs were at work on it.
const DISTURBED: f64 = 0.05;

pub struct Table {
    head: Vec<String>,
    rows: Vec<String>,
    notes: Vec<String>,
}

impl Table {
    pub fn new() -> Self {
        Self {
            head: Vec::new(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Says what was started, and on what.
    pub fn command(&mut self, cores: Cores) {
        self.head.push(format!("`{}`", server::command()));
        let (cores, placed) = match cores {
            Cores::Divided { of } => (of, "the server on core 0, the load on core 1"),
            Cores::Shared { of } => (
                of,
                "both wherever the system put them (one core, or no taskset)",
            ),
        };
        let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = processor
            .lines()
            .find(|line| line.starts_with("model name"));
        let processor = processor
            .and_then(|line| line.split_once(": "))
            .map_or("?", |(_, name)| name);
        let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        self.head.push(format!(
            "swarmhub {}, {}, Linux {}, {cores} cores ({processor}); {placed}; TCP over loopback.",
            env!("CARGO_PKG_VERSION"),
            compiler(),
            kernel.trim()
        ));
    }

    /// Rows for announces with so many offers.
    pub fn announces(&mut self, offers: u64, windows: &[Window]) {
        let what = if offers > 0 {
            format!("announce with {offers} offers, all answered")
        } else {
            "announce without offers".to_owned()
        };
        self.row(&format!("{what}: server CPU, µs"), windows, Window::micros);
        self.row("– in the program", windows, Window::user_micros);
        self.row("– in the kernel", windows, Window::system_micros);
        self.row("– announces per second", windows, Window::rate);
        #[expect(clippy::cast_precision_loss, reason = "a handful of offers")]
        let messages = (1 + 2 * offers) as f64;
        self.row("– messages out per second", windows, |window| {
            window.rate() * messages
        });
        self.conditions(&what, windows);
    }

    /// Rows for connections opened, and for the first announce of each.
    pub fn connections(&mut self, opened: &[Window], joined: &[Window]) {
        self.row("accept and upgrade: server CPU, µs", opened, Window::micros);
        self.row("– connections per second", opened, Window::rate);
        self.row(
            "first announce of a connection: server CPU, µs",
            joined,
            Window::micros,
        );
        self.conditions("accept and upgrade", opened);
    }

    /// A row for the memory that each of these connections takes.
    pub fn memory(&mut self, what: &str, connections: usize, before: u64, now: u64) {
        #[expect(clippy::cast_precision_loss, reason = "bytes of one process")]
        let each = now.saturating_sub(before) as f64 / connections as f64;
        let total = mebibytes(now);
        self.rows.push(format!(
            "| bytes per {what} | {} | {total} MiB in all with {connections} |",
            thousands(each)
        ));
    }

    /// A row for the memory that stays when all connections are gone.
    pub fn memory_left(&mut self, connections: usize, before: u64, now: u64) {
        let (now, before) = (mebibytes(now), mebibytes(before));
        self.rows.push(format!("| MiB, 2 s after {connections} connections closed | {now} | {before} before they came |"));
    }

    pub fn checks(&mut self, tally: &Tally) {
        self.notes.push(format!("Messages: {tally}."));
    }

    fn row(&mut self, what: &str, windows: &[Window], figure: impl Fn(&Window) -> f64) {
        let mut figures: Vec<f64> = windows.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        let (least, most) = (figures[0], figures[figures.len() - 1]);
        let median = figures[figures.len() / 2];
        self.rows.push(format!(
            "| {what} | {} | {} – {} |",
            thousands(median),
            thousands(least),
            thousands(most)
        ));
    }

    fn conditions(&mut self, what: &str, windows: &[Window]) {
        let most = |share: fn(&Window) -> f64| windows.iter().map(share).fold(0.0, f64::max);
        let server = most(Window::server_busy) * 100.0;
        self.notes.push(format!(
            "During \"{what}\" the server used up to {server:.0} % of its core."
        ));
        if most(Window::own_busy) > FULL {
            self.notes.push(
                "The load generator's own core was full then: what came per second is its limit, not the server's."
                    .to_owned(),
            );
        }
        let disturbed = most(Window::disturbed);
        if disturbed > DISTURBED {
            let share = disturbed * 100.0;
            self.notes.push(format!("Other programs had one of the two cores for up to {share:.0} % of a measurement then."));
        }
    }

    pub fn print(&self) {
        println!("{}\n", self.head.join("\n"));
        println!(
            "| measured | median | least – most |\n|---|---:|---:|\n{}\n",
            self.rows.join("\n")
        );
        self.notes.iter().for_each(|note| println!("- {note}"));
    }
}

fn compiler() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let text = output
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok());
    text.and_then(|text| {
        text.split_whitespace()
            .nth(1)
            .map(|version| format!("Rust {version}"))
    })
    .unwrap_or_else(|| "Rust of unknown version".to_owned())
}

fn mebibytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "bytes of one process")]
    let mebibytes = bytes as f64 / 1_048_576.0;
    format!("{mebibytes:.1}")
}

/// Three digits that count, and a comma for thousands.
fn thousands(number: f64) -> String {
    if number < 100.0 {
        return format!("{number:.1}");
    }
    let digits = format!("{number:.0}");
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .filter_map(|group| std::str::from_utf8(group).ok())
        .collect();
    groups.join(",")
}
