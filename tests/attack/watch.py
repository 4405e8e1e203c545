"""Measures the process of the server: memory before, during and after the attack, and CPU time."""

import os
import threading
import time

EVERY_SECONDS = 0.1
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")
SETTLE_SECONDS_MAX = 6
SETTLED_SECONDS = 2.5
"""The server releases memory at a tick every second: after this time without a change it is done."""


class Watch(threading.Thread):
    """Samples the memory of a process until it is stopped."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.over = pid, threading.Event()
        self.before_bytes = self.peak_bytes = self.resident_bytes()

    def run(self):
        while not self.over.wait(EVERY_SECONDS):
            self.peak_bytes = max(self.peak_bytes, self.resident_bytes())

    def stop(self):
        self.over.set()
        self.join()

    def resident_bytes(self):
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * PAGE_BYTES

    def settled_bytes(self):
        """Returns resident memory once it no longer falls."""
        least, since = self.resident_bytes(), time.monotonic()
        until = since + SETTLE_SECONDS_MAX
        while time.monotonic() < min(until, since + SETTLED_SECONDS):
            time.sleep(EVERY_SECONDS)
            now = self.resident_bytes()
            if now < least:
                least, since = now, time.monotonic()
        return least

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))
