"""The real program as the guards start it: one worker, a port of the system's choice, all else as by default, but that no
history is kept and members may be given as many offers as the few clients here make; perhaps under a tool of valgrind. Ends it as an operator would. The guards and the profile use it."""

import ctypes
import os
import re
import signal
import subprocess

ARGUMENTS = """--workers 1 --log-level warn --history off
    --limits-offers-received-per-second 10000 --limits-offers-received-burst 100000""".split()
PLAIN = "--listen 127.0.0.1:0".split()
TLS = "--listen tls+127.0.0.1:0 --tls-self-signed".split()
START_SECONDS_MAX = 60
STOP_SECONDS_MAX = 60
PR_SET_THP_DISABLE = 41


class Server:
    """A running server; leaves the `with` by a signal to stop, and complains if that does not end well."""

    def __init__(self, binary, wrapper=(), environment=None, listen=PLAIN):
        self.process = subprocess.Popen(
            [*wrapper, binary, *listen, *ARGUMENTS],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
            text=True, env=environment, preexec_fn=small_pages,
        )
        self.pid = self.process.pid
        try:
            self.port = self._port()
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise

    def _port(self):
        # The output ends with the process, so this ends too.
        for line in self.process.stdout:
            found = re.match(r"tracker\s+wss?://127\.0\.0\.1:(\d+)/", line)
            if found:
                return int(found[1])
        raise RuntimeError(f"{self.process.args[0]} ended without listening")

    def _program(self):
        """Valgrind becomes the program, strace has it as its child and takes no signal for it."""
        with open(f"/proc/{self.pid}/task/{self.pid}/children", encoding="ascii") as file:
            return int((file.read().split() or [self.pid])[0])

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        os.kill(self._program(), signal.SIGINT)
        try:
            code = self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = "not at all"
        finally:
            self.process.stdout.close()
        if code != 0 and kind is None:
            raise RuntimeError(f"the server ended with {code}")

    def anonymous_bytes(self):
        """What the program itself has asked for and touched: heap and stacks.

        Not PSS: that counts pages of the binary too, as they are first run, and depends on who else runs it."""
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as file:
            return sum(int(line.split()[1]) * 1024 for line in file if line.startswith(("Anonymous:", "Swap:")))


def small_pages():
    """A huge page would be 1 kB for each of 2,000 connections: whether the system gives one must not matter."""
    ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
