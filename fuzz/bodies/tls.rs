//! Runs a TLS connection in memory: the tracker's stream at one end, rustls' client at the other. The bytes decide how
//! the link between them splits, limits, changes or cuts the data.
//!
//! Checks on both sides: data arrives complete and in order; a clean end (`close_notify`) differs from a cut; no bytes
//! remain buffered at the end; and every pending task is woken.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::rustls::{ClientConfig, ClientConnection};

/// Upper bound of the bytes that the stream buffers: an unfinished record, the decrypted data of one read, and the
/// encrypted data of one write, each in a vector with doubled capacity.
const BUFFERED_BYTES_MAX: usize = 512 * 1024;
/// Executed operations; more would only take longer.
const OPERATIONS_MAX: usize = 150;
/// Key updates of the client. The server treats 33 without data between them as an error.
const KEY_CHANGES_MAX: u32 = 30;
/// Wake-ups in a row that may happen without any transferred byte.
const IDLE_WAKES_MAX: u32 = 3;

/// Returns the byte at this position of the data of both sides.
fn pattern_byte(place: usize) -> u8 {
    (place ^ place >> 8).to_le_bytes()[0]
}

fn pattern(from: usize, bytes: usize) -> Vec<u8> {
    (from..from + bytes).map(pattern_byte).collect()
}

/// Executes the operations in the bytes. `clients` trust the server and use TLS 1.3 and 1.2; `accept` does the server's
/// handshake; `buffered_bytes` returns the bytes that a stream buffers.
pub(crate) fn check<S, F>(
    bytes: &[u8],
    clients: &[Arc<ClientConfig>; 2],
    accept: impl FnOnce(Wire) -> F,
    buffered_bytes: impl Fn(&S) -> usize,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = io::Result<S>>,
{
    let Some((&[how, portion], operations)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let config = Arc::clone(&clients[usize::from(how & 1)]);
    let link = Rc::new(RefCell::new(Link::default()));
    let mut scenario = Scenario {
        client: Client::new(config),
        server: Server::Accepting(Box::pin(accept(Wire(Rc::clone(&link))))),
        received: 0,
        sent: 0,
        offered: 0,
        is_ending: false,
        has_ended: false,
        woken: Arc::new(WakeFlag(AtomicBool::new(true))),
        portion: 50 + 40 * usize::from(portion),
        link,
        buffered_bytes,
    };
    // Most runs start with a completed handshake.
    if how & 6 != 0 {
        scenario.run_until_idle();
        scenario.link.borrow_mut().room = 0;
    }
    for operation in operations.chunks_exact(2).take(OPERATIONS_MAX) {
        scenario.operate(operation[0], operation[1]);
        scenario.check_buffered();
    }
    scenario.end();
}

/// Maps a byte to a size, from one byte to more than two records.
fn size(amount: u8) -> usize {
    match amount {
        0..128 => 1 + usize::from(amount),
        _ => (usize::from(amount) - 127) * 320,
    }
}

enum Server<S, F> {
    Accepting(Pin<Box<F>>),
    Open(S),
    /// The handshake failed.
    Refused,
}

struct Scenario<S, F, K> {
    client: Client,
    server: Server<S, F>,
    link: Rc<RefCell<Link>>,
    /// Bytes that the server has received, has sent, and has offered in a write that is still pending.
    received: usize,
    sent: usize,
    offered: usize,
    /// Whether the server has started to close the connection.
    is_ending: bool,
    /// Whether the server has read the client's clean end.
    has_ended: bool,
    woken: Arc<WakeFlag>,
    /// Bytes that the link transfers at once in `run_until_idle`.
    portion: usize,
    buffered_bytes: K,
}

impl<S, F, K> Scenario<S, F, K>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = io::Result<S>>,
    K: Fn(&S) -> usize,
{
    fn operate(&mut self, kind: u8, amount: u8) {
        match (kind % 16, amount) {
            (0 | 1, _) => self.client.send(size(amount)),
            (2..=4, _) => {
                self.link
                    .borrow_mut()
                    .deliver(&mut self.client, size(amount));
                self.accept();
            }
            (5 | 6, _) => self.receive_at_client(size(amount)),
            (7 | 8, _) => self.send(size(amount)),
            (9 | 10, _) => {
                self.receive(size(amount));
            }
            (11, _) => self.link.borrow_mut().add_room(4 * size(amount)),
            (12, _) => self.flush(),
            (13, _) => self.client.change_keys(amount),
            (14, 0..32) => self.client.end(),
            // With debug assertions, rustls asserts that data after the server's end is valid.
            (14, 32..64) if !self.client.is_tampered => self.shut_down(),
            (14, 64..96) => self.link.borrow_mut().cut(&mut self.client),
            (14, 96..) if !self.is_ending => self.client.tamper(amount),
            _ => self.run_if_woken(),
        }
    }

    /// Whether data was changed or lost, so that errors are allowed.
    fn may_fail(&self) -> bool {
        self.client.is_tampered || self.link.borrow().has_lost_bytes
    }

    fn accept(&mut self) {
        let Server::Accepting(accepting) = &mut self.server else {
            return;
        };
        let waker = Waker::from(Arc::clone(&self.woken));
        match accepting.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => {}
            Poll::Ready(Ok(stream)) => self.server = Server::Open(stream),
            Poll::Ready(Err(error)) => {
                assert!(self.may_fail(), "the handshake failed: {error}");
                self.server = Server::Refused;
            }
        }
    }

    /// Polls the stream, if the handshake is complete.
    fn poll_stream<T>(
        &mut self,
        poll: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<Option<T>> {
        let Server::Open(stream) = &mut self.server else {
            return Poll::Pending;
        };
        let waker = Waker::from(Arc::clone(&self.woken));
        match poll(Pin::new(stream), &mut Context::from_waker(&waker)) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(answer)) => Poll::Ready(Some(answer)),
            Poll::Ready(Err(error)) => {
                assert!(self.may_fail(), "{error}");
                if !self.client.is_tampered {
                    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
                }
                Poll::Ready(None)
            }
        }
    }

    /// Reads once; returns whether another read now may return more.
    fn receive(&mut self, bytes: usize) -> bool {
        let mut room = vec![0; bytes];
        let mut room = ReadBuf::new(&mut room);
        match self.poll_stream(|stream, cx| stream.poll_read(cx, &mut room)) {
            Poll::Pending => {
                assert!(room.filled().is_empty());
                false
            }
            Poll::Ready(None) => false,
            Poll::Ready(Some(())) if room.filled().is_empty() => {
                assert!(self.client.is_ended, "an end that the client did not send");
                assert_eq!(self.received, self.client.sent);
                self.has_ended = true;
                false
            }
            Poll::Ready(Some(())) => {
                assert!(!self.has_ended);
                assert!(room.filled() == pattern(self.received, room.filled().len()));
                self.received += room.filled().len();
                assert!(self.received <= self.client.sent);
                true
            }
        }
    }

    fn send(&mut self, more: usize) {
        if self.is_ending {
            return;
        }
        // Offers the pending bytes again, followed by more.
        let bytes = pattern(self.sent, self.offered + more);
        match self.poll_stream(|stream, cx| stream.poll_write(cx, &bytes)) {
            Poll::Pending if matches!(self.server, Server::Open(_)) => self.offered = bytes.len(),
            Poll::Pending | Poll::Ready(None) => {}
            Poll::Ready(Some(taken)) => {
                assert!(0 < taken && taken <= bytes.len());
                self.sent += taken;
                self.offered = 0;
            }
        }
    }

    fn flush(&mut self) {
        if self.poll_stream(AsyncWrite::poll_flush) == Poll::Ready(Some(())) {
            // All encrypted bytes have been sent.
            self.check_buffered();
        }
    }

    fn shut_down(&mut self) {
        if matches!(self.server, Server::Open(_)) {
            self.is_ending = true;
            let _ = self.poll_stream(AsyncWrite::poll_shutdown);
        }
    }

    fn receive_at_client(&mut self, bytes: usize) {
        let bytes_in = self.link.borrow_mut().take_from_server(bytes);
        if let Err(error) = self.client.receive(&bytes_in) {
            assert!(self.may_fail(), "the client: {error}");
        }
        assert!(self.client.received <= self.sent + self.offered);
    }

    /// Does what a connection does when it is woken: reads everything, and writes pending data.
    fn run_if_woken(&mut self) {
        if !self.woken.0.swap(false, Ordering::Relaxed) {
            return;
        }
        self.accept();
        while self.receive(self.portion) {}
        if self.offered > 0 {
            self.send(0);
        }
        if self.is_ending {
            self.shut_down();
        } else {
            self.flush();
        }
    }

    /// Transfers everything, portion by portion. The server runs only when it is woken.
    fn run_until_idle(&mut self) {
        let mut idle_wakes = 0;
        loop {
            let before = (self.received, self.sent, self.link.borrow().moved);
            {
                let mut link = self.link.borrow_mut();
                link.deliver(&mut self.client, self.portion);
                link.add_room(self.portion);
            }
            let is_woken = self.woken.0.load(Ordering::Relaxed);
            self.run_if_woken();
            self.check_buffered();
            self.receive_at_client(self.portion);
            let has_moved = before != (self.received, self.sent, self.link.borrow().moved);
            if !has_moved && !is_woken {
                return;
            }
            idle_wakes = if has_moved { 0 } else { idle_wakes + 1 };
            assert!(idle_wakes <= IDLE_WAKES_MAX, "woken without reason");
        }
    }

    fn end(&mut self) {
        self.run_until_idle();
        if !self.may_fail() {
            let Server::Open(stream) = &self.server else {
                panic!("the handshake did not complete");
            };
            assert_eq!((self.buffered_bytes)(stream), 0);
            assert_eq!(self.received, self.client.sent);
            // A server that closes with a pending write does not learn whether it was accepted.
            assert!(self.offered == 0 || self.is_ending);
            assert!(self.client.received >= self.sent);
            assert_eq!(self.has_ended, self.client.is_ended);
            assert_eq!(self.client.has_received_end, self.is_ending);
        }
        // The stream must report the end of the link, also after an error.
        self.link.borrow_mut().cut(&mut self.client);
        self.link.borrow_mut().has_lost_bytes = true;
        self.accept();
        assert!(!matches!(self.server, Server::Accepting(_)));
        while self.receive(self.portion) {}
        let received =
            self.poll_stream(|stream, cx| stream.poll_read(cx, &mut ReadBuf::new(&mut [0])));
        match (&self.server, received) {
            (Server::Open(_), Poll::Ready(Some(()))) => assert!(self.has_ended),
            (Server::Open(_), Poll::Ready(None)) => assert!(!self.has_ended),
            (Server::Open(_), Poll::Pending) => panic!("it waits for data that cannot arrive"),
            (_, received) => assert_eq!(received, Poll::Pending),
        }
        // Further calls must not panic, whatever they return.
        self.client.is_tampered = true;
        let next = [pattern_byte(self.sent)];
        let _ = self.poll_stream(|stream, cx| stream.poll_write(cx, &next));
        let _ = self.poll_stream(AsyncWrite::poll_shutdown);
    }

    fn check_buffered(&self) {
        if let Server::Open(stream) = &self.server {
            let buffered = (self.buffered_bytes)(stream);
            assert!(buffered <= BUFFERED_BYTES_MAX, "{buffered} bytes buffered");
        }
    }
}

struct Client {
    session: ClientConnection,
    /// Bytes in transit to the server.
    out: VecDeque<u8>,
    sent: usize,
    received: usize,
    key_changes: u32,
    is_ended: bool,
    is_tampered: bool,
    has_received_end: bool,
}

impl Client {
    fn new(config: Arc<ClientConfig>) -> Self {
        let name = "a.example".try_into().expect("a name");
        let mut session = ClientConnection::new(config, name).expect("a client");
        session.set_buffer_limit(None);
        let mut client = Self {
            session,
            out: VecDeque::new(),
            sent: 0,
            received: 0,
            key_changes: 0,
            is_ended: false,
            is_tampered: false,
            has_received_end: false,
        };
        client.flush_out();
        client
    }

    fn flush_out(&mut self) {
        while self.session.wants_write() {
            self.session.write_tls(&mut self.out).expect("room");
        }
    }

    fn send(&mut self, bytes: usize) {
        if !self.is_ended {
            let sent = pattern(self.sent, bytes);
            match self.session.writer().write(&sent) {
                Ok(taken) => self.sent += taken,
                // The client has received an alert.
                Err(error) => assert!(self.is_tampered, "{error}"),
            }
            self.flush_out();
        }
    }

    fn receive(&mut self, mut bytes_in: &[u8]) -> Result<(), io::Error> {
        while !bytes_in.is_empty() {
            if self.session.read_tls(&mut bytes_in)? == 0 {
                // The client has received the end and ignores further data.
                return Ok(());
            }
            let state = self.session.process_new_packets();
            let state = state.map_err(io::Error::other)?;
            self.has_received_end |= state.peer_has_closed();
            let mut received = vec![0; state.plaintext_bytes_to_read()];
            self.session.reader().read_exact(&mut received)?;
            assert!(received == pattern(self.received, received.len()));
            self.received += received.len();
        }
        self.flush_out();
        Ok(())
    }

    fn change_keys(&mut self, times: u8) {
        for _ in 0..=times % 4 {
            // Fails before the end of the handshake and with TLS 1.2; not done after the end.
            let may_change = self.key_changes < KEY_CHANGES_MAX && !self.is_ended;
            if may_change && self.session.refresh_traffic_keys().is_ok() {
                self.key_changes += 1;
            }
        }
        self.flush_out();
    }

    fn end(&mut self) {
        if !self.session.is_handshaking() {
            self.is_ended = true;
            self.session.send_close_notify();
            self.flush_out();
        }
    }

    /// Changes a bit of the bytes in transit, or inserts a byte.
    fn tamper(&mut self, how: u8) {
        let place = usize::from(how) * 7 % self.out.len().max(1);
        match self.out.get_mut(place) {
            Some(byte) if !how.is_multiple_of(4) => *byte ^= 1 << (how % 8),
            _ => self.out.insert(place, how),
        }
        self.is_tampered = true;
    }
}

/// The link between client and server.
#[derive(Default)]
struct Link {
    to_server: VecDeque<u8>,
    from_server: VecDeque<u8>,
    /// Bytes that the server may send now.
    room: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Whether nothing more arrives from the client.
    is_cut: bool,
    /// Whether bytes were lost by that.
    has_lost_bytes: bool,
    /// Bytes transferred in any direction.
    moved: usize,
}

impl Link {
    fn deliver(&mut self, client: &mut Client, bytes: usize) {
        let bytes = bytes.min(client.out.len());
        let brought = client.out.drain(..bytes);
        if self.is_cut {
            return;
        }
        self.to_server.extend(brought);
        self.moved += bytes;
        if bytes > 0 {
            self.reader.take().inspect(Waker::wake_by_ref);
        }
    }

    fn take_from_server(&mut self, bytes: usize) -> Vec<u8> {
        let bytes = bytes.min(self.from_server.len());
        self.moved += bytes;
        self.from_server.drain(..bytes).collect()
    }

    fn add_room(&mut self, bytes: usize) {
        self.room += bytes;
        self.writer.take().inspect(Waker::wake_by_ref);
    }

    /// Ends the link: arrived bytes remain, bytes in transit are lost.
    fn cut(&mut self, client: &mut Client) {
        let has_all_come = client.is_ended && client.out.is_empty();
        self.has_lost_bytes |= !(self.is_cut || has_all_come);
        self.is_cut = true;
        client.out.clear();
        self.reader.take().inspect(Waker::wake_by_ref);
    }
}

struct WakeFlag(AtomicBool);

impl Wake for WakeFlag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The server's end of the link.
pub(crate) struct Wire(Rc<RefCell<Link>>);

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut link = self.0.borrow_mut();
        if link.to_server.is_empty() && !link.is_cut {
            link.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let bytes = room.remaining().min(link.to_server.len());
        link.moved += bytes;
        let bytes_in: Vec<u8> = link.to_server.drain(..bytes).collect();
        room.put_slice(&bytes_in);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut link = self.0.borrow_mut();
        if link.room == 0 {
            link.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let taken = link.room.min(bytes.len());
        link.room -= taken;
        link.moved += taken;
        link.from_server.extend(&bytes[..taken]);
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
