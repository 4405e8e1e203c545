//! Configuration reload on SIGHUP: changed settings, settings that need a restart, invalid files, and the log.

#![cfg(unix)]

use serde_json::Value;

use std::time::Instant;

use crate::support::certificates::LocalhostCertificate;
use crate::support::http::{UPGRADE, get};
use crate::support::program::Program;
use crate::support::{Client, announce};

/// A running program with a configuration file.
struct ConfiguredProgram {
    program: Program,
    file: tempfile::NamedTempFile,
    reloads: usize,
}

impl ConfiguredProgram {
    fn start(text: &str, args: &[&str]) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let mut all = vec!["--config", file.path().to_str().unwrap()];
        all.extend(args);
        Self {
            program: Program::start(&all),
            file,
            reloads: 0,
        }
    }

    /// Rewrites the file and reloads it.
    async fn reload(&mut self, text: &str) {
        std::fs::write(self.file.path(), text).unwrap();
        self.program.signal("-HUP");
        self.reloads += 1;
        self.program
            .wait_for_log("configuration reloaded", self.reloads)
            .await;
    }

    /// Rewrites the file and expects a refused reload.
    async fn reload_refused(&mut self, text: &str) {
        std::fs::write(self.file.path(), text).unwrap();
        let refused = "reload failed: the configuration is unchanged";
        let before = self.program.log().matches(refused).count();
        self.program.signal("-HUP");
        self.program.wait_for_log(refused, before + 1).await;
    }

    async fn connect(&self) -> Client {
        Client::connect(self.program.address).await
    }

    async fn end(self) -> String {
        self.program.stop().await
    }
}

/// Sends announces all at once and returns how many are served.
async fn count_served(client: &mut Client, announces: usize) -> usize {
    for _ in 0..announces {
        client.send(&announce("swarm", "peer")).await;
    }
    let mut served = 0;
    for _ in 0..announces {
        let reply = client.receive().await;
        served += usize::from(reply.get("failure reason").is_none_or(Value::is_null));
    }
    served
}

#[tokio::test]
async fn a_reload_changes_limits_of_open_connections() {
    let tight =
        "[limits]\nmessages_per_second = 1\nmessages_burst = 5\ndelay_max = 0\npatience = 0\n";
    let mut configured = ConfiguredProgram::start("", &["--workers", "2"]);
    let mut client = configured.connect().await;
    assert_eq!(count_served(&mut client, 100).await, 100);

    configured.reload(tight).await;
    // One more is served in each second.
    let is_few = |served: usize, since: Instant| (served as u64) < 20 + since.elapsed().as_secs();
    let since = Instant::now();
    assert!(is_few(count_served(&mut client, 100).await, since));

    configured.reload("no_limits = true").await;
    assert_eq!(count_served(&mut client, 1000).await, 1000);

    // Usage under the tight limits does not count under the generous ones.
    configured.reload(tight).await;
    let since = Instant::now();
    assert!(is_few(count_served(&mut client, 100).await, since));
    configured.reload("").await;
    assert!(count_served(&mut client, 400).await >= 390);
    drop(client);
    configured.end().await;
}

#[tokio::test]
async fn a_reload_changes_interval_origins_and_ice_servers() {
    let mut configured = ConfiguredProgram::start("interval = 50", &[]);
    let address = configured.program.address;
    let mut client = configured.connect().await;
    assert_eq!(client.join("one", "peer").await["interval"], 50);

    configured
        .reload(
            "interval = 60\norigin = [\"https://a.example\"]\nice_server = [\"stun:b.example\"]\n\
             [tracker]\nmemberships_max = 1\n[connection]\nmessage_bytes_max = 1024\nsdp_bytes_max = 500\n\
             [limits]\nrefusal_messages_max = 0\n",
        )
        .await;
    assert_eq!(client.join("one", "peer").await["interval"], 60);
    let refused = client.join("two", "peer").await;
    assert!(refused["failure reason"].is_string(), "{refused}");
    get(address, "/ice", "").await.expect_text("stun:b.example");
    let upgrade = format!("{UPGRADE}Origin: https://c.example\r\n");
    get(address, "/", &upgrade).await.expect(403);
    let mut oversized = announce("one", "peer");
    oversized["unknown"] = "x".repeat(2000).into();
    client.send(&oversized).await;
    assert_eq!(client.read_to_end().await, Some(1009));

    let log = configured.end().await;
    for text in [
        "interval changed from 50 to 60",
        "origin changed from [] to [\"https://a.example\"]",
        "tracker.memberships_max changed from 2000 to 1",
    ] {
        assert_eq!(log.matches(text).count(), 1, "{text}: {log}");
    }
    assert!(!log.contains("by the operator"), "{log}");
    assert!(!log.contains("needs a restart"), "{log}");
}

#[tokio::test]
async fn an_invalid_file_changes_nothing_and_all_errors_are_logged() {
    let mut configured = ConfiguredProgram::start("interval = 50", &[]);
    let mut client = configured.connect().await;
    configured
        .reload_refused("interval = 60\nworkerss = 1\n[limits]\nmessages_burst = 0\n")
        .await;
    assert_eq!(client.join("one", "peer").await["interval"], 50);
    // Each value is valid alone, but not together.
    configured
        .reload_refused("interval = 60\n[connection]\nping_after = 100\ndead_after = 50\n")
        .await;
    assert_eq!(client.join("one", "peer").await["interval"], 50);
    std::fs::remove_file(configured.file.path()).unwrap();
    let before = configured.program.log().matches("cannot be read").count();
    configured.program.signal("-HUP");
    configured
        .program
        .wait_for_log("cannot be read", before + 1)
        .await;
    assert_eq!(client.join("one", "peer").await["interval"], 50);
    configured.reload("interval = 70").await;
    assert_eq!(client.join("one", "peer").await["interval"], 70);
    drop(client);
    let log = configured.end().await;
    for text in [
        "workerss",
        "limits.messages_burst",
        "connection.ping_after",
        ":2: ",
    ] {
        assert!(log.contains(text), "{text}: {log}");
    }
}

#[tokio::test]
async fn settings_that_need_a_restart_are_logged_at_each_reload() {
    let mut configured = ConfiguredProgram::start("", &["--workers", "1", "--interval", "50"]);
    let other =
        "workers = 3\ninterval = 70\nlog_format = \"json\"\n[connection]\nping_after = 40\n";
    for _ in 0..2 {
        configured.reload(other).await;
    }
    let mut client = configured.connect().await;
    assert_eq!(client.join("one", "peer").await["interval"], 50);
    drop(client);
    let log = configured.end().await;
    let restart = "log_format changed from \"text\" to \"json\": needs a restart";
    assert_eq!(log.matches(restart).count(), 2, "{log}");
    assert_eq!(log.matches("connection.ping_after changed").count(), 1);
    assert!(!log.contains("workers changed"), "{log}");
}

#[tokio::test]
async fn a_reload_changes_the_log_level() {
    let mut configured = ConfiguredProgram::start("", &[]);
    configured.reload("log_level = \"debug\"").await;
    drop(configured.connect().await);
    configured
        .program
        .wait_for_log("connection closed", 1)
        .await;
    configured.reload("log_level = \"info\"").await;
    let opened = configured
        .program
        .log()
        .matches("connection opened")
        .count();
    let mut client = configured.connect().await;
    client.join("one", "peer").await;
    drop(client);
    let log = configured.end().await;
    assert_eq!(log.matches("connection opened").count(), opened, "{log}");
}

#[tokio::test]
async fn a_reload_reads_certificates_even_if_settings_are_invalid() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = LocalhostCertificate::new().write(folder.path());
    let text = format!("[tls]\ncertificate = [{certificate:?}]\nkey = [{key:?}]\n");
    let mut configured = ConfiguredProgram::start(&text, &["--listen", "tls+127.0.0.1:0"]);
    let refused = "new certificate not used";

    std::fs::write(key, "no key").unwrap();
    configured.reload(&text).await;
    configured.program.wait_for_log(refused, 1).await;
    // Periodic checks report a bad file once; each reload reports it again.
    configured.reload_refused("no_such_setting = 1").await;
    configured.program.wait_for_log(refused, 2).await;

    LocalhostCertificate::new().write(folder.path());
    configured.reload(&text).await;
    configured
        .program
        .wait_for_log("certificate reloaded", 1)
        .await;
    configured.end().await;
}
