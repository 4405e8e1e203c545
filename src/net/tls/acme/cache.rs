//! Stores the ACME account and certificate in a folder across restarts.
//!
//! Each directory has its own subfolder, so that a test with a staging directory does not replace the real account.
//! Files are replaced atomically, and only their owner may read them.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use instant_acme::AccountCredentials;

use crate::net::config_check::check_creatable_folder;

const ACCOUNT: &str = "account.json";
const CERTIFICATE: &str = "certificate.pem";

/// The folder of `tls.acme_cache` cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}: {reason}; give a folder that this program can create and write to as tls.acme_cache", path.display())]
pub struct AcmeCacheError {
    /// The folder, or a file in it.
    pub path: PathBuf,
    /// The error of the system.
    pub reason: io::Error,
}

/// The cache folder of one directory.
#[derive(Debug)]
pub(super) struct AcmeCache {
    folder: PathBuf,
}

impl AcmeCache {
    /// Creates the folder if it is missing, and checks that it is writable before a certificate must be stored.
    pub(super) fn open(folder: &Path, directory: &str) -> Result<Self, AcmeCacheError> {
        let folder = folder.join(folder_name(directory));
        let failed = |reason| AcmeCacheError {
            path: folder.clone(),
            reason,
        };
        fs::create_dir_all(&folder).map_err(failed)?;
        let cache = Self {
            folder: folder.clone(),
        };
        let probe = "probe";
        cache.write(probe, b"")?;
        fs::remove_file(folder.join(probe)).map_err(failed)?;
        Ok(cache)
    }

    /// Checks whether [`Self::open`] would succeed, without creating anything.
    pub(super) fn check(folder: &Path, directory: &str) -> Result<(), AcmeCacheError> {
        let path = folder.join(folder_name(directory));
        check_creatable_folder(&path).map_err(|reason| AcmeCacheError { path, reason })
    }

    /// Returns the stored account, if there is a readable one.
    pub(super) fn account(&self) -> Option<AccountCredentials> {
        let text = fs::read(self.folder.join(ACCOUNT)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    pub(super) fn store_account(&self, account: &AccountCredentials) -> Result<(), AcmeCacheError> {
        let text = serde_json::to_vec(account).map_err(|error| AcmeCacheError {
            path: self.folder.join(ACCOUNT),
            reason: io::Error::other(error),
        })?;
        self.write(ACCOUNT, &text)
    }

    pub(super) fn forget_account(&self) {
        // A missing file is the wanted result.
        let _ = fs::remove_file(self.folder.join(ACCOUNT));
    }

    pub(super) fn certificate_file(&self) -> PathBuf {
        self.folder.join(CERTIFICATE)
    }

    /// Returns the stored key and chain.
    pub(super) fn certificate(&self) -> Option<Vec<u8>> {
        fs::read(self.certificate_file()).ok()
    }

    pub(super) fn store_certificate(&self, text: &[u8]) -> Result<(), AcmeCacheError> {
        self.write(CERTIFICATE, text)
    }

    fn write(&self, name: &str, text: &[u8]) -> Result<(), AcmeCacheError> {
        let path = self.folder.join(name);
        let new = self.folder.join(format!("{name}.new"));
        let written = write_for_owner(&new, text).and_then(|()| fs::rename(&new, &path));
        written.map_err(|reason| AcmeCacheError { path, reason })
    }
}

fn write_for_owner(path: &Path, text: &[u8]) -> io::Result<()> {
    // A file left by an interrupted write may be readable for others.
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    file.write_all(text)?;
    file.sync_all()
}

/// Converts the URL of a directory to a folder name.
fn folder_name(directory: &str) -> String {
    let name = directory.trim_start_matches("https://");
    let replace = |character: char| {
        if character.is_ascii_alphanumeric() {
            character
        } else {
            '-'
        }
    };
    name.chars().map(replace).collect()
}
