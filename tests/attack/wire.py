"""Builds the upgrade request, frames and messages of attackers, and parses frames of the server.

Every mask is zero, so that data can be built once and sent many times.
"""

import json

TEXT, TEXT_BEGINS, GOES_ON, CLOSE, PING, PONG = 0x81, 0x01, 0x00, 0x88, 0x89, 0x8A
MASK = bytes(4)
REQUEST = (
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
# The attacked swarm, with the victim if there is one.
SWARM = "the-attacked-swarm--"
VICTIM = "-WW0208-victim------"


def head(first, length):
    if length < 126:
        return bytes((first, 0x80 | length)) + MASK
    if length < 0x10000:
        return bytes((first, 0xFE)) + length.to_bytes(2, "big") + MASK
    return bytes((first, 0xFF)) + length.to_bytes(8, "big") + MASK


def frame(first, payload=b""):
    return head(first, len(payload)) + payload


def text(value):
    return frame(TEXT, json.dumps(value, separators=(",", ":")).encode())


def announce(info_hash, peer_id, **more):
    return {"action": "announce", "info_hash": info_hash, "peer_id": peer_id, "left": 1, **more}


def offer(offer_id, sdp):
    return {"offer_id": offer_id, "offer": {"type": "offer", "sdp": sdp}}


def answer(offer_id, peer_id, to_peer_id, sdp="v=0"):
    return announce(SWARM, peer_id, offer_id=offer_id, to_peer_id=to_peer_id, answer={"type": "answer", "sdp": sdp})


def identifier(kind, number):
    """Returns an id of twenty characters: `kind` (at most eight characters) and a number."""
    return f"{kind:-<8}{number:012}"


def frames_in(buffer):
    """Removes complete, unmasked frames from a bytearray; yields pairs of first byte and payload."""
    at = 0
    while len(buffer) - at >= 2:
        length, start = buffer[at + 1], at + 2
        if length == 126:
            length, start = int.from_bytes(buffer[at + 2 : at + 4], "big"), at + 4
        elif length == 127:
            length, start = int.from_bytes(buffer[at + 2 : at + 10], "big"), at + 10
        if len(buffer) < start + length or len(buffer) < start:
            break
        yield buffer[at], bytes(buffer[start : start + length])
        at = start + length
    del buffer[:at]
