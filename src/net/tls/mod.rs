//! Serves TLS on listeners: the handshake, and certificates from files, self-signed, or from an ACME directory.
//!
//! Is independent of the protocol inside TLS. The server creates it and polls the certificate updates; workers accept
//! connections with it.

mod acme;
mod cert_resolver;
mod certificate;
mod file_watcher;
mod handshake;
mod pending_bytes;
mod self_signed;
mod session;
mod stream;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::sleep;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::{Error, ServerConfig};

use crate::config;
use crate::metrics::Counters;
use acme::AcmeClient;
use cert_resolver::{ACME_PROTOCOL, CertResolver};
use certificate::{CertificateFiles, CertifiedPair};
use file_watcher::{CertificateWatcher, ScanResult, ScanTrigger};

pub use acme::AcmeCacheError;
pub use certificate::CertificateError;
pub(crate) use handshake::HandshakeCost;
pub(crate) use stream::TlsStream;

/// The ALPN protocol inside TLS.
const HTTP_PROTOCOL: &[u8] = b"http/1.1";
/// TLS 1.3 session tickets per handshake, each valid for one connection: one for the page, one for the tracker.
const TLS13_TICKETS: usize = 2;

/// The reason why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate or its key cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The ACME cache folder cannot be used.
    #[error(transparent)]
    Cache(#[from] AcmeCacheError),
    /// The file of authorities for the ACME directory cannot be used.
    #[error("tls.acme_authority: {0}")]
    Authority(CertificateError),
    /// A certificate cannot be generated.
    #[error("a certificate cannot be generated: {0}")]
    Generation(String),
    /// TLS cannot be set up, because there are no random numbers.
    #[error("TLS cannot be set up: {0}")]
    Setup(Error),
}

impl TlsError {
    #[expect(clippy::needless_pass_by_value, reason = "for map_err")]
    fn generation(error: rcgen::Error) -> Self {
        Self::Generation(error.to_string())
    }
}

/// The TLS service that all workers share.
#[derive(Debug)]
pub(crate) struct TlsAcceptor {
    config: Arc<ServerConfig>,
    /// `tls.handshake_timeout`
    handshake_timeout: Duration,
    resolver: Arc<CertResolver>,
    /// Locked during one scan, which may block on the disk.
    file_watcher: Arc<Mutex<CertificateWatcher>>,
    reload: Notify,
    acme: Option<AcmeClient>,
}

impl TlsAcceptor {
    /// Reads or generates the certificates. Returns `None` if the settings name none.
    ///
    /// # Errors
    ///
    /// The first problem of a certificate; none is skipped silently.
    pub(crate) fn new(settings: &config::Tls) -> Result<Option<Arc<Self>>, TlsError> {
        if !settings.has_certificates() {
            return Ok(None);
        }
        let own = settings
            .self_signed
            .then(self_signed::generate)
            .transpose()?;
        let acme_place = settings.certificate.len() + usize::from(own.is_some());
        let wants_acme = settings.has_acme();
        let (resolver, watch) = CertificateWatcher::start(files(settings), |pairs| {
            let places = pairs.into_iter().chain(own).map(Some);
            // An empty slot for the ACME certificate that is not issued yet.
            CertResolver::new(places.chain(wants_acme.then_some(None)).collect())
        })?;
        let acme = wants_acme
            .then(|| AcmeClient::new(settings, Arc::clone(&resolver), acme_place))
            .transpose()?;
        let config = server_config(Arc::clone(&resolver), wants_acme).map_err(TlsError::Setup)?;
        log_certificates(&resolver);
        Ok(Some(Arc::new(Self {
            config: Arc::new(config),
            handshake_timeout: settings.handshake_timeout,
            resolver,
            file_watcher: Arc::new(Mutex::new(watch)),
            reload: Notify::new(),
            acme,
        })))
    }

    /// Checks everything that [`Self::new`] reads, and changes nothing. Returns a warning for each certificate with
    /// dates that browsers refuse.
    ///
    /// # Errors
    ///
    /// Those of [`Self::new`].
    pub(crate) fn check(settings: &config::Tls) -> Result<Vec<String>, TlsError> {
        let now = SystemTime::now();
        let mut warnings = Vec::new();
        for files in files(settings) {
            let pair = CertifiedPair::parse(&files, &files.read()?)?;
            let problem = validity_problem(&pair, now);
            warnings.extend(problem.map(|why| format!("{why}: {}", pair.name())));
        }
        if settings.has_acme() {
            AcmeClient::check(settings)?;
        }
        Ok(warnings)
    }

    /// Updates the certificates until dropped. `counters` are those of the polling thread.
    pub(crate) async fn maintain_certificates(&self, counters: &Counters) {
        let order = async {
            if let Some(acme) = &self.acme {
                acme.maintain_certificate(counters).await;
            }
        };
        tokio::join!(self.watch_files(counters), order);
        // A self-signed certificate needs no updates.
        std::future::pending::<()>().await;
    }

    /// Scans the certificate files periodically.
    async fn watch_files(&self, counters: &Counters) {
        if self.file_watcher.lock().is_empty() {
            return;
        }
        loop {
            let trust = tokio::select! {
                () = sleep(file_watcher::SCAN_INTERVAL) => ScanTrigger::Periodic,
                () = self.reload.notified() => ScanTrigger::Requested,
            };
            let watch = Arc::clone(&self.file_watcher);
            // A disk may be slow. The task fails only by a panic, and the next scan follows anyway.
            let looked = tokio::task::spawn_blocking(move || {
                let mut watch = watch.lock();
                watch.log_expired(SystemTime::now());
                watch.scan(trust)
            });
            let ScanResult { reloads, failures } = looked.await.unwrap_or_default();
            counters.certificate_reloads.add(reloads);
            counters.certificate_reloads_failed.add(failures);
        }
    }
}

fn files(settings: &config::Tls) -> Vec<CertificateFiles> {
    let pairs = settings.certificate.iter().zip(&settings.key);
    let files = |(certificate, key): (&PathBuf, &PathBuf)| CertificateFiles {
        certificate: certificate.clone(),
        key: key.clone(),
    };
    pairs.map(files).collect()
}

fn server_config(resolver: Arc<CertResolver>, with_acme: bool) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(resolver);
    // The client stores the session ticket, encrypted with keys that rotate every six hours. The server stores nothing
    // of a closed connection.
    config.ticketer = ring::Ticketer::new()?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = TLS13_TICKETS;
    config.alpn_protocols = vec![HTTP_PROTOCOL.to_vec()];
    if with_acme {
        config.alpn_protocols.push(ACME_PROTOCOL.to_vec());
    }
    Ok(config)
}

/// Logs the served certificates, and which of them browsers refuse because of their dates.
fn log_certificates(resolver: &CertResolver) {
    let now = SystemTime::now();
    for pair in resolver.pairs() {
        let (name, days_left) = (pair.name(), file_watcher::days_left(&pair, now));
        if let Some(why) = validity_problem(&pair, now) {
            tracing::warn!(name, "{why}");
        } else {
            tracing::info!(
                name,
                names = pair.names.len(),
                addresses = pair.addresses.len(),
                days_left,
                "certificate"
            );
        }
    }
}

/// Returns why browsers refuse a certificate because of its dates, or `None`.
fn validity_problem(pair: &CertifiedPair, now: SystemTime) -> Option<&'static str> {
    if pair.not_after < now {
        Some("certificate has expired; browsers refuse it")
    } else if pair.not_before > now {
        Some("certificate is not valid yet; browsers refuse it")
    } else {
        None
    }
}

/// A handle to the certificates of a running server.
#[derive(Debug, Clone)]
pub struct Certificates(Arc<TlsAcceptor>);

/// An active certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateInfo {
    /// The DNS names it is valid for.
    pub names: Vec<String>,
    /// The IP addresses it is valid for.
    pub addresses: Vec<IpAddr>,
    /// The start of its validity.
    pub not_before: SystemTime,
    /// The end of its validity.
    pub not_after: SystemTime,
}

impl Certificates {
    pub(crate) fn new(tls: Arc<TlsAcceptor>) -> Self {
        Self(tls)
    }

    /// Reads the certificate files now, without waiting for the next scan. The result is logged and counted; open
    /// connections do not change.
    pub fn reload(&self) {
        self.0.reload.notify_one();
    }

    /// Returns the active certificates, the default one first.
    #[must_use]
    pub fn all(&self) -> Vec<CertificateInfo> {
        let pairs = self.0.resolver.pairs();
        let certificates = pairs.iter().map(|pair| CertificateInfo {
            names: pair.names.clone(),
            addresses: pair.addresses.clone(),
            not_before: pair.not_before,
            not_after: pair.not_after,
        });
        certificates.collect()
    }
}

#[cfg(test)]
mod tests;
