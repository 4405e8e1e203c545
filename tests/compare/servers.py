"""The servers that are compared: how each is got, and how each is started with room for the load and nothing in its way.

Rate limits are not switched off where they exist: they are raised, so that their accounting is part of the price.
"""

import os
import pathlib
import re
import socket
import subprocess
import time

from child import Child, Failed, tail

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
CACHE = TARGET / "compare"
AQUATIC_VERSION = "0.9.0"
KEEP_SECONDS = 1800
READY_SECONDS_MAX = 30

READY = r"^tracker\s+(ws://\S+)"
HUB_ARGUMENTS = """--listen 127.0.0.1:0 --interval 1800 --log-level warn
    --limits-messages-per-second 1000000 --limits-messages-burst 1000000
    --limits-offers-per-second 1000000 --limits-offers-burst 1000000
    --limits-bytes-per-second 4294967295 --limits-bytes-burst 4294967295""".split()


def run_tool(what, command, **options):
    """Builds or installs something; what it says is shown only if it fails."""
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


class Hub:
    """swarmhub, of this tree or another build of it."""

    def __init__(self, name="swarmhub", binary=None, workers=1):
        self.name = name
        self.workers = workers
        self.given = binary
        self.binary = pathlib.Path(binary or TARGET / "release/swarmhub").resolve()

    def prepare(self):
        if self.given is None:
            command = ["cargo", "build", "--release", "--locked", "--bin", "swarmhub"]
            run_tool("building swarmhub", command, cwd=ROOT)
        elif not self.binary.exists():
            raise Failed(f"there is no {self.given}")

    def start(self, log, cores):
        child = Child([self.binary, *HUB_ARGUMENTS, "--workers", self.workers], log, cores)
        return child, _ready(child)


class Floor:
    name = "floor"
    binary = CACHE / "floor/release/floor"

    def prepare(self):
        manifest = HERE / "floor/Cargo.toml"
        command = ["cargo", "build", "--release", "--locked", "--manifest-path", manifest]
        run_tool("building the floor", [*command, "--target-dir", CACHE / "floor"])

    def start(self, log, cores):
        child = Child([self.binary, "--listen", "127.0.0.1:0"], log, cores)
        return child, _ready(child)


class BittorrentTracker:
    name = "bittorrent-tracker"

    def prepare(self):
        # The version is the one that the other tests use, from their lock file.
        script = "exec 3>&1; . tests/tools/install.sh; npm_packages tests"
        run_tool("installing bittorrent-tracker", ["bash", "-euc", script], cwd=ROOT)

    def start(self, log, cores):
        child = Child(["node", HERE / "bittorrent-tracker.mjs"], log, cores)
        return child, _ready(child)


class Aquatic:
    name = "aquatic_ws"
    root = CACHE / "aquatic"
    binary = root / "bin/aquatic_ws"

    def prepare(self):
        if self.binary.exists():
            return
        # Its default metrics need a version of the crate `metrics` that Rust 1.95 no longer compiles.
        features = ["--no-default-features", "--features", "mimalloc"]
        command = ["cargo", "install", "aquatic_ws", "--version", AQUATIC_VERSION, "--locked", *features]
        places = ["--root", self.root, "--target-dir", self.root / "build"]
        run_tool(f"building aquatic_ws {AQUATIC_VERSION}", [*command, *places])

    def start(self, log, cores):
        port = _free_port()
        settings = pathlib.Path(log).with_suffix(".toml")
        settings.write_text(self._settings(port))
        child = Child([self.binary, "-c", settings], log, cores)
        _wait_for_port(child, port)
        return child, f"ws://127.0.0.1:{port}/"

    def _settings(self, port):
        """The program's own defaults with a few lines changed; all of them have to be there."""
        printed = subprocess.run([self.binary, "-p"], capture_output=True, text=True, check=True)
        text = printed.stdout
        for key, value in {
            "address": f'"127.0.0.1:{port}"',
            "tcp_backlog": 4096,
            "websocket_max_frame_size": 65536,
            "max_peer_age": KEEP_SECONDS,
            "max_connection_idle": KEEP_SECONDS,
        }.items():
            text, changed = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
            if changed != 1:
                raise Failed(f"aquatic_ws has no setting {key}")
        return text


def _ready(child):
    try:
        return child.wait_for(READY, READY_SECONDS_MAX).group(1)
    except BaseException:
        child.stop()
        raise


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for_port(child, port):
    for _ in range(READY_SECONDS_MAX * 20):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if not child.alive():
                break
            time.sleep(0.05)
    child.stop()
    raise Failed(f"nothing listens on the port it was given:\n{tail(child.log)}")


ALL = [Floor(), Hub(), Aquatic(), BittorrentTracker()]
