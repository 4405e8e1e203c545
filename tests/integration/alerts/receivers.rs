//! Notification receivers: delivery, retries, signatures, redirects, private addresses and queue limits.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
use swarmhub::config::Secret;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::{Receiver, SECRET, expect_status, overview, put_rule, read_request, server};
use crate::support::http::header;
use crate::support::{TestServer, wait_for_value, wait_until};

#[tokio::test]
async fn a_webhook_is_retried_and_its_body_is_signed() {
    let receiver = Receiver::start(&["500 No", "503 No", "200 OK"]).await;
    let server = server(|config| {
        config.alerts.webhook = vec![receiver.url().parse().unwrap()];
        config.alerts.webhook_secret = Some(Secret::new(SECRET));
    });
    put_rule(&server).await;
    let client = server.connect().await;
    wait_for_value("three attempts", || receiver.received().len(), 3).await;
    assert_eq!(receiver.statuses(), ["firing"; 3]);
    let (head, body) = receiver.received().pop().unwrap();
    check_notification(&head, &body);

    drop(client);
    wait_until("the end is notified", || {
        receiver.statuses().last().unwrap() == "resolved"
    })
    .await;
    let all = overview(&server).await;
    assert_eq!(all["sinks"][0]["kind"], "webhook");
    assert_eq!(all["sinks"][0]["target"], receiver.address.to_string());
    assert!(
        all["sinks"][0]["last_delivered"].as_f64() > Some(1e9),
        "{all}"
    );
    assert!(!all.to_string().contains("secret"), "{all}");
    let states: Vec<_> = all["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["state"])
        .collect();
    assert_eq!(states, ["resolved", "firing"], "newest first");
    assert_eq!(server.node.counters().notification_attempts_failed, 2);
    assert_eq!(server.node.counters().notifications_sent, 2);

    let count = receiver.received().len();
    expect_status(&server, ("POST", "/test"), Value::Null, 202).await;
    wait_until("a test arrives", || receiver.received().len() > count).await;
    let (_, test) = receiver.received().pop().unwrap();
    let summary = &test["alerts"][0]["annotations"]["summary"];
    let summary = summary.as_str().unwrap();
    assert!(summary.starts_with("This is a test "), "{summary}");
}

fn check_notification(head: &str, body: &Value) {
    let start = "POST /hook?key=secret HTTP/1.1\r\n";
    assert!(head.starts_with(start), "{head}");
    assert_eq!(body["version"], "4");
    let alert = &body["alerts"][0];
    assert_eq!(alert["labels"]["alertname"], "somebody");
    assert_eq!(alert["annotations"]["description"], "Somebody is here.");
    let summary = alert["annotations"]["summary"].as_str().unwrap();
    assert!(
        summary.starts_with("[firing] somebody on ")
            && summary.ends_with(": connections is over 0: 1"),
        "{summary}"
    );
    let signature = header(head, "x-swarmhub-signature").expect("signed");
    let (time, hex) = signature.split_once(",v1=").unwrap();
    let seconds: u64 = time.strip_prefix("t=").unwrap().parse().unwrap();
    let age = UNIX_EPOCH + Duration::from_secs(seconds);
    assert!(age.elapsed().unwrap() < Duration::from_hours(1));
    assert_eq!(hex.len(), 64);
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Receiver::start(&["200 OK"]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let target = elsewhere.url();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        let reply = format!("HTTP/1.1 307 No\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n");
        stream.write_all(reply.as_bytes()).await.unwrap();
    });
    let server = server(|config| config.alerts.webhook = vec![url.parse().unwrap()]);
    let error = delivery_error(&server).await;
    assert!(error.contains("redirects are not followed"), "{error}");
    assert!(elsewhere.received().is_empty());
}

/// Sends a test alert, waits until its receiver is given up, and returns the reason.
async fn delivery_error(server: &TestServer) -> String {
    wait_until("there is a receiver", || {
        !server.node.telemetry().alerts().sink_statuses().is_empty()
    })
    .await;
    expect_status(server, ("POST", "/test"), Value::Null, 202).await;
    wait_until("the receiver is given up", || {
        server.node.counters().notifications_given_up == 1
    })
    .await;
    wait_until("the failure is listed", || {
        server.node.telemetry().alerts().sink_statuses()[0].failed == 1
    })
    .await;
    server.node.telemetry().alerts().sink_statuses()[0]
        .last_error
        .clone()
        .unwrap()
}

#[tokio::test]
async fn private_addresses_are_refused_also_behind_a_name() {
    let receiver = Receiver::start(&["200 OK"]).await;
    let url = format!("http://localhost:{}/", receiver.address.port());
    let server = server(|config| {
        config.alerts.private_addresses = false;
        config.alerts.chat = Some(url.parse().unwrap());
    });
    let error = delivery_error(&server).await;
    assert!(error.contains("not on the internet"), "{error}");
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn a_receiver_that_is_down_does_not_delay_others() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let down = format!("http://{}/", closed.local_addr().unwrap());
    drop(closed);
    let receiver = Receiver::start(&["200 OK"]).await;
    let server = server(|config| {
        config.alerts.queue_max = 1;
        config.alerts.webhook = vec![down.parse().unwrap(), receiver.url().parse().unwrap()];
    });
    wait_until("there are receivers", || {
        server.node.telemetry().alerts().sink_statuses().len() == 2
    })
    .await;
    for tests in 1..=3 {
        server.node.telemetry().alerts().request_test();
        wait_until("the other receiver is notified", || {
            receiver.received().len() == tests
        })
        .await;
    }
    wait_until("the oldest is dropped", || {
        server.node.counters().notifications_dropped_queue_max >= 2
    })
    .await;
    wait_until("the failures are listed", || {
        server.node.telemetry().alerts().sink_statuses()[0].failed >= 2
    })
    .await;
    let down = &server.node.telemetry().alerts().sink_statuses()[0];
    assert_eq!((down.queued, down.failed), (1, 2));
    assert!(
        down.last_error
            .as_ref()
            .unwrap()
            .contains("cannot be reached")
    );
}
