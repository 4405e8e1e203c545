//! Determines how much memory this process uses and may use. Linux only; other systems return nothing.

use std::fs;
use std::path::{Path, PathBuf};

use crate::procfs::{self, Process};

/// The budget's share of the limit. A fifth remains for other processes and for kernel memory other than sockets.
const BUDGET_SHARE: (usize, usize) = (4, 5);

/// More bytes than any machine has. Without a limit, cgroup v1 reports the largest page-aligned number.
const PLAUSIBLE_BYTES_MAX: usize = usize::MAX >> 4;

/// Returns the resident memory of this process in bytes.
pub(crate) fn resident_bytes() -> Option<usize> {
    usize::try_from(Process::current().resident_bytes()?).ok()
}

/// Returns the default budget: a share of the memory of the machine or its container.
pub(crate) fn budget_bytes() -> Option<usize> {
    let machine = procfs::total_memory_bytes().and_then(|bytes| usize::try_from(bytes).ok());
    let groups = Process::current().control_groups();
    let limits = limit_files(Path::new("/sys/fs/cgroup"), &groups);
    let limits = limits.filter_map(|file| parse_limit(&fs::read_to_string(file).ok()?));
    let least = limits.chain(machine).min()?;
    Some(least / BUDGET_SHARE.1 * BUDGET_SHARE.0)
}

/// Returns the files that may contain a limit, including those of parent groups. In a container, its group is at the
/// top, whatever its path outside.
fn limit_files(root: &Path, groups: &str) -> impl Iterator<Item = PathBuf> {
    let mut files = Vec::new();
    for line in groups.lines() {
        let mut fields = line.splitn(3, ':');
        let (Some(_), Some(controllers), Some(path)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let (top, file) = if controllers.is_empty() {
            (root.to_path_buf(), "memory.max")
        } else if controllers.split(',').any(|name| name == "memory") {
            (root.join("memory"), "memory.limit_in_bytes")
        } else {
            continue;
        };
        let path = top.join(path.trim_start_matches('/'));
        let own_and_parents = path
            .ancestors()
            .take_while(|folder| folder.starts_with(&top));
        files.extend(own_and_parents.map(|folder| folder.join(file)));
    }
    files.into_iter()
}

/// Parses a limit. `max` is not a number, and the number that means no limit is larger than any machine.
fn parse_limit(text: &str) -> Option<usize> {
    let bytes = text.trim().parse().ok();
    bytes.filter(|&bytes| bytes < PLAUSIBLE_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn resident_memory_grows_with_allocations() {
        let before = resident_bytes().expect("Linux reports it");
        let allocated = vec![1_u8; 64 << 20];
        let after = resident_bytes().expect("Linux reports it");
        assert!(allocated.iter().all(|&byte| byte == 1));
        assert!(after > before + (32 << 20), "{before} {after}");
        let budget = budget_bytes().expect("Linux reports it");
        assert!(budget > after, "{budget}");
    }

    #[test]
    fn limits_of_all_parent_groups_are_read() {
        let files = |groups| -> Vec<String> {
            limit_files(Path::new("/cg"), groups)
                .map(|file| file.to_string_lossy().into_owned())
                .collect()
        };
        assert_eq!(
            files("0::/system.slice/swarmhub.service\n"),
            [
                "/cg/system.slice/swarmhub.service/memory.max",
                "/cg/system.slice/memory.max",
                "/cg/memory.max"
            ]
        );
        assert_eq!(
            files("5:devices:/\n4:cpu,memory:/a\n"),
            [
                "/cg/memory/a/memory.limit_in_bytes",
                "/cg/memory/memory.limit_in_bytes"
            ]
        );
        assert_eq!(files("nonsense\n"), [""; 0]);
    }

    #[test]
    fn only_plausible_numbers_are_limits() {
        assert_eq!(parse_limit("536870912\n"), Some(536_870_912));
        assert_eq!(parse_limit("max\n"), None);
        assert_eq!(parse_limit("9223372036854771712\n"), None);
    }
}
