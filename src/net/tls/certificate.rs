//! One certificate with its key: read from PEM files, checked to belong together, its names and its end known.
//!
//! Serves nobody and watches nothing; the shelf holds it, the watch reads it anew.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{Error, InconsistentKeys};
use x509_cert::der::{Decode, Error as DerError};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

/// A certificate file with its chain, and the file of its key; both may be the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Files {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Files {
    /// What is in the two files now.
    pub(super) fn read(&self) -> Result<Contents, CertificateError> {
        let read = |file: &Path| {
            fs::read(file).map_err(|reason| CertificateError::Unreadable {
                file: file.to_owned(),
                reason,
            })
        };
        Ok(Contents {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
        })
    }
}

/// The bytes of the two files.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Contents {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Vec<u8>,
}

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read {}: {reason}", file.display())]
    Unreadable {
        /// Which one.
        file: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// There is no certificate in the file.
    #[error("there is no certificate in {}; give a PEM file, which begins with -----BEGIN CERTIFICATE-----", .0.display())]
    NoCertificate(PathBuf),
    /// There is no private key in the file.
    #[error("there is no private key in {}; give a PEM file with a key that has no password", .0.display())]
    NoKey(PathBuf),
    /// The file is no PEM file, or what is in it is damaged.
    #[error("{} is damaged: {reason}", file.display())]
    Damaged {
        /// Which one.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The key is of a kind that cannot sign here.
    #[error("the key in {} cannot be used ({reason}); give an ECDSA (P-256, P-384), Ed25519 or RSA key", file.display())]
    UnfitKey {
        /// The file of the key.
        file: PathBuf,
        /// What is wrong.
        reason: Error,
    },
    /// The key belongs to another certificate.
    #[error("the key in {} is not that of the certificate in {}; give the two in the same order", key.display(), certificate.display())]
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
}

/// A certificate that can be served.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) certified: Arc<CertifiedKey>,
    /// The DNS names it is good for, in lower case; `*.example.org` for all names one level below.
    pub(super) names: Vec<String>,
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
}

impl Pair {
    /// Makes a pair of what was in two files.
    pub(super) fn parse(files: &Files, contents: &Contents) -> Result<Self, CertificateError> {
        let chain = chain(&files.certificate, &contents.certificate)?;
        let key = key(&files.key, &contents.key)?;
        Self::new(files, chain, key)
    }

    /// Makes a pair of a chain, which begins with the certificate itself, and its key. `files` is for the words of
    /// mistakes.
    pub(super) fn new(
        files: &Files,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, CertificateError> {
        let damaged = |reason: DerError| CertificateError::Damaged {
            file: files.certificate.clone(),
            reason: reason.to_string(),
        };
        let first = chain
            .first()
            .ok_or_else(|| CertificateError::NoCertificate(files.certificate.clone()))?;
        let parsed = x509_cert::Certificate::from_der(first)
            .map_err(damaged)?
            .tbs_certificate;
        let names = names(&parsed).map_err(damaged)?;
        let certified = CertifiedKey::from_der(chain, key, &ring::default_provider())
            .map_err(|error| unfit(files, error))?;
        Ok(Self {
            certified: Arc::new(certified),
            names,
            not_before: parsed.validity.not_before.to_system_time(),
            not_after: parsed.validity.not_after.to_system_time(),
        })
    }

    /// The first of its names, to call it by.
    pub(super) fn name(&self) -> &str {
        self.names
            .first()
            .map_or("a certificate without names", String::as_str)
    }
}

fn unfit(files: &Files, error: Error) -> CertificateError {
    match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => CertificateError::Mismatch {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
        },
        Error::InvalidCertificate(reason) => CertificateError::Damaged {
            file: files.certificate.clone(),
            reason: format!("{reason:?}"),
        },
        reason => CertificateError::UnfitKey {
            file: files.key.clone(),
            reason,
        },
    }
}

fn chain(file: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|reason| damaged(file, &reason))?;
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate(file.to_owned()));
    }
    Ok(chain)
}

fn key(file: &Path, text: &[u8]) -> Result<PrivateKeyDer<'static>, CertificateError> {
    PrivateKeyDer::from_pem_slice(text).map_err(|reason| match reason {
        pem::Error::NoItemsFound => CertificateError::NoKey(file.to_owned()),
        reason => damaged(file, &reason),
    })
}

/// What is said of a file that is no PEM file. Never the words of the parser: they quote the file, and with it a key.
pub(super) fn damaged(file: &Path, reason: &pem::Error) -> CertificateError {
    let reason = match reason {
        pem::Error::MissingSectionEnd { .. } => {
            "a section has no END line; perhaps it was cut, or its line breaks were lost"
        }
        pem::Error::IllegalSectionStart { .. } => {
            "a BEGIN line is not whole; it ends with five dashes, and a line break follows"
        }
        pem::Error::Base64Decode(_) => "what stands between its BEGIN and END lines is not base64",
        pem::Error::SectionTooLarge => "a section is too large",
        _ => "it is not a PEM file",
    };
    CertificateError::Damaged {
        file: file.to_owned(),
        reason: reason.to_owned(),
    }
}

/// The names that browsers look at: those of the extension, never the subject's.
fn names(certificate: &x509_cert::TbsCertificate) -> Result<Vec<String>, DerError> {
    let Some((_, SubjectAltName(names))) = certificate.get()? else {
        return Ok(Vec::new());
    };
    let names = names.into_iter().filter_map(|name| match name {
        GeneralName::DnsName(name) => Some(name.as_str().to_ascii_lowercase()),
        _ => None,
    });
    Ok(names.collect())
}
