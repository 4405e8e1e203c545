//! Knows the sites that the file of `tracker.groups` names: gives each an id, finds the site of a new connection, and
//! counts the connections of each.
//!
//! A connection keeps its site when the file changes. So an id belongs to one name while a connection has it. The hub
//! calls [`Sites::open`] and [`Sites::close`] once for each connection; both take a lock, as a reload does.

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use parking_lot::RwLock;
use slab::Slab;

use crate::config::SiteNetworks;
use crate::swarm::SiteId;

/// The sites, and the networks that lead to them.
#[derive(Default)]
pub struct Sites(RwLock<SiteTable>);

#[derive(Default)]
struct SiteTable {
    /// `None` if `tracker.groups` is not set.
    networks: Option<SiteNetworks>,
    /// The id of each name of `networks`, in the same order. `None` if no id was free.
    ids: Vec<Option<SiteId>>,
    /// Those of the file, and removed ones that still have connections. The slot is the number of the id minus 1.
    sites: Slab<Site>,
}

struct Site {
    name: Arc<str>,
    /// Number of its networks; 0 if the file no longer names it.
    networks: usize,
    connections: AtomicU32,
}

/// A site with its open connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteCount {
    /// Its name.
    pub name: Arc<str>,
    /// Number of its networks; 0 if the file no longer names it.
    pub networks: usize,
    /// Number of its open connections.
    pub connections: u32,
}

impl Sites {
    /// Finds the site of a new connection from this address, and counts the connection until [`Self::close`]. Returns
    /// `None` if no network contains the address, or if it is unknown.
    #[must_use]
    pub fn open(&self, address: Option<IpAddr>) -> Option<SiteId> {
        let table = self.0.read();
        let index = table.networks.as_ref()?.find(address?)?;
        let id = (*table.ids.get(usize::from(index))?)?;
        table.site(id)?.connections.fetch_add(1, Relaxed);
        Some(id)
    }

    /// Ends the count of a connection with this site.
    pub fn close(&self, id: SiteId) {
        if let Some(site) = self.0.read().site(id) {
            site.connections.fetch_sub(1, Relaxed);
        }
    }

    /// Returns the name of a site that a connection has.
    #[must_use]
    pub fn name(&self, id: SiteId) -> Option<Arc<str>> {
        self.0.read().site(id).map(|site| Arc::clone(&site.name))
    }

    /// Returns all sites in no order; `None` if `tracker.groups` is not set.
    #[must_use]
    pub fn list(&self) -> Option<Vec<SiteCount>> {
        let table = self.0.read();
        table.networks.as_ref()?;
        let sites = table.sites.iter().map(|(_, site)| SiteCount {
            name: Arc::clone(&site.name),
            networks: site.networks,
            connections: site.connections.load(Relaxed),
        });
        Some(sites.collect())
    }

    /// Replaces the networks for later connections. Open connections keep their sites. With the largest file it takes
    /// some milliseconds.
    pub(super) fn replace(&self, networks: Option<SiteNetworks>) {
        let without_id = self.0.write().replace(networks);
        if without_id > 0 {
            tracing::error!(
                sites = without_id,
                "no number is free for some sites of tracker.groups; reload when connections of removed sites have ended"
            );
        }
    }
}

impl SiteTable {
    fn site(&self, id: SiteId) -> Option<&Site> {
        self.sites.get(usize::from(id.number().get()) - 1)
    }

    /// Returns the number of sites for which no id was free.
    fn replace(&mut self, networks: Option<SiteNetworks>) -> usize {
        let names = networks.as_ref().map_or(&[][..], SiteNetworks::names);
        let listed: HashSet<&Arc<str>> = names.iter().collect();
        self.sites.retain(|_, site| {
            site.networks = 0;
            listed.contains(&site.name) || site.connections.load(Relaxed) > 0
        });
        let known = self.sites.iter();
        let known: HashMap<_, _> = known
            .map(|(slot, site)| (Arc::clone(&site.name), slot))
            .collect();
        let slots: Vec<_> = names
            .iter()
            .map(|name| known.get(name).copied().or_else(|| self.add(name)))
            .collect();
        for index in networks.iter().flat_map(SiteNetworks::site_indexes) {
            let slot = slots.get(usize::from(index)).copied().flatten();
            if let Some(site) = slot.and_then(|slot| self.sites.get_mut(slot)) {
                site.networks += 1;
            }
        }
        self.ids = slots.iter().map(|slot| site_id((*slot)?)).collect();
        self.networks = networks;
        self.ids.iter().filter(|id| id.is_none()).count()
    }

    fn add(&mut self, name: &Arc<str>) -> Option<usize> {
        (self.sites.len() < SiteId::SITES_MAX).then(|| {
            self.sites.insert(Site {
                name: Arc::clone(name),
                networks: 0,
                connections: AtomicU32::new(0),
            })
        })
    }
}

fn site_id(slot: usize) -> Option<SiteId> {
    let number = u16::try_from(slot + 1).ok().and_then(NonZeroU16::new);
    number.map(SiteId::new)
}

impl fmt::Debug for Sites {
    /// Writes only how many there are.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.0.read();
        f.debug_struct("Sites")
            .field("sites", &table.sites.len())
            .finish_non_exhaustive()
    }
}
