//! The history database under kills, full disks and damaged files: no file is lost, and the server keeps running.

#![cfg(unix)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use crate::process::{Program, command};

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

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_killed_writer_loses_no_written_sample() {
    let writer = writer_path();
    assert!(
        writer.exists(),
        "{} is not built: cargo build --examples, as cargo test does",
        writer.display()
    );
    let folder = tempfile::tempdir().unwrap();
    let mut total_reported = 0;
    for round in 0..KILLS {
        let path = folder.path().join(format!("{}.sqlite", round % 5));
        let before = if path.exists() { samples_in(&path) } else { 0 };
        let mut child = Command::new(&writer)
            .args([path.as_os_str(), "forever".as_ref()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Kills some writers while they create their tables, most in the middle of a sample.
        let (lines_before_kill, delay) = (
            i64::try_from(round / 5).unwrap(),
            Duration::from_micros(round % 5 * 700),
        );
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut reported = 0;
        while reported < lines_before_kill
            && let Some(Ok(line)) = lines.next()
        {
            reported = line.parse().unwrap();
        }
        let start = Instant::now();
        while start.elapsed() < delay {
            std::hint::spin_loop();
        }
        kill(child);
        for line in lines.map_while(Result::ok) {
            reported = line.parse().unwrap_or(reported);
        }
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

/// Waits until the statistics of the program contain a text, and returns the response.
fn wait_for_stats(program: &Program, what: &str) -> String {
    use std::io::{Read, Write};
    let began = Instant::now();
    loop {
        let mut stream = std::net::TcpStream::connect(program.address).unwrap();
        stream
            .write_all(
                b"GET /api/v1/stats HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
            )
            .unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        if response.contains(what) {
            return response;
        }
        assert!(began.elapsed() < crate::support::TIMEOUT, "{response}");
        std::thread::park_timeout(Duration::from_millis(100));
    }
}

fn program(path: &Path) -> Command {
    let mut command = command(&["--listen", "127.0.0.1:0", "--workers", "1"]);
    command.arg("--history").arg(path);
    command
}

/// Makes the program write without a pause: each request adds an audit entry and changes the alert document.
/// Returns how many requests were answered.
fn write_alert_rules(program: &Program, time: Duration) -> i64 {
    use std::io::{Read, Write};
    let body = "{\"series\":\"swarms\",\"comparison\":\">\",\"threshold\":1}";
    let request = format!(
        "PUT /api/v1/alerts/rules/busy HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = std::net::TcpStream::connect(program.address).unwrap();
    stream
        .set_read_timeout(Some(crate::support::TIMEOUT))
        .unwrap();
    let began = Instant::now();
    let mut answered = 0;
    let mut buffer = vec![0; 64 * 1024];
    while began.elapsed() < time {
        stream.write_all(request.repeat(10).as_bytes()).unwrap();
        let bytes = stream.read(&mut buffer).unwrap();
        let answers = String::from_utf8_lossy(&buffer[..bytes]);
        answered += i64::try_from(answers.matches("HTTP/1.1 200").count()).unwrap();
    }
    answered
}

#[test]
fn fifty_kills_during_writes_do_not_damage_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own/history.sqlite");
    let start = || {
        let mut program = program(&path);
        program.env("SWARMHUB_ADMIN_TOKEN", TOKEN);
        // The log of these changes is not read, so keep it short.
        program.env("SWARMHUB_LOG_LEVEL", "warn");
        Program::spawn(&mut program)
    };
    let (mut entries, mut answered) = (0, 0);
    for round in 0..KILLS {
        let mut program = start();
        // Kills some programs while they create their tables, most in the middle of an entry or a document.
        answered += write_alert_rules(&program, Duration::from_micros(round * 1_700));
        program.child.kill().unwrap();
        program.child.wait().unwrap();
        if !path.exists() || std::fs::metadata(&path).unwrap().len() == 0 {
            continue;
        }
        samples_in(&path);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let connection = Connection::open_with_flags(&path, flags).unwrap();
        let count = "SELECT count(*) FROM journal WHERE journal = 'audit'";
        let after: i64 = connection
            .query_row(count, (), |row| row.get(0))
            .unwrap_or(0);
        assert!(after >= entries, "{after} of {entries}");
        entries = after;
    }
    assert!(
        entries > 500,
        "too few entries before the kills: {entries} of {answered}"
    );
    let program = start();
    wait_for_stats(&program, "\"history_works\":1");
    program.signal("-INT");
    let (code, log) = program.end();
    assert_eq!(code, Some(0));
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
    assert_eq!(samples_in(&path), 0);
    assert!(!folder.path().join("own/history.sqlite.damaged").exists());
}

#[test]
fn the_history_is_stored_in_the_state_folder_by_default() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(&["--listen", "127.0.0.1:0"]);
    command
        .env_remove("SWARMHUB_HISTORY")
        .env("STATE_DIRECTORY", folder.path());
    let program = Program::spawn(&mut command);
    wait_for_stats(&program, "\"history_works\":1");
    program.signal("-INT");
    assert_eq!(program.end().0, Some(0));
    assert_eq!(samples_in(&folder.path().join("history.sqlite")), 0);
}

#[test]
fn a_file_error_disables_history_and_is_logged_once() {
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
        let stats = wait_for_stats(&program, &format!("\"history_works\":{works}"));
        assert!(stats.contains("\"history_failures\":"), "{stats}");
        assert!(!stats.contains("\"history_failures\":0,"), "{stats}");
        program.signal("-INT");
        let (code, log) = program.end();
        assert_eq!(code, Some(0), "{log}");
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

#[test]
fn a_file_size_limit_disables_history_and_is_logged_once() {
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
    wait_for_stats(&program, "\"history_works\":0");
    // The server retries after one second, three, and so on, and keeps serving.
    std::thread::park_timeout(Duration::from_secs(4));
    let stats = wait_for_stats(&program, "\"history_works\":0");
    assert!(!stats.contains("\"history_failures\":0,"), "{stats}");
    program.signal("-INT");
    let (code, log) = program.end();
    assert_eq!(code, Some(0), "{log}");
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
#[test]
fn a_full_disk_pauses_history_until_space_is_free() {
    use std::io::Write;
    use std::os::fd::AsRawFd;

    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(folder.path()) else {
        let reason = "skipped: a_full_disk_pauses_history_until_space_is_free: mounting a tmpfs is not permitted\n";
        std::io::stderr().write_all(reason.as_bytes()).unwrap();
        return;
    };
    let path = disk.0.join("history.sqlite");
    let mut child = Command::new(writer_path())
        .args([path.as_os_str(), "forever".as_ref()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = child.stdout.take().unwrap();
    assert!(stdout.as_raw_fd() > 0);
    // The writer prints lines even if it cannot write samples.
    let mut lines = BufReader::new(stdout)
        .lines()
        .map(|line| line.unwrap().parse::<u64>().unwrap());
    let mut last = lines.next().unwrap();
    let start = Instant::now();
    let mut same = 0;
    while same < 100 {
        let reported = lines.next().unwrap();
        same = if reported == last { same + 1 } else { 0 };
        last = reported;
        assert!(
            start.elapsed() < crate::support::TIMEOUT,
            "the disk did not fill up"
        );
    }
    let remounted = Command::new("mount")
        .args(["-o", "remount,size=64m"])
        .arg(folder.path())
        .status();
    assert!(remounted.unwrap().success());
    while lines.next().unwrap() < last + 10 {
        assert!(
            start.elapsed() < crate::support::TIMEOUT,
            "writing did not resume"
        );
    }
    kill(child);
    assert!(samples_in(&path) > 10);
}
