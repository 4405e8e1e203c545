"""Many simple WebSocket clients in one thread: they join swarms of 50, announce with 5 offers of 2 kB, answer received
offers, and check that every message is the expected one. The guards and the profile use it."""

import itertools
import json
import selectors
import socket
import ssl

from messages import PING, PONG, TEXT, frame, frames_in, identifier, sdp

SWARM_MEMBERS = 50
OFFERS = 5
OFFER_SDP_BYTES = 2000
ANSWER_SDP_BYTES = 1600
IN_FLIGHT = 64
"""Announces in flight at the same time."""
STRIDE = 7919
"""Distance to the next announcing member: a prime, so that each member announces once per round."""
SILENCE_SECONDS_MAX = 60
"""A server under valgrind is slow, but never this slow."""
REQUEST = (
    b"GET /announce HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Member:
    """One connection, and the number of messages that its current announce still expects."""

    def __init__(self, number, port, swarm, tls):
        self.number, self.swarm = number, identifier("swarm", swarm)
        self.peer_id = f"-WW0208-{number:012}"
        self.buffer, self.waiting = bytearray(), bytearray()
        self.missing = 0
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(SILENCE_SECONDS_MAX)
        if tls:
            self.socket = tls.wrap_socket(self.socket)
        self.socket.sendall(REQUEST)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            more = self.socket.recv(4096)
            if not more:
                raise ConnectionError("the connection was not upgraded")
            head += more
        if not head.startswith(b"HTTP/1.1 101 "):
            raise ConnectionError(f"the upgrade was refused: {head!r}")
        self.socket.setblocking(False)


class Crowd:
    """Connections in swarms of 50, numbered from `first_swarm` on; over TLS if a TLS context is given."""

    def __init__(self, port, first_swarm=0, tls=None):
        self.port, self.first_swarm, self.tls = port, first_swarm, tls
        self.members, self.offers = [], {}
        self.selector = selectors.DefaultSelector()
        self.offer_numbers = itertools.count()
        self.turn = self.to_start = self.in_flight = self.offers_each = 0
        self.offer_sdp, self.answer_sdp = sdp(OFFER_SDP_BYTES), sdp(ANSWER_SDP_BYTES)

    def open(self, more):
        """Opens `more` connections."""
        for number in range(len(self.members), len(self.members) + more):
            member = Member(number, self.port, self.first_swarm + number // SWARM_MEMBERS, self.tls)
            self.members.append(member)
            self.selector.register(member.socket, selectors.EVENT_READ, member)

    def close(self):
        """Closes all connections."""
        for member in self.members:
            member.socket.close()
        self.members.clear()
        self.selector.close()

    def announce(self, count, offers_each):
        """Makes announces in turn, and waits for all their messages."""
        self.to_start, self.offers_each = count, offers_each
        while self.in_flight < min(IN_FLIGHT, len(self.members)) and self.to_start:
            self._announce_next()
        while self.in_flight:
            ready = self.selector.select(SILENCE_SECONDS_MAX)
            if not ready:
                raise TimeoutError(f"{self.in_flight} announces still expect messages, but nothing arrives")
            for key, events in ready:
                self._serve(key.data, events)

    def _announce_next(self):
        while True:
            self.turn = (self.turn + STRIDE) % len(self.members)
            member = self.members[self.turn]
            if not member.missing:
                break
        self.to_start -= 1
        self.in_flight += 1
        member.missing = 1 + self.offers_each
        offers = []
        for number in itertools.islice(self.offer_numbers, self.offers_each):
            offer_id = identifier("offer", number)
            self.offers[offer_id] = member
            offers.append({"offer_id": offer_id, "offer": {"type": "offer", "sdp": self.offer_sdp}})
        self._send_message(member, uploaded=0, downloaded=0, left=1, numwant=self.offers_each, offers=offers)

    def _send_message(self, member, **more):
        message = {"action": "announce", "info_hash": member.swarm, "peer_id": member.peer_id, **more}
        self._send(member, frame(json.dumps(message, ensure_ascii=False, separators=(",", ":"))))

    def _send(self, member, data):
        if not member.waiting:
            try:
                data = data[member.socket.send(data):]
            except (BlockingIOError, ssl.SSLWantWriteError):
                pass
            if data:
                self.selector.modify(member.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, member)
        member.waiting += data

    def _serve(self, member, events):
        if events & selectors.EVENT_WRITE:
            try:
                del member.waiting[:member.socket.send(member.waiting)]
            except ssl.SSLWantWriteError:
                pass
            if not member.waiting:
                self.selector.modify(member.socket, selectors.EVENT_READ, member)
        if events & selectors.EVENT_READ:
            # The selector does not see data that TLS has already decrypted, so read everything.
            try:
                while True:
                    data = member.socket.recv(1 << 18)
                    if not data:
                        raise ConnectionError("the server closed a connection")
                    member.buffer += data
                    if not self.tls:
                        break
            except ssl.SSLWantReadError:
                pass
            for opcode, payload in frames_in(member.buffer):
                if opcode == PING:
                    self._send(member, frame(payload, PONG))
                elif opcode == TEXT:
                    self._receive(member, json.loads(payload))
                else:
                    raise ConnectionError(f"an unexpected kind of frame: {opcode:#x}")

    def _receive(self, member, message):
        if message["info_hash"] != member.swarm:
            raise AssertionError("a message of another swarm")
        if "offer" in message:
            sender = self.offers[message["offer_id"]]
            if sender is member or message["peer_id"] != sender.peer_id or message["offer"]["sdp"] != self.offer_sdp:
                raise AssertionError("an offer that was not sent like this")
            answer = {"type": "answer", "sdp": self.answer_sdp}
            self._send_message(member, to_peer_id=message["peer_id"], offer_id=message["offer_id"], answer=answer)
            return
        if "answer" in message:
            if self.offers.pop(message["offer_id"]) is not member or message["answer"]["sdp"] != self.answer_sdp:
                raise AssertionError("an answer that was not sent like this")
        elif "interval" not in message:
            raise AssertionError(f"neither reply nor relay: {message}")
        member.missing -= 1
        if not member.missing:
            self.in_flight -= 1
            if self.to_start:
                self._announce_next()
