//! `check-config` and the start of the server accept the same configurations and report the same errors.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use crate::support::files::paths_below;
use crate::support::program::{Process, command, run};

/// Whether a program accepted its arguments, or the error lines with which it refused them.
#[derive(Debug, PartialEq, Eq)]
enum ConfigResult {
    Accepted,
    Refused(Vec<String>),
}

/// Returns the error lines, without log lines.
fn error_lines(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.starts_with("swarmhub: "));
    lines.map(str::to_owned).collect()
}

async fn run_check(args: &[&str], folder: &Path) -> (ConfigResult, String) {
    let args = [&["check-config"], args].concat();
    let finished = run(&mut command_in(&args, folder)).await;
    let result = match finished.code {
        Some(0) => {
            let is_valid = finished.stdout.contains("the configuration is valid");
            assert!(is_valid, "{finished:?}");
            ConfigResult::Accepted
        }
        Some(2) => {
            assert_eq!(finished.stdout, "", "{args:?}");
            ConfigResult::Refused(error_lines(&finished.stderr))
        }
        _ => panic!("{args:?} {finished:?}"),
    };
    (result, finished.stderr)
}

/// Starts the server and kills it once it serves; returns the log too.
async fn run_server(command: &mut Command) -> (ConfigResult, String) {
    let mut process = Process::spawn(command);
    let serves = process.first_lines(1).len() == 1;
    if serves {
        process.kill();
    }
    let finished = process.end().await;
    if serves {
        return (ConfigResult::Accepted, finished.stderr);
    }
    assert!(matches!(finished.code, Some(1 | 2)), "{finished:?}");
    let errors = error_lines(&finished.stderr);
    (ConfigResult::Refused(errors), finished.stderr)
}

fn command_in(args: &[&str], folder: &Path) -> Command {
    let mut command = command(args);
    command.env_remove("SWARMHUB_HISTORY").current_dir(folder);
    command.env("STATE_DIRECTORY", folder.join("state"));
    command
}

/// Creates files of all kinds in a folder.
fn create_files(folder: &Path) {
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    };
    for (name, year) in [("a", 2100), ("b", 2100), ("over", 2001)] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.not_before, params.not_after) =
            (date_time_ymd(2000, 1, 1), date_time_ymd(year, 1, 1));
        write(
            &format!("{name}.crt"),
            &params.self_signed(&key).unwrap().pem(),
        );
        write(&format!("{name}.key"), &key.serialize_pem());
    }
    write(
        "junk.pem",
        "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
    );
    write(
        "wrong.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    write("text", "nothing of use\n");
    write("empty", "");
    write("token", "0123456789abcdef\n");
    write("short", "0123\n");
    write("hashes", &format!("{}\n", "0".repeat(40)));
    write("bad-hashes", &format!("{}\nxyz\n", "0".repeat(40)));
    write("bad-tokens", "short\n");
    write("groups", "10.20.0.0/16,Berlin\n");
    write("bad-groups", "10.20.0.0/16\n");
    write("unreadable", "0123456789abcdef\n");
    fs::set_permissions(folder.join("unreadable"), fs::Permissions::from_mode(0o000)).unwrap();
    fs::create_dir(folder.join("folder")).unwrap();
    drop(UnixListener::bind(folder.join("dead.sock")).unwrap());
}

/// Arguments and the expected error text; empty if they are valid, `?` if the result depends on the user.
const CASES: &[(&str, &str)] = &[
    // Certificates and keys.
    ("--tls-certificate a.crt --tls-key a.key", ""),
    ("--tls-certificate over.crt --tls-key over.key", ""),
    (
        "--tls-certificate a.crt --tls-key b.key",
        "is not that of the certificate",
    ),
    (
        "--tls-certificate a.crt --tls-key a.crt",
        "there is no private key in a.crt",
    ),
    (
        "--tls-certificate a.key --tls-key a.key",
        "there is no certificate in a.key",
    ),
    (
        "--tls-certificate junk.pem --tls-key a.key",
        "junk.pem is damaged",
    ),
    (
        "--tls-certificate wrong.pem --tls-key a.key",
        "wrong.pem is damaged",
    ),
    (
        "--tls-certificate text --tls-key a.key",
        "there is no certificate in text",
    ),
    (
        "--tls-certificate empty --tls-key a.key",
        "there is no certificate in empty",
    ),
    (
        "--tls-certificate a.crt --tls-key empty",
        "there is no private key in empty",
    ),
    ("--tls-certificate folder --tls-key a.key", "is a folder"),
    (
        "--tls-certificate none.crt --tls-key a.key",
        "there is no file",
    ),
    ("--tls-certificate a.crt", "--tls-certificate"),
    (
        "--tls-acme-domain a.example --tls-acme-cache certificates/acme",
        "",
    ),
    (
        "--tls-acme-domain a.example --tls-acme-cache text/acme",
        "cannot write text/acme",
    ),
    (
        "--tls-acme-domain a.example --tls-acme-cache text",
        "is not a folder",
    ),
    (
        "--tls-acme-domain a.example --tls-acme-cache c --tls-acme-authority junk.pem",
        "tls.acme_authority",
    ),
    (
        "--tls-acme-domain a.example --tls-acme-cache c --tls-acme-authority text",
        "tls.acme_authority",
    ),
    (
        "--tls-acme-address 127.0.0.1 --tls-acme-cache c",
        "127.0.0.1 is a private or reserved address",
    ),
    (
        "--tls-acme-address 127.0.0.1 --tls-acme-cache c --tls-acme-directory https://localhost/",
        "",
    ),
    ("--tls-acme-address 1.1.1.1 --tls-acme-cache c", ""),
    (
        "--tls-acme-address a.example --tls-acme-cache c",
        "is not an IP address",
    ),
    (
        "--tls-acme-address 1.1.1.1 --tls-acme-cache text/acme",
        "cannot write text/acme",
    ),
    // Files and folders.
    ("--history folder/h.sqlite", ""),
    ("--history new/folder/h.sqlite", ""),
    (
        "--history text/h.sqlite",
        "\"text/h.sqlite\" cannot be written",
    ),
    ("--history folder/", "is a folder"),
    ("--admin-token-file token", ""),
    ("--admin-token-file empty", "printable ASCII characters"),
    ("--admin-token-file short", "printable ASCII characters"),
    ("--admin-token-file folder", "is a folder"),
    ("--admin-token-file none", "there is no file"),
    ("--admin-token-file unreadable", "?"),
    ("--access-info-hashes-allowed hashes", ""),
    (
        "--access-info-hashes-denied bad-hashes",
        "bad-hashes:2: access.info_hashes_denied",
    ),
    ("--access-info-hashes-denied folder", "is a folder"),
    (
        "--access-tokens-file bad-tokens",
        "bad-tokens:1: access.tokens_file",
    ),
    ("--access-tokens-file unreadable", "?"),
    ("--tracker-groups groups", ""),
    (
        "--tracker-groups bad-groups",
        "bad-groups:1: tracker.groups",
    ),
    ("--tracker-groups folder", "is a folder"),
    ("--tracker-groups unreadable", "?"),
    ("--web-dir folder", "does not contain share/index.html"),
    ("--web-dir none", "does not contain share/index.html"),
    // Listeners.
    ("--listen unix:folder/hub.sock", ""),
    ("--listen unix:dead.sock", ""),
    ("--listen unix:none/hub.sock", "its folder does not exist"),
    (
        "--listen unix:text/hub.sock",
        "cannot listen on unix:text/hub.sock",
    ),
    ("--listen unix:text", "not a socket"),
    ("--listen unix:folder", "not a socket"),
    ("--listen tls+127.0.0.1:0", "has no certificate"),
    ("--listen 192.0.2.1:0", "does not have that address"),
    ("--listen [fe80::1]:9000", "[fe80::1%2]:9000"),
    ("--listen [ff02::1]:9000", "accepts no connections"),
    ("--listen 224.0.0.1:9000", "accepts no connections"),
    ("--listen [::ffff:127.0.0.1]:0", "give 127.0.0.1:0"),
    (
        "--listen 127.0.0.1:7777 --listen 127.0.0.1:7777",
        "in the list twice",
    ),
    (
        "--listen 0.0.0.0:7777 --listen 127.0.0.1:7777",
        "use the same port",
    ),
    (
        "--listen [::1]:7777 --listen [::]:7777",
        "use the same port",
    ),
    (
        "--listen [::]:7777 --metrics-listen 127.0.0.1:7777",
        "is also in listen",
    ),
];

#[tokio::test]
async fn check_config_and_start_accept_the_same_configurations() {
    for (arguments, expected) in CASES {
        // A new folder for each, so that files made by one start do not help the next check.
        let folder = tempfile::tempdir().unwrap();
        create_files(folder.path());
        let mut args: Vec<&str> = arguments.split(' ').collect();
        if !arguments.contains("--listen") {
            let tls = if arguments.contains("--tls-") {
                "tls+127.0.0.1:0"
            } else {
                "127.0.0.1:0"
            };
            args.extend(["--listen", tls]);
        }
        if !arguments.contains("--history") {
            args.extend(["--history", "off"]);
        }
        let before = paths_below(folder.path());
        let (checked, output) = run_check(&args, folder.path()).await;
        assert_eq!(
            paths_below(folder.path()),
            before,
            "{arguments}: the check created files"
        );
        let (started, log) = run_server(&mut command_in(&args, folder.path())).await;
        match (&checked, &started) {
            (ConfigResult::Accepted, ConfigResult::Accepted) => {}
            // The start may stop at the first error.
            (ConfigResult::Refused(all), ConfigResult::Refused(first)) => {
                assert!(
                    first.iter().all(|line| all.contains(line)),
                    "{arguments}: {all:?} {first:?}"
                );
                assert!(!first.is_empty(), "{arguments}: {log}");
            }
            _ => panic!("{arguments}: checked {checked:?} {output}, started {started:?} {log}"),
        }
        // Root can read everything.
        if *expected != "?" {
            assert_eq!(
                expected.is_empty(),
                checked == ConfigResult::Accepted,
                "{arguments}: {output}"
            );
            assert!(output.contains(expected), "{arguments}: {output}");
        }
    }
}

#[tokio::test]
async fn all_errors_are_reported_at_once() {
    let folder = tempfile::tempdir().unwrap();
    create_files(folder.path());
    let args = "--tls-certificate a.crt --tls-key b.key --listen tls+unix:none/hub.sock --history text/h.sqlite \
                --access-tokens-file bad-tokens";
    let args: Vec<&str> = args.split(' ').collect();
    let (checked, stderr) = run_check(&args, folder.path()).await;
    let ConfigResult::Refused(lines) = checked else {
        panic!("accepted");
    };
    assert_eq!(lines.len(), 4, "{stderr}");
}

#[tokio::test]
async fn warnings_of_check_config_are_logged_at_start() {
    let folder = tempfile::tempdir().unwrap();
    create_files(folder.path());
    let file = folder.path().join("hub.toml");
    fs::write(&file, "admin_token = \"0123456789abcdef\"\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(
        folder.path().join("over.key"),
        fs::Permissions::from_mode(0o644),
    )
    .unwrap();
    // A state folder that cannot be created: the tracker starts without history.
    let state = folder.path().join("text/state");
    let args = "--config hub.toml --listen 0.0.0.0:0 --listen proxy+tracker+0.0.0.0:0 --listen tls+127.0.0.1:0 --tls-certificate over.crt --tls-key over.key";
    let args: Vec<&str> = args.split(' ').collect();
    let mut check = command_in(&[&["check-config"], &args[..]].concat(), folder.path());
    let checked = run(check.env("STATE_DIRECTORY", &state)).await;
    assert_eq!((checked.code, &*checked.stderr), (Some(0), ""));
    let summary = checked.stdout;
    let warnings: Vec<_> = summary
        .lines()
        .filter(|line| line.starts_with("warning: "))
        .collect();
    assert_eq!(warnings.len(), 6, "{summary}");

    let mut start = command_in(&args, folder.path());
    start.env("STATE_DIRECTORY", &state).env("NO_COLOR", "1");
    let (started, log) = run_server(&mut start).await;
    assert_eq!(started, ConfigResult::Accepted);
    for warning in warnings {
        let text = warning.strip_prefix("warning: ").unwrap();
        // In the log, the name of a certificate is a separate field.
        let text = text.split("; browsers refuse it").next().unwrap();
        let in_log = log
            .lines()
            .any(|line| line.contains("WARN") && line.contains(text));
        assert!(in_log, "{text}:\n{log}");
    }

    // A correct configuration has no warnings.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let quiet =
        "check-config --config hub.toml --listen 127.0.0.1:0 --listen unix:hub.sock --history off";
    let quiet: Vec<&str> = quiet.split(' ').collect();
    let finished = run(&mut command_in(&quiet, folder.path())).await;
    assert_eq!(finished.code, Some(0));
    assert!(!finished.stdout.contains("warning"), "{finished:?}");
}
