//! Tests TLS connections that are fragmented, slow, tampered with or aborted, as the fuzz target `tls` does.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use super::*;

#[path = "../../../../fuzz/bodies/tls.rs"]
mod body;

/// The configurations of one server and of clients that trust it.
#[derive(Debug)]
struct TlsConfigs {
    server: Arc<ServerConfig>,
    clients: [Arc<ClientConfig>; 2],
}

impl TlsConfigs {
    fn new() -> Self {
        let made = make(&["a.example"]);
        let clients = [&TLS13, &TLS12].map(|version| {
            let mut client = client_with(&[&made], &[version]);
            // Otherwise a run would depend on the previous ones.
            client.resumption = Resumption::disabled();
            Arc::new(client)
        });
        Self {
            server: server_config(&made),
            clients,
        }
    }

    fn check(&self, bytes: &[u8]) {
        let accept = |wire| TlsStream::accept(wire, Arc::clone(&self.server));
        body::check(bytes, &self.clients, accept, TlsStream::buffered_bytes);
    }
}

#[test]
fn data_arrives_intact_or_as_an_error_on_any_transport() {
    let configs = TlsConfigs::new();
    let bytes = prop::collection::vec(any::<u8>(), 0..300);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(60)
    });
    let result = runner.run(&bytes, |bytes| {
        configs.check(&bytes);
        Ok(())
    });
    result.unwrap();
}

#[test]
fn the_fuzz_seeds_for_tls_pass() {
    let configs = TlsConfigs::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/tls");
    let mut seeds = 0;
    for seed in fs::read_dir(folder).expect("the folder of seeds") {
        configs.check(&fs::read(seed.unwrap().path()).unwrap());
        seeds += 1;
    }
    assert!(seeds >= 10);
}
