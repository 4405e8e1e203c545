"""The committed figures and their comparison with new ones. Reads and writes figures.json; measures nothing. Called by
`check`."""

import json
import os
import platform
import re
import subprocess

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "figures.json")
CHANGE_MAX = {"instructions": 0.05, "memory": 0.10}
"""Allowed relative increase of a figure; a larger decrease is reported."""
BYTES_SLACK = 100
"""Memory may always differ by this many bytes, as the mean of 2,000 connections: heap fragmentation, and figures near zero."""

NEW, GROWN, SHRUNK = "not committed yet", "TOO MUCH", "smaller"


def load():
    with open(PATH, encoding="utf-8") as file:
        return json.load(file)


def save(committed, measured, names):
    """Writes measured figures; others are kept unless their name no longer exists."""
    for group, known in names.items():
        both = committed[group] | measured[group]
        committed[group] = {name: both[name] for name in known if name in both}
    committed["measured_with"] = environment()
    with open(PATH, "w", encoding="utf-8") as file:
        json.dump(committed, file, indent=2, ensure_ascii=False)
        file.write("\n")


def verdict(group, committed, now):
    """Returns the verdict on a figure, and whether it fails."""
    if committed is None:
        return NEW, True
    room = committed * CHANGE_MAX[group]
    if group == "memory":
        room = max(room, BYTES_SLACK)
    if now > committed + room:
        return GROWN, True
    return (SHRUNK if now < committed - room else ""), False


def environment():
    """Returns the environment that the figures depend on."""
    return {
        "rustc": output_of("rustc", "-V"),
        "valgrind": output_of("valgrind", "--version"),
        "libc": " ".join(platform.libc_ver()),
        "processor": processor(),
    }


def output_of(*command):
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "none"


def processor():
    """Returns the level of x86-64 by which libraries choose their code; valgrind supports at most level 3."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            flags = set(re.search(r"^flags\s*:(.*)$", file.read(), re.MULTILINE)[1].split())
    except (OSError, TypeError):
        return platform.machine()
    return f"{platform.machine()} with{'' if {'avx2', 'bmi2', 'fma'} <= flags else 'out'} AVX2"
