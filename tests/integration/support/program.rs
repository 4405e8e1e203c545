//! Child processes whose output is readable while they run, and the built program as one of them.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::{PROGRESS_TIMEOUT, wait_for, wait_until};

/// The built program.
pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_swarmhub");

/// Returns a command that starts the program, without settings of the environment.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(BINARY);
    command.args(args).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SWARMHUB_") {
            command.env_remove(name);
        }
    }
    // Tests leave no files; tests of the history override this.
    command.env("SWARMHUB_HISTORY", "off");
    command
}

/// The result of a process that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command to its end.
pub(crate) async fn run(command: &mut Command) -> Finished {
    Process::spawn(command).end().await
}

/// A child process; killed when dropped.
pub(crate) struct Process {
    child: Child,
    stdout: Arc<Output>,
    stderr: Arc<Output>,
}

impl Process {
    pub(crate) fn spawn(command: &mut Command) -> Self {
        Self::spawn_keeping_stderr(command.stderr(Stdio::piped()))
    }

    /// Starts a command whose standard error is set already.
    pub(crate) fn spawn_keeping_stderr(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = Output::collect(child.stdout.take());
        let stderr = Output::collect(child.stderr.take());
        Self {
            child,
            stdout,
            stderr,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal, such as `-TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        let mut kill = Command::new("kill");
        let sent = kill.args([signal, &self.pid().to_string()]).status();
        assert!(sent.unwrap().success());
    }

    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
    }

    /// Waits for the first lines of standard output; returns fewer if the process ends.
    pub(crate) fn first_lines(&self, count: usize) -> Vec<String> {
        self.stdout.first_lines(count)
    }

    /// Returns the standard error received so far.
    pub(crate) fn log(&self) -> String {
        self.stderr.text()
    }

    /// Returns the standard output received so far.
    pub(crate) fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Waits until standard error contains a text at least this many times.
    pub(crate) async fn wait_for_log(&self, text: &str, times: usize) {
        let what = format!("the log contains {text:?} {times} times");
        wait_until(&what, || self.log().matches(text).count() >= times).await;
    }

    /// Waits for the end of the process.
    pub(crate) async fn end(mut self) -> Finished {
        let status = wait_for("the process ends", async || self.child.try_wait().unwrap()).await;
        let outputs = [&self.stdout, &self.stderr];
        wait_until("its output ends", || {
            outputs.iter().all(|output| output.has_ended())
        })
        .await;
        Finished {
            code: status.code(),
            stdout: self.stdout.text(),
            stderr: self.stderr.text(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The running server program.
pub(crate) struct Program {
    pub(crate) process: Process,
    /// The address of its first listener.
    pub(crate) address: SocketAddr,
}

impl Program {
    /// Starts the program with a listener on a free port.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::spawn(command(&["--listen", "127.0.0.1:0"]).args(args))
    }

    /// Starts the program with this command and waits until it serves.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let process = Process::spawn(command);
        let lines = process.first_lines(2);
        let [page, tracker] = &lines[..] else {
            panic!("it does not start: {}", process.log())
        };
        let scheme = |line: &str| line.split_once("://").map(|(_, rest)| rest.to_owned());
        let address = scheme(tracker).expect("a URL");
        assert_eq!(scheme(page).as_deref(), Some(&*address), "{lines:?}");
        Self {
            address: address.trim_end_matches('/').parse().unwrap(),
            process,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Sends a signal, such as `-TERM`.
    pub(crate) fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    pub(crate) fn log(&self) -> String {
        self.process.log()
    }

    /// Waits until the log contains a text at least this many times.
    pub(crate) async fn wait_for_log(&self, text: &str, times: usize) {
        self.process.wait_for_log(text, times).await;
    }

    /// Waits for the end of the program; returns its exit code and log.
    pub(crate) async fn end(self) -> (Option<i32>, String) {
        let finished = self.process.end().await;
        (finished.code, finished.stderr)
    }

    /// Interrupts the program, expects a clean end and returns the log.
    pub(crate) async fn stop(self) -> String {
        self.signal("-INT");
        let (code, log) = self.end().await;
        assert_eq!(code, Some(0), "{log}");
        log
    }
}

/// The output of a process, collected by a thread.
#[derive(Default)]
struct Output {
    collected: Mutex<Collected>,
    changed: Condvar,
}

#[derive(Default)]
struct Collected {
    text: String,
    has_ended: bool,
}

impl Output {
    fn collect(stream: Option<impl Read + Send + 'static>) -> Arc<Self> {
        let output = Arc::new(Self::default());
        let shared = Arc::clone(&output);
        std::thread::spawn(move || {
            let lines = stream.map(BufReader::new).into_iter();
            let lines = lines.flat_map(|stream| stream.lines().map_while(Result::ok));
            for line in lines {
                let mut collected = shared.collected.lock();
                collected.text += &line;
                collected.text.push('\n');
                shared.changed.notify_all();
            }
            shared.collected.lock().has_ended = true;
            shared.changed.notify_all();
        });
        output
    }

    fn text(&self) -> String {
        self.collected.lock().text.clone()
    }

    fn has_ended(&self) -> bool {
        self.collected.lock().has_ended
    }

    /// Blocks until there are this many lines or the output ends.
    fn first_lines(&self, count: usize) -> Vec<String> {
        let mut collected = self.collected.lock();
        while collected.text.lines().count() < count && !collected.has_ended {
            let waited = self.changed.wait_for(&mut collected, PROGRESS_TIMEOUT);
            assert!(!waited.timed_out(), "no line: {}", collected.text);
        }
        collected
            .text
            .lines()
            .take(count)
            .map(str::to_owned)
            .collect()
    }
}
