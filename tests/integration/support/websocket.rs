//! A WebSocket client of the tracker.

use std::net::SocketAddr;

use futures::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::{announce, in_time};

/// An open WebSocket.
pub(crate) struct Client<S = TcpStream> {
    pub(crate) socket: WebSocketStream<S>,
}

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::connect_with(address, "/announce", &[]).await
    }

    /// Connects to a path with extra headers.
    pub(crate) async fn connect_with(
        address: SocketAddr,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Self {
        match Self::try_connect(address, path, headers).await {
            Ok(client) => client,
            Err((status, body)) => panic!("{path}: {status} {body}"),
        }
    }

    /// Connects to a path; returns status and body if the handshake is refused.
    pub(crate) async fn try_connect(
        address: SocketAddr,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, (u16, String)> {
        let url = format!("ws://{address}{path}");
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(address).await.unwrap();
        let connecting = tokio_tungstenite::client_async(request, stream);
        match in_time("the handshake", connecting).await {
            Ok((socket, _)) => Ok(Self { socket }),
            Err(Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                let text = String::from_utf8(body).unwrap();
                Err((response.status().as_u16(), text))
            }
            Err(other) => panic!("{path}: {other}"),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Performs the handshake on an existing connection.
    pub(crate) async fn handshake(stream: S) -> Self {
        let connecting = tokio_tungstenite::client_async("ws://localhost/announce", stream);
        let (socket, _) = in_time("the handshake", connecting)
            .await
            .expect("accepted");
        Self { socket }
    }

    /// Returns the stream below the WebSocket, to send invalid frames.
    pub(crate) fn into_stream(self) -> S {
        self.socket.into_inner()
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        let sending = self.socket.send(Message::text(message.to_string()));
        in_time("the server reads", sending).await.expect("open");
    }

    /// Returns the next message.
    pub(crate) async fn receive(&mut self) -> Value {
        loop {
            match self.next().await.expect("an open connection") {
                Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Waits for the close; returns its code and reason.
    pub(crate) async fn receive_close(&mut self) -> (u16, String) {
        loop {
            match self.next().await.expect("a close") {
                Message::Close(Some(close)) => {
                    return (close.code.into(), close.reason.to_string());
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Reads to the end of the connection; returns the code of the close if there is one.
    pub(crate) async fn read_to_end(&mut self) -> Option<u16> {
        let mut code = None;
        while let Some(message) = self.next().await {
            if let Message::Close(Some(close)) = message {
                code = Some(close.code.into());
            }
        }
        code
    }

    /// Joins a swarm and returns the reply.
    pub(crate) async fn join(&mut self, swarm: &str, peer: &str) -> Value {
        self.send(&announce(swarm, peer)).await;
        self.receive().await
    }

    /// Returns the next message, or `None` at the end of the connection; a reset is an end too.
    async fn next(&mut self) -> Option<Message> {
        let next = in_time("a message", self.socket.next()).await;
        next.and_then(Result::ok)
    }
}
