//! TLS of listeners: the handshake, and the certificates from files, made at the start, or from an ACME directory.
//!
//! Knows nothing of what is spoken within. The server makes it and lets it keep its certificates up to date; workers
//! accept with it.

mod accept;
mod acme;
mod certificate;
mod pending;
mod self_signed;
mod session;
mod shelf;
mod stream;
mod watch;

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
use crate::insight::Counters;
use acme::Acme;
use certificate::{Files, Pair};
use shelf::{ACME_PROTOCOL, Shelf};
use watch::{Looked, Trust, Watch};

pub(crate) use accept::HandshakeCost;
pub use acme::CacheError;
pub use certificate::CertificateError;

#[cfg(feature = "echo")]
pub(crate) use stream::TlsStream;

/// What is spoken within TLS.
const HTTP_PROTOCOL: &[u8] = b"http/1.1";
/// Tickets for a client to come back with, each good for one connection: one for the page, one for the tracker.
const TICKETS: usize = 2;

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate or its key cannot be used.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// The folder for what an ACME directory gives cannot be used.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The authorities that the ACME directory's own certificate may be from cannot be read.
    #[error("tls.acme_authority: {0}")]
    Authority(CertificateError),
    /// A certificate cannot be made.
    #[error("a certificate cannot be made: {0}")]
    Making(String),
    /// TLS cannot be set up, for want of random numbers.
    #[error("TLS cannot be set up: {0}")]
    Setup(Error),
}

impl TlsError {
    #[expect(clippy::needless_pass_by_value, reason = "for map_err")]
    fn making(error: rcgen::Error) -> Self {
        Self::Making(error.to_string())
    }
}

/// TLS as all workers serve it.
#[derive(Debug)]
pub(crate) struct Tls {
    config: Arc<ServerConfig>,
    /// `tls.handshake_timeout`
    handshake_timeout: Duration,
    shelf: Arc<Shelf>,
    /// Locked by one look at a time, which may take as long as the disk does.
    watch: Arc<Mutex<Watch>>,
    reload: Notify,
    acme: Option<Acme>,
}

impl Tls {
    /// Reads or makes the certificates. Nothing if the settings name none.
    ///
    /// # Errors
    ///
    /// Whatever keeps a certificate from being served: nothing is left out in silence.
    pub(crate) fn new(settings: &config::Tls) -> Result<Option<Arc<Self>>, TlsError> {
        if !settings.has_certificates() {
            return Ok(None);
        }
        let own = settings.self_signed.then(self_signed::make).transpose()?;
        let acme_place = settings.certificate.len() + usize::from(own.is_some());
        let wants_acme = !settings.acme_domain.is_empty();
        let (shelf, watch) = Watch::begin(files(settings), |pairs| {
            let places = pairs.into_iter().chain(own).map(Some);
            // A place for the certificate that is still to come.
            Shelf::new(places.chain(wants_acme.then_some(None)).collect())
        })?;
        let acme = wants_acme
            .then(|| Acme::new(settings, Arc::clone(&shelf), acme_place))
            .transpose()?;
        let config = server_config(Arc::clone(&shelf), wants_acme).map_err(TlsError::Setup)?;
        tell_all(&shelf);
        Ok(Some(Arc::new(Self {
            config: Arc::new(config),
            handshake_timeout: settings.handshake_timeout,
            shelf,
            watch: Arc::new(Mutex::new(watch)),
            reload: Notify::new(),
            acme,
        })))
    }

    /// Looks at all that [`Self::new`] reads, and changes nothing. What it gives are certificates that browsers refuse for their
    /// dates, in words.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub(crate) fn look(settings: &config::Tls) -> Result<Vec<String>, TlsError> {
        let now = SystemTime::now();
        let mut told = Vec::new();
        for files in files(settings) {
            let pair = Pair::parse(&files, &files.read()?)?;
            told.extend(refused_for_date(&pair, now).map(|why| format!("{why}: {}", pair.name())));
        }
        if !settings.acme_domain.is_empty() {
            Acme::look(settings)?;
        }
        Ok(told)
    }

    /// Keeps the certificates up to date, until dropped. `counters` are those of the thread that polls it.
    pub(crate) async fn keep(&self, counters: &Counters) {
        let order = async {
            if let Some(acme) = &self.acme {
                acme.keep(counters).await;
            }
        };
        tokio::join!(self.watch(counters), order);
        // There is nothing to do where the one certificate was made at the start.
        std::future::pending::<()>().await;
    }

    /// Looks at the files again and again.
    async fn watch(&self, counters: &Counters) {
        if self.watch.lock().is_empty() {
            return;
        }
        loop {
            let trust = tokio::select! {
                () = sleep(watch::EVERY) => Trust::WhenSettled,
                () = self.reload.notified() => Trust::AtOnce,
            };
            let watch = Arc::clone(&self.watch);
            // A disk may be slow; only a panic could keep this from ending, and the next look is due anyway.
            let looked = tokio::task::spawn_blocking(move || {
                let mut watch = watch.lock();
                watch.tell_expired(SystemTime::now());
                watch.look(trust)
            });
            let Looked { reloads, failures } = looked.await.unwrap_or_default();
            counters.certificate_reloads.add(reloads);
            counters.certificate_reloads_failed.add(failures);
        }
    }
}

fn files(settings: &config::Tls) -> Vec<Files> {
    let pairs = settings.certificate.iter().zip(&settings.key);
    let files = |(certificate, key): (&PathBuf, &PathBuf)| Files {
        certificate: certificate.clone(),
        key: key.clone(),
    };
    pairs.map(files).collect()
}

fn server_config(shelf: Arc<Shelf>, with_acme: bool) -> Result<ServerConfig, Error> {
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(shelf);
    // What resuming takes is in the client's hands, sealed with keys that change every six hours; nothing of a
    // connection that has gone is kept here.
    config.ticketer = ring::Ticketer::new()?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = TICKETS;
    config.alpn_protocols = vec![HTTP_PROTOCOL.to_vec()];
    if with_acme {
        config.alpn_protocols.push(ACME_PROTOCOL.to_vec());
    }
    Ok(config)
}

/// Says which certificates are served, and which of them browsers will refuse for their dates.
fn tell_all(shelf: &Shelf) {
    let now = SystemTime::now();
    for pair in shelf.pairs() {
        let (name, days_left) = (pair.name(), watch::days_left(&pair, now));
        if let Some(why) = refused_for_date(&pair, now) {
            tracing::warn!(name, "{why}");
        } else {
            tracing::info!(name, names = pair.names.len(), days_left, "certificate");
        }
    }
}

/// Why browsers refuse a certificate for its dates, if they do.
fn refused_for_date(pair: &Pair, now: SystemTime) -> Option<&'static str> {
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
pub struct Certificates(Arc<Tls>);

/// A certificate in service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The DNS names it is good for.
    pub names: Vec<String>,
    /// When it ends.
    pub not_after: SystemTime,
}

impl Certificates {
    pub(crate) fn new(tls: Arc<Tls>) -> Self {
        Self(tls)
    }

    /// Has the certificate files read now, without waiting until they are seen to have changed. What comes of it is
    /// logged and counted; open connections stay as they are.
    pub fn reload(&self) {
        self.0.reload.notify_one();
    }

    /// The certificates in service, the one for clients that name none of them first.
    #[must_use]
    pub fn all(&self) -> Vec<Certificate> {
        let pairs = self.0.shelf.pairs();
        let certificates = pairs.iter().map(|pair| Certificate {
            names: pair.names.clone(),
            not_after: pair.not_after,
        });
        certificates.collect()
    }
}

#[cfg(test)]
#[path = "tests/mod.rs"]
mod tests;
