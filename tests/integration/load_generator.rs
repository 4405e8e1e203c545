//! `swarmhub load` against a real server, over TLS, and against faulty trackers.

#![expect(clippy::print_stdout, reason = "prints the reason of a skipped test")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use swarmhub::load::{
    Amount, EndedEarly, LoadError, LoadProgress, Loop, MessageTally, Options, Report, Storm,
    SwarmSize, ThinkTime, Wave, run,
};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_tungstenite::tungstenite::Message;

use crate::process::Program;
use crate::support::TestServer;

/// Timeout for messages that do not arrive.
const SHORT_TIMEOUT: Duration = Duration::from_millis(200);

fn server() -> TestServer {
    TestServer::start(|config| config.no_limits = true)
}

/// A small load of exactly 100 requests.
fn options(url: &str) -> Options {
    Options {
        connections: 30,
        swarm_size: SwarmSize::Fixed(10),
        pace: Some(Loop::Closed { under_way: 8 }),
        warmup: Duration::ZERO,
        amount: Amount::Requests(100),
        ..Options::new(url.parse().unwrap())
    }
}

fn options_for(address: SocketAddr) -> Options {
    options(&format!("ws://{address}/announce"))
}

fn run_load(options: &Options) -> Report {
    run(options, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"))
}

fn run_failing(options: &Options) -> LoadError {
    run(options, &mut |_| {}).expect_err("it cannot be run")
}

#[track_caller]
fn assert_correct(report: &Report) {
    assert!(report.correct, "{:?} {:?}", report.problems, report.errors);
    assert_eq!(report.exit_code, 0);
}

#[test]
fn a_closed_loop_counts_every_message() {
    let server = server();
    let mut options = options_for(server.address);
    options.server_pid = cfg!(target_os = "linux").then(std::process::id);
    let (mut phases, mut measuring) = (Vec::new(), Duration::ZERO);
    let mut record_phase = |progress: &LoadProgress| {
        phases.push(progress.phase);
        if progress.phase == "measuring" {
            measuring = progress.elapsed;
        }
    };
    let report = run(&options, &mut record_phase).unwrap();
    assert_correct(&report);
    let load = report.load.as_ref().unwrap();
    // After the last announce the load keeps reading for a tenth of a second, which is not counted. Progress is
    // reported a few times in it.
    assert!(
        load.elapsed_s > 0.0 && load.elapsed_s + 0.05 < measuring.as_secs_f64(),
        "{} {measuring:?}",
        load.elapsed_s
    );
    assert_eq!(
        (
            load.announces,
            load.reply_latency_us.count,
            load.answer_latency_us.count
        ),
        (100, 100, 500)
    );
    assert_eq!((load.sent_messages, load.received_messages), (600, 1100));
    assert_eq!((report.open.units, report.join.units), (30, 30));
    let counts = &report.correctness;
    assert_eq!(counts.offers_sent, counts.offers_relayed);
    assert_eq!(counts.answers_sent, counts.answers_received);
    assert_eq!(counts.counts_off, 0);
    for phase in ["connecting", "joining", "measuring", "closing"] {
        assert!(phases.contains(&phase), "{phases:?}");
    }
    if cfg!(target_os = "linux") {
        assert!(load.server.unwrap().cpu_us_per_unit > 0.0);
        assert!(report.memory.unwrap().fresh.pss_bytes > 0.0);
    } else {
        println!("skipped: CPU time and memory are read on Linux only");
    }
}

#[test]
fn an_open_loop_keeps_its_rate_with_scrapes_and_think_time() {
    let server = server();
    let report = run_load(&Options {
        pace: Some(Loop::Open { per_second: 200.0 }),
        scrapes: 0.3,
        answers: 0.5,
        swarm_size: SwarmSize::Zipf {
            largest: 12,
            exponent: 1.0,
        },
        threads: 2,
        think: "1-20".parse::<ThinkTime>().unwrap(),
        ..options_for(server.address)
    });
    assert_correct(&report);
    let load = report.load.unwrap();
    assert_eq!(load.announces + load.scrapes + load.unsent, 100);
    assert!(load.scrapes > 0);
    assert!(
        load.elapsed_s >= 0.48,
        "100 requests at 200 a second take half a second: {}",
        load.elapsed_s
    );
    assert_eq!(report.own.threads, 2);
}

/// All offers of the warm-up, which begins at once, go to the few members of one swarm.
#[test]
fn a_load_of_few_connections_is_served_completely() {
    for connections in [3, 5, 10] {
        let server = TestServer::start(|_| {});
        let report = run_load(&Options {
            connections,
            warmup: Duration::ZERO,
            amount: Amount::Time(Duration::from_millis(500)),
            ..Options::new(format!("ws://{}/", server.address).parse().unwrap())
        });
        assert_correct(&report);
    }
}

/// Both programs without flags must not report a faulty tracker.
#[test]
fn default_limits_serve_the_default_load_completely() {
    let server = TestServer::start(|_| {});
    let options = Options {
        connections: 60,
        swarm_size: SwarmSize::Fixed(20),
        warmup: Duration::ZERO,
        amount: Amount::Time(Duration::from_secs(2)),
        ..Options::new(format!("ws://{}/", server.address).parse().unwrap())
    };
    let report = run_load(&options);
    assert_correct(&report);
    assert_eq!(report.plan.rate_per_s, Some(60.0));
    let counts = &report.correctness;
    assert_eq!(counts.offers_sent, counts.offers_relayed);

    // A closed loop exceeds the limits of its members; the report must say so.
    let report = run_load(&Options {
        pace: Some(Loop::Closed { under_way: 16 }),
        timeout: Duration::from_secs(4),
        ..options
    });
    let text = report.to_text();
    assert_eq!((report.correct, report.exit_code), (false, 3));
    assert!(
        text.contains("\nNOT COMPLETE: all received messages were right"),
        "{text}"
    );
    assert!(text.contains("--no-limits"), "{text}");
}

/// A load whose members leave and rejoin all the time.
fn options_with_storms(address: SocketAddr) -> Options {
    let every = Duration::from_millis(200);
    Options {
        amount: Amount::Time(Duration::from_millis(900)),
        wave: Some(Wave { every, share: 0.3 }),
        storm: Some(Storm {
            every: every * 2,
            share: 0.5,
            reset_share: 0.5,
        }),
        ..options_for(address)
    }
}

#[test]
fn waves_and_storms_pass_without_errors() {
    let server = server();
    let report = run_load(&options_with_storms(server.address));
    assert_correct(&report);
    let counts = &report.correctness;
    assert!(
        counts.offers_relayed * 10 > counts.offers_sent * 9,
        "{counts:?}"
    );
    assert!(
        counts.answers_received * 10 > counts.answers_sent * 9,
        "{counts:?}"
    );
    // Rejoining members are counted in their storms and waves only.
    assert_eq!(
        (report.open.latency_us.count, report.join.latency_us.count),
        (30, 30)
    );
    assert!(!report.storms.is_empty() && !report.waves.is_empty());
    assert!(report.storms.iter().all(|storm| storm.back_s.is_some()));
    assert!(report.storms.iter().any(|storm| storm.closed > 0));
}

/// Regression: the plots over time were empty if the number of requests was given.
#[test]
fn a_load_with_a_request_count_has_samples_over_time() {
    let server = server();
    for pace in [
        Loop::Closed { under_way: 8 },
        Loop::Open { per_second: 500.0 },
    ] {
        let report = run_load(&Options {
            amount: Amount::Requests(400),
            pace: Some(pace),
            ..options_for(server.address)
        });
        assert_correct(&report);
        let load = report.load.as_ref().unwrap();
        let samples = &load.samples;
        assert!((2..=101).contains(&samples.len()), "{samples:?}");
        assert!(samples.iter().all(|sample| sample.elapsed_s > 0.0));
        let announces: u64 = samples.iter().map(|sample| sample.announces).sum();
        assert_eq!(announces, load.announces);
        let last = samples.last().unwrap().at_s;
        assert!((last - load.elapsed_s).abs() < 1e-9, "{last}");
        let page = report.to_html();
        assert!(page.contains("aria-label=\"Announces a second\""));
    }
}

/// A swarm belongs to one thread, so 30 connections in swarms of 10 are 10 and 20 of two threads.
#[test]
fn requests_are_distributed_exactly_over_the_threads() {
    let server = server();
    let closed = |under_way| Loop::Closed { under_way };
    for (pace, under_way) in [
        (closed(1), Some(1)),
        (closed(8), Some(8)),
        // A member has at most one request in flight.
        (closed(64), Some(30)),
        (Loop::Open { per_second: 700.0 }, None),
    ] {
        let report = run_load(&Options {
            pace: Some(pace),
            threads: 2,
            ..options_for(server.address)
        });
        assert_correct(&report);
        let load = report.load.unwrap();
        assert_eq!(load.announces + load.unsent, 100, "{pace:?}");
        assert_eq!(report.plan.under_way, under_way);
    }
}

/// Regression: each thread reported its own line for the same storm.
#[test]
fn a_storm_over_several_threads_is_reported_once() {
    let server = server();
    let options = Options {
        threads: 2,
        ..options_with_storms(server.address)
    };
    let report = run_load(&options);
    assert_correct(&report);
    assert_eq!(report.own.threads, 2);
    let step = |every: Duration, at_s: f64| (at_s / every.as_secs_f64()).floor();
    let (wave, storm) = (options.wave.unwrap().every, options.storm.unwrap().every);
    let waves: Vec<_> = report
        .waves
        .iter()
        .map(|seen| step(wave, seen.at_s))
        .collect();
    let storms: Vec<_> = report
        .storms
        .iter()
        .map(|seen| step(storm, seen.at_s))
        .collect();
    for steps in [waves, storms] {
        assert!(!steps.is_empty());
        assert!(steps.is_sorted_by(|one, next| one < next), "{steps:?}");
    }
}

#[test]
fn a_load_can_consist_of_connections_only() {
    let server = server();
    let mut options = options_for(server.address);
    options.amount = Amount::Time(Duration::ZERO);
    if cfg!(target_os = "linux") {
        options.sources = vec!["127.0.0.2".parse().unwrap(), "127.0.0.3".parse().unwrap()];
    } else {
        println!("skipped: other addresses of loopback are usable on Linux only");
    }
    let report = run_load(&options);
    assert_correct(&report);
    assert!(report.load.is_none());
    assert_eq!(report.close.connections, 30);
}

/// A proxy in front of the tracker `behind` that changes, drops or repeats messages. Runs until the test ends.
fn faulty_proxy(
    behind: SocketAddr,
    spoil: impl Fn(String) -> Vec<String> + Send + Sync + 'static,
) -> SocketAddr {
    let spoil = Arc::new(spoil);
    serve(move |tcp| {
        let spoil = Arc::clone(&spoil);
        async move {
            let mut front = tokio_tungstenite::accept_async(tcp).await.ok()?;
            let (mut back, _) = tokio_tungstenite::connect_async(format!("ws://{behind}/"))
                .await
                .ok()?;
            loop {
                tokio::select! {
                    message = front.next() => back.send(message?.ok()?).await.ok()?,
                    message = back.next() => match message?.ok()? {
                        Message::Text(text) => for text in spoil(text.to_string()) {
                            front.send(Message::text(text)).await.ok()?;
                        },
                        other => front.send(other).await.ok()?,
                    },
                }
            }
        }
    })
}

/// Serves every connection with `handler` on a thread that ends with the process.
fn serve<F>(handler: impl Fn(tokio::net::TcpStream) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = Option<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((tcp, _)) = listener.accept().await {
                tokio::spawn(handler(tcp));
            }
        });
    });
    address
}

/// Applies `change` to every sixtieth message that contains `part`.
fn every_sixtieth(
    part: &'static str,
    change: impl Fn(String) -> Vec<String> + Send + Sync + 'static,
) -> impl Fn(String) -> Vec<String> + Send + Sync + 'static {
    let seen = AtomicUsize::new(0);
    move |text| {
        let is_sixtieth = text.contains(part) && seen.fetch_add(1, Ordering::Relaxed) % 60 == 59;
        if is_sixtieth {
            change(text)
        } else {
            vec![text]
        }
    }
}

/// Returns the counts for a tracker that changes every sixtieth message that contains `part`.
fn counts_with_fault(part: &'static str, change: fn(String) -> Vec<String>) -> MessageTally {
    let server = server();
    let address = faulty_proxy(server.address, every_sixtieth(part, change));
    let report = run_load(&Options {
        timeout: SHORT_TIMEOUT,
        ..options_for(address)
    });
    assert_eq!((report.correct, report.exit_code), (false, 3), "{part}");
    report.correctness
}

#[test]
fn dropped_messages_are_detected() {
    assert!(counts_with_fault("\"offer\":", |_| Vec::new()).offers_lost > 0);
    assert!(counts_with_fault("\"answer\":", |_| Vec::new()).answers_lost > 0);
    assert!(counts_with_fault("\"interval\":", |_| Vec::new()).replies_lost > 0);
}

/// Leaving members excuse some lost offers, not all offers of the period.
#[test]
fn dropped_offers_are_detected_in_waves_and_storms() {
    let server = server();
    let drops_all = faulty_proxy(server.address, |text| {
        let is_offer = text.contains("\"offer\":");
        if is_offer { Vec::new() } else { vec![text] }
    });
    let drops_some = faulty_proxy(server.address, every_sixtieth("\"offer\":", |_| Vec::new()));
    for address in [drops_all, drops_some] {
        let report = run_load(&Options {
            timeout: SHORT_TIMEOUT,
            ..options_with_storms(address)
        });
        let counts = &report.correctness;
        assert_eq!((report.correct, report.exit_code), (false, 3));
        assert!(counts.offers_lost > 0, "{counts:?}");
    }
}

#[test]
fn duplicated_messages_are_detected() {
    let twice = |text: String| vec![text.clone(), text];
    assert!(counts_with_fault("\"offer\":", twice).offers_duplicated > 0);
    assert!(counts_with_fault("\"answer\":", twice).answers_duplicated > 0);
    assert!(counts_with_fault("\"interval\":", twice).replies_duplicated > 0);
}

#[test]
fn altered_messages_are_detected() {
    let other = |text: String| vec![text.replace("BUNDLE", "BUNDLF")];
    assert!(counts_with_fault("\"answer\":", other).answers_altered > 0);
    assert!(counts_with_fault("\"interval\":", |_| vec!["{}".to_owned()]).messages_invalid > 0);
}

#[test]
fn wss_requires_a_trusted_certificate() {
    let server = server();
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = certified.signing_key.serialize_der();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key.try_into().unwrap())
        .unwrap();
    let (acceptor, behind) = (TlsAcceptor::from(Arc::new(config)), server.address);
    let address = serve(move |tcp| {
        let acceptor = acceptor.clone();
        async move {
            let mut front = acceptor.accept(tcp).await.ok()?;
            let mut back = tokio::net::TcpStream::connect(behind).await.ok()?;
            tokio::io::copy_bidirectional(&mut front, &mut back)
                .await
                .ok()
                .map(drop)
        }
    });
    let options = options(&format!("wss://localhost:{}/", address.port()));
    let error = run_failing(&options);
    assert!(matches!(error, LoadError::Tls { .. }), "{error}");
    assert!(error.to_string().contains("--ca"), "{error}");
    assert_correct(&run_load(&Options {
        insecure: true,
        ..options.clone()
    }));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, certified.cert.pem()).unwrap();
    assert_correct(&run_load(&Options {
        ca_file: Some(file.clone()),
        ..options.clone()
    }));
    std::fs::write(&file, "nothing").unwrap();
    let error = run_failing(&Options {
        ca_file: Some(file),
        ..options
    });
    assert!(matches!(error, LoadError::CaFile { .. }), "{error}");
}

#[test]
fn a_server_that_is_not_a_tracker_gives_a_readable_error() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = run_failing(&options_for(closed));
    assert!(matches!(error, LoadError::Connect { .. }), "{error}");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let responder = thread::spawn(move || {
        let (mut tcp, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let read = tcp.read(&mut request).unwrap();
        tcp.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-LENGTH: 17\r\n\r\n")
            .unwrap();
        tcp.write_all(b"\nthere is none\x07\nx").unwrap();
        String::from_utf8_lossy(&request[..read]).into_owned()
    });
    let error = run_failing(&options_for(address)).to_string();
    assert!(error.contains("404 Not Found"), "{error}");
    assert!(error.ends_with(": \"there is none\u{fffd}\""), "{error}");
    let request = responder.join().unwrap();
    for header in [
        &format!("Origin: http://{address}\r\n"),
        "Sec-WebSocket-Version: 13\r\n",
        "User-Agent: Mozilla/5.0",
    ] {
        assert!(request.contains(header), "{request}");
    }

    let server = server();
    let error = run_failing(&Options {
        server_pid: Some(u32::MAX / 2),
        ..options_for(server.address)
    });
    assert!(matches!(error, LoadError::Pid { .. }), "{error}");
    let error = run_failing(&Options {
        connections: 100_000_000,
        ..options_for(server.address)
    })
    .to_string();
    assert!(error.contains("file descriptors"), "{error}");
}

#[test]
fn refusals_are_reported_with_the_text_of_the_tracker() {
    let server = server();
    let reason = r#"{"failure reason":"not today","action":"announce"}"#;
    let address = faulty_proxy(
        server.address,
        every_sixtieth("\"interval\":", move |_| vec![reason.to_owned()]),
    );
    let report = run_load(&Options {
        timeout: SHORT_TIMEOUT,
        ..options_for(address)
    });
    assert!(report.correctness.failures > 0);
    assert!(
        report.errors.contains_key("the tracker refused: not today"),
        "{:?}",
        report.errors
    );
}

#[test]
fn the_program_prints_only_json_and_exits_with_the_result() {
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("report.html");
    let load = |address: SocketAddr| {
        let url = format!("ws://{address}/");
        let flags = "--connections 20 --swarm-size 10 --warmup 0 --announces 60 --timeout 0.2 --json --html";
        Command::new(env!("CARGO_BIN_EXE_swarmhub"))
            .args(["load", &url])
            .args(flags.split(' '))
            .arg(&page)
            .output()
            .unwrap()
    };
    let output = load(server.address);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&json["correct"], &json["load"]["announces"]),
        (&true.into(), &60.into())
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("correct: no message"));
    assert!(
        std::fs::read_to_string(&page)
            .unwrap()
            .ends_with("</html>\n")
    );

    let bad = faulty_proxy(
        server.address,
        every_sixtieth("\"answer\":", |_| Vec::new()),
    );
    assert_eq!(load(bad).status.code(), Some(3));
    let closed_port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let output = load(closed_port);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(
        std::fs::read_to_string(&page)
            .unwrap()
            .ends_with("</html>\n"),
        "a load that could not run keeps the previous page"
    );
}

/// Regression: the load went on for the rest of its time without connections.
#[test]
fn a_load_ends_with_a_report_if_the_tracker_disconnects() {
    let server = server();
    let options = Options {
        amount: Amount::Time(Duration::from_mins(10)),
        ..options_for(server.address)
    };
    let start = std::time::Instant::now();
    let mut reports = 0;
    let report = run(&options, &mut |progress: &LoadProgress| {
        if progress.phase == "measuring" && progress.announces > 50 {
            server.handle.stop();
        }
        reports += 1;
    })
    .unwrap_or_else(|error| panic!("{error}"));
    assert!(start.elapsed() < Duration::from_mins(2) && reports > 1);
    assert_eq!((report.correct, report.exit_code), (false, 4));
    assert_eq!(report.ended_early, Some(EndedEarly::TrackerGone));
    let load = report.load.as_ref().expect("a partial measurement");
    assert!(load.announces > 0 && load.elapsed_s < 120.0, "{load:?}");
    for text in [report.to_text(), report.to_html()] {
        assert!(text.contains("THE TRACKER IS GONE"), "{text}");
    }
    assert!(
        report
            .to_json()
            .contains("\"ended_early\":\"tracker_gone\"")
    );
}

/// As in a power failure: connections stay open without data.
#[cfg(unix)]
#[test]
fn a_load_ends_with_a_report_if_the_tracker_is_silent() {
    let program = Program::start(&[
        "--listen",
        "127.0.0.1:0",
        "--workers",
        "1",
        "--history",
        "off",
    ]);
    let signal = |name: &str| {
        let pid = program.child.id().to_string();
        let done = Command::new("kill").args([name, &pid]).status();
        assert!(done.unwrap().success());
    };
    let options = Options {
        amount: Amount::Time(Duration::from_mins(10)),
        timeout: Duration::from_secs(2),
        ..options_for(program.address)
    };
    let since = std::time::Instant::now();
    let mut is_stopped = false;
    let report = run(&options, &mut |progress: &LoadProgress| {
        if progress.phase == "measuring" && progress.announces > 50 && !is_stopped {
            signal("-STOP");
            is_stopped = true;
        }
    });
    signal("-CONT");
    let report = report.unwrap_or_else(|error| panic!("{error}"));
    assert!(since.elapsed() < Duration::from_mins(2));
    assert_eq!((report.correct, report.exit_code), (false, 4));
    assert_eq!(report.ended_early, Some(EndedEarly::TrackerSilent));
    assert!(report.to_text().contains("THE TRACKER IS SILENT"));
}

#[cfg(unix)]
#[test]
fn an_interrupted_load_writes_a_partial_report() {
    use std::io::{BufRead, BufReader};
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    for (signal, code, ended) in [("-INT", 130, "interrupted"), ("-TERM", 143, "terminated")] {
        let page = folder.path().join(format!("{ended}.html"));
        let mut child = Command::new(env!("CARGO_BIN_EXE_swarmhub"))
            .args(["load", &format!("ws://{}/", server.address)])
            .args(
                "--connections 20 --swarm-size 10 --warmup 0 --duration 600 --json --html"
                    .split(' '),
            )
            .arg(&page)
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap())
            .lines()
            .map(Result::unwrap);
        // The first line of a phase has no rate; later lines have one.
        let measuring =
            |line: &String| line.starts_with("measuring") && line.contains("announces/s");
        assert!(lines.any(|line| measuring(&line)), "it ended by itself");
        let sent = Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .unwrap();
        assert!(sent.success());
        let text = lines.collect::<Vec<_>>().join("\n");
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains("the load ended early: interrupted"), "{text}");
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(
            (&json["ended_early"], &json["correct"]),
            (&ended.into(), &true.into()),
            "{json}"
        );
        assert!(json["load"]["announces"].as_u64().unwrap() > 0, "{json}");
        let html = std::fs::read_to_string(&page).unwrap();
        assert!(html.contains("ended early") && html.ends_with("</html>\n"));
    }
}

#[test]
fn an_unwritable_report_page_is_detected_before_the_load() {
    let folder = tempfile::tempdir().unwrap();
    // This port is closed: had the load begun, the error would be different.
    let output = Command::new(env!("CARGO_BIN_EXE_swarmhub"))
        .args(["load", "ws://127.0.0.1:1/", "--html"])
        .arg(folder.path().join("no-such-folder").join("report.html"))
        .output()
        .unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        error.contains("cannot write") && error.contains("report.html"),
        "{error}"
    );
}

/// Regression: a missing strace discarded all measurements.
#[test]
fn without_strace_everything_else_is_measured() {
    if !cfg!(target_os = "linux") {
        return println!("skipped: processes are observed on Linux only");
    }
    let server = server();
    let empty = tempfile::tempdir().unwrap();
    let pid = std::process::id().to_string();
    let flags =
        "--connections 20 --swarm-size 10 --warmup 0 --announces 60 --json --syscalls --server-pid";
    let output = Command::new(env!("CARGO_BIN_EXE_swarmhub"))
        .args(["load", &format!("ws://{}/", server.address)])
        .args(flags.split(' '))
        .arg(&pid)
        .env("PATH", empty.path())
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{log}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["load"]["announces"], 60);
    assert!(json["server"]["syscalls"].is_null());
    let remarks = json["remarks"].to_string();
    assert!(remarks.contains("strace cannot be started"), "{remarks}");
}
