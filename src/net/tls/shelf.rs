//! The certificates in service, and which of them a client gets: by the name it asks for (SNI), else the first.
//!
//! Each has a place of its own, in which it is replaced while connections are accepted. Reads no files; the watch and
//! ACME put certificates here, rustls takes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use super::certificate::Pair;

/// The protocol by which an ACME directory sees that a name is ours (RFC 8737).
pub(super) const ACME_PROTOCOL: &[u8] = b"acme-tls/1";

/// The certificates in service.
#[derive(Debug)]
pub(super) struct Shelf {
    served: ArcSwap<Served>,
    /// Certificates that prove names to an ACME directory, by name.
    proofs: Mutex<BTreeMap<String, Arc<CertifiedKey>>>,
}

/// The certificates at one moment.
#[derive(Debug, Default)]
struct Served {
    /// A place is empty until ACME has its first certificate.
    places: Vec<Option<Arc<Pair>>>,
    /// Of each name the place; of two certificates with the same name the first has it.
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

    /// The certificate for a name in lower case, else the first there is.
    fn choose(&self, name: Option<&str>) -> Option<&Arc<Pair>> {
        let place = name.and_then(|name| self.place(name));
        let chosen = place.and_then(|&place| self.places.get(place));
        chosen
            .and_then(Option::as_ref)
            .or_else(|| self.places.iter().flatten().next())
    }

    fn place(&self, name: &str) -> Option<&usize> {
        self.by_name.get(name).or_else(|| {
            // A star stands for one label (RFC 6125, 6.4.3).
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

    /// Replaces the certificate of one place for connections from now on.
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

    /// The certificate of one place.
    pub(super) fn at(&self, place: usize) -> Option<Arc<Pair>> {
        self.served.load().places.get(place).cloned().flatten()
    }

    /// All certificates, the default one first.
    pub(super) fn pairs(&self) -> Vec<Arc<Pair>> {
        self.served
            .load()
            .places
            .iter()
            .flatten()
            .cloned()
            .collect()
    }

    /// Shows a certificate to who asks for this name by ACME's protocol; `None` takes it away.
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
        // Who validates offers this protocol and no other.
        if hello
            .alpn()
            .is_some_and(|mut offered| offered.any(|one| one == ACME_PROTOCOL))
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
