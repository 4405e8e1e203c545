//! Tests checks of settings against others, and against files.

use super::*;

#[test]
fn contradicting_settings_are_refused() {
    for (settings, blamed) in [
        (
            &[("tracker.interval_min", "121")][..],
            "--tracker-interval-min",
        ),
        (&[("tracker.interval_max", "44")], "--tracker-interval-max"),
        (
            &[("tracker.membership_ttl", "120")],
            "--tracker-membership-ttl",
        ),
        (
            &[("interval", "200"), ("tracker.membership_ttl", "150")],
            "--interval",
        ),
        (
            &[("tracker.pending_offers_max", "19")],
            "--tracker-pending-offers-max",
        ),
        (&[("limits.offers_burst", "19")], "--limits-offers-burst"),
        (
            &[("connection.sdp_bytes_max", "131072")],
            "--connection-sdp-bytes-max",
        ),
        (
            &[("connection.output_bytes_max", "131071")],
            "--connection-output-bytes-max",
        ),
        (
            &[("connection.ping_after", "120")],
            "--connection-ping-after",
        ),
        (&[("limits.patience", "1")], "--limits-patience"),
        (&[("bans.duration_min", "7200")], "--bans-duration-min"),
        (&[("memory.shed_percent", "50")], "--memory-shed-percent"),
    ] {
        let problems = flags(settings).problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].starts_with(&format!("{blamed}: ")),
            "{problems:?}"
        );
    }
    assert_eq!(file("listen = []").problems().len(), 1);
}

#[test]
fn a_contradiction_names_both_places() {
    let input = LayerInput {
        file: "[tracker]\ninterval_max = 90\n",
        variables: &[("SWARMHUB_TRACKER_INTERVAL_MIN", "100")],
        ..LayerInput::default()
    };
    insta::assert_snapshot!(input.problems().join("\n"));
    insta::assert_snapshot!(file("[connection]\ndead_after = 30").problems().join("\n"));
}

#[test]
fn with_a_fixed_interval_the_ttl_ignores_interval_max() {
    flags(&[("interval", "10"), ("tracker.membership_ttl", "30")]).config();
}

#[test]
fn an_invalid_setting_causes_no_contradictions() {
    // The mistyped maximum would otherwise leave the default, which is below this minimum.
    let input = flags(&[
        ("tracker.interval_min", "200"),
        ("tracker.interval_max", "3OO"),
    ]);
    assert_eq!(input.problems().len(), 1);
}

#[test]
fn a_wrong_certificate_path_is_the_only_error() {
    let cases: [(&[_], &[&str]); 4] = [
        (
            &[
                ("listen", "tls+[::]:8443"),
                ("tls.certificate", "/no/certificate"),
                ("tls.key", "/"),
            ],
            &[
                "--tls-certificate: there is no file \"/no/certificate\"; ",
                "--tls-key: \"/\" is a folder; ",
            ],
        ),
        (
            &[
                ("listen", "tls+[::]:8443"),
                ("tls.acme_domain", "*.a.example"),
                ("tls.acme_cache", "/cache"),
            ],
            &["--tls-acme-domain: \"*.a.example\" is not a domain; "],
        ),
        (
            &[
                ("tls.acme_domain", "a.example"),
                ("tls.acme_cache", "/dev/null"),
            ],
            &["--tls-acme-cache: \"/dev/null\" is not a folder; "],
        ),
        (
            &[("listen", "127.0.0.1"), ("tls.self_signed", "true")],
            &["--listen: \"127.0.0.1\" is not an IP address with a port; "],
        ),
    ];
    for (set, expected) in cases {
        let problems = flags(set).problems();
        assert_eq!(problems.len(), expected.len(), "{problems:?}");
        for (problem, start) in problems.iter().zip(expected) {
            assert!(problem.starts_with(start), "{problem}");
        }
    }
}

#[test]
fn only_port_zero_may_be_listed_twice() {
    assert_eq!(
        flags(&[("listen", "127.0.0.1:0|127.0.0.1:0")])
            .config()
            .listen
            .len(),
        2
    );
    assert_eq!(
        flags(&[("listen", "127.0.0.1:80|127.0.0.1:80")])
            .problems()
            .len(),
        1
    );
}

#[test]
fn an_embedding_program_can_check_its_config() {
    let mut config = Config {
        listen: Vec::new(),
        workers: 5000,
        ..Config::default()
    };
    config.tracker.interval_min = Duration::from_mins(10);
    config.origin = vec!["example.org".to_owned()];
    let problems: Vec<String> = config
        .check()
        .unwrap_err()
        .iter()
        .map(ToString::to_string)
        .collect();
    insta::assert_snapshot!(problems.join("\n"));
}

#[test]
fn a_web_dir_must_contain_the_start_page() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config {
        web_dir: Some(dir.path().to_owned()),
        ..Config::default()
    };
    assert!(config.check().is_err());
    fs::create_dir(dir.path().join("share")).unwrap();
    fs::write(dir.path().join("share").join("index.html"), "").unwrap();
    assert_eq!(config.check(), Ok(()));
    config.web_dir = None;
    assert_eq!(config.check(), Ok(()));
}
