//! Tests the messages about invalid settings.

use super::*;

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
