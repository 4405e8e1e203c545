//! Starts the thread of the history.

use std::path::Path;
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
        (History::At(path), _) => Place::File(path.clone()),
        (History::File, Some(folder)) => Place::File(folder.join(FILE)),
        (History::File, None) | (History::Memory, _) => Place::Memory,
    };
    tracing::info!(%place, "history is kept");
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
