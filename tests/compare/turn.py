"""A TURN client over UDP (RFC 8656) with credentials of a shared secret (TURN REST): allocates and binds channels."""

import base64
import hashlib
import hmac
import os
import socket
import struct
import time

from child import Failed

MAGIC_COOKIE = 0x2112A442
BINDING, ALLOCATE, CHANNEL_BIND = 1, 3, 9
USERNAME, MESSAGE_INTEGRITY, ERROR_CODE, CHANNEL_NUMBER = 0x06, 0x08, 0x09, 0x0C
XOR_PEER_ADDRESS, REALM, NONCE, XOR_RELAYED_ADDRESS, REQUESTED_TRANSPORT = 0x12, 0x14, 0x15, 0x16, 0x19
HEADER_BYTES, INTEGRITY_BYTES = 20, 24
CHANNEL = 0x4000
UDP = b"\x11\0\0\0"
RESPONSE_SECONDS_MAX = 5
READY_SECONDS_MAX = 0.1
CREDENTIALS_SECONDS = 3600
SOCKET_BUFFER_BYTES = 4 << 20


def _attribute(kind, value):
    return struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4)


def _attributes(message):
    found, at = {}, HEADER_BYTES
    while at < len(message):
        kind, length = struct.unpack_from("!HH", message, at)
        found[kind] = message[at + 4 : at + 4 + length]
        at += 4 + length + -length % 4
    return found


def is_ready(server):
    """Returns whether a server answers a Binding request."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(READY_SECONDS_MAX)
        probe.connect(server)
        try:
            probe.send(struct.pack("!HHI", BINDING, 0, MAGIC_COOKIE) + os.urandom(12))
            return bool(probe.recv(2048))
        except OSError:
            return False


class Client:
    """An allocation with its own socket and user."""

    def __init__(self, server, secret):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
        self.socket.settimeout(RESPONSE_SECONDS_MAX)
        self.socket.connect(server)
        username = f"{int(time.time()) + CREDENTIALS_SECONDS}:" + "".join(chr(97 + byte % 26) for byte in os.urandom(10))
        self.username = username.encode()
        self.password = base64.b64encode(hmac.digest(secret.encode(), self.username, "sha1"))
        self.key = None
        self.relayed = self._allocate()

    def bind_channel(self, peer):
        """Binds the channel `CHANNEL` to the relayed address of another client."""
        number = _attribute(CHANNEL_NUMBER, struct.pack("!HH", CHANNEL, 0))
        self._request(CHANNEL_BIND, number + _attribute(XOR_PEER_ADDRESS, peer.relayed))

    def _allocate(self):
        wanted = _attribute(REQUESTED_TRANSPORT, UDP)
        challenge = self._exchange(ALLOCATE, wanted)
        if REALM not in challenge or NONCE not in challenge:
            raise Failed(f"a first request is answered without a nonce: {challenge}")
        self.user = _attribute(USERNAME, self.username) + _attribute(REALM, challenge[REALM]) + _attribute(NONCE, challenge[NONCE])
        self.key = hashlib.md5(b":".join((self.username, challenge[REALM], self.password))).digest()
        # It stays masked: the mask of an IPv4 address is the same in each message.
        return self._request(ALLOCATE, wanted)[XOR_RELAYED_ADDRESS]

    def _request(self, method, body):
        response = self._exchange(method, body + self.user)
        if ERROR_CODE in response:
            error = response[ERROR_CODE]
            raise Failed(f"the server refuses the request {method}: {error[2] * 100 + error[3]} {error[4:].decode(errors='replace')}")
        return response

    def _exchange(self, method, body):
        transaction = os.urandom(12)
        length = len(body) + (INTEGRITY_BYTES if self.key else 0)
        message = struct.pack("!HHI", method, length, MAGIC_COOKIE) + transaction + body
        if self.key:
            message += _attribute(MESSAGE_INTEGRITY, hmac.digest(self.key, message, "sha1"))
        self.socket.send(message)
        try:
            response = self.socket.recv(2048)
        except OSError as error:
            raise Failed(f"no response to the request {method}: {error}") from error
        if response[8:HEADER_BYTES] != transaction:
            raise Failed("a response to another request")
        return _attributes(response)
