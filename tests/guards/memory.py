"""Memory of the real program per connection: open, joined, and after it was once active; and what stays when all have gone.
The same within TLS. A few connections join and go first, so that what the server needs only once is not counted; they make
no offers, because the holes that large buffers leave behind would differ from run to run. Called by `check`."""

import os
import resource
import ssl
import time

from client import OFFERS, SWARM_MEMBERS, Crowd
from server import PLAIN, TLS, Server

CONNECTIONS = 2000
ACTIVE_ROUNDS = 3
"""Announces with offers of each, all answered."""
WARM_SWARM = 1_000_000
"""A swarm that only the first few connections are in."""
SETTLE_SECONDS_MAX = 20
READING_SECONDS = 0.1
QUIET_SECONDS = 0.3
QUIET_AFTER_EBB_SECONDS = 2.5
"""The server gives memory back at its next tick, which comes every second."""

STEPS = ("open connection", "joined connection", "connection that was active", "left when all have closed")
NAMES = (*STEPS, *(f"TLS: {name}" for name in STEPS))


def why_not():
    """Why nothing can be measured here, or None."""
    if not os.path.exists("/proc/self/smaps_rollup"):
        return "memory is read from /proc/PID/smaps_rollup, which this system lacks"
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < CONNECTIONS + 100:
        return f"{CONNECTIONS} connections are more than the {hard} open files allowed here"
    return None


def per_connection(binary, wanted):
    """Bytes by name, each a mean over all connections. Plain or TLS is left out where nothing of it is wanted."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    plain, secure = NAMES[:len(STEPS)], NAMES[len(STEPS):]
    sizes = {}
    if set(plain) & set(wanted):
        sizes |= zip(plain, each(binary, PLAIN, None))
    if set(secure) & set(wanted):
        sizes |= zip(secure, each(binary, TLS, who_trusts_anybody()))
    return sizes


def who_trusts_anybody():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def each(binary, listen, tls):
    """Bytes per connection after each step."""
    with Server(binary, listen=listen) as server:
        warm = Crowd(server.port, WARM_SWARM, tls)
        warm.open(SWARM_MEMBERS)
        # Not sooner: the worker opens some as it starts.
        files = open_files(server) - SWARM_MEMBERS
        warm.announce(SWARM_MEMBERS, 0)
        readings = [when_closed(server, warm, files)]
        crowd = Crowd(server.port, tls=tls)
        crowd.open(CONNECTIONS)
        readings.append(settled(server, QUIET_SECONDS))
        for announces, offers in ((CONNECTIONS, 0), (ACTIVE_ROUNDS * CONNECTIONS, OFFERS)):
            crowd.announce(announces, offers)
            readings.append(settled(server, QUIET_SECONDS))
        readings.append(when_closed(server, crowd, files))
    fresh = readings[0]
    return [max(0, round((reading - fresh) / CONNECTIONS)) for reading in readings[1:]]


def open_files(server):
    return len(os.listdir(f"/proc/{server.pid}/fd"))


def when_closed(server, crowd, files):
    """Closes all; memory once the server has noticed and had time to give back."""
    crowd.close()
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    while open_files(server) > files:
        if time.monotonic() > deadline:
            raise TimeoutError("the server keeps connections that are gone")
        time.sleep(READING_SECONDS)
    return settled(server, QUIET_AFTER_EBB_SECONDS)


def settled(server, quiet):
    """The memory once it has stayed the same for so long."""
    deadline = time.monotonic() + SETTLE_SECONDS_MAX
    before, since = None, 0
    while True:
        now, moment = server.anonymous_bytes(), time.monotonic()
        if now != before:
            before, since = now, moment
        elif moment - since >= quiet or moment > deadline:
            return now
        time.sleep(READING_SECONDS)
