//! Stores the statistics as history, and documents and journals that must survive a restart.
//!
//! Callers use [`Store`], which never waits for a disk; a [`Keeper`] on a thread of its own does. Only totals are
//! stored,
//! never a peer or an address.

mod archive;
mod desk;
mod file;
mod health;
mod keeper;
mod kept;
mod level;
mod records;
mod sample;
mod schema;
mod store;
mod sum;
mod trouble;

pub use archive::Place;
pub use desk::{Entries, JOURNAL_ENTRIES_MAX, JOURNAL_KEPT, Journal, NOTE_BYTES_MAX};
pub use keeper::Keeper;
pub use kept::kept;
pub use level::POINTS_MAX;
pub use records::{TOP_SWARMS_MOMENTS_MAX, TopSwarm, TopSwarms};
pub use store::{Answer, Asker, DOCUMENT_BYTES_MAX, Line, Query, Store, StoreError};
