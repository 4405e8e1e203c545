//! Selects the certificate for a client by server name (SNI), else the first one.
//!
//! Each certificate has a slot in which it is replaced while connections are accepted. Reads no files; the file watcher
//! and ACME store certificates here, and rustls reads them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use super::certificate::Pair;

/// The ALPN protocol with which an ACME directory validates a name (RFC 8737).
pub(super) const ACME_PROTOCOL: &[u8] = b"acme-tls/1";

/// The certificate resolver of all listeners.
#[derive(Debug)]
pub(super) struct Shelf {
    served: ArcSwap<Served>,
    /// ACME challenge certificates, by name.
    proofs: Mutex<BTreeMap<String, Arc<CertifiedKey>>>,
}

/// An immutable set of active certificates.
#[derive(Debug, Default)]
struct Served {
    /// A slot is empty until ACME has its first certificate.
    places: Vec<Option<Arc<Pair>>>,
    /// The slot of each name; of two certificates with the same name, the first one.
    by_name: BTreeMap<String, usize>,
}

impl Served {
    fn new(places: Vec<Option<Arc<Pair>>>) -> Self {
        let mut by_name = BTreeMap::new();
        for (place, pair) in places.iter().enumerate() {
            for name in pair.iter().flat_map(|pair| &pair.names) {
                by_name.entry(name.clone()).or_insert(place);
            }
        }
        Self { places, by_name }
    }

    /// Returns the certificate for a lower-case name, else the first one.
    fn choose(&self, name: Option<&str>) -> Option<&Arc<Pair>> {
        let place = name.and_then(|name| self.place(name));
        let chosen = place.and_then(|&place| self.places.get(place));
        chosen
            .and_then(Option::as_ref)
            .or_else(|| self.places.iter().flatten().next())
    }

    fn place(&self, name: &str) -> Option<&usize> {
        self.by_name.get(name).or_else(|| {
            // A wildcard matches one label (RFC 6125, 6.4.3).
            let (_, parent) = name.split_once('.')?;
            self.by_name.get(&format!("*.{parent}"))
        })
    }
}

impl Shelf {
    pub(super) fn new(pairs: Vec<Option<Pair>>) -> Arc<Self> {
        let places = pairs.into_iter().map(|pair| pair.map(Arc::new)).collect();
        Arc::new(Self {
            served: ArcSwap::from_pointee(Served::new(places)),
            proofs: Mutex::default(),
        })
    }

    /// Replaces the certificate of one slot for new connections.
    pub(super) fn put(&self, place: usize, pair: Pair) {
        let pair = Arc::new(pair);
        self.served.rcu(|served| {
            let mut places = served.places.clone();
            if let Some(place) = places.get_mut(place) {
                *place = Some(Arc::clone(&pair));
            }
            Served::new(places)
        });
    }

    /// Returns the certificate of one slot.
    pub(super) fn at(&self, place: usize) -> Option<Arc<Pair>> {
        self.served.load().places.get(place).cloned().flatten()
    }

    /// Returns all certificates, the default one first.
    pub(super) fn pairs(&self) -> Vec<Arc<Pair>> {
        self.served
            .load()
            .places
            .iter()
            .flatten()
            .cloned()
            .collect()
    }

    /// Sets the ACME challenge certificate of a name; `None` removes it.
    pub(super) fn prove(&self, name: &str, proof: Option<Arc<CertifiedKey>>) {
        let mut proofs = self.proofs.lock();
        match proof {
            Some(proof) => proofs.insert(name.to_ascii_lowercase(), proof),
            None => proofs.remove(&name.to_ascii_lowercase()),
        };
    }
}

impl ResolvesServerCert for Shelf {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        // A validating client offers only this protocol.
        if hello
            .alpn()
            .is_some_and(|mut offered| offered.any(|protocol| protocol == ACME_PROTOCOL))
        {
            return self.proofs.lock().get(&name?).cloned();
        }
        let served = self.served.load();
        served
            .choose(name.as_deref())
            .map(|pair| Arc::clone(&pair.certified))
    }
}

#[cfg(test)]
#[path = "tests/shelf.rs"]
mod tests;
