"""Formats the results as Markdown tables."""


def number(value, digits=3):
    """Formats a number with three significant digits and thousands separators."""
    if abs(value) >= 100 or value == round(value):
        return f"{value:,.0f}"
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    return f"{value:.{max(digits - max(whole, 1), 0)}f}"


def cell(figures, name, with_spread=False):
    value = figures.get(name)
    if value is None:
        return "–"
    text = number(value["median"])
    if with_spread and value["rounds"] > 1:
        text += f" ({number(value['min'])}–{number(value['max'])})"
    return text


def pair(figures, first, second):
    return f"{cell(figures, first)} / {cell(figures, second)}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def cpu(servers):
    head = ["server", "µs CPU per announce, K = 5", "× floor", "user / system", "announces/s"]
    head += ["µs CPU per announce, K = 0", "× floor", "system calls per announce"]
    rows = [
        [
            name,
            cell(own, "offers_cpu_us", True),
            cell(own, "offers_cpu_us_times_floor"),
            pair(own, "offers_user_us", "offers_system_us"),
            cell(own, "offers_per_s") + ("*" if own.get("load_tool_was_full") else ""),
            cell(own, "presence_cpu_us", True),
            cell(own, "presence_cpu_us_times_floor"),
            cell(own, "syscalls"),
        ]
        for name, own in servers
    ]
    return table(head, rows)


def memory(servers):
    head = ["server", "bytes per open idle connection", "bytes per joined idle connection", "bytes per connection after activity"]
    head += ["MiB fresh", "MiB after activity", "MiB 2 s after closing all", "µs CPU per connection opened", "× floor"]
    rows = [
        [
            name,
            *(cell(own, key, True) for key in ("open_bytes", "joined_bytes", "loaded_bytes")),
            *(cell(own, key) for key in ("fresh_mib", "loaded_mib", "closed_mib")),
            cell(own, "opened_cpu_us", True),
            cell(own, "opened_cpu_us_times_floor"),
        ]
        for name, own in servers
    ]
    return table(head, rows)


def latency(servers, kind):
    head = ["server", "announce→reply p50 / p99, ms", "offer→answer p50 / p99, ms"]
    head += ["p99 of the reply, spread", "× floor", "µs CPU per announce"]
    rows = [
        [
            name,
            pair(own, f"{kind}_reply_p50_ms", f"{kind}_reply_p99_ms"),
            pair(own, f"{kind}_answer_p50_ms", f"{kind}_answer_p99_ms"),
            cell(own, f"{kind}_reply_p99_ms", True),
            cell(own, f"{kind}_reply_p99_ms_times_floor", True),
            cell(own, f"{kind}_cpu_us", True),
        ]
        for name, own in servers
        if f"{kind}_cpu_us" in own
    ]
    return table(head, rows)


def machine(of):
    parts = [f"{of['cores']} cores ({of['cpu']})", of["kernel"], of["rustc"], of["node"] and f"Node {of['node']}"]
    return ", ".join(part for part in parts if part)


def places(of):
    """Returns which cores were used."""
    server, load = of["server_cores"], of["load_cores"]
    if server is None:
        return "Server and load tool on whatever core the system chose"
    server, load = (", ".join(map(str, cores)) for cores in (server, load))
    return f"Server and load tool on core {server}" if server == load else f"Server on core {server}, load tool on core {load}"


def under_half(half):
    """Returns the title of the table at half the rate."""
    of = half["of"][0] if len(half["of"]) == 1 else f"the slower of {' and '.join(half['of'])}"
    text = f"The same at {half['per_s']:,.0f} announces/s, half of what {of} did in the closed loop of the first round"
    if half["load_tool_was_full"]:
        text += "; that is less than half of what it can do, as the load tool's core was full there"
    return text + ":"


def report(result):
    """Returns the complete report, ready for a documentation page."""
    sizes = result["sizes"]
    servers = [
        (f"{name} (failed, see below)" if name in result["failures"] else name, own)
        for name, own in result["servers"].items()
    ]
    parts = [
        f"{machine(result['machine'])}. {places(result['machine'])}, TCP over loopback. {result['rounds']} rounds, every other one"
        f" backwards; median (lowest–highest). {sizes['connections']:,} connections in swarms of {sizes['swarm_size']},"
        f" {sizes['under_way']} announces under way (closed loop), offers of 2,000 B, each answered with 1,600 B.",
        cpu(servers),
        "\\* the load tool's core was full: the server could do more." if any(own.get("load_tool_was_full") for _, own in servers) else "",
        f"Memory is the process's anonymous pages: heap and stacks, not the pages of the program's file; idle with {sizes['idle_connections']:,} connections.",
        memory(servers),
        f"Open loop, {sizes['rate_per_s']:,} announces/s, K = 5; latency from when the announce was due:",
        latency(servers, "open"),
    ]
    if result["half"]:
        parts += [under_half(result["half"]), latency(servers, "half")]
    for name, failures in result["failures"].items():
        parts += [f"**{name} failed**", *(f"```\n{failure}\n```" for failure in failures)]
    return "\n\n".join(part for part in parts if part) + "\n"
