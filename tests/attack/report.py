"""Compares rows with the quiet row and writes the table."""

import statistics

RATIO_MAX = 3.0
"""An honest p99 must be below this multiple of the quiet one."""
# An attack that takes all descriptors of the process keeps newcomers out; connected honest clients must not be affected.
MAY_TURN_AWAY = {"connection-flood"}
MEASURED = {"reply": "announce → reply", "answer": "offer → answer", "relay": "relayed packet"}
"""What is compared with the quiet rows, the last one only in rows with the relay."""
MIB = 1 << 20


def p99_us(found, what):
    """Returns a measured p99, or `None` if the row does not measure it."""
    if what == "relay":
        return found["relay"] and found["relay"]["p99_us"]
    return found["report"]["load"][f"{what}_latency_us"]["p99"] or 0


def figures(found, quiets):
    """Returns the table figures of a row, relative to the slowest of the rows without an attack."""
    row = {"lost": list(found["report"]["problems"])}
    for what in MEASURED:
        p99 = p99_us(found, what)
        if p99 is not None:
            row[f"{what}_p99_us"] = p99
            row[f"{what}_ratio"] = p99 / max(1, *(p99_us(quiet, what) for quiet in quiets))
    return row


def median_of(rounds):
    """Returns the figures of several rounds: medians, and all losses."""
    first = rounds[0]
    middle = {key: statistics.median(row[key] for row in rounds) for key in first if key != "lost"}
    return middle | {"lost": [text for row in rounds for text in row["lost"]]}


def problems(name, row, found):
    """Returns why a row fails."""
    wrong = [f"lost: {text}" for text in row["lost"]]
    for what in MEASURED:
        ratio = row.get(f"{what}_ratio", 0)
        if ratio >= RATIO_MAX:
            wrong.append(f"p99 of {what} is {ratio:.1f} times the quiet one")
    if found["relay"] and found["relay"]["foreign"]:
        wrong.append(f"{found['relay']['foreign']} packets of others reached an honest relay client")
    away = found["newcomers"]["turned_away"]
    if away and name not in MAY_TURN_AWAY:
        wrong.append(f"{len(away)} newcomers turned away: {away[0]}")
    for client in found["extra_clients"]:
        wrong += [f"inside: {it}" for it in client["problems"]]
    memory, most = found["memory_bytes"], found["memory_growth_bytes_max"]
    if most and memory["peak"] - memory["before"] > most:
        wrong.append(f"memory grew by {(memory['peak'] - memory['before']) / MIB:.0f} MiB, more than {most / MIB:.0f}")
    return wrong


def milliseconds(micros):
    return f"{micros / 1000:.2f}"


def outcome(found):
    """Returns the outcome of the attack as a table cell."""
    seen = found["attack"]
    extra = [f"inside: {client['summary']}" for client in found["extra_clients"] if client["summary"]]
    if not seen:
        return ", ".join(extra) or "–"
    order = ["open at the end", "tried", "sent", "bytes sent"]
    words = {"open at the end": "open at the end", "tried": "tried", "sent": "sent", "bytes sent": "MB sent"}
    parts = [f"{count(seen[key] / 1e6 if key == 'bytes sent' else seen[key])} {words[key]}" for key in order if seen.get(key)]
    hidden = {*order, "connected", "open", "bytes received", "replies received", "messages received"}
    parts += [f"{count(value)} {key}" for key, value in sorted(seen.items(), key=lambda item: -item[1]) if key not in hidden and value]
    return ", ".join(parts + extra)


def count(number):
    if number >= 10_000_000:
        return f"{number / 1e6:,.0f} M"
    if number >= 1_000_000:
        return f"{number / 1e6:,.1f} M"
    return f"{number:,.0f}"


def newcomers(found):
    waited, away = found["newcomers"]["waited_s"], found["newcomers"]["turned_away"]
    slowest = f", slowest {max(waited) * 1000:.0f} ms" if waited else ""
    return f"{len(waited)} of {len(waited) + len(away)}{slowest}"


def table(rows):
    """Rows of name, figures and findings as Markdown, all with the relay or all without."""
    shown = [what for what in MEASURED if f"{what}_p99_us" in rows[0][1]]
    head = ["attack"] + [title for what in shown for title in (f"{MEASURED[what]} p99 ms", "× quiet")]
    head += (["relayed packets lost"] if "relay" in shown else []) + ["lost", "newcomers served"]
    head += ["server MiB before / peak / after", "server CPU", "outcome of the attack"]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 5) + "---|" + "---:|" * 2 + "---|"]
    for name, row, found in rows:
        memory = found["memory_bytes"]
        cells = [name]
        for what in shown:
            cells += [milliseconds(row[f"{what}_p99_us"]), f"{row[f'{what}_ratio']:.2f}"]
        if "relay" in shown:
            cells.append(f"{found['relay']['lost']} of {count(found['relay']['packets'])}")
        cells += [
            str(len(row["lost"])),
            newcomers(found),
            " / ".join(f"{memory[key] / MIB:.0f}" for key in ("before", "peak", "after")),
            f"{found['cpu_share'] * 100:.0f} %",
            outcome(found),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
