//! Shell commands of the pages: their syntax, the flags of the program, and queries of the history file.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::CodeBlock;
use crate::support::files::repository_path;
use crate::support::program::{Program, command};

/// The content of files that commands name; it is long enough for a token.
const FILE_CONTENT: &str = "4f5c1d0c6be8b1c0a4c4a8b6c38d1a77\n";

/// The content of a file with the seed of an nkey, of the right length.
const SEED: &str = "SUAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Checks a block: `bash -n`, and every command of the project in it.
pub(super) async fn check(block: &CodeBlock) {
    let place = &block.place;
    let bash = Command::new("bash")
        .args(["-n", "-c", &block.code])
        .output();
    let bash = bash.expect("bash is installed");
    let errors = String::from_utf8_lossy(&bash.stderr);
    assert!(bash.status.success(), "{place}: {errors}");
    let joined = block.code.replace("\\\n", " ");
    for line in joined.lines() {
        if let Some(program) = after_program(line) {
            check_flags(place, program);
        }
        let script = line.split(' ').next().unwrap_or_default();
        if script.starts_with("tests/") || script.starts_with("deploy/") {
            assert!(repository_path(script).is_file(), "{place}: {script}");
        }
    }
    if block.code.starts_with("sqlite3 ") {
        check_query(block).await;
    }
}

/// Returns the command line of the program in a line, from its name.
fn after_program(line: &str) -> Option<&str> {
    let line = line.split(" # ").next()?;
    let start = line.find("swarmhub ")?;
    let before = &line[..start];
    // What is behind belongs to another command.
    let command = line[start..].split(['&', ';', '>', '|']).next()?;
    // Other programs name it as an argument.
    let other = ["cargo", "docker", "systemctl", "install", "printf"];
    (!other.iter().any(|name| before.starts_with(name))).then_some(command)
}

/// Lets the program parse the flags of a command line that begins with its name.
pub(super) fn check_flags(place: &str, line: &str) {
    let folder = tempfile::tempdir().unwrap();
    let line = with_files(&line.replace("$!", "1").replace("PID", "1"), folder.path());
    let line = line
        .replace("$!", "1")
        .replace("PID", "1")
        .replace('\'', "");
    // No authority issues a certificate for an address of the documentation (RFC 5737).
    let line = line.replace("203.0.113.7", "9.9.9.9");
    let line = line.replace(" URL", " ws://127.0.0.1:8000/");
    let line = with_files(&line, folder.path());
    let mut arguments: Vec<_> = line.split_whitespace().skip(1).collect();
    match arguments.first() {
        // `--help` ends the program when all before it has been parsed.
        Some(&"load" | &"check-config") => arguments.push("--help"),
        Some(&"print-config") => {}
        _ => arguments.insert(0, "print-config"),
    }
    let output = command(&arguments).current_dir(folder.path()).output();
    let output = output.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{place}: {line}\n{errors}");
}

/// Creates the files that a text names, below `folder`, and returns the text with these paths.
pub(super) fn with_files(text: &str, folder: &Path) -> String {
    fs::write(folder.join("swarmhub.toml"), "").unwrap();
    let mut changed = text.to_owned();
    let is_end = |sign: char| sign.is_whitespace() || "\"',".contains(sign);
    let is_path = |word: &&str| {
        ["/etc/", "/var/"]
            .iter()
            .any(|start| word.starts_with(start))
    };
    let paths: BTreeSet<_> = text.split(is_end).filter(is_path).collect();
    for path in paths {
        let file = folder.join(path.trim_start_matches('/'));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let content = match file.extension().and_then(OsStr::to_str) {
            Some("toml") => "",
            Some("seed") => SEED,
            _ => FILE_CONTENT,
        };
        // The server creates the directory of certificates.
        if !path.ends_with("/acme") {
            fs::write(&file, content).unwrap();
        }
        changed = changed.replace(path, file.to_str().unwrap());
    }
    changed
}

/// Prepares the query of a command on the file of a server.
async fn check_query(block: &CodeBlock) {
    let query = block.code.split('"').nth(1).expect("a query in quotes");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.sqlite");
    let program = Program::start(&["--history", file.to_str().unwrap()]);
    program.stop().await;
    let database = rusqlite::Connection::open(&file).unwrap();
    let prepared = database
        .prepare(query)
        .map(|statement| statement.column_count());
    assert!(prepared.is_ok(), "{}: {prepared:?}", block.place);
}
