//! Watches certificate files, and activates changed certificates if they are valid.
//!
//! It compares the content of the files, not their times, so any change of links by certbot or Kubernetes is detected.
//! A bad file changes only a counter and adds one line to the log.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::certificate::{CertificateError, Files, Pair};
use super::shelf::Shelf;

/// The interval between scans. A change is loaded at the second scan with the same content, so that neither a partially
/// written file nor a certificate without its new key causes an error.
pub(super) const EVERY: Duration = Duration::from_secs(2);

/// Whether a change must be stable in two scans before it is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// A periodic scan: the files may be changing at this moment.
    WhenSettled,
    /// A requested scan: the files are complete.
    AtOnce,
}

/// The result of one scan.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Looked {
    /// The number of replaced certificates.
    pub(super) reloads: u64,
    /// The number of new files that cannot be used.
    pub(super) failures: u64,
}

/// The files of all certificates, in the order of their slots.
#[derive(Debug)]
pub(super) struct Watch {
    shelf: Arc<Shelf>,
    watched: Vec<Watched>,
    hasher: RandomState,
}

/// The files of one certificate.
#[derive(Debug)]
struct Watched {
    files: Files,
    /// The content of the active certificate.
    serving: Print,
    /// The content at the last scan.
    found: Print,
    /// The content that was rejected and logged.
    refused: Option<Print>,
    /// Whether the expiry was logged.
    expiry_told: bool,
}

/// The hash of the content of both files; `None` if they cannot be read.
type Print = Option<u64>;

impl Watch {
    /// Reads all files for the first time.
    ///
    /// # Errors
    ///
    /// The first pair that cannot be used: at the start there is no older certificate.
    pub(super) fn begin(
        all: Vec<Files>,
        shelf: impl FnOnce(Vec<Pair>) -> Arc<Shelf>,
    ) -> Result<(Arc<Shelf>, Self), CertificateError> {
        let hasher = RandomState::new();
        let (mut pairs, mut watched) = (Vec::new(), Vec::new());
        for files in all {
            let contents = files.read()?;
            pairs.push(Pair::parse(&files, &contents)?);
            let print = Some(hasher.hash_one(&contents));
            watched.push(Watched {
                files,
                serving: print,
                found: print,
                refused: None,
                expiry_told: false,
            });
        }
        let shelf = shelf(pairs);
        let watch = Self {
            shelf: Arc::clone(&shelf),
            watched,
            hasher,
        };
        Ok((shelf, watch))
    }

    /// Returns whether there are no files to watch.
    pub(super) fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// Scans all files once.
    pub(super) fn look(&mut self, trust: Trust) -> Looked {
        let mut looked = Looked::default();
        for (place, watched) in self.watched.iter_mut().enumerate() {
            match watched.look(trust, &self.hasher) {
                None => {}
                Some(Ok(pair)) => {
                    looked.reloads += 1;
                    tell_reloaded(&pair);
                    self.shelf.put(place, pair);
                }
                Some(Err(error)) => {
                    looked.failures += 1;
                    tracing::error!(%error, "new certificate not used; the old one stays active");
                }
            }
        }
        looked
    }

    /// Logs once for each certificate that it has expired.
    pub(super) fn tell_expired(&mut self, now: SystemTime) {
        for (watched, pair) in self.watched.iter_mut().zip(self.shelf.pairs()) {
            let is_expired = pair.not_after < now;
            if is_expired && !watched.expiry_told {
                tracing::error!(
                    name = pair.name(),
                    "certificate has expired; browsers refuse it"
                );
            }
            watched.expiry_told = is_expired;
        }
    }
}

fn tell_reloaded(pair: &Pair) {
    tracing::info!(
        name = pair.name(),
        names = pair.names.len(),
        days_left = days_left(pair, SystemTime::now()),
        "certificate reloaded"
    );
}

/// Returns the whole days until it expires; 0 if it has.
pub(super) fn days_left(pair: &Pair, now: SystemTime) -> u64 {
    let left = pair.not_after.duration_since(now).unwrap_or_default();
    left.as_secs() / (24 * 60 * 60)
}

impl Watched {
    /// Returns the result of loading changed files, or `None` if there is nothing to load.
    fn look(
        &mut self,
        trust: Trust,
        hasher: &RandomState,
    ) -> Option<Result<Pair, CertificateError>> {
        let contents = self.files.read();
        let print = contents
            .as_ref()
            .ok()
            .map(|contents| hasher.hash_one(contents));
        let settled = std::mem::replace(&mut self.found, print) == print;
        if print == self.serving {
            self.refused = None;
            return None;
        }
        let is_refused = self.refused == Some(print);
        if trust == Trust::WhenSettled && (!settled || is_refused) {
            return None;
        }
        let pair = contents.and_then(|contents| Pair::parse(&self.files, &contents));
        if pair.is_ok() {
            (self.serving, self.refused) = (print, None);
        } else {
            self.refused = Some(print);
        }
        Some(pair)
    }
}

#[cfg(test)]
#[path = "tests/watch.rs"]
mod tests;
