use super::super::tests::{make, make_with};
use super::*;

fn settings(folder: &std::path::Path) -> config::Tls {
    config::Tls {
        acme_domain: vec!["a.example".to_owned(), "b.example".to_owned()],
        acme_contact: vec!["admin@example.org".to_owned()],
        acme_cache: Some(folder.join("cache")),
        ..config::Tls::default()
    }
}

fn acme(settings: &config::Tls) -> AcmeClient {
    AcmeClient::new(settings, CertResolver::new(vec![None]), 0).unwrap()
}

#[test]
fn a_stored_certificate_is_served_if_it_has_all_names() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let first = acme(&settings);
    assert!(first.resolver.get(0).is_none());
    assert_eq!(first.time_until_renewal(SystemTime::now()), Duration::ZERO);
    for (names, served) in [
        (&["a.example"][..], false),
        (&["b.example", "a.example"], true),
    ] {
        let made = make(names);
        let text = format!("{}{}", made.key, made.certificate);
        first.cache.store_certificate(text.as_bytes()).unwrap();
        assert_eq!(
            acme(&settings).resolver.get(0).is_some(),
            served,
            "{names:?}"
        );
    }
    first.cache.store_certificate(b"half a fi").unwrap();
    assert!(
        acme(&settings).resolver.get(0).is_none(),
        "a damaged certificate is ordered again"
    );
}

#[test]
fn a_certificate_is_renewed_when_a_third_or_half_of_its_time_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let acme = acme(&settings(folder.path()));
    let made = make_with(&["a.example"], |params| {
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 4, 1);
    });
    acme.resolver.replace(0, made.pair());
    let days = |days: u64| Duration::from_secs(days * 24 * 60 * 60);
    let start = acme.resolver.get(0).unwrap().not_before;
    assert_eq!(acme.time_until_renewal(start), days(60));
    assert_eq!(acme.time_until_renewal(start + days(59)), days(1));
    assert_eq!(acme.time_until_renewal(start + days(61)), Duration::ZERO);
    assert_eq!(acme.time_until_renewal(start + days(1000)), Duration::ZERO);

    let made = make_with(&["192.0.2.1"], |params| {
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 1, 7);
    });
    acme.resolver.replace(0, made.pair());
    assert_eq!(acme.time_until_renewal(start), days(3));
    assert_eq!(acme.time_until_renewal(start + days(3)), Duration::ZERO);
    assert_eq!(time_for_renewal(days(10)), days(10) / 3);
}

#[test]
fn a_stored_certificate_of_another_address_is_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.acme_domain.clear();
    settings.acme_address = vec!["192.0.2.1".parse().unwrap()];
    let made = make(&["192.0.2.1"]);
    let text = format!("{}{}", made.key, made.certificate);
    let first = acme(&settings);
    first.cache.store_certificate(text.as_bytes()).unwrap();
    assert!(acme(&settings).resolver.get(0).is_some());
    settings.acme_address.push("2001:db8::1".parse().unwrap());
    assert!(acme(&settings).resolver.get(0).is_none());
}

/// The extension is critical, and the certificate parsers here do not support it.
#[test]
fn a_challenge_certificate_can_be_served() {
    let proof = order::challenge_certificate("a.example", &[7; 32]).unwrap();
    let text = proof.cert[0].as_ref();
    assert!(text.windows(32).any(|bytes| bytes == [7; 32]));
    let proof = order::challenge_certificate("192.0.2.1", &[7; 32]).unwrap();
    let text = proof.cert[0].as_ref();
    // The only name is an iPAddress of four bytes (RFC 5280, 4.2.1.6).
    let name = [0x30, 6, 0x87, 4, 192, 0, 2, 1];
    assert!(text.windows(8).any(|bytes| bytes == name));
}

#[cfg(unix)]
#[test]
fn stored_files_are_private_and_separate_per_directory() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    let real = acme(&settings);
    real.cache.store_certificate(b"secret").unwrap();
    let mode = std::fs::metadata(real.cache.certificate_file())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    settings.acme_directory = "https://127.0.0.1:14000/dir".to_owned();
    let other = acme(&settings);
    assert!(other.cache.certificate().is_none());
    assert_eq!(real.cache.certificate().unwrap(), b"secret");
}

#[test]
fn an_unwritable_cache_is_reported_at_startup() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    settings.acme_cache = Some(file.join("below"));
    let error = AcmeClient::new(&settings, CertResolver::new(vec![None]), 0).unwrap_err();
    assert!(matches!(error, TlsError::Cache(_)), "{error}");
    let file = folder.path().join("authority.pem");
    std::fs::write(&file, "").unwrap();
    settings.acme_authority = Some(file);
    let error = AcmeClient::new(&settings, CertResolver::new(vec![None]), 0).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("tls.acme_authority: there is no certificate"),
        "{error}"
    );
}
