//! Reads the file of `tracker.groups`, which maps networks to sites, and finds the site of an address.
//!
//! A site is a place with networks of its own, such as a school or an office. The longest matching network decides.

mod csv_fields;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeSet, HashMap},
    io::Read,
    net::IpAddr,
    path::Path,
    sync::Arc,
};

use ipnet::IpNet;

use super::error::{InvalidConfig, Problem};
use super::list_file::{LineProblem, ListBounds, for_each_entry, read_list_file};
use super::network::{check_block, parse_block};
use csv_fields::two_fields;

/// Maximum networks in the file; in memory they take at most 50 bytes each.
const NETWORKS_MAX: usize = 100_000;
/// Maximum sites in the file: each has a number of 16 bits other than 0, which every connection stores.
const SITES_MAX: usize = u16::MAX as usize;
/// Maximum characters of the name of a site, which is shown in tables.
const SITE_NAME_CHARS_MAX: usize = 64;

/// Networks, each with its site.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct SiteNetworks {
    /// Without duplicates, at most [`SITES_MAX`].
    names: Vec<Arc<str>>,
    /// The index in `names` of the site of each network.
    networks: HashMap<IpNet, u16>,
    /// The prefix lengths of the IPv4 networks, the longest first.
    ipv4_lengths: Vec<u8>,
    /// The prefix lengths of the IPv6 networks, the longest first.
    ipv6_lengths: Vec<u8>,
}

impl SiteNetworks {
    /// Reads a file; blocks on the disk.
    ///
    /// # Errors
    /// The first mistake.
    pub(super) fn read(path: &Path) -> Result<Self, InvalidConfig> {
        read_list_file(("tracker.groups", path), NETWORKS_MAX, Self::parse)
    }

    fn parse(file: impl Read, bounds: ListBounds) -> Result<Self, LineProblem> {
        let mut builder = Builder::default();
        for_each_entry(file, bounds, |line| builder.add_line(line))?;
        Ok(builder.finish())
    }

    /// Returns the names of all sites, each once.
    #[must_use]
    pub fn names(&self) -> &[Arc<str>] {
        &self.names
    }

    /// Returns the index in [`Self::names`] of the site of each network, in no order.
    #[must_use]
    pub fn site_indexes(&self) -> impl ExactSizeIterator<Item = u16> {
        self.networks.values().copied()
    }

    /// Returns the index in [`Self::names`] of the site of an address. IPv4-mapped IPv6 addresses count as IPv4. It
    /// allocates nothing and searches once for each prefix length that occurs.
    #[must_use]
    pub fn find(&self, address: IpAddr) -> Option<u16> {
        let address = address.to_canonical();
        let lengths = match address {
            IpAddr::V4(_) => &self.ipv4_lengths,
            IpAddr::V6(_) => &self.ipv6_lengths,
        };
        lengths.iter().find_map(|&length| {
            let network = IpNet::new(address, length).ok()?.trunc();
            self.networks.get(&network).copied()
        })
    }
}

/// Builds the networks line by line.
#[derive(Debug, Default)]
struct Builder {
    built: SiteNetworks,
    /// The index of each name.
    indexes: HashMap<Arc<str>, u16>,
    has_seen_line: bool,
}

impl Builder {
    fn add_line(&mut self, line: &[u8]) -> Result<(), Problem> {
        let line = std::str::from_utf8(line)
            .map_err(|_| Problem::new("this is not UTF-8", "save the file as UTF-8"))?;
        let (network, site) = two_fields(line)?;
        let is_first = !std::mem::replace(&mut self.has_seen_line, true);
        if is_first && is_header(&network, &site) {
            return Ok(());
        }
        let network = parse_network(&network)?;
        let site = self.index_of(&site)?;
        match self.built.networks.insert(network, site) {
            Some(other) if other != site => Err(Problem::new(
                format!("{network} has another site on an earlier line"),
                "remove one of the two lines",
            )),
            _ => Ok(()),
        }
    }

    fn index_of(&mut self, name: &str) -> Result<u16, Problem> {
        check_site_name(name)?;
        if let Some(&index) = self.indexes.get(name) {
            return Ok(index);
        }
        let names = &mut self.built.names;
        let index = u16::try_from(names.len()).ok();
        let index = index.filter(|_| names.len() < SITES_MAX).ok_or_else(|| {
            let remedy = "give small sites near each other one name";
            Problem::new(format!("more than {SITES_MAX} sites"), remedy)
        })?;
        let name: Arc<str> = name.into();
        names.push(Arc::clone(&name));
        self.indexes.insert(name, index);
        Ok(index)
    }

    fn finish(self) -> SiteNetworks {
        let mut built = self.built;
        let lengths = |is_ipv4: bool| -> Vec<u8> {
            let networks = built.networks.keys();
            let networks = networks.filter(|network| network.addr().is_ipv4() == is_ipv4);
            let lengths: BTreeSet<_> = networks.map(IpNet::prefix_len).collect();
            lengths.into_iter().rev().collect()
        };
        (built.ipv4_lengths, built.ipv6_lengths) = (lengths(true), lengths(false));
        built
    }
}

fn is_header(network: &str, site: &str) -> bool {
    network.eq_ignore_ascii_case("network") && site.eq_ignore_ascii_case("site")
}

fn parse_network(word: &str) -> Result<IpNet, Problem> {
    let block = parse_block(word).ok_or_else(|| {
        let remedy = "write one such as 10.0.0.0/8, fd00::/8 or 192.0.2.1 before the comma";
        Problem::new("this is not a network", remedy)
    })?;
    check_block(block)
}

fn check_site_name(name: &str) -> Result<(), Problem> {
    let remedy = "write the name of a place after the comma";
    let length = name.chars().count();
    if length == 0 {
        return Err(Problem::new("the site has no name", remedy));
    }
    if length > SITE_NAME_CHARS_MAX {
        let what = format!("a site name of {length} characters, more than {SITE_NAME_CHARS_MAX}");
        return Err(Problem::new(what, "make it shorter"));
    }
    if name.chars().any(char::is_control) {
        return Err(Problem::new("a site name with control characters", remedy));
    }
    Ok(())
}
