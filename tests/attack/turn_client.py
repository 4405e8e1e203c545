"""STUN and TURN messages of a client over UDP (RFC 8489, RFC 8656), and credentials made with the server's secret."""

import base64
import hashlib
import hmac
import ipaddress
import os
import socket
import struct
import time

SECRET = "the-secret-of-the-relay-in-this-bench"
REALM = b"swarmhub"
COOKIE = 0x2112A442
BINDING, ALLOCATE, REFRESH, CREATE_PERMISSION, CHANNEL_BIND = 1, 3, 4, 8, 9
SUCCESS, ERROR = 0x100, 0x110
USERNAME, INTEGRITY, ERROR_CODE, CHANNEL_NUMBER, LIFETIME, PEER = 0x06, 0x08, 0x09, 0x0C, 0x0D, 0x12
REALM_NAME, NONCE, RELAYED, TRANSPORT = 0x14, 0x15, 0x16, 0x19
UDP = TRANSPORT, bytes((17, 0, 0, 0))
CHANNEL = 0x4000
"""The first channel number."""
RETRY_SECONDS, RETRIES = 0.5, 6
"""Retransmission as in browsers: each pause is twice the last one."""


class NotServed(Exception):
    """A request was refused, or got no response."""


class Credentials:
    """A user of the relay, as `/ice` makes one for each page."""

    def __init__(self, lifetime_seconds=3600):
        label = "".join(chr(ord("a") + byte % 26) for byte in os.urandom(10))
        self.username = f"{int(time.time()) + lifetime_seconds}:{label}".encode()
        password = base64.b64encode(hmac.digest(SECRET.encode(), self.username, "sha1"))
        self.key = hashlib.md5(b":".join((self.username, REALM, password))).digest()


def attribute(kind, value):
    return struct.pack(">HH", kind, len(value)) + value + bytes(-len(value) % 4)


def message(kind, attributes=(), transaction_id=None):
    body = b"".join(attribute(*one) for one in attributes)
    return struct.pack(">HHI", kind, len(body), COOKIE) + (transaction_id or os.urandom(12)) + body


def signed(method, attributes, user, nonce):
    """Returns a request with the user's signature over all of it."""
    names = [(USERNAME, user.username), (REALM_NAME, REALM), (NONCE, nonce)]
    request = message(method, [*attributes, *names])
    request = request[:2] + struct.pack(">H", len(request) + 4) + request[4:]
    return request + attribute(INTEGRITY, hmac.digest(user.key, request, "sha1"))


def attributes_of(response):
    """Returns the attributes of a message by type."""
    found, at = {}, 20
    while at + 4 <= len(response):
        kind, length = struct.unpack_from(">HH", response, at)
        found.setdefault(kind, response[at + 4 : at + 4 + length])
        at += 4 + length + -length % 4
    return found


def nonce_of(challenge):
    return attributes_of(challenge)[NONCE]


def granted(response):
    """Returns the attributes of a success response."""
    kind, found = struct.unpack_from(">H", response)[0], attributes_of(response)
    if kind & ERROR != SUCCESS:
        _, hundreds, rest = struct.unpack_from(">HBB", found[ERROR_CODE])
        raise NotServed(f"error {100 * hundreds + rest}")
    return found


def masked_peer(address):
    """Returns the value of XOR-PEER-ADDRESS for an IPv4 address and port; the mask is its own inverse."""
    host, port = address
    return struct.pack(">BBHI", 0, 1, port ^ COOKIE >> 16, int(ipaddress.IPv4Address(host)) ^ COOKIE)


def unmasked(value):
    _, _, port, host = struct.unpack(">BBHI", value)
    return str(ipaddress.IPv4Address(host ^ COOKIE)), port ^ COOKIE >> 16


def channel_data(channel, payload):
    return struct.pack(">HH", channel, len(payload)) + payload


class TurnClient:
    """One socket and its allocation."""

    def __init__(self, port, address, user, source_port=0):
        self.user, self.nonce, self.relayed = user, b"", None
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, source_port))
        self.socket.connect(("127.0.0.1", port))

    def exchange(self, request):
        """Sends a request and returns its response."""
        self.socket.send(request)
        return self.response(request)

    def response(self, request):
        """Returns the response to a request, which is sent again while there is none."""
        pause = RETRY_SECONDS
        for left_tries in reversed(range(RETRIES)):
            until = time.monotonic() + pause
            while (left := until - time.monotonic()) > 0:
                self.socket.settimeout(left)
                try:
                    response = self.socket.recv(2048)
                except TimeoutError:
                    break
                if response[4:20] == request[4:20]:
                    return response
            if left_tries:
                self.socket.send(request)
            pause *= 2
        raise NotServed("no response")

    def learn_nonce(self):
        """Asks for a nonce, as every client does first."""
        self.nonce = nonce_of(self.exchange(message(ALLOCATE, [UDP])))

    def request(self, method, attributes=()):
        """Sends a signed request; returns the attributes of its success response."""
        if not self.nonce:
            self.learn_nonce()
        return granted(self.exchange(signed(method, attributes, self.user, self.nonce)))

    def allocate(self):
        """Makes an allocation; returns its relay address."""
        self.relayed = unmasked(self.request(ALLOCATE, [UDP])[RELAYED])
        return self.relayed

    def bind_channel(self, peer, channel=CHANNEL):
        self.request(CHANNEL_BIND, [(CHANNEL_NUMBER, struct.pack(">HH", channel, 0)), (PEER, masked_peer(peer))])

    def end(self):
        """Ends the allocation and closes the socket."""
        try:
            if self.relayed:
                self.request(REFRESH, [(LIFETIME, bytes(4))])
        finally:
            self.socket.close()
