//! An HTTP/1.1 client that sends exactly the bytes of a test and returns typed responses.
//!
//! [`get`] and [`send`] use one connection for each request. A [`Connection`] stays open, and sends malformed requests too.
//! Header lines are text, each with its line end, because many tests need repeated or malformed ones.

use std::fmt;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use super::in_time;

/// The header lines of a WebSocket handshake.
pub(crate) const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                                  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A response with its whole body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// The status line and the header lines, as received.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    /// Returns the value of a header, the first if there are several.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    /// Returns the value of a header that must be there.
    #[track_caller]
    pub(crate) fn expect_header(&self, name: &str) -> &str {
        self.header(name)
            .unwrap_or_else(|| panic!("no {name}: {self}"))
    }

    /// Returns the body as text.
    #[track_caller]
    pub(crate) fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("UTF-8")
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self}"))
    }

    /// Checks the status and returns the response.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{self}");
        self
    }

    /// Checks that the body contains a text and returns the response.
    #[track_caller]
    pub(crate) fn expect_text(self, text: &str) -> Self {
        assert!(self.text().contains(text), "{text}: {self}");
        self
    }

    /// Checks that the API served the request, and returns the body.
    #[track_caller]
    pub(crate) fn ok(self) -> Value {
        let response = self.expect(200);
        assert_eq!(response.expect_header("content-type"), "application/json");
        assert_eq!(response.expect_header("cache-control"), "no-store");
        response.json()
    }

    /// Checks that the API refused the request with this status, and returns the reason.
    #[track_caller]
    pub(crate) fn error(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self}");
        let body = self.json();
        body["error"].as_str().expect("an error text").to_owned()
    }

    /// Returns the `Retry-After` header in seconds.
    #[track_caller]
    pub(crate) fn retry_after(&self) -> u64 {
        self.expect_header("retry-after").parse().expect("seconds")
    }
}

impl fmt::Display for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body);
        write!(formatter, "{}\n{body:.2000}", self.head)
    }
}

/// Returns the value of a header in a head.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    fields.find_map(|(known, value)| known.eq_ignore_ascii_case(name).then_some(value.trim()))
}

/// Returns the header line with a token.
pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// Returns a request of a client on this machine. `target` is method and path. Adds `Host` and `Content-Length` unless they
/// are given or not needed.
pub(crate) fn request(target: &str, headers: &str, body: &str) -> String {
    let mut own = String::new();
    if header(headers, "host").is_none() {
        own += "Host: localhost\r\n";
    }
    let has_no_body = ["GET ", "HEAD ", "OPTIONS "];
    let needs_length = !has_no_body.iter().any(|method| target.starts_with(method));
    if (needs_length || !body.is_empty()) && header(headers, "content-length").is_none() {
        let length = body.len();
        own.push_str(&["Content-Length: ", &length.to_string(), "\r\n"].concat());
    }
    format!("{target} HTTP/1.1\r\n{own}{headers}\r\n{body}")
}

/// Sends a request on a new connection and returns the response. Asks the server to close, and waits for it, unless there
/// is a `Connection` header.
pub(crate) async fn send(address: SocketAddr, target: &str, headers: &str, body: &str) -> Response {
    let connection = Connection::open(address).await;
    connection.send_last(target, headers, body).await
}

/// Sends a GET request on a new connection and returns the response.
pub(crate) async fn get(address: SocketAddr, path: &str, headers: &str) -> Response {
    send(address, &format!("GET {path}"), headers, "").await
}

/// Sends the bytes of one request on a new connection, and reads to the end of it. Returns `None` if there is no response.
pub(crate) async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Option<Response> {
    Connection::open(address).await.exchange(bytes).await
}

/// An open connection to a server, and received bytes that no call has returned yet.
pub(crate) struct Connection<S = TcpStream> {
    pub(crate) stream: S,
    received: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).await.unwrap())
    }

    /// Connects from this address of the loopback network.
    pub(crate) async fn open_from(host: [u8; 4], address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((host, 0).into()).unwrap();
        Self::new(socket.connect(address).await.unwrap())
    }
}

#[cfg(unix)]
impl Connection<tokio::net::UnixStream> {
    /// Connects to a socket file.
    pub(crate) async fn open_file(path: &std::path::Path) -> Self {
        Self::new(tokio::net::UnixStream::connect(path).await.unwrap())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self {
            stream,
            received: Vec::new(),
        }
    }

    /// Sends bytes to a server that must read them.
    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_write(bytes).await.expect("the server reads");
    }

    /// Sends bytes; fails if the server has closed the connection.
    pub(crate) async fn try_write(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        in_time("the server reads", self.stream.write_all(bytes.as_ref())).await?;
        in_time("the server reads", self.stream.flush()).await
    }

    /// Ends the sending direction.
    pub(crate) async fn close_write(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Sends a request and keeps the connection open. Returns the response.
    pub(crate) async fn send(&mut self, target: &str, headers: &str, body: &str) -> Response {
        self.write(request(target, headers, body)).await;
        let has_body = !target.starts_with("HEAD ");
        self.read_response(has_body).await.expect("a response")
    }

    /// Sends a GET request and keeps the connection open. Returns the response.
    pub(crate) async fn get(&mut self, path: &str, headers: &str) -> Response {
        self.send(&format!("GET {path}"), headers, "").await
    }

    /// Sends the last request of this connection and returns the response.
    pub(crate) async fn send_last(mut self, target: &str, headers: &str, body: &str) -> Response {
        let is_last = header(headers, "connection").is_none();
        let close = if is_last { "Connection: close\r\n" } else { "" };
        // The server may refuse a request before it has read everything.
        let bytes = request(target, &format!("{close}{headers}"), body);
        let _ = self.try_write(bytes).await;
        let has_body = !target.starts_with("HEAD ");
        let response = self.read_response(has_body).await.expect("a response");
        if is_last {
            self.read_to_end().await;
        }
        response
    }

    /// Sends the bytes of one request and reads to the end of the connection. Returns `None` if there is no response.
    ///
    /// The server may close before it has read everything.
    pub(crate) async fn exchange(mut self, bytes: impl AsRef<[u8]>) -> Option<Response> {
        let _ = self.try_write(bytes).await;
        let response = self.read_response(true).await;
        while self.read_some().await {}
        response
    }

    /// Reads all further responses to the end of the connection.
    pub(crate) async fn read_responses(&mut self, have_bodies: bool) -> Vec<Response> {
        let mut responses = Vec::new();
        while let Some(response) = self.read_response(have_bodies).await {
            responses.push(response);
        }
        responses
    }

    /// Reads the next response; `None` at the end of the connection.
    pub(crate) async fn read_response(&mut self, has_body: bool) -> Option<Response> {
        let head = self.read_head().await?;
        let status = head.get(9..12).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status: {head}"));
        let body = match header(&head, "content-length") {
            _ if !has_body || [101, 204, 304].contains(&status) => Vec::new(),
            Some(length) => self.read_exact(length.parse().expect("a length")).await,
            None if header(&head, "transfer-encoding").is_some() => self.read_chunks().await,
            None => self.read_to_end().await,
        };
        Some(Response { status, head, body })
    }

    /// Reads up to the empty line after a head; `None` at the end of the connection.
    pub(crate) async fn read_head(&mut self) -> Option<String> {
        let head = self.read_until(b"\r\n\r\n").await?;
        Some(String::from_utf8(head).expect("a head in ASCII"))
    }

    /// Reads up to and including `end`; `None` at the end of the connection.
    pub(crate) async fn read_until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        let mut searched = 0;
        loop {
            let found = self.received[searched..]
                .windows(end.len())
                .position(|bytes| bytes == end);
            if let Some(place) = found {
                let rest = self.received.split_off(searched + place + end.len());
                return Some(std::mem::replace(&mut self.received, rest));
            }
            searched = self.received.len().saturating_sub(end.len());
            if !self.read_some().await {
                return None;
            }
        }
    }

    /// Reads everything up to the end of the connection. A reset is an end too.
    pub(crate) async fn read_to_end(&mut self) -> Vec<u8> {
        while self.read_some().await {}
        std::mem::take(&mut self.received)
    }

    async fn read_exact(&mut self, length: usize) -> Vec<u8> {
        while self.received.len() < length {
            assert!(self.read_some().await, "the body is cut off");
        }
        let rest = self.received.split_off(length);
        std::mem::replace(&mut self.received, rest)
    }

    async fn read_chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let size = self.read_until(b"\r\n").await.expect("a chunk");
            let size = str::from_utf8(&size).expect("a size").trim().to_owned();
            let size = usize::from_str_radix(&size, 16).expect("a size");
            let mut chunk = self.read_exact(size + 2).await;
            chunk.truncate(size);
            if size == 0 {
                return body;
            }
            body.extend(chunk);
        }
    }

    /// Reads what has arrived, and waits for it; returns whether it is not the end of the connection.
    async fn read_some(&mut self) -> bool {
        let reading = self.stream.read_buf(&mut self.received);
        let read = in_time("the server sends or closes", reading).await;
        read.is_ok_and(|bytes| bytes > 0)
    }
}
