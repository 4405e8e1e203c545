#!/usr/bin/env python3
"""One attack as a process of its own: `attacker.py ATTACK PORT SECONDS idle|other`. Says `ready` when it is at full strength and, when its
time is over or by SIGTERM, one JSON object with what it did and what came of it.

With `idle` the kernel runs it only while nobody else wants its core: honest clients on the same core shall suffer from it by
nothing but the server. With `other` it is a process like any other.
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
BYSTANDERS = BYSTANDER, BYSTANDER_TLS = "bystander", "bystander-tls"
"""The second one beside honest clients within TLS."""


def addresses(many):
    return [str(ipaddress.IPv4Address(FIRST_ADDRESS + number)) for number in range(many)]


def step_back(policy):
    os.sched_setscheduler(0, {"idle": os.SCHED_IDLE, "other": os.SCHED_OTHER}[policy], os.sched_param(0))


def stand_by(until, on_reached):
    """Floods a socket of its own: the core is as busy as under attack, and the server is left alone."""
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
        crowd.over.set()
    return {**crowd.seen, "open at the end": crowd.open, "said": plan.said}


def main():
    name, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    step_back(sys.argv[4])

    def on_reached():
        print("ready", flush=True)

    until = time.monotonic() + seconds
    try:
        seen = stand_by(until, on_reached) if name in BYSTANDERS else attack(name, port, until, on_reached)
    except KeyboardInterrupt:
        seen = {}
    print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    main()
