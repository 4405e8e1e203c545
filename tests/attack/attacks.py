"""The attacks over WebSockets. Each defines its number of connections and addresses, and the data they send; `crowd.py` runs them.

Closed connections of an attack are reopened at once while it lasts.
"""

import itertools
import json
import random

import honest_clients
import http_attacks
import ice_attacks
import wire
from attack import Attack

FLOOD_BYTES = 1 << 16
"""Bytes of one write of a flood."""


class SlowHead(Attack):
    """The head of a request, one byte per second, never complete"""

    connections, addresses, upgrades = 4000, 256, False
    HEAD = wire.REQUEST[:-2] + b"X-Slow: " + bytes(b"a" * 500)

    def on_open(self, connection):
        connection.notes = iter(self.HEAD)
        return b"G"

    def each_second(self, connection):
        self.sent_count += 1
        return bytes((next(connection.notes),))


class SlowTls(SlowHead):
    """The start of a TLS handshake, one byte per second, never complete"""

    tls = True
    # A handshake record with a ClientHello of 500 bytes.
    HEAD = b"\x16\x03\x01\x01\xf4\x01\x00\x01\xf0\x03\x03" + bytes(480)

    def on_open(self, connection):
        connection.notes = iter(self.HEAD[1:])
        return self.HEAD[:1]


class SlowFrames(Attack):
    """A message of 100 kB, one byte per second; every other connection in endless fragments of one byte"""

    connections, addresses = 2000, 128

    def on_open(self, connection):
        return wire.frame(wire.TEXT_BEGINS, b" ") if connection.number % 2 else wire.head(wire.TEXT, 100_000)

    def each_second(self, connection):
        self.sent_count += 1
        return wire.frame(wire.GOES_ON, b" ") if connection.number % 2 else b" "


class EmptyFragments(Attack):
    """Empty fragments of a message that never ends"""

    floods = True
    FLOOD = wire.frame(wire.GOES_ON) * (FLOOD_BYTES // 6)

    def on_open(self, connection):
        return wire.frame(wire.TEXT_BEGINS)

    def flood_data(self, connection):
        self.sent_count += FLOOD_BYTES // 6
        return self.FLOOD


class PingFlood(Attack):
    """Pings with 125 bytes; the pongs are read"""

    floods = True
    FLOOD = wire.frame(wire.PING, b"p" * 125) * (FLOOD_BYTES // 131)

    def flood_data(self, connection):
        self.sent_count += FLOOD_BYTES // 131
        return self.FLOOD


class Json(Attack):
    """Messages of 128 kB: nested up to the limit and beyond, with many escapes, long numbers and many keys"""

    floods = True
    BYTES = 131_000

    def __init__(self):
        swarm = json.dumps(wire.announce(wire.identifier("json", 1), wire.identifier("peer", 1)), separators=(",", ":"))[:-1]
        deep, escaped = "[" * 30 + "]" * 30, "\\u00e9" * (self.BYTES // 6 - 60)
        bodies = [
            f'{swarm},"x":[{",".join([deep] * (self.BYTES // 61 - 5))}]}}',
            "[" * self.BYTES,
            f'{swarm},"x":"{escaped}"}}',
            "{" + '"info_hash":1,' * (self.BYTES // 14 - 5) + '"action":"scrape"}',
            f'{swarm},"left":{"9" * (self.BYTES - 400)}}}',
            f'{swarm},"offers":[{",".join(["{}"] * (self.BYTES // 3 - 100))}]}}',
        ]
        self.messages = itertools.cycle([wire.frame(wire.TEXT, body.encode()) for body in bodies])

    def flood_data(self, connection):
        self.sent_count += 1
        return next(self.messages)


class InfoHashes(Attack):
    """Announces that each create a new swarm"""

    connections, addresses, floods = 2000, 256, True
    BATCH = 50

    def __init__(self):
        self.numbers = itertools.count()
        whole = json.dumps(wire.announce("H" * 20, wire.identifier("flood", 0))).encode()
        before, _, self.after = whole.partition(b"H" * 20)
        self.before = wire.head(wire.TEXT, len(whole)) + before

    def flood_data(self, connection):
        self.sent_count += self.BATCH
        hashes = (b"%020d" % number for number in itertools.islice(self.numbers, self.BATCH))
        return b"".join(self.before + info_hash + self.after for info_hash in hashes)


class OfferSpam(Attack):
    """Announces with 20 offers of 2 kB in one swarm of the attackers and one victim"""

    floods, extra_clients = True, (honest_clients.Victim,)

    def __init__(self):
        self.numbers = itertools.count()
        self.sdp = "v=0" + "x" * 1997

    def flood_data(self, connection):
        self.sent_count += 1
        offers = [wire.offer(wire.identifier("spam", next(self.numbers)), self.sdp) for _ in range(20)]
        return wire.text(wire.announce(wire.SWARM, wire.identifier("spammer", connection.number), numwant=20, offers=offers))


class AnswerSpam(Attack):
    """Answers to invented offers; every 4th connection answers the victim's offers three times each, also those sent to others"""

    floods, extra_clients = True, (honest_clients.Victim,)
    BATCH = 50

    def __init__(self):
        self.known = []

    def is_flooding(self, connection):
        return connection.number % 4

    def on_open(self, connection):
        return wire.text(wire.announce(wire.SWARM, wire.identifier("spammer", connection.number)))

    def flood_data(self, connection):
        self.sent_count += self.BATCH
        invented = wire.identifier("invented", random.randrange(10**9))
        return wire.text(wire.answer(invented, wire.identifier("spammer", connection.number), wire.VICTIM)) * self.BATCH

    def on_message(self, crowd, connection, payload):
        message = json.loads(payload)
        if "offer" in message:
            self.known = [*self.known[-2:], message["offer_id"]]
            peer_id = wire.identifier("spammer", connection.number)
            crowd.send(connection, b"".join(wire.text(wire.answer(known, peer_id, wire.VICTIM)) * 3 for known in reversed(self.known)))


class DeafReaders(Attack):
    """Members that scrape 255 swarms at a time and never read; every 50th announces 20 offers of 5 kB to the others"""

    connections, addresses, floods, reads, receive_bytes = 1000, 128, True, False, 4096

    def __init__(self):
        hashes = [wire.identifier("scraped", number) for number in range(255)]
        self.scrape = wire.text({"action": "scrape", "info_hash": hashes})
        self.numbers, self.sdp = itertools.count(), "v=0" + "x" * 4997

    def on_open(self, connection):
        return wire.text(wire.announce(self._swarm(connection), wire.identifier("deaf", connection.number)))

    def flood_data(self, connection):
        self.sent_count += 1
        if connection.number % 50:
            return self.scrape
        offers = [wire.offer(wire.identifier("deaf", next(self.numbers)), self.sdp) for _ in range(20)]
        return wire.text(wire.announce(self._swarm(connection), wire.identifier("deaf", connection.number), offers=offers))

    @staticmethod
    def _swarm(connection):
        return wire.identifier("deaf", connection.number // 50)


class ConnectionFlood(Attack):
    """Connections that join a swarm and stay open, as many as file descriptors allow"""

    connections, addresses, ramp_seconds_max = 1_000_000, 4096, 15

    def on_open(self, connection):
        self.sent_count += 1
        number = connection.number
        return wire.text(wire.announce(wire.identifier("flood", number // 50), wire.identifier("flood", number)))


class ReconnectStorm(Attack):
    """Connections that join, read the reply, close, and reconnect at once; half of them close with RST"""

    connections, addresses = 256, 256
    BYE = wire.frame(wire.CLOSE, (1001).to_bytes(2, "big"))

    def on_open(self, connection):
        self.sent_count += 1
        return wire.text(wire.announce(wire.identifier("storm", connection.number % 8), wire.identifier("storm", connection.number)))

    def on_message(self, crowd, connection, payload):
        if connection.number % 2:
            crowd.end(connection, "left by RST", reset=True)
        elif connection.notes is None:
            connection.notes = "leaving"
            crowd.send(connection, self.BYE)


class ReconnectBurst(Attack):
    """One address whose connections send 500 announces at once, read the replies, close, and reconnect"""

    connections, addresses = 16, 1
    BURST = 500

    def __init__(self):
        self.message = wire.text(wire.announce(wire.identifier("burst", 1), wire.identifier("burst", 1)))

    def on_open(self, connection):
        self.sent_count += self.BURST
        connection.notes = 0
        return self.message * self.BURST

    def on_message(self, crowd, connection, payload):
        connection.notes += 1
        if connection.notes == self.BURST:
            crowd.end(connection, "left after the last reply")


class StarvedSwarm(Attack):
    """1,000 members of one address, on 250 connections, in a swarm of ten honest members and their newcomers"""

    connections, addresses, extra_clients = 250, 1, (honest_clients.HonestMembers,)

    def on_open(self, connection):
        self.sent_count += 4
        ids = (wire.identifier("idle", 4 * connection.number + number) for number in range(4))
        return b"".join(wire.text(wire.announce(wire.SWARM, peer_id)) for peer_id in ids)


class FreshIds(Attack):
    """200 connections of one address in a swarm of ten honest members and their newcomers: each has a new peer_id every second, which
    never answers"""

    connections, addresses, extra_clients = 200, 1, (honest_clients.HonestMembers,)

    def __init__(self):
        self.numbers = itertools.count()

    def on_open(self, connection):
        return self.each_second(connection)

    def each_second(self, connection):
        self.sent_count += 1
        return wire.text(wire.announce(wire.SWARM, wire.identifier("fresh", next(self.numbers))))


class OfferDrain(Attack):
    """40 connections of one address with one peer_id that exhaust the offer limit of all members of a swarm"""

    connections, addresses, floods, extra_clients = 40, 1, True, (honest_clients.HonestMembers,)

    def __init__(self):
        self.numbers = itertools.count()
        self.sdp = "v=0" + "x" * 500

    def flood_data(self, connection):
        self.sent_count += 1
        offers = [wire.offer(wire.identifier("drain", next(self.numbers)), self.sdp) for _ in range(10)]
        return wire.text(wire.announce(wire.SWARM, wire.identifier("drain", 1), numwant=10, offers=offers))


class Mailboxes(OfferSpam):
    """Offer spam with two workers: most offers pass through the mailbox of the other worker"""

    server_arguments = ("--workers", "2")


ALL = {
    "slow-head": SlowHead,
    "slow-tls": SlowTls,
    "slow-frames": SlowFrames,
    "empty-fragments": EmptyFragments,
    "ping-flood": PingFlood,
    "json": Json,
    "info-hashes": InfoHashes,
    "offer-spam": OfferSpam,
    "answer-spam": AnswerSpam,
    "deaf-readers": DeafReaders,
    "connection-flood": ConnectionFlood,
    "reconnect-storm": ReconnectStorm,
    "reconnect-burst": ReconnectBurst,
    "starved-swarm": StarvedSwarm,
    "fresh-ids": FreshIds,
    "offer-drain": OfferDrain,
    "mailboxes": Mailboxes,
    "unread-answers": http_attacks.UnreadAnswers,
    "api-flood": http_attacks.ApiFlood,
    "pipelining": http_attacks.Pipelining,
    "half-close": http_attacks.HalfClose,
    "http-eclipse": http_attacks.Eclipse,
    "places-taken": http_attacks.PlacesTaken,
    "tls-churn": http_attacks.TlsChurn,
    "stun-flood": ice_attacks.StunFlood,
    "turn-challenges": ice_attacks.TurnChallenges,
    "turn-allocations": ice_attacks.TurnAllocations,
    "relay-flood": ice_attacks.RelayFlood,
    "relay-unpermitted": ice_attacks.RelayUnpermitted,
    "ice-malformed": ice_attacks.IceMalformed,
}
