#!/usr/bin/env python3
"""Honest clients of the relay. As a program it is two of them that exchange packets: `honest_relay.py PORT WARMUP SECONDS`.

It prints `ready` once both have a channel to each other, and at the end one JSON object: how long each packet took from one
client to the other, how many were lost, and how many came from others. Times count from when a packet was due. A lost one counts as `LOST_US`.
"""

import json
import select
import struct
import sys
import time

sys.dont_write_bytecode = True

from honest_clients import NEWCOMER_EVERY_SECONDS, Witness
from turn_client import BINDING, CHANNEL, Credentials, NotServed, TurnClient, channel_data, message

PAIR_ADDRESSES = "127.208.0.1", "127.208.0.2"
PACKETS_PER_S = 200
"""Of each client."""
PACKET_BYTES = 1000
LOST_US = 1_000_000
WAIT_SECONDS = 1.0
"""How long the last packets may take."""
HEADER = struct.Struct(">HHIB")
"""Channel, length, number of the packet, sender."""


class Pair:
    """Two clients with allocations and channels to each other."""

    def __init__(self, port):
        self.clients = [TurnClient(port, address, Credentials()) for address in PAIR_ADDRESSES]
        relayed = [client.allocate() for client in self.clients]
        for client, peer in zip(self.clients, reversed(relayed), strict=True):
            client.bind_channel(peer)
            client.socket.setblocking(False)
        self.due, self.took_us, self.foreign = [], {}, 0

    def exchange(self, seconds):
        """Exchanges packets at the rate. Returns the duration of each in microseconds; `LOST_US` for lost ones."""
        start, count = time.monotonic(), int(seconds * PACKETS_PER_S)
        self.due, self.took_us = [start + number / PACKETS_PER_S for number in range(count)], {}
        for number, due in enumerate(self.due):
            self._receive_until(due)
            for sender, client in enumerate(self.clients):
                packet = channel_data(CHANNEL, struct.pack(">IB", number, sender) + bytes(PACKET_BYTES))
                try:
                    client.socket.send(packet)
                except BlockingIOError:
                    pass
        self._receive_until(time.monotonic() + WAIT_SECONDS)
        return [self.took_us.get((number, sender), LOST_US) for number in range(count) for sender in range(2)]

    def _receive_until(self, until):
        left = until - time.monotonic()
        while True:
            ready, _, _ = select.select([client.socket for client in self.clients], [], [], max(left, 0))
            for sock in ready:
                self._receive(sock)
            left = until - time.monotonic()
            if left <= 0:
                return

    def _receive(self, sock):
        try:
            packet = sock.recv(2048)
        except BlockingIOError:
            return
        channel, _, number, sender = HEADER.unpack_from(packet)
        if channel != CHANNEL:
            self.foreign += 1
        elif number < len(self.due):
            self.took_us[number, sender] = min(LOST_US, round((time.monotonic() - self.due[number]) * 1e6))


class RelayNewcomers(Witness):
    """One client after the other asks the STUN server for its address, makes an allocation, and ends it."""

    ADDRESS = "127.209.0.1"
    SHARE_MIN = 0.5

    def __init__(self, port, tls=None):
        super().__init__(port, tls)
        self.waited, self.refused = [], []

    def run(self):
        while not self.stopped.wait(NEWCOMER_EVERY_SECONDS):
            start = time.monotonic()
            client = TurnClient(self.port, self.ADDRESS, Credentials())
            try:
                client.exchange(message(BINDING))
                client.allocate()
                self.waited.append(time.monotonic() - start)
                client.end()
            except (OSError, NotServed) as error:
                self.refused.append(str(error))
                client.socket.close()

    def problems(self):
        tried = len(self.waited) + len(self.refused)
        return [self.summary()] if len(self.waited) < self.SHARE_MIN * tried else []

    def summary(self):
        slowest = f", slowest {max(self.waited) * 1000:.0f} ms" if self.waited else ""
        reasons = ", ".join(sorted(set(self.refused)))
        return f"{len(self.waited)} of {len(self.waited) + len(self.refused)} new relay clients served{slowest}{f' ({reasons})' if reasons else ''}"


class PatientNewcomers(RelayNewcomers):
    """The same clients where the relay may refuse them."""

    SHARE_MIN = 0


def percentile(durations, percent):
    return sorted(durations)[min(len(durations) - 1, len(durations) * percent // 100)]


def main():
    port, warmup, seconds = int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    pair = Pair(port)
    print("ready", file=sys.stderr, flush=True)
    pair.exchange(warmup)
    durations = pair.exchange(seconds)
    lost = sum(one == LOST_US for one in durations)
    p50, p99 = (percentile(durations, percent) for percent in (50, 99))
    print(json.dumps({"p50_us": p50, "p99_us": p99, "packets": len(durations), "lost": lost, "foreign": pair.foreign}), flush=True)


if __name__ == "__main__":
    main()
