//! Looks whether certificate files hold something new, and puts that on the shelf if it is good.
//!
//! It compares what the files hold, not their times: whichever link of certbot or Kubernetes moved, and however, what
//! counts is what is read now. A bad file changes nothing but a counter and one line in the log.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::certificate::{CertificateError, Files, Pair};
use super::shelf::Shelf;

/// How often the files are looked at. What has changed is taken up at the second look that finds it the same, so that
/// neither half a file nor a certificate whose key is still to come is taken for a mistake.
pub(super) const EVERY: Duration = Duration::from_secs(2);

/// Whether a change has to be seen twice before it is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// The files were looked at by the clock: they may be changing right now.
    WhenSettled,
    /// Somebody said that they are ready.
    AtOnce,
}

/// How one look ended.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Looked {
    /// Certificates replaced.
    pub(super) reloads: u64,
    /// New files that cannot be used.
    pub(super) failures: u64,
}

/// The files of all certificates, in the order of their places on the shelf.
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
    /// What is in service.
    serving: Print,
    /// What was found at the last look.
    found: Print,
    /// What was tried in vain, and told.
    refused: Option<Print>,
    /// Whether it was told that the certificate is over.
    expiry_told: bool,
}

/// Stands for what two files hold; `None` if they cannot be read.
type Print = Option<u64>;

impl Watch {
    /// Reads all files for the first time.
    ///
    /// # Errors
    ///
    /// The first pair that cannot be used: at the start there is nothing older to go on with.
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

    /// Whether there are no files to look at.
    pub(super) fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// Looks at all files once.
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
                    tracing::error!(%error, "new certificate not used; the old one stays");
                }
            }
        }
        looked
    }

    /// Says of each certificate once that it is over.
    pub(super) fn tell_expired(&mut self, now: SystemTime) {
        for (watched, pair) in self.watched.iter_mut().zip(self.shelf.pairs()) {
            let is_over = pair.not_after < now;
            if is_over && !watched.expiry_told {
                tracing::error!(
                    name = pair.name(),
                    "certificate has expired; browsers refuse it"
                );
            }
            watched.expiry_told = is_over;
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

/// Whole days until it ends, none if it has.
pub(super) fn days_left(pair: &Pair, now: SystemTime) -> u64 {
    let left = pair.not_after.duration_since(now).unwrap_or_default();
    left.as_secs() / (24 * 60 * 60)
}

impl Watched {
    /// What became of new files, if there are any.
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
        let is_known = self.refused == Some(print);
        if trust == Trust::WhenSettled && (!settled || is_known) {
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
