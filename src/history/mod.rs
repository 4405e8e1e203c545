//! Stores the statistics as history, and documents and journals that must survive a restart.
//!
//! Callers use [`HistoryStore`], which never waits for a disk; a [`HistoryWriter`] on a thread of its own does. Only
//! totals are stored, never a peer or an address.

mod aggregate;
mod database;
mod error;
mod file;
mod health;
mod query;
mod record_buffer;
mod records;
mod resolution;
mod retained;
mod sample;
mod schema;
mod store;
mod writer;

pub use database::HistoryLocation;
pub use query::{HistoryQuery, QueryResult, Requester, SeriesPoints, StoreError};
pub use record_buffer::{
    JOURNAL_ENTRIES_MAX, JOURNAL_ENTRY_BYTES_MAX, JOURNAL_RETENTION, Journal, JournalEntries,
};
pub use records::{TOP_SWARMS_TIMES_MAX, TopSwarm, TopSwarms};
pub use resolution::POINTS_MAX;
pub use retained::retained_series;
pub use store::{DOCUMENT_BYTES_MAX, HistoryStore};
pub use writer::HistoryWriter;
