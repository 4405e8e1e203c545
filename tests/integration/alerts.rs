//! Alerts from outside: the API, what receivers get and what they never get.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;
use rusqlite::Connection;
use serde_json::{Value, json};
use swarmhub::config::{Config, History, Secret};
use swarmhub::insight::history::Journal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::support::{PATIENCE, TestServer, until};

const TOKEN: &str = "0123456789abcdef";
const SECRET: &str = "fedcba9876543210";

/// Somebody who is told of alerts, and answers with one status after the other; the last for good.
struct Receiver {
    address: SocketAddr,
    got: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Receiver {
    async fn start(answers: &'static [&'static str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&got);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let request = read(&mut stream).await;
                let place = heard.lock().len().min(answers.len() - 1);
                heard.lock().push(request);
                let answer = answers[place];
                let reply =
                    format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                stream.write_all(reply.as_bytes()).await.unwrap();
            }
        });
        Self { address, got }
    }

    fn url(&self) -> String {
        format!("http://{}/hook?key=secret", self.address)
    }

    fn got(&self) -> Vec<(String, Value)> {
        self.got.lock().clone()
    }

    /// The status of each alert that was told.
    fn told(&self) -> Vec<String> {
        let got = self.got();
        let alerts = got
            .iter()
            .map(|(_, body)| body["alerts"][0]["status"].clone());
        alerts
            .map(|status| status.as_str().unwrap().to_owned())
            .collect()
    }
}

/// The head and the body of a request.
async fn read(stream: &mut TcpStream) -> (String, Value) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let mut body = vec![0; length(&head)];
    stream.read_exact(&mut body).await.unwrap();
    (head, serde_json::from_slice(&body).unwrap())
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value))
}

fn length(head: &str) -> usize {
    header(head, "content-length").map_or(0, |bytes| bytes.parse().unwrap())
}

fn server(change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::start(|config| {
        config.admin_token = Some(Secret::new(TOKEN));
        config.alerts.private_addresses = true;
        change(config);
    })
}

/// Asks with the token; gives the status and the answer.
async fn ask(server: &TestServer, method: &str, path: &str, body: Value) -> (u16, Value) {
    ask_as(
        server,
        method,
        path,
        body,
        &format!("Authorization: Bearer {TOKEN}\r\n"),
    )
    .await
}

async fn ask_as(
    server: &TestServer,
    method: &str,
    path: &str,
    body: Value,
    headers: &str,
) -> (u16, Value) {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let request = format!(
        "{method} /api/v1/alerts{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut reply))
        .await
        .unwrap()
        .unwrap();
    let reply = String::from_utf8(reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("cache-control: no-store"), "{head}");
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, serde_json::from_str(body).unwrap())
}

/// A rule that fires while anybody is connected.
async fn put_rule(server: &TestServer) {
    let rule = json!({"series": "connections", "comparison": ">", "threshold": 0, "for": 0, "doc": "Somebody is here."});
    let (status, answer) = ask(server, "PUT", "/rules/somebody", rule).await;
    assert_eq!(status, 200, "{answer}");
}

async fn view(server: &TestServer, rule: &str) -> Value {
    let (_, all) = ask(server, "GET", "", Value::Null).await;
    let rules = all["rules"].as_array().unwrap();
    rules
        .iter()
        .find(|view| view["name"] == rule)
        .cloned()
        .unwrap_or_default()
}

#[tokio::test]
async fn a_webhook_is_told_again_until_it_takes_it_and_can_check_who_tells() {
    let receiver = Receiver::start(&["500 No", "503 No", "200 OK"]).await;
    let server = server(|config| {
        config.alerts.webhook = vec![receiver.url().parse().unwrap()];
        config.alerts.webhook_secret = Some(Secret::new(SECRET));
    });
    put_rule(&server).await;
    let client = server.connect().await;
    until("it is told three times", || receiver.got().len() == 3).await;
    assert_eq!(receiver.told(), ["firing"; 3]);
    let (head, body) = receiver.got().pop().unwrap();
    assert!(
        head.starts_with("POST /hook?key=secret HTTP/1.1\r\n"),
        "{head}"
    );
    assert_eq!(body["version"], "4");
    assert_eq!(body["alerts"][0]["labels"]["alertname"], "somebody");
    assert_eq!(
        body["alerts"][0]["annotations"]["description"],
        "Somebody is here."
    );
    let summary = body["alerts"][0]["annotations"]["summary"]
        .as_str()
        .unwrap();
    assert!(
        summary.starts_with("[firing] somebody on ")
            && summary.ends_with(": connections is over 0: 1"),
        "{summary}"
    );
    let signature = header(&head, "x-swarmhub-signature").expect("signed");
    let (time, hex) = signature.split_once(",v1=").unwrap();
    let seconds: u64 = time.strip_prefix("t=").unwrap().parse().unwrap();
    let age = UNIX_EPOCH + Duration::from_secs(seconds);
    assert!(age.elapsed().unwrap() < Duration::from_mins(1));
    assert_eq!(hex.len(), 64);

    drop(client);
    until("its end is told", || {
        receiver.told().last().unwrap() == "resolved"
    })
    .await;
    let (_, all) = ask(&server, "GET", "", Value::Null).await;
    assert_eq!(all["sinks"][0]["kind"], "webhook");
    assert_eq!(all["sinks"][0]["target"], receiver.address.to_string());
    assert!(!all.to_string().contains("secret"), "{all}");
    let states: Vec<_> = all["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["state"])
        .collect();
    assert_eq!(states, ["resolved", "firing"], "the newest first");
    assert_eq!(server.node.counters().notification_attempts_failed, 2);
    assert_eq!(server.node.counters().notifications_sent, 2);

    let told = receiver.got().len();
    assert_eq!(ask(&server, "POST", "/test", Value::Null).await.0, 202);
    until("a test arrives", || receiver.got().len() > told).await;
    let (_, test) = receiver.got().pop().unwrap();
    let summary = &test["alerts"][0]["annotations"]["summary"];
    let summary = summary.as_str().unwrap();
    assert!(summary.starts_with("This is a test "), "{summary}");
}

#[tokio::test]
async fn a_redirect_leads_nowhere() {
    let elsewhere = Receiver::start(&["200 OK"]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let there = elsewhere.url();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read(&mut stream).await;
        let reply = format!("HTTP/1.1 307 No\r\nLocation: {there}\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(reply.as_bytes()).await.unwrap();
    });
    let server = server(|config| config.alerts.webhook = vec![url.parse().unwrap()]);
    until("there is a receiver", || {
        !server.node.alerts().sinks().is_empty()
    })
    .await;
    assert_eq!(ask(&server, "POST", "/test", Value::Null).await.0, 202);
    until("it is given up", || {
        server.node.counters().notifications_given_up == 1
    })
    .await;
    until("and told", || server.node.alerts().sinks()[0].failed == 1).await;
    let error = server.node.alerts().sinks()[0].last_error.clone().unwrap();
    assert!(error.contains("redirects are not followed"), "{error}");
    assert!(elsewhere.got().is_empty());
}

#[tokio::test]
async fn an_address_that_is_not_on_the_internet_is_refused_also_behind_a_name() {
    let receiver = Receiver::start(&["200 OK"]).await;
    let url = format!("http://localhost:{}/", receiver.address.port());
    let server = server(|config| {
        config.alerts.private_addresses = false;
        config.alerts.chat = Some(url.parse().unwrap());
    });
    until("there is a receiver", || {
        !server.node.alerts().sinks().is_empty()
    })
    .await;
    assert_eq!(ask(&server, "POST", "/test", Value::Null).await.0, 202);
    until("it is given up", || {
        server.node.counters().notifications_given_up == 1
    })
    .await;
    until("and told", || server.node.alerts().sinks()[0].failed == 1).await;
    let error = server.node.alerts().sinks()[0].last_error.clone().unwrap();
    assert!(error.contains("not on the internet"), "{error}");
    assert!(receiver.got().is_empty());
}

#[tokio::test]
async fn a_receiver_that_is_down_keeps_no_other_waiting_and_its_queue_has_a_bound() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let down = format!("http://{}/", closed.local_addr().unwrap());
    drop(closed);
    let receiver = Receiver::start(&["200 OK"]).await;
    let server = server(|config| {
        config.alerts.queue_max = 1;
        config.alerts.webhook = vec![down.parse().unwrap(), receiver.url().parse().unwrap()];
    });
    until("there are receivers", || {
        server.node.alerts().sinks().len() == 2
    })
    .await;
    for tests in 1..=3 {
        server.node.alerts().want_test();
        until("the other is told", || receiver.got().len() == tests).await;
    }
    until("the oldest went", || {
        server.node.counters().notifications_dropped_queue_max >= 2
    })
    .await;
    until("and it is told", || {
        server.node.alerts().sinks()[0].failed >= 2
    })
    .await;
    let down = &server.node.alerts().sinks()[0];
    assert_eq!((down.queued, down.failed), (1, 2));
    assert!(
        down.last_error
            .as_ref()
            .unwrap()
            .contains("cannot be reached")
    );
}

#[tokio::test]
async fn rules_and_silences_are_changed_only_with_the_token_and_every_change_is_noted() {
    let receiver = Receiver::start(&["200 OK"]).await;
    let server = server(|config| config.alerts.webhook = vec![receiver.url().parse().unwrap()]);
    for (method, path) in [
        ("GET", ""),
        ("PUT", "/rules/somebody"),
        ("DELETE", "/rules/memory_high"),
        ("POST", "/silences"),
        ("DELETE", "/silences/1"),
        ("POST", "/test"),
    ] {
        for headers in ["", "Authorization: Bearer 0123456789abcdeF\r\n"] {
            let (status, answer) = ask_as(&server, method, path, json!({}), headers).await;
            assert_eq!(status, 401, "{method} {path}: {answer}");
        }
    }
    put_rule(&server).await;
    let silence = json!({"rule": "somebody", "seconds": 600, "comment": "I know"});
    let (status, silence) = ask(&server, "POST", "/silences", silence).await;
    assert_eq!(status, 201);
    let _client = server.connect().await;
    until("it fires", || {
        server.node.alerts().alerts().summary().firing == 1
    })
    .await;
    let (_, summary) = ask_as(&server, "GET", "/summary", Value::Null, "").await;
    assert_eq!(
        summary,
        json!({"firing": 1, "pending": 0, "names": ["somebody"]})
    );
    let firing = view(&server, "somebody").await;
    assert_eq!(
        (&firing["state"], &firing["value"]),
        (&json!("firing"), &json!(1.0))
    );
    assert_eq!(firing["silenced_until"], silence["until"]);
    assert!(receiver.got().is_empty(), "silence");
    let path = format!("/silences/{}", silence["id"]);
    assert_eq!(ask(&server, "DELETE", &path, Value::Null).await.0, 200);
    until("the silence is over", || receiver.told() == ["firing"]).await;
    assert_eq!(ask(&server, "DELETE", &path, Value::Null).await.0, 404);
    // What is not sent stays as it is; a deleted rule ends.
    let (_, rule) = ask(&server, "PUT", "/rules/somebody", json!({"keep_firing": 5})).await;
    assert_eq!(
        (&rule["threshold"], &rule["keep_firing"]),
        (&json!(0.0), &json!(5.0))
    );
    assert_eq!(
        ask(&server, "DELETE", "/rules/somebody", Value::Null)
            .await
            .0,
        200
    );
    until("its end is told", || {
        receiver.told() == ["firing", "resolved"]
    })
    .await;
    // A shipped one is changed and reset.
    ask(
        &server,
        "PUT",
        "/rules/memory_high",
        json!({"threshold": 0.5, "clear": 0.4}),
    )
    .await;
    assert_eq!(view(&server, "memory_high").await["changed"], true);
    let (_, answer) = ask(&server, "DELETE", "/rules/memory_high", Value::Null).await;
    assert_eq!(answer["done"], "reset");
    assert_eq!(view(&server, "memory_high").await["threshold"], 0.75);
    let silence = json!({"rule": "memory_high", "seconds": 60});
    ask(&server, "POST", "/silences", silence).await;
    let audit = server
        .node
        .store()
        .journal(Journal::Audit, UNIX_EPOCH, 100)
        .await
        .newest;
    let kinds: Vec<_> = audit
        .iter()
        .map(|(_, json)| json.contains("alert rule"))
        .collect();
    assert_eq!(
        kinds,
        [false, true, true, true, true, false, false, true],
        "the newest first"
    );
    assert!(
        audit[2].1.contains("> 0.75") && audit[2].1.contains("> 0.5"),
        "{}",
        audit[2].1
    );
    assert!(
        audit[0].1.contains("memory_high for 60 s\""),
        "no reason, no colon"
    );
}

#[tokio::test]
async fn what_cannot_work_is_refused_with_a_sentence() {
    let server = server(|_| {});
    let rule = |change: Value| {
        let mut rule = json!({"series": "connections", "comparison": ">", "threshold": 1});
        rule.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        rule
    };
    let cases = [
        (
            "PUT",
            "/rules/a",
            rule(json!({"series": "nothing"})),
            400,
            "there is no number nothing",
        ),
        (
            "PUT",
            "/rules/a",
            rule(json!({"clear": 2})),
            400,
            "fire again",
        ),
        (
            "PUT",
            "/rules/a",
            rule(json!({"name": "b"})),
            400,
            "another",
        ),
        ("PUT", "/rules/A%20b", rule(json!({})), 400, "small letters"),
        (
            "PUT",
            "/rules/a",
            rule(json!({"treshold": 1})),
            400,
            "unknown field",
        ),
        ("PUT", "/rules/a", json!([1]), 400, "invalid type"),
        (
            "PUT",
            "/rules/a",
            rule(json!({"doc": "x".repeat(100_000)})),
            413,
            "65536",
        ),
        ("DELETE", "/rules/a", Value::Null, 404, "there is no rule"),
        (
            "POST",
            "/silences",
            json!({"rule": "a", "seconds": 9}),
            404,
            "there is no rule",
        ),
        (
            "POST",
            "/silences",
            json!({"rule": "*", "seconds": 1e9}),
            400,
            "seconds must",
        ),
        (
            "DELETE",
            "/silences/x",
            Value::Null,
            404,
            "there is no silence",
        ),
        ("POST", "/test", Value::Null, 409, "alerts.webhook"),
    ];
    for (method, path, body, wanted, words) in cases {
        let (status, answer) = ask(&server, method, path, body).await;
        let error = answer["error"].as_str().unwrap();
        assert_eq!(status, wanted, "{method} {path}: {error}");
        assert!(error.contains(words), "{method} {path}: {error}");
    }
    let audit = server
        .node
        .store()
        .journal(Journal::Audit, UNIX_EPOCH, 100)
        .await
        .newest;
    assert!(audit.is_empty(), "{audit:?}");
}

#[tokio::test]
async fn without_a_token_nobody_may_change_anything() {
    let server = TestServer::start(|_| {});
    let (status, answer) = ask(&server, "GET", "", Value::Null).await;
    assert_eq!(status, 404);
    assert_eq!(answer["error"], "the admin API is off: set admin_token");
    assert_eq!(ask(&server, "GET", "/summary", Value::Null).await.0, 200);
}

#[tokio::test]
async fn a_restart_forgets_neither_what_fires_nor_silences_nor_what_happened() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::start(&["200 OK"]).await;
    let start = || {
        server(|config| {
            config.history = History::At(folder.path().join("history.sqlite"));
            config.alerts.webhook = vec![receiver.url().parse().unwrap()];
        })
    };
    let first = start();
    put_rule(&first).await;
    let (status, _) = ask(
        &first,
        "PUT",
        "/rules/somebody",
        json!({"keep_firing": 1000}),
    )
    .await;
    assert_eq!(status, 200);
    let silence = json!({"rule": "memory_high", "seconds": 600, "comment": "planned"});
    assert_eq!(ask(&first, "POST", "/silences", silence).await.0, 201);
    let client = first.connect().await;
    until("it is told", || receiver.told() == ["firing"]).await;
    let since = view(&first, "somebody").await["since"].clone();
    drop(client);
    first.stop().unwrap();

    let second = start();
    until("it looks", || !second.node.alerts().sinks().is_empty()).await;
    let firing = view(&second, "somebody").await;
    assert_eq!(
        (&firing["state"], &firing["since"]),
        (&json!("firing"), &since)
    );
    let (_, all) = ask(&second, "GET", "", Value::Null).await;
    assert_eq!(all["silences"][0]["comment"], "planned");
    assert_eq!(all["history"][0]["state"], "firing");
    assert_eq!(all["history_more"], false);
    assert_eq!(receiver.told(), ["firing"], "it is not told again");
    ask(&second, "DELETE", "/rules/somebody", Value::Null).await;
    until("its end is told", || {
        receiver.told() == ["firing", "resolved"]
    })
    .await;
}

/// Changes the document of the alerts in a file that nobody has open.
fn amend(path: &Path, amend: impl FnOnce(&mut Value)) {
    let connection = Connection::open(path).unwrap();
    let select = "SELECT json FROM documents WHERE name = 'alerts'";
    let text: String = connection.query_row(select, (), |row| row.get(0)).unwrap();
    let mut document: Value = serde_json::from_str(&text).unwrap();
    amend(&mut document);
    let update = "UPDATE documents SET json = ?1 WHERE name = 'alerts'";
    connection.execute(update, [document.to_string()]).unwrap();
}

#[tokio::test]
async fn over_a_restart_what_lasts_is_told_again_when_it_is_time_and_what_has_ended_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    let receiver = Receiver::start(&["200 OK"]).await;
    let start = |webhook: String| {
        server(|config| {
            config.history = History::At(path.clone());
            config.alerts.webhook = vec![webhook.parse().unwrap()];
        })
    };
    // The first does not get far: nobody answers.
    let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let first = start(format!("http://{}/", deaf.local_addr().unwrap()));
    put_rule(&first).await;
    let client = first.connect().await;
    until("it waits", || {
        let sinks = first.node.alerts().sinks();
        sinks.first().is_some_and(|sink| sink.queued == 1)
    })
    .await;
    drop(client);
    first.stop().unwrap();
    // Nobody is connected any more, but that is not known at once.
    amend(&path, |document| {
        document["rules"][0]["keep_firing"] = 1000.into();
    });
    let second = start(receiver.url());
    until("what waited is told", || receiver.told() == ["firing"]).await;
    second.stop().unwrap();

    let third = start(receiver.url());
    until("it looks", || !third.node.alerts().sinks().is_empty()).await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    third.stop().unwrap();
    assert_eq!(receiver.told(), ["firing"], "not so soon");
    amend(&path, |document| {
        let told_at = document["watches"]["somebody"]["told_at"].as_f64().unwrap();
        document["watches"]["somebody"]["told_at"] = (told_at - 4.0 * 3600.0).into();
    });
    let fourth = start(receiver.url());
    until("it is time", || receiver.told() == ["firing"; 2]).await;
    fourth.stop().unwrap();
    let got = receiver.got();
    let started = |body: &Value| body["alerts"][0]["startsAt"].clone();
    assert_eq!(started(&got[0].1), started(&got[1].1), "the same alert");

    // It ends while nobody looks.
    amend(&path, |document| {
        document["rules"][0]["keep_firing"] = 0.into();
    });
    let fifth = start(receiver.url());
    until("its end is told", || {
        receiver.told() == ["firing", "firing", "resolved"]
    })
    .await;
    fifth.stop().unwrap();
}

#[tokio::test]
async fn rules_of_a_file_that_is_locked_at_the_start_are_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("history.sqlite");
    let start = || server(|config| config.history = History::At(path.clone()));
    let first = start();
    put_rule(&first).await;
    let silence = json!({"rule": "somebody", "seconds": 600, "comment": "old"});
    assert_eq!(ask(&first, "POST", "/silences", silence).await.0, 201);
    first.stop().unwrap();

    let locked = Connection::open(&path).unwrap();
    locked
        .execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")
        .unwrap();
    let second = start();
    let (status, all) = ask(&second, "GET", "", Value::Null).await;
    assert_eq!((status, &all["unread"]), (200, &true.into()));
    assert_eq!(all["history_complete"], false);
    assert_eq!(view(&second, "somebody").await, Value::Null);
    let change = json!({"threshold": 0.5, "clear": 0.4});
    let (status, answer) = ask(&second, "PUT", "/rules/memory_high", change.clone()).await;
    let error = answer["error"].as_str().unwrap();
    assert_eq!(status, 503, "{error}");
    assert!(error.contains("cannot be read yet"), "{error}");
    assert_eq!(
        ask(&second, "DELETE", "/rules/memory_high", Value::Null)
            .await
            .0,
        503
    );
    let silence = json!({"rule": "history_failing", "seconds": 600, "comment": "new"});
    assert_eq!(ask(&second, "POST", "/silences", silence).await.0, 201);
    drop(locked);
    until("they are read", || {
        !second.node.alerts().alerts().is_unread()
    })
    .await;
    let wanted = |all: &Value| {
        let comments: Vec<_> = all["silences"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["comment"].clone())
            .collect();
        assert_eq!(comments, ["new", "old"]);
    };
    let (_, all) = ask(&second, "GET", "", Value::Null).await;
    wanted(&all);
    assert_eq!(all["history_complete"], true);
    assert_eq!(view(&second, "somebody").await["doc"], "Somebody is here.");
    assert_eq!(
        ask(&second, "PUT", "/rules/memory_high", change).await.0,
        200
    );
    second.stop().unwrap();

    // Changed within the last second, too.
    let third = start();
    let (_, all) = ask(&third, "GET", "", Value::Null).await;
    wanted(&all);
    assert_eq!(view(&third, "memory_high").await["threshold"], 0.5);
    assert_eq!(view(&third, "somebody").await["doc"], "Somebody is here.");
}

#[tokio::test]
async fn the_summary_is_for_who_may_see_the_public_statistics() {
    let server = server(|config| config.public_stats = false);
    assert_eq!(ask(&server, "GET", "/summary", Value::Null).await.0, 200);
    let (status, _) = ask_as(&server, "GET", "/summary", Value::Null, "").await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn of_a_long_history_the_newest_are_shown_and_it_is_said_that_there_are_more() {
    let server = server(|_| {});
    let now = SystemTime::now();
    for number in 0..=2000 {
        let entry = json!({"rule": "somebody", "at": number, "state": "firing", "value": null});
        let store = server.node.store();
        store.note(Journal::Alerts, now, entry.to_string());
    }
    let (_, all) = ask(&server, "GET", "", Value::Null).await;
    let history = all["history"].as_array().unwrap();
    assert_eq!((history.len(), &all["history_more"]), (2000, &json!(true)));
    assert_eq!(history[0]["at"], 2000.0, "the newest first");
}
