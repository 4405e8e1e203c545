//! Tests the ids of sites: over reloads, at the bound, and the counts of connections.

use super::*;
use crate::config::{Config, ListFiles};

/// Parses the text of a file.
fn networks(text: &str) -> Option<SiteNetworks> {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("written");
    let mut config = Config::default();
    config.tracker.groups = Some(file.path().to_owned());
    let lists = ListFiles::new(&config).read().expect("lists");
    assert!(lists.sites.is_some());
    lists.sites
}

fn sites(text: &str) -> Sites {
    let sites = Sites::default();
    sites.replace(networks(text));
    sites
}

fn open(sites: &Sites, address: &str) -> Option<SiteId> {
    sites.open(Some(address.parse().expect("an address")))
}

fn name(sites: &Sites, id: Option<SiteId>) -> Option<String> {
    Some(sites.name(id?)?.to_string())
}

/// Name, networks and connections of all sites, by name.
fn list(sites: &Sites) -> Vec<(String, usize, u32)> {
    let list = sites.list().expect("sites");
    let mut list: Vec<_> = list
        .into_iter()
        .map(|site| (site.name.to_string(), site.networks, site.connections))
        .collect();
    list.sort();
    list
}

#[test]
fn connections_are_counted_for_the_site_of_their_address() {
    let sites = sites("10.1.0.0/16,Berlin\nfd00:1::/32,Berlin\n10.2.0.0/16,Rome\n");
    let berlin = open(&sites, "10.1.2.3");
    assert_eq!(open(&sites, "fd00:1::9"), berlin);
    assert_eq!(open(&sites, "::ffff:10.1.0.9"), berlin);
    let rome = open(&sites, "10.2.2.3");
    assert_eq!(open(&sites, "10.3.2.3"), None);
    assert_eq!(sites.open(None), None);
    assert_eq!(name(&sites, berlin).as_deref(), Some("Berlin"));
    assert_eq!(name(&sites, rome).as_deref(), Some("Rome"));
    let counts = |berlin, rome| {
        vec![
            ("Berlin".to_owned(), 2, berlin),
            ("Rome".to_owned(), 1, rome),
        ]
    };
    assert_eq!(list(&sites), counts(3, 1));
    sites.close(berlin.expect("a site"));
    sites.close(rome.expect("a site"));
    assert_eq!(list(&sites), counts(2, 0));
}

#[test]
fn without_a_file_there_are_no_sites() {
    let sites = Sites::default();
    assert_eq!((open(&sites, "10.1.2.3"), sites.list()), (None, None));
    sites.replace(networks("10.1.0.0/16,Berlin\n"));
    assert!(open(&sites, "10.1.2.3").is_some());
    sites.replace(networks("# none\n"));
    assert_eq!(list(&sites), [("Berlin".to_owned(), 0, 1)]);
    sites.replace(None);
    assert_eq!((open(&sites, "10.1.2.3"), sites.list()), (None, None));
}

#[test]
fn a_connection_keeps_its_site_when_the_file_changes() {
    let sites = sites("10.1.0.0/16,Berlin\n10.2.0.0/16,Rome\n10.3.0.0/16,Oslo\n");
    let [berlin, rome, oslo] =
        ["10.1.0.1", "10.2.0.1", "10.3.0.1"].map(|address| open(&sites, address));
    sites.close(oslo.expect("a site"));
    // The order differs, Rome has moved, Berlin and Oslo are gone, and Paris is new.
    sites.replace(networks("10.3.0.0/16,Paris\n10.1.0.0/16,Rome\n"));
    assert_eq!(name(&sites, berlin).as_deref(), Some("Berlin"));
    assert_eq!(name(&sites, rome).as_deref(), Some("Rome"));
    assert_eq!(open(&sites, "10.1.0.1"), rome);
    let paris = open(&sites, "10.3.0.1");
    assert_eq!(name(&sites, paris).as_deref(), Some("Paris"));
    assert!(paris != berlin && paris != rome);
    let expected = [("Berlin", 0, 1), ("Paris", 1, 1), ("Rome", 1, 2)];
    assert_eq!(
        list(&sites),
        expected.map(|(name, networks, open)| (name.to_owned(), networks, open))
    );
    // A site that comes back is the same site.
    sites.replace(networks("10.9.0.0/16,Berlin\n"));
    assert_eq!(open(&sites, "10.9.0.1"), berlin);
    // A removed one without connections is forgotten.
    for id in [rome, rome, paris] {
        sites.close(id.expect("a site"));
    }
    sites.replace(networks("10.9.0.0/16,Berlin\n"));
    assert_eq!(list(&sites), [("Berlin".to_owned(), 1, 2)]);
}

#[test]
fn a_site_without_a_free_id_has_none_until_one_is_free() {
    let number_of_sites = u32::try_from(SiteId::SITES_MAX).expect("few");
    let address = |number: u32| std::net::Ipv4Addr::from(number).into();
    let lines = (0..number_of_sites).map(|number| format!("{},{number}\n", address(number)));
    let sites = sites(&lines.collect::<String>());
    let ids: HashSet<_> = (0..number_of_sites)
        .map(|number| sites.open(Some(address(number))).expect("a site"))
        .collect();
    assert_eq!(ids.len(), SiteId::SITES_MAX);

    let other = || networks("10.0.0.0/8,Berlin\n10.9.0.0/16,7\n");
    sites.replace(other());
    assert_eq!(open(&sites, "10.0.0.1"), None);
    assert_eq!(name(&sites, open(&sites, "10.9.0.1")).as_deref(), Some("7"));
    for id in &ids {
        sites.close(*id);
    }
    sites.replace(other());
    let found = open(&sites, "10.0.0.1");
    assert_eq!(name(&sites, found).as_deref(), Some("Berlin"));
    assert_eq!(list(&sites).len(), 2);
}
