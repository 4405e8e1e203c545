use super::super::tests::{TestCertificate, make};
use super::*;

/// Returns the first name of the certificate for a client that requests `name`.
fn chosen(all: &[&TestCertificate], name: Option<&str>) -> Option<String> {
    let places = all.iter().map(|made| Some(Arc::new(made.pair()))).collect();
    let served = ActiveCertificates::new(places);
    served.select(name).map(|pair| pair.name().to_owned())
}

#[test]
fn sni_selects_the_certificate_else_the_first_is_used() {
    let first = make(&["first.example", "also.example"]);
    let star = make(&["*.star.example"]);
    let exact = make(&["exact.star.example", "also.example"]);
    for (name, expected) in [
        (None, "first.example"),
        (Some("first.example"), "first.example"),
        (Some("also.example"), "first.example"),
        (Some("any.star.example"), "*.star.example"),
        (Some("exact.star.example"), "exact.star.example"),
        (Some("two.levels.star.example"), "first.example"),
        (Some("star.example"), "first.example"),
        (Some("unknown.example"), "first.example"),
        (Some("localhost"), "first.example"),
    ] {
        let chosen = chosen(&[&first, &star, &exact], name);
        assert_eq!(chosen.as_deref(), Some(expected), "{name:?}");
    }
    assert_eq!(chosen(&[], Some("first.example")), None);
}

#[test]
fn a_client_without_sni_gets_a_certificate_for_addresses() {
    let named = make(&["named.example"]);
    let both = make(&["both.example", "192.0.2.1"]);
    let address = make(&["2001:db8::1"]);
    for (all, name, expected) in [
        (&[&named, &both, &address][..], None, "both.example"),
        (&[&named, &address, &both], None, "2001:db8::1"),
        (&[&address, &named], Some("unknown.example"), "2001:db8::1"),
        (
            &[&named, &address],
            Some("unknown.example"),
            "named.example",
        ),
        (&[&address, &named], Some("named.example"), "named.example"),
        (&[&named], None, "named.example"),
    ] {
        assert_eq!(chosen(all, name).as_deref(), Some(expected), "{name:?}");
    }
    // The slot of ACME is empty until the first certificate arrives.
    let resolver = CertResolver::new(vec![Some(named.pair()), None]);
    let default = || {
        resolver
            .active
            .load()
            .select(None)
            .unwrap()
            .name()
            .to_owned()
    };
    assert_eq!(default(), "named.example");
    resolver.replace(1, address.pair());
    assert_eq!(default(), "2001:db8::1");
}

#[test]
fn an_empty_slot_is_skipped_until_it_is_filled() {
    let resolver = CertResolver::new(vec![None, Some(make(&["files.example"]).pair())]);
    let default = || {
        resolver
            .active
            .load()
            .select(None)
            .unwrap()
            .name()
            .to_owned()
    };
    assert_eq!(default(), "files.example");
    resolver.replace(0, make(&["acme.example"]).pair());
    assert_eq!(default(), "acme.example");
    assert_eq!(resolver.pairs().len(), 2);
    resolver.replace(0, make(&["renewed.example"]).pair());
    let served = resolver.active.load();
    assert_eq!(
        served.select(Some("acme.example")).unwrap().name(),
        "renewed.example"
    );
    assert!(!served.by_name.contains_key("acme.example"));
}
