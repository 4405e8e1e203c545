//! Prints the progress of a load: on a terminal one line that is updated in place, elsewhere a line for each phase and
//! every few seconds.

use std::fmt::Write as _;
use std::io::Write;
use std::time::{Duration, Instant};

use super::controller::LoadProgress;

/// Interval between two lines if the output is not a terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// Terminal sequence that clears the rest of the line.
const CLEAR: &str = "\x1b[K";

/// Prints progress lines.
#[derive(Debug)]
pub struct ProgressPrinter<W> {
    out: W,
    is_terminal: bool,
    previous: Option<(Instant, LoadProgress)>,
    printed_at: Option<Instant>,
}

impl<W: Write> ProgressPrinter<W> {
    /// Creates a printer that writes to `out`.
    pub fn new(out: W, is_terminal: bool) -> Self {
        Self {
            out,
            is_terminal,
            previous: None,
            printed_at: None,
        }
    }

    /// Prints the progress if a line is due.
    pub fn print(&mut self, progress: &LoadProgress) {
        let now = Instant::now();
        let is_new = self
            .previous
            .is_none_or(|(_, before)| before.phase != progress.phase);
        let is_due = self.printed_at.is_none_or(|at| now - at >= LINE_INTERVAL);
        if self.is_terminal || is_new || is_due {
            let line = self.line(now, progress, is_new);
            // Errors are ignored: progress output is optional.
            let _ = if self.is_terminal {
                write!(self.out, "\r{line}{CLEAR}")
            } else {
                writeln!(self.out, "{line}")
            };
            let _ = self.out.flush();
            self.printed_at = Some(now);
            self.previous = Some((now, *progress));
        }
    }

    fn line(&self, now: Instant, progress: &LoadProgress, is_new: bool) -> String {
        let LoadProgress {
            phase,
            elapsed,
            connections,
            announces,
            messages,
            faults,
        } = progress;
        let mut line = format!(
            "{phase:<12} {:>5.1} s  {connections} connections",
            elapsed.as_secs_f64()
        );
        let rate = |now_count: u64, before: u64, seconds: f64| {
            super::summary::to_f64(now_count.saturating_sub(before)) / seconds.max(1e-3)
        };
        if let Some((at, before)) = self.previous.filter(|_| !is_new) {
            let seconds = (now - at).as_secs_f64();
            // Writing to a string cannot fail.
            let _ = write!(
                line,
                "  {:.0} announces/s  {:.0} messages/s",
                rate(*announces, before.announces, seconds),
                rate(*messages, before.messages, seconds)
            );
        }
        if *faults > 0 {
            let _ = write!(line, "  {faults} faults");
        }
        line
    }

    /// Clears the progress line of a terminal.
    pub fn finish(&mut self) {
        if self.is_terminal && self.previous.is_some() {
            let _ = write!(self.out, "\r{CLEAR}");
            let _ = self.out.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(is_terminal: bool) -> String {
        let mut out = Vec::new();
        let mut live = ProgressPrinter::new(&mut out, is_terminal);
        for announces in [0, 10, 20] {
            live.print(&LoadProgress {
                phase: "measuring",
                announces,
                connections: 7,
                ..LoadProgress::default()
            });
        }
        live.print(&LoadProgress {
            phase: "closing",
            faults: 3,
            ..LoadProgress::default()
        });
        live.finish();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_terminal_gets_one_line_and_a_file_one_per_phase() {
        let terminal = printed(true);
        assert_eq!(terminal.lines().count(), 1);
        assert!(
            terminal.contains("announces/s") && terminal.contains("3 faults"),
            "{terminal}"
        );
        let file = printed(false);
        assert_eq!(file.lines().count(), 2, "{file}");
        assert!(!file.contains('\x1b') && !file.contains('\r'));
    }
}
