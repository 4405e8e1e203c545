"""What came out of the runs: the load tool's reports with the number of their round, and the failures."""

from dataclasses import dataclass, field

# Who is compared at half of its capacity; the others would be full at that rate.
LEAN = ("floor", "swarmhub")


@dataclass
class Results:
    """What came out, by server and measurement; failures are kept beside it."""

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
        """Half of what the slower of the lean servers did in the first closed loop, for latency under the same load."""
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
