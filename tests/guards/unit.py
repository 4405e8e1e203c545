"""Measures the cost of one unit for the whole server: an announce with 5 offers, its reply, the five relays, the five answers and
their relays; 6 messages in, 11 out. The server runs under a counting tool with two numbers of units; the difference is the
cost of the units, without start, handshakes and first announces. The guards and the profile use it."""

import collections
import json
import os
import re
import tempfile

from client import OFFERS, Crowd
from server import Server

CONNECTIONS = 200
UNITS = (500, 1500)

CALLGRIND = ("valgrind", "-q", "--tool=callgrind", "--callgrind-out-file={out}")
HEAP = ("valgrind", "-q", "--tool=dhat", "--mode=heap", "--dhat-out-file={out}")
COPIES = ("valgrind", "-q", "--tool=dhat", "--mode=copy", "--dhat-out-file={out}")
SYSTEM_CALLS = ("strace", "-f", "-c", "-qq", "-o", "{out}")


def per_unit(binary, tool, read):
    """Returns the counts that `read` finds in the file of the tool, per unit."""
    short, long = (counted(binary, tool, read, units) for units in UNITS)
    difference = collections.Counter(long)
    difference.subtract(short)
    return {what: count / (UNITS[1] - UNITS[0]) for what, count in difference.items()}


def counted(binary, tool, read, units):
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out")
        with Server(binary, [word.format(out=out) for word in tool]) as server:
            crowd = Crowd(server.port)
            crowd.open(CONNECTIONS)
            crowd.announce(CONNECTIONS, 0)
            crowd.announce(units, OFFERS)
            crowd.close()
        with open(out, encoding="utf-8") as file:
            return read(file)


def total_instructions(file):
    """Returns the total of a callgrind file."""
    return {"instructions": int(next(line for line in file if line.startswith("totals:")).split()[1])}


def instructions_by_function(file):
    """Returns the instructions of each function, without called functions."""
    names, costs, function, is_call = {}, collections.Counter(), None, False
    for line in file:
        if line[0].isdigit() or line[0] in "+-*":
            if not is_call:
                costs[function] += int(line.split()[1])
            is_call = False
        elif found := re.match(r"fn=\((\d+)\)(?: (.*))?", line):
            function = names.setdefault(found[1], found[2])
        elif found := re.match(r"cfn=\((\d+)\)(?: (.*))?", line):
            names.setdefault(found[1], found[2])
        elif line.startswith("calls="):
            is_call = True
    return costs


def blocks_and_bytes_by_function(file):
    """Returns allocations or copies of a dhat file by the innermost function of the crate, or the nearest named one."""
    content = json.load(file)
    counts = collections.Counter()
    for point in content["pps"]:
        frames = [content["ftbl"][frame].partition(": ")[2].partition(" (in ")[0] for frame in point["fs"]]
        own = next((frame for frame in frames if "swarmhub" in frame), frames[min(1, len(frames) - 1)])
        counts["blocks", own] += point["tbk"]
        counts["bytes", own] += point["tb"]
    return counts


def system_calls(file):
    """Returns the calls by name from an strace table."""
    rows = (line.split() for line in file)
    return {row[-1]: int(row[3]) for row in rows if len(row) >= 5 and row[0][0].isdigit() and row[-1] != "total"}
