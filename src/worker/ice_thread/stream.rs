//! Serves one TURN connection over TCP or TLS: finds the packets in its bytes, and sends what is queued for it.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::oneshot;
use tokio::task::yield_now;

use super::IceServer;
use super::stream_table::StreamOutput;
use crate::ice::{
    ClientTransport, FiveTuple, STREAM_PACKET_BYTES_MAX, STUN_RESPONSE_BYTES_MAX, StreamPacket,
};
use crate::net::{AttachedStream, DetachedStream};

/// Bytes that one read takes: some packets, so that connections take turns.
const READ_BYTES: usize = 16 * 1024;

/// A TURN connection that a worker has accepted.
pub(crate) struct TurnConnection {
    pub(crate) stream: DetachedStream,
    /// The client, perhaps from a PROXY header.
    pub(crate) client: IpAddr,
    /// Dropped when the connection has ended: the worker counts it until then.
    pub(crate) open: oneshot::Sender<()>,
}

/// The memory that all connections of the thread read into.
pub(super) struct StreamBuffers {
    input: Vec<u8>,
    response: Vec<u8>,
}

impl Default for StreamBuffers {
    fn default() -> Self {
        Self {
            input: vec![0; STREAM_PACKET_BYTES_MAX + READ_BYTES],
            response: Vec::with_capacity(STUN_RESPONSE_BYTES_MAX),
        }
    }
}

/// A connection of this thread.
struct ServedStream {
    stream: AttachedStream,
    /// The beginning of a packet that has not arrived completely.
    partial: Vec<u8>,
    output: Rc<StreamOutput>,
}

/// What follows a step of a connection.
enum Step {
    Continue,
    End,
}

impl IceServer {
    /// Serves a connection until it ends.
    pub(super) async fn serve_stream(self: Rc<Self>, number: u64, connection: TurnConnection) {
        let _open = connection.open;
        // A connection that has ended already needs nothing.
        let Ok((peer, server)) = connection.stream.addresses() else {
            return;
        };
        let client = FiveTuple {
            transport: ClientTransport::Stream(number),
            client: SocketAddr::new(connection.client, peer.port()),
            server,
        };
        let counters = self.node.telemetry().ice_counters();
        let Ok(output) = self.add_stream(number, client) else {
            return counters.refused_turn_connections_max.add(1);
        };
        if let Ok(stream) = connection.stream.attach() {
            counters.turn_connections_opened.add(1);
            let connection = ServedStream {
                stream,
                partial: Vec::new(),
                output: Rc::clone(&output),
            };
            self.run_stream(connection).await;
        }
        if let Some(end) = output.end() {
            end.counter(counters).add(1);
        }
        self.remove_stream(&output);
    }

    async fn run_stream(&self, mut connection: ServedStream) {
        while let Ok(Step::Continue) = poll_fn(|cx| connection.poll_step(cx, self)).await {
            // Connections and sockets take turns.
            yield_now().await;
        }
    }
}

impl ServedStream {
    /// Sends what is queued, and waits for bytes.
    fn poll_step(&mut self, cx: &mut Context<'_>, server: &IceServer) -> Poll<io::Result<Step>> {
        self.output.register(cx);
        if self.output.end().is_some() {
            return Poll::Ready(Ok(Step::End));
        }
        self.send_queue(cx, server)?;
        self.poll_receive(cx, server)
    }

    fn send_queue(&mut self, cx: &mut Context<'_>, server: &IceServer) -> io::Result<()> {
        let stream = &mut self.stream;
        let now = server.node.clock().uptime();
        self.output.send_with(now, |bytes| {
            match Pin::new(&mut *stream).poll_write(cx, bytes) {
                Poll::Ready(Ok(0)) => Some(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(sent) => Some(sent),
                Poll::Pending => None,
            }
        })
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>, server: &IceServer) -> Poll<io::Result<Step>> {
        let StreamBuffers { input, response } = &mut *server.buffers.borrow_mut();
        // It is shorter than a packet.
        let begun = self.partial.len().min(STREAM_PACKET_BYTES_MAX);
        let (head, rest) = input.split_at_mut(begun);
        head.copy_from_slice(self.partial.get(..begun).unwrap_or_default());
        let mut read = ReadBuf::new(rest);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read))?;
        let received = read.filled().len();
        if received == 0 {
            return Poll::Ready(Ok(Step::End));
        }
        let bytes = input.get_mut(..begun + received).unwrap_or_default();
        Poll::Ready(Ok(self.handle_packets(bytes, server, response)))
    }

    /// Handles the complete packets, and stores the beginning of the next one.
    fn handle_packets(
        &mut self,
        mut bytes: &mut [u8],
        server: &IceServer,
        response: &mut Vec<u8>,
    ) -> Step {
        loop {
            match StreamPacket::find(bytes) {
                StreamPacket::Complete {
                    bytes: length,
                    padded,
                } => {
                    let (packet, rest) = bytes.split_at_mut(padded.min(bytes.len()));
                    let packet = packet.get_mut(..length).unwrap_or_default();
                    if !server.handle_stream_packet(&self.output.client, packet, response) {
                        return Step::End;
                    }
                    bytes = rest;
                }
                StreamPacket::Incomplete => {
                    self.partial.clear();
                    self.partial.extend_from_slice(bytes);
                    if bytes.is_empty() {
                        self.partial = Vec::new();
                    }
                    return Step::Continue;
                }
                StreamPacket::Invalid => {
                    let counters = server.node.telemetry().ice_counters();
                    counters.turn_connections_malformed.add(1);
                    return Step::End;
                }
            }
        }
    }
}
