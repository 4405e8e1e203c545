//! Watches certificate files, and activates changed certificates if they are valid.
//!
//! It compares the content of the files, not their times, so any change of links by certbot or Kubernetes is detected.
//! A bad file changes only a counter and adds one line to the log.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::cert_resolver::CertResolver;
use super::certificate::{CertificateError, CertificateFiles, CertifiedPair};

/// The interval between scans. A change is loaded at the second scan with the same content, so that neither a partially
/// written file nor a certificate without its new key causes an error.
pub(super) const SCAN_INTERVAL: Duration = Duration::from_secs(2);

/// Whether a change must be stable in two scans before it is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScanTrigger {
    /// A periodic scan: the files may be changing at this moment.
    Periodic,
    /// A requested scan: the files are complete.
    Requested,
}

/// The result of one scan.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct ScanResult {
    /// The number of replaced certificates.
    pub(super) reloads: u64,
    /// The number of new files that cannot be used.
    pub(super) failures: u64,
}

/// The files of all certificates, in the order of their slots.
#[derive(Debug)]
pub(super) struct CertificateWatcher {
    resolver: Arc<CertResolver>,
    watched: Vec<WatchedFiles>,
    hasher: RandomState,
}

/// The files of one certificate.
#[derive(Debug)]
struct WatchedFiles {
    files: CertificateFiles,
    /// The content of the active certificate.
    active: ContentHash,
    /// The content at the last scan.
    last_seen: ContentHash,
    /// The content that was rejected and logged.
    rejected: Option<ContentHash>,
    /// Whether the expiry was logged.
    expiry_logged: bool,
}

/// The hash of the content of both files; `None` if they cannot be read.
type ContentHash = Option<u64>;

impl CertificateWatcher {
    /// Reads all files for the first time.
    ///
    /// # Errors
    ///
    /// The first pair that cannot be used: at the start there is no older certificate.
    pub(super) fn start(
        all: Vec<CertificateFiles>,
        make_resolver: impl FnOnce(Vec<CertifiedPair>) -> Arc<CertResolver>,
    ) -> Result<(Arc<CertResolver>, Self), CertificateError> {
        let hasher = RandomState::new();
        let (mut pairs, mut watched) = (Vec::new(), Vec::new());
        for files in all {
            let contents = files.read()?;
            pairs.push(CertifiedPair::parse(&files, &contents)?);
            let print = Some(hasher.hash_one(&contents));
            watched.push(WatchedFiles {
                files,
                active: print,
                last_seen: print,
                rejected: None,
                expiry_logged: false,
            });
        }
        let resolver = make_resolver(pairs);
        let watch = Self {
            resolver: Arc::clone(&resolver),
            watched,
            hasher,
        };
        Ok((resolver, watch))
    }

    /// Returns whether there are no files to watch.
    pub(super) fn is_empty(&self) -> bool {
        self.watched.is_empty()
    }

    /// Scans all files once.
    pub(super) fn scan(&mut self, trust: ScanTrigger) -> ScanResult {
        let mut looked = ScanResult::default();
        for (place, watched) in self.watched.iter_mut().enumerate() {
            match watched.scan(trust, &self.hasher) {
                None => {}
                Some(Ok(pair)) => {
                    looked.reloads += 1;
                    log_reloaded(&pair);
                    self.resolver.replace(place, pair);
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
    pub(super) fn log_expired(&mut self, now: SystemTime) {
        for (watched, pair) in self.watched.iter_mut().zip(self.resolver.pairs()) {
            let is_expired = pair.not_after < now;
            if is_expired && !watched.expiry_logged {
                tracing::error!(
                    name = pair.name(),
                    "certificate has expired; browsers refuse it"
                );
            }
            watched.expiry_logged = is_expired;
        }
    }
}

fn log_reloaded(pair: &CertifiedPair) {
    tracing::info!(
        name = pair.name(),
        names = pair.names.len(),
        days_left = days_left(pair, SystemTime::now()),
        "certificate reloaded"
    );
}

/// Returns the whole days until it expires; 0 if it has.
pub(super) fn days_left(pair: &CertifiedPair, now: SystemTime) -> u64 {
    let left = pair.not_after.duration_since(now).unwrap_or_default();
    left.as_secs() / (24 * 60 * 60)
}

impl WatchedFiles {
    /// Returns the result of loading changed files, or `None` if there is nothing to load.
    fn scan(
        &mut self,
        trust: ScanTrigger,
        hasher: &RandomState,
    ) -> Option<Result<CertifiedPair, CertificateError>> {
        let contents = self.files.read();
        let print = contents
            .as_ref()
            .ok()
            .map(|contents| hasher.hash_one(contents));
        let settled = std::mem::replace(&mut self.last_seen, print) == print;
        if print == self.active {
            self.rejected = None;
            return None;
        }
        let is_refused = self.rejected == Some(print);
        if trust == ScanTrigger::Periodic && (!settled || is_refused) {
            return None;
        }
        let pair = contents.and_then(|contents| CertifiedPair::parse(&self.files, &contents));
        if pair.is_ok() {
            (self.active, self.rejected) = (print, None);
        } else {
            self.rejected = Some(print);
        }
        Some(pair)
    }
}

#[cfg(test)]
mod tests;
