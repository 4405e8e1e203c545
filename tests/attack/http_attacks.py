"""The attacks over HTTP and on TLS handshakes."""

import itertools
import socket
import ssl
import struct
import threading
import time
import urllib.parse

import honest_clients
import wire
from attack import Attack

RESET = struct.pack("ii", 1, 0)


def request(path, method="GET"):
    return f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def announce(swarm, peer_id, port, **more):
    query = {"info_hash": swarm, "peer_id": peer_id, "port": port, "left": 1, "compact": 1, **more}
    return request(f"/announce?{urllib.parse.urlencode(query)}")


class HttpAttack(Attack):
    """Connections that send HTTP requests, not frames."""

    upgrades = False
    paths = ("/",)

    def prepare(self, port):
        kept = honest_clients.recorded_series(port)
        history = f"/api/v1/history?series={kept}&from=-9900"
        self.paths = [path.replace("HISTORY", history) for path in self.paths]

    def path(self, connection):
        return self.paths[connection.number % len(self.paths)]


class UnreadAnswers(HttpAttack):
    """Requests for all long responses, repeated, without reading them"""

    connections, addresses, reads, floods, history = 400, 4, False, True, True
    receive_bytes, segment_bytes = 2048, 300
    server_arguments = ("--memory-budget-bytes", "200000000")
    memory_growth_bytes_max = 64 << 20
    SCRAPE = "/scrape?" + "&".join(f"info_hash={wire.identifier('unread', number)}" for number in range(150))
    paths = ("HISTORY", "HISTORY", "HISTORY&format=csv", "/api/v1/live", "/metrics", "/stats.json", "/", SCRAPE)

    def flood_data(self, connection):
        self.sent_count += 1
        return request(self.path(connection))


class ApiFlood(HttpAttack):
    """Requests of all kinds as fast as the server accepts them; the responses are read"""

    connections, addresses, floods, history = 64, 16, True, True
    paths = ("/api/v1/stats", "/api/v1/series", "HISTORY", "/stats.json", "/stats", "/metrics", "/", "/api/v1/clients")

    def flood_data(self, connection):
        self.sent_count += 1
        return request(self.path(connection))


class Pipelining(HttpAttack):
    """One connection that sends 400 HEAD requests at once, repeatedly"""

    connections, addresses, floods = 1, 1, True
    BATCH = 400

    def flood_data(self, connection):
        self.sent_count += self.BATCH
        return request("/api/v1/series", "HEAD") * self.BATCH


class HalfClose(HttpAttack):
    """Requests whose senders half-close at once and never read; half of the requests are incomplete"""

    connections, addresses, reads, half_closes, receive_bytes = 2000, 128, False, True, 2048

    def on_open(self, connection):
        self.sent_count += 1
        whole = request("/")
        return whole if connection.number % 2 else whole[:-2]


class Eclipse(HttpAttack):
    """One address that announces ever new ports over HTTP in a swarm of 50 honest peers"""

    connections, addresses, floods, extra_clients = 1, 1, True, (honest_clients.HonestHttpPeers,)
    BATCH = 50

    def __init__(self):
        self.ports = itertools.cycle(range(1024, 65536))

    def flood_data(self, connection):
        self.sent_count += self.BATCH
        some = itertools.islice(self.ports, self.BATCH)
        return b"".join(announce(wire.SWARM, "-TR4050-attacker0000", port, numwant=0) for port in some)


class PlacesTaken(HttpAttack):
    """300 live streams and 40 requests for the whole history from one address, while the operator uses both"""

    connections, addresses, history, extra_clients = 340, 1, True, (honest_clients.Operator,)
    paths = ("HISTORY",)
    server_arguments = ("--admin-token", honest_clients.TOKEN)

    def on_open(self, connection):
        self.sent_count += 1
        return request("/api/v1/live" if connection.number % 17 else self.path(connection))


class TlsChurn(Attack):
    """TLS handshakes from one address without a pause: complete ones, and ones closed after the ServerHello"""

    addresses, tls = 1, True
    THREADS = 16
    PAUSE_SECONDS = 0.01
    """Pause after a refusal, so that the attacker does not only load its own core."""

    def run(self, crowd, until, on_reached):
        hello = client_hello()
        threads = [threading.Thread(target=self._churn, args=(crowd, until, hello if number % 2 else None)) for number in range(self.THREADS)]
        for thread in threads:
            thread.start()
        on_reached()
        for thread in threads:
            thread.join()

    def _churn(self, crowd, until, hello):
        context = honest_clients.any_certificate()
        while time.monotonic() < until and not crowd.stopped.is_set():
            crowd.seen["tried"] += 1
            try:
                plain = socket.create_connection(("127.0.0.1", crowd.port), 5, (crowd.addresses[0], 0))
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                with plain:
                    crowd.seen[self._handshake(plain, context, hello)] += 1
                self.sent_count += 1
            except OSError:
                crowd.seen["refused"] += 1
                time.sleep(self.PAUSE_SECONDS)

    @staticmethod
    def _handshake(plain, context, hello):
        if hello is None:
            with context.wrap_socket(plain, server_hostname="localhost"):
                return "handshakes finished"
        plain.sendall(hello)
        if not plain.recv(1):
            raise OSError("closed")
        return "hellos answered"


def client_hello():
    """Returns a ClientHello for repeated sending without cryptography."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = honest_clients.any_certificate().wrap_bio(incoming, outgoing, server_hostname="localhost")
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()
