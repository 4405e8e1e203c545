"""Honest visitors beside the load: one that stands in the attacked swarm, and others that come one after the other.

Each is a thread of the driver with a blocking socket, and does so little that it is always in time.
"""

import json
import socket
import ssl
import threading
import time

import wire

NEWCOMERS_ADDRESS = "127.201.0.1"
VICTIM_ADDRESS = "127.202.0.1"
NEWCOMER_EVERY_SECONDS = 0.5
VICTIM_EVERY_SECONDS = 1.0
PATIENCE_SECONDS = 10


class Refused(Exception):
    """The server did not let the visitor in, or ended the visit."""


class Visit:
    """An honest connection that says one thing at a time."""

    def __init__(self, port, address, tls):
        self.buffer = bytearray()
        plain = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS, (address, 0))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = tls.wrap_socket(plain, server_hostname="localhost") if tls else plain
        self.socket.sendall(wire.REQUEST)
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        self.buffer[:] = rest
        status = head.split(b" ", 2)[1].decode()
        if status != "101":
            raise Refused(f"status {status}")

    def _more(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise Refused("closed")
        self.buffer += data

    def say(self, value):
        self.socket.sendall(wire.text(value))

    def messages(self, until):
        """Messages that come until then; pings are answered."""
        while True:
            for first, payload in wire.frames_in(self.buffer):
                if first == wire.CLOSE:
                    raise Refused(f"closed {int.from_bytes(payload[:2], 'big')}")
                if first == wire.PING:
                    self.socket.sendall(wire.frame(wire.PONG, payload))
                elif first == wire.TEXT:
                    yield json.loads(payload)
            left = until - time.monotonic()
            if left <= 0:
                return
            self.socket.settimeout(left)
            try:
                self._more()
            except TimeoutError:
                return
            finally:
                self.socket.settimeout(PATIENCE_SECONDS)

    def close(self):
        self.socket.close()


class Guest(threading.Thread):
    """Something honest in a thread of its own until it is stopped."""

    def __init__(self):
        super().__init__(daemon=True)
        self.over = threading.Event()

    def stop(self):
        self.over.set()
        self.join(3 * PATIENCE_SECONDS)


class Newcomers(Guest):
    """One visitor after the other: comes, joins a swarm, hears the reply, leaves."""

    def __init__(self, port, tls):
        super().__init__()
        self.port, self.tls = port, tls
        self.waited, self.turned_away = [], []

    def run(self):
        number = 0
        while not self.over.wait(NEWCOMER_EVERY_SECONDS):
            number += 1
            begun = time.monotonic()
            try:
                self._visit(number)
                self.waited.append(time.monotonic() - begun)
            except (OSError, Refused) as error:
                self.turned_away.append(str(error) or type(error).__name__)

    def _visit(self, number):
        visit = Visit(self.port, NEWCOMERS_ADDRESS, self.tls)
        try:
            visit.say(wire.announce(wire.identifier("newcomer", number), wire.identifier("newcomer", number)))
            reply = next(visit.messages(time.monotonic() + PATIENCE_SECONDS), None)
            if reply is None or "complete" not in reply:
                raise Refused((reply or {}).get("failure reason", "no reply"))
        finally:
            visit.close()


class Victim(Guest):
    """A member of the attacked swarm: announces with two offers a second, and counts what it is given."""

    def __init__(self, port):
        super().__init__()
        self.port = port
        self.offers_made = {}
        self.offers = self.answers = self.false_answers = self.replies = self.announces = 0
        self.began = self.ended = 0.0
        self.trouble = None

    def run(self):
        try:
            self._run(Visit(self.port, VICTIM_ADDRESS, None))
        except (OSError, Refused) as error:
            self.trouble = str(error) or type(error).__name__
        self.ended = time.monotonic()

    def _run(self, visit):
        self.began = time.monotonic()
        while not self.over.is_set():
            offers = [wire.identifier("victim", len(self.offers_made) + number) for number in range(2)]
            self.offers_made.update(dict.fromkeys(offers, 0))
            offered = [wire.offer(offer_id, "v=0") for offer_id in offers]
            visit.say(wire.announce(wire.SWARM, wire.VICTIM, numwant=2, offers=offered))
            self.announces += 1
            for message in visit.messages(time.monotonic() + VICTIM_EVERY_SECONDS):
                self._hear(message)
        for message in visit.messages(time.monotonic() + VICTIM_EVERY_SECONDS):
            self._hear(message)
        visit.close()

    def _hear(self, message):
        if "offer" in message:
            self.offers += 1
        elif "answer" in message:
            made = self.offers_made.get(message["offer_id"])
            if made is None or made > 0:
                self.false_answers += 1
            else:
                self.offers_made[message["offer_id"]] += 1
                self.answers += 1
        elif "complete" in message:
            self.replies += 1


def any_certificate():
    """For a server that made its certificate itself."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
