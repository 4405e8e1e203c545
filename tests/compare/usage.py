"""CPU time and memory of a process, and how busy the machine is, from /proc."""

import os
import pathlib
import time


def cpu_us(pid):
    """Returns the CPU time in µs, and the share of user mode, which has a resolution of ten milliseconds."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system = int(fields[11]), int(fields[12])
    return total / 1000, user / max(1, user + system)


def anonymous_bytes(pid):
    """Returns the resident memory without pages of files: heap and stacks."""
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1]) * 1024
    raise LookupError(f"no Anonymous in smaps_rollup of {pid}")


def machine_cpu_us():
    """Returns the CPU time of all programs on all cores in µs, with a resolution of ten milliseconds."""
    user, nice, system, _, _, irq, softirq, *_ = map(int, pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:])
    return (user + nice + system + irq + softirq) * 1_000_000 / os.sysconf("SC_CLK_TCK")


def wait_until_quiet(share_max, seconds_max):
    """Waits for a second in which less than this share of all cores is used. Returns whether there was one."""
    until = time.monotonic() + seconds_max
    while time.monotonic() < until:
        before, begin = machine_cpu_us(), time.monotonic()
        time.sleep(1)
        if machine_cpu_us() - before <= share_max * (time.monotonic() - begin) * 1e6 * os.cpu_count():
            return True
    return False
