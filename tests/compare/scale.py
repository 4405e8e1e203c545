"""Measures cost by number of connections, swarms and workers, and of the core alone in process; makes tables and plots."""

import json
import resource
import subprocess

import markdown
import plot
import servers
from child import Failed, tail
from summary import dig, spread

CONNECTIONS = (100, 1_000, 5_000, 10_000, 20_000)
# At 10,000 connections; the smallest swarm still has a receiver for each of five offers.
SWARM_CONNECTIONS = 10_000
SWARM_SIZES = (1_000, 100, 10, 6)
# Descriptors for other uses than connections, on both sides.
SPARE_DESCRIPTORS = 200
SERVERS = [servers.Floor(), servers.Hub()]
WORKERS = {count: servers.Hub(f"swarmhub, --workers {count}", workers=count) for count in (1, 2)}
CPU = "load.server.cpu_us_per_unit"
BENCH_SECONDS_MAX = 900


def run(bench, pair, rounds, images):
    room = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - SPARE_DESCRIPTORS
    counts = sorted({min(count, room // 50 * 50) for count in CONNECTIONS})
    most = min(SWARM_CONNECTIONS, room // 1000 * 1000)
    for turn in range(rounds):
        bench.round = turn + 1
        bench.say(f"round {bench.round} of {rounds}")
        for server in pair if turn % 2 == 0 else pair[::-1]:
            for count in counts:
                bench.measure(server, f"connections {count}", bench.sizes.closed(5, count))
            for size in SWARM_SIZES:
                bench.measure(server, f"swarms {most // size}", bench.sizes.closed(5, most, size))
        everywhere = bench.server_cores | bench.load.cores if bench.server_cores else None
        for workers in (1, 2) if turn % 2 == 0 else (2, 1):
            bench.measure(WORKERS[workers], "workers", bench.sizes.closed(5), everywhere)
    found = {
        "connections": gather(bench, pair, "connections", counts),
        "swarms": gather(bench, pair, "swarms", [most // size for size in SWARM_SIZES]),
        "workers": {
            server.name: spread([dig(run, CPU) for run in bench.results.get(server.name, "workers")])
            for server in WORKERS.values()
        },
        "swarm_connections": most,
        "core": core(bench),
        "failures": bench.results.failures,
    }
    draw(found, images)
    return found


def gather(bench, pair, kind, counts):
    """Returns server → count → spread of CPU µs per announce."""
    found = {}
    for server in pair:
        for count in counts:
            runs = bench.results.get(server.name, f"{kind} {count}")
            value = spread([dig(run, CPU) for run in runs])
            if value:
                found.setdefault(server.name, {})[count] = value
    return found


def core(bench):
    """Measures the core without sockets with benches/scale.rs."""
    bench.say("the core in process")
    log = bench.folder / "core.log"
    command = ["cargo", "bench", "--locked", "--bench", "scale", "--", "--json"]
    with open(log, "wb") as output:
        try:
            done = subprocess.run(
                command, cwd=servers.ROOT, stdout=subprocess.PIPE, stderr=output, timeout=BENCH_SECONDS_MAX, check=True
            )
            return json.loads(done.stdout)
        except (OSError, subprocess.SubprocessError) as error:
            bench.results.fail("core", "scale", f"{error}\n{tail(log)}")
            return None


def points(by_count):
    return [(count, value["median"], value["min"], value["max"]) for count, value in by_count.items()]


def draw(found, images):
    images.mkdir(parents=True, exist_ok=True)
    for kind, label in (("connections", "connections"), ("swarms", "swarms")):
        series = {name: points(by_count) for name, by_count in found[kind].items()}
        if series:
            title = f"Cost of an announce by number of {label}"
            text = plot.lines(title, label, "µs of CPU, 5 offers answered", series)
            (images / f"scale-{kind}.svg").write_text(text)
    if found["core"]:
        series = {}
        for name, rows in found["core"]["series"].items():
            series[name] = [(row["count"], row["best_ns"] / 1e3, row["best_ns"] / 1e3, row["best_ns"] / 1e3) for row in rows]
        title = "The core alone: an announce with 5 offers and their answers"
        (images / "scale-core.svg").write_text(plot.lines(title, "swarms, or members of one swarm", "µs", series))


def by_count(label, by_server):
    # Keys of saved figures are strings.
    by_server = {name: {int(count): value for count, value in found.items()} for name, found in by_server.items()}
    names = list(by_server)
    counts = sorted({count for found in by_server.values() for count in found})
    rows = []
    for count in counts:
        cells = [markdown.cell({"value": by_server[name].get(count)}, "value", True) for name in names]
        rows.append([f"{count:,}", *cells])
    return markdown.table([label, *(f"{name}, µs" for name in names)], rows)


def report(result):
    found = result["scale"]
    parts = [
        f"{markdown.machine(result['machine'])}. {result['rounds']} rounds; µs of CPU per announce with 5 offers, all answered; median (lowest–highest).",
        by_count("connections, in swarms of 50", found["connections"]),
        by_count(f"swarms, of {found['swarm_connections']:,} connections", found["swarms"]),
        "Server and load tool share the cores:",
        markdown.table(
            ["", "µs of CPU per announce"],
            [[name, markdown.cell({"value": value}, "value", True)] for name, value in found["workers"].items()],
        ),
    ]
    if found["core"]:
        for name, rows in found["core"]["series"].items():
            cells = [[f"{row['count']:,}", markdown.number(row["best_ns"] / 1e3), markdown.number(row["median_ns"] / 1e3), f"{row['bytes_per_member']:,.0f}"] for row in rows]
            parts.append(markdown.table([f"in process: {name}", "µs per announce and its answers, best", "median", "bytes per member"], cells))
    for name, failures in found["failures"].items():
        parts += [f"**{name} failed**", *(f"```\n{failure}\n```" for failure in failures)]
    return "\n\n".join(parts) + "\n"
