//! The program: output, exit codes, signals, and errors at the start.

#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::support::{Client, TIMEOUT};

/// The running program; killed when dropped.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
}

impl Program {
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut command = command(args);
        Self::spawn(&mut command)
    }

    /// Starts the program with this command.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let (page, tracker) = (
            lines.next().expect("a line"),
            lines.next().expect("a second line"),
        );
        let address = tracker
            .strip_prefix("tracker  ws://")
            .and_then(|rest| rest.strip_suffix('/'));
        assert_eq!(page, format!("page     http://{}/", address.unwrap()));
        Self {
            address: address.unwrap().parse().unwrap(),
            child,
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Waits for the end of the program; returns its exit code and standard error.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let since = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(since.elapsed() < TIMEOUT, "the program does not end");
            std::thread::park_timeout(Duration::from_millis(10));
        };
        let mut stderr = String::new();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        (status.code(), stderr)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.child.try_wait().ok().flatten().is_none() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_swarmhub"));
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

fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    (
        status.code(),
        String::from_utf8(stdout).unwrap(),
        String::from_utf8(stderr).unwrap(),
    )
}

const LOOPBACK: [&str; 2] = ["--listen", "127.0.0.1:0"];

#[tokio::test]
async fn sigint_and_sigterm_end_the_program_with_code_0() {
    for signal in ["-INT", "-TERM"] {
        let program = Program::start(&[
            "--listen",
            "127.0.0.1:0",
            "--drain-quiet",
            "0",
            "--drain-spread",
            "0",
        ]);
        let mut client = Client::connect(program.address).await;
        client.join("swarm", "peer").await;
        program.signal(signal);
        let (code, log) = tokio::task::spawn_blocking(|| program.end()).await.unwrap();
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("open_files="), "{log}");
    }
}

#[tokio::test]
async fn open_connections_are_dropped_after_the_drain_timeout() {
    let mut args = LOOPBACK.to_vec();
    args.extend(["--drain-quiet", "0", "--drain-spread", "0"]);
    args.extend(["--drain-timeout", "0.5"]);
    let program = Program::start(&args);
    let mut client = Client::connect(program.address).await;
    client.join("swarm", "peer").await;
    program.signal("-TERM");
    // The client neither reads nor answers the close.
    let (code, log) = tokio::task::spawn_blocking(|| program.end()).await.unwrap();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("connections dropped"), "{log}");
    drop(client);
}

#[test]
fn a_port_in_use_is_a_one_line_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, stdout, stderr) = run(&mut command(&["--listen", &address, "--log-level", "off"]));
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert_eq!(
        stderr,
        format!(
            "swarmhub: cannot listen on {address}: another program uses this port; \
             stop it, or choose another address with --listen\n"
        )
    );
}

#[test]
fn an_invalid_certificate_is_a_one_line_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("empty.pem");
    std::fs::write(&file, "").unwrap();
    let file = file.to_str().unwrap();
    let (code, stdout, stderr) = run(&mut command(&[
        "--listen",
        "tls+127.0.0.1:0",
        "--tls-certificate",
        file,
        "--tls-key",
        file,
        "--log-level",
        "off",
    ]));
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert_eq!(
        stderr,
        format!(
            "swarmhub: TLS: there is no certificate in {file}; \
             give a PEM file, which begins with -----BEGIN CERTIFICATE-----\n"
        )
    );
}

#[test]
fn two_servers_do_not_share_a_port_by_accident() {
    let first = Program::start(&LOOPBACK);
    let address = first.address.to_string();
    let (code, _, stderr) = run(&mut command(&["--listen", &address]));
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("another program uses this port"),
        "{stderr}"
    );
}

#[test]
fn invalid_settings_are_reported_with_their_source() {
    let (code, _, stderr) = run(command(&["--workers", "many"]).env("SWARMHUB_INTERVALL", "5"));
    assert_eq!(code, Some(2));
    assert!(
        stderr.contains("--workers") && stderr.contains("SWARMHUB_INTERVALL"),
        "{stderr}"
    );
    assert!(
        stderr.lines().all(|line| line.starts_with("swarmhub: ")),
        "{stderr}"
    );
}

#[test]
fn too_few_file_descriptors_are_a_one_line_error() {
    let binary = env!("CARGO_BIN_EXE_swarmhub");
    let script =
        format!("ulimit -n 64; exec '{binary}' --history off --listen 127.0.0.1:0 --log-level off");
    let (code, _, stderr) = run(Command::new("sh").args(["-c", &script]));
    assert_eq!(code, Some(1));
    assert!(
        stderr.starts_with("swarmhub: too few file descriptors: 64"),
        "{stderr}"
    );
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let script = script
        .replace("-n 64", "-n 200")
        .replace("--log-level", "--workers 64 --log-level");
    let (code, _, stderr) = run(Command::new("sh").args(["-c", &script]));
    assert_eq!(code, Some(1));
    assert!(stderr.contains("at least 576 are needed"), "{stderr}");
}

#[test]
fn the_soft_limit_of_open_files_is_raised() {
    let binary = env!("CARGO_BIN_EXE_swarmhub");
    let script = format!("ulimit -Sn 200; exec '{binary}' --history off --listen 127.0.0.1:0");
    let mut child = Command::new("sh")
        .args(["-c", &script])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    BufReader::new(child.stdout.take().unwrap())
        .lines()
        .next()
        .unwrap()
        .unwrap();
    let program = Program {
        child,
        address: ([127, 0, 0, 1], 0).into(),
    };
    program.signal("-TERM");
    let (code, log) = program.end();
    assert_eq!(code, Some(0));
    assert!(
        log.contains("open_files=") && !log.contains("open_files=200 "),
        "{log}"
    );
}

#[test]
fn the_log_can_be_json() {
    let program = Program::start(&["--listen", "127.0.0.1:0", "--log-format", "json"]);
    program.signal("-TERM");
    let (code, log) = program.end();
    assert_eq!(code, Some(0));
    assert!(log.lines().count() >= 3);
    for line in log.lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect(line);
        assert!(event["level"].is_string() && event["timestamp"].is_string());
    }
}

#[test]
fn check_config_accepts_the_output_of_print_config() {
    let (code, printed, _) =
        run(command(&["print-config", "--interval", "60"]).env("SWARMHUB_WORKERS", "3"));
    assert_eq!(code, Some(0));
    assert!(
        printed.contains("interval = 60") && printed.contains("workers = 3"),
        "{printed}"
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &printed).unwrap();
    let (code, _, stderr) = run(&mut command(&[
        "check-config",
        "--config",
        file.path().to_str().unwrap(),
    ]));
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
}

/// On other systems the loopback network has only one address.
#[cfg(target_os = "linux")]
#[test]
fn several_addresses_are_served() {
    let mut child = command(&["--listen", "127.0.0.1:0", "--listen", "127.0.0.2:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: Vec<_> = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .take(4)
        .map(Result::unwrap)
        .collect();
    let program = Program {
        child,
        address: ([127, 0, 0, 1], 0).into(),
    };
    for page in [&lines[0], &lines[2]] {
        let address = page
            .strip_prefix("page     http://")
            .unwrap()
            .trim_end_matches('/');
        std::net::TcpStream::connect(address).unwrap();
    }
    assert!(lines[2].contains("127.0.0.2"));
    program.signal("-TERM");
    assert_eq!(program.end().0, Some(0));
}
