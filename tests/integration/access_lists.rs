//! Access lists of info-hashes and tokens: refusals, their texts, and the reload of changed files.

#![cfg(unix)]

use std::path::{Path, PathBuf};

use serde_json::json;
use swarmhub::config::Config;
use tempfile::TempDir;

use crate::support::http::UPGRADE;
use crate::support::program::{Program, command, run};
use crate::support::{Client, TestServer, announce, hex, id, offer};

const TOKEN: &str = "correct-horse-battery-staple";
const OTHER_TOKEN: &str = "0123456789abcdef";

fn write_file(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// The info-hash of a swarm as a line of an access list.
fn list_entry(swarm: &str) -> String {
    hex(&id(swarm)).to_uppercase()
}

fn server(folder: &TempDir, denied: &str, change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::start(|config| {
        config.access.info_hashes_denied = Some(write_file(folder, "denied", denied));
        change(config);
    })
}

fn query(swarm: &str) -> String {
    format!("info_hash={}&peer_id={}&port=6881", id(swarm), id("peer"))
}

/// The body of the response to a request over HTTP.
async fn body(server: &TestServer, path: &str) -> String {
    let response = server.get(path, "").await.expect(200);
    String::from_utf8_lossy(&response.body).into_owned()
}

/// A WebSocket at this path, or the status with which it is refused.
async fn connect(server: &TestServer, path: &str) -> Result<Client, u16> {
    let connected = Client::try_connect(server.address, path, &[]).await;
    connected.map_err(|(status, text)| {
        assert!(text.contains("needs a token"), "{text}");
        status
    })
}

#[tokio::test]
async fn a_denied_announce_fails_in_a_form_that_clients_survive() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(
        &folder,
        &format!("# letter\n{}\n", list_entry("taken")),
        |_| {},
    );
    let mut client = server.connect().await;
    let mut message = announce("taken", "peer");
    message["offers"] = json!([offer("one", "sdp")]);
    client.send(&message).await;
    let refused = client.receive().await;
    assert_eq!(refused["action"], "announce");
    assert_eq!(refused["info_hash"], id("taken"));
    assert_eq!(
        refused["failure reason"],
        "This info_hash is not allowed on this tracker"
    );
    assert!(refused["interval"].as_u64() > Some(0), "{refused}");
    client
        .send(&json!({"action": "scrape", "info_hash": id("taken")}))
        .await;
    assert_eq!(
        client.receive().await["files"][id("taken")]["incomplete"],
        0
    );
    assert_eq!(client.join("other", "peer").await["incomplete"], 1);

    let output = body(&server, &format!("/announce?{}", query("taken"))).await;
    assert_eq!(
        output,
        "d14:failure reason45:This info_hash is not allowed on this tracker8:intervali1800e12:min intervali1800e8:retry ini30ee"
    );
    let output = body(&server, &format!("/announce?{}", query("other"))).await;
    assert!(output.starts_with("d8:completei0e"), "{output}");
    let counters = server.node.counters();
    assert_eq!(counters.failures_info_hash_not_allowed, 2);
    assert_eq!(counters.offers_without_receiver, 1);
    assert_eq!(counters.failures_malformed, 0);
}

#[tokio::test]
async fn only_allowed_info_hashes_are_tracked_and_lists_reload() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder, "", |config| {
        config.access.info_hashes_allowed =
            Some(write_file(&folder, "allowed", &list_entry("own")));
    });
    let (mut one, mut other) = (server.connect().await, server.connect().await);
    assert_eq!(one.join("own", "a").await["incomplete"], 1);
    assert!(other.join("foreign", "b").await["failure reason"].is_string());

    // The deny list wins.
    write_file(&folder, "denied", &list_entry("own"));
    write_file(
        &folder,
        "allowed",
        &format!("{}\n{}\n", list_entry("own"), list_entry("foreign")),
    );
    server.handle.reload(&server.handle.config()).await.unwrap();
    assert_eq!(other.join("foreign", "b").await["incomplete"], 1);
    let mut offering = announce("own", "b");
    offering["offers"] = json!([offer("one", "sdp")]);
    other.send(&offering).await;
    assert!(other.receive().await["failure reason"].is_string());
    assert!(
        one.join("own", "a").await["failure reason"].is_string(),
        "no offer came first"
    );
    assert_eq!(
        server.node.tracker().swarms().totals().swarms,
        1,
        "it left the swarm"
    );

    // A list that cannot be used changes nothing.
    write_file(&folder, "denied", "nonsense");
    write_file(&folder, "allowed", "");
    let problems = server
        .handle
        .reload(&server.handle.config())
        .await
        .unwrap_err();
    assert!(
        problems[0].to_string().contains("denied:1: "),
        "{problems:?}"
    );
    assert_eq!(other.join("foreign", "b").await["incomplete"], 1);
    assert!(one.join("own", "a").await["failure reason"].is_string());
}

#[tokio::test]
async fn only_clients_with_a_valid_token_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder, "", |config| {
        let tokens = format!("# friends\n{TOKEN} Ada\n{OTHER_TOKEN}\n");
        config.access.tokens_file = Some(write_file(&folder, "tokens", &tokens));
    });
    check_websockets(&server).await;
    check_announces(&server).await;
    // Pages need no token.
    for path in ["/", "/?token=x", "/stats.json", "/dashboard"] {
        body(&server, path).await;
    }
    // The ICE servers for pages may contain passwords.
    let output = body(&server, &format!("/ice?token={TOKEN}")).await;
    assert!(output.contains("iceServers"), "{output}");
    for path in ["/ice", "/ice?token=", "/ice?token=wrong-token-wrong-token"] {
        let refused = server.get(path, "").await.expect(403);
        let refused = refused.expect_text("needs a token");
        assert!(!refused.text().contains("iceServers"), "{refused}");
    }
    assert_eq!(server.node.counters().failures_token, 7);
}

async fn check_websockets(server: &TestServer) {
    let good = [
        format!("/{TOKEN}"),
        format!("/{OTHER_TOKEN}/announce"),
        format!("/announce?token={TOKEN}"),
        format!("/?x=y&token={OTHER_TOKEN}"),
        format!("/hub/{TOKEN}"),
        format!("/hub/announce/{TOKEN}/"),
    ];
    for path in &good {
        let mut client = connect(server, path).await.expect(path);
        client.join("swarm", "peer").await;
    }
    let bad = [
        "/",
        "/announce",
        "/announce?token=",
        &format!("/{TOKEN}x"),
        &format!("/{OTHER_TOKEN}?token=x"),
    ];
    for path in bad {
        assert_eq!(connect(server, path).await.err(), Some(403), "{path}");
    }
    assert_eq!(server.node.counters().refused_token, bad.len() as u64);
}

async fn check_announces(server: &TestServer) {
    let query = query("swarm");
    for path in [
        format!("/{TOKEN}/announce?{query}"),
        format!("/announce?{query}&token={OTHER_TOKEN}"),
        format!("/announce?token={OTHER_TOKEN}&{query}"),
        format!("/{TOKEN}/scrape?{query}"),
        format!("/scrape?{query}&token={TOKEN}"),
        format!("/hub/{TOKEN}/announce?{query}"),
        format!("/{TOKEN}?{query}"),
        format!("/announce.php/{TOKEN}?{query}"),
        format!("/hub/{TOKEN}/scrape.php?{query}"),
    ] {
        let output = body(server, &path).await;
        assert!(!output.contains("failure"), "{path}: {output}");
    }
    for path in [
        format!("/announce?{query}"),
        format!("/{TOKEN}x/announce?{query}"),
        format!("/scrape?{query}&token=x"),
        format!("/{TOKEN}/{TOKEN}x/announce?{query}"),
    ] {
        let output = body(server, &path).await;
        assert!(output.contains("This tracker needs a token"), "{output}");
        assert!(output.ends_with("8:retry ini30ee"), "{output}");
    }
    assert_eq!(server.node.counters().failures_token, 4);
}

#[tokio::test]
async fn wrong_tokens_count_against_connection_and_request_limits() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder, "", |config| {
        config.access.tokens_file = Some(write_file(&folder, "tokens", TOKEN));
        config.limits.exempt.clear();
        config.limits.address_connections_burst = 3;
        config.limits.address_connections_per_second = 1;
        config.limits.arrival_delay_max = std::time::Duration::ZERO;
        config.limits.address_http_requests_burst = 2;
        config.limits.address_http_requests_per_second = 1;
    });
    // Each limit has room again after a second, so a slow client is refused later than a fast one.
    let mut statuses = Vec::new();
    while statuses.last() != Some(&429) {
        let path = format!("/guess-number-{:08}", statuses.len());
        statuses.push(server.get(&path, UPGRADE).await.status);
        assert!(statuses.len() < 100, "{statuses:?}");
    }
    assert_eq!(statuses[..3], [403, 403, 403]);
    let limit = "limits.address_http_requests_per_second";
    let mut outputs = String::new();
    for number in 0.. {
        let path = format!("/guess-number-{number:08}/announce?{}", query("swarm"));
        outputs += &body(&server, &path).await;
        if outputs.contains(limit) {
            break;
        }
        assert!(number < 100, "{outputs}");
    }
    assert!(outputs.contains("needs a token"), "{outputs}");
    for number in 0.. {
        let refused = server.get("/ice?token=guess", "").await;
        if refused.status == 429 {
            refused.retry_after();
            break;
        }
        assert!(number < 100, "{refused}");
    }
}

#[tokio::test]
async fn open_connections_survive_the_withdrawal_of_their_token() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder, "", |config| {
        config.access.tokens_file = Some(write_file(&folder, "tokens", TOKEN));
    });
    let path = format!("/{TOKEN}");
    let mut client = connect(&server, &path).await.expect("a good token");
    write_file(&folder, "tokens", &format!("{OTHER_TOKEN}\n"));
    server.handle.reload(&server.handle.config()).await.unwrap();
    assert_eq!(client.join("swarm", "peer").await["incomplete"], 1);
    assert_eq!(connect(&server, &path).await.err(), Some(403));
    assert!(connect(&server, &format!("/{OTHER_TOKEN}")).await.is_ok());
}

/// Runs the program and returns its exit code and standard error.
async fn run_to_end(args: &[&str]) -> (Option<i32>, String) {
    let finished = run(&mut command(args)).await;
    (finished.code, finished.stderr)
}

#[tokio::test]
async fn invalid_lists_are_reported_with_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let secret = "a-secret-that-is-wrong!";
    let denied = write_file(
        &folder,
        "denied",
        &format!("{}\nnonsense\n", list_entry("taken")),
    );
    let tokens = write_file(&folder, "tokens", secret);
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let lists = [
        "--access-info-hashes-denied",
        &text(&denied),
        "--access-tokens-file",
        &text(&tokens),
    ];
    for before in [&["check-config"][..], &["--listen", "127.0.0.1:0"]] {
        let (code, output) = run_to_end(&[before, &lists].concat()).await;
        assert!(code.is_some_and(|code| code > 0), "{before:?}: {output}");
        for part in ["denied:2: ", "tokens:1: ", "40 hexadecimal digits"] {
            assert!(output.contains(part), "{before:?}: {part}: {output}");
        }
        assert!(
            !output.contains(secret) && !output.contains("nonsense"),
            "{output}"
        );
    }
    let missing = ["check-config", "--access-tokens-file", "no-such-file"];
    let (code, output) = run_to_end(&missing).await;
    assert_eq!(code, Some(2));
    assert!(
        output.contains("--access-tokens-file: there is no file"),
        "{output}"
    );
    write_file(&folder, "denied", &list_entry("taken"));
    write_file(&folder, "tokens", TOKEN);
    let (code, output) = run_to_end(&[&["check-config"][..], &lists].concat()).await;
    assert_eq!((code, output.as_str()), (Some(0), ""));
}

#[tokio::test]
async fn changed_lists_are_loaded_on_a_signal_or_automatically() {
    let folder = tempfile::tempdir().unwrap();
    let denied = write_file(&folder, "denied", "");
    let tokens = write_file(&folder, "tokens", TOKEN);
    let program = Program::start(&[
        "--access-info-hashes-denied",
        denied.to_str().unwrap(),
        "--access-tokens-file",
        tokens.to_str().unwrap(),
    ]);
    let path = format!("/{TOKEN}");
    let mut client = Client::connect_with(program.address, &path, &[]).await;
    assert_eq!(client.join("swarm", "peer").await["incomplete"], 1);

    write_file(&folder, "denied", &list_entry("swarm"));
    program.signal("-HUP");
    program.wait_for_log("configuration reloaded", 1).await;
    assert!(client.join("swarm", "peer").await["failure reason"].is_string());

    write_file(&folder, "denied", "not a list");
    program.signal("-HUP");
    program
        .wait_for_log("reload failed: the configuration is unchanged", 1)
        .await;
    program.wait_for_log("stay active", 1).await;
    assert!(client.join("swarm", "peer").await["failure reason"].is_string());

    write_file(&folder, "denied", "# empty now\n");
    program.wait_for_log("list files read", 3).await;
    assert_eq!(client.join("swarm", "peer").await["incomplete"], 1);
    drop(client);
    let log = program.stop().await;
    assert!(!log.contains(TOKEN), "{log}");
    let warning = "; the old lists stay active";
    assert_eq!(log.matches(warning).count(), 1, "{log}");
}
