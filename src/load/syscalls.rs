//! Counts a process's system calls with strace, in a separate window: tracing slows the process down.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::error::LoadError;

/// A running count.
#[derive(Debug)]
pub(super) struct SyscallCounter {
    strace: Child,
    output: Option<std::thread::JoinHandle<String>>,
}

impl SyscallCounter {
    /// Attaches strace to a process with all its threads; returns when it is attached.
    pub(super) fn attach(pid: u32) -> Result<Self, LoadError> {
        let mut strace = Command::new("strace")
            .args(["-f", "-c", "-p", &pid.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| LoadError::Syscalls(format!("strace cannot be started: {error}")))?;
        let Some(stderr) = strace.stderr.take() else {
            return Err(LoadError::Syscalls("strace has no output".to_owned()));
        };
        let mut lines = BufReader::new(stderr);
        let mut first = String::new();
        let read = lines.read_line(&mut first);
        if read.is_err() || !first.contains("attached") {
            // It has ended, or does so now; this reaps it.
            let _ = strace.kill();
            let _ = strace.wait();
            return Err(LoadError::Syscalls(format!(
                "strace cannot attach: {}",
                first.trim()
            )));
        }
        let output = std::thread::spawn(move || {
            let mut text = String::new();
            // On an error, uses what was read.
            let _ = std::io::Read::read_to_string(&mut lines, &mut text);
            text
        });
        Ok(Self {
            strace,
            output: Some(output),
        })
    }

    /// Detaches from the process; returns the calls by name.
    pub(super) fn stop(mut self) -> Result<BTreeMap<String, u64>, LoadError> {
        let failed = |error: std::io::Error| {
            LoadError::Syscalls(format!("strace cannot be stopped: {error}"))
        };
        Command::new("kill")
            .args(["-INT", &self.strace.id().to_string()])
            .status()
            .map_err(failed)?;
        let text = self
            .output
            .take()
            .and_then(|output| output.join().ok())
            .unwrap_or_default();
        self.strace.wait().map_err(failed)?;
        let calls = parse_table(&text);
        if calls.is_empty() {
            return Err(LoadError::Syscalls("strace counted nothing".to_owned()));
        }
        Ok(calls)
    }
}

impl Drop for SyscallCounter {
    fn drop(&mut self) {
        // After a normal end both do nothing.
        let _ = self.strace.kill();
        let _ = self.strace.wait();
    }
}

/// Reads the table of `strace -c`: the fourth column is the count, the last the name.
fn parse_table(text: &str) -> BTreeMap<String, u64> {
    let row = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let calls = columns.get(3)?.parse().ok()?;
        columns.first()?.parse::<f64>().ok()?;
        let name = columns.last().filter(|name| **name != "total")?;
        Some(((*name).to_owned(), calls))
    };
    text.lines().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_strace_is_read() {
        let text = "strace: Process 7 attached\n% time     seconds  usecs/call     calls    errors syscall\n\
            ------ ----------- ----------- --------- --------- ----------------\n\
             60.00    0.000600           1       600           sendto\n 40.00    0.000400           1       400       100 recvfrom\n\
            ------ ----------- ----------- --------- --------- ----------------\n\
            100.00    0.001000           1      1000       100 total\n";
        let calls = parse_table(text);
        assert_eq!(calls.len(), 2);
        assert_eq!((calls["sendto"], calls["recvfrom"]), (600, 400));
    }
}
