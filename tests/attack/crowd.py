"""The connections of an attacker in one thread: opens and reopens them, sends the data of the attack, and counts results.

It handles sockets and the upgrade; the attacks define what is sent afterwards (`attacks.py`). Linux only (`epoll`).
"""

import collections
import errno
import re
import select
import socket
import struct
import threading
import time

import wire

READ_BYTES = 1 << 16
CONNECTING_MAX = 128
"""Pending connects at the same time: more would only wait in the backlog of the listener."""
TICK_SECONDS = 1.0
IP_BIND_ADDRESS_NO_PORT = 24
RESET = struct.pack("ii", 1, 0)
ENDED = select.EPOLLHUP | select.EPOLLERR | select.EPOLLRDHUP

CLOSE = re.compile(rb"\x88[\x02-\x7d](..)[^\x80-\xff]*$", re.DOTALL)
"""A close frame at the end of the received data."""
CLOSE_BYTES_MAX = 127

CONNECTING, UPGRADING, OPEN, CLOSED = range(4)


class Connection:
    """One socket: pending output, received data, and notes of the attack."""

    __slots__ = ("socket", "number", "state", "waiting", "buffer", "notes", "watched")

    def __init__(self, sock, number):
        self.socket, self.number, self.state = sock, number, CONNECTING
        self.waiting, self.buffer, self.notes = b"", bytearray(), None
        self.watched = select.EPOLLOUT


class Crowd:
    """The connections of one attack on one port."""

    def __init__(self, attack, port, addresses):
        self.attack, self.port, self.addresses = attack, port, addresses
        self.connections, self.epoll = {}, select.epoll()
        self.connecting = self.open = self.numbers = 0
        self.seen = collections.Counter()
        self.stopped = threading.Event()

    def run(self, until, on_reached):
        """Attacks until then. Calls `on_reached` once, when all connections are open or the time for that is over."""
        start = time.monotonic()
        next_tick, reached = start + TICK_SECONDS, False
        while (now := time.monotonic()) < until:
            if not reached and (self.open >= self.attack.connections or now > start + self.attack.ramp_seconds_max):
                reached = True
                on_reached()
            self._open_more()
            for descriptor, events in self.epoll.poll(0.02, 256):
                connection = self.connections.get(descriptor)
                if connection is not None:
                    self._serve(connection, events)
            if now >= next_tick:
                next_tick = now + TICK_SECONDS
                for connection in list(self.connections.values()):
                    if connection.state == OPEN:
                        self._send_guarded(connection, self.attack.each_second(connection))
        self.seen["open at the end"] = self.open

    def _open_more(self):
        while len(self.connections) < self.attack.connections and self.connecting < CONNECTING_MAX:
            try:
                self._begin()
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.EADDRNOTAVAIL):
                    raise
                # Out of descriptors or ports: continues with the open connections.
                self.attack.connections = len(self.connections)
                self.seen[f"no more for {name(error)}"] += 1

    def _begin(self):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            if self.attack.receive_bytes:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.attack.receive_bytes)
            if self.attack.segment_bytes:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, self.attack.segment_bytes)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((self.addresses[self.numbers % len(self.addresses)], 0))
            sock.connect_ex(("127.0.0.1", self.port))
            self.epoll.register(sock, select.EPOLLOUT)
        except OSError:
            sock.close()
            raise
        self.connections[sock.fileno()] = Connection(sock, self.numbers)
        self.numbers += 1
        self.connecting += 1
        self.seen["tried"] += 1

    def end(self, connection, how, reset=False):
        """Ends a connection; the loop opens another one in its place."""
        if connection.state == CLOSED:
            return
        self.seen[how] += 1
        if connection.state == OPEN:
            self.open -= 1
        else:
            self.connecting -= 1
        connection.state = CLOSED
        if reset:
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        del self.connections[connection.socket.fileno()]
        connection.socket.close()

    def _serve(self, connection, events):
        try:
            if events & (select.EPOLLIN | ENDED) and connection.state != CONNECTING:
                self._read(connection, events)
            if events & (select.EPOLLOUT | ENDED) and connection.state != CLOSED:
                self._write(connection)
        except BlockingIOError:
            pass
        except OSError as error:
            self.end(connection, f"ended: {name(error)}")

    def _write(self, connection):
        if connection.state == CONNECTING:
            error = connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if error:
                raise OSError(error, "connect")
            self.seen["connected"] += 1
            if self.attack.upgrades:
                connection.state, connection.waiting = UPGRADING, wire.REQUEST
            else:
                self._opened(connection)
        if not connection.waiting and connection.state == OPEN and self.attack.is_flooding(connection):
            connection.waiting = self.attack.flood_data(connection)
        if connection.waiting:
            sent = connection.socket.send(connection.waiting)
            self.seen["bytes sent"] += sent
            connection.waiting = memoryview(connection.waiting)[sent:] if sent < len(connection.waiting) else b""
            if self.attack.half_closes and not connection.waiting:
                connection.socket.shutdown(socket.SHUT_WR)
        self._watch(connection)

    def _opened(self, connection):
        self.connecting -= 1
        self.open += 1
        self.seen["open"] += 1
        connection.state = OPEN
        connection.waiting = self.attack.on_open(connection) or b""
        self._watch(connection)

    def send(self, connection, data):
        """Queues data behind the pending output."""
        if data and connection.state == OPEN:
            connection.waiting = bytes(connection.waiting) + data if connection.waiting else data
            self._watch(connection)

    def _send_guarded(self, connection, data):
        self.send(connection, data)
        if connection.waiting and connection.state == OPEN and not self.attack.is_flooding(connection):
            self._serve(connection, select.EPOLLOUT)

    def _watch(self, connection):
        is_open = connection.state == OPEN
        events = select.EPOLLRDHUP if is_open and not self.attack.reads else select.EPOLLIN
        if connection.waiting or (is_open and self.attack.is_flooding(connection)):
            events |= select.EPOLLOUT
        if events != connection.watched:
            connection.watched = events
            self.epoll.modify(connection.socket, events)

    def _read(self, connection, events):
        if connection.state == OPEN and not self.attack.reads:
            if events & ENDED:
                self.end(connection, "closed by the server")
            return
        data = connection.socket.recv(READ_BYTES)
        if not data:
            close = CLOSE.search(connection.buffer)
            otherwise = "before the upgrade" if connection.state == UPGRADING or not self.attack.upgrades else "without a code"
            return self.end(connection, f"closed {int.from_bytes(close[1], 'big') if close else otherwise}")
        self.seen["bytes received"] += len(data)
        connection.buffer += data
        if connection.state == UPGRADING:
            self._read_head(connection)
        if connection.state == OPEN and self.attack.on_message is None:
            self._skim(connection, data)
        elif connection.state == OPEN:
            self._read_frames(connection)

    def _read_head(self, connection):
        head, found, rest = bytes(connection.buffer).partition(b"\r\n\r\n")
        if not found:
            return
        status = head.split(b" ", 2)[1].decode()
        connection.buffer[:] = rest
        if status == "101":
            self._opened(connection)
        else:
            self.end(connection, f"refused with {status}")

    def _skim(self, connection, data):
        """Counts without parsing frames, which would cost more than the attack itself."""
        self.seen["failures received"] += data.count(b'"failure reason"')
        self.seen["replies received"] += data.count(b'"complete"')
        del connection.buffer[:-CLOSE_BYTES_MAX]

    def _read_frames(self, connection):
        for first, payload in wire.frames_in(connection.buffer):
            if first == wire.CLOSE:
                code = int.from_bytes(payload[:2], "big") if payload else "without a code"
                return self.end(connection, f"closed {code}")
            if first == wire.PING:
                self.send(connection, wire.frame(wire.PONG, payload))
            elif first == wire.TEXT:
                self.seen["failures received" if b'"failure reason"' in payload else "messages received"] += 1
                self.attack.on_message(self, connection, payload)
                if connection.state != OPEN:
                    return


def name(error):
    return errno.errorcode.get(error.errno, str(error.errno))
