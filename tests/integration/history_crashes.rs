//! The history database under kills, full disks and damaged files: no file is lost, and the server keeps running.

#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::support::http::{self, bearer, get, request};
use crate::support::program::{Process, Program, command};
use crate::support::{Patience, wait_for, wait_until};

const KILLS: u64 = 50;
const TOKEN: &str = "0123456789abcdef";

/// The path of the example that writes samples endlessly; it is built together with this test.
fn writer_path() -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let folder = this.parent().and_then(Path::parent).unwrap();
    folder.join("examples/history")
}

/// Checks the integrity of a file that no process has open, and returns its number of samples.
fn samples_in(path: &Path) -> i64 {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let connection = Connection::open_with_flags(path, flags).unwrap();
    let check: String = connection
        .query_row("PRAGMA integrity_check", (), |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
    // A writer killed before it created its tables, in one transaction, leaves none.
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0))
        .unwrap();
    if tables == 0 {
        return 0;
    }
    connection
        .query_row("SELECT count(*) FROM every_10s", (), |row| row.get(0))
        .unwrap()
}

/// Starts the writer; it prints a line after each sample.
fn start_writer(history: &Path) -> Process {
    let writer = writer_path();
    assert!(
        writer.exists(),
        "{} is not built: cargo build --examples, as cargo test does",
        writer.display()
    );
    let mut command = Command::new(&writer);
    Process::spawn(command.arg(history).arg("forever").stdin(Stdio::null()))
}

/// Waits for a short time without giving up the processor.
fn spin(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {
        std::hint::spin_loop();
    }
}

#[tokio::test]
async fn a_killed_writer_loses_no_written_sample() {
    let folder = tempfile::tempdir().unwrap();
    let mut total_reported = 0;
    for round in 0..KILLS {
        let path = folder.path().join(format!("{}.sqlite", round % 5));
        let before = if path.exists() { samples_in(&path) } else { 0 };
        let mut writer = start_writer(&path);
        // Kills some writers while they create their tables, most in the middle of a sample.
        let lines_before_kill = usize::try_from(round / 5).unwrap();
        writer.first_lines(lines_before_kill);
        spin(Duration::from_micros(round % 5 * 700));
        writer.kill();
        let lines = writer.end().await.stdout;
        let mut last = lines.lines().rev().filter_map(|line| line.parse().ok());
        let reported: i64 = last.next().unwrap_or(0);
        if !path.exists() || std::fs::metadata(&path).unwrap().len() == 0 {
            assert_eq!(reported, 0);
            continue;
        }
        // The wall clock advances less than the samples, so some overwrite those of the previous round.
        let after = samples_in(&path);
        assert!(
            after >= before.max(reported),
            "{after} of {reported} and {before}"
        );
        total_reported += reported;
    }
    assert!(
        total_reported > 100,
        "too few samples before the kills: {total_reported}"
    );
}

/// Waits until the statistics of the program contain a text, and returns them.
async fn wait_for_stats(program: &Program, text: &str) -> String {
    wait_for(&format!("the statistics contain {text}"), async || {
        let response = get(program.address, "/api/v1/stats", "").await.expect(200);
        let stats = response.text().to_owned();
        stats.contains(text).then_some(stats)
    })
    .await
}

fn program(path: &Path) -> Command {
    let mut command = command(&["--listen", "127.0.0.1:0", "--workers", "1"]);
    command.arg("--history").arg(path);
    command
}

/// Makes the program write without a pause: each request adds an audit entry and changes the alert document. Returns once
/// this many are answered, and leaves ten under way.
async fn write_alert_rules(program: &Program, target: usize) {
    let body = "{\"series\":\"swarms\",\"comparison\":\">\",\"threshold\":1}";
    let put = request("PUT /api/v1/alerts/rules/busy", &bearer(TOKEN), body);
    let mut connection = http::Connection::open(program.address).await;
    connection.write(put.repeat(10)).await;
    for _ in 0..target {
        let response = connection.read_response(true).await;
        response.expect("a response").expect(200);
        connection.write(&put).await;
    }
}

/// Returns the number of entries in the audit log of a file that no process has open.
fn audit_entries_in(path: &Path) -> i64 {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    let count = "SELECT count(*) FROM journal WHERE journal = 'audit'";
    connection
        .query_row(count, (), |row| row.get(0))
        .unwrap_or(0)
}

#[tokio::test]
async fn fifty_kills_during_writes_do_not_damage_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own/history.sqlite");
    let start = || {
        let mut program = program(&path);
        program.env("SWARMHUB_ADMIN_TOKEN", TOKEN);
        Program::spawn(&mut program)
    };
    let mut entries = 0;
    for round in 0..KILLS {
        let mut program = start();
        // Kills some programs while they create their tables, most in the middle of an entry or a document.
        if round % 5 > 0 {
            write_alert_rules(&program, usize::try_from(round).unwrap()).await;
            spin(Duration::from_micros(round * 20));
        }
        program.process.kill();
        program.end().await;
        if !path.exists() || std::fs::metadata(&path).unwrap().len() == 0 {
            continue;
        }
        samples_in(&path);
        let after = audit_entries_in(&path);
        assert!(after >= entries, "{after} of {entries}");
        entries = after;
    }
    assert!(entries > 500, "too few entries before the kills: {entries}");
    let program = start();
    wait_for_stats(&program, "\"history_works\":1").await;
    let log = program.stop().await;
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
    assert_eq!(samples_in(&path), 0);
    assert!(!folder.path().join("own/history.sqlite.damaged").exists());
}

#[tokio::test]
async fn the_history_is_stored_in_the_state_folder_by_default() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(&["--listen", "127.0.0.1:0"]);
    command
        .env_remove("SWARMHUB_HISTORY")
        .env("STATE_DIRECTORY", folder.path());
    let program = Program::spawn(&mut command);
    wait_for_stats(&program, "\"history_works\":1").await;
    program.stop().await;
    assert_eq!(samples_in(&folder.path().join("history.sqlite")), 0);
}

#[tokio::test]
async fn a_file_error_disables_history_and_is_logged_once() {
    let folder = tempfile::tempdir().unwrap();
    let newer = folder.path().join("newer.sqlite");
    let connection = Connection::open(&newer).unwrap();
    connection
        .execute_batch(
            "PRAGMA application_id = 1398229058; PRAGMA user_version = 1000; CREATE TABLE x (y)",
        )
        .unwrap();
    drop(connection);
    let damaged = folder.path().join("damaged.sqlite");
    std::fs::write(&damaged, "SQLite format 3\0 and no more".repeat(100)).unwrap();
    let settings = folder.path().join("swarmhub.toml");
    std::fs::write(&settings, "interval = 60\n").unwrap();
    let without_folder = Path::new("/proc/nowhere/history.sqlite");
    for (path, works, log_text) in [
        (newer.as_path(), 0, "a later version of swarmhub wrote it"),
        (damaged.as_path(), 1, "new history file started"),
        (without_folder, 0, "history unavailable"),
        (settings.as_path(), 0, "not an SQLite database"),
    ] {
        let before = std::fs::read(path).ok();
        let program = Program::spawn(&mut program(path));
        let stats = wait_for_stats(&program, &format!("\"history_works\":{works}")).await;
        assert!(stats.contains("\"history_failures\":"), "{stats}");
        assert!(!stats.contains("\"history_failures\":0,"), "{stats}");
        let log = program.stop().await;
        assert_eq!(log.matches(log_text).count(), 1, "{log}");
        assert_eq!(
            log.matches("history started place=").count(),
            works,
            "{log}"
        );
        if path == newer || path == settings {
            assert_eq!(std::fs::read(path).ok(), before, "the file is unchanged");
        }
    }
    let aside = folder.path().join("damaged.sqlite.damaged");
    assert!(
        std::fs::read_to_string(aside)
            .unwrap()
            .starts_with("SQLite format 3")
    );
}

#[tokio::test]
async fn a_file_size_limit_disables_history_and_is_logged_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    // Too small for the tables (the unit is 512 or 1024 bytes).
    let limited = |path: &Path| {
        let program = program(path);
        let mut limited = Command::new("sh");
        limited
            .args(["-c", "ulimit -f 40 && exec \"$0\" \"$@\""])
            .arg(program.get_program())
            .args(program.get_args())
            .stdin(Stdio::null());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => limited.env(name, value),
                None => limited.env_remove(name),
            };
        }
        limited
    };
    let program = Program::spawn(&mut limited(&path));
    wait_for_stats(&program, "\"history_works\":0").await;
    // The server retries after one second, two, and so on, and keeps serving.
    let stats = wait_for_stats(&program, "\"history_failures\":3").await;
    assert!(stats.contains("\"history_works\":0"), "{stats}");
    let log = program.stop().await;
    assert_eq!(log.matches("history unavailable").count(), 1, "{log}");
    assert!(log.contains("may not grow any more"), "{log}");
}

/// A tmpfs of 512 KiB, if this user may mount one.
#[cfg(target_os = "linux")]
struct SmallDisk(PathBuf);

#[cfg(target_os = "linux")]
impl SmallDisk {
    fn mount(at: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"])
            .arg(at);
        let done = mount.stderr(Stdio::null()).status().ok()?;
        done.success().then(|| Self(at.to_owned()))
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_pauses_history_until_space_is_free() {
    use std::io::Write;

    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path()) else {
        let reason = "skipped: a_full_disk_pauses_history_until_space_is_free: mounting a tmpfs is not permitted\n";
        std::io::stderr().write_all(reason.as_bytes()).unwrap();
        return;
    };
    let path = disk.0.join("history.sqlite");
    let mut writer = start_writer(&path);
    // The writer prints the number of its samples even if it cannot write one.
    let last_lines = |count: usize| -> Vec<u64> {
        let lines = writer.stdout();
        let last = lines.lines().rev().take(count);
        last.map(|line| line.parse().unwrap()).collect()
    };
    let mut patience = Patience::new("the disk fills up");
    let mut seen = 0;
    let full = loop {
        match &last_lines(100)[..] {
            [last, .., first] if last == first => break *last,
            [last, ..] if *last > seen => {
                seen = *last;
                patience.progress();
            }
            _ => {}
        }
        patience.turn().await;
    };
    let remounted = Command::new("mount")
        .args(["-o", "remount,size=64m"])
        .arg(folder.path())
        .status();
    assert!(remounted.unwrap().success());
    let resumed = || last_lines(1)[0] >= full + 10;
    wait_until("writing resumes", resumed).await;
    writer.kill();
    writer.end().await;
    assert!(samples_in(&path) > 10);
}
