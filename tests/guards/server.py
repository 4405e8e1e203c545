"""Starts and ends the real program for the guards and the profile: one worker, a free port, defaults except for history (off) and
the offer limits of members (raised for the few clients here); optionally under a valgrind tool."""

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
    """A running server; at the end of the `with` block it gets SIGINT, and a failure to end cleanly is an error."""

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
        # The output ends with the process, and so does this loop.
        for line in self.process.stdout:
            found = re.match(r"tracker\s+wss?://127\.0\.0\.1:(\d+)/", line)
            if found:
                return int(found[1])
        raise RuntimeError(f"{self.process.args[0]} ended without listening")

    def _program(self):
        """Returns the pid to signal: valgrind runs in the process itself, strace in its parent, which ignores signals."""
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
        """Returns the anonymous memory of the program: heap and stacks.

        Not PSS, which also counts executed pages of the binary and depends on other processes that run it."""
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as file:
            return sum(int(line.split()[1]) * 1024 for line in file if line.startswith(("Anonymous:", "Swap:")))


def small_pages():
    """Disables huge pages: one is 1 kB for each of 2,000 connections, and its use varies."""
    ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0)
