//! What is kept of the statistics: history, and with it what others want to find again after a restart.
//!
//! [`Store`] is the way to it for everybody.

mod desk;
mod store;

pub use desk::{JOURNAL_ENTRIES_MAX, JOURNAL_KEPT, Journal, NOTE_BYTES_MAX};
pub use store::{Answer, DOCUMENT_BYTES_MAX, Line, Query, Store, StoreError};
