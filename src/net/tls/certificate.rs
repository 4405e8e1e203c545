//! Parses a certificate and its key from PEM files, checks that they match, and extracts names and validity.
//!
//! Neither serves nor watches certificates; the resolver stores them, the file watcher reloads them.

use std::fs;
use std::io;
use std::net::IpAddr;
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

/// The paths of a certificate file with its chain, and of its key file; both may be the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CertificateFiles {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl CertificateFiles {
    /// Reads both files.
    pub(super) fn read(&self) -> Result<CertificateFileContents, CertificateError> {
        let read = |file: &Path| {
            fs::read(file).map_err(|reason| CertificateError::Unreadable {
                file: file.to_owned(),
                reason,
            })
        };
        Ok(CertificateFileContents {
            certificate: read(&self.certificate)?,
            key: read(&self.key)?,
        })
    }
}

/// The content of both files.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct CertificateFileContents {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Vec<u8>,
}

/// The reason why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read {}: {reason}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// The error of the system.
        reason: io::Error,
    },
    /// There is no certificate in the file.
    #[error("there is no certificate in {}; give a PEM file, which begins with -----BEGIN CERTIFICATE-----", .0.display())]
    NoCertificate(PathBuf),
    /// There is no private key in the file.
    #[error("there is no private key in {}; give a PEM file with a key that has no password", .0.display())]
    NoKey(PathBuf),
    /// The file is not a PEM file, or its content is damaged.
    #[error("{} is damaged: {reason}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The problem.
        reason: String,
    },
    /// The type of the key is not supported.
    #[error("the key in {} cannot be used ({reason}); give an ECDSA (P-256, P-384), Ed25519 or RSA key", file.display())]
    UnsupportedKey {
        /// The file of the key.
        file: PathBuf,
        /// The problem.
        reason: Error,
    },
    /// The key belongs to another certificate.
    #[error("the key in {} is not that of the certificate in {}; give both in the same order", key.display(), certificate.display())]
    Mismatch {
        /// The file of the certificate.
        certificate: PathBuf,
        /// The file of the key.
        key: PathBuf,
    },
}

/// A certificate with its key, ready to serve.
#[derive(Debug)]
pub(super) struct CertifiedPair {
    pub(super) certified: Arc<CertifiedKey>,
    /// The DNS names it is valid for, in lower case; `*.example.org` for all names one level below.
    pub(super) names: Vec<String>,
    /// The IP addresses it is valid for.
    pub(super) addresses: Vec<IpAddr>,
    /// The first name, else the first address, for logs.
    label: String,
    pub(super) not_before: SystemTime,
    pub(super) not_after: SystemTime,
}

impl CertifiedPair {
    /// Parses a pair from the content of both files.
    pub(super) fn parse(
        files: &CertificateFiles,
        contents: &CertificateFileContents,
    ) -> Result<Self, CertificateError> {
        let chain = parse_chain(&files.certificate, &contents.certificate)?;
        let key = parse_key(&files.key, &contents.key)?;
        Self::new(files, chain, key)
    }

    /// Creates a pair from a chain, which begins with the certificate itself, and its key. `files` is for error
    /// messages.
    pub(super) fn new(
        files: &CertificateFiles,
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
        let (names, addresses) = subject_names(&parsed).map_err(damaged)?;
        let first_name = names.first().cloned();
        let label = first_name
            .or_else(|| addresses.first().map(ToString::to_string))
            .unwrap_or_else(|| "a certificate without names".to_owned());
        let certified = CertifiedKey::from_der(chain, key, &ring::default_provider())
            .map_err(|error| certified_key_error(files, error))?;
        Ok(Self {
            certified: Arc::new(certified),
            names,
            addresses,
            label,
            not_before: parsed.validity.not_before.to_system_time(),
            not_after: parsed.validity.not_after.to_system_time(),
        })
    }

    /// Returns its first name, else its first address.
    pub(super) fn name(&self) -> &str {
        &self.label
    }
}

fn certified_key_error(files: &CertificateFiles, error: Error) -> CertificateError {
    match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => CertificateError::Mismatch {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
        },
        Error::InvalidCertificate(reason) => CertificateError::Damaged {
            file: files.certificate.clone(),
            reason: format!("{reason:?}"),
        },
        reason => CertificateError::UnsupportedKey {
            file: files.key.clone(),
            reason,
        },
    }
}

fn parse_chain(file: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|reason| pem_error(file, &reason))?;
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate(file.to_owned()));
    }
    Ok(chain)
}

fn parse_key(file: &Path, text: &[u8]) -> Result<PrivateKeyDer<'static>, CertificateError> {
    PrivateKeyDer::from_pem_slice(text).map_err(|reason| match reason {
        pem::Error::NoItemsFound => CertificateError::NoKey(file.to_owned()),
        reason => pem_error(file, &reason),
    })
}

/// Returns the error of an invalid PEM file. It never contains the parser's message, which quotes the file and thus a
/// key.
pub(super) fn pem_error(file: &Path, reason: &pem::Error) -> CertificateError {
    let reason = match reason {
        pem::Error::MissingSectionEnd { .. } => {
            "a section has no END line; it may be cut off, or its line breaks are lost"
        }
        pem::Error::IllegalSectionStart { .. } => {
            "a BEGIN line is incomplete; it must end with five dashes and a line break"
        }
        pem::Error::Base64Decode(_) => "the text between its BEGIN and END lines is not base64",
        pem::Error::SectionTooLarge => "a section is too large",
        _ => "it is not a PEM file",
    };
    CertificateError::Damaged {
        file: file.to_owned(),
        reason: reason.to_owned(),
    }
}

/// Returns the names and addresses that browsers check: those of the extension, never the subject's.
fn subject_names(
    certificate: &x509_cert::TbsCertificate,
) -> Result<(Vec<String>, Vec<IpAddr>), DerError> {
    let (mut names, mut addresses) = (Vec::new(), Vec::new());
    let Some((_, SubjectAltName(all))) = certificate.get()? else {
        return Ok((names, addresses));
    };
    for name in all {
        match name {
            GeneralName::DnsName(name) => names.push(name.as_str().to_ascii_lowercase()),
            GeneralName::IpAddress(bytes) => addresses.extend(parse_address(bytes.as_bytes())),
            _ => {}
        }
    }
    Ok((names, addresses))
}

fn parse_address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes)
        .map(IpAddr::from)
        .or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from))
        .ok()
}
