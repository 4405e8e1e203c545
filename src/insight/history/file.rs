//! The history file on disk: creates it for its user only, detects that it was replaced, and handles its write-ahead
//! log.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::trouble::Trouble;

/// The first bytes of every SQLite database (<https://sqlite.org/fileformat.html#magic_header_string>).
const HEAD: &[u8] = b"SQLite format 3\0";

/// The identity of the open file, to detect that it was removed or replaced.
pub(super) struct OpenFile {
    path: PathBuf,
    identity: Identity,
    /// The identity of its write-ahead log.
    log: Option<Identity>,
}

type Identity = (u64, u64);

impl OpenFile {
    pub(super) fn new(path: &Path) -> Result<Self, Trouble> {
        Ok(Self {
            path: path.to_owned(),
            identity: identity(path)?,
            log: None,
        })
    }

    /// Stores the identity of its write-ahead log, which exists after the first read.
    pub(super) fn note_log(&mut self) {
        self.log = identity(&beside(&self.path, "-wal")).ok();
    }

    /// Returns whether it was removed or replaced.
    pub(super) fn is_gone(&self) -> bool {
        identity(&self.path).ok() != Some(self.identity)
    }

    /// Returns its size in bytes, including the log.
    pub(super) fn bytes(&self) -> u64 {
        let bytes = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
        bytes(&self.path) + bytes(&beside(&self.path, "-wal"))
    }

    /// Removes the log of a removed or replaced file: SQLite would apply it to the new file.
    pub(super) fn forget_log(&self) {
        let log = beside(&self.path, "-wal");
        if self.log.is_some() && identity(&log).ok() == self.log {
            // If this fails, the damage is found when the new file is opened.
            let _ = fs::remove_file(log);
            let _ = fs::remove_file(beside(&self.path, "-shm"));
        }
    }
}

/// Checks whether a file may be a database, before SQLite opens it: the file at a wrong path must not be moved aside as
/// damaged.
pub(super) fn check_head(path: &Path) -> Result<(), Trouble> {
    let mut head = Vec::new();
    let most = u64::try_from(HEAD.len()).unwrap_or(0);
    fs::File::open(path)?.take(most).read_to_end(&mut head)?;
    // After a power cut the file may be all zeros.
    let is_blank = head.iter().all(|&byte| byte == 0);
    if is_blank || head == HEAD {
        return Ok(());
    }
    Err(Trouble::NoDatabase)
}

/// Returns the path with a suffix, for a file that belongs to it.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Creates the file and its folder, readable by its user only: large swarms and the audit journal are confidential.
pub(super) fn create(path: &Path) -> Result<(), Trouble> {
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
fn identity(path: &Path) -> Result<Identity, Trouble> {
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
