//! TLS configuration of the load: trusts the authorities of browsers, those of `--ca`, or any certificate.

use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};

use super::error::LoadError;
use super::options::Options;

/// Returns the client configuration. No session is resumed: every connection simulates a separate browser.
pub(super) fn client_config(options: &Options) -> Result<Arc<ClientConfig>, LoadError> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(file) = &options.ca_file {
        add_ca_file(file, &mut roots).map_err(|reason| LoadError::CaFile {
            file: file.clone(),
            reason,
        })?;
    }
    let system = |error| LoadError::System {
        what: "cannot set up TLS",
        source: std::io::Error::other(error),
    };
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(system)?;
    let mut config = if options.insecure {
        let verifier = Arc::new(AcceptAnyCertificate(provider));
        builder
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth()
    } else {
        builder.with_root_certificates(roots).with_no_client_auth()
    };
    config.resumption = tokio_rustls::rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

fn add_ca_file(file: &Path, roots: &mut RootCertStore) -> Result<(), String> {
    // The parser quotes the file in its errors, and the file may be a private key by mistake.
    let describe = |error| match error {
        pem::Error::Io(error) => error.to_string(),
        _ => "it is not a complete PEM file".to_owned(),
    };
    let certificates = CertificateDer::pem_file_iter(file).map_err(describe)?;
    let before = roots.len();
    for certificate in certificates {
        let certificate = certificate.map_err(describe)?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.len() == before {
        return Err("it contains no certificate; give a PEM file with certificates".to_owned());
    }
    Ok(())
}

/// Trusts any certificate, but verifies that the server has its key.
#[derive(Debug)]
struct AcceptAnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AcceptAnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
