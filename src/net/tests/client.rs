use http_body_util::Full;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const RULES: Rules = Rules {
    plain: true,
    private: true,
    timeout: Duration::from_secs(10),
    reply_bytes_max: 1000,
};

/// Starts a server that sends `reply` after the head of a request. Returns its address and the received request.
async fn somebody(reply: String) -> (SocketAddr, tokio::task::JoinHandle<String>) {
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

async fn ask(url: &str, rules: Rules) -> Result<Response<Bytes>, ClientError> {
    let request = Request::post(url)
        .body(Full::new(Bytes::from("body")))
        .unwrap();
    Client::of_browsers(rules).unwrap().send(request).await
}

#[tokio::test]
async fn a_request_names_the_path_and_the_host_apart_and_redirects_are_not_followed() {
    let response =
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\nno";
    let (address, request) = somebody(response.to_owned()).await;
    let reply = ask(&format!("http://{address}/a?b=c"), RULES)
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
async fn what_is_not_on_the_internet_is_refused_before_a_connection() {
    let (address, request) = somebody(String::new()).await;
    let port = address.port();
    let public = Rules {
        private: false,
        ..RULES
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
        let error = ask(&url, public).await.unwrap_err();
        assert!(matches!(error, ClientError::Private(_)), "{url}: {error}");
    }
    assert!(!request.is_finished(), "there was a connection");
    request.abort();
}

#[tokio::test]
async fn a_reply_has_its_time_and_its_size() {
    let (address, _request) = somebody(String::new()).await;
    let hasty = Rules {
        timeout: Duration::from_millis(50),
        ..RULES
    };
    let error = ask(&format!("http://{address}/"), hasty).await.unwrap_err();
    assert!(matches!(error, ClientError::TimedOut(_)), "{error}");
    let response = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n{}",
        "x".repeat(1001)
    );
    let (address, _request) = somebody(response).await;
    let error = ask(&format!("http://{address}/"), RULES).await.unwrap_err();
    assert!(matches!(error, ClientError::TooLong(1000)), "{error}");
}

#[tokio::test]
async fn without_leave_there_is_only_tls_and_only_with_whom_authorities_vouch_for() {
    let strict = Rules {
        plain: false,
        ..RULES
    };
    let error = ask("http://127.0.0.1:1/", strict).await.unwrap_err();
    assert!(matches!(error, ClientError::Address("https")), "{error}");
    let (address, _request) = somebody("no TLS".to_owned()).await;
    let error = ask(&format!("https://{address}/"), strict)
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Tls(_)), "{error}");
}
