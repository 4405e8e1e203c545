//! The program: output, exit codes, signals, and errors at the start.

#![cfg(unix)]

use std::net::TcpListener;
use std::process::Command;

use crate::support::Client;
use crate::support::program::{BINARY, Finished, Process, Program, command, run};

/// Checks that the program printed nothing but one line of error.
#[track_caller]
fn assert_one_line_error(finished: &Finished, expected: &str) {
    assert_eq!((finished.code, &*finished.stdout), (Some(1), ""));
    assert_eq!(finished.stderr, format!("swarmhub: {expected}\n"));
}

#[tokio::test]
async fn sigint_and_sigterm_end_the_program_with_code_0() {
    for signal in ["-INT", "-TERM"] {
        let program = Program::start(&["--drain-quiet", "0", "--drain-spread", "0"]);
        let mut client = Client::connect(program.address).await;
        client.join("swarm", "peer").await;
        program.signal(signal);
        let (code, log) = program.end().await;
        assert_eq!(code, Some(0), "{log}");
        assert!(log.contains("open_files="), "{log}");
    }
}

#[tokio::test]
async fn open_connections_are_dropped_after_the_drain_timeout() {
    let args = "--drain-quiet 0 --drain-spread 0 --drain-timeout 0.5";
    let program = Program::start(&args.split(' ').collect::<Vec<_>>());
    let mut client = Client::connect(program.address).await;
    client.join("swarm", "peer").await;
    program.signal("-TERM");
    // The client neither reads nor answers the close.
    let (code, log) = program.end().await;
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("connections dropped"), "{log}");
    drop(client);
}

#[tokio::test]
async fn a_port_in_use_is_a_one_line_error() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let args = ["--listen", &address, "--log-level", "off"];
    let expected = format!(
        "cannot listen on {address}: another program uses this port; \
         stop it, or choose another address with --listen"
    );
    assert_one_line_error(&run(&mut command(&args)).await, &expected);
}

#[tokio::test]
async fn an_invalid_certificate_is_a_one_line_error() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("empty.pem");
    std::fs::write(&file, "").unwrap();
    let file = file.to_str().unwrap();
    let tls = ["--tls-certificate", file, "--tls-key", file];
    let mut command = command(&["--listen", "tls+127.0.0.1:0", "--log-level", "off"]);
    let expected = format!(
        "TLS: there is no certificate in {file}; \
         give a PEM file, which begins with -----BEGIN CERTIFICATE-----"
    );
    assert_one_line_error(&run(command.args(tls)).await, &expected);
}

#[tokio::test]
async fn two_servers_do_not_share_a_port_by_accident() {
    let first = Program::start(&[]);
    let address = first.address.to_string();
    let Finished { code, stderr, .. } = run(&mut command(&["--listen", &address])).await;
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("another program uses this port"),
        "{stderr}"
    );
}

#[tokio::test]
async fn invalid_settings_are_reported_with_their_source() {
    let mut command = command(&["--workers", "many"]);
    let finished = run(command.env("SWARMHUB_INTERVALL", "5")).await;
    let Finished { code, stderr, .. } = finished;
    assert_eq!(code, Some(2));
    assert!(
        stderr.contains("--workers") && stderr.contains("SWARMHUB_INTERVALL"),
        "{stderr}"
    );
    assert!(
        stderr.lines().all(|line| line.starts_with("swarmhub: ")),
        "{stderr}"
    );
}

#[tokio::test]
async fn too_few_file_descriptors_are_a_one_line_error() {
    let script =
        format!("ulimit -n 64; exec '{BINARY}' --history off --listen 127.0.0.1:0 --log-level off");
    let finished = run(Command::new("sh").args(["-c", &script])).await;
    let Finished { code, stderr, .. } = finished;
    assert_eq!(code, Some(1));
    assert!(
        stderr.starts_with("swarmhub: too few file descriptors: 64"),
        "{stderr}"
    );
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    let script = script
        .replace("-n 64", "-n 200")
        .replace("--log-level", "--workers 64 --log-level");
    let finished = run(Command::new("sh").args(["-c", &script])).await;
    let Finished { code, stderr, .. } = finished;
    assert_eq!(code, Some(1));
    assert!(stderr.contains("at least 576 are needed"), "{stderr}");
}

#[tokio::test]
async fn the_soft_limit_of_open_files_is_raised() {
    let script = format!("ulimit -Sn 200; exec '{BINARY}' --history off --listen 127.0.0.1:0");
    let program = Program::spawn(Command::new("sh").args(["-c", &script]));
    let log = program.stop().await;
    assert!(
        log.contains("open_files=") && !log.contains("open_files=200 "),
        "{log}"
    );
}

#[tokio::test]
async fn the_log_can_be_json() {
    let program = Program::start(&["--log-format", "json"]);
    let log = program.stop().await;
    assert!(log.lines().count() >= 3);
    for line in log.lines() {
        let event: serde_json::Value = serde_json::from_str(line).expect(line);
        assert!(event["level"].is_string() && event["timestamp"].is_string());
    }
}

#[tokio::test]
async fn check_config_accepts_the_output_of_print_config() {
    let mut print = command(&["print-config", "--interval", "60"]);
    let finished = run(print.env("SWARMHUB_WORKERS", "3")).await;
    assert_eq!(finished.code, Some(0));
    let printed = finished.stdout;
    assert!(
        printed.contains("interval = 60") && printed.contains("workers = 3"),
        "{printed}"
    );
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &printed).unwrap();
    let path = file.path().to_str().unwrap();
    let finished = run(&mut command(&["check-config", "--config", path])).await;
    assert_eq!((finished.code, &*finished.stderr), (Some(0), ""));
}

/// On other systems the loopback network has only one address.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn several_addresses_are_served() {
    let args = ["--listen", "127.0.0.1:0", "--listen", "127.0.0.2:0"];
    let process = Process::spawn(&mut command(&args));
    let lines = process.first_lines(4);
    for page in [&lines[0], &lines[2]] {
        let address = page
            .strip_prefix("page     http://")
            .unwrap()
            .trim_end_matches('/');
        std::net::TcpStream::connect(address).unwrap();
    }
    assert!(lines[2].contains("127.0.0.2"));
    process.signal("-TERM");
    assert_eq!(process.end().await.code, Some(0));
}
