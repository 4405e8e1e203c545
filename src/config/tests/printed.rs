//! Tests the output of `print-config`.

use super::*;

#[test]
fn the_printed_configuration_has_explanations() {
    let input = LayerInput {
        file: "log_format = \"json\"\n[drain]\ntimeout = 0.5\n",
        variables: &[(
            "SWARMHUB_ORIGIN",
            "https://a.example,https://b.example:8443",
        )],
        flags: &[("listen", "127.0.0.1:0"), ("interval", "60")],
    };
    let effective = input.load().unwrap();
    insta::assert_snapshot!(effective.to_toml());
    insta::assert_snapshot!(effective.summary());
}

#[test]
fn a_printed_configuration_loads_to_the_same_values() {
    let many = flags(&[
        ("listen", "127.0.0.1:0|[::1]:9000"),
        ("workers", "3"),
        ("interval", "7.25"),
        ("no_limits", "true"),
        ("log_format", "json"),
        ("log_level", "warn,swarmhub::hub=trace"),
        ("ice_server", "stun:a.example|stuns:b.example:5349"),
        ("origin", "https://a.example|null"),
        ("tracker.membership_ttl", "86400"),
        ("tracker.full_scrape", "true"),
        ("connection.handshake_timeout", "0.1"),
        ("connection.stuck_after", "0.123456789"),
        ("limits.patience", "3600"),
    ])
    .config();
    for config in [Config::default(), many] {
        let effective = EffectiveConfig {
            config,
            sources: [].into(),
            file: None,
        };
        let printed = effective.to_toml();
        assert_eq!(file(&printed).config(), effective.config, "{printed}");
    }
}

#[test]
fn ice_server_passwords_are_never_printed() {
    let input = [
        ("ice_server", "stun:a.example|turn:me:hidden@b.example"),
        ("alerts.webhook", "https://me:hidden@c.example/hidden"),
    ];
    let effective = LayerInput {
        flags: &input,
        ..LayerInput::default()
    };
    let effective = effective.load().unwrap();
    let printed = effective.to_toml();
    for shown in [&printed, &format!("{effective:?}")] {
        assert!(!shown.contains("hidden"), "{shown}");
    }
    assert!(
        printed.contains("its secrets are not shown\n# ice_server = [\"stun:a.example\", \"turn:me:(set)@b.example\"]"),
        "{printed}"
    );
    // The printed file loads without them, and never with a mask in their place.
    assert!(file(&printed).config().ice_server.is_empty());
    let (_, changes) = Config::default().reloaded(&effective.config).unwrap();
    let messages: String = changes.iter().map(ToString::to_string).collect();
    assert!(
        messages.contains("turn:me:(set)@b.example") && !messages.contains("hidden"),
        "{messages}"
    );
    for wrong in [
        file("ice_server = \"turn:me:hidden@b.example\""),
        file("ice_server = [\"turn:me:hidden@b.example\", \"turn:me:hidden@b.example\"]"),
        file("ice_server = [\"turn:me:hidden@\"]"),
        variables(&[("SWARMHUB_ICE_SERVER", "turn:me:hidden,more@b.example")]),
        flags(&[("ice_server", "turn:me:hidden b.example")]),
    ] {
        let problems = wrong.problems().join("\n");
        assert!(
            problems
                .to_lowercase()
                .replace('-', "_")
                .contains("ice_server")
                && !problems.contains("hidden"),
            "{problems}"
        );
    }
}

#[test]
fn secrets_are_never_printed() {
    for key in [
        "admin_token",
        "metrics.token",
        "alerts.webhook_secret",
        "ice.turn_secret",
    ] {
        let hidden = "hidden-word-of-some-length";
        let effective = flags(&[(key, hidden)]).load().unwrap();
        let printed = effective.to_toml();
        let (_, changes) = Config::default().reloaded(&effective.config).unwrap();
        let changes: String = changes.iter().map(ToString::to_string).collect();
        assert!(changes.contains(key), "{changes}");
        for shown in [&printed, &format!("{effective:?}"), &changes] {
            assert!(shown.contains("(set)"), "{shown}");
            assert!(!shown.contains(hidden), "{shown}");
        }
        // The printed file loads without it.
        assert_eq!(file(&printed).config(), Config::default());
    }
}
