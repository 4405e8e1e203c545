use std::path::Path;

use super::super::tests::{TestCertificate, make, make_with};
use super::*;

const NOTHING: ScanResult = ScanResult {
    reloads: 0,
    failures: 0,
};
const RELOADED: ScanResult = ScanResult {
    reloads: 1,
    failures: 0,
};
const FAILED: ScanResult = ScanResult {
    reloads: 0,
    failures: 1,
};

fn watch(files: CertificateFiles) -> CertificateWatcher {
    let make_resolver =
        |pairs: Vec<CertifiedPair>| CertResolver::new(pairs.into_iter().map(Some).collect());
    CertificateWatcher::start(vec![files], make_resolver)
        .unwrap()
        .1
}

/// Returns the name of the active certificate.
fn name(watch: &CertificateWatcher) -> String {
    watch.resolver.pairs()[0].name().to_owned()
}

/// Performs this many periodic scans.
fn periodic_scans(watch: &mut CertificateWatcher, times: usize) -> Vec<ScanResult> {
    (0..times)
        .map(|_| watch.scan(ScanTrigger::Periodic))
        .collect()
}

#[test]
fn a_change_is_loaded_when_it_is_stable() {
    let folder = tempfile::tempdir().unwrap();
    let mut watch = watch(make(&["a.example"]).write(folder.path()));
    assert_eq!(periodic_scans(&mut watch, 3), [NOTHING; 3]);
    make(&["b.example"]).write(folder.path());
    assert_eq!(
        periodic_scans(&mut watch, 4),
        [NOTHING, RELOADED, NOTHING, NOTHING]
    );
    assert_eq!(name(&watch), "b.example");
}

#[test]
fn a_new_certificate_waits_for_its_key() {
    let folder = tempfile::tempdir().unwrap();
    let files = make(&["a.example"]).write(folder.path());
    let mut watch = watch(files.clone());
    let new = make(&["b.example"]);
    std::fs::write(&files.certificate, &new.certificate).unwrap();
    assert_eq!(periodic_scans(&mut watch, 1), [NOTHING]);
    std::fs::write(&files.key, &new.key).unwrap();
    assert_eq!(periodic_scans(&mut watch, 3), [NOTHING, RELOADED, NOTHING]);
}

#[test]
fn a_bad_file_keeps_the_old_certificate_and_is_logged_once() {
    let folder = tempfile::tempdir().unwrap();
    let files = make(&["a.example"]).write(folder.path());
    let mut watch = watch(files.clone());
    let other = make(&["b.example"]);
    for bad in ["", "no certificate", &other.certificate] {
        std::fs::write(&files.certificate, bad).unwrap();
        let results = periodic_scans(&mut watch, 5);
        assert_eq!(
            results,
            [NOTHING, FAILED, NOTHING, NOTHING, NOTHING],
            "{bad}"
        );
        assert_eq!(name(&watch), "a.example");
    }
    // A requested reload reports the error again.
    assert_eq!(watch.scan(ScanTrigger::Requested), FAILED);
    std::fs::write(&files.key, &other.key).unwrap();
    assert_eq!(watch.scan(ScanTrigger::Requested), RELOADED);
    assert_eq!(name(&watch), "b.example");
}

#[test]
fn files_that_are_removed_and_restored_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let made = make(&["a.example"]);
    let files = made.write(folder.path());
    let mut watch = watch(files.clone());
    for _ in 0..2 {
        std::fs::remove_file(&files.key).unwrap();
        assert_eq!(periodic_scans(&mut watch, 3), [NOTHING, FAILED, NOTHING]);
        made.write(folder.path());
        assert_eq!(periodic_scans(&mut watch, 3), [NOTHING; 3]);
    }
}

/// Kubernetes mounts a secret as links through `..data`, and replaces that link.
#[cfg(unix)]
#[test]
fn a_swapped_intermediate_link_is_detected() {
    use std::os::unix::fs::symlink;

    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let swap = |to: &str, made: &TestCertificate| {
        made.write(&at(to));
        symlink(to, at("..data_tmp")).unwrap();
        std::fs::rename(at("..data_tmp"), at("..data")).unwrap();
    };
    swap("..2026_01", &make(&["a.example"]));
    for file in ["tls.crt", "tls.key"] {
        symlink(Path::new("..data").join(file), at(file)).unwrap();
    }
    let mut watch = watch(CertificateFiles {
        certificate: at("tls.crt"),
        key: at("tls.key"),
    });
    swap("..2026_02", &make(&["b.example"]));
    std::fs::remove_dir_all(at("..2026_01")).unwrap();
    assert_eq!(periodic_scans(&mut watch, 3), [NOTHING, RELOADED, NOTHING]);
    assert_eq!(name(&watch), "b.example");
}

/// Certbot changes the links of `live/` to other files one after the other; the file times may be equal.
#[cfg(unix)]
#[test]
fn a_changed_link_is_detected_even_with_equal_times() {
    use std::os::unix::fs::symlink;

    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (old, new) = (
        make(&["a.example"]).write(&at("1")),
        make(&["b.example"]).write(&at("2")),
    );
    let modified = std::fs::metadata(&old.certificate)
        .unwrap()
        .modified()
        .unwrap();
    for file in [&new.certificate, &new.key] {
        let file = std::fs::File::options().write(true).open(file).unwrap();
        file.set_modified(modified).unwrap();
    }
    let live = CertificateFiles {
        certificate: at("cert.pem"),
        key: at("key.pem"),
    };
    symlink(&old.certificate, &live.certificate).unwrap();
    symlink(&old.key, &live.key).unwrap();
    let mut watch = watch(live.clone());
    for (link, target) in [(&live.certificate, &new.certificate), (&live.key, &new.key)] {
        std::fs::remove_file(link).unwrap();
        symlink(target, link).unwrap();
    }
    assert_eq!(watch.scan(ScanTrigger::Requested), RELOADED);
    assert_eq!(name(&watch), "b.example");
}

#[test]
fn an_expired_certificate_is_served_and_logged_once() {
    let folder = tempfile::tempdir().unwrap();
    let end = rcgen::date_time_ymd(2020, 1, 1);
    let expired = make_with(&["a.example"], |params| params.not_after = end);
    let mut watch = watch(expired.write(folder.path()));
    assert_eq!(days_left(&watch.resolver.pairs()[0], SystemTime::now()), 0);
    watch.log_expired(SystemTime::UNIX_EPOCH);
    assert!(!watch.watched[0].expiry_logged);
    watch.log_expired(SystemTime::now());
    assert!(watch.watched[0].expiry_logged);
    make(&["a.example"]).write(folder.path());
    assert_eq!(watch.scan(ScanTrigger::Requested), RELOADED);
    watch.log_expired(SystemTime::now());
    assert!(!watch.watched[0].expiry_logged);
}
