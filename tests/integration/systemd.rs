//! Notifications to systemd (`sd_notify`), received by a test socket, and the unit file in deploy/.

#![cfg(target_os = "linux")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use swarmhub::config::Config;
use tokio::net::UnixDatagram;

use crate::support::files::read;
use crate::support::program::{Program, command};
use crate::support::{Client, in_time};

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
        Self {
            socket,
            path,
            _folder: folder,
        }
    }

    fn start(&self, args: &[&str], variables: &[(&str, &str)]) -> Program {
        let mut command = command(&["--listen", "127.0.0.1:0"]);
        command
            .args(args)
            .env("NOTIFY_SOCKET", &self.path)
            .envs(variables.iter().copied());
        Program::spawn(&mut command)
    }

    /// Returns the next notification.
    async fn receive(&self) -> String {
        let mut bytes = [0; 1024];
        let receiving = self.socket.recv(&mut bytes);
        let length = in_time("a notification", receiving).await.unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    /// Returns the notifications up to the next one that contains a text.
    async fn receive_until(&self, text: &str) -> Vec<String> {
        let mut received = Vec::new();
        while received.len() < 1000 {
            received.push(self.receive().await);
            if received.last().is_some_and(|last| last.contains(text)) {
                return received;
            }
        }
        panic!("no notification with {text}: {received:?}");
    }
}

#[tokio::test]
async fn systemd_is_notified_of_ready_reload_and_stop() {
    let manager = Manager::new();
    let program = manager.start(&["--drain-quiet", "600"], &[]);
    assert!(manager.receive().await.starts_with("READY=1\n"));
    let mut client = Client::connect(program.address).await;
    client.join("swarm", "peer").await;

    program.signal("-HUP");
    let reloading = manager.receive().await;
    let since = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
    let since: u64 = since.expect(&reloading).trim().parse().unwrap();
    assert!(since > 0);
    assert!(manager.receive().await.starts_with("READY=1\n"));

    program.signal("-TERM");
    let more = "EXTEND_TIMEOUT_USEC=15000000\n";
    assert_eq!(manager.receive().await, format!("STOPPING=1\n{more}"));
    let quiet = format!("STATUS=quiet: 1 connections\n{more}");
    assert_eq!(manager.receive().await, quiet);
    // The status is repeated until draining ends.
    assert_eq!(manager.receive().await, quiet);
    drop(client);
    program.stop().await;
}

#[tokio::test]
async fn a_failed_reload_is_reported_and_the_service_stays_ready() {
    let manager = Manager::new();
    let file = tempfile::NamedTempFile::new().unwrap();
    let program = manager.start(&["--config", file.path().to_str().unwrap()], &[]);
    assert!(manager.receive().await.starts_with("READY=1\n"));
    std::fs::write(file.path(), "nonsense = 1").unwrap();
    program.signal("-HUP");
    assert!(manager.receive().await.starts_with("RELOADING=1\n"));
    assert!(manager.receive().await.starts_with("READY=1\n"));
    assert!(manager.receive().await.contains("the last reload failed"));
    program.stop().await;
}

#[tokio::test]
async fn the_watchdog_is_notified_twice_per_interval() {
    let manager = Manager::new();
    let program = manager.start(&[], &[("WATCHDOG_USEC", "2000000")]);
    manager.receive_until("READY=1").await;
    manager.receive_until("WATCHDOG=1").await;
    let first = Instant::now();
    for _ in 0..3 {
        assert_eq!(manager.receive().await, "WATCHDOG=1\n");
    }
    let three = first.elapsed();
    assert!(three >= Duration::from_millis(2500), "{three:?}");
    program.stop().await;

    // A watchdog of another process gets no notifications. The status while draining is sent once a second, so the third
    // one is later than the first notification of a watchdog of half a second would be.
    let variables = [("WATCHDOG_USEC", "1000000"), ("WATCHDOG_PID", "1")];
    let other = manager.start(&["--drain-quiet", "600"], &variables);
    manager.receive_until("READY=1").await;
    let mut client = Client::connect(other.address).await;
    client.join("swarm", "peer").await;
    other.signal("-TERM");
    for _ in 0..3 {
        let received = manager.receive_until("STATUS=quiet").await;
        assert!(!received.concat().contains("WATCHDOG=1"), "{received:?}");
    }
    drop(client);
    other.stop().await;
}

/// Returns a setting of the unit file in `deploy/`.
fn unit_setting(name: &str) -> String {
    let unit = read("deploy/swarmhub.service");
    let start = format!("{name}=");
    let value = unit.lines().find_map(|line| line.strip_prefix(&start));
    value.unwrap_or_else(|| panic!("{name}")).to_owned()
}

/// The folders in the documentation are those of the unit file.
#[test]
fn the_unit_file_has_the_documented_folders() {
    let page = read("docs/upgrading.md");
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
