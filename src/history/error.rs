//! Errors of the history database, sorted by their remedy.

use std::io;

use rusqlite::ErrorCode;

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum HistoryError {
    /// A later version wrote it.
    #[error(
        "a later version of swarmhub wrote it (schema {found}, this one supports {known}); the file is not changed"
    )]
    NewerSchema { found: i64, known: i64 },
    /// It belongs to another program.
    #[error("the file is a database of another program; it is not changed")]
    ForeignDatabase,
    /// It is not a database.
    #[error(
        "the file is not an SQLite database and is not changed: set another path, or move the file"
    )]
    NotSqlite,
    /// The open file was removed or replaced.
    #[error("the file has been removed or replaced")]
    FileReplaced,
    /// The file is damaged.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// The file or its folder cannot be accessed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Another SQLite error.
    #[error("{}", describe_sqlite_error(.0))]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for HistoryError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Sqlite(error),
        }
    }
}

impl HistoryError {
    /// Returns whether a new file can replace this one.
    pub(super) fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged(_))
    }
}

fn describe_sqlite_error(error: &rusqlite::Error) -> String {
    let remedy = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program holds a lock on it"
        }
        Some(ErrorCode::DiskFull) => "the disk is full",
        Some(ErrorCode::SystemIoFailure) => {
            "the disk fails, or the file may not grow any more (check ulimit -f, LimitFSIZE= of systemd)"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "the server's user needs write permission for the file and its folder"
        }
        Some(ErrorCode::CannotOpen) => {
            "the file cannot be opened; the server's user needs write permission for its folder"
        }
        _ => return error.to_string(),
    };
    format!("{remedy} ({error})")
}
