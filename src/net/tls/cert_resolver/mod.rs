//! Selects the certificate for a client by server name (SNI); without one, a certificate for IP addresses, else the
//! first.
//!
//! Each certificate has a slot in which it is replaced while connections are accepted. Reads no files; the file watcher
//! and ACME store certificates here, and rustls reads them.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

use super::certificate::CertifiedPair;

/// The ALPN protocol with which an ACME directory validates a name (RFC 8737).
pub(super) const ACME_PROTOCOL: &[u8] = b"acme-tls/1";

/// The certificate resolver of all listeners.
#[derive(Debug)]
pub(super) struct CertResolver {
    active: ArcSwap<ActiveCertificates>,
    /// ACME challenge certificates, by the server name that the validator sends.
    acme_challenges: Mutex<BTreeMap<String, Arc<CertifiedKey>>>,
}

/// An immutable set of active certificates.
#[derive(Debug, Default)]
struct ActiveCertificates {
    /// A slot is empty until ACME has its first certificate.
    slots: Vec<Option<Arc<CertifiedPair>>>,
    /// The slot of each name; of two certificates with the same name, the first one.
    by_name: BTreeMap<String, usize>,
    /// The first slot whose certificate has addresses: clients that connect to an address send no name (RFC 6066, 3).
    for_addresses: Option<usize>,
}

impl ActiveCertificates {
    fn new(slots: Vec<Option<Arc<CertifiedPair>>>) -> Self {
        let mut by_name = BTreeMap::new();
        for (place, pair) in slots.iter().enumerate() {
            for name in pair.iter().flat_map(|pair| &pair.names) {
                by_name.entry(name.clone()).or_insert(place);
            }
        }
        let has_addresses = |pair: &Option<Arc<CertifiedPair>>| {
            pair.as_ref().is_some_and(|pair| !pair.addresses.is_empty())
        };
        let for_addresses = slots.iter().position(has_addresses);
        Self {
            slots,
            by_name,
            for_addresses,
        }
    }

    /// Returns the certificate for a lower-case name, or for a client without one; else the first.
    fn select(&self, name: Option<&str>) -> Option<&Arc<CertifiedPair>> {
        let place = name.map_or(self.for_addresses, |name| self.slot(name));
        let chosen = place.and_then(|place| self.slots.get(place));
        chosen
            .and_then(Option::as_ref)
            .or_else(|| self.slots.iter().flatten().next())
    }

    fn slot(&self, name: &str) -> Option<usize> {
        let place = self.by_name.get(name).or_else(|| {
            // A wildcard matches one label (RFC 6125, 6.4.3).
            let (_, parent) = name.split_once('.')?;
            self.by_name.get(&format!("*.{parent}"))
        });
        place.copied()
    }
}

impl CertResolver {
    pub(super) fn new(pairs: Vec<Option<CertifiedPair>>) -> Arc<Self> {
        let places = pairs.into_iter().map(|pair| pair.map(Arc::new)).collect();
        Arc::new(Self {
            active: ArcSwap::from_pointee(ActiveCertificates::new(places)),
            acme_challenges: Mutex::default(),
        })
    }

    /// Replaces the certificate of one slot for new connections.
    pub(super) fn replace(&self, place: usize, pair: CertifiedPair) {
        let pair = Arc::new(pair);
        self.active.rcu(|served| {
            let mut places = served.slots.clone();
            if let Some(place) = places.get_mut(place) {
                *place = Some(Arc::clone(&pair));
            }
            ActiveCertificates::new(places)
        });
    }

    /// Returns the certificate of one slot.
    pub(super) fn get(&self, place: usize) -> Option<Arc<CertifiedPair>> {
        self.active.load().slots.get(place).cloned().flatten()
    }

    /// Returns all certificates, the default one first.
    pub(super) fn pairs(&self) -> Vec<Arc<CertifiedPair>> {
        self.active.load().slots.iter().flatten().cloned().collect()
    }

    /// Sets the ACME challenge certificate for a server name; `None` removes it.
    pub(super) fn set_challenge(&self, name: &str, proof: Option<Arc<CertifiedKey>>) {
        let mut proofs = self.acme_challenges.lock();
        match proof {
            Some(proof) => proofs.insert(name.to_ascii_lowercase(), proof),
            None => proofs.remove(&name.to_ascii_lowercase()),
        };
    }
}

impl ResolvesServerCert for CertResolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name().map(str::to_ascii_lowercase);
        // A validating client offers only this protocol.
        if hello
            .alpn()
            .is_some_and(|mut offered| offered.any(|protocol| protocol == ACME_PROTOCOL))
        {
            return self.acme_challenges.lock().get(&name?).cloned();
        }
        let served = self.active.load();
        served
            .select(name.as_deref())
            .map(|pair| Arc::clone(&pair.certified))
    }
}

#[cfg(test)]
mod tests;
