//! Checks the rooms of `src/` against the table in `docs/architecture.md`: a room uses only the rooms of its row. A name
//! that `src/lib.rs` exports counts as a use of its room.
//!
//! The test reads whole files with a Rust parser. It ignores only items behind `#[cfg(test)]` and test files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Item};

/// Synchronous rooms without tasks, clocks, sockets and global randomness.
const CORE: [&str; 6] = [
    "protocol", "timing", "swarm", "tracker", "limits", "cluster",
];

/// Words that the core must not contain.
const NOT_IN_CORE: [&str; 12] = [
    "tokio",
    "async",
    "await",
    "Instant",
    "SystemTime",
    "TcpListener",
    "TcpStream",
    "UdpSocket",
    "UnixListener",
    "UnixStream",
    "rng",
    "random",
];

/// Minimum number of uses between rooms; fewer mean that the test reads nothing.
const EDGES_MIN: usize = 100;

/// One row of the table, in order.
struct Row {
    room: String,
    uses: BTreeSet<String>,
}

/// Returns the rows of the table "Rooms". Its last column names the rooms that a room may use.
fn rows() -> Vec<Row> {
    let page = fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let table = page.split("## Rooms").nth(1).unwrap();
    let table = table.split("\n## ").next().unwrap();
    let names = |cell: &str| -> BTreeSet<String> {
        let quoted = cell.split('`').skip(1).step_by(2);
        quoted
            .map(|name| name.trim_end_matches('/').to_owned())
            .collect()
    };
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    rows.map(|line| {
        let cells: Vec<_> = line.trim_matches('|').split('|').collect();
        let [room, .., uses] = cells.as_slice() else {
            panic!("a row with fewer than two cells: {line}")
        };
        Row {
            room: names(room).pop_first().unwrap(),
            uses: names(uses),
        }
    })
    .collect()
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn sources(folder: &Path) -> Vec<PathBuf> {
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

/// Returns the files of `src/` without test files, each with its room. `lib.rs` only lists the rooms.
fn files() -> Vec<(String, PathBuf)> {
    let source = root().join("src");
    let with_room = |file: PathBuf| {
        let path = file.strip_prefix(&source).unwrap();
        let first = path
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap();
        let room = match first.trim_end_matches(".rs") {
            "bin" => "program",
            room => room,
        };
        let is_test = path.components().any(|part| part.as_os_str() == "tests")
            || path.file_name().is_some_and(|name| name == "tests.rs");
        let room = room.to_owned();
        (room != "lib" && !is_test).then_some((room, file))
    };
    sources(&source).into_iter().filter_map(with_room).collect()
}

/// Removes all items that only tests compile.
struct WithoutTests;

impl VisitMut for WithoutTests {
    fn visit_file_mut(&mut self, file: &mut syn::File) {
        file.items.retain(|item| !is_test_item(item));
        visit_mut::visit_file_mut(self, file);
    }

    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        if let Some((_, items)) = &mut module.content {
            items.retain(|item| !is_test_item(item));
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    fn visit_item_impl_mut(&mut self, block: &mut syn::ItemImpl) {
        block.items.retain(|item| match item {
            syn::ImplItem::Fn(function) => !is_for_tests(&function.attrs),
            syn::ImplItem::Const(constant) => !is_for_tests(&constant.attrs),
            _ => true,
        });
        visit_mut::visit_item_impl_mut(self, block);
    }
}

fn is_test_item(item: &Item) -> bool {
    is_for_tests(match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    })
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    let is_cfg_test = |attribute: &Attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Ident>()
                .is_ok_and(|condition| condition == "test")
    };
    attributes.iter().any(is_cfg_test)
}

/// Returns all words and signs of a file, without tests, comments and strings.
fn words(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    let mut parsed =
        syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    WithoutTests.visit_file_mut(&mut parsed);
    let mut words = Vec::new();
    flatten(parsed.into_token_stream(), &mut words);
    words
}

fn flatten(tokens: TokenStream, words: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => {
                words.push(String::from("{"));
                flatten(group.stream(), words);
                words.push(String::from("}"));
            }
            TokenTree::Ident(ident) => words.push(ident.to_string()),
            TokenTree::Punct(sign) => words.push(sign.to_string()),
            TokenTree::Literal(_) => words.push(String::from("literal")),
        }
    }
}

/// Returns the names that `src/lib.rs` exports from rooms, each with its room.
fn exports() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let mut exports = BTreeMap::new();
    for item in syn::parse_file(&text).unwrap().items {
        let Item::Use(item) = item else { continue };
        let mut names = Vec::new();
        flatten(item.tree.into_token_stream(), &mut names);
        let is_name = |name: &String| name.starts_with(char::is_alphabetic);
        let mut names = names.into_iter().filter(is_name);
        let room = names.next().unwrap();
        exports.extend(names.map(|name| (name, room.clone())));
    }
    assert!(exports.len() > 10, "{exports:?}");
    exports
}

/// Returns the rooms that the file names: `crate::room` and, in the program, `swarmhub::room`, also in groups.
fn used(room: &str, file: &Path, exports: &BTreeMap<String, String>) -> BTreeSet<String> {
    let words = words(file);
    let mut found = BTreeSet::new();
    for (at, window) in words.windows(4).enumerate() {
        let [base, colon, second, name] = window else {
            continue;
        };
        let is_base = base == "crate" || (room == "program" && base == "swarmhub");
        if !is_base || colon != ":" || second != ":" {
            continue;
        }
        if name == "{" {
            found.extend(group_members(&words[at + 4..]));
        } else {
            found.insert(name.clone());
        }
    }
    let with_room = |name: String| exports.get(&name).cloned().unwrap_or(name);
    let mut rooms: BTreeSet<_> = found.into_iter().map(with_room).collect();
    rooms.retain(|name| name.starts_with(|first: char| first.is_ascii_lowercase()));
    rooms
}

/// Returns the first word of each member of a group of imports. `words` begins after its opening brace.
fn group_members(words: &[String]) -> Vec<String> {
    let mut members = Vec::new();
    let (mut depth, mut is_first) = (1, true);
    for word in words {
        match word.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => is_first = true,
            word if is_first => {
                members.push(word.to_owned());
                is_first = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    members
}

#[test]
fn every_file_uses_only_the_rooms_of_its_row() {
    let rows = rows();
    let by_room: BTreeMap<_, _> = rows.iter().map(|row| (row.room.as_str(), row)).collect();
    let (mut violations, mut edges, exports) = (Vec::new(), 0, exports());
    let mut unused: BTreeMap<_, _> = rows
        .iter()
        .map(|row| (row.room.clone(), row.uses.clone()))
        .collect();
    for (room, file) in files() {
        let Some(row) = by_room.get(room.as_str()) else {
            violations.push(format!(
                "{}: docs/architecture.md has no room {room}",
                file.display()
            ));
            continue;
        };
        for name in used(&room, &file, &exports) {
            edges += 1;
            unused.entry(room.clone()).or_default().remove(&name);
            // The modules of the program are one room.
            let is_own =
                name == room || (room == "program" && !by_room.contains_key(name.as_str()));
            if !is_own && !row.uses.contains(&name) {
                violations.push(format!("{} uses {name}", file.display()));
            }
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
    unused.retain(|_, uses| !uses.is_empty());
    assert!(
        unused.is_empty(),
        "the table names uses that do not exist: {unused:#?}"
    );
    assert!(edges > EDGES_MIN, "{edges}");
}

#[test]
fn the_table_of_rooms_has_no_circle() {
    let rows = rows();
    let place = |name: &str| rows.iter().position(|row| row.room == name);
    for row in &rows {
        for used in &row.uses {
            assert!(
                place(used) > place(&row.room),
                "{} uses {used}, which is not below it",
                row.room
            );
        }
    }
    let in_source: BTreeSet<_> = files().into_iter().map(|(room, _)| room).collect();
    let in_table: BTreeSet<_> = rows.iter().map(|row| row.room.clone()).collect();
    assert_eq!(in_source, in_table);
}

#[test]
fn the_crate_map_lists_the_rooms_in_order() {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let lines = text.lines().filter_map(|line| line.strip_prefix("//! | "));
    let mut mapped = Vec::new();
    for line in lines {
        let first = line.split('|').next().unwrap();
        mapped.extend(first.split('`').skip(1).step_by(2));
    }
    // The program is no module of the crate.
    let rooms: Vec<_> = rows().into_iter().skip(1).map(|row| row.room).collect();
    assert_eq!(mapped, rooms);
}

#[test]
fn the_core_uses_no_task_clock_or_socket() {
    let files: Vec<_> = files()
        .into_iter()
        .filter(|(room, _)| CORE.contains(&room.as_str()))
        .collect();
    assert!(files.len() > 30, "{}", files.len());
    for (_, file) in files {
        let words = words(&file);
        for (at, word) in words.iter().enumerate() {
            let base = at.checked_sub(3).and_then(|at| words.get(at));
            // Randomness is forbidden only as a path of `rand`; the clock trait of governor has a type `Instant`.
            let is_allowed = match word.as_str() {
                "rng" | "random" => base.is_none_or(|base| base != "rand"),
                "Instant" => {
                    base.is_some_and(|base| base == "C")
                        || words
                            .get(at.wrapping_sub(1))
                            .is_some_and(|word| word == "type")
                }
                _ => false,
            };
            let is_forbidden = NOT_IN_CORE.contains(&word.as_str()) && !is_allowed;
            assert!(!is_forbidden, "{} contains {word}", file.display());
        }
    }
}

/// The modules of one room, each with its file.
struct ModuleTree(BTreeMap<Vec<String>, PathBuf>);

impl ModuleTree {
    fn of_room(room: &str) -> Self {
        let source = root().join("src");
        let in_room = files().into_iter().filter(|(known, _)| known == room);
        let modules = in_room.map(|(_, file)| {
            let path = file.strip_prefix(&source).unwrap().with_extension("");
            let parts = path.iter().map(|part| part.to_str().unwrap().to_owned());
            (parts.filter(|part| part != "mod").collect(), file)
        });
        Self(modules.collect())
    }

    /// Returns the modules that the file of `module` imports or names.
    fn used_by(&self, module: &[String]) -> BTreeSet<Vec<String>> {
        let words = words(&self.0[module]);
        let mut found = BTreeSet::new();
        for (at, word) in words.iter().enumerate() {
            let is_continued = at >= 2 && words[at - 1] == ":" && words[at - 2] == ":";
            let base = match word.as_str() {
                _ if is_continued => continue,
                // The visibility `pub(in crate::room)` is no import.
                _ if at >= 2 && words[at - 2..at] == ["{", "in"] => continue,
                "crate" => Vec::new(),
                "super" => module[..module.len() - 1].to_vec(),
                // A module names its children without a prefix.
                child if self.0.contains_key(&[module, &[child.to_owned()]].concat()) => {
                    [module, &[child.to_owned()]].concat()
                }
                _ => continue,
            };
            if words[at + 1..].starts_with(&[":".to_owned(), ":".to_owned()]) {
                self.follow(base, &words[at + 3..], &mut found);
            }
        }
        found.remove(module);
        found
    }

    /// Follows a path, or a group of paths, to the last part that is a module. `words` begins after `base::`.
    fn follow(&self, base: Vec<String>, words: &[String], found: &mut BTreeSet<Vec<String>>) {
        match words.first().map(String::as_str) {
            Some("super") => self.follow(base[..base.len() - 1].to_vec(), &words[3..], found),
            Some("{") => {
                let (mut depth, mut is_start) = (0, true);
                for (at, word) in words.iter().enumerate() {
                    depth += i32::from(word == "{") - i32::from(word == "}");
                    if depth == 0 {
                        break;
                    }
                    if depth == 1 && is_start && at > 0 {
                        self.follow(base.clone(), &words[at..], found);
                    }
                    is_start = depth == 1 && (word == "{" || word == ",");
                }
            }
            Some(name) => {
                let child = [base.as_slice(), &[name.to_owned()]].concat();
                let is_module = self.0.contains_key(&child);
                if is_module && words[1..].starts_with(&[":".to_owned(), ":".to_owned()]) {
                    self.follow(child, &words[3..], found);
                } else if is_module {
                    found.insert(child);
                } else if self.0.contains_key(&base) {
                    found.insert(base);
                }
            }
            None => {}
        }
    }
}

/// Rooms whose files import each other without a circle, with the minimum number of imports.
const WITHOUT_CIRCLES: [(&str, usize); 2] = [("http", EDGES_MIN), ("config", 50)];

#[test]
fn files_of_a_room_import_each_other_without_a_circle() {
    for (room, imports_min) in WITHOUT_CIRCLES {
        let in_circles = files_in_or_above_circles(room, imports_min);
        assert!(
            in_circles.is_empty(),
            "files in or above a circle: {in_circles:#?}"
        );
    }
}

/// Returns the files of a room that are part of a circle of imports, or import such a file.
fn files_in_or_above_circles(
    room: &str,
    imports_min: usize,
) -> BTreeMap<Vec<String>, BTreeSet<Vec<String>>> {
    let tree = ModuleTree::of_room(room);
    let mut edges: BTreeMap<_, _> = tree
        .0
        .keys()
        .map(|module| (module.clone(), tree.used_by(module)))
        .collect();
    let count: usize = edges.values().map(BTreeSet::len).sum();
    assert!(count > imports_min, "{room}: {count}");
    // Removes files that import none of the others, until none is left, or each imports another.
    loop {
        let leaves: Vec<_> = edges
            .iter()
            .filter(|(_, uses)| uses.is_empty())
            .map(|(module, _)| module.clone())
            .collect();
        if leaves.is_empty() {
            break;
        }
        edges.retain(|module, _| !leaves.contains(module));
        for uses in edges.values_mut() {
            uses.retain(|module| !leaves.contains(module));
        }
    }
    edges
}
