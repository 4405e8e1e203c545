//! Checks the layers of the code: a module uses only modules below it. `docs/architecture.md` shows the same table.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms that it may use.
const LAYERS: [(&str, &[&str]); 18] = [
    ("main", &["conduct", "cli", "process", "load"]),
    ("conduct", &["cli", "process"]),
    ("cli", &["load"]),
    ("load", &["protocol"]),
    ("process", &[]),
    (
        "server",
        &[
            "worker", "net", "http", "hub", "swarm", "memory", "config", "protocol", "insight",
            "notify",
        ],
    ),
    (
        "worker",
        &[
            "net",
            "http",
            "connection",
            "hub",
            "limits",
            "memory",
            "config",
        ],
    ),
    ("notify", &["net", "insight", "config"]),
    ("echo", &["connection", "hub", "net", "config"]),
    (
        "http",
        &[
            "hub", "net", "limits", "swarm", "protocol", "insight", "config",
        ],
    ),
    ("connection", &["hub", "protocol", "websocket"]),
    (
        "hub",
        &[
            "tracker",
            "swarm",
            "protocol",
            "limits",
            "insight",
            "config",
            "websocket",
        ],
    ),
    ("tracker", &["swarm", "limits", "protocol"]),
    ("swarm", &["protocol"]),
    ("limits", &["config"]),
    ("net", &["config", "insight"]),
    ("memory", &[]),
    ("ground", &[]),
];
const FOUNDATION: [&str; 4] = ["protocol", "insight", "config", "websocket"];

/// Words that the core must not contain: tasks, clocks, sockets, and randomness that is not a parameter.
const NOT_IN_CORE: [&str; 9] = [
    "tokio",
    "async ",
    "time::Instant",
    "Instant::now",
    "SystemTime",
    "rand::rng",
    "rand::random",
    "thread_rng",
    "std::net",
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

fn room(file: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let first = file
        .strip_prefix(root)
        .unwrap()
        .components()
        .next()
        .unwrap();
    first
        .as_os_str()
        .to_str()
        .unwrap()
        .trim_end_matches(".rs")
        .to_owned()
}

fn is_test(file: &Path) -> bool {
    let text = file.to_str().unwrap();
    text.contains("/tests/") || text.ends_with("tests.rs")
}

/// Returns the code of a file without tests and comments.
fn code(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn is_program(room: &str) -> bool {
    ["main", "conduct", "cli", "process"].contains(&room)
}

/// Returns the rooms of this crate that a file uses.
fn used_rooms(file: &Path) -> BTreeSet<String> {
    let code = code(file);
    assert!(
        !code.contains("crate::{"),
        "{}: write one room per line",
        file.display()
    );
    let (library, program) = (code.split("crate::"), code.split("swarmhub::"));
    let named =
        library.skip(1).chain(
            program
                .skip(1)
                .take(if is_program(&room(file)) { 99 } else { 0 }),
        );
    let first_word = |rest: &str| {
        rest.split(|c: char| !c.is_alphanumeric() && c != '_')
            .next()
            .unwrap()
            .to_owned()
    };
    named
        .map(first_word)
        .filter(|word| word.starts_with(|c: char| c.is_ascii_lowercase()))
        .collect()
}

fn files() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    sources(&root)
        .into_iter()
        .filter(|file| !is_test(file))
        .collect()
}

#[test]
fn modules_use_only_lower_layers() {
    let mut violations = Vec::new();
    let mut edges = 0;
    for file in files() {
        let room = room(&file);
        if room == "lib" {
            continue;
        }
        // The program uses settings and server of the library.
        let name = if FOUNDATION.contains(&room.as_str()) {
            "ground"
        } else {
            &room
        };
        let (_, allowed) = LAYERS
            .iter()
            .find(|(listed, _)| *listed == name)
            .unwrap_or_else(|| panic!("no room {room}"));
        for used in used_rooms(&file) {
            edges += 1;
            let is_library = is_program(&room) && ["config"].contains(&used.as_str());
            if used != room && !is_library && !allowed.contains(&used.as_str()) {
                violations.push(format!("{} uses {used}", file.display()));
            }
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
    assert!(edges > 30, "the test found no code");
}

#[test]
fn the_layer_table_has_no_cycle() {
    let place = |name: &str| LAYERS.iter().position(|(room, _)| *room == name);
    for (room, uses) in LAYERS {
        for used in uses {
            let is_below = FOUNDATION.contains(used) || place(used) > place(room);
            assert!(is_below, "{room} is is_below {used}");
        }
    }
}

#[test]
fn the_core_uses_no_task_clock_or_socket() {
    let core = ["protocol", "swarm", "tracker", "limits"];
    let files: Vec<_> = files()
        .into_iter()
        .filter(|file| core.contains(&room(file).as_str()))
        .collect();
    assert!(files.len() > 10);
    for file in files {
        let text = code(&file);
        for word in NOT_IN_CORE {
            assert!(!text.contains(word), "{} contains {word}", file.display());
        }
    }
}
