"""Builds the measured programs. The server is built last: building a bench builds it too, with features for tests only, to the
same path. Called by `check`."""

import json
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = ("cargo", "build", "--release", "--locked", "--message-format=json-render-diagnostics")


def build():
    """Returns the paths of the bench and of the server."""
    return built("instructions", "--bench", "instructions"), built("swarmhub", "--bin", "swarmhub")


def built(name, *what):
    done = subprocess.run([*BUILD, *what], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"cargo cannot build {name}")
    messages = map(json.loads, done.stdout.splitlines())
    return next(message["executable"] for message in messages
                if message["reason"] == "compiler-artifact" and message["target"]["name"] == name and message["executable"])
