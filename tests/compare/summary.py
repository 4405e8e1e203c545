"""Computes medians and spreads of load reports as one structure: server → figure → value."""

import statistics

MIB = 1024 * 1024

# Figure: measurement, path in the load report, factor.
FIGURES = {
    "offers_cpu_us": ("offers", "load.server.cpu_us_per_unit", 1),
    "offers_user_us": ("offers", "load.server.user_us_per_unit", 1),
    "offers_system_us": ("offers", "load.server.system_us_per_unit", 1),
    "offers_per_s": ("offers", "load.announces_per_s", 1),
    "presence_cpu_us": ("presence", "load.server.cpu_us_per_unit", 1),
    "presence_per_s": ("presence", "load.announces_per_s", 1),
    "opened_cpu_us": ("idle", "open.server.cpu_us_per_unit", 1),
    "joined_cpu_us": ("idle", "join.server.cpu_us_per_unit", 1),
    "open_bytes": ("idle", "memory.per_open_connection.anonymous_bytes", 1),
    "joined_bytes": ("idle", "memory.per_joined_connection.anonymous_bytes", 1),
    "loaded_bytes": ("offers", "memory.per_loaded_connection.anonymous_bytes", 1),
    "fresh_mib": ("offers", "memory.fresh.anonymous_bytes", 1 / MIB),
    "loaded_mib": ("offers", "memory.loaded.anonymous_bytes", 1 / MIB),
    "closed_mib": ("offers", "memory.closed.anonymous_bytes", 1 / MIB),
    "open_cpu_us": ("open", "load.server.cpu_us_per_unit", 1),
    "open_reply_p50_ms": ("open", "load.reply_latency_us.p50", 1e-3),
    "open_reply_p99_ms": ("open", "load.reply_latency_us.p99", 1e-3),
    "open_answer_p50_ms": ("open", "load.answer_latency_us.p50", 1e-3),
    "open_answer_p99_ms": ("open", "load.answer_latency_us.p99", 1e-3),
    "half_cpu_us": ("half", "load.server.cpu_us_per_unit", 1),
    "half_reply_p50_ms": ("half", "load.reply_latency_us.p50", 1e-3),
    "half_reply_p99_ms": ("half", "load.reply_latency_us.p99", 1e-3),
    "half_answer_p50_ms": ("half", "load.answer_latency_us.p50", 1e-3),
    "half_answer_p99_ms": ("half", "load.answer_latency_us.p99", 1e-3),
    "syscalls": ("syscalls", "server.syscalls.per_request", 1),
}
# Figures that are also given as a multiple of the floor's figure of the same round.
TIMES_FLOOR = ("offers_cpu_us", "presence_cpu_us", "opened_cpu_us", "open_reply_p99_ms", "half_reply_p99_ms")


def dig(report, path):
    for key in path.split("."):
        report = report.get(key) if isinstance(report, dict) else None
    return report


def spread(values):
    values = [value for value in values if value is not None]
    if not values:
        return None
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "rounds": len(values)}


def by_round(runs, path, factor):
    """Returns round → value; failed rounds are missing."""
    found = {run["round"]: dig(run, path) for run in runs}
    return {turn: value * factor for turn, value in found.items() if value is not None}


def figures(results, server):
    """Returns all measured figures of one server."""
    found = {}
    for name, (measurement, path, factor) in FIGURES.items():
        own = by_round(results.get(server, measurement), path, factor)
        found[name] = spread(own.values())
        if name in TIMES_FLOOR:
            floor = by_round(results.get("floor", measurement), path, factor)
            ratios = [mine / floor[turn] for turn, mine in own.items() if floor.get(turn)]
            found[f"{name}_times_floor"] = spread(ratios)
    calls = results.get(server, "syscalls")
    if calls:
        found["syscalls_by_name"] = dig(calls[0], "server.syscalls.by_name")
    full = [dig(run, "own.full") for run in results.get(server, "offers")]
    found["load_tool_was_full"] = any(full)
    return {name: value for name, value in found.items() if value is not None}
