//! Starts the history thread, and checks before whether its file can be written.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf, absolute as made_absolute};
use std::thread;

use crate::config::{HistoryStorage, InvalidConfig};
use crate::history::{HistoryLocation, HistoryStore};
use crate::net::config_check::{check_creatable_folder, check_writable};

/// Name of the history file in the folder for the server's own files.
const FILE_NAME: &str = "history.sqlite";

/// Opens the history where the setting says, on a thread that ends when the store is closed or dropped. If the thread
/// cannot start, the server runs without history.
pub(super) fn open(history: &HistoryStorage, state_directory: Option<&Path>) -> HistoryStore {
    let place = match (history, state_directory) {
        (HistoryStorage::Off, _) => return HistoryStore::disabled(),
        (HistoryStorage::Path(path), _) => HistoryLocation::File(absolute(path)),
        (HistoryStorage::File, Some(folder)) => {
            HistoryLocation::File(absolute(&folder.join(FILE_NAME)))
        }
        (HistoryStorage::File, None) | (HistoryStorage::Memory, _) => HistoryLocation::Memory,
    };
    let (store, writer) = HistoryStore::open(place);
    let builder = thread::Builder::new().name("history".to_owned());
    match builder.spawn(move || writer.run()) {
        Ok(_) => store,
        Err(error) => {
            tracing::error!(%error, "history disabled: its thread cannot be started");
            HistoryStore::disabled()
        }
    }
}

/// Checks whether the history can be stored where the setting says; creates nothing.
///
/// Returns a warning if it cannot and the server continues without history: no file was named, or the disk has an error
/// that may be temporary.
///
/// # Errors
///
/// The file named by the operator can never be written.
pub(super) fn check(
    history: &HistoryStorage,
    state_directory: Option<&Path>,
) -> Result<Option<String>, InvalidConfig> {
    let (path, is_named_by_operator) = match (history, state_directory) {
        (HistoryStorage::Path(path), _) => (path.clone(), true),
        (HistoryStorage::File, Some(folder)) => (folder.join(FILE_NAME), false),
        _ => return Ok(None),
    };
    let Err(reason) = check_file(&path) else {
        return Ok(None);
    };
    let problem = InvalidConfig {
        place: "history".to_owned(),
        what: format!("\"{}\" cannot be written ({reason})", path.display()),
        remedy: "name a file that this user can write, or use memory or off".to_owned(),
    };
    let temporary_errors = [
        ErrorKind::ReadOnlyFilesystem,
        ErrorKind::StorageFull,
        ErrorKind::QuotaExceeded,
    ];
    if is_named_by_operator && !temporary_errors.contains(&reason.kind()) {
        return Err(problem);
    }
    Ok(Some(problem.to_string()))
}

/// Checks whether a file can be written, or created together with its parent folders.
fn check_file(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if path.exists() {
        check_writable(path)?;
    }
    // SQLite writes its log next to the file.
    check_creatable_folder(path.parent().unwrap_or(Path::new("")))
}

/// Returns the absolute path, so that log lines name the file independent of the working directory.
fn absolute(path: &Path) -> PathBuf {
    // Fails only without a working directory.
    made_absolute(path).unwrap_or_else(|_| path.to_owned())
}
