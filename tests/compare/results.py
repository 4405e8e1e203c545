"""The results of the runs: load reports with their round numbers, and failures."""

from dataclasses import dataclass, field

# Servers that are also compared at half of their capacity; the others would be overloaded at that rate.
LEAN = ("floor", "swarmhub")


@dataclass
class Results:
    """Load reports by server and measurement, and failures by server."""

    runs: dict = field(default_factory=dict)
    failures: dict = field(default_factory=dict)

    def add(self, server, measurement, turn, run):
        run["round"] = turn
        self.runs.setdefault(server, {}).setdefault(measurement, []).append(run)

    def fail(self, server, measurement, text):
        known = self.failures.setdefault(server, [])
        line = f"{measurement}: {text}"
        if line not in known:
            known.append(line)

    def get(self, server, measurement):
        return self.runs.get(server, {}).get(measurement, [])

    def half(self):
        """Returns half of the rate of the slower lean server in the first closed loop, for latency under the same load."""
        closed = [(name, run) for name in LEAN for run in self.get(name, "offers")]
        first = min((run["round"] for _, run in closed), default=None)
        closed = [(name, run) for name, run in closed if run["round"] == first]
        if not closed:
            return None
        slower = min((run for _, run in closed), key=lambda run: run["load"]["announces_per_s"])
        return {
            "per_s": slower["load"]["announces_per_s"] / 2,
            "of": [name for name, _ in closed],
            "load_tool_was_full": slower["own"]["full"],
        }
