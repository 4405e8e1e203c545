//! Obtains certificates from an ACME directory (RFC 8555): when there is none, and again well before one expires.
//!
//! Contacts only the directory. The listeners themselves answer the validation with a challenge certificate
//! (TLS-ALPN-01, RFC 8737). Runs on the server's thread, beside the workers.

mod cache;
mod http_client;
mod order;
mod retry_delay;
mod subject;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio::time::{sleep, timeout};
use tokio_rustls::rustls::RootCertStore;

use super::TlsError;
use super::cert_resolver::CertResolver;
use super::certificate::{
    self, CertificateError, CertificateFileContents, CertificateFiles, CertifiedPair,
};
use crate::config;
use crate::metrics::Counters;
use cache::AcmeCache;
use http_client::AcmeHttpClient;
use order::OrderError;
use retry_delay::RetryDelay;
use subject::CertificateSubject;

pub use cache::AcmeCacheError;

/// Timeout of one order in total.
const ORDER_TIMEOUT: Duration = Duration::from_mins(5);
/// Certificates of a shorter validity are renewed early.
const SHORT_VALIDITY: Duration = Duration::from_hours(10 * 24);
/// The wall clock is read at least this often: a machine may sleep, and its clock may be set.
const CLOCK_CHECK_INTERVAL: Duration = Duration::from_hours(1);

/// Obtains and renews one certificate for all `tls.acme_domain` and `tls.acme_address`.
#[derive(Debug)]
pub(super) struct AcmeClient {
    subject: CertificateSubject,
    /// With `mailto:`.
    contacts: Vec<String>,
    directory: String,
    http: AcmeHttpClient,
    cache: AcmeCache,
    resolver: Arc<CertResolver>,
    /// The slot of its certificate in the resolver.
    slot: usize,
}

impl AcmeClient {
    /// Activates the certificate of an earlier run, if there is one for the same names and addresses.
    pub(super) fn new(
        settings: &config::Tls,
        resolver: Arc<CertResolver>,
        place: usize,
    ) -> Result<Self, TlsError> {
        let folder = settings.acme_cache.as_deref().unwrap_or("acme".as_ref());
        let acme = Self {
            subject: CertificateSubject::new(settings),
            contacts: settings
                .acme_contact
                .iter()
                .map(|address| format!("mailto:{address}"))
                .collect(),
            directory: settings.acme_directory.clone(),
            http: AcmeHttpClient::new(authorities(settings)?).map_err(TlsError::Setup)?,
            cache: AcmeCache::open(folder, &settings.acme_directory)?,
            resolver,
            slot: place,
        };
        let stored = acme
            .cache
            .certificate()
            .and_then(|text| acme.parse_pair(&text).ok());
        if let Some(pair) = stored.filter(|pair| acme.subject.is_covered_by(pair)) {
            acme.resolver.replace(place, pair);
        }
        Ok(acme)
    }

    /// Checks everything that [`Self::new`] reads and writes, and changes nothing.
    pub(super) fn check(settings: &config::Tls) -> Result<(), TlsError> {
        authorities(settings)?;
        let folder = settings.acme_cache.as_deref().unwrap_or("acme".as_ref());
        Ok(AcmeCache::check(folder, &settings.acme_directory)?)
    }

    /// Orders certificates when they are due, until dropped.
    pub(super) async fn maintain_certificate(&self, counters: &Counters) {
        let mut retry = RetryDelay::default();
        loop {
            let wait = self.time_until_renewal(SystemTime::now());
            if !wait.is_zero() {
                sleep(wait.min(CLOCK_CHECK_INTERVAL)).await;
                continue;
            }
            let CertificateSubject {
                domains, addresses, ..
            } = &self.subject;
            tracing::info!(
                ?domains,
                ?addresses,
                directory = self.directory,
                "ordering a certificate"
            );
            match self.renew().await {
                Ok(()) => {
                    counters.certificates_issued.add(1);
                    retry = RetryDelay::default();
                }
                Err(error) => {
                    counters.certificate_orders_failed.add(1);
                    let delay = retry.after(&error);
                    tracing::error!(%error, retry_in_seconds = delay.as_secs(), "no certificate from the ACME directory");
                    sleep(delay).await;
                }
            }
        }
    }

    /// Returns the time until the renewal.
    fn time_until_renewal(&self, now: SystemTime) -> Duration {
        let Some(pair) = self.resolver.get(self.slot) else {
            return Duration::ZERO;
        };
        let life = pair
            .not_after
            .duration_since(pair.not_before)
            .unwrap_or_default();
        let left = pair.not_after.duration_since(now).unwrap_or_default();
        left.saturating_sub(time_for_renewal(life))
    }

    /// Obtains a new certificate, activates it and stores it for the next start.
    async fn renew(&self) -> Result<(), OrderError> {
        let ordered = timeout(ORDER_TIMEOUT, self.order()).await;
        let text = ordered.map_err(|_| OrderError::TimedOut(ORDER_TIMEOUT))??;
        let pair = self.parse_pair(&text)?;
        if !self.subject.is_covered_by(&pair) {
            let (names, addresses) = (pair.names, pair.addresses);
            return Err(OrderError::WrongNames { names, addresses });
        }
        let days_left = super::file_watcher::days_left(&pair, SystemTime::now());
        tracing::info!(name = pair.name(), days_left, "certificate issued");
        self.resolver.replace(self.slot, pair);
        // The certificate is active even if the file cannot be written; only the next start needs the file.
        if let Err(error) = self.cache.store_certificate(&text) {
            tracing::error!(%error, "certificate not stored; the next start will order another");
        }
        Ok(())
    }

    /// Parses a pair from a text with key and chain.
    fn parse_pair(&self, text: &[u8]) -> Result<CertifiedPair, CertificateError> {
        let file = self.cache.certificate_file();
        let files = CertificateFiles {
            certificate: file.clone(),
            key: file,
        };
        let contents = CertificateFileContents {
            certificate: text.to_vec(),
            key: text.to_vec(),
        };
        CertifiedPair::parse(&files, &contents)
    }
}

/// Returns how long before its end a certificate is renewed: a third of its validity. It is half if that is short, as
/// Let's Encrypt advises: there is less time to notice and repair a failure.
fn time_for_renewal(validity: Duration) -> Duration {
    let share = if validity < SHORT_VALIDITY { 2 } else { 3 };
    validity / share
}

/// Returns the authorities trusted for the directory: those of browsers, and the operator's own ones.
fn authorities(settings: &config::Tls) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let Some(file) = &settings.acme_authority else {
        return Ok(roots);
    };
    let damaged = |reason: String| {
        let file = file.clone();
        TlsError::Authority(CertificateError::Damaged { file, reason })
    };
    let text = std::fs::read(file).map_err(|reason| {
        let file = file.clone();
        TlsError::Authority(CertificateError::Unreadable { file, reason })
    })?;
    let known = roots.len();
    for authority in CertificateDer::pem_slice_iter(&text) {
        let authority =
            authority.map_err(|error| TlsError::Authority(certificate::pem_error(file, &error)))?;
        roots
            .add(authority)
            .map_err(|error| damaged(error.to_string()))?;
    }
    if roots.len() == known {
        let none = CertificateError::NoCertificate(file.clone());
        return Err(TlsError::Authority(none));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests;
