"""Honest clients in addition to the load: a member of the attacked swarm, newcomers, HTTP peers and an operator.

Each is a thread of the driver with a blocking socket and little work, so that it is never late itself.
"""

import json
import socket
import ssl
import threading
import time
import urllib.parse

import wire

NEWCOMERS_ADDRESS = "127.201.0.1"
VICTIM_ADDRESS = "127.202.0.1"
NEWCOMER_EVERY_SECONDS = 0.5
VICTIM_EVERY_SECONDS = 1.0
TIMEOUT_SECONDS = 10
TOKEN = "the-token-of-the-operator"


class Refused(Exception):
    """The server refused or closed an honest connection."""


class HonestConnection:
    """An honest WebSocket connection that sends one message at a time."""

    def __init__(self, port, address, tls):
        self.buffer = bytearray()
        plain = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS, (address, 0))
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = tls.wrap_socket(plain, server_hostname="localhost") if tls else plain
        self.socket.sendall(wire.REQUEST)
        while b"\r\n\r\n" not in self.buffer:
            self._receive_more()
        head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        self.buffer[:] = rest
        status = head.split(b" ", 2)[1].decode()
        if status != "101":
            raise Refused(f"status {status}")

    def _receive_more(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise Refused("closed")
        self.buffer += data

    def send(self, value):
        self.socket.sendall(wire.text(value))

    def messages(self, until):
        """Yields the messages received until then; answers pings."""
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
                self._receive_more()
            except TimeoutError:
                return
            finally:
                self.socket.settimeout(TIMEOUT_SECONDS)

    def close(self):
        self.socket.close()


class Witness(threading.Thread):
    """An honest client in a separate thread until it is stopped."""

    def __init__(self, port, tls=None):
        super().__init__(daemon=True)
        self.port, self.tls = port, tls
        self.stopped = threading.Event()
        self.error = None

    def run(self):
        try:
            self.visit()
        except (OSError, Refused) as error:
            self.error = str(error) or type(error).__name__

    def visit(self):
        """Runs until `stopped` is set."""

    def stop(self):
        self.stopped.set()
        self.join(3 * TIMEOUT_SECONDS)

    def problems(self):
        """Returns the problems found."""
        return [self.error] if self.error else []

    def summary(self):
        """Returns a short summary."""
        return ""


class Newcomers(Witness):
    """One client after the other: connects, joins a swarm, reads the reply, closes."""

    def __init__(self, port, tls):
        super().__init__(port, tls)
        self.waited, self.turned_away = [], []

    def run(self):
        number = 0
        while not self.stopped.wait(NEWCOMER_EVERY_SECONDS):
            number += 1
            start = time.monotonic()
            try:
                self._visit(number)
                self.waited.append(time.monotonic() - start)
            except (OSError, Refused) as error:
                self.turned_away.append(str(error) or type(error).__name__)

    def _visit(self, number):
        visit = HonestConnection(self.port, NEWCOMERS_ADDRESS, self.tls)
        try:
            visit.send(wire.announce(wire.identifier("newcomer", number), wire.identifier("newcomer", number)))
            reply = next(visit.messages(time.monotonic() + TIMEOUT_SECONDS), None)
            if reply is None or "complete" not in reply:
                raise Refused((reply or {}).get("failure reason", "no reply"))
        finally:
            visit.close()


class Victim(Witness):
    """A member of the attacked swarm: announces with two offers a second, and counts received messages."""

    def __init__(self, port, tls=None):
        super().__init__(port, tls)
        self.offers_made = {}
        self.offers = self.answers = self.false_answers = self.replies = self.announces = 0
        self.began = self.ended = 0.0

    def visit(self):
        visit = HonestConnection(self.port, VICTIM_ADDRESS, None)
        self.began = time.monotonic()
        while not self.stopped.is_set():
            offers = [wire.identifier("victim", len(self.offers_made) + number) for number in range(2)]
            self.offers_made.update(dict.fromkeys(offers, 0))
            offered = [wire.offer(offer_id, "v=0") for offer_id in offers]
            visit.send(wire.announce(wire.SWARM, wire.VICTIM, numwant=2, offers=offered))
            self.announces += 1
            for message in visit.messages(time.monotonic() + VICTIM_EVERY_SECONDS):
                self._receive(message)
        for message in visit.messages(time.monotonic() + VICTIM_EVERY_SECONDS):
            self._receive(message)
        visit.close()
        self.ended = time.monotonic()

    def problems(self):
        wrong = super().problems()
        if self.replies < self.announces:
            wrong.append(f"lost {self.announces - self.replies} replies")
        if self.false_answers:
            wrong.append(f"got {self.false_answers} answers to foreign offers, or repeated ones")
        return wrong

    def summary(self):
        seconds = max(self.ended - self.began, 1e-9)
        return f"{self.offers / seconds:.1f} offers/s, {self.answers} answers"

    def _receive(self, message):
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


class HonestMembers(Witness):
    """Ten honest members of the attacked swarm, and newcomers with five offers each: measures the share of their offers that
    reaches an honest member."""

    MEMBERS, OFFERS = 10, 5
    SHARE_MIN = 0.5

    def __init__(self, port, tls=None):
        super().__init__(port, tls)
        self.made = self.reached = 0

    def visit(self):
        members = [HonestConnection(self.port, f"127.203.0.{number}", None) for number in range(1, self.MEMBERS + 1)]
        for number, member in enumerate(members):
            member.send(wire.announce(wire.SWARM, wire.identifier("member", number)))
        number = 0
        while not self.stopped.is_set():
            number += 1
            self._newcomer(number)
            until = time.monotonic() + NEWCOMER_EVERY_SECONDS / self.MEMBERS
            for member in members:
                self.reached += sum(message.get("offer_id", "").startswith("inside") for message in member.messages(until))
                until = max(until, time.monotonic()) + NEWCOMER_EVERY_SECONDS / self.MEMBERS

    def _newcomer(self, number):
        visit = HonestConnection(self.port, f"127.204.{number // 250 % 250}.{number % 250 + 1}", None)
        offers = [wire.offer(wire.identifier("inside", self.made + place), "v=0") for place in range(self.OFFERS)]
        visit.send(wire.announce(wire.SWARM, wire.identifier("comer", number), numwant=self.OFFERS, offers=offers))
        self.made += self.OFFERS
        next(visit.messages(time.monotonic() + TIMEOUT_SECONDS), None)
        visit.close()

    def problems(self):
        wrong = super().problems()
        if self.made == 0 or self.reached < self.SHARE_MIN * self.made:
            wrong.append(f"of {self.made} offers of newcomers only {self.reached} reached an honest member")
        return wrong

    def summary(self):
        return f"{self.reached} of {self.made} offers of newcomers reached an honest member"


class HonestHttpPeers(Witness):
    """50 honest HTTP peers in the attacked swarm, and newcomers: measures the share of honest peers in their replies."""

    PEERS = 50
    SHARE_MIN = 0.5

    def __init__(self, port, tls=None):
        super().__init__(port, tls)
        self.listed = self.honest = 0

    def visit(self):
        for number in range(1, self.PEERS + 1):
            self._announce(f"127.205.0.{number}", number, 0)
        number = self.PEERS
        while not self.stopped.wait(NEWCOMER_EVERY_SECONDS):
            number += 1
            peers = self._announce(f"127.206.{number // 250 % 250}.{number % 250 + 1}", number, 50)
            self.listed += len(peers)
            self.honest += sum(peer[1] in (205, 206) for peer in peers)

    def _announce(self, address, number, wanted):
        query = {"info_hash": wire.SWARM, "peer_id": wire.identifier("-XX0001-", number), "port": 6881, "left": 1, "compact": 1, "numwant": wanted}
        body = fetch(self.port, f"/announce?{urllib.parse.urlencode(query)}", address)
        _, mark, rest = body.partition(b"5:peers")
        if not mark:
            raise Refused(body.decode(errors="replace")[:80])
        length, _, rest = rest.partition(b":")
        return [rest[at : at + 6] for at in range(0, int(length), 6)]

    def problems(self):
        wrong = super().problems()
        if self.listed == 0 or self.honest < self.SHARE_MIN * self.listed:
            wrong.append(f"of {self.listed} peers in replies to newcomers only {self.honest} are honest")
        return wrong

    def summary(self):
        return f"{self.honest} of {self.listed} peers in replies to newcomers are honest"


class Operator(Witness):
    """Requests live statistics and history with the admin token, twice a second."""

    ADDRESS = "127.207.0.1"

    def __init__(self, port, tls=None):
        super().__init__(port, tls)
        self.served, self.refused = 0, []

    def visit(self):
        history = f"/api/v1/history?series={recorded_series(self.port)}&from=-9900"
        while not self.stopped.wait(NEWCOMER_EVERY_SECONDS):
            for path, whole in ((history, True), ("/api/v1/live", False)):
                try:
                    fetch(self.port, path, self.ADDRESS, TOKEN, whole)
                    self.served += 1
                except (OSError, Refused) as error:
                    self.refused.append(f"{path.partition('?')[0]}: {error}")

    def problems(self):
        wrong = super().problems() + ([f"{len(self.refused)} refused: {self.refused[0]}"] if self.refused else [])
        return wrong if self.served or wrong else ["no request was sent"]

    def summary(self):
        return f"{self.served} served, {len(self.refused)} refused"


def fetch(port, path, address, token=None, whole=True):
    """Returns the body of a response; of an endless one (`whole` false) only its start."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS, (address, 0)) as plain:
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        plain.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n{authorization}\r\n".encode())
        data = bytearray()
        while part := plain.recv(1 << 16):
            data += part
            if not whole and b"\r\n\r\n" in data and not data.endswith(b"\r\n\r\n"):
                break
    head, _, body = bytes(data).partition(b"\r\n\r\n")
    status = head.split(b" ", 2)[1].decode() if head else "no answer"
    if status != "200":
        raise Refused(f"status {status}")
    return body


def recorded_series(port):
    """Returns the names of all series with history, as a list for a query."""
    series = json.loads(fetch(port, "/api/v1/series", NEWCOMERS_ADDRESS))
    return ",".join(one["name"] for one in series if one["kept"])


def any_certificate():
    """Returns a TLS context that accepts a self-signed certificate."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
