//! Keeps the lists of `[access]` as their files say: reads them at the start, with each reload, and when they have changed.
//!
//! Whether they have is told by the times and sizes of the files, as a list may have forty megabytes. Lists that cannot be used
//! change nothing but a counter and a line in the log: the old ones stay.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::time::sleep;

use crate::config::{Access, AccessLists, InvalidConfig};
use crate::hub::Node;

/// How often the files are looked at. What has changed is read at the second look that finds it the same: nobody is writing then.
const EVERY: Duration = Duration::from_secs(2);

/// What is known of a file without reading it; `None` if there is none.
type Stamp = Option<(SystemTime, u64, Identity)>;
/// The number of a file, and when it or its permissions changed, in seconds and nanoseconds.
type Identity = (u64, i64, i64);
/// Of all files, in the order of [`Access::files`].
type Stamps = [Stamp; 3];

/// The files, and the node that goes by them.
#[derive(Debug)]
pub(super) struct Lists {
    files: Access,
    node: Arc<Node>,
    seen: Mutex<Seen>,
}

/// What the looks at the files have found.
#[derive(Debug, Default)]
struct Seen {
    /// When they were read that are in force.
    in_force: Stamps,
    /// At the last look.
    last: Stamps,
    /// When they were tried in vain, and that was told.
    refused: Option<Stamps>,
}

/// Files that were read and can be used.
#[derive(Debug)]
pub(super) struct Fresh {
    lists: AccessLists,
    stamps: Stamps,
}

impl Lists {
    /// Reads nothing yet.
    pub(super) fn new(files: &Access, node: &Arc<Node>) -> Arc<Self> {
        Arc::new(Self {
            files: files.clone(),
            node: Arc::clone(node),
            seen: Mutex::default(),
        })
    }

    /// As [`read`], while others have their turn.
    pub(super) async fn read_aside(&self) -> Result<Fresh, Vec<InvalidConfig>> {
        let files = self.files.clone();
        let read = tokio::task::spawn_blocking(move || read(&files)).await;
        // Only a panic could end it otherwise.
        read.unwrap_or_else(|_| Err(Vec::new()))
    }

    /// Puts what was read in force.
    pub(super) fn put_in_force(&self, fresh: Fresh) {
        let Fresh { lists, stamps } = fresh;
        if self.files != Access::default() {
            let hashes = |list: &Option<Vec<_>>| list.as_ref().map(Vec::len);
            tracing::info!(
                info_hashes_allowed = hashes(&lists.info_hashes_allowed),
                info_hashes_denied = hashes(&lists.info_hashes_denied),
                tokens = lists.tokens.as_ref().map(Vec::len),
                "access lists read"
            );
        }
        self.node.set_access(lists);
        let mut seen = self.seen.lock();
        seen.in_force = stamps;
        seen.refused = None;
    }

    /// Looks at the files again and again, and takes up what has changed; never completes.
    pub(super) async fn keep(self: &Arc<Self>) {
        if self.files == Access::default() {
            return std::future::pending().await;
        }
        loop {
            sleep(EVERY).await;
            let own = Arc::clone(self);
            // A disk may be slow; only a panic could keep this from ending, and the next look is due anyway.
            let _ = tokio::task::spawn_blocking(move || own.look()).await;
        }
    }

    fn look(&self) {
        if !self.has_changed(stamps(&self.files)) {
            return;
        }
        let counters = self.node.shared_counters();
        match read(&self.files) {
            Ok(fresh) => {
                counters.access_reloads.add_shared(1);
                self.put_in_force(fresh);
            }
            Err(problems) => {
                counters.access_reloads_failed.add_shared(1);
                for problem in problems {
                    tracing::error!("{problem}; the lists of [access] stay as they were");
                }
            }
        }
    }

    /// Whether there is something new that nobody is writing, and that was not tried yet; from now on it was.
    fn has_changed(&self, now: Stamps) -> bool {
        let mut seen = self.seen.lock();
        let settled = std::mem::replace(&mut seen.last, now) == now;
        if now == seen.in_force || !settled || seen.refused == Some(now) {
            return false;
        }
        seen.refused = Some(now);
        true
    }
}

/// Reads the files, which takes as long as the disk does; changes nothing.
///
/// # Errors
///
/// Of each file that cannot be used the first mistake.
pub(super) fn read(files: &Access) -> Result<Fresh, Vec<InvalidConfig>> {
    // First, so that what changes while it is read is seen at the next look.
    let stamps = stamps(files);
    let lists = files.read()?;
    Ok(Fresh { lists, stamps })
}

fn stamps(files: &Access) -> Stamps {
    files.files().map(|file| file.and_then(stamp))
}

fn stamp(file: &Path) -> Stamp {
    let told = fs::metadata(file).ok()?;
    Some((told.modified().ok()?, told.len(), identity(&told)))
}

/// Tells a file from another one that was put in its place, and from itself with other permissions.
#[cfg(unix)]
fn identity(told: &fs::Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (told.ino(), told.ctime(), told.ctime_nsec())
}

#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> Identity {
    (0, 0, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::protocol::http::Target;

    const OLD: &str = "0123456789abcdef";
    const NEW: &str = "fedcba9876543210";

    fn admits(lists: &Lists, token: &str) -> bool {
        lists.node.admits(Target {
            path: &format!("/{token}"),
            query: b"",
        })
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_may_be_read_now_is_another_one() {
        use std::os::unix::fs::PermissionsExt;
        let file = tempfile::NamedTempFile::new().expect("a file");
        let before = stamp(file.path());
        std::thread::park_timeout(Duration::from_millis(20));
        let permissions = fs::Permissions::from_mode(0o644);
        fs::set_permissions(file.path(), permissions).expect("changed");
        assert_ne!(stamp(file.path()), before);
    }

    #[test]
    fn what_has_changed_is_taken_up_when_it_has_settled_and_a_bad_file_is_tried_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tokens");
        let write = |text: &str| std::fs::write(&path, text).expect("written");
        write(OLD);
        let files = Access {
            tokens_file: Some(path.clone()),
            ..Access::default()
        };
        let node = Arc::new(Node::new(&Config::default(), 0));
        let lists = Lists::new(&files, &node);
        assert!(admits(&lists, "x"), "nothing is read yet");
        lists.put_in_force(read(&files).expect("lists"));
        assert!(admits(&lists, OLD) && !admits(&lists, NEW) && !admits(&lists, ""));
        let counted = || {
            let counters = node.counters();
            (counters.access_reloads, counters.access_reloads_failed)
        };
        (0..3).for_each(|_| lists.look());
        assert_eq!(counted(), (0, 0));

        // The sizes differ, so the test needs no clock.
        write(&format!("{NEW} a friend"));
        lists.look();
        assert!(admits(&lists, OLD), "it may still be written");
        lists.look();
        assert!(admits(&lists, NEW) && !admits(&lists, OLD));
        assert_eq!(counted(), (1, 0));

        write("bad");
        (0..4).for_each(|_| lists.look());
        assert_eq!(counted(), (1, 1));
        std::fs::remove_file(&path).expect("removed");
        (0..4).for_each(|_| lists.look());
        assert_eq!(counted(), (1, 2));
        assert!(admits(&lists, NEW), "the old list stays");

        write(&format!("{OLD}\n{NEW}\n"));
        (0..4).for_each(|_| lists.look());
        assert!(admits(&lists, OLD) && admits(&lists, NEW));
        assert_eq!(counted(), (2, 2));
    }
}
