"""Compares rows with the quiet row and writes the table."""

import statistics

RATIO_MAX = 3.0
"""An honest p99 must be below this multiple of the quiet one."""
# An attack that takes all descriptors of the process keeps newcomers out; connected honest clients must not be affected.
MAY_TURN_AWAY = {"connection-flood"}
MIB = 1 << 20


def p99_us(found, which):
    return found["report"]["load"][which]["p99"] or 0


def figures(found, quiets):
    """Returns the table figures of a row, relative to the slowest of the rows without an attack."""
    reply, answer = p99_us(found, "reply_latency_us"), p99_us(found, "answer_latency_us")
    quiet_reply, quiet_answer = (max(p99_us(quiet, which) for quiet in quiets) for which in ("reply_latency_us", "answer_latency_us"))
    return {
        "reply_p99_us": reply,
        "answer_p99_us": answer,
        "reply_ratio": reply / max(quiet_reply, 1),
        "answer_ratio": answer / max(quiet_answer, 1),
        "lateness_p99_us": p99_us(found, "lateness_us"),
        "lost": list(found["report"]["problems"]),
    }


def median_of(rounds):
    """Returns the figures of several rounds: medians, and all losses."""
    first = rounds[0]
    middle = {key: statistics.median(row[key] for row in rounds) for key in first if key != "lost"}
    return middle | {"lost": [text for row in rounds for text in row["lost"]]}


def problems(name, row, found):
    """Returns why a row fails."""
    wrong = [f"lost: {text}" for text in row["lost"]]
    for what in ("reply", "answer"):
        if row[f"{what}_ratio"] >= RATIO_MAX:
            wrong.append(f"p99 of {what} is {row[f'{what}_ratio']:.1f} times the quiet one")
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
    if not seen:
        return "–"
    order = ["open at the end", "tried", "sent", "bytes sent"]
    words = {"open at the end": "open at the end", "tried": "tried", "sent": "sent", "bytes sent": "MB sent"}
    parts = [f"{count(seen[key] / 1e6 if key == 'bytes sent' else seen[key])} {words[key]}" for key in order if seen.get(key)]
    hidden = {*order, "connected", "open", "bytes received", "replies received", "messages received"}
    parts += [f"{count(value)} {key}" for key, value in sorted(seen.items(), key=lambda item: -item[1]) if key not in hidden and value]
    parts += [f"inside: {client['summary']}" for client in found["extra_clients"] if client["summary"]]
    return ", ".join(parts)


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
    """Rows of name, figures and findings as Markdown."""
    head = ["attack", "announce → reply p99 ms", "× quiet", "offer → answer p99 ms", "× quiet", "lost", "newcomers served"]
    head += ["server MiB before / peak / after", "server CPU", "outcome of the attack"]
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * 5 + "---|" + "---:|" * 2 + "---|"]
    for name, row, found in rows:
        memory = found["memory_bytes"]
        cells = [
            name,
            milliseconds(row["reply_p99_us"]),
            f"{row['reply_ratio']:.2f}",
            milliseconds(row["answer_p99_us"]),
            f"{row['answer_ratio']:.2f}",
            str(len(row["lost"])),
            newcomers(found),
            " / ".join(f"{memory[key] / MIB:.0f}" for key in ("before", "peak", "after")),
            f"{found['cpu_share'] * 100:.0f} %",
            outcome(found),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
