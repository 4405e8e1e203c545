//! Starts the thread of the history, and looks at its file before.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf, absolute as made_absolute};
use std::thread;

use crate::config::{History, InvalidConfig};
use crate::insight::history::{Place, Store};
use crate::net::look::{check_room, may_write};

/// The name of the file in the folder for the server's own files.
const FILE: &str = "history.sqlite";

/// Keeps history where the setting says, on a thread that ends when the store is closed or dropped. Without it the server
/// does all else as well.
pub(super) fn keep(history: &History, state_folder: Option<&Path>) -> Store {
    let place = match (history, state_folder) {
        (History::Off, _) => return Store::none(),
        (History::At(path), _) => Place::File(absolute(path)),
        (History::File, Some(folder)) => Place::File(absolute(&folder.join(FILE))),
        (History::File, None) | (History::Memory, _) => Place::Memory,
    };
    let (store, keeper) = Store::at(place);
    let thread = thread::Builder::new().name("history".to_owned());
    match thread.spawn(move || keeper.run()) {
        Ok(_) => store,
        Err(error) => {
            tracing::error!(%error, "no history is kept: its thread cannot be started");
            Store::none()
        }
    }
}

/// Looks whether the history can be kept where the setting says; makes nothing.
///
/// Gives a warning where it cannot and the server does without: nobody has named a file, or it is the disk that has a trouble, which
/// may pass.
///
/// # Errors
///
/// The file that the operator has named can never be written.
pub(super) fn look(
    history: &History,
    state_folder: Option<&Path>,
) -> Result<Option<String>, InvalidConfig> {
    let (path, is_named) = match (history, state_folder) {
        (History::At(path), _) => (path.clone(), true),
        (History::File, Some(folder)) => (folder.join(FILE), false),
        _ => return Ok(None),
    };
    let Err(reason) = check_file(&path) else {
        return Ok(None);
    };
    let trouble = InvalidConfig {
        place: "history".to_owned(),
        what: format!("\"{}\" cannot be written ({reason})", path.display()),
        remedy: "give a file that this user may write, or memory or off".to_owned(),
    };
    let may_pass = [
        ErrorKind::ReadOnlyFilesystem,
        ErrorKind::StorageFull,
        ErrorKind::QuotaExceeded,
    ];
    if is_named && !may_pass.contains(&reason.kind()) {
        return Err(trouble);
    }
    Ok(Some(trouble.to_string()))
}

/// Whether a file can be written, or made with the folders above it.
fn check_file(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    if path.exists() {
        may_write(path)?;
    }
    // Its log stands beside it.
    check_room(path.parent().unwrap_or(Path::new("")))
}

/// Whole, so that the log says which file it is wherever the program was started.
fn absolute(path: &Path) -> PathBuf {
    // Fails only where there is no working directory any more.
    made_absolute(path).unwrap_or_else(|_| path.to_owned())
}
