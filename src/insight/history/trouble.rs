//! What keeps history from being written or read, sorted by what can be done about it.

use std::io;

use rusqlite::ErrorCode;

/// Why history is not kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// It was written by a later version.
    #[error(
        "a later version of swarmhub wrote it (schema {found}, this one knows {known}), so it is left alone"
    )]
    Newer { found: i64, known: i64 },
    /// It is somebody else's.
    #[error("it is a database of another program, so it is left alone")]
    Foreign,
    /// It was never a history.
    #[error(
        "the file is no SQLite database, so it is left alone: name another path, or move it away"
    )]
    NoDatabase,
    /// It was there, and is no longer, or another one.
    #[error("the file has been removed or replaced")]
    Gone,
    /// Parts of it are not what they should be.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// Its folder or the file itself cannot be reached.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// SQLite says so.
    #[error("{}", remedy(.0))]
    Sql(rusqlite::Error),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Damaged(error.to_string())
            }
            _ => Self::Sql(error),
        }
    }
}

impl Trouble {
    /// Whether a new file in place of this one helps.
    pub(super) fn is_damage(&self) -> bool {
        matches!(self, Self::Damaged(_))
    }
}

fn remedy(error: &rusqlite::Error) -> String {
    let remedy = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program holds a lock on it"
        }
        Some(ErrorCode::DiskFull) => "the disk is full",
        Some(ErrorCode::SystemIoFailure) => {
            "the disk fails, or the file may not grow any more (ulimit -f, LimitFSIZE= of systemd)"
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "the user of the server must be able to write it and its folder"
        }
        Some(ErrorCode::CannotOpen) => {
            "it cannot be opened; the user of the server must be able to write to its folder"
        }
        _ => return error.to_string(),
    };
    format!("{remedy} ({error})")
}
