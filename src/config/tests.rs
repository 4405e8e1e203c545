//! Tests the layers, their errors and the printed configuration; environment, flags and the file are given as text.

use std::{collections::BTreeSet, ffi::OsString, fs, io, path::PathBuf, time::Duration};

use super::{
    Config, EffectiveConfig, Layers, Setting, ValueSource, load, load_with, nearest_setting,
};

/// The input of each layer.
#[derive(Default)]
struct LayerInput<'a> {
    file: &'a str,
    variables: &'a [(&'a str, &'a str)],
    flags: &'a [(&'a str, &'a str)],
}

impl LayerInput<'_> {
    fn load(&self) -> Result<EffectiveConfig, Vec<String>> {
        let layers = Layers {
            file: (!self.file.is_empty()).then(|| PathBuf::from("hub.toml")),
            environment: self
                .variables
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            flags: self
                .flags
                .iter()
                .map(|(key, value)| {
                    (
                        Setting::find(key).unwrap(),
                        value.split('|').map(OsString::from).collect(),
                    )
                })
                .collect(),
        };
        load_with(layers, |_| Ok(self.file.to_owned()))
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    fn config(&self) -> Config {
        self.load().unwrap().config
    }

    fn problems(&self) -> Vec<String> {
        self.load().unwrap_err()
    }
}

fn file(text: &str) -> LayerInput<'_> {
    LayerInput {
        file: text,
        ..LayerInput::default()
    }
}

fn variables<'a>(variables: &'a [(&'a str, &'a str)]) -> LayerInput<'a> {
    LayerInput {
        variables,
        ..LayerInput::default()
    }
}

fn flags<'a>(flags: &'a [(&'a str, &'a str)]) -> LayerInput<'a> {
    LayerInput {
        flags,
        ..LayerInput::default()
    }
}

#[test]
fn the_defaults_are_valid() {
    assert_eq!(Config::default().check(), Ok(()));
    assert_eq!(LayerInput::default().config(), Config::default());
}

#[test]
fn every_setting_has_unique_names_and_a_description() {
    let settings = Setting::all();
    let flags: BTreeSet<_> = settings.iter().map(Setting::flag).collect();
    let variables: BTreeSet<_> = settings.iter().map(Setting::variable).collect();
    assert_eq!(
        (flags.len(), variables.len()),
        (settings.len(), settings.len())
    );
    for setting in settings {
        assert!(
            setting.doc.first().is_some_and(|line| line.ends_with('.')),
            "{}",
            setting.key
        );
        assert!(setting.key.ends_with(setting.name));
    }
}

#[test]
fn flags_win_over_variables_and_variables_over_the_file() {
    let input = LayerInput {
        file: "workers = 1\ninterval = 10\nlog_level = \"debug\"\n[tracker]\ninterval_max = 90.5\n",
        variables: &[("SWARMHUB_WORKERS", "2"), ("SWARMHUB_INTERVAL", "20")],
        flags: &[("workers", "3")],
    };
    let effective = input.load().unwrap();
    let source = |key| effective.source(Setting::find(key).unwrap()).clone();
    let line = |line| ValueSource::File {
        path: PathBuf::from("hub.toml"),
        line,
    };

    assert_eq!(effective.config.workers, 3);
    assert_eq!(source("workers"), ValueSource::Flag("--workers".to_owned()));
    assert_eq!(effective.config.interval, Some(Duration::from_secs(20)));
    assert_eq!(
        source("interval"),
        ValueSource::Variable("SWARMHUB_INTERVAL".to_owned())
    );
    assert_eq!(effective.config.log_level, "debug");
    assert_eq!(source("log_level"), line(3));
    assert_eq!(
        effective.config.tracker.interval_max,
        Duration::from_millis(90_500)
    );
    assert_eq!(source("tracker.interval_max"), line(5));
    assert_eq!(source("origin"), ValueSource::Default);
}

#[test]
fn lists_have_their_own_syntax_in_each_layer() {
    let wanted = ["stun:a.example", "stun:b.example:3478"];
    for input in [
        file("ice_server = [\"stun:a.example\", \"stun:b.example:3478\"]"),
        variables(&[("SWARMHUB_ICE_SERVER", "stun:a.example, stun:b.example:3478")]),
        variables(&[(
            "SWARMHUB_ICE_SERVER",
            " stun:a.example  stun:b.example:3478 ",
        )]),
        flags(&[("ice_server", "stun:a.example|stun:b.example:3478")]),
    ] {
        assert_eq!(input.config().ice_server, wanted);
    }
}

#[test]
fn a_later_layer_replaces_a_list() {
    let input = LayerInput {
        file: "origin = [\"https://a.example\"]",
        variables: &[("SWARMHUB_ORIGIN", "https://b.example")],
        ..LayerInput::default()
    };
    assert_eq!(input.config().origin, ["https://b.example"]);
}

#[test]
fn all_toml_number_notations_are_accepted() {
    let config =
        file("workers = 0x0c\n[connection]\nmessage_bytes_max = 200_000\nping_after = 1e1\n")
            .config();
    assert_eq!(config.workers, 12);
    assert_eq!(config.connection.message_bytes_max, 200_000);
    assert_eq!(config.connection.ping_after, Duration::from_secs(10));
}

#[test]
fn seconds_may_be_fractions() {
    let half = Duration::from_millis(500);
    assert_eq!(file("[drain]\ntimeout = 0.5").config().drain.timeout, half);
    assert_eq!(
        flags(&[("drain.timeout", "0.5")]).config().drain.timeout,
        half
    );
    assert_eq!(
        variables(&[("SWARMHUB_DRAIN_TIMEOUT", ".5")])
            .config()
            .drain
            .timeout,
        half
    );
}

#[test]
fn booleans_accept_the_usual_words() {
    for (word, on) in [
        ("true", true),
        ("1", true),
        ("yes", true),
        ("ON", true),
        ("false", false),
        ("0", false),
    ] {
        assert_eq!(
            variables(&[("SWARMHUB_NO_LIMITS", word)])
                .config()
                .no_limits,
            on,
            "{word}"
        );
    }
    assert!(file("no_limits = true").config().no_limits);
}

#[test]
fn empty_and_foreign_variables_are_ignored() {
    let input = variables(&[
        ("SWARMHUB_WORKERS", ""),
        ("SWARMHUB_CONFIG", ""),
        ("PATH", "/bin"),
        ("WORKERS", "x"),
    ]);
    assert_eq!(input.config(), Config::default());
}

#[test]
fn kubernetes_service_variables_are_ignored() {
    let input = variables(&[
        ("SWARMHUB_PORT", "tcp://10.0.0.1:8000"),
        ("SWARMHUB_PORT_8000_TCP", "tcp://10.0.0.1:8000"),
        ("SWARMHUB_PORT_8000_TCP_ADDR", "10.0.0.1"),
        ("SWARMHUB_SERVICE_HOST", "10.0.0.1"),
        ("SWARMHUB_SERVICE_PORT_HTTP", "8000"),
        ("SWARMHUB_TRACKER_PORT", "tcp://10.0.0.2:8000"),
    ]);
    assert_eq!(input.config(), Config::default());
    assert_eq!(variables(&[("SWARMHUB_PORT", "8000")]).problems().len(), 1);
}

#[test]
fn the_config_flag_wins_over_the_config_variable() {
    let read = |path: &std::path::Path| match path.to_str() {
        Some("variable.toml") => Ok("workers = 1".to_owned()),
        Some("flag.toml") => Ok("workers = 2".to_owned()),
        _ => Err(io::Error::other("unexpected")),
    };
    let environment = vec![("SWARMHUB_CONFIG".into(), "variable.toml".into())];
    let layers = Layers {
        environment,
        ..Layers::default()
    };
    assert_eq!(load_with(layers.clone(), read).unwrap().config.workers, 1);
    let layers = Layers {
        file: Some(PathBuf::from("flag.toml")),
        ..layers
    };
    assert_eq!(load_with(layers, read).unwrap().config.workers, 2);
}

#[test]
fn a_missing_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let layers = Layers {
        file: Some(dir.path().join("none.toml")),
        ..Layers::default()
    };
    let problems = load(layers).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].place, "--config");
    assert!(problems[0].what.contains("none.toml"), "{}", problems[0]);
}

#[test]
fn errors_in_a_file_are_all_reported_with_line_and_remedy() {
    insta::assert_snapshot!(
        file(
            r#"workerss = 3
listen = "127.0.0.1:8000"
interval = "5"
no_limits = 1
tracker.interval_mx = 3
tracker.log_level = "info"
origin = ["https://a.example", "https://a.example"]
drain = 5
[connection]
message_bytes_max = 1_000
ping_after = 2024-01-01
[trackr]
interval_max = 1
[limits]
offers_burst = 2.5
delay_max = nan
patience = -1
interval_max = 3
[workers]
[something.else]
"#
        )
        .problems()
        .join("\n")
    );
}

#[test]
fn a_syntax_error_is_reported_once_for_its_line() {
    insta::assert_snapshot!(
        file("workers = # how many?\ninterval = 3\nlisten = [\"a\n\n[x\n")
            .problems()
            .join("\n")
    );
    let missing = file("interval =\n[limits]\npatience = # soon\n").problems();
    assert_eq!(
        missing,
        [
            "hub.toml:1: interval: a value is missing; write one, or leave the line out",
            "hub.toml:3: patience: a value is missing; write one, or leave the line out",
        ]
    );
    let no_port = file("listen = \"8000\"").problems();
    assert!(!no_port[0].contains("[\"8000\"]"), "{no_port:?}");
    insta::assert_snapshot!(file("workers = 1\nworkers = 2\n").problems().join("\n"));
}

#[test]
fn errors_in_variables_and_flags_are_all_reported() {
    let input = LayerInput {
        file: "",
        variables: &[
            ("SWARMHUB_LISTN", "x"),
            ("SWARMHUB_INTERVAL_MAX", "5"),
            ("SWARMHUB_BANANA", "x"),
            ("SWARMHUB_WORKERS", "two\nthree"),
            ("SWARMHUB_ORIGIN", "https://a.example/ https://b.example"),
        ],
        flags: &[
            ("listen", "8000"),
            ("interval", "0.5"),
            ("no_limits", "perhaps"),
            ("log_format", "xml"),
            ("log_level", "info|debug"),
            ("tracker.memberships_max", "99999999999999999999999"),
            ("limits.messages_burst", "-1"),
            ("drain.timeout", "5s"),
        ],
    };
    insta::assert_snapshot!(input.problems().join("\n"));
}

#[test]
fn every_message_is_one_line() {
    let input = LayerInput {
        file: "\"a\\nb\" = 1\nlog_level = \"x\\ny\"\nweb_dir = \"a\\nb\"",
        variables: &[("SWARMHUB_A\nB", "x"), ("SWARMHUB_INTERVAL", "1\n2")],
        flags: &[
            ("ice_server", "stun\n:\u{1b}[1m"),
            ("origin", "\u{7}"),
            ("listen", "\r"),
        ],
    };
    let problems = input.problems();
    assert_eq!(problems.len(), 8);
    assert!(
        problems.iter().all(|line| !line.contains(char::is_control)),
        "{problems:?}"
    );
}

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
fn remedies_suggest_the_intended_value() {
    for (key, given, remedy) in [
        ("proxies.header", "X-Real-IP", "; give x-real-ip"),
        ("proxies.header", "X Real IP", "; give x-forwarded-for, "),
        (
            "proxies.trusted",
            "10.0.0.1,10.0.0.2",
            "; give each entry separately: ",
        ),
        (
            "proxies.trusted",
            "10.0.0.1 10.0.0.2",
            "; give each entry separately: ",
        ),
        (
            "proxies.trusted",
            "localhost",
            "; give one such as 10.0.0.0/8",
        ),
    ] {
        let problems = flags(&[(key, given)]).problems();
        assert!(problems[0].contains(remedy), "{problems:?}");
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
fn errors_in_a_printed_file_have_the_right_line() {
    // The line of each value is correct, also after multi-line descriptions.
    let printed = LayerInput::default()
        .load()
        .unwrap()
        .to_toml()
        .replace("interval_max = 120", "interval_max = 12000");
    let line = printed
        .lines()
        .position(|line| line == "interval_max = 12000")
        .unwrap()
        + 1;
    let problems = file(&printed).problems();
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].starts_with(&format!("hub.toml:{line}: tracker.interval_max: ")),
        "{problems:?}"
    );
}

#[test]
fn memberships_outlive_two_lost_announces() {
    let ttl = |settings| flags(settings).config().membership_ttl();
    assert_eq!(ttl(&[]), Duration::from_mins(6));
    assert_eq!(ttl(&[("interval", "10")]), Duration::from_mins(3));
    assert_eq!(ttl(&[("interval", "600")]), Duration::from_mins(30));
    assert_eq!(
        ttl(&[("tracker.interval_max", "60")]),
        Duration::from_mins(3)
    );
    assert_eq!(
        ttl(&[("tracker.membership_ttl", "200")]),
        Duration::from_secs(200)
    );
}

#[test]
fn a_worker_count_is_never_zero() {
    assert!(Config::default().worker_count().get() >= 1);
    assert_eq!(flags(&[("workers", "3")]).config().worker_count().get(), 3);
}

#[test]
fn misspelt_names_find_their_setting() {
    let guess = |word| nearest_setting(word).map(|setting| setting.key);
    for (word, wanted) in [
        ("lisen", "listen"),
        ("log-levle", "log_level"),
        ("interval-max", "tracker.interval_max"),
        ("limits.interval_max", "tracker.interval_max"),
        ("TRACKER_INTERVAL_MXA", "tracker.interval_max"),
        ("ice-servers", "ice_server"),
        ("membership-ttl", "tracker.membership_ttl"),
    ] {
        assert_eq!(guess(word), Some(wanted), "{word}");
    }
    for word in ["", "banana", "x", "tls"] {
        assert_eq!(guess(word), None, "{word}");
    }
}

#[test]
fn a_reload_applies_live_settings_and_reports_the_others() {
    let so_far = Config {
        workers: 2,
        ..Config::default()
    };
    let mut wanted = so_far.clone();
    wanted.workers = 3;
    wanted.interval = Some(Duration::from_mins(1));
    wanted.origin = vec!["https://a.example".to_owned()];
    let (config, changes) = so_far.reloaded(&wanted).unwrap();
    assert_eq!((config.workers, config.interval), (2, wanted.interval));
    assert_eq!(config.origin, wanted.origin);
    let messages: Vec<_> = changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        messages,
        [
            "workers changed from 2 to 3: needs a restart",
            "interval changed from not set to 60",
            "origin changed from [] to [\"https://a.example\"]",
        ]
    );
    assert_eq!(config.reloaded(&config).unwrap().1.len(), 0);
}

#[test]
fn a_reload_with_invalid_settings_is_refused() {
    let mut wanted = Config::default();
    wanted.connection.ping_after = wanted.connection.dead_after;
    let problems = Config::default().reloaded(&wanted).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
}
