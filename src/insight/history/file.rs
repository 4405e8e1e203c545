//! The file of the history as the system sees it: made for its user only, told from another one of the same name, and the log
//! beside it.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::trouble::Trouble;

/// With what every database begins (<https://sqlite.org/fileformat.html#magic_header_string>).
const HEAD: &[u8] = b"SQLite format 3\0";

/// A file that is open, to see when another one has taken its place.
pub(super) struct OpenFile {
    path: PathBuf,
    identity: Identity,
    /// Of its log of what is still to be put in its place.
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

    /// Takes note of its log, which is there once it was read.
    pub(super) fn note_log(&mut self) {
        self.log = identity(&beside(&self.path, "-wal")).ok();
    }

    /// Whether it is no longer there, or another one in its place.
    pub(super) fn is_gone(&self) -> bool {
        identity(&self.path).ok() != Some(self.identity)
    }

    /// Bytes that it takes, with its log.
    pub(super) fn bytes(&self) -> u64 {
        let bytes = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
        bytes(&self.path) + bytes(&beside(&self.path, "-wal"))
    }

    /// Removes the log that a file has left behind that is gone: SQLite would put it into the file that has taken its place.
    pub(super) fn forget_log(&self) {
        let log = beside(&self.path, "-wal");
        if self.log.is_some() && identity(&log).ok() == self.log {
            // What cannot be removed now is found damaged when it is opened.
            let _ = fs::remove_file(log);
            let _ = fs::remove_file(beside(&self.path, "-shm"));
        }
    }
}

/// Looks whether a file may be a database, before SQLite does: one that a wrong path names is nobody's to move away.
pub(super) fn check_head(path: &Path) -> Result<(), Trouble> {
    let mut head = Vec::new();
    let most = u64::try_from(HEAD.len()).unwrap_or(0);
    fs::File::open(path)?.take(most).read_to_end(&mut head)?;
    // After a power cut there may be nothing but zeros.
    let is_blank = head.iter().all(|&byte| byte == 0);
    if is_blank || head == HEAD {
        return Ok(());
    }
    Err(Trouble::NoDatabase)
}

/// The name of a file that belongs to another one.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Makes the file and its folder, for its user only: what swarms were large and who changed what is nobody else's business.
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

/// What tells a file from another one under the same name.
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
