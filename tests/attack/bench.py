"""One row: a new server with default limits, 100 honest clients, and an attack.

The server has the first core. Honest clients and attackers share the second one; attackers get only idle time. With `realtime`
the server and the honest clients have priority over everything else on the machine, and the attackers none.
"""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import time

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parent.parent / "compare"))

import attacks
import honest_clients
import history
import honest_relay
import turn_client
from attacker import BYSTANDER, BYSTANDER_ICE, BYSTANDER_TLS
from child import Child, Failed, tail
from watch import Watch

HERE = pathlib.Path(__file__).resolve().parent
ARGUMENTS = "--workers 1 --log-level warn".split()
# By default clients on this machine are exempt from limits per address; here all clients are on it.
EXEMPT_ARGUMENTS = "--limits-exempt 192.0.2.1".split()
HISTORY_FLAG = "--history"
KIND_ARGUMENTS = {
    "plain": [],
    "tls": "--tls-self-signed --listen tls+127.0.0.1:0".split(),
    "ice": ["--ice-turn", "--ice-turn-secret", turn_client.SECRET],
}
"""Extra arguments of the server for each kind of row; the first one is a flag that older builds lack."""
READY_SECONDS_MAX = 30
HONEST = 100
HONEST_SOURCES = "127.200.0.1-127.200.0.25"
RATE_PER_S = 100
"""One announce per second and honest client, with five offers, all answered, as from busy browsers."""
RAMP_SECONDS = 5
LEAD_SECONDS = 2
QUIETS = {"plain": ("quiet", BYSTANDER), "tls": ("quiet-tls", BYSTANDER_TLS), "ice": ("quiet-ice", BYSTANDER_ICE)}
"""Rows without an attack, by the kind of the rows that are compared with them: with the core of the attackers idle and busy."""
EXIT_INCORRECT = 3


def has_flag(binary, flag):
    """Whether a build has this flag: older builds can be tested too."""
    shown = subprocess.run([binary, "--help"], capture_output=True, text=True, check=False)
    return flag in shown.stdout


def kind_of(row):
    """Returns the kind of a row, a key of `QUIETS`: plain WebSockets, TLS, or STUN and TURN."""
    for kind, rows in QUIETS.items():
        if row in rows:
            return kind
    attack = attacks.ALL[row]
    return "tls" if attack.tls else "ice" if attack.ice else "plain"


def free_port():
    """Returns a port that is free for TCP and UDP: without its UDP port the server starts without STUN."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            port = tcp.getsockname()[1]
            with contextlib.suppress(OSError):
                udp.bind(("127.0.0.1", port))
                return port


def supports(binary, kind):
    """Whether a build can run the rows of a kind."""
    return kind == "plain" or has_flag(binary, KIND_ARGUMENTS[kind][0])


class Bench:
    """The server and the load generator under test, and the folder of their logs."""

    def __init__(self, binary, cores, folder, seconds, realtime):
        self.binary, self.seconds, self.folder, self.realtime = binary, seconds, folder, realtime
        self.server_cores, self.load_cores = cores
        self.arguments = ARGUMENTS + (EXEMPT_ARGUMENTS if has_flag(binary, EXEMPT_ARGUMENTS[0]) else [])
        self.has_history = has_flag(binary, HISTORY_FLAG)
        self.runs = 0
        if realtime:
            # Inherited by the server and the honest clients.
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))

    def row(self, name):
        """Runs a row: the name of an attack, `bystander` for a busy core without attack, or `quiet`; the last two also with
        `-tls` or `-ice`."""
        self.runs += 1
        attack, kind = attacks.ALL.get(name), kind_of(name)
        arguments = self._arguments(attack, kind)
        with Child([self.binary, *arguments], self.log("server"), self.server_cores) as server:
            url = server.wait_for(r"^tracker\s+(wss://\S+)" if kind == "tls" else r"^tracker\s+(ws://\S+)", READY_SECONDS_MAX).group(1)
            found = self._measure(server, url, name, attack)
            if not server.alive():
                raise Failed(f"the server ended:\n{tail(server.log)}")
            return found

    def _arguments(self, attack, kind):
        arguments = ["--listen", f"127.0.0.1:{free_port()}", *self.arguments, *KIND_ARGUMENTS[kind]]
        if self.has_history:
            arguments = [*arguments, HISTORY_FLAG, history.file(self, bool(attack and attack.history))]
        own = list(attack.server_arguments) if attack else []
        for flag in own[::2]:
            if flag in arguments:
                at = arguments.index(flag)
                arguments = arguments[:at] + arguments[at + 2 :]
        return arguments + own

    def _measure(self, server, url, name, attack):
        port = int(url.rsplit(":", 1)[1].rstrip("/"))
        tls = honest_clients.any_certificate() if url.startswith("wss") else None
        watch = Watch(server.pid)
        watch.start()
        ramp = attack.ramp_seconds_max if attack else RAMP_SECONDS
        with contextlib.ExitStack() as stack:
            stack.callback(watch.stop)
            honest = stack.enter_context(self._honest(url, ramp + LEAD_SECONDS))
            self._wait_for_honest(watch, honest)
            pair = stack.enter_context(self._relay_pair(port, ramp)) if kind_of(name) == "ice" else None
            extra = attack.extra_clients if attack else [honest_relay.RelayNewcomers] if pair else []
            clients = [honest_clients.Newcomers(port, tls), *(client(port) for client in extra)]
            for client in clients:
                client.start()
                stack.callback(client.stop)
            attacker = None
            if name not in [quiet for quiet, _ in QUIETS.values()]:
                attacker = stack.enter_context(self._attacker(name, port))
                attacker.wait_for("^ready$", ramp + READY_SECONDS_MAX)
            cpu, began = watch.cpu_seconds(), time.monotonic()
            report = json.loads(self._output(honest))
            relay = json.loads(self._output(pair)) if pair else None
            cpu_share = (watch.cpu_seconds() - cpu) / (time.monotonic() - began)
            for client in clients:
                client.stop()
            seen = self._end(attacker)
            after = watch.settled_bytes()
        return {
            "report": report,
            "relay": relay,
            "newcomers": {"waited_s": clients[0].waited, "turned_away": clients[0].turned_away},
            "extra_clients": [{"problems": client.problems(), "summary": client.summary()} for client in clients[1:]],
            "memory_growth_bytes_max": attack.memory_growth_bytes_max if attack else None,
            "memory_bytes": {"before": watch.before_bytes, "peak": watch.peak_bytes, "after": after},
            "cpu_share": cpu_share,
            "attack": seen,
        }

    def log(self, name):
        return self.folder / f"{name}-{self.runs}.log"

    def _honest(self, url, warmup):
        command = [self.binary, "load", url, "--connections", HONEST, "--source", HONEST_SOURCES, "--rate", RATE_PER_S]
        command += ["--warmup", warmup, "--duration", self.seconds, "--json", "--quiet"]
        command += ["--insecure"] if url.startswith("wss") else []
        return Child(command, self.log("honest"), self.load_cores, stdout=subprocess.PIPE)

    @staticmethod
    def _wait_for_honest(watch, honest):
        until = time.monotonic() + READY_SECONDS_MAX
        while watch.descriptors() < HONEST:
            if not honest.alive() or time.monotonic() > until:
                raise Failed(f"the honest clients could not connect:\n{tail(honest.log)}")
            time.sleep(0.02)

    def _relay_pair(self, port, warmup):
        """Starts two honest clients of the relay. They are measured almost at the same time as the others."""
        command = [sys.executable, HERE / "honest_relay.py", port, warmup, self.seconds]
        pair = Child(command, self.log("relay"), self.load_cores, stdout=subprocess.PIPE)
        try:
            pair.wait_for("^ready$", READY_SECONDS_MAX)
        except BaseException:
            pair.stop()
            raise
        return pair

    def _output(self, honest):
        """Returns the output of honest clients when they have ended."""
        try:
            output, _ = honest.process.communicate(timeout=self.seconds + 90)
        except subprocess.TimeoutExpired as error:
            raise Failed(f"the honest clients did not end:\n{tail(honest.log)}") from error
        if honest.process.returncode not in (0, EXIT_INCORRECT):
            raise Failed(f"the honest clients failed with {honest.process.returncode}:\n{tail(honest.log)}")
        return output

    def _attacker(self, name, port):
        # Longer than any row: it is ended by a signal.
        command = [sys.executable, HERE / "attacker.py", name, port, self.seconds + 120, "other" if self.realtime else "idle"]
        return Child(command, self.log("attacker"), self.load_cores)

    @staticmethod
    def _end(attacker):
        if attacker is None:
            return None
        if not attacker.alive():
            raise Failed(f"the attacker ended by itself:\n{tail(attacker.log)}")
        attacker.stop()
        last = tail(attacker.log, 1)
        return json.loads(last) if last.startswith("{") else {}


def known_rows():
    return [*(row for rows in QUIETS.values() for row in rows), *attacks.ALL]
