"""The load on a TURN server: a pair of clients that relays at a fixed rate, and idle allocations."""

import struct
import time

from child import Failed
from turn import CHANNEL, Client

# Packets of one tick are sent together, as browsers send them.
TICK_SECONDS = 0.001
LATE_SECONDS_MAX = 0.003
DRAIN_SECONDS = 0.3
OWN_CPU_SHARE_MAX = 0.8
LOST_SHARE_MAX = 0.01
TOOK_MAX = 1.1


class Disturbed(Failed):
    """Other programs needed the processor, so the load was not as planned."""


class Pair:
    """Two clients that use each other's relayed address. The first one sends, the second one receives."""

    def __init__(self, server, secret, packet_bytes, packets_per_tick):
        self.clients = couple(server, secret)
        self.packet = struct.pack("!HH", CHANNEL, packet_bytes) + bytes(packet_bytes)
        self.packets_per_tick = packets_per_tick

    def run(self, seconds):
        """Relays for some seconds and returns the number of delivered megabytes."""
        sender, receiver = (client.socket for client in self.clients)
        ticks = round(seconds / TICK_SECONDS)
        received, own = 0, time.process_time()
        begin = due = time.perf_counter()
        for _ in range(ticks):
            for _ in range(self.packets_per_tick):
                sender.send(self.packet)
            received += self._drain(receiver)
            # After a delay it goes on at the rate: sent together, the late packets would overflow the receiver's buffer.
            now = time.perf_counter()
            due = max(due + TICK_SECONDS, now - LATE_SECONDS_MAX)
            time.sleep(max(0, due - now))
        took, own = time.perf_counter() - begin, time.process_time() - own
        time.sleep(DRAIN_SECONDS)
        received += self._drain(receiver)
        sent = ticks * self.packets_per_tick
        if took > seconds * TOOK_MAX or own > took * OWN_CPU_SHARE_MAX:
            raise Disturbed(f"the load generator is too slow: {took:.1f} s instead of {seconds} s, {own / took:.0%} of its core")
        if sent - received > sent * LOST_SHARE_MAX:
            raise Disturbed(f"{sent - received} of {sent} packets are lost")
        return received * (len(self.packet) - 4) / 1e6

    def _drain(self, receiver):
        """Returns the number of waiting packets, and checks each."""
        count = 0
        receiver.setblocking(False)
        try:
            while True:
                if receiver.recv(2048) != self.packet:
                    raise Failed("a relayed packet differs from the sent one")
                count += 1
        except BlockingIOError:
            return count


def couple(server, secret):
    """Returns two clients with a channel to each other."""
    one, other = Client(server, secret), Client(server, secret)
    one.bind_channel(other)
    other.bind_channel(one)
    return one, other


def add_idle(server, secret, count):
    """Makes idle allocations, each with a channel."""
    return [client for _ in range(count // 2) for client in couple(server, secret)]
