//! Fuzz target: any bytes as events of a TLS connection.

#![no_main]

#[path = "../bodies/tls.rs"]
mod body;

use std::sync::Arc;

use swarmhub::echo::{ServerTlsStream, accept_tls};
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ClientConfig, DEFAULT_VERSIONS, RootCertStore, ServerConfig};

struct Configs {
    server: Arc<ServerConfig>,
    clients: [Arc<ClientConfig>; 2],
}

thread_local! {
    static CONFIGS: Configs = configs();
}

fn configs() -> Configs {
    let provider = Arc::new(default_provider());
    let generated =
        rcgen::generate_simple_self_signed(["a.example".to_owned()]).expect("a certificate");
    let certificate = generated.cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(generated.signing_key.serialize_der());
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("an authority");
    let clients = [&TLS13, &TLS12].map(|version| {
        let mut client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[version])
            .expect("a version")
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        // With resumption, a run would depend on earlier runs.
        client.resumption = Resumption::disabled();
        Arc::new(client)
    });
    let server = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(DEFAULT_VERSIONS)
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .expect("a server");
    Configs {
        server: Arc::new(server),
        clients,
    }
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    CONFIGS.with(|configs| {
        let accept = |wire| accept_tls(wire, Arc::clone(&configs.server));
        body::check(bytes, &configs.clients, accept, |stream| {
            stream.buffered_bytes()
        });
    });
});
