//! Loads the list files, those of `[access]` and `tracker.groups`: at the start, with each reload, and when they change.
//!
//! Changes are detected by file times and sizes, as a list may have forty megabytes. Invalid lists only increase a
//! counter and are logged; the old lists stay active.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::time::sleep;

use crate::config::{InvalidConfig, ListFiles, Lists};
use crate::node::Node;

/// How often the files are checked. A changed file is read at the second check that finds it the same, because then it
/// is not being written.
const CHECK_EVERY: Duration = Duration::from_secs(2);

/// File metadata that detects a change without reading the file; `None` if there is no file.
type FileStamp = Option<(SystemTime, u64, FileChangeId)>;
/// The inode number of a file, and the time when its content or permissions changed, in seconds and nanoseconds.
type FileChangeId = (u64, i64, i64);
/// The stamps of all files, in the order of [`ListFiles::paths`].
type FileStamps = [FileStamp; 4];

/// The files, and the node that uses their lists.
#[derive(Debug)]
pub(super) struct ListWatcher {
    files: ListFiles,
    node: Arc<Node>,
    seen: Mutex<SeenStamps>,
}

/// The results of earlier checks.
#[derive(Debug, Default)]
struct SeenStamps {
    /// Of the files whose lists are active.
    active: FileStamps,
    /// At the last check.
    last: FileStamps,
    /// Of the files last tried; those that failed are logged.
    tried: Option<FileStamps>,
}

/// Valid lists that were read from the files.
#[derive(Debug)]
pub(super) struct LoadedLists {
    lists: Lists,
    stamps: FileStamps,
}

impl ListWatcher {
    /// Creates the watcher without reading any file.
    pub(super) fn new(files: ListFiles, node: &Arc<Node>) -> Arc<Self> {
        Arc::new(Self {
            files,
            node: Arc::clone(node),
            seen: Mutex::default(),
        })
    }

    /// As [`read`], on a blocking thread.
    pub(super) async fn read_in_background(&self) -> Result<LoadedLists, Vec<InvalidConfig>> {
        let files = self.files.clone();
        let read = tokio::task::spawn_blocking(move || read(&files)).await;
        // Fails only if the task panics.
        read.unwrap_or_else(|_| Err(Vec::new()))
    }

    /// Activates lists that were read.
    pub(super) fn activate(&self, fresh: LoadedLists) {
        let LoadedLists { lists, stamps } = fresh;
        if !self.files.is_empty() {
            let hashes = |list: &Option<Vec<_>>| list.as_ref().map(Vec::len);
            let Lists { access, sites } = &lists;
            tracing::info!(
                info_hashes_allowed = hashes(&access.info_hashes_allowed),
                info_hashes_denied = hashes(&access.info_hashes_denied),
                tokens = access.tokens.as_ref().map(Vec::len),
                networks = sites.as_ref().map(|sites| sites.site_indexes().len()),
                sites = sites.as_ref().map(|sites| sites.names().len()),
                "list files read"
            );
        }
        self.node.set_lists(lists);
        let mut seen = self.seen.lock();
        seen.active = stamps;
        seen.tried = None;
    }

    /// Checks the files periodically and loads changed ones; never completes.
    pub(super) async fn watch(self: &Arc<Self>) {
        if self.files.is_empty() {
            return std::future::pending().await;
        }
        loop {
            sleep(CHECK_EVERY).await;
            let watcher = Arc::clone(self);
            // A disk may be slow, so this runs on a blocking thread. It fails only by a panic, and the next check
            // follows anyway.
            let _ = tokio::task::spawn_blocking(move || watcher.check_files()).await;
        }
    }

    fn check_files(&self) {
        if !self.has_changed(stamps(&self.files)) {
            return;
        }
        let counters = self.node.telemetry().shared_counters();
        match read(&self.files) {
            Ok(fresh) => {
                counters.access_reloads.add_shared(1);
                self.activate(fresh);
            }
            Err(problems) => {
                counters.access_reloads_failed.add_shared(1);
                for problem in problems {
                    tracing::error!("{problem}; the old lists stay active");
                }
            }
        }
    }

    /// Returns whether the files have changed, have settled and were not tried yet; marks them as tried.
    fn has_changed(&self, now: FileStamps) -> bool {
        let mut seen = self.seen.lock();
        let settled = std::mem::replace(&mut seen.last, now) == now;
        if now == seen.active || !settled || seen.tried == Some(now) {
            return false;
        }
        seen.tried = Some(now);
        true
    }
}

/// Reads the files, which blocks on the disk; changes nothing.
///
/// # Errors
///
/// The first mistake of each invalid file.
pub(super) fn read(files: &ListFiles) -> Result<LoadedLists, Vec<InvalidConfig>> {
    // Taken before reading, so that a change during the read is seen at the next check.
    let stamps = stamps(files);
    let lists = files.read()?;
    Ok(LoadedLists { lists, stamps })
}

fn stamps(files: &ListFiles) -> FileStamps {
    files.paths().map(|file| file.and_then(stamp))
}

fn stamp(file: &Path) -> FileStamp {
    let attributes = fs::metadata(file).ok()?;
    Some((
        attributes.modified().ok()?,
        attributes.len(),
        file_change_id(&attributes),
    ))
}

/// Detects a file that was replaced, or whose permissions changed.
#[cfg(unix)]
fn file_change_id(metadata: &fs::Metadata) -> FileChangeId {
    use std::os::unix::fs::MetadataExt;
    (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn file_change_id(_: &fs::Metadata) -> FileChangeId {
    (0, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::protocol::http::RequestTarget;

    const OLD: &str = "0123456789abcdef";
    const NEW: &str = "fedcba9876543210";

    fn admits(lists: &ListWatcher, token: &str) -> bool {
        lists.node.access_tokens().has_valid_token(RequestTarget {
            path: &format!("/{token}"),
            query: b"",
        })
    }

    #[cfg(unix)]
    #[test]
    fn a_permission_change_counts_as_a_file_change() {
        use std::os::unix::fs::PermissionsExt;
        let file = tempfile::NamedTempFile::new().expect("a file");
        let before = stamp(file.path());
        std::thread::park_timeout(Duration::from_millis(20));
        let permissions = fs::Permissions::from_mode(0o644);
        fs::set_permissions(file.path(), permissions).expect("changed");
        assert_ne!(stamp(file.path()), before);
    }

    #[test]
    fn settled_files_are_loaded_and_bad_ones_tried_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tokens");
        let write = |text: &str| std::fs::write(&path, text).expect("written");
        write(OLD);
        let mut config = Config::default();
        config.access.tokens_file = Some(path.clone());
        let files = ListFiles::new(&config);
        let node = Arc::new(Node::new(&Config::default(), 0));
        let lists = ListWatcher::new(files.clone(), &node);
        assert!(admits(&lists, "x"), "nothing is read yet");
        lists.activate(read(&files).expect("lists"));
        assert!(admits(&lists, OLD) && !admits(&lists, NEW) && !admits(&lists, ""));
        let counted = || {
            let counters = node.counters();
            (counters.access_reloads, counters.access_reloads_failed)
        };
        (0..3).for_each(|_| lists.check_files());
        assert_eq!(counted(), (0, 0));

        // The sizes differ, so that the test does not depend on file times.
        write(&format!("{NEW} a friend"));
        lists.check_files();
        assert!(admits(&lists, OLD), "it may still be written");
        lists.check_files();
        assert!(admits(&lists, NEW) && !admits(&lists, OLD));
        assert_eq!(counted(), (1, 0));

        write("bad");
        (0..4).for_each(|_| lists.check_files());
        assert_eq!(counted(), (1, 1));
        std::fs::remove_file(&path).expect("removed");
        (0..4).for_each(|_| lists.check_files());
        assert_eq!(counted(), (1, 2));
        assert!(admits(&lists, NEW), "the old list stays");

        write(&format!("{OLD}\n{NEW}\n"));
        (0..4).for_each(|_| lists.check_files());
        assert!(admits(&lists, OLD) && admits(&lists, NEW));
        assert_eq!(counted(), (2, 2));
    }
}
