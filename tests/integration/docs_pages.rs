//! The documentation at `/docs`: pages, images, search index, and their response headers.

use crate::support::TestServer;

/// The entity tag and the body of a file.
async fn tag_and_body(server: &TestServer, path: &str) -> (String, Vec<u8>) {
    let response = server.get(path, "").await.expect(200);
    (response.expect_header("etag").to_owned(), response.body)
}

#[tokio::test]
async fn pages_images_and_the_search_index_are_served() {
    let server = TestServer::start(|_| {});
    for (path, content_type, text) in [
        (
            "/docs/",
            "text/html; charset=utf-8",
            "<title>swarmhub documentation</title>",
        ),
        ("/docs/tls", "text/html; charset=utf-8", "id=\"acme\""),
        ("/docs/api", "text/html; charset=utf-8", "GET /api/v1/stats"),
        (
            "/docs/decisions/",
            "text/html; charset=utf-8",
            "href=\"../decisions/001-one-crate\"",
        ),
        (
            "/docs/decisions/001-one-crate",
            "text/html; charset=utf-8",
            "href=\"../../assets/",
        ),
        ("/docs/search.json", "application/json", "\"path\":\"tls\""),
    ] {
        let response = server.get(path, "").await.expect(200);
        assert_eq!(
            response.expect_header("content-type"),
            content_type,
            "{path}"
        );
        assert!(response.text().contains(text), "{path}: {text}");
        assert!(!response.text().contains("{{assets}}"), "{path}");
    }
    let image = server.get("/docs/images/sharing.png", "").await.expect(200);
    assert_eq!(image.expect_header("content-type"), "image/png");
    for path in [
        "/docs/missing",
        "/docs/README.md",
        "/docs/../src/lib.rs",
        "/docs/page.html",
    ] {
        let missing = server.get(path, "").await.expect(404);
        assert!(
            missing.text().contains("the documentation at /docs/"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_missing_slash_redirects_relative_to_the_server() {
    let server = TestServer::start(|config| {
        config.base_path = Some("/hub".to_owned());
    });
    for path in ["/docs", "/hub/docs"] {
        let response = server.get(path, "").await.expect(307);
        assert_eq!(response.expect_header("location"), "docs/", "{path}");
    }
    server.get("/hub/docs/tls", "").await.expect(200);
}

#[tokio::test]
async fn the_pages_have_the_policy_of_own_files_only() {
    let server = TestServer::start(|_| {});
    let page = server.get("/docs/limits", "").await.expect(200);
    let policy = page.expect_header("content-security-policy");
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "trusted-types 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.expect_header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn a_browser_that_has_a_page_does_not_get_it_again() {
    let server = TestServer::start(|_| {});
    let (tag, body) = tag_and_body(&server, "/docs/limits").await;
    for header in [&*tag, "*", &format!("\"other\", {tag}")] {
        let field = format!("If-None-Match: {header}\r\n");
        let unchanged = server.get("/docs/limits", &field).await.expect(304);
        assert_eq!(unchanged.expect_header("etag"), tag);
        assert!(unchanged.body.is_empty());
    }
    let other = server
        .get("/docs/limits", "If-None-Match: \"other\"\r\n")
        .await;
    assert_eq!(other.expect(200).body, body);
    let (other_tag, _) = tag_and_body(&server, "/docs/tls").await;
    assert_ne!(tag, other_tag);
}

#[tokio::test]
async fn pages_are_compressed_for_clients_that_accept_it() {
    let server = TestServer::start(|_| {});
    let plain = server.get("/docs/limits", "").await.expect(200);
    assert_eq!(plain.header("content-encoding"), None);
    let compressed = server
        .get("/docs/limits", "Accept-Encoding: gzip\r\n")
        .await;
    let compressed = compressed.expect(200);
    assert_eq!(compressed.expect_header("content-encoding"), "gzip");
    assert_eq!(compressed.expect_header("vary"), "accept-encoding");
    assert!(compressed.body.len() < plain.body.len() / 2);
    let mut connection = crate::support::http::Connection::open(server.address).await;
    let head = "HEAD /docs/limits HTTP/1.1\r\nHost: localhost\r\n\r\n";
    connection.write(head).await;
    let response = connection.read_response(false).await.expect("a response");
    assert_eq!(response.status, 200);
    let length = plain.body.len().to_string();
    assert_eq!(response.expect_header("content-length"), length);
}

#[tokio::test]
async fn listeners_without_pages_serve_no_documentation() {
    let server = TestServer::start(|config| {
        config.listen = vec!["tracker+127.0.0.1:0".parse().expect("a listener")];
    });
    let response = server.get("/docs/", "").await.expect(404);
    assert!(
        response.text().contains("serves no pages"),
        "{}",
        response.text()
    );
}
