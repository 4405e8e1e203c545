use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const POLICY: RequestPolicy = RequestPolicy {
    allow_plain: true,
    allow_private: true,
    timeout: Duration::from_secs(10),
    reply_bytes_max: 1000,
};

/// Starts a server that sends `reply` after the head of a request. Returns its address and the received request.
async fn serve_once(reply: String) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let request = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut received = vec![0; 4096];
        let bytes = stream.read(&mut received).await.unwrap();
        stream.write_all(reply.as_bytes()).await.unwrap();
        // Waits until the client closes.
        let _ = stream.read(&mut [0; 100]).await;
        String::from_utf8_lossy(&received[..bytes]).into_owned()
    });
    (address, request)
}

async fn send_post(url: &str, rules: RequestPolicy) -> Result<Response<Bytes>, HttpClientError> {
    let request = Request::post(url)
        .body(Full::new(Bytes::from("body")))
        .unwrap();
    HttpClient::with_browser_roots(rules)
        .unwrap()
        .send(request)
        .await
}

#[tokio::test]
async fn requests_use_origin_form_and_follow_no_redirects() {
    let response =
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\nno";
    let (address, request) = serve_once(response.to_owned()).await;
    let reply = send_post(&format!("http://{address}/a?b=c"), POLICY)
        .await
        .unwrap();
    assert_eq!(reply.status(), 302);
    assert_eq!(reply.body(), &Bytes::from("no"));
    let request = request.await.unwrap().to_lowercase();
    assert!(request.starts_with("post /a?b=c http/1.1\r\n"), "{request}");
    assert!(
        request.contains(&format!("host: {address}\r\n")),
        "{request}"
    );
}

#[tokio::test]
async fn private_addresses_are_refused_before_connecting() {
    let (address, request) = serve_once(String::new()).await;
    let port = address.port();
    let public = RequestPolicy {
        allow_private: false,
        ..POLICY
    };
    for url in [
        format!("http://127.0.0.1:{port}/"),
        format!("http://localhost:{port}/"),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("https://127.0.0.1:{port}/"),
        // Notations that the system's resolver accepts.
        format!("http://2130706433:{port}/"),
        format!("http://0.0.0.0:{port}/"),
    ] {
        let error = send_post(&url, public).await.unwrap_err();
        assert!(
            matches!(error, HttpClientError::PrivateAddress(_)),
            "{url}: {error}"
        );
    }
    assert!(!request.is_finished(), "there was a connection");
    request.abort();
}

#[tokio::test]
async fn replies_are_limited_in_time_and_size() {
    let (address, _request) = serve_once(String::new()).await;
    let hasty = RequestPolicy {
        timeout: Duration::from_millis(50),
        ..POLICY
    };
    let error = send_post(&format!("http://{address}/"), hasty)
        .await
        .unwrap_err();
    assert!(matches!(error, HttpClientError::TimedOut(_)), "{error}");
    let response = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n{}",
        "x".repeat(1001)
    );
    let (address, _request) = serve_once(response).await;
    let error = send_post(&format!("http://{address}/"), POLICY)
        .await
        .unwrap_err();
    assert!(matches!(error, HttpClientError::TooLong(1000)), "{error}");
}

#[tokio::test]
async fn by_default_only_verified_tls_is_allowed() {
    let strict = RequestPolicy {
        allow_plain: false,
        ..POLICY
    };
    let error = send_post("http://127.0.0.1:1/", strict).await.unwrap_err();
    assert!(
        matches!(error, HttpClientError::InvalidUrl("https")),
        "{error}"
    );
    let (address, _request) = serve_once("no TLS".to_owned()).await;
    let error = send_post(&format!("https://{address}/"), strict)
        .await
        .unwrap_err();
    assert!(matches!(error, HttpClientError::Tls(_)), "{error}");
}
