//! Tells a page over its new WebSocket why it is refused, and closes it. Such a connection never reaches the hub: it
//! serves no message and is no member of a swarm.

use super::Transport;
use super::socket::WebSocket;
use crate::protocol::{PageRefusal, write_page_refusal};
use crate::websocket;

/// Sends the reason and a close, and waits a short time until the client has closed too.
pub(crate) async fn refuse<T: Transport>(transport: T, refusal: PageRefusal) {
    let mut output = Vec::new();
    websocket::write_text(&mut output, |out| write_page_refusal(out, refusal));
    websocket::write_close(&mut output, Some((refusal.close_code(), refusal.text())));
    WebSocket::new(transport, Vec::new()).close(output).await;
}
