"""Measures the memory of the real program per connection: open, joined, after activity, and left after all have closed; plain
and over TLS. A few connections join and close first, so that one-time costs are not counted. They make no offers, because
the heap fragmentation of large buffers would differ between runs. Called by `check`."""

import os
import resource
import ssl
import time

from client import OFFERS, SWARM_MEMBERS, Crowd
from server import PLAIN, TLS, Server

CONNECTIONS = 2000
ACTIVE_ROUNDS = 3
"""Announces with offers per connection, all answered."""
WARM_SWARM = 1_000_000
"""The swarm of the first few connections."""
SETTLE_SECONDS_MAX = 20
READING_SECONDS = 0.1
QUIET_SECONDS = 0.3
QUIET_AFTER_CLOSE_SECONDS = 2.5
"""The server releases memory at its next tick, every second."""

STEPS = ("open connection", "joined connection", "connection that was active", "left when all have closed")
NAMES = (*STEPS, *(f"TLS: {name}" for name in STEPS))


def skip_reason():
    """Returns why memory cannot be measured here, or None."""
    if not os.path.exists("/proc/self/smaps_rollup"):
        return "memory is read from /proc/PID/smaps_rollup, which this system lacks"
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < CONNECTIONS + 100:
        return f"{CONNECTIONS} connections are more than the {hard} open files allowed here"
    return None


def per_connection(binary, wanted):
    """Returns bytes by name, each the mean of all connections. Skips plain or TLS if none of its figures is wanted."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    plain, secure = NAMES[:len(STEPS)], NAMES[len(STEPS):]
    sizes = {}
    if set(plain) & set(wanted):
        sizes |= zip(plain, bytes_per_step(binary, PLAIN, None))
    if set(secure) & set(wanted):
        sizes |= zip(secure, bytes_per_step(binary, TLS, accept_any_certificate()))
    return sizes


def accept_any_certificate():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def bytes_per_step(binary, listen, tls):
    """Returns bytes per connection after each step."""
    with Server(binary, listen=listen) as server:
        warm = Crowd(server.port, WARM_SWARM, tls)
        warm.open(SWARM_MEMBERS)
        # Not earlier: the worker opens files at its start.
        files = open_files(server) - SWARM_MEMBERS
        warm.announce(SWARM_MEMBERS, 0)
        readings = [memory_after_close(server, warm, files)]
        crowd = Crowd(server.port, tls=tls)
        crowd.open(CONNECTIONS)
        readings.append(stable_memory(server, QUIET_SECONDS))
        for announces, offers in ((CONNECTIONS, 0), (ACTIVE_ROUNDS * CONNECTIONS, OFFERS)):
            crowd.announce(announces, offers)
            readings.append(stable_memory(server, QUIET_SECONDS))
        readings.append(memory_after_close(server, crowd, files))
    fresh = readings[0]
    return [max(0, round((reading - fresh) / CONNECTIONS)) for reading in readings[1:]]


def open_files(server):
    return len(os.listdir(f"/proc/{server.pid}/fd"))


def memory_after_close(server, crowd, files):
    """Closes all connections; returns the memory once the server has noticed and had time to release it."""
    crowd.close()
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while open_files(server) > files:
        if time.monotonic() > deadline:
            raise TimeoutError("the server keeps closed connections open")
        time.sleep(READING_SECONDS)
    return stable_memory(server, QUIET_AFTER_CLOSE_SECONDS)


def stable_memory(server, quiet):
    """Returns the memory once it has been stable for `quiet` seconds."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    before, since = None, 0
    while True:
        now, moment = server.anonymous_bytes(), time.monotonic()
        if now != before:
            before, since = now, moment
        elif moment - since >= quiet or moment > deadline:
            return now
        time.sleep(READING_SECONDS)
