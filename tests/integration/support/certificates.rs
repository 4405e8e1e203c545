//! Self-signed certificates, servers that use them, and TLS clients that trust them.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use rustls_pki_types::{CertificateDer, ServerName};
use swarmhub::config::Config;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::http::Connection;
use super::{Client, TestServer, in_time};

/// A self-signed certificate for `localhost`, and clients that trust only it.
pub(crate) struct LocalhostCertificate {
    certificate: String,
    key: String,
    der: CertificateDer<'static>,
}

impl LocalhostCertificate {
    pub(crate) fn new() -> Self {
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            der: certificate.der().clone(),
        }
    }

    /// Writes certificate and key into a folder; returns their paths.
    pub(crate) fn write(&self, folder: &Path) -> (PathBuf, PathBuf) {
        std::fs::create_dir_all(folder).unwrap();
        let files = (folder.join("tls.crt"), folder.join("tls.key"));
        std::fs::write(&files.0, &self.certificate).unwrap();
        std::fs::write(&files.1, &self.key).unwrap();
        files
    }

    /// Performs a TLS handshake on a new connection.
    pub(crate) async fn connect_tls(
        &self,
        address: SocketAddr,
    ) -> io::Result<TlsStream<TcpStream>> {
        self.begin_tls(TcpStream::connect(address).await?).await
    }

    /// Performs a TLS handshake on a connection, to which something may have been written.
    pub(crate) async fn begin_tls(&self, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let connector = TlsConnector::from(Arc::new(client_config(roots)));
        let connecting = Box::pin(connector.connect(name, tcp));
        in_time("the TLS handshake", connecting).await
    }

    /// Opens an HTTP connection.
    pub(crate) async fn open(&self, address: SocketAddr) -> Connection<TlsStream<TcpStream>> {
        Connection::new(self.connect_tls(address).await.expect("trusted"))
    }

    /// Opens a WebSocket.
    pub(crate) async fn connect(&self, address: SocketAddr) -> Client<TlsStream<TcpStream>> {
        let stream = self.connect_tls(address).await.expect("trusted");
        Box::pin(Client::handshake(stream)).await
    }
}

/// Returns the configuration of a TLS client that trusts these roots.
pub(crate) fn client_config(roots: RootCertStore) -> ClientConfig {
    ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// Starts a server with a TLS and a plain listener; returns it with the folder of its certificate.
pub(crate) fn start_with_tls(
    certificate: &LocalhostCertificate,
    change: impl FnOnce(&mut Config),
) -> (TestServer, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = certificate.write(folder.path());
    let server = TestServer::start(|config| {
        let listen = ["tls+127.0.0.1:0", "127.0.0.1:0"];
        config.listen = listen.map(|listen| listen.parse().unwrap()).to_vec();
        (config.tls.certificate, config.tls.key) = (vec![certificate], vec![key]);
        change(config);
    });
    (server, folder)
}
