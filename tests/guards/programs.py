"""Builds what is measured. The server comes last: building a bench builds it as well, with what only tests need, and both go
to the same place. Called by `check`."""

import json
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = ("cargo", "build", "--release", "--locked", "--message-format=json-render-diagnostics")


def build():
    """Paths of the bench and of the server."""
    return built("instructions", "--bench", "instructions"), built("swarmhub", "--bin", "swarmhub")


def built(name, *what):
    done = subprocess.run([*BUILD, *what], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"cargo cannot build {name}")
    messages = map(json.loads, done.stdout.splitlines())
    return next(message["executable"] for message in messages
                if message["reason"] == "compiler-artifact" and message["target"]["name"] == name and message["executable"])
