//! Notifications to systemd (`sd_notify`), received by a test socket, and the unit file in deploy/.

#![cfg(target_os = "linux")]

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use swarmhub::config::Config;

use crate::graceful_shutdown::LoggedProgram;
use crate::process::{Program, command};
use crate::support::{Client, TIMEOUT};

/// A notification socket in place of systemd.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(TIMEOUT)).unwrap();
        Self {
            socket,
            path,
            _folder: folder,
        }
    }

    fn start(&self, args: &[&str], variables: &[(&str, &str)]) -> LoggedProgram {
        let mut all = vec!["--listen", "127.0.0.1:0"];
        all.extend(args);
        let mut command = command(&all);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .env("NOTIFY_SOCKET", &self.path)
            .envs(variables.iter().copied());
        LoggedProgram::of(Program::spawn(&mut command))
    }

    /// Returns the next notification.
    fn receive(&self) -> String {
        let mut bytes = [0; 1024];
        let length = self.socket.recv(&mut bytes).expect("a notification");
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    /// Returns the next notification that contains a text, and skips others.
    fn receive_containing(&self, words: &str) -> String {
        let since = Instant::now();
        loop {
            let notification = self.receive();
            if notification.contains(words) {
                return notification;
            }
            assert!(since.elapsed() < TIMEOUT, "no notification with {words}");
        }
    }
}

#[tokio::test]
async fn systemd_is_notified_of_ready_reload_and_stop() {
    let manager = Manager::new();
    let program = manager.start(&["--drain-quiet", "600"], &[]);
    assert!(manager.receive().starts_with("READY=1\n"));
    let mut client = Client::connect(program.address).await;
    client.join("swarm", "peer").await;

    program.signal("-HUP");
    let reloading = manager.receive();
    let since = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
    let since: u64 = since.expect(&reloading).trim().parse().unwrap();
    assert!(since > 0);
    assert!(manager.receive().starts_with("READY=1\n"));

    program.signal("-TERM");
    let more = "EXTEND_TIMEOUT_USEC=15000000\n";
    assert_eq!(manager.receive(), format!("STOPPING=1\n{more}"));
    let quiet = format!("STATUS=quiet: 1 connections\n{more}");
    assert_eq!(manager.receive(), quiet);
    // The status is repeated until draining ends.
    assert_eq!(manager.receive(), quiet);
    program.signal("-INT");
    drop(client);
    assert_eq!(program.end().await.0, Some(0));
}

#[tokio::test]
async fn a_failed_reload_is_reported_and_the_service_stays_ready() {
    let manager = Manager::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    let program = manager.start(&["--config", file.path().to_str().unwrap()], &[]);
    assert!(manager.receive().starts_with("READY=1\n"));
    std::fs::write(file.path(), "nonsense = 1").unwrap();
    program.signal("-HUP");
    assert!(manager.receive().starts_with("RELOADING=1\n"));
    assert!(manager.receive().starts_with("READY=1\n"));
    assert!(manager.receive().contains("the last reload failed"));
    program.signal("-INT");
    assert_eq!(program.end().await.0, Some(0));
}

#[tokio::test]
async fn the_watchdog_is_notified_twice_per_interval() {
    let manager = Manager::new();
    let program = manager.start(&[], &[("WATCHDOG_USEC", "2000000")]);
    manager.receive_containing("READY=1");
    manager.receive_containing("WATCHDOG=1");
    let first = Instant::now();
    for _ in 0..3 {
        assert_eq!(manager.receive(), "WATCHDOG=1\n");
    }
    let three = first.elapsed();
    assert!(three >= Duration::from_millis(2500), "{three:?}");
    program.signal("-INT");
    assert_eq!(program.end().await.0, Some(0));

    let other = manager.start(&[], &[("WATCHDOG_USEC", "2000000"), ("WATCHDOG_PID", "1")]);
    manager.receive_containing("READY=1");
    // A watchdog of another process gets no notifications.
    manager
        .socket
        .set_read_timeout(Some(Duration::from_millis(1500)))
        .unwrap();
    assert!(manager.socket.recv(&mut [0; 64]).is_err());
    other.signal("-INT");
    assert_eq!(other.end().await.0, Some(0));
}

/// Returns a setting of the unit file in `deploy/`.
fn unit_setting(name: &str) -> String {
    let unit = crate::docs::read("deploy/swarmhub.service");
    let start = format!("{name}=");
    let value = unit.lines().find_map(|line| line.strip_prefix(&start));
    value.unwrap_or_else(|| panic!("{name}")).to_owned()
}

/// The folders in the documentation are those of the unit file.
#[test]
fn the_unit_file_has_the_documented_folders() {
    let page = crate::docs::read("docs/upgrading.md");
    for (name, parent) in [
        ("ConfigurationDirectory", "/etc"),
        ("StateDirectory", "/var/lib"),
        ("RuntimeDirectory", "/run"),
    ] {
        let folder = format!("| `{parent}/{}` |", unit_setting(name));
        assert!(page.contains(&folder), "{folder}");
    }
    assert_eq!(unit_setting("StateDirectoryMode"), "0700");
}

#[test]
fn the_unit_file_allows_enough_time_for_draining() {
    let value = unit_setting;
    let drain = Config::default().drain;
    let total = drain.quiet + drain.spread + drain.timeout;
    let allowed: u64 = value("TimeoutStopSec").parse().unwrap();
    assert!(Duration::from_secs(allowed) >= total + Duration::from_secs(5));
    assert_eq!(value("Type"), "notify");
    assert_eq!(value("ExecReload"), "/bin/kill -HUP $MAINPID");
}
