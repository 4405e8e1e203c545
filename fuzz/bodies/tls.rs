//! Plays a connection within TLS in memory: the tracker's stream at one end, rustls' own client at the other, and between
//! them a line that is cut, narrow, tampered with or torn off as the bytes say.
//!
//! What was said must come out, in order and whole, on both sides; an end that was said is told from one that was not;
//! nothing is kept in the end; and who waits is woken.

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

/// Most that the stream may keep, whatever comes: an unfinished record, what it decrypted of one reading, and what it
/// encrypted of one writing, each in a vector that has doubled.
const KEPT_BYTES_MAX: usize = 512 * 1024;
/// Operations that are played; more would only take long.
const OPERATIONS_MAX: usize = 150;
/// Changes of keys by the client. Of 33 without text between them the server makes an error.
const KEY_CHANGES_MAX: u32 = 30;
/// So often may somebody be woken without anything having moved.
const IDLE_WAKES_MAX: u32 = 3;

/// The byte of either side's text at this place.
fn letter(place: usize) -> u8 {
    (place ^ place >> 8).to_le_bytes()[0]
}

fn text(from: usize, bytes: usize) -> Vec<u8> {
    (from..from + bytes).map(letter).collect()
}

/// Plays what the bytes say. `clients` trust the server and speak TLS 1.3 and 1.2; `accept` does the server's
/// handshake; `kept_bytes` tells what a stream keeps.
pub(crate) fn check<S, F>(
    bytes: &[u8],
    clients: &[Arc<ClientConfig>; 2],
    accept: impl FnOnce(Wire) -> F,
    kept_bytes: impl Fn(&S) -> usize,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = io::Result<S>>,
{
    let Some((&[how, portion], operations)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let config = Arc::clone(&clients[usize::from(how & 1)]);
    let line = Rc::new(RefCell::new(Line::default()));
    let mut play = Play {
        client: Client::new(config),
        server: Server::Accepting(Box::pin(accept(Wire(Rc::clone(&line))))),
        heard: 0,
        said: 0,
        offered: 0,
        is_ending: false,
        has_ended: false,
        woken: Arc::new(Woken(AtomicBool::new(true))),
        portion: 50 + 40 * usize::from(portion),
        line,
        kept_bytes,
    };
    // Most begin with the handshake done.
    if how & 6 != 0 {
        play.settle();
        play.line.borrow_mut().room = 0;
    }
    for operation in operations.chunks_exact(2).take(OPERATIONS_MAX) {
        play.operate(operation[0], operation[1]);
        play.check_kept();
    }
    play.end();
}

/// A size of few bytes up to more than two records.
fn size(amount: u8) -> usize {
    match amount {
        0..128 => 1 + usize::from(amount),
        _ => (usize::from(amount) - 127) * 320,
    }
}

enum Server<S, F> {
    Accepting(Pin<Box<F>>),
    Up(S),
    /// The handshake failed.
    Refused,
}

struct Play<S, F, K> {
    client: Client,
    server: Server<S, F>,
    line: Rc<RefCell<Line>>,
    /// Bytes that the server has heard, has said, and has said beyond these without being told that they were taken.
    heard: usize,
    said: usize,
    offered: usize,
    /// The server has begun to end the connection.
    is_ending: bool,
    /// The server has been told that the client ended.
    has_ended: bool,
    woken: Arc<Woken>,
    /// What comes through at once while the play settles.
    portion: usize,
    kept_bytes: K,
}

impl<S, F, K> Play<S, F, K>
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future<Output = io::Result<S>>,
    K: Fn(&S) -> usize,
{
    fn operate(&mut self, kind: u8, amount: u8) {
        match (kind % 16, amount) {
            (0 | 1, _) => self.client.say(size(amount)),
            (2..=4, _) => {
                self.line.borrow_mut().bring(&mut self.client, size(amount));
                self.accept();
            }
            (5 | 6, _) => self.hear_at_client(size(amount)),
            (7 | 8, _) => self.say(size(amount)),
            (9 | 10, _) => {
                self.hear(size(amount));
            }
            (11, _) => self.line.borrow_mut().widen(4 * size(amount)),
            (12, _) => self.flush(),
            (13, _) => self.client.change_keys(amount),
            (14, 0..32) => self.client.end(),
            // Of what comes after the server's end rustls asserts, in builds that have assertions, that it is in order.
            (14, 32..64) if !self.client.is_tampered => self.shut_down(),
            (14, 64..96) => self.line.borrow_mut().tear(&mut self.client),
            (14, 96..) if !self.is_ending => self.client.tamper(amount),
            _ => self.turn(),
        }
    }

    /// Whether something was done to what the client sent, after which the server may refuse it.
    fn is_spoilt(&self) -> bool {
        self.client.is_tampered || self.line.borrow().is_torn
    }

    fn accept(&mut self) {
        let Server::Accepting(accepting) = &mut self.server else {
            return;
        };
        let waker = Waker::from(Arc::clone(&self.woken));
        match accepting.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => {}
            Poll::Ready(Ok(stream)) => self.server = Server::Up(stream),
            Poll::Ready(Err(error)) => {
                assert!(self.is_spoilt(), "the handshake failed: {error}");
                self.server = Server::Refused;
            }
        }
    }

    /// Asks the stream for something, if there is one.
    fn ask<T>(
        &mut self,
        question: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<Option<T>> {
        let Server::Up(stream) = &mut self.server else {
            return Poll::Pending;
        };
        let waker = Waker::from(Arc::clone(&self.woken));
        match question(Pin::new(stream), &mut Context::from_waker(&waker)) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(answer)) => Poll::Ready(Some(answer)),
            Poll::Ready(Err(error)) => {
                assert!(self.is_spoilt(), "{error}");
                if !self.client.is_tampered {
                    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
                }
                Poll::Ready(None)
            }
        }
    }

    /// Reads once; tells whether more may come of reading again now.
    fn hear(&mut self, bytes: usize) -> bool {
        let mut room = vec![0; bytes];
        let mut room = ReadBuf::new(&mut room);
        match self.ask(|stream, cx| stream.poll_read(cx, &mut room)) {
            Poll::Pending => {
                assert!(room.filled().is_empty());
                false
            }
            Poll::Ready(None) => false,
            Poll::Ready(Some(())) if room.filled().is_empty() => {
                assert!(self.client.is_ended, "an end that nobody said");
                assert_eq!(self.heard, self.client.said);
                self.has_ended = true;
                false
            }
            Poll::Ready(Some(())) => {
                assert!(!self.has_ended);
                assert!(room.filled() == text(self.heard, room.filled().len()));
                self.heard += room.filled().len();
                assert!(self.heard <= self.client.said);
                true
            }
        }
    }

    fn say(&mut self, more: usize) {
        if self.is_ending {
            return;
        }
        // What was not taken is said again, with more behind it.
        let bytes = text(self.said, self.offered + more);
        match self.ask(|stream, cx| stream.poll_write(cx, &bytes)) {
            Poll::Pending if matches!(self.server, Server::Up(_)) => self.offered = bytes.len(),
            Poll::Pending | Poll::Ready(None) => {}
            Poll::Ready(Some(taken)) => {
                assert!(0 < taken && taken <= bytes.len());
                self.said += taken;
                self.offered = 0;
            }
        }
    }

    fn flush(&mut self) {
        if self.ask(AsyncWrite::poll_flush) == Poll::Ready(Some(())) {
            // Whatever is encrypted has left.
            self.check_kept();
        }
    }

    fn shut_down(&mut self) {
        if matches!(self.server, Server::Up(_)) {
            self.is_ending = true;
            let _ = self.ask(AsyncWrite::poll_shutdown);
        }
    }

    fn hear_at_client(&mut self, bytes: usize) {
        let came = self.line.borrow_mut().take_back(bytes);
        if let Err(error) = self.client.hear(&came) {
            assert!(self.is_spoilt(), "the client: {error}");
        }
        assert!(self.client.heard <= self.said + self.offered);
    }

    /// What a connection does when it is woken: it reads all, and writes what waits.
    fn turn(&mut self) {
        if !self.woken.0.swap(false, Ordering::Relaxed) {
            return;
        }
        self.accept();
        while self.hear(self.portion) {}
        if self.offered > 0 {
            self.say(0);
        }
        if self.is_ending {
            self.shut_down();
        } else {
            self.flush();
        }
    }

    /// Lets everything come through, portion by portion; the server does something only when it is woken.
    fn settle(&mut self) {
        let mut idle_wakes = 0;
        loop {
            let before = (self.heard, self.said, self.line.borrow().moved);
            {
                let mut line = self.line.borrow_mut();
                line.bring(&mut self.client, self.portion);
                line.widen(self.portion);
            }
            let is_woken = self.woken.0.load(Ordering::Relaxed);
            self.turn();
            self.check_kept();
            self.hear_at_client(self.portion);
            let has_moved = before != (self.heard, self.said, self.line.borrow().moved);
            if !has_moved && !is_woken {
                return;
            }
            idle_wakes = if has_moved { 0 } else { idle_wakes + 1 };
            assert!(idle_wakes <= IDLE_WAKES_MAX, "woken for nothing");
        }
    }

    fn end(&mut self) {
        self.settle();
        if !self.is_spoilt() {
            let Server::Up(stream) = &self.server else {
                panic!("a handshake without end");
            };
            assert_eq!((self.kept_bytes)(stream), 0);
            assert_eq!(self.heard, self.client.said);
            // Who ends while something waits does not learn whether it was taken.
            assert!(self.offered == 0 || self.is_ending);
            assert!(self.client.heard >= self.said);
            assert_eq!(self.has_ended, self.client.is_ended);
            assert_eq!(self.client.has_heard_end, self.is_ending);
        }
        // The end of the line is heard, even by who has heard too much already.
        self.line.borrow_mut().tear(&mut self.client);
        self.line.borrow_mut().is_torn = true;
        self.accept();
        assert!(!matches!(self.server, Server::Accepting(_)));
        while self.hear(self.portion) {}
        let heard = self.ask(|stream, cx| stream.poll_read(cx, &mut ReadBuf::new(&mut [0])));
        match (&self.server, heard) {
            (Server::Up(_), Poll::Ready(Some(()))) => assert!(self.has_ended),
            (Server::Up(_), Poll::Ready(None)) => assert!(!self.has_ended),
            (Server::Up(_), Poll::Pending) => panic!("it waits for what cannot come"),
            (_, heard) => assert_eq!(heard, Poll::Pending),
        }
        // Nor does it harm to go on after that, whatever the answer.
        self.client.is_tampered = true;
        let next = [letter(self.said)];
        let _ = self.ask(|stream, cx| stream.poll_write(cx, &next));
        let _ = self.ask(AsyncWrite::poll_shutdown);
    }

    fn check_kept(&self) {
        if let Server::Up(stream) = &self.server {
            let kept = (self.kept_bytes)(stream);
            assert!(kept <= KEPT_BYTES_MAX, "{kept} bytes kept");
        }
    }
}

struct Client {
    session: ClientConnection,
    /// On the way to the server.
    out: VecDeque<u8>,
    said: usize,
    heard: usize,
    key_changes: u32,
    is_ended: bool,
    is_tampered: bool,
    has_heard_end: bool,
}

impl Client {
    fn new(config: Arc<ClientConfig>) -> Self {
        let name = "a.example".try_into().expect("a name");
        let mut session = ClientConnection::new(config, name).expect("a client");
        session.set_buffer_limit(None);
        let mut client = Self {
            session,
            out: VecDeque::new(),
            said: 0,
            heard: 0,
            key_changes: 0,
            is_ended: false,
            is_tampered: false,
            has_heard_end: false,
        };
        client.send();
        client
    }

    fn send(&mut self) {
        while self.session.wants_write() {
            self.session.write_tls(&mut self.out).expect("room");
        }
    }

    fn say(&mut self, bytes: usize) {
        if !self.is_ended {
            let said = text(self.said, bytes);
            match self.session.writer().write(&said) {
                Ok(taken) => self.said += taken,
                // It has heard that it was not understood.
                Err(error) => assert!(self.is_tampered, "{error}"),
            }
            self.send();
        }
    }

    fn hear(&mut self, mut came: &[u8]) -> Result<(), io::Error> {
        while !came.is_empty() {
            if self.session.read_tls(&mut came)? == 0 {
                // It has heard the end, after which nothing counts.
                return Ok(());
            }
            let state = self.session.process_new_packets();
            let state = state.map_err(io::Error::other)?;
            self.has_heard_end |= state.peer_has_closed();
            let mut heard = vec![0; state.plaintext_bytes_to_read()];
            self.session.reader().read_exact(&mut heard)?;
            assert!(heard == text(self.heard, heard.len()));
            self.heard += heard.len();
        }
        self.send();
        Ok(())
    }

    fn change_keys(&mut self, times: u8) {
        for _ in 0..=times % 4 {
            // Not before the handshake is done, nor with TLS 1.2, nor after the end.
            let may_change = self.key_changes < KEY_CHANGES_MAX && !self.is_ended;
            if may_change && self.session.refresh_traffic_keys().is_ok() {
                self.key_changes += 1;
            }
        }
        self.send();
    }

    fn end(&mut self) {
        if !self.session.is_handshaking() {
            self.is_ended = true;
            self.session.send_close_notify();
            self.send();
        }
    }

    /// Changes a bit of what has not come yet, or puts a byte in.
    fn tamper(&mut self, how: u8) {
        let place = usize::from(how) * 7 % self.out.len().max(1);
        match self.out.get_mut(place) {
            Some(byte) if !how.is_multiple_of(4) => *byte ^= 1 << (how % 8),
            _ => self.out.insert(place, how),
        }
        self.is_tampered = true;
    }
}

/// What is between the two.
#[derive(Default)]
struct Line {
    to_server: VecDeque<u8>,
    from_server: VecDeque<u8>,
    /// How many bytes the server may send.
    room: usize,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// Nothing more comes from the client.
    is_over: bool,
    /// And something was lost by that.
    is_torn: bool,
    /// Bytes that have gone any way.
    moved: usize,
}

impl Line {
    fn bring(&mut self, client: &mut Client, bytes: usize) {
        let bytes = bytes.min(client.out.len());
        let brought = client.out.drain(..bytes);
        if self.is_over {
            return;
        }
        self.to_server.extend(brought);
        self.moved += bytes;
        if bytes > 0 {
            self.reader.take().inspect(Waker::wake_by_ref);
        }
    }

    fn take_back(&mut self, bytes: usize) -> Vec<u8> {
        let bytes = bytes.min(self.from_server.len());
        self.moved += bytes;
        self.from_server.drain(..bytes).collect()
    }

    fn widen(&mut self, bytes: usize) {
        self.room += bytes;
        self.writer.take().inspect(Waker::wake_by_ref);
    }

    /// What has come is left, what is on its way is lost.
    fn tear(&mut self, client: &mut Client) {
        let has_all_come = client.is_ended && client.out.is_empty();
        self.is_torn |= !(self.is_over || has_all_come);
        self.is_over = true;
        client.out.clear();
        self.reader.take().inspect(Waker::wake_by_ref);
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The server's end of the line.
pub(crate) struct Wire(Rc<RefCell<Line>>);

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut line = self.0.borrow_mut();
        if line.to_server.is_empty() && !line.is_over {
            line.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let bytes = room.remaining().min(line.to_server.len());
        line.moved += bytes;
        let came: Vec<u8> = line.to_server.drain(..bytes).collect();
        room.put_slice(&came);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut line = self.0.borrow_mut();
        if line.room == 0 {
            line.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let taken = line.room.min(bytes.len());
        line.room -= taken;
        line.moved += taken;
        line.from_server.extend(&bytes[..taken]);
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
