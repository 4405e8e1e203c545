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

/// Somebody who says this to whoever has sent the head of a request, and gives what was sent.
async fn somebody(says: String) -> (SocketAddr, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let heard = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = vec![0; 4096];
        let bytes = stream.read(&mut heard).await.unwrap();
        stream.write_all(says.as_bytes()).await.unwrap();
        // Until the other side has had enough.
        let _ = stream.read(&mut [0; 100]).await;
        String::from_utf8_lossy(&heard[..bytes]).into_owned()
    });
    (address, heard)
}

async fn ask(url: &str, rules: Rules) -> Result<Response<Bytes>, ClientError> {
    let request = Request::post(url)
        .body(Full::new(Bytes::from("body")))
        .unwrap();
    Client::of_browsers(rules).unwrap().send(request).await
}

#[tokio::test]
async fn a_request_names_the_path_and_the_host_apart_and_redirects_are_not_followed() {
    let says = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\nno";
    let (address, heard) = somebody(says.to_owned()).await;
    let reply = ask(&format!("http://{address}/a?b=c"), RULES)
        .await
        .unwrap();
    assert_eq!(reply.status(), 302);
    assert_eq!(reply.body(), &Bytes::from("no"));
    let heard = heard.await.unwrap().to_lowercase();
    assert!(heard.starts_with("post /a?b=c http/1.1\r\n"), "{heard}");
    assert!(heard.contains(&format!("host: {address}\r\n")), "{heard}");
}

#[tokio::test]
async fn what_is_not_on_the_internet_is_refused_before_a_connection() {
    let (address, heard) = somebody(String::new()).await;
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
        // As system calls read it.
        format!("http://2130706433:{port}/"),
        format!("http://0.0.0.0:{port}/"),
    ] {
        let error = ask(&url, public).await.unwrap_err();
        assert!(matches!(error, ClientError::Private(_)), "{url}: {error}");
    }
    assert!(!heard.is_finished(), "nobody has come");
    heard.abort();
}

#[tokio::test]
async fn a_reply_has_its_time_and_its_size() {
    let (address, _heard) = somebody(String::new()).await;
    let hasty = Rules {
        timeout: Duration::from_millis(50),
        ..RULES
    };
    let error = ask(&format!("http://{address}/"), hasty).await.unwrap_err();
    assert!(matches!(error, ClientError::TimedOut(_)), "{error}");
    let says = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n{}",
        "x".repeat(1001)
    );
    let (address, _heard) = somebody(says).await;
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
    let (address, _heard) = somebody("no TLS".to_owned()).await;
    let error = ask(&format!("https://{address}/"), strict)
        .await
        .unwrap_err();
    assert!(matches!(error, ClientError::Tls(_)), "{error}");
}
