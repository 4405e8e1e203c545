//! Reads all list files that the settings name: those of `[access]`, and `tracker.groups`.
//!
//! It reads the files on request and stores only their paths.

use std::path::{Path, PathBuf};

use super::access_lists::AccessLists;
use super::error::InvalidConfig;
use super::settings::{Access, Config};
use super::site_networks::SiteNetworks;

/// The paths of all list files.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct ListFiles {
    access: Access,
    groups: Option<PathBuf>,
}

/// The content of all list files.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Lists {
    /// The lists of `[access]`.
    pub access: AccessLists,
    /// The networks of `tracker.groups`; `None` if it is not set.
    pub sites: Option<SiteNetworks>,
}

impl ListFiles {
    /// Returns the files that these settings name.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            access: config.access.clone(),
            groups: config.tracker.groups.clone(),
        }
    }

    /// Returns the paths in a fixed order; `None` if a file is not set.
    #[must_use]
    pub fn paths(&self) -> [Option<&Path>; 4] {
        [
            self.access.info_hashes_allowed.as_deref(),
            self.access.info_hashes_denied.as_deref(),
            self.access.tokens_file.as_deref(),
            self.groups.as_deref(),
        ]
    }

    /// Returns whether no file is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.paths().iter().all(Option::is_none)
    }

    /// Reads all files; blocks on the disk.
    ///
    /// # Errors
    /// The first mistake of each invalid file; never an empty list.
    pub fn read(&self) -> Result<Lists, Vec<InvalidConfig>> {
        let access = self.access.read();
        let sites = self.groups.as_deref().map(SiteNetworks::read).transpose();
        match (access, sites) {
            (Ok(access), Ok(sites)) => Ok(Lists { access, sites }),
            (access, sites) => {
                let mut problems = access.err().unwrap_or_default();
                problems.extend(sites.err());
                Err(problems)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_of_all_list_files_are_reported_together() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            Some(path)
        };
        let mut config = Config::default();
        assert!(ListFiles::new(&config).is_empty());
        assert_eq!(ListFiles::new(&config).read(), Ok(Lists::default()));

        config.tracker.groups = path("groups", "10.0.0.0/8,Berlin\n");
        config.access.tokens_file = path("tokens", "abcdefghijklmnop\n");
        let files = ListFiles::new(&config);
        let lists = files.read().expect("lists");
        assert_eq!(lists.access.tokens.map(|tokens| tokens.len()), Some(1));
        assert_eq!(lists.sites.map(|sites| sites.names().len()), Some(1));

        path("groups", "10.0.0.0/8");
        path("tokens", "short");
        let problems = files.read().expect_err("refused");
        let places: Vec<_> = problems.iter().map(|problem| &*problem.place).collect();
        assert!(
            places[0].ends_with("tokens:1: access.tokens_file"),
            "{places:?}"
        );
        assert!(
            places[1].ends_with("groups:1: tracker.groups"),
            "{places:?}"
        );
        assert_eq!(places.len(), 2);
        std::fs::remove_file(folder.path().join("groups")).expect("removed");
        assert_eq!(files.read().expect_err("refused").len(), 2);
    }
}
