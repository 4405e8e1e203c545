"""Builds the messages of the clients, like those of real clients in size and format, and WebSocket frames. Stateless; `client`
uses it."""

import hashlib
import json
import struct

MASK = bytes.fromhex("37fa213d")
TEXT, PING, PONG = 0x81, 0x89, 0x8A


def sdp(size):
    """Returns an SDP of many short lines, like a real one; `size` bytes as JSON text."""
    line = "a=candidate:1811406225 1 udp 2122260223 192.0.2.1 49152 typ host generation 0\r\n"
    text = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
    while len(json.dumps(text + line)) <= size:
        text += line
    return text + "z" * (size - len(json.dumps(text)))


def identifier(kind, number):
    """Returns 20 arbitrary bytes, each as one character."""
    return hashlib.sha1(f"{kind} {number}".encode()).digest().decode("latin-1")


def frame(text, opcode=TEXT):
    """Returns a masked frame."""
    payload = text if isinstance(text, bytes) else text.encode()
    size = len(payload)
    if size < 126:
        head = struct.pack(">BB", opcode, 0x80 | size)
    elif size < 65536:
        head = struct.pack(">BBH", opcode, 0x80 | 126, size)
    else:
        head = struct.pack(">BBQ", opcode, 0x80 | 127, size)
    key = (MASK * (size // 4 + 1))[:size]
    return head + MASK + (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")


def frames_in(buffer):
    """Removes complete frames from the start of a buffer; yields opcode and payload."""
    while len(buffer) >= 2:
        size, start = buffer[1], 2
        if size == 126:
            size, start = int.from_bytes(buffer[2:4], "big"), 4
        elif size == 127:
            size, start = int.from_bytes(buffer[2:10], "big"), 10
        if len(buffer) < start or len(buffer) < start + size:
            return
        payload = bytes(buffer[start:start + size])
        opcode = buffer[0]
        del buffer[:start + size]
        yield opcode, payload
