//! The examples of messages in `docs/protocol.md`, sent to a server as they stand.

use std::collections::BTreeMap;

use serde_json::Value;

use super::CodeBlock;
use crate::support::{Client, TestServer};

/// Text of an example that stands for any text.
const ANY: &str = "…";

/// Sends the messages `NAME → {…}` and expects the messages `NAME ← {…}`, in order.
pub(super) async fn check_websocket(block: &CodeBlock) {
    let server = TestServer::start(|_| {});
    let mut clients = BTreeMap::new();
    // Lines that begin with a blank continue the message before.
    let joined = block.code.replace("\n ", " ");
    for line in joined.lines() {
        let mut words = line.splitn(3, ' ');
        let (name, direction) = (words.next().unwrap(), words.next().unwrap());
        let message: Value = serde_json::from_str(words.next().unwrap()).unwrap();
        if !clients.contains_key(name) {
            clients.insert(name, Client::connect(server.address).await);
        }
        let client = clients.get_mut(name).unwrap();
        if direction == "→" {
            client.send(&message).await;
        } else {
            let received = client.receive().await;
            assert!(
                is_like(&received, &message),
                "{}: {line}\n{received}",
                block.place
            );
        }
    }
    assert_eq!(clients.len(), 2, "{}", block.place);
}

/// Returns whether a message has exactly the fields of the example.
fn is_like(received: &Value, example: &Value) -> bool {
    match (received, example) {
        (Value::String(_), Value::String(text)) if text == ANY => true,
        (Value::Object(received), Value::Object(example)) => {
            received.keys().eq(example.keys())
                && received
                    .iter()
                    .all(|(key, value)| is_like(value, &example[key]))
        }
        _ => received == example,
    }
}

/// Connects as a page that may not use the tracker, and expects the message and the close of the example.
pub(super) async fn check_refusal(block: &CodeBlock) {
    let server = TestServer::start(|config| {
        config.origin = vec!["https://site.example".to_owned()];
    });
    let mut lines = block.code.lines();
    let mut client =
        Client::connect_with(server.address, "/", &[("Origin", "https://other.example")]).await;
    let message = lines.next().unwrap().strip_prefix("← ").unwrap();
    let received = client.receive().await;
    assert!(
        is_like(&received, &serde_json::from_str(message).unwrap()),
        "{received}"
    );
    let (code, reason) = client.receive_close().await;
    assert_eq!(lines.next().unwrap(), format!("← close {code} {reason}"));
    assert_eq!(received["action"], reason);
}

/// Sends the requests `→ GET …` and expects the bodies `← …`.
pub(super) async fn check_http(block: &CodeBlock) {
    let server = TestServer::start(|_| {});
    let lines: Vec<_> = block.code.lines().collect();
    for pair in lines.chunks(2) {
        let target = pair[0].strip_prefix("→ GET ").unwrap();
        let expected = pair[1].strip_prefix("← ").unwrap();
        let body = server.get(target, "").await.expect(200).body;
        assert_eq!(printable(&body), expected, "{}", block.place);
    }
}

/// Returns bytes as text: printable ASCII as it is, others as `\xNN`.
fn printable(bytes: &[u8]) -> String {
    let written = bytes.iter().map(|byte| match byte {
        b' '..=b'~' => char::from(*byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    });
    written.collect()
}
