"""The attacks on the STUN server and the TURN relay. All addresses of 127.0.0.0/8 belong to this machine, so a client without
privileges can send from each of them, as from forged ones. Hostile sockets read nothing while they flood.
"""

import ipaddress
import itertools
import random
import socket
import struct
import time

import honest_relay
import turn_client
from attack import Attack
from turn_client import ALLOCATE, BINDING, CHANNEL, UDP, Credentials, NotServed, TurnClient, channel_data, message, signed

FORGED = ipaddress.IPv4Network("127.64.0.0/10")
"""Four million addresses, none of an honest client."""
IP_PKTINFO = 8
BATCH = 256
SEND_INDICATION = 0x16
DATA = 0x13


class IceAttack(Attack):
    """Datagrams as fast as possible, until the end of the row."""

    ice = True
    addresses, sockets = 16, 64
    memory_growth_bytes_max = 32 << 20
    extra_clients = (honest_relay.RelayNewcomers,)

    def run(self, crowd, until, on_reached):
        sends = self.sends(crowd)
        # The preparation ends with the first packet.
        sends = itertools.chain([next(sends)], sends)
        on_reached()
        while time.monotonic() < until and not crowd.stopped.is_set():
            for send, packet in itertools.islice(sends, BATCH):
                try:
                    crowd.seen["bytes sent"] += send(packet)
                except (BlockingIOError, ConnectionRefusedError):
                    crowd.seen["unsent"] += 1
            self.sent_count += BATCH

    def sends(self, crowd):
        """Prepares the flood. Yields a function that sends, and its packet, without end."""

    def connected_sockets(self, crowd):
        """Returns sockets at all addresses of the attackers."""
        return [socket_at(crowd.addresses[number % len(crowd.addresses)], crowd.port) for number in range(self.sockets)]


class TurnChallenges(IceAttack):
    """Allocate without credentials, each from another address"""

    # Beyond the limit of all addresses there is silence, for new clients too.
    extra_clients = (honest_relay.PatientNewcomers,)

    def sends(self, crowd):
        sock = socket_at("0.0.0.0", crowd.port)
        request, server = [message(ALLOCATE, [UDP])], ("127.0.0.1", crowd.port)

        def send(information):
            return sock.sendmsg(request, [(socket.IPPROTO_IP, IP_PKTINFO, information)], 0, server)

        for address in itertools.cycle(range(int(FORGED[1]), int(FORGED[-1]))):
            yield send, struct.pack("=i4s4x", 0, address.to_bytes(4, "big"))


class StunFlood(IceAttack):
    """Binding requests from 16 addresses"""

    def sends(self, crowd):
        request = message(BINDING)
        for sock in itertools.cycle(self.connected_sockets(crowd)):
            yield sock.send, request


class IceMalformed(IceAttack):
    """Malformed datagrams of all kinds: changed, cut and wrong lengths, 64 kB of empty attributes, random bytes"""

    POOL = 4096

    def sends(self, crowd):
        some = random.Random(1)
        packets = [self._packet(some) for _ in range(self.POOL)] + self._long_packets()
        for sock in itertools.cycle(self.connected_sockets(crowd)):
            yield sock.send, some.choice(packets)

    @staticmethod
    def _packet(some):
        kind = some.choice((BINDING, ALLOCATE, turn_client.REFRESH, turn_client.CHANNEL_BIND, SEND_INDICATION))
        packet = bytearray(signed(kind, [UDP, (DATA, some.randbytes(some.randrange(64)))], Credentials(), some.randbytes(16)))
        how = some.randrange(5)
        if how == 0:
            packet[some.randrange(len(packet))] ^= 1 << some.randrange(8)
        elif how == 1:
            del packet[some.randrange(len(packet)) :]
        elif how == 2:
            packet[2:4] = some.randbytes(2)
        elif how == 3:
            packet[:2] = struct.pack(">H", CHANNEL + some.randrange(0x1000))
        else:
            packet[:] = some.randbytes(some.randrange(1500))
        return bytes(packet)

    @staticmethod
    def _long_packets():
        """Returns long messages with empty optional attributes, whose parsing takes longest."""
        attributes = [(0x8000, b"")] * 16_000
        return [message(kind, attributes) for kind in (BINDING, ALLOCATE, SEND_INDICATION)] * 20


class TurnAllocations(IceAttack):
    """Allocations with valid credentials up to the limits of users, addresses and all, and then further requests for them"""

    addresses, ramp_seconds_max = 16, 15
    ALLOCATIONS, USER_ALLOCATIONS = 960, 160
    """Tried for an address, which takes almost its burst of requests, and for a user: more than its limit."""
    FIRST_PORT = 20_000
    USER_SECONDS = 0.04
    """Pause after the 320 requests of a user: beyond `limits.stun_per_second` (20,000) each lost one would be repeated late."""

    def sends(self, crowd):
        for address in crowd.addresses:
            for first in range(self.FIRST_PORT, self.FIRST_PORT + self.ALLOCATIONS, self.USER_ALLOCATIONS):
                self._allocate_all(crowd, address, range(first, first + self.USER_ALLOCATIONS))
                time.sleep(self.USER_SECONDS)
        requests = [self._request(crowd, number) for number in range(self.sockets)]
        yield from itertools.cycle(requests)

    @staticmethod
    def _allocate_all(crowd, address, source_ports):
        """Makes the allocations of one user; they stay after their sockets have closed."""
        user = Credentials()
        clients = [TurnClient(crowd.port, address, user, source_port) for source_port in source_ports]
        first = message(ALLOCATE, [UDP])
        for client in clients:
            client.socket.send(first)
        for client in clients:
            client.nonce = turn_client.nonce_of(client.response(first))
        requests = [signed(ALLOCATE, [UDP], user, client.nonce) for client in clients]
        for client, request in zip(clients, requests, strict=True):
            client.socket.send(request)
        for client, request in zip(clients, requests, strict=True):
            try:
                turn_client.granted(client.response(request))
                crowd.seen["allocations"] += 1
            except NotServed as error:
                crowd.seen[f"refused: {error}"] += 1
            client.socket.close()

    def _request(self, crowd, number):
        client = TurnClient(crowd.port, crowd.addresses[number % len(crowd.addresses)], Credentials())
        client.learn_nonce()
        client.socket.setblocking(False)
        return client.socket.send, signed(ALLOCATE, [UDP], client.user, client.nonce)


class RelayFlood(IceAttack):
    """Packets of 1,200 bytes between two allocations of one user"""

    def sends(self, crowd):
        user = Credentials()
        pair = [TurnClient(crowd.port, address, user) for address in crowd.addresses[:2]]
        relayed = [client.allocate() for client in pair]
        for client, peer in zip(pair, reversed(relayed), strict=True):
            client.bind_channel(peer)
            client.socket.setblocking(False)
        packet = channel_data(CHANNEL, bytes(1200))
        for client in itertools.cycle(pair):
            yield client.socket.send, packet


class RelayUnpermitted(IceAttack):
    """Packets to the honest relay clients, which permit none, from a user with channels to them, and from clients without any"""

    CHANNELS = 8

    def sends(self, crowd):
        hostile = TurnClient(crowd.port, crowd.addresses[0], Credentials())
        host, last = hostile.allocate()
        packets = []
        # The relay numbers its ports in order.
        for number in range(1, self.CHANNELS + 1):
            peer = (host, last - number)
            try:
                hostile.bind_channel(peer, CHANNEL + number)
            except NotServed:
                continue
            packets.append(channel_data(CHANNEL + number, b"hostile" * 100))
            packets.append(message(SEND_INDICATION, [(turn_client.PEER, turn_client.masked_peer(peer)), (DATA, b"hostile" * 100)]))
        crowd.seen["channels to honest clients"] = len(packets) // 2
        hostile.socket.setblocking(False)
        others = itertools.cycle(self.connected_sockets(crowd))
        for packet in itertools.cycle(packets):
            yield hostile.socket.send, packet
            yield next(others).send, packet


def socket_at(address, port):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    # Responses are not read: the smallest buffer.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 0)
    sock.bind((address, 0))
    if address != "0.0.0.0":
        sock.connect(("127.0.0.1", port))
    return sock
