//! Starts the thread of the history.

use std::path::{Path, PathBuf, absolute as made_absolute};
use std::thread;

use crate::config::History;
use crate::insight::history::{Place, Store};

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

/// Whole, so that the log says which file it is wherever the program was started.
fn absolute(path: &Path) -> PathBuf {
    // Fails only where there is no working directory any more.
    made_absolute(path).unwrap_or_else(|_| path.to_owned())
}
