//! The installed sharing page: its manifest, and posts of the system's share sheet that no service worker took.

use serde_json::Value;

use crate::support::TestServer;
use crate::support::http::{Connection, request};

/// More than the socket buffers of a connection on this machine.
const BUFFERED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Returns all texts of a JSON value.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        Value::Object(fields) => fields.values().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn the_manifest_works_under_any_path_and_has_only_its_own_token() {
    let server = TestServer::start(|config| config.base_path = Some("/a/hub".to_owned()));
    for base in ["", "/a/hub"] {
        let page = server.get(&format!("{base}/"), "").await.expect(200);
        let policy = page.expect_header("content-security-policy");
        assert!(policy.contains("manifest-src 'self';"), "{policy}");

        let path = format!("{base}/manifest.webmanifest");
        let response = server.get(&path, "").await.expect(200);
        let content_type = response.expect_header("content-type");
        assert_eq!(content_type, "application/manifest+json");
        assert_eq!(response.expect_header("cache-control"), "no-cache");
        assert!(response.header("access-control-allow-origin").is_none());
        let manifest = response.json();
        assert_eq!(manifest["start_url"], "./");
        assert_eq!(manifest["id"], "", "the start page, as for any manifest");
        assert_eq!(manifest["lang"], "en");
        assert_eq!(manifest["share_target"]["action"], "share-target");
        for text in texts(&manifest) {
            let is_relative = !text.starts_with('/') && !text.contains("://");
            assert!(is_relative && !text.contains("{{"), "{text}");
        }
        for icon in manifest["icons"].as_array().unwrap() {
            let file = icon["src"].as_str().unwrap();
            let found = server.get(&format!("{base}/{file}"), "").await.expect(200);
            assert_eq!(icon["type"], found.expect_header("content-type"), "{file}");
        }

        let own = server.get(&format!("{path}?token=a%26b"), "").await.json();
        assert_eq!(own["start_url"], "./?token=a%26b");
        assert_eq!(own["share_target"]["action"], "share-target?token=a%26b");
        // The identity is the path of the page, as the browser sees it, without the token.
        for query in ["?page=/b/a/hub/", "?page=/b/a/hub/&token=abc"] {
            let named = server.get(&format!("{path}{query}"), "").await.json();
            assert_eq!(named["id"], "/b/a/hub/");
        }
        let other = server.get(&path, "").await.json();
        assert_eq!(other, manifest);
        let quote = server.get(&format!("{path}?token=\"x"), "").await;
        assert!(quote.status == 400 || quote.json() == manifest, "{quote}");
    }
}

#[tokio::test]
async fn a_post_that_no_service_worker_took_is_redirected_unread() {
    let server = TestServer::start(|_| {});
    for (path, location) in [
        ("/share-target", "./?received=none"),
        ("/share-target?token=abc", "./?token=abc&received=none"),
    ] {
        // The body never comes.
        let mut connection = Connection::open(server.address).await;
        let headers =
            "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 5000000000\r\n";
        let target = format!("POST {path}");
        connection.write(request(&target, headers, "")).await;
        let head = connection.read_head().await.expect("a response");
        assert!(head.starts_with("HTTP/1.1 303 "), "{head}");
        assert!(
            head.contains(&format!("location: {location}\r\n")),
            "{head}"
        );
        assert!(head.contains("connection: close\r\n"), "{head}");

        // A body that comes is not read either: the connection ends, and no more goes out than the system buffers.
        let mut connection = Connection::open(server.address).await;
        connection.write(request(&target, headers, "")).await;
        let chunk = vec![0_u8; 65_536];
        let mut sent = 0;
        while connection.try_write(&chunk).await.is_ok() {
            sent += chunk.len();
            assert!(sent < BUFFERED_BYTES_MAX, "the server reads the body");
        }

        let again = server.get(path, "").await.expect(303);
        assert_eq!(again.expect_header("location"), location);
    }
    server.send("PUT /share-target", "", "").await.expect(405);
}
