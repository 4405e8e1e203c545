//! Files of the repository that tests compare with the code.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the path of a file or folder of the repository.
pub(crate) fn repository_path(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(repository_path(path)).unwrap()
}

/// Returns the text of all files with this ending below a folder of the repository.
pub(crate) fn read_all(folder: &str, ending: &str) -> String {
    let mut text = String::new();
    for path in paths_below(&repository_path(folder)) {
        if path.to_str().unwrap().ends_with(ending) {
            text += &fs::read_to_string(&path).unwrap();
        }
    }
    text
}

/// Returns all Rust code in which a test can be.
pub(crate) fn read_rust() -> String {
    read_all("src", ".rs") + &read_all("tests/integration", ".rs")
}

/// Returns the paths of all files below a folder, sorted.
pub(crate) fn paths_below(folder: &Path) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_dir() {
            paths.push(path);
        } else if !path.ends_with("node_modules") {
            paths.extend(paths_below(&path));
        }
    }
    paths.sort();
    paths
}
