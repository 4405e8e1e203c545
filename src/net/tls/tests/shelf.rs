use super::super::tests::{Made, make};
use super::*;

/// Returns the first name of the certificate for a client that requests `name`.
fn chosen(all: &[&Made], name: Option<&str>) -> Option<String> {
    let places = all.iter().map(|made| Some(Arc::new(made.pair()))).collect();
    let served = Served::new(places);
    served.choose(name).map(|pair| pair.name().to_owned())
}

#[test]
fn a_client_gets_the_certificate_for_the_name_it_asks_for_else_the_first() {
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
fn a_place_that_is_still_empty_is_passed_over_until_it_is_filled() {
    let shelf = Shelf::new(vec![None, Some(make(&["files.example"]).pair())]);
    let default = || shelf.served.load().choose(None).unwrap().name().to_owned();
    assert_eq!(default(), "files.example");
    shelf.put(0, make(&["acme.example"]).pair());
    assert_eq!(default(), "acme.example");
    assert_eq!(shelf.pairs().len(), 2);
    shelf.put(0, make(&["renewed.example"]).pair());
    let served = shelf.served.load();
    assert_eq!(
        served.choose(Some("acme.example")).unwrap().name(),
        "renewed.example"
    );
    assert!(!served.by_name.contains_key("acme.example"));
}
