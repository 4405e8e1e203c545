"""The measurements: the load runs of every server in each round, each on a new server."""

from dataclasses import dataclass

from child import Failed
from results import LEAN, Results

# Maximum time of a run besides its measured window: connecting, joining, settling, closing.
MARGIN_SECONDS = 120
SYSCALL_CONNECTIONS = 500


@dataclass
class Sizes:
    connections: int = 2000
    idle_connections: int = 5000
    under_way: int = 64
    rate_per_s: int = 400
    warmup_s: float = 2
    duration_s: float = 6
    swarm_size: int = 50

    def closed(self, offers, connections=None, swarm_size=None):
        """As many announces as possible, with a fixed number in flight."""
        return [
            *self._common(offers, connections or self.connections, swarm_size or self.swarm_size),
            *("--closed", str(self.under_way)),
        ]

    def open(self, rate_per_s, connections=None):
        """Announces at a fixed rate, independent of the server."""
        return [
            *self._common(5, connections or self.connections, self.swarm_size),
            *("--rate", str(round(rate_per_s))),
        ]

    def idle(self):
        """Connections that join and then stay idle."""
        common = ["--connections", str(self.idle_connections), "--swarm-size", str(self.swarm_size)]
        return [*common, "--duration", "0"]

    def _common(self, offers, connections, swarm_size):
        return [
            *("--connections", str(connections), "--swarm-size", str(swarm_size)),
            *("--offers", str(offers), "--answers", "1"),
            *("--warmup", str(self.warmup_s), "--duration", str(self.duration_s)),
        ]

    def seconds_max(self):
        return self.warmup_s + self.duration_s + MARGIN_SECONDS


QUICK = {"connections": 500, "idle_connections": 1000, "warmup_s": 0.5, "duration_s": 1.5}


class Bench:
    """The assignment of cores, the load generator, and the results so far."""

    def __init__(self, load, server_cores, folder, sizes, say):
        self.load = load
        self.server_cores = server_cores
        self.folder = folder
        self.sizes = sizes
        self.say = say
        self.results = Results()
        self.started = 0
        self.round = 1

    def measure(self, server, measurement, arguments, cores=None):
        """Runs one load run on a new server. Failures are recorded, and other measurements continue."""
        self.started += 1
        log = self.folder / f"{server.name}-{self.started}.log"
        try:
            child, url = server.start(log, cores or self.server_cores)
            with child:
                run = self.load.run(url, child.pid, arguments, self.sizes.seconds_max())
                if not child.alive():
                    raise Failed("the server ended during the run")
        except Failed as failed:
            text = str(failed)
            last = log.read_text(errors="replace").strip().splitlines()[-4:] if log.exists() else []
            if last and last[-1] not in text:
                text += "\nlast lines of its log:\n" + "\n".join(last)
            self.results.fail(server.name, measurement, text)
            self.say(f"  {server.name} {measurement}: FAILED, {text.splitlines()[0]}")
            return None
        self.results.add(server.name, measurement, self.round, run)
        return run

    def compare(self, servers, rounds, syscalls):
        """All measurements on all servers, every other round backwards."""
        for turn in range(rounds):
            self.round = turn + 1
            for server in servers if turn % 2 == 0 else servers[::-1]:
                self.say(f"round {self.round} of {rounds}: {server.name}")
                self.measure(server, "offers", self.sizes.closed(offers=5))
                self.measure(server, "presence", self.sizes.closed(offers=0))
                self.measure(server, "idle", self.sizes.idle())
                self.measure(server, "open", self.sizes.open(self.sizes.rate_per_s))
                if turn == 0 and syscalls:
                    few = self.sizes.open(self.sizes.rate_per_s, SYSCALL_CONNECTIONS)
                    self.measure(server, "syscalls", [*few, "--syscalls"])
            half = self.results.half()
            for server in servers if turn % 2 == 0 else servers[::-1]:
                if half and server.name in LEAN:
                    self.measure(server, "half", self.sizes.open(half["per_s"]))
