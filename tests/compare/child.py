"""Child processes: starts them on given cores with their output in a log, waits for them, and ends them by pid.

No other process is signalled. Children also end when this process is killed.
"""

import ctypes
import os
import re
import signal
import subprocess
import sys
import time

STOP_SECONDS_MAX = 10
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class Failed(Exception):
    """A server or the load generator failed; the text is for the user."""


def tail(path, lines=8):
    with open(path, errors="replace") as log:
        return "".join(log.readlines()[-lines:]).strip()


def run_tool(what, command, **options):
    """Builds or installs something; shows the output only on failure."""
    done = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        **options,
    )
    if done.returncode != 0:
        end = "\n".join(done.stdout.splitlines()[-12:])
        raise Failed(f"{what} failed with {done.returncode}:\n{end}")


def _prepare(cores):
    """Returns the function that runs in the child before exec."""

    def prepare():
        if _libc:
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if cores is not None and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, cores)

    return prepare


class Child:
    """A running program. As a context manager it ends the program at the end of the block."""

    def __init__(self, command, log, cores=None, stdout=None, cwd=None):
        self.log = log
        with open(log, "wb") as output:
            try:
                self.process = subprocess.Popen(
                    [str(part) for part in command],
                    stdin=subprocess.DEVNULL,
                    stdout=output if stdout is None else stdout,
                    stderr=output,
                    cwd=cwd,
                    # Ctrl-C reaches only this process, which then ends the children.
                    start_new_session=True,
                    preexec_fn=_prepare(cores),
                )
            except OSError as error:
                raise Failed(f"{command[0]} cannot be started: {error}") from error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        return self.process.pid

    def wait_for(self, pattern, seconds):
        """Waits until a line of the log matches, and returns the match."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            ended = self.process.poll() is not None
            with open(self.log, errors="replace") as log:
                found = re.search(pattern, log.read(), re.MULTILINE)
            if found:
                return found
            if ended:
                raise Failed(f"ended with {self.process.returncode}:\n{tail(self.log)}")
            time.sleep(0.02)
        raise Failed(f"not ready after {seconds} s:\n{tail(self.log)}")

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        for ask in (self.process.terminate, self.process.kill):
            if not self.alive():
                return
            ask()
            try:
                self.process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                continue
