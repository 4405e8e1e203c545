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
