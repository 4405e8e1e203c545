#!/usr/bin/env python3
"""Runs one attack as a separate process: `attacker.py ATTACK PORT SECONDS idle|other`. Prints `ready` at full strength and, after
its time or on SIGTERM, one JSON object with its counts.

With `idle` the kernel runs it only while its core is otherwise idle, so that it affects honest clients on the same core only
through the server. With `other` it has normal priority.
"""

import ipaddress
import json
import os
import resource
import signal
import socket
import sys
import time

sys.dont_write_bytecode = True

import attacks
from crowd import Crowd

FIRST_ADDRESS = int(ipaddress.IPv4Address("127.66.0.1"))
BYSTANDERS = BYSTANDER, BYSTANDER_TLS, BYSTANDER_ICE = "bystander", "bystander-tls", "bystander-ice"
"""The second one runs with honest clients over TLS, the third one with honest clients of the TURN relay."""


def addresses(many):
    return [str(ipaddress.IPv4Address(FIRST_ADDRESS + number)) for number in range(many)]


def set_scheduling(policy):
    os.sched_setscheduler(0, {"idle": os.SCHED_IDLE, "other": os.SCHED_OTHER}[policy], os.sched_param(0))


def keep_busy(until, on_reached):
    """Floods a socket pair: the core is as busy as under attack, without traffic to the server."""
    here, there = socket.socketpair()
    block = bytes(1 << 16)
    on_reached()
    while time.monotonic() < until:
        here.sendall(block[: 1 << 15])
        there.recv(1 << 16)
    return {}


def attack(name, port, until, on_reached):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    plan = attacks.ALL[name]()
    crowd = Crowd(plan, port, addresses(plan.addresses))
    try:
        plan.prepare(port)
        plan.run(crowd, until, on_reached)
    except KeyboardInterrupt:
        crowd.stopped.set()
    return {**crowd.seen, "open at the end": crowd.open, "sent": plan.sent_count}


def main():
    name, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    set_scheduling(sys.argv[4])

    def on_reached():
        print("ready", flush=True)

    until = time.monotonic() + seconds
    try:
        seen = keep_busy(until, on_reached) if name in BYSTANDERS else attack(name, port, until, on_reached)
    except KeyboardInterrupt:
        seen = {}
    print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    main()
