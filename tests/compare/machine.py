"""Describes the machine of a measurement."""

import os
import platform
import re
import subprocess


def cpu_name():
    try:
        with open("/proc/cpuinfo") as text:
            found = re.search(r"model name\s*:\s*(.+)", text.read())
    except OSError:
        found = None
    return found.group(1) if found else platform.processor() or "unknown"


def version(*command):
    try:
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return output.split("\n")[0].strip()


def describe(server_cores, load_cores):
    return {
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "server_cores": sorted(server_cores) if server_cores else None,
        "load_cores": sorted(load_cores) if load_cores else None,
        "kernel": f"{platform.system()} {platform.release().split('-')[0]}",
        "rustc": version("rustc", "--version"),
        "node": version("node", "--version"),
        "load_average": os.getloadavg()[0],
    }


def divide():
    """Returns the cores for the server and for the load generator; the same if there is only one."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    cores = sorted(os.sched_getaffinity(0))
    return {cores[0]}, {cores[min(1, len(cores) - 1)]}
