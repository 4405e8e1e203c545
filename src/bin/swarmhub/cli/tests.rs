//! Tests the command line: an operator's arguments and their results.

use std::{ffi::OsString, fs, time::Duration};

use swarmhub::config::{Config, EffectiveConfig, Layers, load};

use super::{Command, Exit, flags, parse};

fn parse_line(line: &str) -> Result<Command, Exit> {
    parse_line_with_env(line, &[])
}

fn parse_line_with_env(line: &str, env: &[(&str, &str)]) -> Result<Command, Exit> {
    let args = ["swarmhub"]
        .into_iter()
        .chain(line.split_whitespace())
        .map(OsString::from);
    parse(
        args,
        env.iter().map(|(name, value)| (name.into(), value.into())),
    )
}

fn config(line: &str) -> Config {
    match parse_line(line) {
        Ok(Command::Run(effective)) => effective.config,
        other => panic!("{line}: {other:?}"),
    }
}

fn printed(line: &str) -> String {
    match parse_line(line) {
        Ok(Command::Print(text)) => text,
        other => panic!("{line}: {other:?}"),
    }
}

fn refused(line: &str) -> String {
    let exit = parse_line(line).unwrap_err();
    assert_eq!(exit.code, 2);
    exit.to_string()
}

/// Returns each line and its error.
fn refused_lines(lines: &[&str]) -> String {
    let reports: Vec<String> = lines
        .iter()
        .map(|line| format!("$ swarmhub {line}\n{}", refused(line)))
        .collect();
    reports.join("\n")
}

fn defaults() -> EffectiveConfig {
    load(Layers::default()).unwrap()
}

#[test]
fn the_command_line_is_well_formed() {
    flags::command().debug_assert();
}

#[test]
fn the_word_help_does_what_the_flag_does() {
    for command in ["", "load", "print-config"] {
        let by_word = printed(&format!("help {command}"));
        assert_eq!(by_word, printed(&format!("{command} --help")), "{command}");
    }
    assert!(refused("help banana").contains("banana"));
}

#[test]
fn no_arguments_start_the_server_with_defaults() {
    assert_eq!(config(""), Config::default());
}

#[test]
fn the_flags_that_scripts_rely_on() {
    let config = config(
        "--listen 127.0.0.1:0 --listen [::1]:9000 --workers 2 --interval 5.5 --no-limits --log-format json \
         --ice-server stun:a.example --ice-server stun:b.example --tracker-interval-max=90 --drain-timeout 0",
    );
    assert_eq!(config.listen.len(), 2);
    assert_eq!(config.workers, 2);
    assert_eq!(config.interval, Some(Duration::from_millis(5500)));
    assert!(config.no_limits);
    assert_eq!(config.ice_server, ["stun:a.example", "stun:b.example"]);
    assert_eq!(config.tracker.interval_max, Duration::from_secs(90));
    assert_eq!(config.drain.timeout, Duration::ZERO);
}

#[test]
fn a_switch_takes_a_value_only_behind_an_equals_sign() {
    assert!(config("--no-limits=true").no_limits);
    assert!(!config("--no-limits=false").no_limits);
    assert!(refused("--no-limits false").contains("\"false\""));
    let Ok(Command::Run(effective)) =
        parse_line_with_env("--no-limits=false", &[("SWARMHUB_NO_LIMITS", "1")])
    else {
        panic!("refused");
    };
    assert!(!effective.config.no_limits);
}

#[test]
fn flags_may_stand_before_and_after_the_subcommand() {
    let text =
        printed("--workers 2 --listen 127.0.0.1:0 print-config --interval 5 --listen [::1]:0");
    assert!(text.contains("\nworkers = 2\n"));
    assert!(text.contains("\ninterval = 5\n"));
    assert!(text.contains("\nlisten = [\"127.0.0.1:0\", \"[::1]:0\"]\n"));
}

#[test]
fn print_config_round_trips_through_check_config() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hub.toml");
    let text = printed(
        "print-config --workers 2 --interval 0x10 --origin null"
            .replace("0x10", "16.5")
            .as_str(),
    );
    fs::write(&path, &text).unwrap();
    let args = |command: &str| {
        ["swarmhub", command, "--config"]
            .map(OsString::from)
            .into_iter()
            .chain([path.clone().into()])
    };

    let Ok(Command::Check(effective)) = parse(args("check-config"), []) else {
        panic!("refused")
    };
    let summary = effective.summary();
    assert!(
        summary.starts_with("the configuration is valid"),
        "{summary}"
    );
    let Ok(Command::Print(again)) = parse(args("print-config"), []) else {
        panic!("refused")
    };
    let values = |text: &str| {
        text.lines()
            .filter(|line| !line.starts_with('#'))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(values(&again), values(&text));
}

#[test]
fn every_command_refuses_an_invalid_configuration() {
    for command in ["", "check-config", "print-config"] {
        assert!(
            refused(&format!("{command} --workers x")).starts_with("swarmhub: --workers: "),
            "{command}"
        );
    }
}

#[test]
fn each_error_is_one_line() {
    let lines = [
        "--lisen 127.0.0.1:0",
        "--interval-max=3",
        "--banana",
        "-x",
        "banana",
        "version",
        "doctor",
        "check_config",
        "print-confg",
        "start",
        "--workers",
        "--workers -1 --interval x --listen 8000",
        "--workers 1 check-config --workers 2",
        "--config a.toml --config b.toml",
        "check-config --lisen x",
    ];
    insta::assert_snapshot!(refused_lines(&lines));
}

#[test]
#[cfg(unix)]
fn a_value_that_is_not_text_is_refused() {
    use std::os::unix::ffi::OsStringExt;
    let bad = || OsString::from_vec(b"\xff".to_vec());
    let exit = parse(["swarmhub".into(), "--log-level".into(), bad()], []).unwrap_err();
    assert!(
        exit.to_string()
            .contains("--log-level: \"\u{fffd}\" is not UTF-8"),
        "{exit}"
    );
    let exit = parse(
        [OsString::from("swarmhub")],
        [("SWARMHUB_LOG_LEVEL".into(), bad())],
    )
    .unwrap_err();
    assert!(
        exit.to_string()
            .contains("SWARMHUB_LOG_LEVEL: \"\u{fffd}\" is not UTF-8"),
        "{exit}"
    );
    assert_eq!(parse([bad(), bad()], []).unwrap_err().code, 2);
}

#[test]
fn the_short_help_shows_the_common_settings() {
    let help = printed("-h");
    assert!(
        help.lines().all(|line| line.chars().count() <= 110),
        "{help}"
    );
    insta::assert_snapshot!(help);
}

#[test]
fn the_long_help_shows_all_settings() {
    let help = printed("--help");
    assert!(
        help.lines().all(|line| line.chars().count() <= 120),
        "{help}"
    );
    insta::assert_snapshot!(help);
}

#[test]
fn check_config_prints_its_help() {
    insta::assert_snapshot!(printed("check-config --help"));
}

#[test]
fn the_version_is_that_of_the_package() {
    assert_eq!(
        printed("--version"),
        format!("swarmhub {}\n", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(printed("print-config"), defaults().to_toml());
}

fn load_options(line: &str) -> swarmhub::load::Options {
    match parse_line(line) {
        Ok(Command::Load(load)) => load.options,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn a_load_needs_nothing_but_an_address() {
    use swarmhub::load::{Amount, Loop, Options};
    let options = load_options("load ws://127.0.0.1:8000/");
    let seed = options.seed;
    assert_eq!(
        options,
        Options {
            seed,
            ..Options::new("ws://127.0.0.1:8000/".parse().unwrap())
        }
    );
    let options = load_options(
        "load wss://t.example --connections 9 --rate 5.5 --announces 7 --source 127.0.0.2-127.0.0.4 --source ::1 \
         --storm-every 2 --storm-share 0.25 --think-ms 5-9 --seed 3 --insecure",
    );
    assert_eq!(options.pace, Some(Loop::Open { per_second: 5.5 }));
    assert_eq!(options.amount, Amount::Requests(7));
    assert_eq!(
        (options.connections, options.sources.len(), options.seed),
        (9, 4, 3)
    );
    let storm = options.storm.unwrap();
    assert_eq!(
        (storm.every.as_secs(), storm.share, storm.reset_share),
        (2, 0.25, 0.5)
    );
}

#[test]
fn each_load_error_is_one_line() {
    let lines = [
        "load",
        "load http://t.example/",
        "load ws://t.example/ --conections 5",
        "load ws://t.example/ --seeders 2",
        "load ws://t.example/ --closed 5 --rate 5",
        "load ws://t.example/ --swarm-size 0",
        "load ws://t.example/ --syscalls",
        "load ws://t.example/ --rate",
        "load ws://t.example/ again",
        "--workers 2 load ws://t.example/",
    ];
    insta::assert_snapshot!(refused_lines(&lines));
}

#[test]
fn load_prints_its_help() {
    insta::assert_snapshot!(printed("load --help"));
}
