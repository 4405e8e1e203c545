//! The history file on disk: creates it for its user only, detects that it was replaced, and handles its write-ahead
//! log.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::error::HistoryError;

/// The first bytes of every SQLite database (<https://sqlite.org/fileformat.html#magic_header_string>).
const SQLITE_MAGIC: &[u8] = b"SQLite format 3\0";

/// The identity of the open file, to detect that it was removed or replaced.
pub(super) struct DatabaseFile {
    path: PathBuf,
    identity: FileIdentity,
    /// The identity of its write-ahead log.
    wal: Option<FileIdentity>,
}

type FileIdentity = (u64, u64);

impl DatabaseFile {
    pub(super) fn new(path: &Path) -> Result<Self, HistoryError> {
        Ok(Self {
            path: path.to_owned(),
            identity: file_identity(path)?,
            wal: None,
        })
    }

    /// Stores the identity of its write-ahead log, which exists after the first read.
    pub(super) fn remember_wal(&mut self) {
        self.wal = file_identity(&with_suffix(&self.path, "-wal")).ok();
    }

    /// Returns whether it was removed or replaced.
    pub(super) fn is_replaced(&self) -> bool {
        file_identity(&self.path).ok() != Some(self.identity)
    }

    /// Returns its size in bytes, including the log.
    pub(super) fn size_bytes(&self) -> u64 {
        let bytes = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
        bytes(&self.path) + bytes(&with_suffix(&self.path, "-wal"))
    }

    /// Removes the log of a removed or replaced file: SQLite would apply it to the new file.
    pub(super) fn remove_stale_wal(&self) {
        let log = with_suffix(&self.path, "-wal");
        if self.wal.is_some() && file_identity(&log).ok() == self.wal {
            // If this fails, the damage is found when the new file is opened.
            let _ = fs::remove_file(log);
            let _ = fs::remove_file(with_suffix(&self.path, "-shm"));
        }
    }
}

/// Checks whether a file may be a database, before SQLite opens it: the file at a wrong path must not be moved aside as
/// damaged.
pub(super) fn check_magic(path: &Path) -> Result<(), HistoryError> {
    let mut head = Vec::new();
    let most = u64::try_from(SQLITE_MAGIC.len()).unwrap_or(0);
    fs::File::open(path)?.take(most).read_to_end(&mut head)?;
    // After a power cut the file may be all zeros.
    let is_blank = head.iter().all(|&byte| byte == 0);
    if is_blank || head == SQLITE_MAGIC {
        return Ok(());
    }
    Err(HistoryError::NotSqlite)
}

/// Returns the path with a suffix, for a file that belongs to it.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Creates the file and its folder, readable by its user only: large swarms and the audit journal are confidential.
pub(super) fn create_private(path: &Path) -> Result<(), HistoryError> {
    if path.exists() {
        return Ok(());
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let mut folders = fs::DirBuilder::new();
    let mut options = fs::File::options();
    #[cfg(unix)]
    {
        use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
        folders.mode(0o700);
        options.mode(0o600);
    }
    if let Some(folder) = folder {
        folders.recursive(true).create(folder)?;
    }
    options
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    Ok(())
}

/// Returns the identity of a file: device and inode.
fn file_identity(path: &Path) -> Result<FileIdentity, HistoryError> {
    let file = fs::metadata(path)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Ok((file.dev(), file.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        Ok((0, 0))
    }
}
