//! Shared helpers of the TLS tests: certificates in files, clients that trust them, and a complete `TlsAcceptor`.

use std::path::Path;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::{CertificateDer, ServerName};
use tempfile::TempDir;
use tokio::io::DuplexStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client;
use tokio_rustls::rustls::{
    ClientConfig, DEFAULT_VERSIONS, RootCertStore, SupportedProtocolVersion,
};

use super::certificate::CertifiedPair;
use super::stream::TlsStream;
use super::*;

mod play;

/// A self-signed certificate, as PEM and DER.
pub(super) struct TestCertificate {
    pub(super) certificate: String,
    pub(super) key: String,
    pub(super) der: CertificateDer<'static>,
}

pub(super) fn make(names: &[&str]) -> TestCertificate {
    make_with(names, |_| {})
}

pub(super) fn make_with(
    names: &[&str],
    change: impl FnOnce(&mut CertificateParams),
) -> TestCertificate {
    let names: Vec<_> = names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    TestCertificate {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        der: certificate.der().clone(),
    }
}

impl TestCertificate {
    pub(super) fn write(&self, folder: &Path) -> CertificateFiles {
        std::fs::create_dir_all(folder).unwrap();
        let files = CertificateFiles {
            certificate: folder.join("tls.crt"),
            key: folder.join("tls.key"),
        };
        std::fs::write(&files.certificate, &self.certificate).unwrap();
        std::fs::write(&files.key, &self.key).unwrap();
        files
    }

    pub(super) fn pair(&self) -> CertifiedPair {
        let folder = tempfile::tempdir().unwrap();
        let files = self.write(folder.path());
        CertifiedPair::parse(&files, &files.read().unwrap()).unwrap()
    }
}

/// Creates a server's TLS with these certificates. Also returns their folder.
pub(super) fn tls(all: &[&TestCertificate]) -> (Arc<TlsAcceptor>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = config::Tls::default();
    for (number, made) in all.iter().enumerate() {
        let files = made.write(&folder.path().join(number.to_string()));
        settings.certificate.push(files.certificate);
        settings.key.push(files.key);
    }
    (TlsAcceptor::new(&settings).unwrap().unwrap(), folder)
}

/// Creates the configuration of a server with this certificate.
pub(super) fn server_config(made: &TestCertificate) -> Arc<ServerConfig> {
    let resolver = CertResolver::new(vec![Some(made.pair())]);
    Arc::new(super::server_config(resolver, false).unwrap())
}

/// Creates a client that trusts only these certificates.
pub(super) fn client(trusted: &[&TestCertificate]) -> ClientConfig {
    client_with(trusted, DEFAULT_VERSIONS)
}

fn client_with(
    trusted: &[&TestCertificate],
    versions: &[&'static SupportedProtocolVersion],
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    for made in trusted {
        roots.add(made.der.clone()).unwrap();
    }
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// A handshake cost that charges nothing.
pub(super) struct NoCost;

impl HandshakeCost for NoCost {
    fn charge(&mut self) {}
    fn refund(&mut self) {}
}

/// The two ends of a connection.
pub(super) struct ConnectionEnds {
    pub(super) server: Option<Box<TlsStream<DuplexStream>>>,
    pub(super) client: std::io::Result<client::TlsStream<DuplexStream>>,
    pub(super) counters: Counters,
}

pub(super) async fn handshake(
    tls: &TlsAcceptor,
    config: &Arc<ClientConfig>,
    name: &str,
) -> ConnectionEnds {
    let counters = Counters::default();
    let (server_end, client_end) = tokio::io::duplex(16 * 1024);
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let connector = TlsConnector::from(Arc::clone(config));
    let connecting = connector.connect(name, client_end);
    let accepting = tls.accept(server_end, &counters, NoCost);
    let (server, client) = tokio::join!(accepting, connecting);
    ConnectionEnds {
        server,
        client,
        counters,
    }
}

#[test]
fn settings_without_certificates_create_no_tls() {
    assert!(TlsAcceptor::new(&config::Tls::default()).unwrap().is_none());
}

#[test]
fn unusable_certificates_are_reported_with_file_and_remedy() {
    let (good, other) = (make(&["a.example"]), make(&["b.example"]));
    let error_of = |certificate: &str, key: &str| {
        let folder = tempfile::tempdir().unwrap();
        let files = good.write(folder.path());
        std::fs::write(&files.certificate, certificate).unwrap();
        std::fs::write(&files.key, key).unwrap();
        let settings = config::Tls {
            certificate: vec![files.certificate],
            key: vec![files.key],
            ..config::Tls::default()
        };
        let error = TlsAcceptor::new(&settings).unwrap_err().to_string();
        error.replace(folder.path().to_str().unwrap(), "FOLDER")
    };
    let encrypted = good.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let (start, end) = (
        good.certificate.find("\nM").unwrap(),
        good.certificate.len(),
    );
    let cut = format!(
        "{}{}",
        &good.certificate[..start + 40],
        "\n-----END CERTIFICATE-----\n"
    );
    for (certificate, key, expected) in [
        (
            good.key.as_str(),
            good.key.as_str(),
            "there is no certificate in FOLDER/tls.crt; give a PEM file",
        ),
        (
            "",
            &good.key,
            "there is no certificate in FOLDER/tls.crt; give a PEM file",
        ),
        (
            &good.certificate,
            "",
            "there is no private key in FOLDER/tls.key; give a PEM file",
        ),
        (
            &good.certificate,
            &encrypted,
            "there is no private key in FOLDER/tls.key; give a PEM file with a key that has no password",
        ),
        (
            &good.certificate,
            &other.key,
            "the key in FOLDER/tls.key is not that of the certificate in FOLDER/tls.crt",
        ),
        (
            &good.certificate[..end / 2],
            &good.key,
            "FOLDER/tls.crt is damaged",
        ),
        (&cut, &good.key, "FOLDER/tls.crt is damaged"),
    ] {
        let error = error_of(certificate, key);
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn errors_about_a_damaged_key_do_not_reveal_it() {
    let made = make(&["a.example"]);
    let whole = made.key.as_str();
    let (begin, rest) = whole.split_once('\n').unwrap();
    let keys = [
        whole.replace('\n', ""),
        whole.replace('\n', " "),
        whole.replace('\n', "\\n"),
        whole.replace('\n', "\\n") + "\n",
        format!("{begin}{rest}"),
        format!("{} {rest}", begin.trim_end_matches('-')),
        whole[..whole.len() / 2].to_owned(),
        whole[..whole.len() - 4].to_owned(),
        whole.replacen("\nM", "\n!", 1),
        whole.replacen("\nM", "\n", 1),
        whole.replace("\n-----END", "=\n-----END"),
    ];
    for key in &keys {
        let folder = tempfile::tempdir().unwrap();
        let files = made.write(folder.path());
        std::fs::write(&files.key, key).unwrap();
        // The same file for all three settings.
        for certificate in [&files.certificate, &files.key] {
            let settings = config::Tls {
                certificate: vec![certificate.clone()],
                key: vec![files.key.clone()],
                ..config::Tls::default()
            };
            assert_reveals_nothing_of(key, &TlsAcceptor::new(&settings).unwrap_err());
        }
        let settings = config::Tls {
            acme_domain: vec!["a.example".to_owned()],
            acme_cache: Some(folder.path().to_owned()),
            acme_authority: Some(files.key),
            ..config::Tls::default()
        };
        assert_reveals_nothing_of(key, &TlsAcceptor::new(&settings).unwrap_err());
    }
}

/// Asserts that the error contains no part of the content, neither as text nor as byte values.
fn assert_reveals_nothing_of(content: &str, error: &TlsError) {
    let message = format!("{error} {error:?}");
    // The remedy contains this text too.
    let marker = b"-----BEGIN CERTIFICATE-----";
    let is_secret = |run: &&[u8]| !marker.windows(8).any(|part| part == *run);
    for run in content.as_bytes().windows(8).filter(is_secret) {
        let numbers: Vec<_> = run.iter().take(4).map(u8::to_string).collect();
        assert!(!message.contains(&numbers.join(", ")), "{message}");
        let text = String::from_utf8_lossy(run);
        assert!(!message.contains(&*text), "{text}: {message}");
    }
}

#[test]
fn the_handle_lists_names_addresses_and_validity() {
    let (start, end) = (
        rcgen::date_time_ymd(2039, 1, 1),
        rcgen::date_time_ymd(2040, 1, 1),
    );
    let names = ["A.example", "192.0.2.1", "*.b.example", "2001:db8::1"];
    let made = make_with(&names, |params| {
        (params.not_before, params.not_after) = (start, end);
    });
    let (tls, _folder) = tls(&[&made]);
    let all = Certificates::new(tls).all();
    let certificate = CertificateInfo {
        names: vec!["a.example".to_owned(), "*.b.example".to_owned()],
        addresses: vec![[192, 0, 2, 1].into(), "2001:db8::1".parse().unwrap()],
        not_before: start.into(),
        not_after: end.into(),
    };
    assert_eq!(all, [certificate]);
}

#[tokio::test(start_paused = true)]
async fn a_requested_reload_is_immediate_and_counted() {
    let (before, after) = (make(&["a.example"]), make(&["b.example"]));
    let (tls, folder) = tls(&[&before]);
    let counters = Counters::default();
    let handle = Certificates::new(Arc::clone(&tls));
    let names = || handle.all()[0].names.clone();
    after.write(&folder.path().join("0"));
    handle.reload();
    let until = async {
        while names() != ["b.example"] {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = tls.maintain_certificates(&counters) => unreachable!("it goes on"),
        () = until => {}
    }
    let elapsed =
        tokio::time::timeout(Duration::from_secs(1), tls.maintain_certificates(&counters)).await;
    assert!(elapsed.is_err());
}
