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
    let shelf = CertResolver::new(vec![None, Some(make(&["files.example"]).pair())]);
    let default = || shelf.active.load().select(None).unwrap().name().to_owned();
    assert_eq!(default(), "files.example");
    shelf.replace(0, make(&["acme.example"]).pair());
    assert_eq!(default(), "acme.example");
    assert_eq!(shelf.pairs().len(), 2);
    shelf.replace(0, make(&["renewed.example"]).pair());
    let served = shelf.active.load();
    assert_eq!(
        served.select(Some("acme.example")).unwrap().name(),
        "renewed.example"
    );
    assert!(!served.by_name.contains_key("acme.example"));
}
